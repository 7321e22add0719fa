"""Memory that programs pass to each other: accessed so that each sees what the others have written.

On an Apple GPU a plain load may find what its core has loaded before, and a plain store may be seen by its own core
only, whatever fences stand around them (MSL specification, 4.8). So where a kernel acquires or releases, what it both
reads and writes is accessed by relaxed atomics, one element at a time. All else stays as it is: what a kernel only
reads or only writes it does not pass on to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    accesses = [_PointerAccess.of(op, same) for op in kernel.walk()]
    known = [access for access in accesses if access is not None]
    read = {access.group for access in known if access.reads}
    written = {access.group for access in known if access.writes}
    for access in known:
        if access.group in read and access.group in written and not (access.reads and access.writes):
            _make_coherent(access.op)


@dataclass(frozen=True)
class _PointerAccess:
    """group: of the pointers that lead to the same memory; None: an address, which may lead anywhere."""

    op: Op
    group: Value | None
    reads: bool
    writes: bool

    @staticmethod
    def of(op: Op, same: dict[Value, Value]) -> _PointerAccess | None:
        access = access_of(op)
        if access is None or access.memory.space != DEVICE:
            return None
        group = same[access.base] if access.base is not None else None
        return _PointerAccess(op, group, access.memory.reads, access.memory.writes)


def _make_coherent(op: Op) -> None:
    memory = row_of(op).memory
    if memory is not None and memory.by_address:
        raise Unsupported(op, "an address in memory that a kernel passes on between programs", op.location)
    op.name = op.name.removesuffix("_vector")
    op.attributes = {key: value for key, value in op.attributes.items() if key != "width"}
    op.attributes |= {"contiguous": False, "coherent": True}
