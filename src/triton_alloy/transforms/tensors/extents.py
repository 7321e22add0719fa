"""Between which numbers the elements of an integer tensor lie: sums of scalars and constants, nothing rounded.

    rows = block * 64 + tl.arange(0, 64)       least: block * 64    greatest: block * 64 + 63
    rows < M                                   true everywhere where block * 64 + 63 < M

The sums are those of whole numbers. An i32 of the tensor is its number where that is no less than the least i32 and no
more than the greatest: what does not follow from the form of the sum is a condition too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ...dialects.arith import EQ, NE, SGE, SGT, SLE, SLT, UGE, ULE, ULT
from ...ir.core import Builder, Op, Value, constant_of
from ...ir.types import I1, I64, DenseAttribute, IntegerAttribute, IntegerType, Type, element_of

_OPPOSITE = {SLT: SGE, SLE: SGT, SGT: SLE, SGE: SLT}


@dataclass(frozen=True)
class Sum:
    """`constant + sum of factor * scalar`, over the whole numbers."""

    constant: int = 0
    factors: dict[Value, int] = field(default_factory=dict)

    def __add__(self, other: Sum) -> Sum:
        factors = dict(self.factors)
        for value, factor in other.factors.items():
            factors[value] = factors.get(value, 0) + factor
        return Sum(self.constant + other.constant, {value: factor for value, factor in factors.items() if factor})

    def __mul__(self, number: int) -> Sum:
        return Sum(self.constant * number, {value: factor * number for value, factor in self.factors.items()})

    def __sub__(self, other: Sum) -> Sum:
        return self + other * -1

    @property
    def fits(self) -> bool:
        """Whether an i64 holds it, whatever i32 its scalars are, and twice as much."""
        return abs(self.constant) + (sum(map(abs, self.factors.values())) << 31) < 1 << 62


@dataclass(frozen=True)
class Extent:
    """The least and the greatest element; both are right where all sums of `negative` are."""

    least: Sum
    greatest: Sum
    negative: tuple[Sum, ...] = ()

    def __add__(self, other: Extent) -> Extent:
        return Extent(self.least + other.least, self.greatest + other.greatest, self.negative + other.negative)

    def __mul__(self, number: int) -> Extent:
        low, high = (self.least, self.greatest) if number >= 0 else (self.greatest, self.least)
        return Extent(low * number, high * number, self.negative)


@dataclass(frozen=True)
class Extents:
    """is_scalar: the scalars that sums are of; others are taken apart, or bound nothing."""

    is_scalar: Callable[[Value], bool] = lambda _: True

    def of(self, value: Value) -> Extent | None:
        """Of a tensor or a scalar of integers; None where nothing simple bounds it."""
        known = constant_of(value)
        if known is not None and isinstance(element_of(value.type), IntegerType):
            return _exactly(Sum(int(known)))
        if isinstance(value.type, IntegerType) and self.is_scalar(value):
            return _exactly(Sum(0, {value: 1}))
        rule = _RULES.get(value.definer.name) if value.definer is not None else None
        return rule(self, value.definer) if rule is not None and value.definer is not None else None

    def both(self, op: Op) -> tuple[Extent, Extent] | None:
        """Of an op's two operands."""
        left, right = map(self.of, op.operands)
        return (left, right) if left is not None and right is not None else None

    def true_everywhere(self, comparison: Op) -> Condition | None:
        """Enough for an arith.cmpi of tensors to be true for every element; None where nothing simple is."""
        return self._holds(comparison, comparison.integer("predicate"))

    def false_everywhere(self, comparison: Op) -> Condition | None:
        """Enough for it to be false for every element."""
        opposite = _OPPOSITE.get(comparison.integer("predicate"))
        return self._holds(comparison, opposite) if opposite is not None else None

    def _holds(self, comparison: Op, predicate: int) -> Condition | None:
        both = self.both(comparison) if predicate not in (EQ, NE) else None
        if both is None:
            return None
        low, high = both if predicate in (SLT, SLE, ULT, ULE) else (both[1], both[0])
        slack = Sum(-1 if predicate in (SLE, SGE, ULE, UGE) else 0)
        type_ = element_of(comparison.operands[0].type)
        # Of numbers >= 0 both orders are one.
        least = _no_less(low.least, type_) if predicate in _OPPOSITE else (low.least * -1 + Sum(-1),)
        ordered = low.greatest - high.least + slack
        return Condition((ordered, *least, *_no_more(high.greatest, type_), *low.negative, *high.negative))


def _exactly(sum_: Sum) -> Extent:
    return Extent(sum_, sum_)


def _constant(extents: Extents, op: Op) -> Extent | None:
    attribute = op.attributes["value"]
    if not isinstance(attribute, DenseAttribute) or not isinstance(op.result.type.element, IntegerType):
        return None
    values = [int(value) for value in attribute.values]
    return Extent(Sum(min(values)), Sum(max(values)))


def _range(extents: Extents, op: Op) -> Extent:
    return Extent(Sum(op.integer("start")), Sum(op.integer("end") - 1))


def _same(extents: Extents, op: Op) -> Extent | None:
    return extents.of(op.operands[0])


def _extended(extents: Extents, op: Op) -> Extent | None:
    extent = extents.of(op.operands[0])
    if extent is None:
        return None
    type_ = element_of(op.operands[0].type)
    needed = (*_no_less(extent.least, type_), *_no_more(extent.greatest, type_))
    return Extent(extent.least, extent.greatest, extent.negative + needed)


def _sum(extents: Extents, op: Op) -> Extent | None:
    both = extents.both(op)
    return both[0] + both[1] if both else None


def _difference(extents: Extents, op: Op) -> Extent | None:
    both = extents.both(op)
    return both[0] + both[1] * -1 if both else None


def _product(extents: Extents, op: Op) -> Extent | None:
    number = constant_of(op.operands[1])
    extent = extents.of(op.operands[0]) if number is not None else None
    return extent * int(number or 0) if extent is not None else None


_VIEWS = ("tt.splat", "tt.expand_dims", "tt.broadcast", "tt.reshape", "tt.trans")
_RULES: dict[str, Callable[[Extents, Op], Extent | None]] = {
    "arith.constant": _constant,
    "tt.make_range": _range,
    "arith.addi": _sum,
    "arith.subi": _difference,
    "arith.muli": _product,
    "arith.extsi": _extended,
    **dict.fromkeys(_VIEWS, _same),
}


@dataclass(frozen=True)
class Condition:
    """That all sums of `negative` are."""

    negative: tuple[Sum, ...]

    @property
    def known(self) -> bool | None:
        """Whether it holds, if that depends on nothing."""
        left = [sum_ for sum_ in self.negative if not _is_always_negative(sum_)]
        return None if any(sum_.factors for sum_ in left) else not left


def unique_sums(conditions: Iterable[Condition]) -> list[Sum]:
    """What must be negative for all to hold, each once, but for what is so anyway."""
    seen: list[Sum] = []
    for sum_ in (each for condition in conditions for each in condition.negative):
        if sum_ not in seen and not _is_always_negative(sum_):
            seen.append(sum_)
    return seen


def _is_always_negative(sum_: Sum) -> bool:
    """Whether it is, whatever its scalar is."""
    if not sum_.factors:
        return sum_.constant < 0
    [*scalars] = sum_.factors
    return _is_scalar(sum_, scalars[0].type) and sum_.constant < 1 - (1 << scalars[0].type.width - 1)


def _no_less(sum_: Sum, type_: Type) -> tuple[Sum, ...]:
    """What must be negative so that no integer of the type is greater than the sum. An i64 never wraps."""
    least = -(1 << type_.width - 1)
    if (
        type_ is I64
        or (_is_scalar(sum_, type_) and sum_.constant >= 0)
        or (not sum_.factors and sum_.constant >= least)
    ):
        return ()
    return (Sum(least - 1) - sum_,)


def _no_more(sum_: Sum, type_: Type) -> tuple[Sum, ...]:
    """What must be negative so that no integer of the type is less than the sum."""
    most = (1 << type_.width - 1) - 1
    if type_ is I64 or (_is_scalar(sum_, type_) and sum_.constant <= 0) or (not sum_.factors and sum_.constant <= most):
        return ()
    return (sum_ - Sum(most + 1),)


def _is_scalar(sum_: Sum, type_: Type) -> bool:
    """Whether the sum is a scalar of the type, beside its constant."""
    return list(sum_.factors.values()) == [1] and all(value.type is type_ for value in sum_.factors)


def build(negative: Sum, builder: Builder) -> Value:
    """Whether a sum is negative, as an i1: `left < right` with what is subtracted on the right; in i64 where anything
    is computed, so that nothing wraps."""
    left = {value: factor for value, factor in negative.factors.items() if factor > 0}
    right = {value: -factor for value, factor in negative.factors.items() if factor < 0}
    sides = (Sum(max(negative.constant, 0), left), Sum(max(-negative.constant, 0), right))
    types = {value.type for value in negative.factors}
    type_ = types.pop() if len(types) == 1 and all(map(_is_plain, sides)) else I64
    operands = [build_sum(side, builder, type_) for side in sides]
    return builder.value("arith.cmpi", operands, I1, {"predicate": IntegerAttribute(SLT, I64)})


def _is_plain(side: Sum) -> bool:
    """Whether nothing is to be computed: one scalar, or a constant that every type holds."""
    return (not side.constant and list(side.factors.values()) == [1]) or (not side.factors and side.constant < 128)


def build_sum(sum_: Sum, builder: Builder, type_: Type = I64) -> Value:
    """The number, as an i64 unless its type is known to hold it."""
    total = builder.constant(sum_.constant, type_) if sum_.constant or not sum_.factors else None
    for value, factor in sum_.factors.items():
        term = value if value.type is type_ else builder.value("arith.extsi", [value], type_)
        if factor != 1:
            term = builder.value("arith.muli", [term, builder.constant(factor, type_)], type_)
        total = term if total is None else builder.value("arith.addi", [term, total], type_)
    assert total is not None
    return total
