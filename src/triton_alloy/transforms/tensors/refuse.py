"""Refuses what Metal has no counterpart for, by name and place, before anything is rewritten."""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.core import Op, Value
from ...ir.types import F64, PointerType, Type, element_of

OPS = {
    "tt.elementwise_inline_asm": "inline assembly is written for another machine",
}
"""The ops that no rule can exist for -> why."""

TYPES: dict[Type, str] = {F64: "Metal has no 64-bit floating point"}
"""Element types of values, and of what pointers point to -> why."""


def run(module: Op) -> None:
    """Raises Unsupported at the first op of `OPS` or value of a type in `TYPES`; the module stays as it is."""
    for op in module.walk():
        if op.name in OPS:
            raise Unsupported(op, OPS[op.name], op.location)
        for value in (*op.results, *(a for block in op.blocks() for a in block.arguments)):
            _refuse_type(op, value)


def _refuse_type(op: Op, value: Value) -> None:
    element = element_of(value.type)
    reason = TYPES.get(element.pointee if isinstance(element, PointerType) else element)
    if reason is not None:
        raise Unsupported(op, f"{reason} (value {value.name or value.type})", op.location)
