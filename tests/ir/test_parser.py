"""The parser and the printer: each construct, errors with their place, and text that native libtriton printed."""

import math

import pytest

from triton_alloy.errors import InvalidIR
from triton_alloy.ir import types as t
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_attribute, print_ir
from triton_alloy.layout import LinearLayout

MODULE = """\
#loc = loc("k.py":1:1)
#loc1 = loc("x"(#loc))
"builtin.module"() ({
  "tt.func"() <{function_type = (!tt.ptr<f32>, i32) -> (), sym_name = "f"}> ({
  ^bb0(%x: !tt.ptr<f32> loc("x"(#loc)), %n: i32 loc("n"("k.py":2:7))):
    %0 = "arith.constant"() <{value = true}> : () -> i1 loc(#loc3)
    %y:2 = "scf.if"(%0) ({
      "scf.yield"(%n, %x) : (i32, !tt.ptr<f32>) -> () loc(unknown)
    }, {
      "scf.yield"(%n, %x) : (i32, !tt.ptr<f32>) -> ()
    }) {tt.mark = "a loc(\\22"} : (i1) -> (i32, !tt.ptr<f32>) loc(#loc2)
    "cf.cond_br"(%0, %y#0)[^bb1, ^bb2] <{operandSegmentSizes = array<i32: 1, 1, 0>}> : (i1, i32) -> () loc(#loc)
  ^bb1(%z: i32):  // pred: ^bb0
    "tt.store"(%y#1, %z) : (!tt.ptr<f32>, i32) -> ()
    "tt.return"() : () -> ()
  ^bb2:  // pred: ^bb0
    "tt.return"() : () -> ()
  }) {noinline = false} : () -> () loc(#loc)
}) : () -> () loc(#loc)
#loc2 = loc(callsite(#loc1 at #loc3))
#loc3 = loc("y"("k.py":9:4 to :8))
"""


def function_of(text: str) -> Op:
    return parse(text).body.terminator


def attribute(text: str):
    return function_of(f'"test.op"() <{{a = {text}}}> : () -> ()').attributes["a"]


def test_structure():
    function = function_of(MODULE)
    entry, then, other = function.regions[0].blocks
    assert function.attributes["function_type"] is t.FunctionType([t.PointerType(t.F32), t.I32], [])
    assert function.attributes["noinline"] is False
    constant, branch, jump = list(entry)
    assert constant.attributes["value"] == t.IntegerAttribute(1, t.I1)
    assert branch.attributes["tt.mark"] == 'a loc("'
    assert jump.successors == [then, other]
    assert jump.operands == [constant.result, branch.results[0]]
    store = then.first
    assert store is not None and store.operands == [branch.results[1], then.arguments[0]]
    assert [value.name for value in entry.arguments] == ["x", "n"]


def test_locations():
    function = function_of(MODULE)
    constant, branch, jump = list(function.regions[0].blocks[0])
    place = t.Location("k.py", 9, 4, "y")
    assert constant.location == place
    assert branch.location == t.Location("k.py", 1, 1, "x", place)
    assert jump.location == t.Location("k.py", 1, 1)


def test_nested_calls_are_one_chain():
    text = '"test.op"() : () -> () loc(callsite(callsite("a":1:1 at "b":2:2) at "v"("c":3:3)))'
    location = function_of(text).location
    chain = []
    while location is not None:
        chain.append((location.file, location.name))
        location = location.caller
    assert chain == [("a", "v"), ("b", "v"), ("c", "v")]


def test_a_location_may_be_made_of_many_others():
    names = [f'#loc{n} = loc("x"(#loc{n - 1}))' for n in range(1, 5000)]
    text = "\n".join(['#loc0 = loc("k.py":1:1)', *names, '"builtin.module"() ({', "}) : () -> () loc(#loc4999)"])
    location = parse(text).location
    assert (location.name, location.file, location.line) == ("x", "k.py", 1)


def test_fused_location_is_its_first_known_part():
    location = function_of('"test.op"() : () -> () loc(fused<"m">[unknown, "a":1:2, "v"("b":3:4)])').location
    assert location == t.Location("a", 1, 2, "v")


@pytest.mark.parametrize(
    "text, value",
    [
        ("15 : i32", t.IntegerAttribute(15, t.I32)),
        ("4294967295 : i32", t.IntegerAttribute(-1, t.I32)),
        ("1.000000e+00 : f32", t.FloatAttribute(1.0, t.F32)),
        ("0x7FC00000 : f32", t.FloatAttribute(math.nan, t.F32)),
        ("0xFF80 : bf16", t.FloatAttribute(-math.inf, t.BF16)),
        ("0.00999999977 : f32", t.FloatAttribute(0.009999999776482582, t.F32)),
        ("dense<16> : tensor<4xi32>", t.DenseAttribute((16,), t.TensorType([4], t.I32))),
        ("dense<true> : tensor<4xi1>", t.DenseAttribute((1,), t.TensorType([4], t.I1))),
        ("dense<0xFF800000> : tensor<4xf32>", t.DenseAttribute((-math.inf,), t.TensorType([4], t.F32))),
        ("dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>", t.DenseAttribute((1, 2, 3, 4), t.TensorType([2, 2], t.I64))),
        ('dense<"0x01000000FFFFFFFF"> : tensor<2xi32>', t.DenseAttribute((1, -1), t.TensorType([2], t.I32))),
        ("array<i32: 1, 0, -1>", (1, 0, -1)),
        ("array<i32>", ()),
        ('["a", 1 : i8, {b}]', ("a", t.IntegerAttribute(1, t.I8), {"b": None})),
        ("@f", t.SymbolAttribute("f")),
        ("#tt.cache_policy<a = b, c = <1>>", t.TextAttribute("#tt.cache_policy<a = b, c = <1>>")),
        ("tensor<2x!tt.ptr<f8E5M2>>", t.TensorType([2], t.PointerType(t.FloatType("f8E5M2")))),
        ('!tt.ptr<f32, "constant">', t.PointerType(t.F32, "constant")),
        ("!msl.reg<8xf32>", t.RegisterType(8, t.F32)),
        ("!msl.uniform<8xf32>", t.RegisterType(8, t.F32, uniform=True)),
        ("!msl.shared<256xf16>", t.SharedType(256, t.F16)),
        ("(i1) -> (f32, index)", t.FunctionType([t.I1], [t.F32, t.INDEX])),
        ("7", 7),
        ("2.5", 2.5),
        ("false", False),
        ("unit", None),
    ],
)
def test_attributes_read_and_print(text, value):
    found = attribute(text)
    assert found == value and type(found) is type(value)
    assert attribute(print_attribute(value)) == value


@pytest.mark.parametrize("text", ['"a\\0Ab\\22\\\\\\C3\\A9"', '"\\n"'])
def test_strings_round_trip(text):
    value = attribute(text)
    assert attribute(print_attribute(value)) == value


def test_layouts_round_trip():
    layout = LinearLayout([2, 4], [[0, 1]], [[0, 2], [1, 0]], [])
    type_ = t.TensorType([2, 4], t.F32, layout)
    assert attribute(str(type_)) is type_


def test_string_escapes():
    assert attribute('"a\\0Ab\\22\\\\\\C3\\A9"') == 'a\nb"\\é'


@pytest.mark.parametrize("locations", [False, True])
def test_round_trip(locations):
    once = print_ir(parse(MODULE), locations)
    assert print_ir(parse(once), locations) == once
    assert ("k.py" in once) == locations


def test_user_names_are_kept():
    text = print_ir(parse(MODULE), True)
    assert "^bb0(%x: !tt.ptr<f32> loc(#loc0), %n: i32 loc(#loc1)):" in text
    assert '"tt.store"(%x_0#1, %z)' in text  # the scf.if is named after its callee's variable


@pytest.mark.parametrize(
    "text, message",
    [
        ('"a.b"(%x) : (i32) -> ()', "line 1, column 7: value %x is not defined"),
        ('%0 = "a.b"() : () -> i3x', "line 1, column 22: unknown type i3x"),
        ('"a.b"() <{x = }> : () -> ()', "line 1, column 15: expected a type"),
        ('"a.b"() <{x = 1.5 : i32}> : () -> ()', "1.5 is no i32"),
        ('"a.b"() : () -> () nonsense', "line 1, column 20: unexpected text"),
        ('%0 = "a.b"() : () -> ()', "a.b has 0 results, but 1 names"),
        ('"a.b"() : () -> i32', "a.b has 1 results, but 0 names"),
        ('"a.b"() ({\n', "line 1, column 10: a region is not closed"),
        ("module {\n}", "line 1, column 1: expected an operation"),
        ('"a.b"()[^bb9] : () -> ()', "blocks outside of any op"),
        ('"a.b"() <{x = -1 : i32x}> : () -> ()', "unknown type i32x"),
        ('"a.b"() <{x = tensor<4xf32, #linear<{lane = []}>>}> : () -> ()', "a layout has the bases"),
        ('"a.b"() ({\n  "c.d"()[^bb9] : () -> ()\n}) : () -> ()', "block ^bb9 is not defined"),
        ('%0 = "a.b"() : () -> i32\n"c.d"(%0) : (f32) -> ()', "line 2, column 1: the operands of c.d"),
        ('"a.b"() : () -> () loc(#loc7)', "location #loc7 is not defined"),
        ("}", "line 1, column 1: unexpected '}'"),
        ('"a.b"() <{x = #a<(>}> : () -> ()', "unbalanced brackets"),
    ],
)
def test_malformed_text_is_refused_with_its_place(text, message):
    with pytest.raises(InvalidIR) as error:
        parse(text)
    assert message in str(error.value)


def test_names_stand_in_for_missing_locations():
    op = function_of('"tt.func"() ({\n^bb0(%a: i32, %0: i32):\n  %b:2 = "c.d"() : () -> (i32, i32)\n}) : () -> ()')
    block = op.body
    assert [value.name for value in block.arguments] == ["a", ""]
    assert block.terminator.results[1].name == "b"


def test_bare_ops_are_wrapped():
    module = parse('"tt.func"() : () -> ()\n"tt.func"() : () -> ()')
    assert module.name == "builtin.module" and len(list(module.body)) == 2
