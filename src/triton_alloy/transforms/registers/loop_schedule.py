"""Which ops share a register loop: a block's ops as a list of groups.

A group is a loop over registers (`trips` > 1), straight-line code (`trips` == 1), or one op alone: a fence or an op on
whole arrays. An op may join a group that is not before any of its dependencies. Register r of a loop sees only register
r of values made in the same loop; everything else must be finished before the loop starts.

- What is loaded from device memory, and what is computed of that alone, waits for its first user and joins a loop with
  it: no array lives from an early loop to a later one only because the program loads early.
- A reduction of all registers to one runs along with the loop that makes them: these need no array for it.
- Stores to device memory come behind the loads that they would share a loop with, where a thread may hold what they
  store: no compiler moves a load before a store that it cannot tell from it, so each would wait for its turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ...dialects.msl import DEVICE, Form, count_of, is_movable, row_of
from ...ir.core import Op, Value
from ...ir.registry import is_removable, is_terminator
from .register_ops import Access, access_of, is_fence, is_recomputed, register_values, start_of, stored_words, trips

Map = tuple[int, ...]  # register index for each trip of a loop
SPACE = 1 << 32  # between the positions of two groups, for others to come between them


@dataclass(eq=False)
class Group:
    """`alone`: a fence or an array op, which nothing joins."""

    trips: int
    alone: bool = False
    ops: list[Op] = field(default_factory=list)
    position: int = 0  # rises from group to group; there are numbers between


@dataclass
class _Accesses:
    """The latest group that accesses some memory, and its accesses that differ. Earlier ones say nothing more: what
    comes after this group comes after them."""

    group: Group
    different: dict[Access, None] = field(default_factory=dict)


def takes_arrays(op: Op) -> bool:
    """Whether the op takes its operands' registers as arrays, and not one of each in a trip of a loop."""
    return row_of(op).form is Form.UPDATED or op.name == "msl.scan_registers"


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


def running_map(op: Op) -> Map | None:
    """The registers that a reduction takes in the trips of the loop that makes them; None for what does not run along
    with a loop. Its function takes elements in any order, so that it takes them as they are made."""
    if op.name != "msl.reduce_registers" or trips(op) > 1 or start_of(op) is None:
        return None
    table = tuple(op.attributes["map"])
    made = {registers for value, registers in sources(op.operands[0], table) if count_of(value) > 1}
    order = made.pop() if len(made) == 1 else ()
    if sorted(order) != list(range(len(table))):
        return None
    return tuple(register for _, register in sorted(zip(order, table, strict=True)))


def stores_that_wait(ops: list[Op], held_words: int) -> set[Op]:
    """The stores to device memory that share no loop with loads: those between two fences, where a thread may hold the
    words of 32 bits that they store."""
    waiting: set[Op] = set()
    for fenced, between in groupby(ops, is_fence):
        stored = {} if fenced else {op: words for op in between if (words := stored_words(op))}
        if sum(stored.values()) <= held_words:
            waiting.update(stored)
    return waiting


class Schedule:
    """The groups of one block, filled in program order. waiting: what joins a group with its first user,
    numbered in program order; loads: those of it that load. behind_loads: the stores that share no loop with loads."""

    def __init__(self, behind_loads: set[Op]) -> None:
        self.behind_loads = behind_loads
        self.groups: list[Group] = []
        self.joinable: dict[int, list[Group]] = defaultdict(list)  # those not alone, by trips
        self.place: dict[Op, Group] = {}
        self.writes: dict[str, _Accesses] = {}  # by space, since the last fence
        self.accesses: dict[str, _Accesses] = {}
        self.waiting: dict[Op, int] = {}
        self.loads: dict[Op, Access] = {}
        self.waited = 0
        self.known_sources: dict[Op, list[tuple[Value, Map]]] = {}
        self.fence: Group | None = None

    def add(self, op: Op) -> None:
        if is_fence(op):
            self._place(list(self.waiting))
            elementwise = not op.regions and not is_terminator(op)
            self.fence = self._append(Group(trips(op) if elementwise else 1, alone=True))
            self._put(op, self.fence)
            self.writes, self.accesses = {}, {}
        elif takes_arrays(op):
            self._place(self._needed([op]))
            self._put(op, self._append(Group(1, alone=True)))
        elif self._may_wait(op):
            self._wait(op)
        elif not is_recomputed(op):
            self._join_with_needed(op)

    def _append(self, group: Group) -> Group:
        group.position = self.groups[-1].position + SPACE if self.groups else SPACE
        self.groups.append(group)
        if not group.alone:
            self.joinable[group.trips].append(group)
        return group

    def _put(self, op: Op, group: Group) -> None:
        group.ops.append(op)
        self.place[op] = group

    def _sources(self, op: Op) -> list[tuple[Value, Map]]:
        """The sources of the registers that the op reads first in each trip, or of all where it takes whole arrays."""
        if op not in self.known_sources:
            whole, count = takes_arrays(op), trips(op)
            self.known_sources[op] = [
                source
                for operand in op.operands
                for source in sources(operand, operand_map(op, operand, count_of(operand) if whole else count))
            ]
        return self.known_sources[op]

    # ------------------------------------------------------------------------------------------------------- waiting
    def _may_wait(self, op: Op) -> bool:
        """Whether the op loads registers from device memory, or computes register r of register r of such alone."""
        if trips(op) == 1 or is_recomputed(op) or not is_removable(op) or row_of(op).form is not Form.EACH:
            return False
        if not self._is_beside(op):
            return False
        access = access_of(op)
        if access is not None:
            return access.memory.space == DEVICE and not access.memory.writes
        made_of = [value for value, _ in self._sources(op) if count_of(value) > 1]
        return bool(made_of) and all(value.definer in self.waiting for value in made_of)

    def _is_beside(self, op: Op) -> bool:
        """Whether what waits for the op can be made in one loop with it: register r of the op reads register r."""
        identity = tuple(range(trips(op)))
        waiting = [
            (value.definer, registers) for value, registers in self._sources(op) if value.definer in self.waiting
        ]
        return all(registers == identity and trips(definer) == len(identity) for definer, registers in waiting)

    def _wait(self, op: Op) -> None:
        self.waiting[op] = self.waited = self.waited + 1
        access = access_of(op)
        if access is not None:
            self.loads[op] = access

    def _needed(self, ops: list[Op]) -> list[Op]:
        """What waits of the ops and of what they are made of, in program order."""
        needed = {op for op in ops if op in self.waiting}
        users = list(ops)
        while users:
            definers = (value.definer for value, _ in self._sources(users.pop()))
            found = [definer for definer in definers if definer in self.waiting and definer not in needed]
            needed.update(found)
            users += found
        return sorted(needed, key=self.waiting.__getitem__)

    def _end_waiting(self, ops: list[Op]) -> None:
        for op in ops:
            del self.waiting[op]
            self.loads.pop(op, None)

    def _place(self, ops: list[Op]) -> None:
        """Let what waits join groups without its users."""
        for op in self._needed(ops):
            self._end_waiting([op])
            self._join([op])

    def _join_with_needed(self, op: Op) -> None:
        """Let an op join a group: with what waits for it where they can be together, else after that; and after all
        that must come before it in memory."""
        needed = dict.fromkeys(self._needed([op]))
        is_beside, before = self._is_beside(op), []
        for load, together in self._loads_before(op):
            if load not in needed:
                before.append(load)
            elif not together:
                is_beside = False
        self._place(before if is_beside else [*before, *needed])
        beside = [each for each in needed if each in self.waiting]
        self._end_waiting(beside)
        loop = self._running_in(op)
        if loop is not None:
            self._put(op, loop)
        else:
            self._join([*beside, op])

    def _loads_before(self, op: Op) -> list[tuple[Op, bool]]:
        """The loads that wait and must be made before the op, and whether each may be in one loop with it."""
        access = access_of(op)
        if access is None or access.memory.space != DEVICE or not access.memory.writes:
            return []
        return [(waiting, self._together(op, access, load)) for waiting, load in self.loads.items()]

    # ---------------------------------------------------------------------------------------------------------- groups
    def _running_in(self, op: Op) -> Group | None:
        """The loop that a reduction runs along with: the one that makes its registers."""
        table = running_map(op)
        if table is None:
            return None
        count = len(table)
        made = list(sources(op.operands[0], table))
        after = [self._after(value, count_of(value) == count, count) for value, _ in made]
        number = _first_from(self.groups, max(self._floor(), *after))
        if number == len(self.groups):
            return None
        loop = self.groups[number]
        makes = any(self.place.get(value.definer) is loop for value, _ in made if value.definer is not None)
        return loop if makes and loop.trips == count and not loop.alone else None

    def _join(self, ops: list[Op]) -> None:
        """Put ops of one loop, or one op, into the latest group that is not before any of their dependencies."""
        op, count = ops[-1], trips(ops[-1])
        after = [max(self._after_operands(each, count), self._after_memory(each, count)) for each in ops]
        earliest = max(self._floor(), *after)
        found = self._joinable(count, earliest)
        following = _first_from(self.groups, earliest)
        if found is not None and (count > 1 or not is_movable(op) or found is self.groups[following]):
            group = found
        elif count == 1 and is_movable(op) and following < len(self.groups):
            # Early single values let the loops after them stay together.
            group = self._insert(following)
        else:
            group = self._append(Group(count))
        for each in ops:
            self._put(each, group)
            self._remember(each, group)

    def _floor(self) -> int:
        """The first position after the last fence."""
        return self.fence.position + 1 if self.fence is not None else 0

    def _joinable(self, count: int, earliest: int) -> Group | None:
        """The group to join from position `earliest` on: of loops the last, of straight-line code the first."""
        groups = self.joinable[count]
        number = len(groups) - 1 if count > 1 else _first_from(groups, earliest)
        return groups[number] if 0 <= number < len(groups) and groups[number].position >= earliest else None

    def _insert(self, number: int) -> Group:
        """A new group of straight-line code before the group of this number."""
        following = self.groups[number]
        before = self.groups[number - 1].position if number else 0
        if following.position - before < 2:
            for i, each in enumerate(self.groups, 1):
                each.position = i * SPACE
            before = following.position - SPACE
        group = Group(1, position=(before + following.position) // 2)
        self.groups.insert(number, group)
        self.joinable[1].insert(_first_from(self.joinable[1], group.position), group)
        return group

    def _remember(self, op: Op, group: Group) -> None:
        access = access_of(op)
        if access is None:
            return
        for kept in (self.accesses, self.writes) if access.memory.writes else (self.accesses,):
            known = kept.get(access.memory.space)
            if known is None or known.group.position < group.position:
                known = kept[access.memory.space] = _Accesses(group)
            if known.group is group:
                known.different[access] = None

    def _after_operands(self, op: Op, count: int) -> int:
        """The first position where all operands can be read."""
        identity = tuple(range(count))
        earliest = 0
        for value, registers in self._sources(op):
            aligned = registers == identity and count_of(value) == count and op.name != "msl.reduce_registers"
            earliest = max(earliest, self._after(value, aligned or count == 1, count))
        return earliest

    def _after(self, value: Value, aligned: bool, count: int) -> int:
        group = self.place.get(value.definer) if value.definer is not None else None
        if group is None:
            return 0
        together = aligned and group.trips == count and not group.alone
        return group.position + (0 if together else 1)

    def _after_memory(self, op: Op, count: int) -> int:
        """The first position that keeps the order of accesses which may touch the same memory."""
        access = access_of(op)
        if access is None:
            return 0
        before = (self.accesses if access.memory.writes else self.writes).get(access.memory.space)
        if before is None:
            return 0
        beside = count == 1 or all(self._together(op, access, earlier) for earlier in before.different)
        return before.group.position + (0 if beside and before.group.trips == count else 1)

    def _together(self, op: Op, access: Access, earlier: Access) -> bool:
        """Whether the op may touch memory in one loop with an earlier access that it conflicts with."""
        return access.same_place(earlier) and (op not in self.behind_loads or earlier.memory.writes)


def _first_from(groups: Sequence[Group], position: int) -> int:
    """The number of the first group at `position` or after it."""
    return bisect_left(groups, position, key=lambda group: group.position)
