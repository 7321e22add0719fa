"""Lowering computes an address once for every layout and register pattern: what is equal becomes one again."""

from __future__ import annotations

from ...ir.core import Op
from ...ir.rewrite import (
    drop_unchanged_carries,
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


def _saves_registers(op: Op) -> bool:
    """Not an array of lane values made of less: recomputing those in the loop costs less than keeping them."""
    return all(not isinstance(r.type, RegisterType) or r.type.uniform or r.type.count == 1 for r in op.results)
