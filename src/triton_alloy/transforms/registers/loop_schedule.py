"""Which ops share a register loop: a block's ops as a list of groups.

A group is a loop over registers (`trips` > 1), straight-line code (`trips` == 1), or one op alone: a fence or an op on
whole arrays. An op may join a group that is not before any of its dependencies. Register r of a loop sees only register
r of values made in the same loop; everything else must be finished before the loop starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...dialects.msl import Form, count_of, is_movable, row_of
from ...ir.core import Op, Value
from ...ir.registry import is_terminator
from .register_ops import Access, access_of, is_fence, is_recomputed, register_values, trips

Map = tuple[int, ...]  # register index for each trip of a loop


@dataclass(eq=False)
class Group:
    """`alone`: a fence or an array op, which nothing joins."""

    trips: int
    alone: bool = False
    ops: list[Op] = field(default_factory=list)
    position: int = 0


def operand_map(op: Op, operand: Value, count: int) -> Map:
    """The register of `operand` that each of the `count` trips of `op` reads first."""
    entries = count_of(operand)
    if entries == 1:
        return (0,) * count
    if op.name == "msl.reduce_registers":
        group = len(op.attributes["map"]) // count
        return tuple(op.attributes["map"][::group])
    return tuple(range(0, entries, entries // count))


def through_renaming(op: Op, table: Map) -> Map:
    """The registers of an msl.index's operand behind registers `table` of its result."""
    if count_of(op.operands[0]) == 1:
        return (0,) * len(table)
    source = op.attributes["map"]
    return tuple(source[r] for r in table)


def sources(value: Value, table: Map) -> Iterator[tuple[Value, Map]]:
    """The values that registers `table` of `value` are computed from, behind renamings and recomputed ops."""
    op = value.definer
    if op is None or not is_recomputed(op):
        yield value, table
    elif op.name == "msl.index":
        yield from sources(op.operands[0], through_renaming(op, table))
    else:
        for operand in op.operands:
            yield from sources(operand, table if count_of(operand) > 1 else (0,) * len(table))


def index_numbers(value: Value, table: Map) -> Map | None:
    """The numbers that registers `table` of an msl.register stand for; None for any other value."""
    op = value.definer
    if op is None or op.name != "msl.register":
        return None
    values = register_values(op)
    return tuple(values[r] for r in table)


class Schedule:
    """The groups of one block, filled in program order."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.place: dict[Op, Group] = {}
        self.memory: list[tuple[Op, Access]] = []
        self.floor = 0

    def add(self, op: Op) -> None:
        if is_fence(op):
            elementwise = not op.regions and not is_terminator(op)
            self._append(Group(trips(op) if elementwise else 1, alone=True), op)
            self.floor = len(self.groups)
            self.memory = []
        elif row_of(op).form is Form.UPDATED or op.name == "msl.scan_registers":
            self._append(Group(1, alone=True), op)
        elif not is_recomputed(op):
            self._join(op)

    def _append(self, group: Group, op: Op) -> None:
        group.position = len(self.groups)
        self.groups.append(group)
        self._put(op, group)

    def _put(self, op: Op, group: Group) -> None:
        group.ops.append(op)
        self.place[op] = group

    def _join(self, op: Op) -> None:
        count = trips(op)
        access = access_of(op)
        earliest = max(self.floor, self._after_operands(op, count), self._after_memory(count, access))
        if access is not None:
            self.memory.append((op, access))
        candidates = [g for g in self.groups[earliest:] if g.trips == count and not g.alone]
        if count > 1:
            candidates.reverse()
        if candidates and (count > 1 or not is_movable(op) or candidates[0].position == earliest):
            self._put(op, candidates[0])
        elif count == 1 and is_movable(op) and earliest < len(self.groups):
            # Early single values let the loops after them stay together.
            self._insert(earliest, op)
        else:
            self._append(Group(count), op)

    def _insert(self, position: int, op: Op) -> None:
        group = Group(1)
        self.groups.insert(position, group)
        for i, each in enumerate(self.groups[position:], position):
            each.position = i
        self._put(op, group)

    def _after_operands(self, op: Op, count: int) -> int:
        """The first position where all operands can be read."""
        identity = tuple(range(count))
        earliest = 0
        for operand in op.operands:
            for value, registers in sources(operand, operand_map(op, operand, count)):
                aligned = registers == identity and count_of(value) == count and op.name != "msl.reduce_registers"
                earliest = max(earliest, self._after(value, aligned or count == 1, count))
        return earliest

    def _after(self, value: Value, aligned: bool, count: int) -> int:
        group = self.place.get(value.definer) if value.definer is not None else None
        if group is None:
            return 0
        together = aligned and group.trips == count and not group.alone
        return group.position + (0 if together else 1)

    def _after_memory(self, count: int, access: Access | None) -> int:
        """The first position that keeps the order of accesses which may touch the same memory."""
        earliest = 0
        if access is None:
            return earliest
        for other, its_access in self.memory:
            if not access.conflicts(its_access):
                continue
            group = self.place[other]
            together = group.trips == count and (count == 1 or access.same_place(its_access))
            earliest = max(earliest, group.position + (0 if together else 1))
        return earliest
