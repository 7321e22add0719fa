"""Barriers: one wherever threadgroup memory may be touched by two threads in an order that matters, nowhere else.

A forward walk keeps the accesses since the last barrier. An access that conflicts (overlapping bytes, at least one a
write, not the same op: that touches the same elements in the same threads each time) needs a barrier before it. A loop
body is walked with what its own end leaves pending as well.
Lanes of one simdgroup also need one: lockstep is no ordering (MSL spec 6.9.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.core import Block, Builder, Op


@dataclass(frozen=True)
class Touch:
    """An access to bytes [start, end) of the arena since the last barrier."""

    op: Op
    start: int
    end: int
    writes: bool


Pending = frozenset[Touch]


def run(kernel: Op) -> None:
    """Insert msl.barrier ops into a kernel whose buffers have their offsets."""
    scope = "threadgroup" if kernel.integer("simdgroups") > 1 else "simdgroup"
    _walk(kernel.body, frozenset(), scope)


def _touch(op: Op) -> Touch:
    buffer = op.operands[0]
    assert isinstance(buffer.owner, Op)
    start = buffer.owner.integer("offset")
    size = buffer.type.count * max(buffer.type.element.width // 8, 1)
    return Touch(op, start, start + size, op.name != "msl.shared_load")


def _conflicts(pending: Pending, touch: Touch) -> bool:
    return any(
        (p.writes or touch.writes) and p.op is not touch.op and p.start < touch.end and touch.start < p.end
        for p in pending
    )


def _walk(block: Block, pending: Pending, scope: str) -> Pending:
    for op in block:
        if op.name == "msl.barrier":
            pending = frozenset()
        elif op.name in ("msl.shared_store", "msl.shared_load", "msl.shared_add"):
            touch = _touch(op)
            if _conflicts(pending, touch):
                Builder.before_op(op).build("msl.barrier", [], [], {"scope": scope})
                pending = frozenset()
            pending |= {touch}
        elif op.regions:
            pending = _walk_regions(op, pending, scope)
    return pending


def _walk_regions(op: Op, pending: Pending, scope: str) -> Pending:
    """Branches start from the same state; loops also from the state their last region leaves."""
    blocks = [b for region in op.regions for b in region.blocks]
    if op.name == "scf.if":
        ends = [_walk(b, pending, scope) for b in blocks]
        return frozenset().union(*ends)
    once = pending
    for b in blocks:
        once = _walk(b, once, scope)
    again = pending | once
    for b in blocks:
        again = _walk(b, again, scope)
    return pending | again
