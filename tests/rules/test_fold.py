"""Folds of i1, i8 and i32 against numpy's arithmetic, and what has no defined result."""

import itertools

import numpy as np
import pytest

from tests.support.interpret import _BINARY, _COMPARE, _UNORDERED, _signed, _unsigned
from triton_alloy.rules.fold import BINARY, CASTS, fold_binary, fold_cast, fold_comparison

VALUES = {
    1: [0, 1],
    8: [0, 1, 2, 7, 8, 127, -1, -2, -7, -128],
    32: [0, 1, 3, 31, 2**31 - 1, -1, -3, -(2**31)],
}
DTYPES = {1: np.bool_, 8: np.int8, 32: np.int32, 64: np.int64}
MODULO_TWO = {"addi": "xori", "subi": "xori", "muli": "andi"}


def is_defined(name: str, a: int, b: int, width: int) -> bool:
    if name.startswith("sh"):
        return 0 <= b < width
    if name in ("divsi", "remsi") and width > 1 and b == -1:
        return a != -(1 << width - 1)
    return b != 0 if name.startswith(("div", "rem")) else True


@pytest.mark.parametrize("name", [name.removeprefix("arith.") for name in BINARY])
@pytest.mark.parametrize("width", VALUES)
def test_binary(name, width):
    if width == 1 and name in ("divsi", "remsi", "divui", "remui", "shli", "shrsi", "shrui"):
        pytest.skip("numpy has no such arithmetic of bool")
    for a, b in itertools.product(VALUES[width], repeat=2):
        found = fold_binary(f"arith.{name}", a, b, width)
        if not is_defined(name, a, b, width):
            assert found is None
            continue
        operands = [np.array(x).astype(DTYPES[width]) for x in (a, b)]
        with np.errstate(over="ignore"):
            expected = _BINARY[MODULO_TWO.get(name, name) if width == 1 else name](*operands)
        assert found == int(np.asarray(expected).astype(DTYPES[width])), (a, b)


@pytest.mark.parametrize("width", VALUES)
def test_comparisons(width):
    for a, b in itertools.product(VALUES[width], repeat=2):
        left, right = (np.array(x).astype(DTYPES[width]) for x in (a, b))
        expected = [compare(_signed(left), _signed(right)) for compare in _COMPARE]
        expected += [compare(_unsigned(left), _unsigned(right)) for compare in _UNORDERED]
        assert [fold_comparison(p, a, b, width) for p in range(10)] == [int(e) for e in expected]


def test_casts():
    assert fold_cast("arith.extsi", 1, 1, 32) == -1
    assert fold_cast("arith.extui", 1, 1, 32) == 1
    assert fold_cast("arith.extui", -1, 8, 32) == 255
    assert fold_cast("arith.extsi", -1, 8, 32) == -1
    assert fold_cast("arith.trunci", 0x1FF, 32, 8) == -1
    assert fold_cast("arith.trunci", 2, 8, 1) == 0
    assert set(CASTS) >= {"arith.extsi", "arith.extui", "arith.trunci"}


def test_division_truncates():
    assert fold_binary("arith.divsi", -7, 2, 32) == -3
    assert fold_binary("arith.remsi", -7, 2, 32) == -1
    assert fold_binary("arith.divui", -1, 2, 8) == 127
