"""What rules ask about values and types."""

from __future__ import annotations

from ..ir.core import Op, Value, constant_of
from ..ir.types import Attribute, FloatType, IndexType, IntegerType, TextAttribute, Type, element_of

_NO_OVERFLOW = TextAttribute("#arith.overflow<none>")


def width_of(type_: Type) -> int | None:
    """The bits of an integer type or of a tensor's elements; None for what is no integer."""
    element = element_of(type_)
    return element.width if isinstance(element, IntegerType) else 64 if isinstance(element, IndexType) else None


def integer(value: Value) -> int | None:
    """The known integer that a value is, or all its elements are."""
    number = constant_of(value)
    return number if isinstance(number, int) and width_of(value.type) is not None else None


def number(value: Value) -> float | None:
    """The known float that a value is, or all its elements are."""
    found = constant_of(value)
    return float(found) if found is not None and isinstance(element_of(value.type), FloatType) else None


def made_by(value: Value, name: str) -> Op | None:
    """The op that computes the value, if it is of that name."""
    op = value.owner
    return op if isinstance(op, Op) and op.name == name else None


def wrapping(op: Op) -> dict[str, Attribute]:
    """The attributes of `op` for an op that may overflow where `op` does not."""
    return {**op.attributes, "overflowFlags": _NO_OVERFLOW} if "overflowFlags" in op.attributes else {}
