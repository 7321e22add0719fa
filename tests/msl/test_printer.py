"""The text of kernels: what it looks like, exact literals, names, and what is refused."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from tests.support.filecheck import check
from tests.support.register_form import body_of, kernel_text, only_kernel, print_text, printed, run
from triton_alloy.errors import Unsupported
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.types import F64, I1, I8, I32, I64, Location
from triton_alloy.kernel import Argument
from triton_alloy.msl.expressions import Expression, binary, name, number_of
from triton_alloy.msl.intrinsics import INTRINSICS
from triton_alloy.msl.names import Names, ascii_text, identifier
from triton_alloy.msl.types import float_literal, literal
from triton_alloy.msl_cpu.strict import check as strict_check

VECTOR_ADD = """
%pid = "msl.program_id"() <{axis = 0 : i32}> : () -> i32
%block = "arith.constant"() <{value = 256 : i32}> : () -> i32
%start = "arith.muli"(%pid, %block) : (i32, i32) -> i32
%lane = "msl.lane"() : () -> !msl.reg<1xi32>
%row = "msl.register"() <{bases = [32, 64, 128]}> : () -> !msl.uniform<8xi32>
%place = "arith.addi"(%lane, %row) : (!msl.reg<1xi32>, !msl.uniform<8xi32>) -> !msl.reg<8xi32>
%offsets = "arith.addi"(%start, %place) : (i32, !msl.reg<8xi32>) -> !msl.reg<8xi32>
%mask = "arith.cmpi"(%offsets, %n) <{predicate = 2 : i64}> : (!msl.reg<8xi32>, i32) -> !msl.reg<8xi1>
%x = "msl.load"(%x_ptr, %offsets, %mask) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<8xi32>, !msl.reg<8xi1>) \
-> !msl.reg<8xf32>
%y = "msl.load"(%y_ptr, %offsets, %mask) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<8xi32>, !msl.reg<8xi1>) \
-> !msl.reg<8xf32>
%output = "arith.addf"(%x, %y) : (!msl.reg<8xf32>, !msl.reg<8xf32>) -> !msl.reg<8xf32>
"msl.store"(%out_ptr, %offsets, %output, %mask) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<8xi32>, \
!msl.reg<8xf32>, !msl.reg<8xi1>) -> ()
"""
VECTOR_ADD_ARGUMENTS = "%x_ptr: !tt.ptr<f32>, %y_ptr: !tt.ptr<f32>, %out_ptr: !tt.ptr<f32>, %n: i32"


def test_vector_add_in_full():
    kernel = print_text(VECTOR_ADD_ARGUMENTS, VECTOR_ADD)
    assert (
        body_of(kernel)
        == """struct k_scalars {
    int n;
};
[[kernel, max_total_threads_per_threadgroup(32)]]
void k(const device float *x_ptr [[buffer(0)]], const device float *y_ptr [[buffer(1)]],
       device float *out_ptr [[buffer(2)]], constant k_scalars &scalars [[buffer(3)]],
       uint3 program_id [[threadgroup_position_in_grid]], u32 lane [[thread_index_in_simdgroup]]) {
    const int pid = int(program_id.x);
    const int start = pid * 256;
    for (int r = 0; r < 8; ++r) {
        const i32 place = i32(lane) + r * 32;
        const i32 offsets = start + place;
        const b1 mask = offsets < scalars.n;
        const f32 x = load_contiguous(x_ptr, offsets, mask);
        const f32 y = load_contiguous(y_ptr, offsets, mask);
        const f32 output = x + y;
        store_contiguous(out_ptr, offsets, output, mask);
    }
}
"""
    )
    assert kernel.arguments == (
        Argument("x_ptr", "buffer", "f32", 0, True),
        Argument("y_ptr", "buffer", "f32", 1, True),
        Argument("out_ptr", "buffer", "f32", 2, False),
        Argument("n", "scalar", "i32", 3),
    )
    strict_check(kernel.source)


def test_source_lines_are_ascii_comments_at_each_new_line():
    module = parse(kernel_text(VECTOR_ADD_ARGUMENTS, VECTOR_ADD))
    for op in module.walk():
        line = {"arith.addf": 3, "msl.load": 2}.get(op.name, 1)
        op.location = Location("/home/me/my kernel.py", line, 0, op.location.name)
    sources = {("/home/me/my kernel.py", 2): "x = load(\u03b1) \\", ("/home/me/my kernel.py", 3): "  output = x + y\t"}
    text = printed(module, sources=sources).source
    assert text.isascii()
    check(
        text,
        r"""
        CHECK: // my kernel.py:1
        CHECK-NEXT: const int pid
        CHECK: // my kernel.py:2 x = load(\u03b1) \ .
        CHECK-NEXT: const f32 x =
        CHECK-NEXT: const f32 y =
        CHECK-NEXT: // my kernel.py:3 output = x + y
        CHECK-NEXT: const f32 output
        CHECK-NEXT: // my kernel.py:1
        CHECK-NEXT: store_contiguous
        """,
    )


def test_names_that_are_words_of_metal_or_foreign():
    arguments = "%kernel: !tt.ptr<f32>, %half: !tt.ptr<f32>, %max: i32"
    body = """
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %device = "msl.load"(%kernel, %max) <{contiguous = false}> : (!tt.ptr<f32>, i32) -> f32
    %lane = "arith.addf"(%device, %device) : (f32, f32) -> f32
    "msl.store"(%half, %zero, %lane) <{contiguous = false}> : (!tt.ptr<f32>, i32, f32) -> ()
    """
    module = parse(kernel_text(arguments, body, name="threadgroup"))
    only_kernel(module).body.arguments[0].location = Location(name="\u03b1\u00e9")
    kernel = printed(module)
    strict_check(kernel.source)
    check(
        body_of(kernel),
        """
        CHECK: int max_1;
        CHECK: void threadgroup_1(const device float *u3b1e [[buffer(0)]], device float *half_1 [[buffer(1)]]
        CHECK: const float device_1 = u3b1e[scalars.max_1];
        CHECK-NEXT: const float lane_1 = device_1 + device_1;
        CHECK-NEXT: store_uniform(half_1, 0, lane_1);
        """,
    )
    assert kernel.arguments[0].name == "\u03b1\u00e9"
    x, y = np.arange(5, dtype=np.float32), np.zeros(1, np.float32)
    run(kernel, {"\u03b1\u00e9": x, "half": y, "max": 3})
    assert y[0] == 6


def test_control_flow():
    body = """
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %two = "arith.constant"() <{value = 2 : i32}> : () -> i32
    %sum = "scf.for"(%zero, %n, %two, %zero) ({
    ^bb0(%i: i32, %total: i32):
      %odd = "arith.cmpi"(%i, %one) <{predicate = 4 : i64}> : (i32, i32) -> i1
      %next = "scf.if"(%odd) ({
        %a = "arith.addi"(%total, %i) : (i32, i32) -> i32
        "scf.yield"(%a) : (i32) -> ()
      }, {
        "scf.yield"(%total) : (i32) -> ()
      }) : (i1) -> i32
      "scf.yield"(%next) : (i32) -> ()
    }) : (i32, i32, i32, i32) -> i32
    %small = "scf.while"(%sum) ({
    ^bb0(%v: i32):
      %more = "arith.cmpi"(%v, %two) <{predicate = 4 : i64}> : (i32, i32) -> i1
      "scf.condition"(%more, %v) : (i1, i32) -> ()
    }, {
    ^bb0(%w: i32):
      %less = "arith.shrsi"(%w, %one) : (i32, i32) -> i32
      "scf.yield"(%less) : (i32) -> ()
    }) : (i32) -> i32
    "msl.store"(%y, %zero, %small) <{contiguous = false}> : (!tt.ptr<i32>, i32, i32) -> ()
    """
    kernel = print_text("%y: !tt.ptr<i32>, %n: i32", body)
    check(
        body_of(kernel),
        """
        CHECK: int total = 0;
        CHECK-NEXT: for (int i = 0; i < scalars.n; i += 2) {
        CHECK-NEXT: const bool odd = i > 1;
        CHECK-NEXT: if (odd) {
        CHECK-NEXT: total = total + i;
        CHECK-NEXT: }
        CHECK-NEXT: }
        CHECK-NEXT: while (true) {
        CHECK-NEXT: const bool more = total > 2;
        CHECK-NEXT: if (!more) break;
        CHECK-NEXT: total = total >> 1;
        CHECK-NEXT: }
        CHECK-NEXT: store_uniform(y, 0, total);
        """,
    )


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, 1e-45, 2.0**-126, 3.4028234663852886e38, 1e10, 16777217.0])
def test_float_literals_are_exact(value):
    text = float_literal(value, "f32")
    bits = struct.pack("<f", value)
    if text.startswith("as_type"):
        assert int(text.split("(")[1].rstrip("u)"), 16) == struct.unpack("<I", bits)[0]
    else:
        assert text.endswith("f") and struct.pack("<f", float(text[:-1])) == bits


def test_other_literals():
    assert float_literal(math.inf, "f32") == "INFINITY"
    assert float_literal(-math.inf, "f16") == "half(-INFINITY)"
    assert float_literal(math.nan, "bf16") == "bfloat(NAN)"
    assert [literal(value, F64) for value in (-3.0, 0.5, -math.inf, -0.0)] == [
        *("float64(-3)", "float64(0.5f)", "float64(-INFINITY)", "as_float64(0x8000000000000000ul)")
    ]
    assert [literal(value, F64) for value in (0.1, 1e-40, 1e300)] == [
        *("as_float64(0x3fb999999999999aul)", "as_float64(0x37a16c262777579cul)", "as_float64(0x7e37e43c8800759cul)")
    ]
    assert literal(-5, I32) == "-5"
    assert literal(-(2**31), I32) == "int(0x80000000u)"
    assert literal(2**40, I64) == "1099511627776l"
    assert literal(-(2**63), I64) == "long(0x8000000000000000ul)"
    assert literal(-1, I8) == "char(-1)"
    assert literal(1, I1) == "true"


def test_parentheses_only_where_needed_or_unfamiliar():
    a, b, c = map(name, "abc")
    assert binary("-", binary("+", a, b), c).text == "a + b - c"
    assert binary("-", a, binary("-", b, c)).text == "a - (b - c)"
    assert binary("*", binary("+", a, b), c).text == "(a + b) * c"
    assert binary("&", binary(">>", a, b), c).text == "(a >> b) & c"
    assert binary("<", binary("+", a, b), c).text == "a + b < c"
    assert binary("-", a, Expression("-1", 13)).text == "a - -1"


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_register_numbers_are_what_the_table_says(count):
    """Every map that is linear in the bits, with a start, is found and means what it says."""
    generator = np.random.default_rng(count)
    for _ in range(50):
        bits = count.bit_length() - 1
        weights = generator.choice([0, 1, 2, 3, 4, 8, 16, 40], bits)
        start = int(generator.integers(0, 3))
        table = [start + int(sum(w for i, w in enumerate(weights) if n >> i & 1)) for n in range(count)]
        found = number_of(table, [("r", count)])
        assert found is not None
        assert [eval(found.text, {"r": n}) for n in range(count)] == table
        if count > 2:
            two = number_of(table, [("o", 2), ("j", count // 2)])
            assert two is not None
            assert [eval(two.text, {"o": n // (count // 2), "j": n % (count // 2)}) for n in range(count)] == table


def test_register_numbers_are_short():
    numbers = {
        (0, 0, 1, 1): "r >> 1",
        (0, 1, 0, 1): "r & 1",
        (0, 4, 8, 12): "r * 4",
        (1, 2, 3, 4): "r + 1",
        (0, 1, 4, 5): "(r >> 1) * 4 + (r & 1)",
        (3, 3, 3, 3): "3",
    }
    for table, text in numbers.items():
        found = number_of(table, [("r", 4)])
        assert found is not None and found.text == text
    assert number_of((0, 1, 2, 0), [("r", 4)]) is None


def test_identifiers():
    assert identifier("caf\u00e9") == "cafe"
    assert identifier("\u03b1") == "u3b1"
    assert identifier("2d") == "v2d"
    assert identifier("a__b ") == "a_b"
    assert ascii_text("a\tb\\") == "a b\\ ."
    names = Names()
    assert names.new("float") == "float_1"
    names.open()
    assert names.new("x") == "x"
    names.close()
    assert names.new("x") == "x" and names.new("x") == "x_1"


@pytest.mark.parametrize("op", ["math.cbrt", "tt.unknown", "msl.unknown"])
def test_an_op_without_a_row_is_refused(op):
    body = f"""
    %zero = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
    %v = "msl.load"(%x, %zero) <{{contiguous = false}}> : (!tt.ptr<f32>, i32) -> f32
    %w = "{op}"(%v) : (f32) -> f32
    "msl.store"(%x, %zero, %w) <{{contiguous = false}}> : (!tt.ptr<f32>, i32, f32) -> ()
    """
    module = parse(kernel_text("%x: !tt.ptr<f32>", body))
    [unknown] = [o for o in module.walk() if o.name == op]
    unknown.location = Location("kernel.py", 7)
    with pytest.raises(Unsupported, match=rf"{op} at kernel.py:7: .*Metal"):
        printed(module)


# ------------------------------------------------------------------------------------------------------- comparisons
FLOAT_ORACLE = {
    1: lambda a, b: a == b,
    2: lambda a, b: a > b,
    3: lambda a, b: a >= b,
    4: lambda a, b: a < b,
    5: lambda a, b: a <= b,
    6: lambda a, b: (a != b) & (a == a) & (b == b),
    7: lambda a, b: (a == a) & (b == b),
    8: lambda a, b: (a == b) | (a != a) | (b != b),
    9: lambda a, b: (a > b) | (a != a) | (b != b),
    10: lambda a, b: (a >= b) | (a != a) | (b != b),
    11: lambda a, b: (a < b) | (a != a) | (b != b),
    12: lambda a, b: (a <= b) | (a != a) | (b != b),
    13: lambda a, b: a != b,
    14: lambda a, b: (a != a) | (b != b),
}


@pytest.mark.parametrize("uniform", [False, True])
def test_float_comparisons(uniform):
    """All predicates on numbers and NaN, of lanes and of uniform values."""
    single, answer = ("f32", "i1") if uniform else ("!msl.reg<1xf32>", "!msl.reg<1xi1>")
    index = "i32" if uniform else "!msl.reg<1xi32>"
    number = "i32" if uniform else "!msl.reg<1xi32>"
    place = '"arith.addi"(%z, %n) : (i32, i32) -> i32' if uniform else '"msl.lane"() : () -> !msl.reg<1xi32>'
    body = f"""
    %z = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
    %i = {place}
    %a = "msl.load"(%x, %i) <{{contiguous = false}}> : (!tt.ptr<f32>, {index}) -> {single}
    %b = "msl.load"(%y, %i) <{{contiguous = false}}> : (!tt.ptr<f32>, {index}) -> {single}
    """
    for predicate in FLOAT_ORACLE:
        body += f"""
    %c{predicate} = "arith.cmpf"(%a, %b) <{{predicate = {predicate} : i64}}> : ({single}, {single}) -> {answer}
    %e{predicate} = "arith.extui"(%c{predicate}) : ({answer}) -> {number}
    %s{predicate} = "arith.constant"() <{{value = {predicate * 32} : i32}}> : () -> i32
    %o{predicate} = "arith.addi"(%i, %s{predicate}) : ({index}, i32) -> {index}
    "msl.store"(%out, %o{predicate}, %e{predicate}) <{{contiguous = false}}> : (!tt.ptr<i32>, {index}, {number}) -> ()
    """
    arguments = "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %out: !tt.ptr<i32>, %n: i32"
    kernel = print_text(arguments, body)
    strict_check(kernel.source)
    values = [0.0, -0.0, 1.0, math.nan, math.inf]
    x, y = (np.array([v for pair in [(p, q) for p in values for q in values] for v in [pair[i]]]) for i in (0, 1))
    x, y = (np.resize(side.astype(np.float32), 32) for side in (x, y))
    out = np.full(16 * 32, -1, np.int32)
    for n in range(32) if uniform else [0]:
        run(kernel, {"x": x, "y": y, "out": out, "n": n})
    for predicate, oracle in FLOAT_ORACLE.items():
        np.testing.assert_array_equal(out[predicate * 32 :][:32], oracle(x, y), str(predicate))


def test_the_table_names_only_known_dialects():
    assert all(op.split(".")[0] in ("arith", "math", "tt") for op in INTRINSICS)


def test_narrow_integers_stay_narrow():
    """C computes i8 in int; (100 + 100) / 2 must wrap before it is divided."""
    body = """
    %lane = "msl.lane"() : () -> !msl.reg<1xi32>
    %two = "arith.constant"() <{value = 2 : i8}> : () -> i8
    %a = "msl.load"(%x, %lane) <{contiguous = true}> : (!tt.ptr<i8>, !msl.reg<1xi32>) -> !msl.reg<1xi8>
    %s = "arith.addi"(%a, %a) : (!msl.reg<1xi8>, !msl.reg<1xi8>) -> !msl.reg<1xi8>
    %d = "arith.divsi"(%s, %two) : (!msl.reg<1xi8>, i8) -> !msl.reg<1xi8>
    %u = "arith.shrui"(%s, %two) : (!msl.reg<1xi8>, i8) -> !msl.reg<1xi8>
    %t = "arith.xori"(%d, %u) : (!msl.reg<1xi8>, !msl.reg<1xi8>) -> !msl.reg<1xi8>
    "msl.store"(%x, %lane, %t) <{contiguous = true}> : (!tt.ptr<i8>, !msl.reg<1xi32>, !msl.reg<1xi8>) -> ()
    """
    kernel = print_text("%x: !tt.ptr<i8>", body)
    strict_check(kernel.source)
    for mode in ("fast", "reference"):
        x = np.arange(-64, 128, 6, dtype=np.int8)
        total = x + x
        expected = np.trunc(total / 2).astype(np.int8) ^ (total.view(np.uint8) >> 2).view(np.int8)
        run(kernel, {"x": x}, mode=mode)
        np.testing.assert_array_equal(x, expected)


def test_printing_does_not_need_locations():
    assert isinstance(Op("msl.return"), Op)
    assert "// " not in body_of(print_text(VECTOR_ADD_ARGUMENTS, VECTOR_ADD))
