"""Tensors to registers: IR with layouts in, register form out."""

import pytest

from tests.support.filecheck import check
from tests.support.lowering import lowered, store_range
from triton_alloy.errors import Unsupported


def test_a_range_is_lane_plus_simdgroup_plus_register():
    body = store_range("@WIDE", 256) + (
        '"tt.store"(%p, %i) <{contiguous = true}> : (tensor<256x!tt.ptr<i32>, @WIDE>, tensor<256xi32, @WIDE>) -> ()'
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


TWO_ROWS = "#linear<{register = [[0, 32]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], simdgroup = [[1, 0]]}>"
ROW_OF_BOTH = "#linear<{register = [[32]], lane = [[1], [2], [4], [8], [16]], simdgroup = [[0]]}>"


def test_a_row_of_each_simdgroup_goes_to_a_slot_that_is_one_sum():
    """The lane and 64 times the simdgroup, at the start of the kernel; then the register. All is read by all."""
    body = f"""
    %o = "arith.constant"() <{{value = dense<1> : tensor<2x64xi32, {TWO_ROWS}>}}> : () -> tensor<2x64xi32, {TWO_ROWS}>
    %r = "tt.reduce"(%o) <{{axis = 0 : i32}}> ({{
    ^bb0(%a: i32, %b: i32):
      %c = "arith.addi"(%a, %b) : (i32, i32) -> i32
      "tt.reduce.return"(%c) : (i32) -> ()
    }}) : (tensor<2x64xi32, {TWO_ROWS}>) -> tensor<64xi32, {ROW_OF_BOTH}>
    {store_range(ROW_OF_BOTH, 64)}
    "tt.store"(%p, %r) : (tensor<64x!tt.ptr<i32>, {ROW_OF_BOTH}>, tensor<64xi32, {ROW_OF_BOTH}>) -> ()
    """
    check(
        lowered("%x: !tt.ptr<i32>", body, simdgroups=2),
        """
        CHECK: [[lane]] = "msl.lane"()
        CHECK: [[group]] = "msl.simdgroup"()
        CHECK: [[start]] = "arith.muli"([[group]], {{.*}}) : (i32, i32) -> i32
        CHECK: [[first]] = "arith.addi"([[lane]], [[start]])
        CHECK: [[entries]] = "msl.register"() <{bases = array<i32: 32>}>
        CHECK: [[slot]] = "arith.addi"([[first]], [[entries]])
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<128xi32>
        CHECK: "msl.shared_store"([[buffer]], [[slot]],
        CHECK: [[place]] = "arith.addi"([[lane]], [[entries]])
        CHECK: "msl.shared_load"([[buffer]], [[place]])
        CHECK: [[other]] = "arith.addi"([[place]],
        CHECK: "msl.shared_load"([[buffer]], [[other]])
        """,
    )


def copied(layout: str, attributes: str) -> str:
    """Load 64 consecutive numbers, and store them where they were, with `attributes` on both accesses."""
    pointers = f"tensor<64x!tt.ptr<i32>, {layout}>"
    return f"""{store_range(layout, 64)}
    %v = "tt.load"(%p) <{{{attributes}}}> : ({pointers}) -> tensor<64xi32, {layout}>
    "tt.store"(%p, %v) <{{{attributes}}}> : ({pointers}, tensor<64xi32, {layout}>) -> ()
    """


def test_an_access_is_done_as_its_attributes_say():
    """And only so: consecutive addresses are nothing to go by."""
    vectors = lowered("%x: !tt.ptr<i32>", copied("@PAIR", "width = 2 : i32"))
    check(
        vectors,
        """
        CHECK: [[both]] = "msl.load_vector"(%x, {{.*}}) <{width = 2}>
        CHECK: "msl.store_vector"(%x, {{.*}}, [[both]]) <{width = 2}>
        """,
    )
    rows = lowered("%x: !tt.ptr<i32>", copied("@LINE", "width = 1 : i32, contiguous = true"))
    assert rows.count("<{contiguous = true}>") == 2 and "vector" not in rows
    for layout in ("@PAIR", "@LINE"):
        text = lowered("%x: !tt.ptr<i32>", copied(layout, ""))
        assert text.count("<{contiguous = false}>") == 2 and "vector" not in text


SQUARE = "#linear<{register = [[0, 1]], lane = [[0, 2], [1, 0], [2, 0], [0, 4], [4, 0]], simdgroup = []}>"


def test_a_dot_is_done_by_the_unit_that_it_names():
    type_ = f"tensor<8x8xf32, {SQUARE}>"
    body = f"""
    %z = "arith.constant"() <{{value = dense<1.0> : {type_}}}> : () -> {type_}
    %d = "tt.dot"(%z, %z, %z) ATTRIBUTES : ({type_}, {type_}, {type_}) -> {type_}
    "tt.print"(%d) <{{prefix = "d", hex = false, isSigned = array<i32: 1>}}> : ({type_}) -> ()
    """
    on_unit = lowered("%x: !tt.ptr<i32>", body.replace("ATTRIBUTES", '<{unit = "mma_8x8"}>'))
    assert 'function = "mma_8x8"' in on_unit and "shared" not in on_unit
    alone = lowered("%x: !tt.ptr<i32>", body.replace("ATTRIBUTES", ""))
    assert "msl.mma" not in alone and "math.fma" in alone


def test_a_dot_of_wider_elements_than_its_sum_is_refused_with_its_line():
    wide, narrow = f"tensor<8x8xf32, {SQUARE}>", f"tensor<8x8xf16, {SQUARE}>"
    body = f"""
    %a = "arith.constant"() <{{value = dense<1.0> : {wide}}}> : () -> {wide}
    %c = "arith.constant"() <{{value = dense<1.0> : {narrow}}}> : () -> {narrow}
    %d = "tt.dot"(%a, %a, %c) : ({wide}, {wide}, {narrow}) -> {narrow} loc("k.py":5:1)
    """
    with pytest.raises(Unsupported, match=r"tt\.dot at k\.py:5: f32 operands with a f16 result"):
        lowered("%x: !tt.ptr<i32>", body)


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
    assert "shuffle" in text and "exchange" not in text and "shared" not in text
    text = lowered("%x: !tt.ptr<i32>", body, family="cpu")
    assert text.count("msl.exchange") == 5 and "shuffle" not in text and "shared" not in text


def test_an_op_without_a_rule_is_refused_by_name():
    with pytest.raises(Unsupported, match=r"tt\.elementwise_inline_asm.*no lowering to Metal yet"):
        lowered(
            "%x: !tt.ptr<i32>",
            '%i = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @LINE>\n'
            '%h = "tt.elementwise_inline_asm"(%i) : (tensor<64xi32, @LINE>) -> tensor<64xi32, @LINE>',
        )
