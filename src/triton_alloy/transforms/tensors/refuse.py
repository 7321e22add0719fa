"""Refuses what Metal has no counterpart for, by name and place, before anything is rewritten."""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.core import Op

OPS = {
    "tt.elementwise_inline_asm": "inline assembly is written for another machine",
}
"""The ops that no rule can exist for -> why."""


def run(module: Op) -> None:
    """Raises Unsupported at the first op of `OPS`; the module stays as it is."""
    for op in module.walk():
        if op.name in OPS:
            raise Unsupported(op, OPS[op.name], op.location)
