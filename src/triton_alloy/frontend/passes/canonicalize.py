"""Every op in its simplest form: what is known is folded, constants are there once and at the function's start."""

from __future__ import annotations

from ...ir.core import Block, Op
from ...ir.registry import Trait, traits
from ...rules import blocks, branches, floats, integers, loops, memory, selects, shapes
from ...rules.driver import Rules, rewrite

RULES = Rules(integers.RULES, selects.RULES, floats.RULES, shapes.RULES, memory.RULES, branches.RULES, loops.RULES)
_CONSTANTS = ("arith.constant", "ub.poison")


def run(module: Op) -> None:
    for function in list(module.body):
        run_on(function)


def run_on(function: Op) -> None:
    """Canonicalise one function, in place."""
    lift_constants(function)
    has_blocks = True
    while has_blocks:
        regions = [region for op in function.walk() for region in op.regions if len(region.blocks) > 1]
        tidied = [blocks.tidy(region) for region in regions]
        has_blocks = (rewrite(function, RULES) and bool(regions)) or any(tidied)
    lift_constants(function)


def lift_constants(function: Op) -> None:
    """Move constants to the start of the function, equal ones as one; unused ones go."""
    if not function.regions or not function.regions[0].blocks:
        return
    entry = function.regions[0].blocks[0]
    known: dict[tuple, Op] = {}
    anchor = entry.first
    while anchor is not None and anchor.name in _CONSTANTS:
        anchor = anchor.next
    for block in function.blocks():
        _lift_from(block, entry, anchor, known)


def _lift_from(block: Block, entry: Block, anchor: Op | None, known: dict[tuple, Op]) -> None:
    """`anchor` is the first op of the entry that is no constant: all before it stay where they are."""
    is_leading = block is entry
    for op in block:
        is_leading = is_leading and op is not anchor
        if op.name in _CONSTANTS:
            first = known.setdefault((op.name, op.results[0].type, op.attributes["value"]), op)
            if first is not op:
                op.replace_by(first.results)
            elif not op.results[0].uses:
                del known[op.name, op.results[0].type, op.attributes["value"]]
                op.erase()
            elif not is_leading:
                entry.insert(op.detach(), anchor)
        elif op.regions and Trait.ISOLATED not in traits(op):
            for inner in op.blocks():
                _lift_from(inner, entry, anchor, known)
