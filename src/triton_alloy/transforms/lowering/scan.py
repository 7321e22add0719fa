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

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

from ...dialects.arith import EQ, NE
from ...dialects.msl import count_of
from ...ir.core import Op, Value
from ...ir.types import I1, I32, RegisterType, TensorType, element_of
from ...layout import LinearLayout, bits, blocked
from . import places
from .combiners import combine_held, combiner_region, gather, scatter, spread_entries
from .context import Held, Lowering, rule
from .convert import convert_held
from .partials import Partials
from .places import LANES, REGISTERS, SIMDGROUPS


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
    prefixes = _Scan(lowering, op, suitable).run(runs, helds)
    return [convert_held(lowering, prefix, suitable, layout) for prefix in prefixes]


def runs_of(layout: LinearLayout, axis: int) -> list[tuple[int, list[int]]] | None:
    """The bits that make up the coordinate along `axis`, lowest first: (kind, index bits) for each run of one kind.

    None if a bit moves along the axis and more, if two bits do the same, or if lanes are not in their order.
    """
    found: dict[int, tuple[int, int]] = {}
    for kind, bases in enumerate(layout.bases):
        for index, basis in enumerate(bases):
            if not basis[axis]:
                continue
            if basis[axis].bit_count() > 1 or sum(map(bool, basis)) > 1 or basis[axis] in found:
                return None
            found[basis[axis]] = (kind, index)
    ordered = [found[1 << bit] for bit in range(bits(layout.shape[axis]))]
    runs = [(kind, [index for _, index in run]) for kind, run in groupby(ordered, key=lambda place: place[0])]
    in_order = all(run == sorted(run) for kind, run in runs if kind == LANES)
    return runs if in_order else None


def _in_order(lowering: Lowering, layout: LinearLayout, axis: int) -> LinearLayout:
    """A layout of the same shape, consecutive along the axis."""
    order = (axis, *(a for a in reversed(range(layout.rank)) if a != axis))
    return blocked(layout.shape, order, 1, layout.lane_count, layout.simdgroup_count)


@dataclass
class _Joined:
    """Blocks joined by one run. `inclusive`: for each element what comes before its block and the block itself,
    combined; None where no thread has it. `before`: what comes before the block, and where that is anything. `totals`:
    of the larger blocks. The last two are computed on demand."""

    inclusive: list[Held] | None
    before: Callable[[], tuple[list[Held], Held]]
    totals: Callable[[], list[Held]]


@dataclass
class _Scan:
    """`done`: the bits of the register, lane and simdgroup index in the runs so far, with the present one."""

    lowering: Lowering
    op: Op
    layout: LinearLayout
    done: tuple[set[int], set[int], set[int]] = field(default_factory=lambda: (set(), set(), set()))

    def __post_init__(self) -> None:
        self.registers = self.layout.register_count
        self.reverse = bool(self.op.attributes.get("reverse", False))

    def run(self, runs: list[tuple[int, list[int]]], tensors: list[Held]) -> list[Held]:
        """The prefixes of `tensors`, one for each operand: before the first run every element is a block."""
        steps = (self._registers, self._lanes, self._simdgroups)
        prefixes = totals = tensors
        for number, (kind, run) in enumerate(runs):
            self.done[kind].update(run)
            joined = steps[kind](run, totals)
            if number == 0 and joined.inclusive is not None:
                prefixes = joined.inclusive
            else:
                prefixes = self._prepend(*joined.before(), prefixes)
            if number < len(runs) - 1:
                totals = joined.totals()
        return prefixes

    # ------------------------------------------------------------------------------------------------------- registers
    def _registers(self, run: list[int], totals: list[Held]) -> _Joined:
        group = 1 << len(run)
        across = [i for i in range(len(self.layout.registers)) if i not in self.done[REGISTERS]]
        blocks = [scatter(o, across) for o in range(1 << len(across))]
        table = [block | scatter(self._turned(j, group), run) for block in blocks for j in range(group)]
        scanned = self._scan_registers(totals, table, group)
        numbers = [gather(r, across) for r in range(self.registers)]
        ranks = [self._turned(gather(r, run), group) for r in range(self.registers)]

        def at(ranks: list[int]) -> list[Held]:
            where = tuple(n * group + j for n, j in zip(numbers, ranks, strict=True))
            return [Held(value, where) for value in scanned]

        def before() -> tuple[list[Held], Held]:
            weights = tuple(1 << run.index(i) if i in run else 0 for i in range(len(self.layout.registers)))
            rank = places.position(self.lowering, weights, (), ())
            return at([max(j - 1, 0) for j in ranks]), self._is(rank, NE, self._turned(0, group))

        def of_blocks() -> list[Held]:
            ends = tuple(range(group - 1, len(table), group))
            return [self._held(self.lowering.pick(value, ends), tuple(numbers)) for value in scanned]

        return _Joined(at(ranks), before, of_blocks)

    def _turned(self, number: int, size: int) -> int:
        """Place `number` of `size` in the order of the scan; the same function leads back."""
        return size - 1 - number if self.reverse else number

    def _scan_registers(self, totals: list[Held], table: list[int], group: int) -> list[Value]:
        """Prefixes of the totals over each `group` of registers of `table`."""
        lowering = self.lowering
        values, joined = lowering.join_maps(totals, self.registers)
        entries = max(count_of(v) for v in values)
        values = [spread_entries(lowering, v, entries) for v in values]
        uniform = all(held.uniform for held in totals)
        elements = [element_of(v.type) for v in values]
        types = [RegisterType(len(table), element, uniform) for element in elements]
        attributes = {"group": group, "map": tuple(joined[t] if joined is not None else 0 for t in table)}
        region = combiner_region(lowering, self.op, elements)
        return list(lowering.builder.build("msl.scan_registers", values, types, attributes, [region]).results)

    # ----------------------------------------------------------------------------------------------------------- lanes
    def _lanes(self, run: list[int], totals: list[Held]) -> _Joined:
        """After step k, every lane has the prefix over the lanes that differ in the bits 0 ... k of the run only."""
        lowering, mask = self.lowering, sum(1 << bit for bit in run)
        values, table = lowering.join_maps(totals, self.registers)
        inclusive = [self._held(v, table) for v in values]
        below = 0
        for bit in (1 << index for index in run):
            source = (bit, below) if self.reverse else (below, bit)  # bits to set and to clear
            earlier = [self._shuffle(v, self._lane(*source)) for v in inclusive]
            joined = combine_held(lowering, self.op, earlier, inclusive, self.registers)
            is_later = self._is(self._lane_bits(bit), EQ if self.reverse else NE, 0)
            inclusive = self._select(is_later, joined, inclusive)
            below |= bit

        def before() -> tuple[list[Held], Held]:
            shuffled = [self._shuffle(v, self._previous_lane(mask)) for v in inclusive]
            return shuffled, self._is(self._lane_bits(mask), NE, mask if self.reverse else 0)

        return _Joined(inclusive, before, lambda: [self._of_last_lane(v, mask) for v in inclusive])

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
        return Held(
            lowering.at_entry(
                ("lane bits", mask), lambda b: b.value("arith.andi", [lane, b.constant(mask, I32)], lane.type)
            )
        )

    def _shuffle(self, held: Held, source: Value) -> Held:
        if held.uniform:
            return held
        return self.lowering.elementwise("msl.shuffle", [held, Held(source)], held.element, self.registers)

    def _of_last_lane(self, held: Held, mask: int) -> Held:
        """The value of the lane at the end of the scan over `mask`: uniform if that is one lane."""
        if held.uniform:
            return held
        free = self.layout.free_bits()[1] | sum(1 << bit for bit in self.done[LANES])
        if free + 1 < self.layout.lane_count:
            return self._shuffle(held, self._lane(0, mask) if self.reverse else self._lane(mask, 0))
        lane = self.lowering.constant(0 if self.reverse else mask)
        type_ = RegisterType(count_of(held.value), held.element, True)
        value = self.lowering.builder.value("msl.call", [held.value, lane], type_, {"function": "broadcast"})
        return Held(value, held.map)

    # ------------------------------------------------------------------------------------------------------ simdgroups
    def _simdgroups(self, run: list[int], totals: list[Held]) -> _Joined:
        """Each simdgroup adds up what the others of the run have, part by part, and keeps what comes before its own."""
        partials, parts = self._partials(run), 1 << len(run)
        partials.store(totals)
        rank, place = Held(partials.rank()), partials.place()
        total: list[Held] = []
        before: list[Held] = []

        def and_part(part: int) -> list[Held]:
            loaded = partials.load(place, self._turned(part, parts))
            return combine_held(self.lowering, self.op, total, loaded, self.registers) if total else loaded

        for part in range(parts - 1):
            total = and_part(part)
            is_next = self._is(rank, EQ, self._turned(part + 1, parts))
            before = self._select(is_next, total, before) if before else total
        where = self._is(rank, NE, self._turned(0, parts))
        return _Joined(None, lambda: (before, where), lambda: and_part(parts - 1))

    def _partials(self, run: list[int]) -> Partials:
        """The totals that a simdgroup has: the bits that no run has reached yet tell them apart."""
        weight, weights = 1, ([], [], [])
        for kind in (LANES, REGISTERS, SIMDGROUPS):
            for index, basis in enumerate(self.layout.bases[kind]):
                counts = any(basis) and index not in self.done[kind]
                weights[kind].append(weight if counts else 0)
                weight <<= counts
        registers, lanes, simdgroups = map(tuple, weights)
        return Partials(self.lowering, weight, (registers, lanes, simdgroups), run)

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

    def _prepend(self, before: list[Held], where: Held, prefixes: list[Held]) -> list[Held]:
        """Combine what comes before the block with the prefixes in it, where something does."""
        joined = combine_held(self.lowering, self.op, before, prefixes, self.registers)
        return self._select(where, joined, prefixes)
