"""Prints and assertions in register form: who reports which element, and how a program stops."""

import pytest

from tests.support.filecheck import check
from tests.support.lowering import lowered

PRINT = '"tt.print"(%v) <{{prefix = " v: ", hex = false, isSigned = array<i32: {signed}>}}> : ({type}) -> ()'
RANGE = '%v = "tt.make_range"() <{{end = {size} : i32, start = 0 : i32}}> : () -> {type}\n'


def printed(layout: str, size: int, simdgroups: int) -> str:
    type_ = f"tensor<{size}xi32, {layout}>"
    return lowered("", RANGE.format(size=size, type=type_) + PRINT.format(signed=1, type=type_), simdgroups=simdgroups)


def test_a_tensor_is_reported_with_the_numbers_of_its_elements():
    check(
        printed("@WIDE", 256, 4),
        """
        CHECK: [[entry]] = "msl.register"
        CHECK: [[place]] = "arith.addi"({{.*}}, [[entry]])
        CHECK: "msl.print"([[place]], [[place]]) <{text = " v: ", hexadecimal = false, signed = true, element = "i32", \
shape = array<i32: 256>, operand = 0, operands = 1}> : (!msl.reg<2xi32>, !msl.reg<2xi32>) -> ()
        """,
    )


def test_lanes_that_hold_the_same_report_once():
    """4 elements, each in all lanes: lane 0 speaks."""
    check(
        printed("@ROWS", 4, 1),
        """
        CHECK: [[zero]] = "arith.cmpi"({{.*}}) <{predicate = 0}>
        CHECK: "msl.print"({{.*}}, {{.*}}, [[zero]]) <{{{.*}}shape = array<i32: 4>
        """,
    )


def test_registers_that_hold_the_same_report_once():
    twice = "#linear<{register = [[0], [32]], lane = [[1], [2], [4], [8], [16]], simdgroup = []}>"
    text = printed(twice, 64, 1)
    check(text, 'CHECK: "msl.print"({{.*}}) <{{{.*}}}> : (!msl.reg<2xi32>, !msl.reg<2xi32>) -> ()')


@pytest.mark.parametrize("simdgroups, operands", [(1, "(%v)"), (4, "(%v, {{.*}})")])
def test_a_scalar_is_reported_by_the_first_simdgroup(simdgroups, operands):
    text = lowered("%v: i64", PRINT.format(signed=0, type="i64"), simdgroups=simdgroups)
    check(text, f'CHECK: "msl.print"{operands} <{{{{{{.*}}}}signed = false, element = "i64"')


def test_what_is_known_to_hold_costs_nothing():
    constant = '%v = "arith.constant"() <{value = true}> : () -> i1\n'
    text = lowered("", constant + '"tt.assert"(%v) <{message = "m"}> : (i1) -> ()')
    assert "msl.report" not in text and "msl.stop" not in text


def test_a_failed_scalar_stops_the_program():
    text = lowered("%v: i1", '"tt.assert"(%v) <{message = "m"}> : (i1) -> ()', simdgroups=4)
    check(
        text,
        """
        CHECK: [[failed]] = "arith.xori"(%v,
        CHECK: "msl.report"([[failed]], {{.*}}) <{text = "m", shape = array<i32>}>
        CHECK-NOT: shared
        CHECK: "msl.stop"([[failed]])
        """,
    )


def test_a_failed_element_stops_all_simdgroups():
    type_ = "tensor<256xi32, @WIDE>"
    body = RANGE.format(size=256, type=type_) + (
        f'%c = "arith.cmpi"(%v, %v) <{{predicate = 0 : i64}}> : ({type_}, {type_}) -> tensor<256xi1, @WIDE>\n'
        '"tt.assert"(%c) <{message = "m"}> : (tensor<256xi1, @WIDE>) -> ()'
    )
    check(
        lowered("", body, simdgroups=4),
        """
        CHECK: "msl.report"({{.*}}) <{text = "m", shape = array<i32: 256>}> : (!msl.reg<2xi32>, !msl.reg<2xi1>) -> ()
        CHECK: [[one]] = "msl.reduce_registers"
        CHECK: [[any]] = "msl.simd_any"([[one]])
        CHECK: [[byte]] = "arith.extui"([[any]])
        CHECK: "msl.shared_store"([[buffer]], {{.*}}, [[byte]])
        CHECK: [[loaded]] = "msl.shared_load"([[buffer]],
        CHECK: [[set]] = "arith.cmpi"([[loaded]],
        CHECK: [[all]] = "msl.simd_any"([[set]])
        CHECK: "msl.stop"([[all]])
        """,
    )
