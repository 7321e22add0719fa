"""tt.scan, any combiner: prefixes grow along the axis, from the bit of weight 1 of its coordinate upwards.

Each bit of the coordinate along the axis is a bit of the register, lane or simdgroup index; runs of bits of one kind
are taken together. Before a run, the axis is divided into blocks of elements that the bits below tell apart; every
element has its `prefixes`, combined from the start of its block, and the block's `totals`. The run joins blocks:

    registers     one after the other, in a loop
    lanes         by doubling: log2(n) shuffles
    simdgroups    the totals go through threadgroup memory

A reverse scan takes the coordinate from its end. The order of operands is kept: combiners need not be commutative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from ...dialects.msl import count_of
from ...ir.core import Op, Value
from ...ir.types import I1, I32, RegisterType, TensorType, element_of
from ...layout import LinearLayout, bits, blocked
from . import places
from .combiners import combine_held, combiner_region, gather, load_part, scatter, spread_entries, store_parts
from .context import Held, Lowering, first, rule
from .convert import convert_held

REGISTERS, LANES, SIMDGROUPS = range(3)  # as in LinearLayout.bases
EQUAL, DIFFERENT = 0, 1  # predicates of arith.cmpi
Weights = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # of the register's, lane's and simdgroup's bits


@rule("tt.scan")
def scan(lowering: Lowering, op: Op) -> list[Held]:
    """tensor<4x8xT> -> tensor<4x8xT>, for a tuple of tensors at once."""
    source = op.operands[0].type
    assert isinstance(source, TensorType)
    layout, axis = source.layout, op.integer("axis")
    suitable = layout if runs_of(layout, axis) is not None else _in_order(lowering, layout, axis)
    helds = [convert_held(lowering, lowering.held(o), layout, suitable) for o in op.operands]
    runs = runs_of(suitable, axis)
    assert runs is not None
    prefixes = _Scan(lowering, op, suitable, helds).run(runs)
    return [convert_held(lowering, prefix, suitable, layout) for prefix in prefixes]


def runs_of(layout: LinearLayout, axis: int) -> list[tuple[int, list[int]]] | None:
    """The bits that make up the coordinate along `axis`, lowest first: (kind, index bits) for each run of one kind.

    None if a bit moves along the axis and more, if two bits do the same, or if lanes are not in their order.
    """
    places: dict[int, tuple[int, int]] = {}
    for kind, bases in enumerate(layout.bases):
        for index, basis in enumerate(bases):
            if not basis[axis]:
                continue
            if basis[axis].bit_count() > 1 or sum(map(bool, basis)) > 1 or basis[axis] in places:
                return None
            places[basis[axis]] = (kind, index)
    ordered = [places[1 << bit] for bit in range(bits(layout.shape[axis]))]
    runs = [(kind, [index for _, index in run]) for kind, run in groupby(ordered, key=lambda place: place[0])]
    in_order = all(run == sorted(run) for kind, run in runs if kind == LANES)
    return runs if in_order else None


def _in_order(lowering: Lowering, layout: LinearLayout, axis: int) -> LinearLayout:
    """A layout of the same shape, consecutive along the axis."""
    order = (axis, *(a for a in reversed(range(layout.rank)) if a != axis))
    return blocked(layout.shape, order, 1, layout.lane_count, layout.simdgroup_count)


@dataclass
class _Scan:
    """`prefixes`, `totals`: a tensor for each operand. `done`: the register bits below the next run."""

    lowering: Lowering
    op: Op
    layout: LinearLayout
    prefixes: list[Held]
    totals: list[Held] = field(init=False)
    done: set[int] = field(default_factory=set)
    done_lanes: int = 0

    def __post_init__(self) -> None:
        self.totals = self.prefixes
        self.registers = 1 << len(self.layout.registers)
        self.reverse = bool(self.op.attributes.get("reverse", False))

    def run(self, runs: list[tuple[int, list[int]]]) -> list[Held]:
        steps = {REGISTERS: self._registers, LANES: self._lanes, SIMDGROUPS: self._simdgroups}
        for number, (kind, run) in enumerate(runs):
            steps[kind](run, number == 0, number == len(runs) - 1)
        return self.prefixes

    # ------------------------------------------------------------------------------------------------------- registers
    def _registers(self, run: list[int], is_first: bool, is_last: bool) -> None:
        group = 1 << len(run)
        across = [i for i in range(len(self.layout.registers)) if i not in run and i not in self.done]
        self.done.update(run)
        blocks = [scatter(o, across) for o in range(1 << len(across))]
        table = [block | scatter(self._turned(j, group), run) for block in blocks for j in range(group)]
        inclusive = self._scan_registers(table, group)
        index = range(self.registers)
        numbers = [gather(r, across) for r in index]
        ranks = [self._turned(gather(r, run), group) for r in index]
        if is_first:
            where = tuple(n * group + j for n, j in zip(numbers, ranks, strict=True))
            self.prefixes = [Held(value, where) for value in inclusive]
        else:
            where = tuple(n * group + max(j - 1, 0) for n, j in zip(numbers, ranks, strict=True))
            before = [Held(value, where) for value in inclusive]
            weights = tuple(1 << run.index(i) if i in run else 0 for i in range(len(self.layout.registers)))
            rank = places.position(self.lowering, weights, (), ())
            self._prepend(before, self._is(rank, DIFFERENT, self._turned(0, group)))
        if not is_last:
            ends = tuple(range(group - 1, len(table), group))
            self.totals = [self._held(self.lowering.pick(value, ends), tuple(numbers)) for value in inclusive]

    def _turned(self, number: int, size: int) -> int:
        """Place `number` of `size` in the order of the scan; the same function leads back."""
        return size - 1 - number if self.reverse else number

    def _scan_registers(self, table: list[int], group: int) -> list[Value]:
        """Prefixes of the totals over each `group` of registers of `table`."""
        lowering = self.lowering
        values, joined = lowering.join_maps(self.totals, self.registers)
        entries = max(count_of(v) for v in values)
        values = [spread_entries(lowering, v, entries) for v in values]
        uniform = all(held.uniform for held in self.totals)
        elements = [element_of(v.type) for v in values]
        types = [RegisterType(len(table), element, uniform) for element in elements]
        places = tuple(joined[t] if joined is not None else 0 for t in table)
        region = combiner_region(lowering, self.op, elements)
        scanned = lowering.builder.build("msl.scan_registers", values, types, {"group": group, "map": places}, [region])
        return list(scanned.results)

    # ----------------------------------------------------------------------------------------------------------- lanes
    def _lanes(self, run: list[int], is_first: bool, is_last: bool) -> None:
        """After step k, every lane has the prefix over the lanes that differ in the bits 0 ... k of the run only."""
        lowering, mask = self.lowering, sum(1 << bit for bit in run)
        values, table = lowering.join_maps(self.totals, self.registers)
        inclusive = [self._held(v, table) for v in values]
        below = 0
        for bit in (1 << index for index in run):
            source = (bit, below) if self.reverse else (below, bit)  # bits to set and to clear
            earlier = [self._shuffle(v, self._lane(*source)) for v in inclusive]
            joined = combine_held(lowering, self.op, earlier, inclusive, self.registers)
            is_later = self._is(self._lane_bits(bit), EQUAL if self.reverse else DIFFERENT, 0)
            inclusive = self._select(is_later, joined, inclusive)
            below |= bit
        if is_first:
            self.prefixes = inclusive
        else:
            before = [self._shuffle(v, self._previous_lane(mask)) for v in inclusive]
            start = mask if self.reverse else 0
            self._prepend(before, self._is(self._lane_bits(mask), DIFFERENT, start))
        self.done_lanes |= mask
        if not is_last:
            self.totals = [self._of_last_lane(v, mask) for v in inclusive]

    def _lane(self, set_bits: int, clear_bits: int) -> Value:
        """The lane's index with some bits set and others cleared."""
        lowering = self.lowering

        def make(b):
            value = places.lane(lowering)
            if clear_bits:
                value = b.value("arith.andi", [value, b.constant(~clear_bits, I32)], value.type)
            if set_bits:
                value = b.value("arith.ori", [value, b.constant(set_bits, I32)], value.type)
            return value

        return lowering.at_entry(("lane with", set_bits, clear_bits), make)

    def _previous_lane(self, mask: int) -> Value:
        """The lane before this one in the order of the scan, of those that differ in the bits of `mask` only; of the
        first one any lane. Borrow and carry pass through the other bits."""
        lowering, others = self.lowering, (self.layout.lane_count - 1) & ~mask

        def make(b):
            lane = places.lane(lowering)
            name, start, step = "arith.andi", mask, -1
            if self.reverse:
                name, start, step = "arith.ori", others, 1
            value = b.value(name, [lane, b.constant(start, I32)], lane.type) if others else lane
            value = b.value("arith.addi", [value, b.constant(step, I32)], lane.type)
            value = b.value("arith.andi", [value, b.constant(mask, I32)], lane.type)
            if others:
                kept = b.value("arith.andi", [lane, b.constant(others, I32)], lane.type)
                value = b.value("arith.ori", [value, kept], lane.type)
            return value

        return lowering.at_entry(("lane before", mask, self.reverse), make)

    def _lane_bits(self, mask: int) -> Held:
        lowering = self.lowering
        lane = places.lane(lowering)
        make = lambda b: b.value("arith.andi", [lane, b.constant(mask, I32)], lane.type)  # noqa: E731
        return Held(lowering.at_entry(("lane bits", mask), make))

    def _shuffle(self, held: Held, source: Value) -> Held:
        if held.uniform:
            return held
        return self.lowering.elementwise("msl.shuffle", [held, Held(source)], held.element, self.registers)

    def _of_last_lane(self, held: Held, mask: int) -> Held:
        """The value of the lane at the end of the scan over `mask`: uniform if that is one lane."""
        if held.uniform:
            return held
        free = self.layout.free_bits()[1]
        if (self.done_lanes | free) + 1 < self.layout.lane_count:
            return self._shuffle(held, self._lane(0, mask) if self.reverse else self._lane(mask, 0))
        lane = self.lowering.constant(0 if self.reverse else mask)
        type_ = RegisterType(count_of(held.value), held.element, True)
        value = self.lowering.builder.value("msl.call", [held.value, lane], type_, {"function": "broadcast"})
        return Held(value, held.map)

    # ------------------------------------------------------------------------------------------------------ simdgroups
    def _simdgroups(self, run: list[int], is_first: bool, is_last: bool) -> None:
        lowering, parts = self.lowering, 1 << len(run)
        size, position, slot, owner = self._slots(run)
        if not any(position[1]):
            self.totals = [Held(first(lowering, held.value), held.map) for held in self.totals]
        buffers = store_parts(
            lowering, self.totals, places.position(lowering, *slot), owner, size * parts, self.registers
        )
        rank = Held(self._simdgroup_rank(run))
        place = places.position(lowering, *position)
        total: list[Held] = []
        before: list[Held] = []
        for part in range(parts if not is_last else parts - 1):
            start = self._turned(part, parts) * size
            loaded = [
                load_part(lowering, buffer, held.element, place, start)
                for buffer, held in zip(buffers, self.totals, strict=True)
            ]
            if part:
                loaded = combine_held(lowering, self.op, total, loaded, self.registers)
            total = loaded
            if part < parts - 1:
                is_next = self._is(rank, EQUAL, self._turned(part + 1, parts))
                before = self._select(is_next, total, before) if before else total
        self._prepend(before, self._is(rank, DIFFERENT, self._turned(0, parts)))
        self.totals = total

    def _slots(self, run: list[int]) -> tuple[int, Weights, Weights, list[Held]]:
        """Where the totals are in a buffer: its size for one simdgroup of the run, the weights of the index bits in the
        position, those with the run's bits, and the masks of the places that store."""
        weight, weights = 1, ([], [], [])
        done = (self.done, {i for i in range(len(self.layout.lanes)) if self.done_lanes >> i & 1}, set(run))
        for kind in (LANES, REGISTERS, SIMDGROUPS):
            for index, basis in enumerate(self.layout.bases[kind]):
                counts = any(basis) and index not in done[kind]
                weights[kind].append(weight if counts else 0)
                weight <<= counts
        with_run = [weight << run.index(i) if i in run else w for i, w in enumerate(weights[SIMDGROUPS])]
        free = [sum(1 << i for i, w in enumerate(part) if not w) for part in (weights[LANES], with_run)]
        owner = places.elect(self.lowering, free[0] if any(weights[LANES]) else 0, free[1])
        registers, lanes, simdgroups = map(tuple, weights)
        slot = (registers, lanes, tuple(with_run))
        return weight, (registers, lanes, simdgroups), slot, [] if owner is None else [Held(owner)]

    def _simdgroup_rank(self, run: list[int]) -> Value:
        weights = tuple(1 << run.index(i) if i in run else 0 for i in range(len(self.layout.simdgroups)))
        return places.bits_to_number(self.lowering, places.simdgroup(self.lowering), weights)

    # ---------------------------------------------------------------------------------------------------------- common
    def _held(self, value: Value, table: tuple[int, ...] | None) -> Held:
        return Held(value, table if count_of(value) > 1 else None)

    def _is(self, number: Held, predicate: int, constant: int) -> Held:
        operands = [number.value, self.lowering.constant(constant)]
        return Held(self.lowering.emit("arith.cmpi", operands, I1, {"predicate": predicate}), number.map)

    def _select(self, condition: Held, yes: list[Held], no: list[Held]) -> list[Held]:
        return [
            self.lowering.elementwise("arith.select", [condition, y, n], y.element, self.registers)
            for y, n in zip(yes, no, strict=True)
        ]

    def _prepend(self, before: list[Held], where: Held) -> None:
        """Combine what comes before the block with the prefixes in it, where something does."""
        joined = combine_held(self.lowering, self.op, before, self.prefixes, self.registers)
        self.prefixes = self._select(where, joined, self.prefixes)
