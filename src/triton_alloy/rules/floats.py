"""Float arithmetic: only what is exact for every operand, nan and signed zeros included."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from ..dialects.arith import FLOAT, FLOAT_NEUTRAL
from ..ir.core import Builder, Op, Value
from ..ir.numbers import bits_of_float, float_from_bits, round_float, wrap_integer
from ..ir.types import Attribute, FloatType, IntegerType, element_of
from .driver import Rules
from .values import integer, made_by, number, width_of

RULES = Rules()
_EXACT_INTEGER = 2**53


def _maximum(a: float, b: float) -> float:
    if a == b:
        return a if math.copysign(1, a) > 0 else b
    return max(a, b)


def _minimum(a: float, b: float) -> float:
    return -_maximum(-a, -b)


# Computed in f64, then rounded once more: the same as rounding once for + - * / and sqrt of formats up to f32.
_BINARY: dict[str, Callable[[float, float], float]] = {
    "arith.addf": operator.add,
    "arith.subf": operator.sub,
    "arith.mulf": operator.mul,
    "arith.divf": operator.truediv,
    "arith.maximumf": _maximum,
    "arith.maxnumf": _maximum,
    "arith.minimumf": _minimum,
    "arith.minnumf": _minimum,
}
_UNARY: dict[str, Callable[[float], float]] = {
    "arith.negf": operator.neg,
    "math.absf": abs,
    "math.floor": lambda a: float(math.floor(a)),
    "math.ceil": lambda a: float(math.ceil(a)),
    "math.sqrt": math.sqrt,
}
_CASTS = ("arith.extf", "arith.truncf")
# By the number of arith.cmpf's predicate, of ordered operands.
_COMPARISONS: tuple[Callable[[float, float], bool], ...] = (
    lambda a, b: False,
    *(operator.eq, operator.gt, operator.ge, operator.lt, operator.le, operator.ne),
    lambda a, b: True,
    *(operator.eq, operator.gt, operator.ge, operator.lt, operator.le, operator.ne),
    lambda a, b: False,
    lambda a, b: True,
)


def _float(builder: Builder, value: float, op: Op) -> Value | None:
    """The constant, rounded; None for nan, whose bits an op may choose."""
    element = element_of(op.result.type)
    if not isinstance(element, FloatType) or math.isnan(value):
        return None
    return builder.constant(round_float(value, element), op.result.type)


@RULES.value(*_BINARY)
def fold_known(op: Op, builder: Builder) -> Value | None:
    right = number(op.operands[1])
    left = number(op.operands[0]) if right is not None else None
    if left is None or right is None or math.isnan(left) or math.isnan(right):
        return None
    if op.name == "arith.divf" and right == 0:
        return None
    try:
        return _float(builder, _BINARY[op.name](left, right), op)
    except OverflowError:
        return None


@RULES.value(*_UNARY)
def fold_known_unary(op: Op, builder: Builder) -> Value | None:
    known = number(op.operands[0])
    if known is None or not math.isfinite(known) or (op.name == "math.sqrt" and known < 0):
        return None
    folded = _UNARY[op.name](known)
    keeps_sign = folded == 0 and op.name not in ("arith.negf", "math.absf")
    return _float(builder, math.copysign(folded, known) if keeps_sign else folded, op)


@RULES.value("arith.cmpf")
def fold_known_comparison(op: Op, builder: Builder) -> Value | None:
    left, right, predicate = number(op.operands[0]), number(op.operands[1]), op.integer("predicate")
    if predicate in (FLOAT["false"], FLOAT["true"]):
        return builder.constant(int(predicate == FLOAT["true"]), op.result.type)
    if left is None or right is None:
        return None
    if math.isnan(left) or math.isnan(right):
        return builder.constant(int(predicate >= FLOAT["ueq"]), op.result.type)
    return builder.constant(int(_COMPARISONS[predicate](left, right)), op.result.type)


# ---------------------------------------------------------------------------------------------------------- operands
@RULES.value("arith.addf", "arith.subf", "arith.mulf", "arith.divf")
def drop_neutral(op: Op, builder: Builder) -> Value | None:
    """x + -0.0, x - 0.0, x * 1, x / 1: also for x = -0.0."""
    known = number(op.operands[1])
    if known is None:
        return None
    neutral = FLOAT_NEUTRAL[op.name]
    is_same = known == neutral and math.copysign(1, known) == math.copysign(1, neutral)
    return op.operands[0] if is_same else None


@RULES.value("arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf")
def drop_repetition(op: Op, builder: Builder) -> Value | None:
    return op.operands[0] if op.operands[0] is op.operands[1] else None


@RULES.value("arith.negf")
def negate_twice(op: Op, builder: Builder) -> Value | None:
    inner = made_by(op.operands[0], "arith.negf")
    return inner.operands[0] if inner is not None else None


@RULES.value("arith.mulf", "arith.divf")
def drop_both_signs(op: Op, builder: Builder) -> Value | None:
    """-x * -y."""
    left, right = (made_by(operand, "arith.negf") for operand in op.operands)
    if left is None or right is None:
        return None
    return builder.value(op.name, [left.operands[0], right.operands[0]], op.result.type, dict(op.attributes))


# ---------------------------------------------------------------------------------------------------------- casts
@RULES.value(*_CASTS)
def fold_known_cast(op: Op, builder: Builder) -> Value | None:
    known = number(op.operands[0])
    rounds = op.attributes.get("roundingmode")
    return None if known is None or rounds is not None else _float(builder, known, op)


@RULES.value("arith.sitofp", "arith.uitofp")
def fold_known_integer(op: Op, builder: Builder) -> Value | None:
    known, width = integer(op.operands[0]), width_of(op.operands[0].type)
    if known is None or width is None or abs(known) >= _EXACT_INTEGER:
        return None
    if op.name == "arith.uitofp":
        known &= (1 << width) - 1
    elif width == 1:
        known = -known
    return _float(builder, float(known), op) if abs(known) < _EXACT_INTEGER else None


@RULES.value("arith.sitofp", "arith.uitofp")
def convert_before_widening(op: Op, builder: Builder) -> Value | None:
    """The float of a widened integer is that of the integer."""
    inner = made_by(op.operands[0], {"arith.sitofp": "arith.extsi", "arith.uitofp": "arith.extui"}[op.name])
    return builder.value(op.name, inner.operands, op.result.type) if inner is not None else None


@RULES.value("arith.fptosi", "arith.fptoui")
def fold_known_float(op: Op, builder: Builder) -> Value | None:
    """Only where the integer exists: what an op gives for others is its own choice."""
    known, width = number(op.operands[0]), width_of(op.result.type)
    if known is None or width is None or not math.isfinite(known):
        return None
    truncated = int(known)
    low, high = (0, 1 << width) if op.name == "arith.fptoui" else (-(1 << width - 1), 1 << width - 1)
    return builder.constant(wrap_integer(truncated, width), op.result.type) if low <= truncated < high else None


@RULES.value("arith.truncf")
def narrow_what_was_widened(op: Op, builder: Builder) -> Value | None:
    """At once: what was widened is exact."""
    inner = made_by(op.operands[0], "arith.extf")
    if inner is None or op.attributes.get("roundingmode") is not None:
        return None
    source = inner.operands[0]
    if source.type is op.result.type:
        return source
    first, last = element_of(source.type), element_of(op.result.type)
    if not isinstance(first, FloatType) or not isinstance(last, FloatType) or first.width == last.width:
        return None
    name = "arith.extf" if last.width > first.width else "arith.truncf"
    return builder.value(name, [source], op.result.type, _without_rounding(op, inner, name))


def _without_rounding(op: Op, inner: Op, name: str) -> dict[str, Attribute]:
    return dict(op.attributes if name == op.name else inner.attributes)


@RULES.value("arith.truncf")
def convert_at_once(op: Op, builder: Builder) -> Value | None:
    """An integer's float in the narrower type: rounded once instead of twice."""
    inner = op.operands[0].definer
    if inner is None or inner.name not in ("arith.sitofp", "arith.uitofp"):
        return None
    if op.attributes.get("roundingmode") is not None:
        return None
    return builder.value(inner.name, inner.operands, op.result.type, dict(inner.attributes))


# ---------------------------------------------------------------------------------------------------------- bits
@RULES.value("arith.bitcast", "tt.bitcast")
def cast_bits(op: Op, builder: Builder) -> Value | None:
    """To the same type, twice, or of a constant."""
    source, type_ = op.operands[0], op.result.type
    if source.type is type_:
        return source
    inner = made_by(source, op.name)
    if inner is not None:
        return builder.value(op.name, inner.operands, type_, dict(op.attributes))
    if op.name != "arith.bitcast":
        return None
    bits = _bits(source)
    if bits is None:
        return None
    element = element_of(type_)
    if isinstance(element, FloatType):
        return builder.constant(float_from_bits(bits, element), type_)
    return builder.constant(wrap_integer(bits, element.width), type_) if isinstance(element, IntegerType) else None


def _bits(value: Value) -> int | None:
    element, known = element_of(value.type), integer(value)
    if isinstance(element, IntegerType):
        return None if known is None else known & ((1 << element.width) - 1)
    real = number(value)
    return bits_of_float(real, element) if isinstance(element, FloatType) and real is not None else None


@RULES.value("tt.fp_to_fp")
def convert_zero(op: Op, builder: Builder) -> Value | None:
    """To the same type; or of a zero, which has its sign where the type has one."""
    source, type_ = op.operands[0], op.result.type
    if source.type is type_:
        return source
    element = element_of(type_)
    if number(source) != 0 or not isinstance(element, FloatType):
        return None
    return builder.constant(round_float(number(source) or 0.0, element), type_)
