"""What lane 0 of a simdgroup computes, as uniform code.

The offsets of an access whose lanes are consecutive are known from lane 0's. Its arithmetic is repeated with uniform
values beside the original, which then often has no use left: a uniform number takes the place of 32 in each register.
"""

from __future__ import annotations

from ...dialects import is_elementwise, is_pure
from ...ir.core import Builder, Op, Value
from ...ir.types import I32, RegisterType, Type
from .context import Lowering, is_zero


def at_lane_zero(lowering: Lowering, value: Value) -> Value:
    """The uniform value or array equal to lane 0 of `value`, computed where `value` is."""
    if not isinstance(value.type, RegisterType) or value.type.uniform:
        return value
    return lowering.at_entry(("lane zero", value), lambda _: _compute(lowering, value))


def _compute(lowering: Lowering, value: Value) -> Value:
    type_ = RegisterType(value.type.count, value.type.element, True)
    after = Builder.after_value(value)
    op = value.definer
    if op is not None and op.name == "msl.lane":
        return after.constant(0, I32)
    if op is not None and _is_arithmetic(op):
        operands = [at_lane_zero(lowering, operand) for operand in op.operands]
        after = Builder.after_value(value)
        same = _known_zero(op, operands, type_)
        return same if same is not None else after.value(op.name, operands, type_, dict(op.attributes))
    return after.value("msl.call", [value], type_, {"function": "first"})


def _is_arithmetic(op: Op) -> bool:
    return (
        len(op.results) == 1
        and is_pure(op)
        and (is_elementwise(op) or op.name == "msl.index")
        and op.name != "msl.call"
    )


def _known_zero(op: Op, operands: list[Value], type_: Type) -> Value | None:
    """x + 0 is x; constants fold later."""
    if op.name == "arith.addi" and len(operands) == 2:
        for one, other in (operands, operands[::-1]):
            if is_zero(one) and other.type is type_:
                return other
    return None
