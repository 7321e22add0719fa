"""Atomics in register form: who updates, what is masked, where fences stand."""

import pytest

from tests.support.filecheck import check
from tests.support.lowering import lowered
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
        CHECK: [[old]] = "msl.atomic"(%x, {{.*}}, [[leader]]) <{{{.*}}has_mask = true, elected = true}>
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


WIDE = """
    %i = "arith.constant"() <{{value = {value} : i64}}> : () -> i64
    %old = "tt.atomic_rmw"(%x, %i) <{{atomic_rmw_op = {kind} : i32, sem = 1 : i32, scope = 1 : i32}}> : \
(!tt.ptr<i64>, i64) -> i64
"""
ADD, UMAX, UMIN = 4, 8, 9


def functions(*kinds: int, family: str = "apple9") -> list[str]:
    """What the 64-bit atomics of a kernel are called."""
    body = "".join(WIDE.format(value=i, kind=kind).replace("%", f"%v{i}_") for i, kind in enumerate(kinds))
    for i in range(len(kinds)):
        body = body.replace(f"%v{i}_x", "%x")
    text = lowered("%x: !tt.ptr<i64>", body, family=family)
    return [line.partition('function = "')[2].partition('"')[0] for line in text.splitlines() if "msl.atomic" in line]


def test_64_bits_take_locks_unless_metal_has_all_that_the_kernel_needs():
    assert functions(ADD) == ["uniform_locked_atomic<Add64>"]
    assert functions(UMAX, UMIN) == ["uniform_wide_umax", "uniform_wide_umin"]
    assert functions(UMAX, ADD) == ["uniform_locked_atomic<Umax64>", "uniform_locked_atomic<Add64>"]
    assert functions(UMAX, family="apple7") == ["uniform_locked_atomic<Umax64>"]
    assert functions(UMAX, family="cpu") == ["uniform_locked_atomic<Umax64>"]


def test_the_result_of_a_native_extreme_is_not_to_be_had():
    body = WIDE.format(value=1, kind=UMAX) + '"tt.store"(%x, %old) : (!tt.ptr<i64>, i64) -> ()'
    check(lowered("%x: !tt.ptr<i64>", body), 'CHECK: function = "uniform_locked_atomic<Umax64>"')


def test_a_poll_comes_after_what_the_program_stored():
    body = """
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %done = "tt.atomic_poll"(%x, %one) <{sem = 2 : i32, scope = 1 : i32}> : (!tt.ptr<i32>, i32) -> i1
    """
    check(
        lowered("%x: !tt.ptr<i32>", body, simdgroups=2),
        """
        CHECK: "msl.barrier"() <{scope = "device"}>
        CHECK: "msl.atomic"({{.*}}) <{function = "uniform_atomic_poll"
        CHECK: "msl.fence"
        CHECK: "msl.barrier"() <{scope = "device"}>
        """,
    )


@pytest.mark.parametrize("element, kind", [("i8", 4), ("i16", 4), ("f32", 6)])
def test_other_kinds_of_narrow_numbers_are_refused(element, kind):
    body = f"""
    %old = "tt.atomic_rmw"(%x, %v) <{{atomic_rmw_op = {kind} : i32, sem = 1 : i32, scope = 1 : i32}}> : \
(!tt.ptr<{element}>, {element}) -> {element}
    """
    with pytest.raises(Unsupported, match=f"of {element} has no lowering"):
        lowered(f"%x: !tt.ptr<{element}>, %v: {element}", body)
