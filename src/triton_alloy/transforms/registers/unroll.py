"""Loops over registers that the text asks to unroll: those whose index picks elements of an array.

An array stays in registers only if every index into it is a number known to the compiler. Which loops compilers unroll
without being asked differs, and so does what they leave in memory.
"""

from __future__ import annotations

from ...dialects.msl import row_of
from ...ir.core import Op
from ...target import Target


def run(module: Op, target: Target) -> None:
    """Mark msl.loop and msl.mma_into with `unroll`, where the target's texts say so."""
    if target.unrolls:
        for op in module.walk():
            if _picks_registers(op):
                op.attributes["unroll"] = True


def _picks_registers(op: Op) -> bool:
    if op.name == "msl.loop":
        return any(row_of(user).reads or row_of(user).changes for user in op.body.arguments[0].uses)
    return op.name == "msl.mma_into" and op.integer("batch", 1) > 1
