"""What is claimed of all elements is so: claims against NumPy's i32, near its limits too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import triton_alloy.dialects  # noqa: F401
from tests.support.integer_sums import near_i32, tensors
from tests.support.interpret import Interpreter
from tests.support.ttir import function
from triton_alloy.ir.core import Builder, Op
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.transforms.tensors.extents import Condition, Extents, Sum, build, unique_sums

PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
SCALARS = {"x": "i32", "y": "i32", "z": "i64"}
ARGUMENTS = ", ".join(f"%{name}: {type_}" for name, type_ in SCALARS.items())


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """A function that compares two sums."""
    (left, a, type_), (right, b, other) = draw(tensors("l", SCALARS)), draw(tensors("r", SCALARS))
    if other != type_:
        right, b = f"%r = arith.constant dense<{draw(near_i32())}> : tensor<8x{type_}>", "%r"
    predicate = draw(st.sampled_from(PREDICATES))
    body = f"{left}\n{right}\n%c = arith.cmpi {predicate}, {a}, {b} : tensor<8x{type_}>\ntt.return %c : tensor<8xi1>"
    return function(body, ARGUMENTS, "tensor<8xi1>")


def compared(text: str) -> tuple[Op, Op]:
    module = parse_pretty(text)
    [comparison] = [op for op in module.walk() if op.name == "arith.cmpi" and op.result.type.shape]
    return module, comparison


def holds(condition: Condition, scalars: dict[str, int], module: Op) -> bool:
    """Whether all sums are negative, in Python's integers."""
    [function_] = list(module.body)
    of = {argument: scalars[argument.name] for argument in function_.body.arguments}
    sums = (s.constant + sum(factor * of[v] for v, factor in s.factors.items()) for s in condition.negative)
    return all(number < 0 for number in sums)


def arguments(scalars: dict[str, int]) -> list[np.ndarray]:
    return [np.array(scalars[name], type_.replace("i", "int")) for name, type_ in SCALARS.items()]


def elements(module: Op, scalars: dict[str, int]) -> np.ndarray:
    with np.errstate(over="ignore"):
        [result] = Interpreter(module).run("f", *arguments(scalars))
    return result


VALUES = st.fixed_dictionaries({"x": near_i32(), "y": near_i32(), "z": st.integers(-(2**40), 2**40)})


@settings(max_examples=500, deadline=None)
@given(comparisons(), VALUES)
def test_what_is_enough_is_enough(text: str, scalars: dict[str, int]):
    """i64 stays within 2**61 here: a sum of i64 is taken for one of whole numbers."""
    module, comparison = compared(text)
    extents = Extents()
    for condition, answer in (
        (extents.true_everywhere(comparison), True),
        (extents.false_everywhere(comparison), False),
    ):
        if condition is None:
            continue
        assert condition.known is not True or holds(condition, scalars, module)
        if holds(condition, scalars, module):
            event(f"{answer} everywhere")
            assert (elements(module, scalars) == answer).all()


@settings(max_examples=200, deadline=None)
@given(comparisons(), VALUES)
def test_a_test_of_a_condition_is_what_it_says(text: str, scalars: dict[str, int]):
    """The sums that `unique_sums` leaves, as ops."""
    module, comparison = compared(text)
    condition = Extents().true_everywhere(comparison)
    if condition is None:
        return
    assert comparison.block is not None
    end = comparison.block.terminator
    parts = unique_sums([condition, condition])
    tests = [build(part, Builder.before_op(end)) for part in parts]
    machine = Interpreter(module)
    machine.run("f", *arguments(scalars))
    assert all(machine.values[test] for test in tests) == holds(condition, scalars, module)


def claim(left: str, predicate: str, right: str, type_: str = "i32") -> Condition | None:
    """Of `left predicate right`, with %i a range of 8 and %x splat as %xs, %y as %ys."""
    body = f"""
    %i = tt.make_range {{end = 8 : i32, start = 0 : i32}} : tensor<8xi32>
    %xs = tt.splat %x : i32 -> tensor<8xi32>
    %ys = tt.splat %y : i32 -> tensor<8xi32>
    %seven = arith.constant dense<7> : tensor<8xi32>
    %zero = arith.constant dense<0> : tensor<8xi32>
    %eight = arith.constant dense<8> : tensor<8xi32>
    %most = arith.constant dense<2147483647> : tensor<8xi32>
    %least = arith.constant dense<-2147483648> : tensor<8xi32>
    %xi = arith.addi %xs, %i : tensor<8xi32>
    %mi = arith.addi %most, %i : tensor<8xi32>
    %di = arith.subi %i, %eight : tensor<8xi32>
    %c = arith.cmpi {predicate}, {left}, {right} : tensor<8x{type_}>
    tt.return %c : tensor<8xi1>"""
    return Extents().true_everywhere(compared(function(body, ARGUMENTS, "tensor<8xi1>"))[1])


@pytest.mark.parametrize(
    ("left", "predicate", "right", "known"),
    [
        ("%i", "slt", "%eight", True),
        ("%i", "sle", "%seven", True),
        ("%i", "slt", "%seven", False),
        ("%eight", "sgt", "%i", True),
        ("%i", "sge", "%zero", True),
        ("%i", "ult", "%eight", True),
        ("%di", "slt", "%zero", True),
        ("%di", "ult", "%eight", False),  # negative, so large
        ("%zero", "ule", "%di", False),  # true, but nothing is said of large ones
        ("%mi", "sge", "%zero", False),  # wraps
        ("%xs", "sle", "%most", True),
        ("%xs", "sge", "%least", None),  # true, but not seen
        ("%xi", "sle", "%most", None),
        ("%xi", "slt", "%ys", None),
        ("%xs", "sle", "%xs", True),
        ("%xs", "ule", "%xs", None),  # of those >= 0
        ("%xs", "sle", "%xi", None),  # unless %x + 7 wraps
    ],
)
def test_what_is_known(left: str, predicate: str, right: str, known: bool | None):
    condition = claim(left, predicate, right)
    assert condition is not None and condition.known is known


@pytest.mark.parametrize(("left", "predicate"), [("%i", "eq"), ("%i", "ne")])
def test_equality_says_nothing(left: str, predicate: str):
    assert claim(left, predicate, "%eight") is None


def test_sums_forget_what_cancels():
    _, comparison = compared(
        function(
            "%t = tt.splat %x : i32 -> tensor<8xi32>\n%c = arith.cmpi slt, %t, %t : tensor<8xi32>\n"
            "tt.return %c : tensor<8xi1>",
            ARGUMENTS,
            "tensor<8xi1>",
        )
    )
    splat = comparison.operands[0].definer
    assert splat is not None
    x = splat.operands[0]
    assert (Sum(3, {x: 2}) - Sum(1, {x: 2})) == Sum(2)
    true, false = Extents().true_everywhere(comparison), Extents().false_everywhere(comparison)
    assert true is not None and true.known is False
    assert false is not None and false.known is True
