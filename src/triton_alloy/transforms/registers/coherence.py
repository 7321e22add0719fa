"""Memory that programs pass to each other: accessed so that each sees what the others have written.

On an Apple GPU a plain load may find what its core has loaded before, and a plain store may be seen by its own core
only, whatever fences stand around them (MSL specification, 4.8). So where a kernel acquires or releases, what it both
reads and writes is accessed by relaxed atomics, one element at a time. All else stays as it is: what a kernel only
reads or only writes it does not pass on to itself.
"""

from __future__ import annotations

from ...dialects.msl import DEVICE, row_of
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...target import Target
from .pointers import groups
from .register_ops import access_of


def run(kernel: Op, target: Target) -> None:
    """Mark the loads and stores, in place. Raises Unsupported for accesses by address that would have to be."""
    if target.hardware is None or not any(op.name == "msl.fence" for op in kernel.walk()):
        return
    same = groups(kernel)
    read: set[Value | None] = set()
    written: set[Value | None] = set()
    accesses: list[tuple[Op, Value | None]] = []
    for op in kernel.walk():
        access = access_of(op)
        if access is None or access.memory.space != DEVICE:
            continue
        group = same[access.base] if access.base is not None else None  # an address, which may lead anywhere
        read |= {group} if access.memory.reads else set()
        written |= {group} if access.memory.writes else set()
        if not (access.memory.reads and access.memory.writes):  # which is atomic as it is
            accesses.append((op, group))
    for op, group in accesses:
        if group in read & written:
            _make_coherent(op)


def _make_coherent(op: Op) -> None:
    memory = row_of(op).memory
    if memory is not None and memory.by_address:
        raise Unsupported(op, "an address in memory that a kernel passes on between programs", op.location)
    op.name = op.name.removesuffix("_vector")
    op.attributes = {key: value for key, value in op.attributes.items() if key != "width"}
    op.attributes |= {"contiguous": False, "coherent": True}
