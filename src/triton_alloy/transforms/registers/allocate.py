"""Threadgroup memory: one arena; buffers that are not alive at the same time share bytes, unless all are small.

Where one buffer follows another in the same bytes, a barrier keeps the simdgroups that are done with the first from
those that still read it. Buffers that need a few bytes, as those of reductions do, are cheaper apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.core import Op, Value

ALIGNMENT = 16  # bytes; the widest threadgroup access (MSL spec, alignment of float4)
APART = 1024  # bytes, a 32nd of what a threadgroup may have: so little costs no threads


@dataclass
class Interval:
    buffer: Op
    size: int  # bytes, rounded up to ALIGNMENT
    first: int
    last: int
    offset: int = -1


def run(kernel: Op) -> None:
    """Give every msl.shared_alloc its `offset` in bytes, and the kernel its `threadgroup_bytes`.

    First fit in order of size: optimal allocation is NP-hard and kernels have a handful of buffers.
    """
    intervals = live_intervals(kernel)
    apart = sum(interval.size for interval in intervals) <= APART
    placed: list[Interval] = []
    for interval in sorted(intervals, key=lambda i: (-i.size, i.first)):
        alive = [p for p in placed if apart or (p.first <= interval.last and interval.first <= p.last)]
        interval.offset = _lowest_gap(interval.size, alive)
        interval.buffer.attributes["offset"] = interval.offset
        placed.append(interval)
    total = max((i.offset + i.size for i in placed), default=0)
    kernel.attributes["threadgroup_bytes"] = total


def live_intervals(kernel: Op) -> list[Interval]:
    """From the first to the last use, in program order; a use in a loop beside the buffer lasts the whole loop."""
    order = {op: i for i, op in enumerate(kernel.walk())}
    ends = {op: max(order[inner] for inner in op.walk()) for op in order if op.regions}
    intervals = []
    for op in order:
        if op.name != "msl.shared_alloc":
            continue
        uses = [_visible_span(user, op, order, ends) for user in op.result.uses]
        first = min((u[0] for u in uses), default=order[op])
        last = max((u[1] for u in uses), default=order[op])
        intervals.append(Interval(op, _bytes(op.result), first, last))
    return intervals


def _visible_span(user: Op, buffer: Op, order: dict[Op, int], ends: dict[Op, int]) -> tuple[int, int]:
    """The span of `user`, widened to the outermost op beside the buffer that contains it."""
    while user.block is not buffer.block:
        parent = user.parent
        assert parent is not None
        user = parent
    return order[user], ends.get(user, order[user])


def _bytes(buffer: Value) -> int:
    size = buffer.type.count * max(buffer.type.element.width // 8, 1)
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(size: int, alive: list[Interval]) -> int:
    offset = 0
    for other in sorted(alive, key=lambda p: p.offset):
        if offset + size <= other.offset:
            break
        offset = max(offset, other.offset + other.size)
    return offset
