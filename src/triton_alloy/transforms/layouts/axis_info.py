"""The facts of the axis analysis (axis.py), and how they combine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd

from ...ir.types import FloatType, IntegerType, PointerType, TensorType, Type, element_of

LARGEST_DIVISOR = 1 << 30  # of zero


@dataclass(frozen=True, slots=True)
class AxisInfo:
    """Facts along each dimension of a tensor; a scalar has one dimension of size 1. All numbers are powers of two.

    contiguity: each aligned group of so many elements counts up by one (pointers: by one element).
    divisibility: the first element of each such group is a multiple of it (pointers: in bytes).
    constancy: each aligned group of so many elements has one value.
    constant: the value of all elements, if it is known. nonnegative: no element is below zero, as a signed number.
    """

    contiguity: tuple[int, ...]
    divisibility: tuple[int, ...]
    constancy: tuple[int, ...]
    constant: int | None = None
    nonnegative: bool = False

    @property
    def rank(self) -> int:
        return len(self.contiguity)

    def map(self, change: Callable[..., tuple[int, ...]], *others: AxisInfo) -> AxisInfo:
        """With what `change` makes of each of the three facts, and of the same fact of `others`."""
        names = ("contiguity", "divisibility", "constancy")
        return replace(self, **{name: change(*(getattr(info, name) for info in (self, *others))) for name in names})


def shape_of(type_: Type) -> tuple[int, ...]:
    return type_.shape if isinstance(type_, TensorType) and type_.shape else (1,)


def nothing_known(type_: Type) -> AxisInfo:
    ones = (1,) * len(shape_of(type_))
    return AxisInfo(ones, ones, ones)


def largest_divisor(value: int) -> int:
    """The largest power of two that divides `value`."""
    return min(value & -value, LARGEST_DIVISOR) if value else LARGEST_DIVISOR


def known(value: int, type_: Type) -> AxisInfo:
    shape = shape_of(type_)
    divisor = largest_divisor(value)
    return AxisInfo((1,) * len(shape), (divisor,) * len(shape), shape, value, value >= 0)


def bytes_of(type_: Type) -> int:
    """The size of one element in memory; 1 for what is no pointer, whose contiguity then counts in ones."""
    element = element_of(type_)
    if not isinstance(element, PointerType):
        return 1
    pointee = element.pointee
    return max(pointee.width // 8, 1) if isinstance(pointee, IntegerType | FloatType) else 8


def divisor_of_groups(info: AxisInfo, dimension: int, group: int, size: int = 1) -> int:
    """What divides the first element of every aligned group of `group` elements, not only of the contiguous groups.
    size: the step between contiguous elements (bytes, for pointers)."""
    divisor = info.divisibility[dimension]
    return divisor if group % info.contiguity[dimension] == 0 else gcd(divisor, group * size)


def divisor_of_all(info: AxisInfo, size: int = 1) -> int:
    """What divides every element."""
    return max(divisor_of_groups(info, d, 1, size) for d in range(info.rank))


def join(a: AxisInfo, b: AxisInfo, type_: Type) -> AxisInfo:
    """What holds of a value that is one or the other."""
    if a == b:
        return a
    size = bytes_of(type_)
    contiguity = each(gcd, a.contiguity, b.contiguity)
    groups = list(enumerate(contiguity))
    divisibility = [gcd(divisor_of_groups(a, d, c, size), divisor_of_groups(b, d, c, size)) for d, c in groups]
    return AxisInfo(
        contiguity,
        tuple(divisibility),
        each(gcd, a.constancy, b.constancy),
        a.constant if a.constant == b.constant else None,
        a.nonnegative and b.nonnegative,
    )


def each(combine: Callable[..., int], *facts: Sequence[int]) -> tuple[int, ...]:
    return tuple([combine(*values) for values in zip(*facts, strict=True)])
