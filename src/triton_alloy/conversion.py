"""Conversions between two layouts of one tensor: what must move, and the cheapest steps that do it.

Let a source have the bases R, L, S of registers, lanes and simdgroups (layout.py) and a destination R', L', S'. Data
stay inside their simdgroup iff every R', every L' and every difference S ^ S' is a sum of R and L. Then three kinds of
step suffice, each at most once in this order:

    1. selects    each lane renames its registers: x1[r][lane] = x[r ^ p(lane, simdgroup)][lane]    L1 = L ^ R p
    2. a shuffle  x2[r][lane] = x1[f(r)][a(lane) ^ b(r) ^ c(simdgroup)]                              R' = R f ^ L1 b
    3. selects    x3[r][lane] = x2[r ^ q(lane, simdgroup)][lane]                                     L' = L1 a ^ R' q

with linear p, f, a, b, c, q. (A matrix of bits is the product of a unit upper, a lower and a unit upper triangular
block matrix.) Swapping k register bits with k lane bits, for instance, takes one shuffle by XOR for each register whose
index is not 0 in those bits. Lane i keeps its name (a = 1) wherever L[i] ^ L'[i] is a sum of R and R'.

Where every new basis of a lane comes from the registers, a chain of exchanges, each of one register bit with one lane
bit, does the same: k of them swap k bits. Which of the two is cheaper is the machine's affair (ConversionCosts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from .layout import LinearLayout, Span, combine, tabulate


# ------------------------------------------------------------------------------------------------------------- steps
@dataclass(frozen=True)
class Permute:
    """result[r] = x[registers[r]]: names only."""

    registers: tuple[int, ...]


@dataclass(frozen=True)
class Select:
    """result[r] = x[odd[r]] if popcount(lane & lanes) + popcount(simdgroup & simdgroups) is odd, else x[even[r]]."""

    even: tuple[int, ...]
    odd: tuple[int, ...]
    lanes: int
    simdgroups: int

    @property
    def moves(self) -> bool:
        return self.even != self.odd

    @property
    def inputs(self) -> tuple[int, ...]:
        return self.even if self.even == self.odd else self.even + self.odd

    def pick(self, names: Sequence[int]) -> Select:
        """The step for the results `names` only."""
        return replace(self, even=tuple(self.even[n] for n in names), odd=tuple(self.odd[n] for n in names))

    def rename(self, names: Mapping[int, int]) -> Select:
        """The step where its operand's register i is called names[i]."""
        return replace(self, even=tuple(names[i] for i in self.even), odd=tuple(names[i] for i in self.odd))


@dataclass(frozen=True)
class Shuffle:
    """result[r] = x[registers[r]] of lane (A(lane) ^ offsets[r] ^ C(simdgroup)). A and C are linear: the XOR of
    `lanes[i]` for the bits i of the lane, and of `simdgroups[i]` for those of the simdgroup."""

    registers: tuple[int, ...]
    offsets: tuple[int, ...]
    lanes: tuple[int, ...]
    simdgroups: tuple[int, ...]

    @property
    def is_xor(self) -> bool:
        """Whether every register is a shuffle by XOR with the constant `offsets[r]`, a plain move where that is 0."""
        return not any(self.simdgroups) and all(basis == 1 << bit for bit, basis in enumerate(self.lanes))

    @property
    def moves(self) -> bool:
        return not self.is_xor or any(self.offsets)

    @property
    def inputs(self) -> tuple[int, ...]:
        return self.registers

    def pick(self, names: Sequence[int]) -> Shuffle:
        """The step for the results `names` only."""
        registers, offsets = (tuple(field[n] for n in names) for field in (self.registers, self.offsets))
        return replace(self, registers=registers, offsets=offsets)

    def rename(self, names: Mapping[int, int]) -> Shuffle:
        """The step where its operand's register i is called names[i]."""
        return replace(self, registers=tuple(names[i] for i in self.registers))


@dataclass(frozen=True)
class Exchange:
    """Of `registers` registers: what is in one whose bit `register_bit` is j, in a lane whose bit `lane_bit` is t, goes
    to the register whose bit is t of the lane whose bit is j."""

    register_bit: int
    lane_bit: int
    registers: int


Step = Permute | Select | Shuffle | Exchange


@dataclass(frozen=True)
class Conversion:
    """`kind`: "none", "registers" (one Permute), "shuffles" (`steps` inside a simdgroup) or "threadgroup" (through
    threadgroup memory). `local`: the data stay inside their simdgroup, so that a simdgroup barrier is enough."""

    kind: str
    steps: tuple[Step, ...] = ()
    local: bool = True


@dataclass(frozen=True)
class ConversionCosts:
    """Cycles of one scheduler for one instruction of a simdgroup; `exchange`: for one pair of registers."""

    select: float
    exchange: float
    shuffle_xor: float
    shuffle: float
    threadgroup_access: float
    simdgroup_barrier: float
    threadgroup_barrier: float

    def of_steps(self, steps: Sequence[Step]) -> float:
        return sum(self._of_step(step) for step in steps)

    def _of_step(self, step: Step) -> float:
        if isinstance(step, Select):
            return self.select * sum(a != b for a, b in zip(step.even, step.odd, strict=True))
        if isinstance(step, Exchange):
            return self.exchange * (step.registers // 2)
        if isinstance(step, Permute):
            return 0.0
        return self.shuffle_xor * sum(map(bool, step.offsets)) if step.is_xor else self.shuffle * len(step.registers)

    def of_threadgroup(self, source: LinearLayout, destination: LinearLayout, local: bool) -> float:
        barrier = self.simdgroup_barrier if local else self.threadgroup_barrier
        return self.threadgroup_access * (source.register_count + destination.register_count) + 2 * barrier

    def of(self, source: LinearLayout, destination: LinearLayout) -> float:
        """The cost of the conversion that `classify` chooses."""
        conversion = classify(source, destination, self)
        if conversion.kind == "threadgroup":
            return self.of_threadgroup(source, destination, conversion.local)
        return self.of_steps(conversion.steps)


@cache
def classify(source: LinearLayout, destination: LinearLayout, costs: ConversionCosts | None = None) -> Conversion:
    """How to convert between two layouts of one shape. With `costs`, the cheapest way; without, the three kinds of
    step, and threadgroup memory only where data cross simdgroups."""
    if source is destination:
        return Conversion("none")
    steps = plan(source, destination)
    if steps is None:
        return Conversion("threadgroup", local=False)
    if not steps or all(isinstance(step, Permute) for step in steps):
        return Conversion("registers" if steps else "none", steps)
    if costs is None:
        return Conversion("shuffles", steps)
    exchanged = exchanges(source, destination)
    if exchanged is not None and costs.of_steps(exchanged) < costs.of_steps(steps):
        steps = exchanged
    if costs.of_steps(steps) > costs.of_threadgroup(source, destination, local=True):
        return Conversion("threadgroup")
    return Conversion("shuffles", steps)


# -------------------------------------------------------------------------------------------------------------- plans
def plan(source: LinearLayout, destination: LinearLayout) -> tuple[Step, ...] | None:
    """The steps of a conversion inside simdgroups; None where data must cross simdgroups."""
    registers, lanes, simdgroups = source.offsets
    moved = [old ^ new for old, new in zip(simdgroups, destination.offsets[2], strict=True)]
    reach = Span((*registers, *lanes))
    if any(basis not in reach for basis in (*destination.offsets[0], *destination.offsets[1], *moved)):
        return None
    steps = _three_steps(source, destination, destination.offsets[0])
    if steps is None:
        # A copy of all source registers makes every lane's choice possible after the shuffle. Note [Enough registers]
        known = Span(destination.offsets[0])
        extra = [basis for basis in registers if known.add(basis)]
        steps = _three_steps(source, destination, (*destination.offsets[0], *extra))
        assert steps is not None
    return _prune(steps, source.register_count, destination.register_count)


def _three_steps(
    source: LinearLayout, destination: LinearLayout, registers: tuple[int, ...]
) -> list[Select | Shuffle] | None:
    """The steps to a layout whose registers are `registers`: the destination's, or more. None if there are too few."""
    old_registers, old_lanes, old_simdgroups = source.offsets
    lanes = _solve_lanes(old_registers, old_lanes, registers, destination.offsets[1])
    if lanes is None:
        return None
    before, middle, shuffled, after = lanes
    count, more = len(old_registers), len(registers)
    span = Span((*old_registers, *registers, *middle))
    columns = [_solved(span, old ^ new) for old, new in zip(old_simdgroups, destination.offsets[2], strict=True)]
    simdgroups_before = [_field(column, 0, count) for column in columns]
    simdgroups_after = [_field(column, count, more) for column in columns]
    simdgroups_shuffled = tuple(column >> (count + more) for column in columns)
    span = Span((*old_registers, *middle))
    columns = [_solved(span, basis) for basis in registers]
    shuffle = Shuffle(
        tuple(tabulate([_field(column, 0, count) for column in columns])),
        tuple(tabulate([column >> count for column in columns])),
        tuple(shuffled),
        simdgroups_shuffled,
    )
    return [
        *_selects(count, before, simdgroups_before),
        shuffle,
        *_selects(more, after, simdgroups_after),
    ]


def _solve_lanes(
    old_registers: tuple[int, ...], old_lanes: tuple[int, ...], registers: tuple[int, ...], lanes: tuple[int, ...]
) -> tuple[list[int], list[int], list[int], list[int]] | None:
    """For each lane bit: registers selected before (p), its basis after that (L1), the lane shuffled from (a), and
    registers selected after (q). None if some lane would have to choose between registers that are not there."""
    size = len(lanes)
    before, after, shuffled = [0] * size, [0] * size, [1 << bit for bit in range(size)]
    count = len(old_registers)
    span = Span((*old_registers, *registers))
    renamed = []
    for bit in range(size):
        column = span.solve(old_lanes[bit] ^ lanes[bit])
        if column is None:
            renamed.append(bit)
            continue
        before[bit], after[bit] = _field(column, 0, count), column >> count
    middle = [basis ^ combine(old_registers, p) for basis, p in zip(old_lanes, before, strict=True)]
    for bit in renamed:
        if lanes[bit] not in Span((*registers, *middle)):
            spare = _spare_lane(renamed, registers, middle)
            if spare is None:
                return None
            column = _solved(Span((*middle, *old_registers)), lanes[bit]) >> size
            before[spare] ^= column
            middle[spare] ^= combine(old_registers, column)
    for bit in renamed:
        column = _solved(Span((*middle, *registers)), lanes[bit])
        shuffled[bit], after[bit] = _field(column, 0, size), column >> size
    return before, middle, shuffled, after


def _spare_lane(renamed: list[int], registers: tuple[int, ...], middle: list[int]) -> int | None:
    """A lane bit among `renamed` whose basis the others can do without."""
    for bit in renamed:
        others = (basis for other, basis in enumerate(middle) if other != bit)
        if middle[bit] in Span((*registers, *others)):
            return bit
    return None


def _solved(span: Span, vector: int) -> int:
    column = span.solve(vector)
    assert column is not None, "the caller has checked that the data are in the simdgroup"
    return column


def _field(value: int, start: int, width: int) -> int:
    return value >> start & ((1 << width) - 1)


def _selects(count: int, lanes: list[int], simdgroups: list[int]) -> list[Select | Shuffle]:
    """One Select for each of `count` register bits that depends on a lane or simdgroup bit."""
    steps: list[Select | Shuffle] = []
    even = tuple(range(1 << count))
    for bit in range(count):
        lane_mask, simdgroup_mask = (
            sum(1 << index for index, column in enumerate(columns) if column >> bit & 1)
            for columns in (lanes, simdgroups)
        )
        if lane_mask or simdgroup_mask:
            steps.append(Select(even, tuple(r ^ 1 << bit for r in even), lane_mask, simdgroup_mask))
    return steps


def _prune(steps: list[Select | Shuffle], sources: int, results: int) -> tuple[Step, ...]:
    """The steps for the first `results` registers only, without registers that nothing needs; steps that move nothing
    become names in the step after them, or a Permute if they are all there is. `sources`: the source's registers."""
    names = tuple(range(results))  # the registers of the step above that the steps below take, by their numbering
    pruned: list[Select | Shuffle] = []
    for step in reversed(steps):
        step = step.pick(names)
        if not step.moves:
            names = step.inputs
            continue
        names = tuple(sorted(set(step.inputs)))
        pruned.append(step.rename({register: index for index, register in enumerate(names)}))
    if pruned:
        pruned[-1] = pruned[-1].rename(dict(enumerate(names)))
    elif names != tuple(range(sources)):
        return (Permute(names),)
    return tuple(reversed(pruned))


def exchanges(source: LinearLayout, destination: LinearLayout) -> tuple[Step, ...] | None:
    """The exchanges, and renamings of registers, of a conversion that they can do; else None."""
    registers, lanes = list(source.offsets[0]), list(source.offsets[1])
    if source.offsets[2] != destination.offsets[2]:
        return None
    steps: list[Step] = []
    wrong = [bit for bit, basis in enumerate(destination.offsets[1]) if lanes[bit] != basis]
    while wrong:
        span = Span(registers)
        lane_bit = next((bit for bit in wrong if destination.offsets[1][bit] in span), None)
        if lane_bit is None:
            return None
        column = _solved(span, destination.offsets[1][lane_bit])
        if not column:  # the lanes are to hold copies, and no register bit has any to give
            return None
        register_bit = column.bit_length() - 1
        if column != 1 << register_bit:
            bases = [1 << bit for bit in range(len(registers))]
            bases[register_bit] = column
            steps.append(Permute(tuple(tabulate(bases))))
        registers[register_bit], lanes[lane_bit] = lanes[lane_bit], destination.offsets[1][lane_bit]
        steps.append(Exchange(register_bit, lane_bit, 1 << len(registers)))
        wrong.remove(lane_bit)
    return _renamed(steps, registers, destination.offsets[0])


def _renamed(steps: list[Step], registers: list[int], names: tuple[int, ...]) -> tuple[Step, ...] | None:
    """The steps, and a last one by which registers with the bases `registers` become those with `names`."""
    columns = [Span(registers).solve(basis) for basis in names]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    table = tuple(tabulate(known))
    return tuple(steps) if table == tuple(range(1 << len(registers))) else (*steps, Permute(table))


# Note [Enough registers]
#
# Let a destination have fewer registers than the source, all source lanes distinct, and some destination lane in need
# of an element that another register holds. Then no select before the shuffle helps every lane, and after it the source
# registers are gone. With the source registers kept beside the new ones, L' = L1 a ^ R'' q has a solution with p = 0,
# as every L' is a sum of R and L. The selects after the shuffle then drop the kept ones, and _prune what they need not.
