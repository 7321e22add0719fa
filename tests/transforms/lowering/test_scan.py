"""Scans in register form: what each kind of index bit costs, and in which order it is combined."""

import pytest

from tests.support.filecheck import check
from tests.support.lowering import lowered, store_range
from triton_alloy.errors import Unsupported
from triton_alloy.layout import LinearLayout, blocked
from triton_alloy.transforms.lowering.places import LANES, REGISTERS, SIMDGROUPS
from triton_alloy.transforms.lowering.scan import runs_of

SUBTRACT = """
    ^bb0(%a: i32, %b: i32):
      %c = "arith.subi"(%a, %b) : (i32, i32) -> i32
      "tt.scan.return"(%c) : (i32) -> ()
"""


def scanned(layout: str, shape: int, combiner: str = SUBTRACT, reverse: str = "false", simdgroups: int = 1) -> str:
    body = store_range(layout, shape) + (
        f'%s = "tt.scan"(%i) <{{axis = 0 : i32, reverse = {reverse}}}> ({{{combiner}}}) : '
        f"(tensor<{shape}xi32, {layout}>) -> tensor<{shape}xi32, {layout}>\n"
        f'"tt.store"(%p, %s) : (tensor<{shape}x!tt.ptr<i32>, {layout}>, tensor<{shape}xi32, {layout}>) -> ()'
    )
    return lowered("%x: !tt.ptr<i32>", body, simdgroups=simdgroups)


def test_neighbouring_registers_are_scanned_in_a_loop_before_the_lanes():
    text = scanned("@PAIR", 64)
    check(
        text,
        """
        CHECK: [[inside]] = "msl.scan_registers"({{.*}}) <{group = 2, map = array<i32: 0, 1>}>
        CHECK: "arith.subi"(%{{\\w+}}, %{{\\w+}}) : (i32, i32) -> i32
        CHECK: "msl.yield"
        CHECK: [[total]] = "msl.index"([[inside]]) <{map = array<i32: 1>}>
        CHECK: [[earlier]] = "msl.shuffle"([[total]], {{.*}}) : {{.*}} -> !msl.reg<1xi32>
        CHECK: [[both]] = "arith.subi"([[earlier]], [[total]])
        CHECK: "arith.select"({{.*}}, [[both]], [[total]])
        CHECK: [[joined]] = "arith.subi"({{.*}}, [[inside]]) : (!msl.reg<1xi32>, !msl.reg<2xi32>)
        CHECK: [[result]] = "arith.select"({{.*}}, [[joined]], [[inside]])
        CHECK: "msl.store"(%x, {{.*}}, [[result]])
        """,
    )
    assert text.count('"msl.shuffle"') == 6 and "shared" not in text


def test_lanes_before_registers_scan_uniform_totals():
    """On lane vectors consecutive lanes come first; the registers' totals are then the same in all lanes."""
    text = scanned("@LINE", 64)
    check(
        text,
        """
        CHECK: [[total]] = "msl.call"({{.*}}) <{function = "broadcast"}> : (!msl.reg<2xi32>, i32) -> !msl.uniform<2xi32>
        CHECK: "msl.scan_registers"([[total]]) <{group = 2, map = array<i32: 0, 1>}>
        CHECK: -> !msl.uniform<2xi32>
        """,
    )
    assert text.count('"msl.shuffle"') == 5


def test_a_reverse_scan_takes_registers_and_lanes_from_the_end():
    check(
        scanned("@PAIR", 64, reverse="true"),
        """
        CHECK: "msl.scan_registers"({{.*}}) <{group = 2, map = array<i32: 1, 0>}>
        """,
    )


def test_simdgroups_hand_their_totals_on_in_threadgroup_memory():
    check(
        scanned("@WIDE", 256, simdgroups=4),
        """
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<4xi32>
        CHECK: "msl.shared_store"([[buffer]]
        CHECK: [[one]] = "msl.shared_load"([[buffer]]
        CHECK: [[two]] = "msl.shared_load"([[buffer]]
        CHECK: [[sum]] = "arith.subi"([[one]], [[two]]) : (i32, i32) -> i32
        CHECK: [[three]] = "msl.shared_load"([[buffer]]
        CHECK: "arith.subi"([[sum]], [[three]])
        CHECK-NOT: msl.shared_load
        """,
    )


def test_control_flow_that_differs_between_elements_is_refused():
    loop = SUBTRACT.replace(
        '%c = "arith.subi"(%a, %b) : (i32, i32) -> i32',
        """%z = "arith.constant"() <{value = 0 : i32}> : () -> i32
        %c = "scf.for"(%z, %b, %a, %a) ({
        ^bb1(%i: i32, %v: i32):
          "scf.yield"(%v) : (i32) -> ()
        }) : (i32, i32, i32, i32) -> i32""",
    )
    with pytest.raises(Unsupported, match=r"scf\.for.*function of a tt\.scan"):
        scanned("@LINE", 64, loop)


def test_runs_of_bits():
    layout = blocked((2, 1024), (1, 0), 4, 32, 4)
    assert runs_of(layout, 1) == [
        (REGISTERS, [0, 1]),
        (LANES, [0, 1, 2, 3, 4]),
        (REGISTERS, [2, 3]),
        (SIMDGROUPS, [0]),
    ]
    assert runs_of(layout, 0) == [(SIMDGROUPS, [1])]
    assert runs_of(blocked((1, 8), (1, 0), 1, 32, 4), 1) == [(LANES, [0, 1, 2])]
    swapped = blocked((2, 2, 32), (0, 1, 2), 1, 32, 1).reshape((128,))
    assert runs_of(swapped, 0) is None, "lanes in another order than the axis"
    crossed = LinearLayout((4, 2), registers=[(1, 0), (2, 1), (0, 1)])
    assert runs_of(crossed, 0) is None, "a register along both axes"
