"""Tensors to registers: IR with layouts in, register form out."""

import pytest

from tests.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.layouts.axis import AxisAnalysis
from triton_alloy.transforms.lowering import lower

# 256 elements: 2 registers, 32 lanes, 4 simdgroups.
WIDE = "#linear<{register = [[32]], lane = [[1], [2], [4], [8], [16]], simdgroup = [[64], [128]]}>"
# 64 elements on 2 registers and one simdgroup; the same with the registers next to each other.
LINE = "#linear<{register = [[32]], lane = [[1], [2], [4], [8], [16]], simdgroup = []}>"
PAIR = "#linear<{register = [[1]], lane = [[2], [4], [8], [16], [32]], simdgroup = []}>"
# 4x32: a row is a register.
TILE = "#linear<{register = [[1, 0], [2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], simdgroup = []}>"
ROWS = "#linear<{register = [[1], [2]], lane = [[0], [0], [0], [0], [0]], simdgroup = []}>"
ONE_COLUMN = "#linear<{register = [[1, 0], [2, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], simdgroup = []}>"
COLUMNS = "#linear<{register = [], lane = [[1], [2], [4], [8], [16]], simdgroup = []}>"
ONE_ROW = "#linear<{register = [], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], simdgroup = []}>"


def lowered(arguments: str, body: str, hints: str = "", family: str = "apple9", simdgroups: int = 1) -> str:
    types = ", ".join(part.split(": ")[1] for part in arguments.split(", ") if part)
    hints = hints or ", ".join("{}" for part in arguments.split(", ") if part)
    for name in ("WIDE", "LINE", "PAIR", "TILE", "ROWS", "ONE_COLUMN", "COLUMNS", "ONE_ROW"):
        body = body.replace(f"@{name}", globals()[name])
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k", '
        f"arg_attrs = [{hints}]}}> ({{\n^bb0({arguments}):\n{body}\n"
        '"tt.return"() : () -> ()\n}) : () -> ()\n}) : () -> ()\n'
    )
    function = module.body.first
    assert isinstance(function, Op)
    lower.run(module, target_for(family), simdgroups, AxisAnalysis(function), False)
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)
    verify(module)
    return print_ir(module)


def store_range(layout: str, shape: int) -> str:
    return f"""
    %i = "tt.make_range"() <{{end = {shape} : i32, start = 0 : i32}}> : () -> tensor<{shape}xi32, {layout}>
    %b = "tt.splat"(%x) : (!tt.ptr<i32>) -> tensor<{shape}x!tt.ptr<i32>, {layout}>
    %p = "tt.addptr"(%b, %i) : (tensor<{shape}x!tt.ptr<i32>, {layout}>, tensor<{shape}xi32, {layout}>) \
-> tensor<{shape}x!tt.ptr<i32>, {layout}>
    """


def test_a_range_is_lane_plus_simdgroup_plus_register():
    body = store_range("@WIDE", 256) + (
        '"tt.store"(%p, %i) : (tensor<256x!tt.ptr<i32>, @WIDE>, tensor<256xi32, @WIDE>) -> ()'
    )
    check(
        lowered("%x: !tt.ptr<i32>", body, simdgroups=4),
        """
        CHECK: [[lane]] = "msl.lane"()
        CHECK: [[group]] = "msl.simdgroup"()
        CHECK: [[start]] = "arith.muli"([[group]],
        CHECK: [[place]] = "arith.addi"([[lane]], [[start]])
        CHECK: [[entry]] = "msl.register"() <{bases = array<i32: 32>}> : () -> !msl.uniform<2xi32>
        CHECK: [[range]] = "arith.addi"([[place]], [[entry]]) : {{.*}} -> !msl.reg<2xi32>
        CHECK: [[first]] = "arith.addi"([[start]], [[entry]]) : (i32, !msl.uniform<2xi32>) -> !msl.uniform<2xi32>
        CHECK: [[offset]] = "arith.addi"([[first]], [[lane]])
        CHECK: "msl.store"(%x, [[offset]], [[range]]) <{contiguous = true}>
        """,
    )


def test_a_reduction_goes_through_registers_lanes_and_threadgroup_memory():
    body = """
    %z = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %i = "tt.make_range"() <{end = 256 : i32, start = 0 : i32}> : () -> tensor<256xi32, @WIDE>
    %r = "tt.reduce"(%i) <{axis = 0 : i32}> ({
    ^bb0(%a: i32, %b: i32):
      %c = "arith.maxsi"(%a, %b) : (i32, i32) -> i32
      "tt.reduce.return"(%c) : (i32) -> ()
    }) : (tensor<256xi32, @WIDE>) -> i32
    "tt.store"(%x, %r) : (!tt.ptr<i32>, i32) -> ()
    """
    check(
        lowered("%x: !tt.ptr<i32>", body, simdgroups=4),
        """
        CHECK: [[leader]] = "arith.cmpi"
        CHECK: [[register]] = "msl.reduce_registers"({{.*}}) <{outputs = 1, map = array<i32: 0, 1>}>
        CHECK: [[lanes]] = "msl.simd_reduce"([[register]]) <{kind = "max"}> : (!msl.reg<1xi32>) -> i32
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<4xi32>
        CHECK: "msl.shared_store"([[buffer]], {{.*}}, [[lanes]])
        CHECK: "msl.shared_load"([[buffer]]
        CHECK: "arith.maxsi"
        CHECK: "arith.maxsi"
        CHECK: [[all]] = "arith.maxsi"
        CHECK: "msl.store"(%x, {{.*}}, [[all]], [[leader]])
        """,
    )


def test_rows_broadcast_over_columns_are_kept_once():
    """The product of a column and a row of numbers has 4 registers, its operands 4 and 1."""
    body = """
    %r = "tt.make_range"() <{end = 4 : i32, start = 0 : i32}> : () -> tensor<4xi32, @ROWS>
    %c = "tt.make_range"() <{end = 32 : i32, start = 0 : i32}> : () -> tensor<32xi32, @COLUMNS>
    %re = "tt.expand_dims"(%r) <{axis = 1 : i32}> : (tensor<4xi32, @ROWS>) -> tensor<4x1xi32, @ONE_COLUMN>
    %rb = "tt.broadcast"(%re) : (tensor<4x1xi32, @ONE_COLUMN>) -> tensor<4x32xi32, @TILE>
    %ce = "tt.expand_dims"(%c) <{axis = 0 : i32}> : (tensor<32xi32, @COLUMNS>) -> tensor<1x32xi32, @ONE_ROW>
    %cb = "tt.broadcast"(%ce) : (tensor<1x32xi32, @ONE_ROW>) -> tensor<4x32xi32, @TILE>
    %v = "arith.muli"(%rb, %cb) : (tensor<4x32xi32, @TILE>, tensor<4x32xi32, @TILE>) -> tensor<4x32xi32, @TILE>
    %b = "tt.splat"(%x) : (!tt.ptr<i32>) -> tensor<4x32x!tt.ptr<i32>, @TILE>
    %p = "tt.addptr"(%b, %v) : (tensor<4x32x!tt.ptr<i32>, @TILE>, tensor<4x32xi32, @TILE>) \
-> tensor<4x32x!tt.ptr<i32>, @TILE>
    "tt.store"(%p, %v) : (tensor<4x32x!tt.ptr<i32>, @TILE>, tensor<4x32xi32, @TILE>) -> ()
    """
    check(
        lowered("%x: !tt.ptr<i32>", body),
        """
        CHECK: [[rows]] = "msl.register"() <{bases = array<i32: 1, 2>}> : () -> !msl.uniform<4xi32>
        CHECK: "arith.muli"([[rows]], {{.*}}) : (!msl.uniform<4xi32>, !msl.reg<1xi32>) -> !msl.reg<4xi32>
        """,
    )


TWO_OFFSETS = """
    %i = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @LINE>
    %s = "tt.splat"(%n) : (i32) -> tensor<64xi32, @LINE>
    %j = "arith.muli"(%i, %s) : (tensor<64xi32, @LINE>, tensor<64xi32, @LINE>) -> tensor<64xi32, @LINE>
    %b = "tt.splat"(%x) : (!tt.ptr<i32>) -> tensor<64x!tt.ptr<i32>, @LINE>
    %p = "tt.addptr"(%b, %i) : (tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> tensor<64x!tt.ptr<i32>, @LINE>
    %q = "tt.addptr"(%p, %j) : (tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> tensor<64x!tt.ptr<i32>, @LINE>
    %u = "tt.addptr"(%q, %s) : (tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> tensor<64x!tt.ptr<i32>, @LINE>
    "tt.store"(%u, %i) : (tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> ()
"""


def test_offsets_are_added_in_64_bits_unless_the_storage_is_small():
    text = lowered("%x: !tt.ptr<i32>, %n: i32", TWO_OFFSETS)
    check(
        text,
        """
        CHECK: [[sum]] = "arith.addi"({{.*}}) : (!msl.reg<2xi64>, !msl.reg<2xi64>)
        CHECK: [[base]] = "msl.pointer_add"(%x, %n)
        CHECK: "msl.store"([[base]], [[sum]]
        """,
    )
    text = lowered("%x: !tt.ptr<i32>, %n: i32", TWO_OFFSETS, hints="{tt.pointer_range = 32 : i32}, {}")
    assert "i64" not in text


def test_a_conversion_inside_a_simdgroup_shuffles():
    body = (
        """
    %i = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @LINE>
    %c = "ttg.convert_layout"(%i) : (tensor<64xi32, @LINE>) -> tensor<64xi32, @PAIR>
    """
        + store_range("@PAIR", 64).replace("%i", "%k")
        + ('"tt.store"(%p, %c) : (tensor<64x!tt.ptr<i32>, @PAIR>, tensor<64xi32, @PAIR>) -> ()')
    )
    text = lowered("%x: !tt.ptr<i32>", body)
    assert "shuffle" in text and "shared" not in text


def test_an_op_without_a_rule_is_refused_by_name():
    with pytest.raises(Unsupported, match=r"tt\.elementwise_inline_asm.*no lowering to Metal yet"):
        lowered(
            "%x: !tt.ptr<i32>",
            '%i = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @LINE>\n'
            '%h = "tt.elementwise_inline_asm"(%i) : (tensor<64xi32, @LINE>) -> tensor<64xi32, @LINE>',
        )
