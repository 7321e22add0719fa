"""Integer arithmetic: constants, neutral operands, sums of constants, comparisons, casts."""

from __future__ import annotations

from ..dialects.arith import EQ, INTEGER_NEUTRAL, NE, SGE, SGT, SLE, SLT, UGE, UGT, ULE, ULT
from ..ir.core import Builder, Op, Value
from ..ir.numbers import wrap_integer
from ..ir.types import I1, IntegerAttribute, element_of
from .driver import Rules
from .fold import BINARY, CASTS, fold_binary, fold_cast, fold_comparison
from .values import integer, made_by, width_of, wrapping

RULES = Rules()


# ---------------------------------------------------------------------------------------------------------- constants
@RULES.value(*BINARY)
def fold_known(op: Op, builder: Builder) -> Value | None:
    right = integer(op.operands[1])
    left = integer(op.operands[0]) if right is not None else None
    width = width_of(op.result.type)
    if left is None or right is None or width is None:
        return None
    folded = fold_binary(op.name, left, right, width)
    return None if folded is None else builder.constant(folded, op.result.type)


@RULES.value(*CASTS)
def fold_known_cast(op: Op, builder: Builder) -> Value | None:
    known, source, target = integer(op.operands[0]), width_of(op.operands[0].type), width_of(op.result.type)
    if known is None or source is None or target is None:
        return None
    folded = fold_cast(op.name, known, source, target)
    return None if folded is None else builder.constant(folded, op.result.type)


@RULES.value("arith.cmpi")
def fold_known_comparison(op: Op, builder: Builder) -> Value | None:
    left, right = op.operands
    a, b, width = integer(left), integer(right), width_of(left.type)
    if left is right:
        a = b = 0
    if a is None or b is None or width is None:
        return None
    return builder.constant(fold_comparison(op.integer("predicate"), a, b, width), op.result.type)


# ---------------------------------------------------------------------------------------------------------- operands
# A constant on the right that the result then is.
_ABSORBING = {"arith.muli": 0, "arith.andi": 0, "arith.ori": -1}
_IDEMPOTENT = ("arith.andi", "arith.ori", "arith.minsi", "arith.minui", "arith.maxsi", "arith.maxui")
_SELF_INVERSE = ("arith.subi", "arith.xori")


@RULES.value(*INTEGER_NEUTRAL, "tt.addptr")
def drop_neutral(op: Op, builder: Builder) -> Value | None:
    left, right = op.operands
    known, width = integer(right), width_of(right.type)
    if known is None or width is None:
        return None
    if known == wrap_integer(INTEGER_NEUTRAL.get(op.name, 0), width):
        return left
    return right if op.name in _ABSORBING and known == wrap_integer(_ABSORBING[op.name], width) else None


@RULES.value("arith.remsi", "arith.remui")
def remainder_of_one(op: Op, builder: Builder) -> Value | None:
    return builder.constant(0, op.result.type) if integer(op.operands[1]) == 1 else None


@RULES.value(*_IDEMPOTENT)
def drop_repetition(op: Op, builder: Builder) -> Value | None:
    """x & x, and (x & y) & y."""
    left, right = op.operands
    if left is right:
        return left
    for inner, other in ((made_by(left, op.name), right), (made_by(right, op.name), left)):
        if inner is not None and other in inner.operands:
            return inner.result
    return None


@RULES.value(*_SELF_INVERSE)
def cancel(op: Op, builder: Builder) -> Value | None:
    return builder.constant(0, op.result.type) if op.operands[0] is op.operands[1] else None


@RULES.value("arith.addi")
def add_what_was_subtracted(op: Op, builder: Builder) -> Value | None:
    """(a - b) + b."""
    for difference, other in (op.operands, op.operands[::-1]):
        inner = made_by(difference, "arith.subi")
        if inner is not None and inner.operands[1] is other:
            return inner.operands[0]
    return None


@RULES.value("arith.subi")
def subtract_what_was_added(op: Op, builder: Builder) -> Value | None:
    """(a + b) - b, and a - (a - b)."""
    left, right = op.operands
    total = made_by(left, "arith.addi")
    if total is not None and right in total.operands:
        return total.operands[1 if total.operands[0] is right else 0]
    difference = made_by(right, "arith.subi")
    return difference.operands[1] if difference is not None and difference.operands[0] is left else None


# ---------------------------------------------------------------------------------------------------------- constants
# ((x inner c) outer d) and ((c inner x) outer d), with the value of the one constant that remains: c and d, in this
# order, the place of the constant, and the op.
@RULES.value("arith.addi", "arith.subi")
def add_constants(op: Op, builder: Builder) -> Value | None:
    """A sum or difference of a constant and another such: one constant is enough."""
    for side in (0, 1):
        known, inner = integer(op.operands[1 - side]), op.operands[side].definer
        if known is None or inner is None or inner.name not in ("arith.addi", "arith.subi"):
            continue
        for place in (1, 0):
            other = integer(inner.operands[place])
            if other is not None:
                return _sum_of(op, builder, (side, known), (inner, place, other))
    return None


def _sum_of(op: Op, builder: Builder, outer: tuple[int, int], found: tuple[Op, int, int]) -> Value:
    """Both ops as signs: sign * x + constant."""
    (side, known), (inner, place, other) = outer, found
    inner_sign = -1 if inner.name == "arith.subi" and place == 0 else 1
    inner_constant = -other if inner.name == "arith.subi" and place == 1 else other
    subtracts = op.name == "arith.subi"
    inside = -1 if subtracts and side == 1 else 1
    sign = inner_sign * inside
    constant = inner_constant * inside + (-known if subtracts and side == 0 else known)
    x, type_ = inner.operands[1 - place], op.result.type
    width = width_of(type_)
    assert width is not None
    number = builder.constant(wrap_integer(constant, width), type_)
    if sign < 0:
        return builder.value("arith.subi", [number, x], type_, wrapping(op))
    return builder.value("arith.addi", [x, number], type_, wrapping(op))


@RULES.value("arith.muli", "arith.andi", "arith.ori", "arith.xori")
def gather_constants(op: Op, builder: Builder) -> Value | None:
    """(x * c) * d."""
    known, inner = integer(op.operands[1]), made_by(op.operands[0], op.name)
    other = integer(inner.operands[1]) if inner is not None else None
    if known is None or other is None or inner is None:
        return None
    width = width_of(op.result.type)
    folded = fold_binary(op.name, known, other, width) if width is not None else None
    if folded is None:
        return None
    return builder.value(
        op.name, [inner.operands[0], builder.constant(folded, op.result.type)], op.result.type, wrapping(op)
    )


# ---------------------------------------------------------------------------------------------------------- booleans
_INVERSE = (NE, EQ, SGE, SGT, SLE, SLT, UGE, UGT, ULE, ULT)  # by predicate
_SWAPPED = (EQ, NE, SGT, SGE, SLT, SLE, UGT, UGE, ULT, ULE)


@RULES.value("arith.xori")
def negate_twice(op: Op, builder: Builder) -> Value | None:
    """not (not x), and not (a < b)."""
    left, right = op.operands
    if element_of(op.result.type) is not I1 or integer(right) != 1:
        return None
    inner = made_by(left, "arith.xori")
    if inner is not None and integer(inner.operands[1]) == 1:
        return inner.operands[0]
    comparison = made_by(left, "arith.cmpi")
    if comparison is None:
        return None
    return _compare(builder, comparison, _INVERSE[comparison.integer("predicate")], comparison.operands, op)


def _compare(builder: Builder, op: Op, predicate: int, operands: list[Value], result: Op) -> Value:
    attribute = IntegerAttribute(predicate, op.attributes["predicate"].type)
    return builder.value("arith.cmpi", operands, result.result.type, {"predicate": attribute})


@RULES.value("arith.xori")
def cancel_twice(op: Op, builder: Builder) -> Value | None:
    """(x ^ y) ^ y."""
    left, right = op.operands
    for pair, other in ((made_by(left, "arith.xori"), right), (made_by(right, "arith.xori"), left)):
        if pair is not None and other in pair.operands:
            return pair.operands[1 if pair.operands[0] is other else 0]
    return None


@RULES.value("arith.andi", "arith.ori")
def combine_with_negation(op: Op, builder: Builder) -> Value | None:
    """x & ~x and x | ~x."""
    width = width_of(op.result.type)
    for one, other in (op.operands, op.operands[::-1]):
        inner = made_by(other, "arith.xori")
        if width is None or inner is None or integer(inner.operands[1]) != wrap_integer(-1, width):
            continue
        if inner.operands[0] is one:
            return builder.constant(0 if op.name == "arith.andi" else wrap_integer(-1, width), op.result.type)
    return None


@RULES.value("arith.cmpi")
def compare_booleans(op: Op, builder: Builder) -> Value | None:
    """x == true and x != false are x; so is (extended x) != 0."""
    left, right = op.operands
    known, predicate = integer(right), op.integer("predicate")
    if known is None or predicate not in (EQ, NE):
        return None
    if element_of(left.type) is I1 and known == (predicate == EQ):
        return left
    extended = made_by(left, "arith.extui") or made_by(left, "arith.extsi")
    is_boolean = extended is not None and element_of(extended.operands[0].type) is I1
    if not is_boolean or extended is None:
        return None
    true = 1 if extended.name == "arith.extui" else -1
    return extended.operands[0] if (predicate, known) in ((NE, 0), (EQ, true)) else None


@RULES.value("arith.cmpi")
def compare_constant_on_the_right(op: Op, builder: Builder) -> Value | None:
    left, right = op.operands
    if integer(left) is None or integer(right) is not None:
        return None
    return _compare(builder, op, _SWAPPED[op.integer("predicate")], [right, left], op)


@RULES.value("arith.cmpi")
def compare_before_extending(op: Op, builder: Builder) -> Value | None:
    """Two numbers extended alike are equal when the numbers are."""
    left, right = (value.definer for value in op.operands)
    if op.integer("predicate") not in (EQ, NE) or left is None or right is None or left.name != right.name:
        return None
    if left.name not in ("arith.extsi", "arith.extui") or left.operands[0].type is not right.operands[0].type:
        return None
    return _compare(builder, op, op.integer("predicate"), [left.operands[0], right.operands[0]], op)


@RULES.value("arith.cmpi")
def compare_unsigned_with_zero(op: Op, builder: Builder) -> Value | None:
    """An unsigned number is never below zero, and always at least zero."""
    predicate = op.integer("predicate")
    if integer(op.operands[1]) != 0 or predicate not in (ULT, UGE):
        return None
    return builder.constant(int(predicate == UGE), op.result.type)


# ---------------------------------------------------------------------------------------------------------- casts
@RULES.value("arith.extsi", "arith.extui", "arith.trunci")
def cast_twice(op: Op, builder: Builder) -> Value | None:
    """Widened twice, narrowed twice, or narrowed after widening."""
    inner = op.operands[0].definer
    if inner is None or inner.name not in ("arith.extsi", "arith.extui", "arith.trunci"):
        return None
    source = inner.operands[0]
    if op.name == inner.name:
        return builder.value(op.name, [source], op.result.type, wrapping(op))
    if op.name == "arith.extsi" and inner.name == "arith.extui":
        return builder.value("arith.extui", [source], op.result.type)
    first, last = width_of(source.type), width_of(op.result.type)
    if op.name != "arith.trunci" or first is None or last is None:
        return None
    if first == last:
        return source
    attributes = wrapping(op) if last < first else {}
    return builder.value(inner.name if last > first else op.name, [source], op.result.type, attributes)
