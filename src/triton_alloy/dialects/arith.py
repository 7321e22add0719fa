"""`arith` and `math`: elementwise arithmetic of scalars, tensors and registers."""

from __future__ import annotations

import math

from ..ir.assembly import FLOAT_PREDICATES, INTEGER_PREDICATES
from ..ir.core import Op
from ..ir.registry import OpRule, Trait, register
from ..ir.types import I1, Type, element_of
from .types import casts, compares, is_any, is_float, is_integer, same, shapes_agree

EQ, NE, SLT, SLE, SGT, SGE, ULT, ULE, UGT, UGE = range(len(INTEGER_PREDICATES))
"""The predicates of arith.cmpi."""
FLOAT = {word: number for number, word in enumerate(FLOAT_PREDICATES)}
"""Those of arith.cmpf. Ordered: "oeq" is false where an operand is NaN; unordered: "ueq" is true there."""
INTEGER_NEUTRAL = {
    **dict.fromkeys(
        ("arith.addi", "arith.subi", "arith.ori", "arith.xori", "arith.shli", "arith.shrsi", "arith.shrui"), 0
    ),
    **dict.fromkeys(("arith.muli", "arith.divsi", "arith.divui"), 1),
    "arith.andi": -1,
}
"""A right operand that leaves the left one as it is, modulo the width."""
FLOAT_NEUTRAL = {
    "arith.addf": -0.0,
    "arith.subf": 0.0,
    **dict.fromkeys(("arith.mulf", "arith.divf"), 1.0),
    **dict.fromkeys(("arith.maxnumf", "arith.minnumf"), math.nan),
    "arith.maximumf": -math.inf,
    "arith.minimumf": math.inf,
}
"""The same for floats, the sign of zero included: maxnumf and minnumf drop NaN."""
_EACH = Trait.PURE | Trait.ELEMENTWISE
_EITHER = _EACH | Trait.COMMUTATIVE


def _constant(op: Op) -> str | None:
    type_: Type | None = getattr(op.attributes["value"], "type", None)
    return None if type_ is op.results[0].type else f"a value of {type_} is no {op.results[0].type}"


def _select(op: Op) -> str | None:
    condition, yes, no = op.operands
    if element_of(condition.type) is not I1:
        return f"its condition is {condition.type}"
    if element_of(yes.type) is not element_of(no.type) or element_of(yes.type) is not element_of(op.result.type):
        return f"cannot choose between {yes.type} and {no.type}"
    values = [yes, no] if condition.type is I1 else [condition, yes, no]
    return shapes_agree(values, op.result.type) if values[0] is condition else None


def _extended(op: Op) -> str | None:
    low, high = op.results
    if any(not is_integer(v.type) for v in op.operands):
        return "it multiplies integers"
    return shapes_agree(op.operands, low.type) if low.type is high.type else "its results differ"


def combining_op(op: Op) -> Op | None:
    """The one op that the function of a reduction is, whatever the order of its two elements; None for others."""
    combining, *rest = op.body
    is_one = len(rest) == 1 and set(combining.operands) == set(op.body.arguments)
    return combining if is_one and rest[0].operands == combining.results else None


ARITH = {
    "constant": OpRule(traits=_EACH, check=_constant, attributes=("value",)),
    "addi muli andi ori xori minsi minui maxsi maxui": OpRule(2, check=same(is_integer), traits=_EITHER),
    "subi divsi divui remsi remui ceildivsi ceildivui floordivsi shli shrsi shrui": OpRule(
        2, check=same(is_integer), traits=_EACH
    ),
    # Not ELEMENTWISE: rules for those ops give one result.
    "mulsi_extended mului_extended": OpRule(2, 2, check=_extended, traits=Trait.PURE | Trait.COMMUTATIVE),
    "addf mulf minimumf maximumf minnumf maxnumf": OpRule(2, check=same(is_float), traits=_EITHER),
    "subf divf remf": OpRule(2, check=same(is_float), traits=_EACH),
    "negf": OpRule(1, check=same(is_float), traits=_EACH),
    "cmpi": OpRule(2, check=compares(is_integer), traits=_EACH, attributes=("predicate",)),
    "cmpf": OpRule(2, check=compares(is_float), traits=_EACH, attributes=("predicate",)),
    "select": OpRule(3, check=_select, traits=_EACH),
    "extsi extui trunci index_cast index_castui": OpRule(1, check=casts(is_integer, is_integer), traits=_EACH),
    "extf truncf": OpRule(1, check=casts(is_float, is_float), traits=_EACH),
    "sitofp uitofp": OpRule(1, check=casts(is_integer, is_float), traits=_EACH),
    "fptosi fptoui": OpRule(1, check=casts(is_float, is_integer), traits=_EACH),
    "bitcast": OpRule(1, check=casts(is_any, is_any), traits=_EACH),
}
MATH = {
    "absf acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 floor log log10 log1p log2 "
    "round roundeven rsqrt sin sinh sqrt tan tanh trunc": OpRule(1, check=same(is_float), traits=_EACH),
    "absi ctlz ctpop cttz": OpRule(1, check=same(is_integer), traits=_EACH),
    "atan2 copysign powf": OpRule(2, check=same(is_float), traits=_EACH),
    "fma": OpRule(3, check=same(is_float), traits=_EACH),
}
register("arith", ARITH)
register("math", MATH)
