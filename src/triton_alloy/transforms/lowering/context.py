"""How lowered code holds a tensor: registers of one thread, and the shared vocabulary of the rules beside this file.

A tensor with layout L has `2**len(L.registers)` registers in each lane. Many are equal by construction: a splat is one
uniform value, a row of offsets broadcast over columns repeats. `Held` stores the distinct ones once, and `map` says
which of them register r is; so broadcasting costs nothing and elementwise work is done once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...dialects import is_elementwise
from ...dialects.msl import count_of, kernel_argument
from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Value, constant_of
from ...ir.types import I1, I8, I32, I64, IntegerType, PointerType, RegisterType, TensorType, Type, element_of
from ...layout import LinearLayout
from ...target import Target


@dataclass(frozen=True)
class Held:
    """A tensor's or scalar's registers: register r is entry `map[r]` of `value`; no map: the only entry."""

    value: Value
    map: tuple[int, ...] | None = None

    @property
    def uniform(self) -> bool:
        """Whether all lanes of the simdgroup hold the same values."""
        return not isinstance(self.value.type, RegisterType) or self.value.type.uniform

    @property
    def element(self) -> Type:
        return element_of(self.value.type)

    def index(self, register: int) -> int:
        return self.map[register] if self.map is not None else 0

    def remap(self, source_registers: tuple[int, ...]) -> Held:
        """The tensor whose register r is this one's register `source_registers[r]`."""
        if self.map is None:
            return self
        return Held(self.value, tuple(self.map[s] for s in source_registers))


@dataclass(frozen=True)
class Pointers:
    """A tensor of pointers `base + offset`: a uniform base pointer and offsets in elements (i32 or i64)."""

    base: Value
    offset: Held

    def remap(self, source_registers: tuple[int, ...]) -> Pointers:
        return Pointers(self.base, self.offset.remap(source_registers))


@dataclass(frozen=True)
class Addresses:
    """A tensor of pointers that have no common base: 64-bit addresses in bytes."""

    address: Held

    def remap(self, source_registers: tuple[int, ...]) -> Addresses:
        return Addresses(self.address.remap(source_registers))


Lowered = Any  # Held | Pointers | Addresses


def register_count(type_: Type) -> int:
    """Registers per lane of a tensor type; 1 for a scalar."""
    return 1 << len(type_.layout.registers) if isinstance(type_, TensorType) else 1


@dataclass
class Lowering:
    """The state of one function's lowering: where code goes, and what each original value became."""

    target: Target
    simdgroups: int
    builder: Builder
    values: dict[Value, Lowered] = field(default_factory=dict)
    narrow: set[Value] = field(default_factory=set)
    entry: dict[tuple, Value] = field(default_factory=dict)
    entry_builder: Builder | None = None

    def __getitem__(self, value: Value) -> Lowered:
        return self.values[value]

    def held(self, value: Value) -> Held:
        lowered = self.values[value]
        if not isinstance(lowered, Held):
            raise Unsupported("tt.ptr", "a tensor of pointers is used as a number", value.location)
        return lowered

    # -------------------------------------------------------------------------------------------------- building code
    def emit(
        self, name: str, operands: list[Value], element: Type, attributes: dict[str, Any] | None = None, count: int = 0
    ) -> Value:
        """An elementwise op: `count` entries (default: the largest of the operands'), uniform iff all operands are."""
        if name == "arith.addi" and any(is_zero(o) for o in operands):
            return operands[1] if is_zero(operands[0]) else operands[0]
        types = [o.type for o in operands]
        entries = count or max([count_of(o) for o in operands], default=1)
        uniform = all(not isinstance(t, RegisterType) or t.uniform for t in types)
        return self.builder.value(name, operands, RegisterType(entries, element, uniform), attributes)

    def constant(self, number: int | float, type_: Type = I32) -> Value:
        return self.builder.constant(number, type_)

    def materialise(self, held: Held, registers: int) -> Value:
        """All `registers` entries in order; a single value (count 1) when they are all the same entry."""
        if held.map is None or (held.map == tuple(range(registers)) and count_of(held.value) == registers):
            return held.value
        if count_of(held.value) == 1:
            return held.value
        return self.pick(held.value, held.map)

    def pick(self, value: Value, indices: tuple[int, ...]) -> Value:
        """Entries `indices` of `value`: a renaming."""
        if count_of(value) == 1 or (indices == tuple(range(len(indices))) and len(indices) == count_of(value)):
            return value
        uniform = isinstance(value.type, RegisterType) and value.type.uniform
        type_ = RegisterType(len(indices), element_of(value.type), uniform)
        return self.builder.value("msl.index", [value], type_, {"map": indices})

    def join_maps(
        self, helds: list[Held], registers: int, exact: bool = False
    ) -> tuple[list[Value], tuple[int, ...] | None]:
        """Values of equal count (or single ones) for an elementwise op over `helds`, and the map of its result.

        exact: the op has an effect, so it must run on the entries that are used and on no others."""
        several = [h for h in helds if h.map is not None and count_of(h.value) > 1]
        if not several:
            return [h.value for h in helds], None
        entries = count_of(several[0].value)
        alike = all(h.map == several[0].map and count_of(h.value) == entries for h in several)
        if alike and (not exact or len(set(several[0].map or ())) == entries):
            return [h.value for h in helds], several[0].map
        keys: dict[tuple[int, ...], int] = {}
        result_map = []
        for register in range(registers):
            key = tuple(h.map[register] for h in several if h.map is not None)
            result_map.append(keys.setdefault(key, len(keys)))
        columns = list(zip(*keys, strict=True))
        picked = {id(h): self.pick(h.value, tuple(c)) for h, c in zip(several, columns, strict=True)}
        return [picked.get(id(h), h.value) for h in helds], tuple(result_map)

    def elementwise(
        self, name: str, helds: list[Held], element: Type, registers: int, attributes: dict[str, Any] | None = None
    ) -> Held:
        """One elementwise op over held tensors of `registers` registers each."""
        operands, result_map = self.join_maps(helds, registers)
        return Held(self.emit(name, operands, element, attributes), result_map)

    # ---------------------------------------------------------------------------------------------------- coordinates
    def at_entry(self, key: tuple, make: Callable[[Builder], Value]) -> Value:
        """A value computed once at the start of the kernel."""
        if key not in self.entry:
            assert self.entry_builder is not None
            self.entry[key] = make(self.entry_builder)
        return self.entry[key]

    def lane(self) -> Value:
        return self.at_entry(("lane",), lambda b: b.value("msl.lane", [], RegisterType(1, I32)))

    def simdgroup(self) -> Value:
        return self.at_entry(("simdgroup",), lambda b: b.value("msl.simdgroup", [], I32))

    def bits_to_number(self, source: Value, bases: tuple[int, ...]) -> Value | None:
        """The sum over bits i of `source` of bases[i], as few shifts and masks as possible; None if all are zero.

        Bases that double with consecutive bits are one masked shift: the usual layouts need one term.
        """
        key = ("bits", source, bases)
        runs = _runs(bases)
        if not runs:
            return None

        def make(b: Builder) -> Value:
            total: Value | None = None
            for start, length, weight in runs:
                term = source
                whole = start == 0 and length == len(bases)
                if start:
                    term = b.value("arith.shrui", [term, b.constant(start, I32)], source.type)
                if not whole and start + length != len(bases):
                    term = b.value("arith.andi", [term, b.constant((1 << length) - 1, I32)], source.type)
                if weight != 1:
                    term = b.value("arith.muli", [term, b.constant(weight, I32)], source.type)
                total = term if total is None else b.value("arith.addi", [total, term], source.type)
            assert total is not None
            return total

        return self.at_entry(key, make)

    def coordinate(self, layout: LinearLayout, strides: tuple[int, ...]) -> Held:
        """`sum(coordinate[d] * strides[d])` of the element each register holds, as i32 (strides in elements)."""
        weigh = lambda basis: sum(c * s for c, s in zip(basis, strides, strict=True))  # noqa: E731
        return self.position(*(tuple(map(weigh, bases)) for bases in layout.bases))

    def position(self, registers: tuple[int, ...], lanes: tuple[int, ...], simdgroups: tuple[int, ...]) -> Held:
        """The sum of the weights of the bits that are 1 in the register, lane and simdgroup index, as i32."""
        parts = [self.bits_to_number(self.lane(), lanes) if any(lanes) else None]
        if self.simdgroups > 1 and any(simdgroups):
            parts.append(self.bits_to_number(self.simdgroup(), simdgroups))
        place = self._sum_at_entry([p for p in parts if p is not None])
        kept = tuple(weight for weight in registers if weight)
        if not kept:
            return Held(place if place is not None else self.constant(0))
        entries = self.builder.value("msl.register", [], RegisterType(1 << len(kept), I32, True), {"bases": kept})
        value = entries if place is None else self.emit("arith.addi", [place, entries], I32)
        return Held(value, compress(registers))

    def exclusive_or(self, lanes: tuple[int, ...], simdgroups: tuple[int, ...]) -> Value:
        """The XOR of the bases of the bits that are 1 in the lane and simdgroup index."""
        parts = [self._masked(self.lane(), bit, basis) for bit, basis in enumerate(lanes) if basis]
        if self.simdgroups > 1:
            parts += [self._masked(self.simdgroup(), bit, basis) for bit, basis in enumerate(simdgroups) if basis]
        total = parts[0] if parts else self.constant(0)
        for part in parts[1:]:
            key, left = ("xor", total, part), total
            total = self.at_entry(key, lambda b, x=left, y=part: b.value("arith.xori", [x, y], RegisterType(1, I32)))
        return total

    def _masked(self, source: Value, bit: int, basis: int) -> Value:
        """`basis` where bit `bit` of `source` is 1, else 0."""
        value = self.bits_to_number(source, tuple(basis if i == bit else 0 for i in range(bit + 2)))
        assert value is not None
        return value

    def parity(self, lanes: tuple[int, ...], simdgroups: tuple[int, ...]) -> Value:
        """Whether an odd number of the named index bits are 1 (`lanes[i]` is 1 for the bits that count)."""
        odd = self.exclusive_or(lanes, simdgroups)
        uniform = not isinstance(odd.type, RegisterType)
        return self.at_entry(
            ("odd", odd),
            lambda b: b.value("arith.cmpi", [odd, b.constant(0, I32)], RegisterType(1, I1, uniform), {"predicate": 1}),
        )

    def _sum_at_entry(self, parts: list[Value]) -> Value | None:
        if len(parts) < 2:
            return parts[0] if parts else None
        return self.at_entry(("sum", *parts), lambda b: b.value("arith.addi", parts, RegisterType(1, I32)))

    def owner_mask(self, layout: LinearLayout) -> Value | None:
        """True in the one lane and simdgroup that owns each element; None when nothing is replicated."""
        _, lanes, groups = layout.free_bits()
        return self.elect(lanes, groups)

    def elect(self, lane_bits: int, simdgroup_bits: int) -> Value | None:
        """True where these bits of the lane and simdgroup index are 0; None when that is everywhere."""
        masks = [self._no_bits(self.lane(), lane_bits)] if lane_bits else []
        if simdgroup_bits and self.simdgroups > 1:
            masks.append(self._no_bits(self.simdgroup(), simdgroup_bits))
        if len(masks) < 2:
            return masks[0] if masks else None
        return self.at_entry(("both", *masks), lambda b: b.value("arith.andi", masks, RegisterType(1, I1)))

    def _no_bits(self, source: Value, free: int) -> Value:
        def make(b: Builder) -> Value:
            masked = b.value("arith.andi", [source, b.constant(free, I32)], source.type)
            type_ = RegisterType(1, I1, not isinstance(source.type, RegisterType))
            return b.value("arith.cmpi", [masked, b.constant(0, I32)], type_, {"predicate": 0})

        return self.at_entry(("free", source, free), make)


def _runs(bases: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(first bit, bits, weight) of maximal runs of doubling non-zero bases."""
    runs: list[tuple[int, int, int]] = []
    for bit, base in enumerate(bases):
        if not base:
            continue
        if runs:
            start, length, weight = runs[-1]
            if start + length == bit and base == weight << length:
                runs[-1] = (start, length + 1, weight)
                continue
        runs.append((bit, 1, base))
    return runs


def compress(bases: tuple[int, ...]) -> tuple[int, ...]:
    """For each register index, the index made of only its bits with a non-zero basis."""
    table = [0]
    position = 0
    for base in bases:
        step = 1 << position if base else 0
        table += [entry | step for entry in table]
        position += bool(base)
    return tuple(table)


# --------------------------------------------------------------------------------------------------------------- rules
Rule = Callable[[Lowering, Op], None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the lowering of the named ops."""

    def register(function: Rule) -> Rule:
        for name in names:
            assert name not in RULES, name
            RULES[name] = function
        return function

    return register


def memory_element(element: Type) -> Type:
    """How an element is kept in memory: i1 takes a byte."""
    return I8 if element is I1 else element


def is_zero(value: Value) -> bool:
    return constant_of(value) == 0


def is_pointer(type_: Type) -> bool:
    return isinstance(element_of(type_), PointerType)


def widen(lowering: Lowering, held: Held) -> Held:
    """Integers as i64, sign-extended."""
    if held.element is I64:
        return held
    assert isinstance(held.element, IntegerType)
    return Held(lowering.emit("arith.extsi", [held.value], I64), held.map)


def lower_block(lowering: Lowering, block: Block) -> None:
    """Lower the ops of a block at the builder's point. Raises Unsupported for an op without a rule."""
    for op in block:
        lowering.builder.location = op.location
        if op.name in RULES:
            RULES[op.name](lowering, op)
        elif is_elementwise(op):
            lower_elementwise(lowering, op)
        else:
            raise Unsupported(op, "this operation has no lowering to Metal yet", op.location)


def lower_elementwise(lowering: Lowering, op: Op) -> None:
    """tensor<NxT>, ... -> tensor<NxU>: the same op on each distinct register."""
    helds = [lowering.held(operand) for operand in op.operands]
    registers = register_count(op.result.type)
    result = lowering.elementwise(op.name, helds, element_of(op.result.type), registers, dict(op.attributes))
    lowering.values[op.result] = result


def first(lowering: Lowering, value: Value) -> Value:
    """A value known to be the same in all lanes, as a uniform one."""
    if not isinstance(value.type, RegisterType) or value.type.uniform:
        return value
    type_ = RegisterType(value.type.count, value.type.element, True)
    return lowering.builder.value("msl.call", [value], type_, {"function": "first"})


def spread(lowering: Lowering, value: Value, type_: Type) -> Value:
    """A single or uniform value as an array of `type_`."""
    if value.type is type_:
        return value
    name = "b1" if element_of(type_) is I1 else str(element_of(type_))
    return lowering.builder.value("msl.call", [value], type_, {"function": name})


def is_alike_everywhere(held: Held, layout: LinearLayout) -> bool:
    """Whether all elements of a tensor are known to be one number. A uniform value is one of its simdgroup, and may
    differ between simdgroups that hold different elements."""
    if not held.uniform or held.map is not None:
        return False
    return not any(map(any, layout.simdgroups)) or _is_of_program(held.value, set())


def _is_of_program(value: Value, seen: set[Value]) -> bool:
    """Whether a uniform value is computed from constants, arguments and program ids alone."""
    op = value.definer
    if value in seen or op is None:
        return value in seen or kernel_argument(value) is not None
    seen.add(value)
    if op.name in ("arith.constant", "msl.program_id", "msl.num_programs"):
        return True
    return is_elementwise(op) and op.name != "msl.call" and all(_is_of_program(o, seen) for o in op.operands)
