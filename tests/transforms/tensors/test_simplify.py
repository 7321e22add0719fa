"""Every fold, as text; random integer programs keep their values; float and volatile things stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from triton_alloy.ir.core import Block, Builder, Op, Region
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.types import I1, I8, I32, I64, FunctionType, IntegerAttribute, TensorType, element_of
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import simplify

ARGUMENTS = "%p: !tt.ptr<i32>, %x: i32, %t: tensor<4xi32>, %c: i1, %m: tensor<4xi1>, %f: f32, %w: tensor<1x4xi32>"
SETUP = """\
  %k0 = "arith.constant"() <{value = 0 : i32}> : () -> i32
  %k1 = "arith.constant"() <{value = 1 : i32}> : () -> i32
  %k7 = "arith.constant"() <{value = 7 : i32}> : () -> i32
  %km = "arith.constant"() <{value = -1 : i32}> : () -> i32
  %yes = "arith.constant"() <{value = true}> : () -> i1
  %no = "arith.constant"() <{value = false}> : () -> i1
  %all = "arith.constant"() <{value = dense<true> : tensor<4xi1>}> : () -> tensor<4xi1>
  %none = "arith.constant"() <{value = dense<false> : tensor<4xi1>}> : () -> tensor<4xi1>
  %s = "tt.splat"(%x) : (i32) -> tensor<4xi32>
"""


def simplified(body: str, used: str) -> str:
    """The text of the function; `used`, such as `%a: i32`, is what must not go."""
    names, types = zip(*(item.split(": ") for item in used.split(", ")), strict=True)
    argument_types = ", ".join(argument.split(": ")[1] for argument in ARGUMENTS.split(", "))
    module = parse(
        f'"tt.func"() <{{function_type = ({argument_types}) -> (), sym_name = "f"}}> ({{\n^bb0({ARGUMENTS}):\n{SETUP}'
        f'{body}\n  "tt.print"({", ".join(names)}) <{{prefix = ""}}> : ({", ".join(types)}) -> ()\n'
        '  "tt.return"() : () -> ()\n}) : () -> ()'
    )
    verify(module)
    simplify.run(module)
    verify(module)
    return print_ir(module)


def binary(name: str, left: str, right: str, type_: str = "i32") -> str:
    return f'  %r = "arith.{name}"({left}, {right}) : ({type_}, {type_}) -> {type_}'


@pytest.mark.parametrize(
    "body, result, type_",
    [
        (binary("addi", "%x", "%k0"), "%x", "i32"),
        (binary("addi", "%k0", "%x"), "%x", "i32"),
        (binary("subi", "%x", "%k0"), "%x", "i32"),
        (binary("muli", "%k1", "%x"), "%x", "i32"),
        (binary("muli", "%x", "%k0"), "%k0", "i32"),
        (binary("divsi", "%x", "%k1"), "%x", "i32"),
        (binary("andi", "%x", "%km"), "%x", "i32"),
        (binary("ori", "%x", "%km"), "%km", "i32"),
        (binary("shli", "%x", "%k0"), "%x", "i32"),
        (binary("andi", "%x", "%x"), "%x", "i32"),
        (binary("andi", "%c", "%yes", "i1"), "%c", "i1"),
        (binary("ori", "%c", "%no", "i1"), "%c", "i1"),
        (binary("andi", "%all", "%m", "tensor<4xi1>"), "%m", "tensor<4xi1>"),
        (binary("andi", "%m", "%none", "tensor<4xi1>"), "%none", "tensor<4xi1>"),
        ('  %r = "arith.select"(%yes, %x, %k7) : (i1, i32, i32) -> i32', "%x", "i32"),
        ('  %r = "arith.select"(%c, %x, %x) : (i1, i32, i32) -> i32', "%x", "i32"),
        ('  %r = "arith.select"(%c, %yes, %no) : (i1, i1, i1) -> i1', "%c", "i1"),
        ('  %r = "tt.reshape"(%t) : (tensor<4xi32>) -> tensor<4xi32>', "%t", "tensor<4xi32>"),
        ('  %r = "tt.trans"(%t) <{order = array<i32: 0>}> : (tensor<4xi32>) -> tensor<4xi32>', "%t", "tensor<4xi32>"),
        (
            '  %a = "tt.trans"(%w) <{order = array<i32: 1, 0>}> : (tensor<1x4xi32>) -> tensor<4x1xi32>\n'
            '  %r = "tt.trans"(%a) <{order = array<i32: 1, 0>}> : (tensor<4x1xi32>) -> tensor<1x4xi32>',
            "%w",
            "tensor<1x4xi32>",
        ),
        (
            '  %a = "arith.xori"(%c, %yes) : (i1, i1) -> i1\n  %r = "arith.xori"(%yes, %a) : (i1, i1) -> i1',
            "%c",
            "i1",
        ),
        ('  %a = "arith.negf"(%f) : (f32) -> f32\n  %r = "arith.negf"(%a) : (f32) -> f32', "%f", "f32"),
        ('  %a = "arith.extsi"(%x) : (i32) -> i64\n  %r = "arith.trunci"(%a) : (i64) -> i32', "%x", "i32"),
        ('  %r = "tt.addptr"(%p, %k0) : (!tt.ptr<i32>, i32) -> !tt.ptr<i32>', "%p", "!tt.ptr<i32>"),
        ('  %r = "tt.unsplat"(%one) : (tensor<1xi32>) -> i32', "%x", "i32"),
        (
            '  %y = "tt.splat"(%yes) : (i1) -> tensor<1xi1>\n'
            '  %b = "tt.broadcast"(%y) : (tensor<1xi1>) -> tensor<4xi1>\n' + binary("andi", "%m", "%b", "tensor<4xi1>"),
            "%m",
            "tensor<4xi1>",
        ),
    ],
)
def test_to_a_value_that_is_there(body, result, type_):
    one = '  %one = "tt.splat"(%x) : (i32) -> tensor<1xi32>\n' if "%one" in body else ""
    check(simplified(one + body, f"%r: {type_}"), f'CHECK: "tt.print"({result}) ')


@pytest.mark.parametrize(
    "body, number, type_",
    [
        (binary("addi", "%k7", "%km"), "6 : i32", "i32"),
        (binary("divsi", "%km", "%k7"), "0 : i32", "i32"),
        (binary("subi", "%x", "%x"), "0 : i32", "i32"),
        (binary("remsi", "%x", "%k1"), "0 : i32", "i32"),
        ('  %r = "arith.cmpi"(%km, %k7) <{predicate = 6 : i64}> : (i32, i32) -> i1', "false", "i1"),
        ('  %r = "arith.cmpi"(%x, %x) <{predicate = 3 : i64}> : (i32, i32) -> i1', "true", "i1"),
        ('  %r = "arith.extui"(%km) : (i32) -> i64', "4294967295 : i64", "i64"),
        ('  %r = "arith.extsi"(%yes) : (i1) -> i32', "-1 : i32", "i32"),
        ('  %r = "tt.splat"(%k7) : (i32) -> tensor<4xi32>', "dense<7> : tensor<4xi32>", "tensor<4xi32>"),
        (
            '  %a = "tt.splat"(%k7) : (i32) -> tensor<4xi32>\n'
            '  %r = "tt.expand_dims"(%a) <{axis = 0 : i32}> : (tensor<4xi32>) -> tensor<1x4xi32>',
            "dense<7> : tensor<1x4xi32>",
            "tensor<1x4xi32>",
        ),
    ],
)
def test_to_a_constant(body, number, type_):
    text = simplified(body, f"%r: {type_}")
    check(text, f'CHECK: [[r]] = "arith.constant"() <{{value = {number}}}>\nCHECK: "tt.print"([[r]])')


@pytest.mark.parametrize(
    "body",
    [
        binary("divsi", "%x", "%k0"),
        binary("divsi", "%k7", "%k0"),
        binary("shli", "%x", "%k1"),
        binary("subi", "%k0", "%x"),
        '  %z = "arith.constant"() <{value = 0.0 : f32}> : () -> f32\n  %q = "arith.addf"(%f, %z) : (f32, f32) -> f32\n'
        '  %r = "arith.fptosi"(%q) : (f32) -> i32',
        '  %r = "tt.load"(%p, %yes, %k0) <{isVolatile = true}> : (!tt.ptr<i32>, i1, i32) -> i32',
    ],
)
def test_what_must_stay(body):
    check(simplified(body, "%r: i32"), 'CHECK: %r = \nCHECK: "tt.print"(%r)')


def test_views_of_a_splat_are_splats():
    text = simplified(
        """\
  %e = "tt.expand_dims"(%s) <{axis = 1 : i32}> : (tensor<4xi32>) -> tensor<4x1xi32>
  %b = "tt.broadcast"(%e) : (tensor<4x1xi32>) -> tensor<4x8xi32>
  %h = "tt.reshape"(%b) : (tensor<4x8xi32>) -> tensor<32xi32>
""",
        "%h: tensor<32xi32>",
    )
    check(
        text, 'CHECK-NOT: tt.expand\nCHECK: [[h]] = "tt.splat"(%x) : (i32) -> tensor<32xi32>\nCHECK: "tt.print"([[h]])'
    )


def test_arithmetic_on_splats_is_scalar():
    text = simplified(
        """\
  %seven = "arith.constant"() <{value = dense<7> : tensor<4xi32>}> : () -> tensor<4xi32>
  %a = "arith.muli"(%s, %seven) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %b = "arith.cmpi"(%a, %s) <{predicate = 2 : i64}> : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  %ps = "tt.splat"(%p) : (!tt.ptr<i32>) -> tensor<4x!tt.ptr<i32>>
  %q = "tt.addptr"(%ps, %a) : (tensor<4x!tt.ptr<i32>>, tensor<4xi32>) -> tensor<4x!tt.ptr<i32>>
""",
        "%b: tensor<4xi1>, %q: tensor<4x!tt.ptr<i32>>",
    )
    check(
        text,
        r"""
        CHECK: [[a]] = "arith.muli"(%x, {{%\w+}}) : (i32, i32) -> i32
        CHECK: [[b]] = "arith.cmpi"([[a]], %x) {{.*}} -> i1
        CHECK: [[bs]] = "tt.splat"([[b]])
        CHECK: [[q]] = "tt.addptr"(%p, [[a]]) : (!tt.ptr<i32>, i32) -> !tt.ptr<i32>
        CHECK: [[qs]] = "tt.splat"([[q]])
        CHECK: "tt.print"([[bs]], [[qs]])
        """,
    )


def test_broadcasts_come_last():
    text = simplified(
        """\
  %a = "tt.broadcast"(%w) : (tensor<1x4xi32>) -> tensor<8x4xi32>
  %b = "tt.splat"(%x) : (i32) -> tensor<8x4xi32>
  %l = "arith.cmpi"(%a, %b) <{predicate = 2 : i64}> : (tensor<8x4xi32>, tensor<8x4xi32>) -> tensor<8x4xi1>
""",
        "%l: tensor<8x4xi1>",
    )
    check(
        text,
        """
        CHECK: [[b]] = "tt.splat"(%x) : (i32) -> tensor<1x4xi32>
        CHECK-NEXT: [[l]] = "arith.cmpi"(%w, [[b]])
        CHECK-NEXT: [[r]] = "tt.broadcast"([[l]]) : (tensor<1x4xi1>) -> tensor<8x4xi1>
        CHECK: "tt.print"([[r]])
        """,
    )


def test_hints_are_kept():
    text = simplified(
        '  %r = "arith.addi"(%x, %k0) {tt.divisibility = dense<16> : tensor<1xi32>} : (i32, i32) -> i32', "%r: i32"
    )
    check(text, 'CHECK: %r = "arith.addi"{{.*}}tt.divisibility')


def test_memory_under_known_masks():
    text = simplified(
        """\
  %ps = "tt.splat"(%p) : (!tt.ptr<i32>) -> tensor<4x!tt.ptr<i32>>
  %a = "tt.load"(%ps, %all, %t) <{isVolatile = false, operandSegmentSizes = array<i32: 1, 1, 1>}> : \
(tensor<4x!tt.ptr<i32>>, tensor<4xi1>, tensor<4xi32>) -> tensor<4xi32>
  %b = "tt.load"(%ps, %none, %t) <{isVolatile = false, operandSegmentSizes = array<i32: 1, 1, 1>}> : \
(tensor<4x!tt.ptr<i32>>, tensor<4xi1>, tensor<4xi32>) -> tensor<4xi32>
  "tt.store"(%ps, %t, %all) : (tensor<4x!tt.ptr<i32>>, tensor<4xi32>, tensor<4xi1>) -> ()
  "tt.store"(%ps, %s, %none) : (tensor<4x!tt.ptr<i32>>, tensor<4xi32>, tensor<4xi1>) -> ()
""",
        "%a: tensor<4xi32>, %b: tensor<4xi32>",
    )
    check(
        text,
        """
        CHECK: [[a]] = "tt.load"(%ps) <{isVolatile = false, operandSegmentSizes = array<i32: 1, 0, 0>}>
        CHECK-NEXT: "tt.store"(%ps, %t) :
        CHECK-NEXT: "tt.print"([[a]], %t)
        """,
    )


def test_branches():
    text = simplified(
        """\
  %known = "scf.if"(%yes) ({
    %a = "arith.addi"(%x, %k0) : (i32, i32) -> i32
    "tt.store"(%p, %a) : (!tt.ptr<i32>, i32) -> ()
    "scf.yield"(%a) : (i32) -> ()
  }, {
    "tt.store"(%p, %k7) : (!tt.ptr<i32>, i32) -> ()
    "scf.yield"(%k7) : (i32) -> ()
  }) : (i1) -> i32
  %chosen = "scf.if"(%c) ({
    "scf.yield"(%known) : (i32) -> ()
  }, {
    "scf.yield"(%k7) : (i32) -> ()
  }) : (i1) -> i32
  "llvm.intr.assume"(%c) : (i1) -> ()
""",
        "%chosen: i32",
    )
    check(
        text,
        """
        CHECK-NOT: scf.if
        CHECK-NOT: assume
        CHECK: "tt.store"(%p, %x)
        CHECK-NEXT: [[r]] = "arith.select"(%c, %x, %k7)
        CHECK-NEXT: "tt.print"([[r]])
        """,
    )


NAMES = ["addi", "subi", "muli", "andi", "ori", "xori", "minsi", "maxsi", "minui", "maxui"]  # defined for all operands


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_random_programs_keep_their_values(data):
    """Scalars and tensors of i1, i8, i32 and i64, many of them constants, splats and views."""
    shape = (2, 4)
    block = Block()
    for type_ in (I1, I8, I32, I64, *(TensorType(shape, t) for t in (I1, I8, I32, I64))):
        block.add_argument(type_)
    builder, pool = Builder(block), list(block.arguments)
    numbers = [0, 1, -1, 2, 7, -128, 127]
    for _ in range(data.draw(st.integers(5, 25))):
        a = data.draw(st.sampled_from(pool))
        b = data.draw(st.sampled_from([v for v in pool if v.type is a.type]))
        if data.draw(st.booleans()):
            number = data.draw(st.sampled_from(numbers))
            b = builder.constant(number & 1 if element_of(a.type) is I1 else number, a.type)
        if data.draw(st.booleans()):
            a, b = b, a
        kind = data.draw(st.sampled_from(["binary", "binary", "compare", "cast", "view", "select"]))
        pool.append(_make(data, builder, kind, a, b, pool))
    builder.build("tt.return", pool[-6:])
    type_ = FunctionType([v.type for v in block.arguments], [v.type for v in pool[-6:]])
    function = Op("tt.func", attributes={"sym_name": "f", "function_type": type_}, regions=[Region([block])])
    module = Op("builtin.module", regions=[Region([Block()])])
    module.body.append(function)
    verify(module)
    text = print_ir(module)
    simplify.run(module)
    verify(module)
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    arguments = [draw.integers(0, 256, shape if isinstance(v.type, TensorType) else ()) for v in block.arguments]
    assert_same_effects(parse(text), module, "f", arguments)


def _make(data, builder: Builder, kind: str, a, b, pool):
    element = element_of(a.type)
    if kind == "binary":
        name = data.draw(st.sampled_from(NAMES))
        return builder.value(f"arith.{name}", [a, b], a.type)
    if kind == "compare":
        bits = TensorType(a.type.shape, I1) if isinstance(a.type, TensorType) else I1
        return builder.value(
            "arith.cmpi", [a, b], bits, {"predicate": IntegerAttribute(data.draw(st.integers(0, 9)), I64)}
        )
    if kind == "cast":
        target = data.draw(st.sampled_from([I1, I8, I32, I64]))
        if target is element:
            return a
        wider = target.width > element.width
        name = data.draw(st.sampled_from(["arith.extsi", "arith.extui"])) if wider else "arith.trunci"
        return builder.value(name, [a], TensorType(a.type.shape, target) if isinstance(a.type, TensorType) else target)
    if kind == "view":
        if not isinstance(a.type, TensorType):
            return builder.value("tt.splat", [a], TensorType((2, 4), element))
        flat = builder.value("tt.reshape", [a], TensorType((4, 2), element))
        return builder.value("tt.trans", [flat], a.type, {"order": (1, 0)})
    bits = [v for v in pool if v.type is (TensorType((2, 4), I1) if isinstance(a.type, TensorType) else I1)]
    return builder.value("arith.select", [data.draw(st.sampled_from(bits)), a, b], a.type)
