"""Integer arithmetic at compile time: what an op gives for known operands."""

from __future__ import annotations

import operator
from collections.abc import Callable

from ..ir.numbers import wrap_integer

# A fold takes the operands as signed numbers (i1: 0 or 1) and the operands' width in bits; None where the result is
# not defined, such as a division by zero: that is left to the device, as native libtriton's own folds leave it.
Fold = Callable[[int, int, int], "int | None"]


def unsigned(value: int, width: int) -> int:
    return value & ((1 << width) - 1)


def _truncating(divide: Callable[[int, int], int]) -> Fold:
    """Division of signed numbers as C does it; undefined for a zero divisor and for overflow."""

    def fold(a: int, b: int, width: int) -> int | None:
        a, b = (-a, -b) if width == 1 else (a, b)
        if b == 0 or (b == -1 and a == -(1 << width - 1)):
            return None
        quotient = abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))
        return divide(quotient, a - quotient * b)

    return fold


def _unsigned(compute: Callable[[int, int], int], needs_divisor: bool = False) -> Fold:
    def fold(a: int, b: int, width: int) -> int | None:
        a, b = unsigned(a, width), unsigned(b, width)
        return None if needs_divisor and b == 0 else compute(a, b)

    return fold


def _signed(compute: Callable[[int, int], int]) -> Fold:
    def fold(a: int, b: int, width: int) -> int:
        return compute(-a, -b) if width == 1 else compute(a, b)  # as a signed number, the i1 `1` is -1

    return fold


def _shift(compute: Callable[[int, int, int], int]) -> Fold:
    """A shift by the width or more is not defined."""
    return lambda a, b, width: compute(a, b, width) if 0 <= b < width else None


BINARY: dict[str, Fold] = {
    "arith.addi": lambda a, b, _: a + b,
    "arith.subi": lambda a, b, _: a - b,
    "arith.muli": lambda a, b, _: a * b,
    "arith.andi": lambda a, b, _: a & b,
    "arith.ori": lambda a, b, _: a | b,
    "arith.xori": lambda a, b, _: a ^ b,
    "arith.divsi": _truncating(lambda quotient, _: quotient),
    "arith.remsi": _truncating(lambda _, remainder: remainder),
    "arith.divui": _unsigned(operator.floordiv, needs_divisor=True),
    "arith.remui": _unsigned(operator.mod, needs_divisor=True),
    "arith.minsi": _signed(min),
    "arith.maxsi": _signed(max),
    "arith.minui": _unsigned(min),
    "arith.maxui": _unsigned(max),
    "arith.shli": _shift(lambda a, b, _: a << b),
    "arith.shrsi": _shift(lambda a, b, width: (-a if width == 1 else a) >> b),
    "arith.shrui": _shift(lambda a, b, width: unsigned(a, width) >> b),
}

# By the number of arith.cmpi's predicate.
COMPARISONS: tuple[Fold, ...] = (
    lambda a, b, _: a == b,
    lambda a, b, _: a != b,
    _signed(operator.lt),
    _signed(operator.le),
    _signed(operator.gt),
    _signed(operator.ge),
    _unsigned(operator.lt),
    _unsigned(operator.le),
    _unsigned(operator.gt),
    _unsigned(operator.ge),
)

# Of (value, width of the operand).
CASTS: dict[str, Callable[[int, int], int]] = {
    "arith.extsi": lambda a, width: -a if width == 1 else a,
    "arith.extui": unsigned,
    "arith.trunci": lambda a, _: a,
    "arith.index_cast": lambda a, _: a,
    "arith.index_castui": unsigned,
}


def fold_binary(name: str, a: int, b: int, width: int) -> int | None:
    """`a name b` wrapped to `width` bits; None where the op has no fold or no defined result."""
    fold = BINARY.get(name)
    result = fold(a, b, width) if fold is not None else None
    return None if result is None else wrap_integer(result, width)


def fold_cast(name: str, a: int, source_width: int, target_width: int) -> int | None:
    cast = CASTS.get(name)
    return None if cast is None else wrap_integer(cast(a, source_width), target_width)


def fold_comparison(predicate: int, a: int, b: int, width: int) -> int:
    return int(bool(COMPARISONS[predicate](a, b, width)))
