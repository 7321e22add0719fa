"""arith.select: known conditions, and choices between what is alike."""

from __future__ import annotations

from ..dialects.arith import EQ, NE
from ..ir.core import Builder, Op, Value
from .driver import Rules
from .values import integer, made_by, width_of

RULES = Rules()


@RULES.value("arith.select")
def choose(op: Op, builder: Builder) -> Value | None:
    condition, yes, no = op.operands
    known = integer(condition)
    if known is not None:
        return yes if known else no
    if yes is no:
        return yes
    if condition.type is not op.result.type or integer(yes) is None:
        return None
    if integer(yes) == 1 and integer(no) == 0:
        return condition
    if integer(yes) != 0 or integer(no) != 1:
        return None
    return builder.value("arith.xori", [condition, builder.constant(1, condition.type)], condition.type)


@RULES.value("arith.select")
def choose_by_negation(op: Op, builder: Builder) -> Value | None:
    condition, yes, no = op.operands
    inner = made_by(condition, "arith.xori")
    if inner is None or integer(inner.operands[1]) != 1:
        return None
    return builder.value("arith.select", [inner.operands[0], no, yes], op.result.type, dict(op.attributes))


@RULES.value("arith.select")
def choose_twice(op: Op, builder: Builder) -> Value | None:
    """A choice by the same condition within a choice is known."""
    condition, yes, no = op.operands
    inner_yes, inner_no = made_by(yes, "arith.select"), made_by(no, "arith.select")
    if inner_yes is not None and inner_yes.operands[0] is condition:
        yes = inner_yes.operands[1]
    if inner_no is not None and inner_no.operands[0] is condition:
        no = inner_no.operands[2]
    if yes is op.operands[1] and no is op.operands[2]:
        return None
    return builder.value("arith.select", [condition, yes, no], op.result.type, dict(op.attributes))


@RULES.value("arith.select")
def choose_equal(op: Op, builder: Builder) -> Value | None:
    """a == b ? a : b."""
    comparison = made_by(op.operands[0], "arith.cmpi")
    if comparison is None or comparison.integer("predicate") not in (EQ, NE):
        return None
    if set(comparison.operands) != set(op.operands[1:]):
        return None
    return op.operands[2 if comparison.integer("predicate") == EQ else 1]


@RULES.value("arith.select")
def extend_instead(op: Op, builder: Builder) -> Value | None:
    """c ? 1 : 0 of integers is the condition, widened; c ? -1 : 0 likewise with its sign."""
    condition, yes, no = op.operands
    known, width = integer(yes), width_of(op.result.type)
    if integer(no) != 0 or known not in (1, -1) or width in (None, 1):
        return None
    from_tensor, to_tensor = hasattr(condition.type, "shape"), hasattr(op.result.type, "shape")
    if from_tensor != to_tensor:
        return None
    return builder.value("arith.extui" if known == 1 else "arith.extsi", [condition], op.result.type)
