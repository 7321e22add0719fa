"""Loads and stores under masks that are known."""

from __future__ import annotations

from ..ir.core import Builder, Op, Value
from .driver import Rewriter, Rules
from .values import integer

RULES = Rules()


@RULES.value("tt.load")
def load_under_known_mask(op: Op, builder: Builder) -> Value | None:
    """A mask that is true everywhere is none; under one that is false everywhere nothing is loaded."""
    if len(op.operands) < 2 or op.attributes.get("isVolatile") is True:
        return None
    known = integer(op.operands[1])
    if known == 1:
        attributes = {**op.attributes, "operandSegmentSizes": (1, 0, 0)}
        return builder.value("tt.load", op.operands[:1], op.result.type, attributes)
    return op.operands[2] if known == 0 and len(op.operands) == 3 else None


@RULES.pattern("tt.store")
def store_under_known_mask(op: Op, rewriter: Rewriter) -> bool:
    known = integer(op.operands[2]) if len(op.operands) == 3 else None
    if known == 0:
        rewriter.erase(op)
    elif known == 1:
        rewriter.set_operands(op, op.operands[:2])
    return known in (0, 1)
