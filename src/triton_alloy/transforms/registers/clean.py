"""Lowering computes an address once for every layout and register pattern: what is equal becomes one again."""

from __future__ import annotations

from ...dialects.control import For
from ...ir.core import Op
from ...ir.rewrite import (
    eliminate_common_subexpressions,
    eliminate_dead_code,
    hoist_invariants,
)
from ...ir.types import RegisterType


def run(module: Op) -> None:
    """In place; what a loop does not change moves before it where that takes no more registers."""
    drop_unchanged_carries(module)
    eliminate_common_subexpressions(module)
    hoist_invariants(module, _saves_registers)
    eliminate_dead_code(module)


def drop_unchanged_carries(module: Op) -> None:
    """Remove what every iteration of an scf.for passes on as it is."""
    for op in list(module.walk()):
        if op.name == "scf.for":
            loop = For(op)
            for number in reversed(range(len(op.results))):
                argument, initial = loop.carried[number], loop.initial[number]
                if loop.yielded[number] in (argument, initial):
                    argument.replace_by(initial)
                    op.results[number].replace_by(initial)
                    loop.drop(number)


def _saves_registers(op: Op) -> bool:
    """Not an array of lane values made of less: recomputing those in the loop costs less than keeping them."""
    return all(not isinstance(r.type, RegisterType) or r.type.uniform or r.type.count == 1 for r in op.results)
