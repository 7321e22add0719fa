"""How lowered code holds a tensor: registers of one thread, and the shared vocabulary of the rules beside this file.

A tensor with layout L has `2**len(L.registers)` registers in each lane. Many are equal by construction: a splat is one
uniform value, a row of offsets broadcast over columns repeats. `Held` stores the distinct ones once, and `map` says
which of them register r is; so broadcasting costs nothing and elementwise work is done once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...dialects import is_elementwise
from ...dialects.arith import NE
from ...dialects.msl import count_of, is_kernel_argument
from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Value, constant_of
from ...ir.types import I1, I8, I32, I64, IntegerType, Location, PointerType, RegisterType, TensorType, Type, element_of
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

    def moved(self, move: Callable[[Held], Held]) -> Held:
        """What `move`, which takes elements elsewhere, makes of the numbers in registers."""
        return move(self)


@dataclass(frozen=True)
class Pointers:
    """A tensor of pointers `base + offset`: a uniform base pointer and offsets in elements (i32 or i64)."""

    base: Value
    offset: Held

    def moved(self, move: Callable[[Held], Held]) -> Pointers:
        return Pointers(self.base, move(self.offset))


@dataclass(frozen=True)
class Addresses:
    """A tensor of pointers that have no common base: 64-bit addresses in bytes."""

    address: Held

    def moved(self, move: Callable[[Held], Held]) -> Addresses:
        return Addresses(move(self.address))


Lowered = Held | Pointers | Addresses


def whole(value: Value) -> Held:
    """The tensor or scalar whose registers are the entries of `value`, in order."""
    count = count_of(value)
    return Held(value, tuple(range(count)) if count > 1 else None)


def register_count(type_: Type) -> int:
    """Registers per lane of a tensor type; 1 for a scalar."""
    return 1 << len(type_.layout.registers) if isinstance(type_, TensorType) else 1


@dataclass
class Lowering:
    """The state of one function's lowering: where code goes, and what each original value became.

    entry_builder: what is computed once, at the start of the kernel, and is kept in `entry`. narrow: the base pointers
    whose storage is below 2 GiB.
    """

    target: Target
    simdgroups: int
    builder: Builder
    entry_builder: Builder
    values: dict[Value, Lowered] = field(default_factory=dict)
    narrow: set[Value] = field(default_factory=set)
    entry: dict[tuple, Value] = field(default_factory=dict)

    def __getitem__(self, value: Value) -> Lowered:
        return self.values[value]

    def bind(self, values: Sequence[Value], lowered: Sequence[Lowered]) -> None:
        """Enter what original values, the results of an op or the arguments of a block, are held as."""
        self.values.update(zip(values, lowered, strict=True))

    def held(self, value: Value) -> Held:
        lowered = self.values[value]
        if not isinstance(lowered, Held):
            raise Unsupported("tt.ptr", "a tensor of pointers is used as a number", value.location)
        return lowered

    # -------------------------------------------------------------------------------------------------- building code
    @contextmanager
    def at(self, block: Block, location: Location | None = None) -> Iterator[None]:
        """Code goes to the end of `block`, from the place `location` in the source if one is given."""
        outer = self.builder
        self.builder = Builder(block, None, location or outer.location)
        yield
        self.builder = outer

    def at_entry(self, key: tuple, make: Callable[[Builder], Value]) -> Value:
        """A value computed once at the start of the kernel."""
        if key not in self.entry:
            self.entry[key] = make(self.entry_builder)
        return self.entry[key]

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


# --------------------------------------------------------------------------------------------------------------- rules
Rule = Callable[[Lowering, Op], Lowered | Sequence[Lowered] | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the lowering of the named ops: it returns what the op's result, or each of them, is held as."""

    def register(function: Rule) -> Rule:
        for name in names:
            assert name not in RULES, name
            RULES[name] = function
        return function

    return register


def memory_element(element: Type) -> Type:
    """How an element is kept in memory: i1 takes a byte."""
    return I8 if element is I1 else element


def to_memory(lowering: Lowering, held: Held) -> Held:
    """Numbers as memory keeps them."""
    return Held(lowering.emit("arith.extui", [held.value], I8), held.map) if held.element is I1 else held


def from_memory(lowering: Lowering, held: Held, element: Type) -> Held:
    """What memory keeps of numbers of type `element`, as those."""
    if element is not I1:
        return held
    return Held(lowering.emit("arith.cmpi", [held.value, lowering.constant(0, I8)], I1, {"predicate": NE}), held.map)


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


def lower_ops(lowering: Lowering, ops: Iterable[Op]) -> None:
    """Lower ops in order at the builder's point, and keep what their rules return. Raises Unsupported for one without
    a rule."""
    outer = lowering.builder.location
    for op in ops:
        lowering.builder.location = op.location
        lowered = _rule_of(op)(lowering, op)
        several = [] if lowered is None else lowered if isinstance(lowered, Sequence) else [lowered]
        lowering.bind(op.results, several)
    lowering.builder.location = outer


def lower_body(lowering: Lowering, block: Block) -> Op:
    """Lower all but the terminator of a block at the builder's point; return the terminator."""
    *body, end = block
    lower_ops(lowering, body)
    return end


def _rule_of(op: Op) -> Rule:
    if op.name not in RULES and not is_elementwise(op):
        raise Unsupported(op, "this operation has no lowering to Metal yet")
    return RULES.get(op.name, lower_elementwise)


def lower_elementwise(lowering: Lowering, op: Op) -> Held:
    """tensor<NxT>, ... -> tensor<NxU>: the same op on each distinct register."""
    helds = [lowering.held(operand) for operand in op.operands]
    registers = register_count(op.result.type)
    return lowering.elementwise(op.name, helds, element_of(op.result.type), registers, dict(op.attributes))


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
        return value in seen or is_kernel_argument(value)
    seen.add(value)
    if op.name in ("arith.constant", "msl.program_id", "msl.num_programs"):
        return True
    return is_elementwise(op) and op.name != "msl.call" and all(_is_of_program(o, seen) for o in op.operands)
