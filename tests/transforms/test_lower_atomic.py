"""Atomics in register form: who updates, what is masked, where fences stand."""

import pytest
from test_lower import lowered

from tests.filecheck import check
from triton_alloy.errors import Unsupported

SCALAR = """
    %one = "arith.constant"() <{{value = 1 : i32}}> : () -> i32
    %old = "tt.atomic_rmw"(%x, %one) <{{atomic_rmw_op = 4 : i32, sem = {sem} : i32, scope = 1 : i32}}> : \
(!tt.ptr<i32>, i32) -> i32
    "tt.store"(%x, %old) : (!tt.ptr<i32>, i32) -> ()
"""


def test_a_scalar_is_updated_by_the_first_simdgroup_and_handed_to_all():
    check(
        lowered("%x: !tt.ptr<i32>", SCALAR.format(sem=1), simdgroups=4),
        """
        CHECK: [[leader]] = "arith.cmpi"
        CHECK-NOT: msl.fence
        CHECK: [[old]] = "msl.atomic"(%x, {{.*}}, [[leader]]) <{function = "uniform_atomic_add", has_mask = true}>
        CHECK: "msl.shared_store"([[buffer]], {{.*}}, [[old]], [[leader]])
        CHECK: "msl.shared_load"([[buffer]]
        """,
    )


def test_release_comes_before_and_acquire_after():
    check(
        lowered("%x: !tt.ptr<i32>", SCALAR.format(sem=4), simdgroups=4),
        """
        CHECK: "msl.barrier"() <{scope = "device"}>
        CHECK: "msl.fence"()
        CHECK: "msl.atomic"
        CHECK: "msl.fence"()
        CHECK: "msl.barrier"() <{scope = "device"}>
        """,
    )


def test_every_element_counts_even_where_all_are_equal():
    body = """
    %one = "arith.constant"() <{value = dense<1> : tensor<64xi32, @LINE>}> : () -> tensor<64xi32, @LINE>
    %p = "tt.splat"(%x) : (!tt.ptr<i32>) -> tensor<64x!tt.ptr<i32>, @LINE>
    %old = "tt.atomic_rmw"(%p, %one) <{atomic_rmw_op = 4 : i32, sem = 1 : i32, scope = 1 : i32}> : \
(tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> tensor<64xi32, @LINE>
    """
    check(lowered("%x: !tt.ptr<i32>", body), 'CHECK: "msl.atomic"({{.*}}) {{.*}} -> !msl.reg<2xi32>')


def test_the_whole_system_is_out_of_reach():
    with pytest.raises(Unsupported, match="within one device"):
        lowered("%x: !tt.ptr<i32>", SCALAR.format(sem=1).replace("scope = 1", "scope = 3"))
