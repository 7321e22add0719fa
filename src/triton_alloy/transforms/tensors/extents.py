"""Between which numbers the elements of an integer tensor lie: sums of scalars and constants, nothing rounded.

    rows = block * 64 + tl.arange(0, 64)       least: block * 64    greatest: block * 64 + 63
    rows < M                                   true everywhere where block * 64 + 63 < M

The sums are those of whole numbers. An i32 of the tensor is its number where that is no less than the least i32 and no
more than the greatest: what does not follow from the form of the sum is a condition too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ...ir.core import Builder, Op, Value, constant_of
from ...ir.types import I1, I64, DenseAttribute, IntegerAttribute, IntegerType, TensorType, Type, element_of

EQ, NE, SLT, SLE, SGT, SGE, ULT, ULE, UGT, UGE = range(10)


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


@dataclass(frozen=True)
class Extent:
    """The least and the greatest element; both are right where all sums of `negative` are."""

    least: Sum
    greatest: Sum
    negative: tuple[Sum, ...] = ()

    def __add__(self, other: Extent) -> Extent:
        return Extent(self.least + other.least, self.greatest + other.greatest, self.negative + other.negative)

    def __mul__(self, number: int) -> Extent:
        ends = (self.least * number, self.greatest * number)
        return Extent(*(ends if number >= 0 else ends[::-1]), self.negative)


def extent_of(value: Value) -> Extent | None:
    """Of a tensor or a scalar of integers; None where nothing simple bounds it."""
    if not isinstance(value.type, TensorType):
        return _exactly(_scalar(value)) if isinstance(value.type, IntegerType) else None
    op = value.definer
    rule = _RULES.get(op.name) if op is not None else None
    return rule(op) if rule is not None and op is not None else None


def _scalar(value: Value) -> Sum:
    known = constant_of(value)
    return Sum(int(known)) if known is not None else Sum(0, {value: 1})


def _exactly(sum_: Sum) -> Extent:
    return Extent(sum_, sum_)


def _constant(op: Op) -> Extent | None:
    attribute = op.attributes["value"]
    if not isinstance(attribute, DenseAttribute) or not isinstance(op.result.type.element, IntegerType):
        return None
    values = [int(value) for value in attribute.values]
    return Extent(Sum(min(values)), Sum(max(values)))


def _range(op: Op) -> Extent:
    return Extent(Sum(op.integer("start")), Sum(op.integer("end") - 1))


def _same(op: Op) -> Extent | None:
    return extent_of(op.operands[0])


def _extended(op: Op) -> Extent | None:
    extent = extent_of(op.operands[0])
    if extent is None:
        return None
    type_ = element_of(op.operands[0].type)
    needed = (*_no_less(extent.least, type_), *_no_more(extent.greatest, type_))
    return Extent(extent.least, extent.greatest, extent.negative + needed)


def _both(op: Op) -> tuple[Extent, Extent] | None:
    left, right = map(extent_of, op.operands)
    return (left, right) if left is not None and right is not None else None


def _sum(op: Op) -> Extent | None:
    both = _both(op)
    return both[0] + both[1] if both else None


def _difference(op: Op) -> Extent | None:
    both = _both(op)
    return both[0] + both[1] * -1 if both else None


def _product(op: Op) -> Extent | None:
    number = constant_of(op.operands[1])
    extent = extent_of(op.operands[0]) if number is not None else None
    return extent * int(number or 0) if extent is not None else None


_VIEWS = ("tt.splat", "tt.expand_dims", "tt.broadcast", "tt.reshape", "tt.trans")
_RULES: dict[str, Callable[[Op], Extent | None]] = {
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
    """`left < 0`, or one of several that must hold together."""

    negative: tuple[Sum, ...]

    @property
    def scalars(self) -> set[Value]:
        """What its truth depends on."""
        return {value for sum_ in self.negative for value in sum_.factors}

    @property
    def known(self) -> bool | None:
        """Whether it holds, if that depends on nothing."""
        if self.scalars:
            return None
        return all(sum_.constant < 0 for sum_ in self.negative)

    @staticmethod
    def unique(conditions: Iterable[Condition]) -> Iterator[Condition]:
        """The parts of all, each once, but for those that hold anyway."""
        seen: list[Sum] = []
        for sum_ in (each for condition in conditions for each in condition.negative):
            if sum_ not in seen and (sum_.factors or sum_.constant >= 0):
                seen.append(sum_)
        return (Condition((sum_,)) for sum_ in seen)


def true_everywhere(comparison: Op) -> Condition | None:
    """Enough for an arith.cmpi of tensors to be true for every element; None where nothing simple is."""
    return _holds(comparison, comparison.integer("predicate"))


def false_everywhere(comparison: Op) -> Condition | None:
    """Enough for it to be false for every element."""
    opposite = {SLT: SGE, SLE: SGT, SGT: SLE, SGE: SLT}.get(comparison.integer("predicate"))
    return _holds(comparison, opposite) if opposite is not None else None


def _holds(comparison: Op, predicate: int) -> Condition | None:
    both = _both(comparison) if predicate not in (EQ, NE) else None
    if both is None:
        return None
    low, high = both if predicate in (SLT, SLE, ULT, ULE) else (both[1], both[0])
    slack = Sum(-1 if predicate in (SLE, SGE, ULE, UGE) else 0)
    type_ = element_of(comparison.operands[0].type)
    signed = predicate in (SLT, SLE, SGT, SGE)
    # Of numbers >= 0 both orders are one.
    least = _no_less(low.least, type_) if signed else (low.least * -1 + Sum(-1),)
    ordered = low.greatest - high.least + slack
    return Condition((ordered, *least, *_no_more(high.greatest, type_), *low.negative, *high.negative))


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


def build(condition: Condition, builder: Builder, leaf: Callable[[Value], Value]) -> Value:
    """The condition as an i1. leaf: a scalar of it as it is seen where the builder stands."""
    first, *others = (_build_negative(sum_, builder, leaf) for sum_ in condition.negative)
    for part in others:
        first = builder.value("arith.andi", [first, part], I1)
    return first


def _build_negative(sum_: Sum, builder: Builder, leaf: Callable[[Value], Value]) -> Value:
    """`left < right` with what is subtracted on the right. In i64 where anything is computed, so that nothing wraps."""
    left = {value: factor for value, factor in sum_.factors.items() if factor > 0}
    right = {value: -factor for value, factor in sum_.factors.items() if factor < 0}
    sides = ((max(sum_.constant, 0), left), (max(-sum_.constant, 0), right))
    types = {value.type for value in sum_.factors}
    plain = len(types) == 1 and all(_is_one(constant, factors) for constant, factors in sides)
    type_ = types.pop() if plain else I64
    operands = [_build_side(constant, factors, type_, builder, leaf) for constant, factors in sides]
    return compare(builder, SLT, *operands)


def compare(builder: Builder, predicate: int, left: Value, right: Value) -> Value:
    """An arith.cmpi of scalars."""
    return builder.value("arith.cmpi", [left, right], I1, {"predicate": IntegerAttribute(predicate, I64)})


def _is_one(constant: int, factors: dict[Value, int]) -> bool:
    """Whether nothing is to be computed: one scalar, or a constant that every type holds."""
    return (not constant and list(factors.values()) == [1]) or (not factors and constant < 128)


def _build_side(
    constant: int, factors: dict[Value, int], type_: Type, builder: Builder, leaf: Callable[[Value], Value]
) -> Value:
    total = builder.constant(constant, type_) if constant or not factors else None
    for value, factor in factors.items():
        term = leaf(value)
        if term.type is not type_:
            term = builder.value("arith.extsi", [term], type_)
        if factor != 1:
            term = builder.value("arith.muli", [term, builder.constant(factor, type_)], type_)
        total = term if total is None else builder.value("arith.addi", [term, total], type_)
    assert total is not None
    return total
