"""Which functions of a reduction may take their arguments in either order."""

import pytest

from triton_alloy.ir.parser import parse
from triton_alloy.transforms.lowering.commutative import is_commutative


def decided(types: list[str], body: str, results: str) -> bool:
    """For a tt.reduce of tensors of these element types; the arguments are %a0 ... and %b0 ..."""
    count = len(types)
    tensors = ", ".join(f"tensor<8x{t}>" for t in types)
    parameters = ", ".join(f"%x{i}: tensor<8x{t}>" for i, t in enumerate(types))
    elements = ", ".join(f"%{side}{i}: {t}" for side in "ab" for i, t in enumerate(types))
    operands = ", ".join(f"%x{i}" for i in range(count))
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({tensors}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0({parameters}):\n%r:{count} = "tt.reduce"({operands}) <{{axis = 0 : i32}}> ({{\n^bb0({elements}):\n'
        f'{body}\n"tt.reduce.return"({results}) : ({", ".join(types)}) -> ()\n}}) : '
        f'({tensors}) -> ({", ".join(types)})\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    [reduce] = [op for op in module.walk() if op.name == "tt.reduce"]
    return is_commutative(reduce)


BINARY = '%r0 = "{op}"(%a0, %b0) : ({t}, {t}) -> {t}'


@pytest.mark.parametrize("op, element, expected", [("arith.addf", "f32", True), ("arith.subi", "i32", False)])
def test_single_ops(op, element, expected):
    assert decided([element], BINARY.format(op=op, t=element), "%r0") == expected


def test_first_and_last():
    assert not decided(["i32"], "", "%a0")
    assert not decided(["i32"], "", "%b0")


ARGMAX = """
%g = "arith.cmpf"(%a0, %b0) <{{predicate = 2 : i64}}> : (f32, f32) -> i1
%e = "arith.cmpf"(%a0, %b0) <{{predicate = 1 : i64}}> : (f32, f32) -> i1
%l = "arith.cmpi"(%a1, %b1) <{{predicate = {index} : i64}}> : (i32, i32) -> i1
%t = "arith.andi"(%e, %l) : (i1, i1) -> i1
%c = "arith.ori"(%g, %t) : (i1, i1) -> i1
%v = "arith.select"(%c, %a0, %b0) : (i1, f32, f32) -> f32
%i = "arith.select"(%c, {first}, {second}) : (i1, i32, i32) -> i32
"""


@pytest.mark.parametrize(
    "index, first, second, expected",
    [(2, "%a1", "%b1", True), (8, "%a1", "%b1", True), (2, "%b1", "%a1", True), (3, "%a1", "%b1", True)],
)
def test_choices_by_comparison(index, first, second, expected):
    """argmax with the smaller or larger index of equal values; with the other's index; with equal indices, too."""
    body = ARGMAX.format(index=index, first=first, second=second)
    assert decided(["f32", "i32"], body, "%v, %i") == expected


def test_a_choice_without_a_rule_for_ties():
    body = """
    %g = "arith.cmpf"(%a0, %b0) <{predicate = 2 : i64}> : (f32, f32) -> i1
    %v = "arith.select"(%g, %a0, %b0) : (i1, f32, f32) -> f32
    %i = "arith.select"(%g, %a1, %b1) : (i1, i32, i32) -> i32
    """
    assert not decided(["f32", "i32"], body, "%v, %i")


def test_an_affine_map():
    body = """
    %p = "arith.muli"(%a0, %b0) : (i32, i32) -> i32
    %m = "arith.muli"(%a1, %b0) : (i32, i32) -> i32
    %s = "arith.addi"(%m, %b1) : (i32, i32) -> i32
    """
    assert not decided(["i32", "i32"], body, "%p, %s")


def test_two_orders_of_one_operand_prove_nothing():
    body = """
    %s = "arith.cmpi"(%a0, %b0) <{predicate = 2 : i64}> : (i32, i32) -> i1
    %u = "arith.cmpi"(%a0, %b0) <{predicate = 6 : i64}> : (i32, i32) -> i1
    %c = "arith.andi"(%s, %u) : (i1, i1) -> i1
    %v = "arith.select"(%c, %a0, %b0) : (i1, i32, i32) -> i32
    """
    assert not decided(["i32"], body, "%v")
