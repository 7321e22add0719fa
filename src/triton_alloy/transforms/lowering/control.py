"""scf.for, scf.if, scf.while: a tensor is carried as its registers; a tensor of pointers as base and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...dialects.control import For, If, While
from ...errors import Unsupported
from ...ir.core import Block, Op, Region, Value
from ...ir.types import I32, I64, Location, RegisterType, TensorType, Type, element_of
from .context import (
    Addresses,
    Held,
    Lowered,
    Lowering,
    Pointers,
    first,
    lower_body,
    register_count,
    rule,
    spread,
    whole,
    widen,
)
from .memory import addresses_of


class Crossing:
    """How values of one original type cross a region boundary: the register types, and how to pack and unpack them."""

    def __init__(self, lowering: Lowering, type_: Type, initial: Lowered | None):
        self.type = type_
        self.kind = type(initial) if initial is not None else Held
        self.registers = register_count(type_)
        self.uniform = not isinstance(type_, TensorType) or not any(any(b) for b in type_.layout.lanes)
        self.element = element_of(type_)
        self.narrow = isinstance(initial, Pointers) and initial.base in lowering.narrow
        self.base_type = initial.base.type if isinstance(initial, Pointers) else None
        if isinstance(initial, Pointers):
            self.element = I32 if self.narrow else I64
        elif isinstance(initial, Addresses):
            self.element = I64

    def types(self) -> list[Type]:
        data = RegisterType(self.registers, self.element, self.uniform)
        return [self.base_type, data] if self.base_type is not None else [data]

    def pack(self, lowering: Lowering, lowered: Lowered, location: Location) -> list[Value]:
        """The values to carry. Raises Unsupported when a loop changes the kind of its pointers."""
        if isinstance(lowered, Held):
            return [self._array(lowering, lowered)]
        if isinstance(lowered, Pointers) and self.kind is Addresses:
            bits = element_of(self.type).pointee.width
            lowered = addresses_of(lowering, lowered, bits, self.registers)
        if not isinstance(lowered, self.kind):
            reason = "pointers with a common base become pointers without one across iterations or branches"
            raise Unsupported("scf.yield", reason, location)
        if isinstance(lowered, Addresses):
            return [self._array(lowering, lowered.address)]
        offset = widen(lowering, lowered.offset) if self.element is I64 else lowered.offset
        if offset.element is not self.element:
            raise Unsupported("scf.yield", "a carried pointer's offset needs 64 bits", location)
        return [lowered.base, self._array(lowering, offset)]

    def _array(self, lowering: Lowering, held: Held) -> Value:
        value = lowering.materialise(held, self.registers)
        if self.uniform and isinstance(value.type, RegisterType) and not value.type.uniform:
            value = first(lowering, value)
        wanted = self.types()[-1]
        if value.type is wanted:
            return value
        return spread(lowering, value, wanted)

    def unpack(self, lowering: Lowering, values: Sequence[Value]) -> Lowered:
        held = whole(values[-1])
        if self.kind is Pointers:
            if self.narrow:
                lowering.narrow.add(values[0])
            return Pointers(values[0], held)
        return Addresses(held) if self.kind is Addresses else held


def _plan(lowering: Lowering, types: Sequence[Type], initials: Sequence[Lowered]) -> list[Crossing]:
    return [Crossing(lowering, t, i) for t, i in zip(types, initials, strict=True)]


def _pack_all(lowering: Lowering, plan: list[Crossing], lowered: Sequence[Lowered], location: Location) -> list[Value]:
    values = []
    for carried, value in zip(plan, lowered, strict=True):
        values += carried.pack(lowering, value, location)
    return values


def _unpack_all(
    lowering: Lowering, plan: list[Crossing], originals: Sequence[Value], values: Sequence[Value]
) -> list[Lowered]:
    """What `values` hold of each of `originals`, whose places in the source they take."""
    unpacked, position = [], 0
    for carried, original in zip(plan, originals, strict=True):
        width = len(carried.types())
        part = values[position : position + width]
        for value in part:
            value.location = original.location
        unpacked.append(carried.unpack(lowering, part))
        position += width
    return unpacked


def _all_types(plan: list[Crossing]) -> list[Type]:
    return [t for carried in plan for t in carried.types()]


@dataclass(frozen=True)
class Branch:
    """A lowered block that wants its end: `values` cross there, as the original terminator at `location` says."""

    block: Block
    values: list[Lowered]
    location: Location

    def end(self, lowering: Lowering, plan: list[Crossing], condition: Value | None = None) -> Region:
        """The region, ended by an scf.yield, or by an scf.condition."""
        values = self.values if condition is None else self.values[1:]
        with lowering.at(self.block, self.location):
            packed = _pack_all(lowering, plan, values, self.location)
            if condition is None:
                lowering.builder.build("scf.yield", packed)
            else:
                lowering.builder.build("scf.condition", [condition, *packed])
        return Region([self.block])


def _branch(lowering: Lowering, source: Block, block: Block) -> Branch:
    """Lower all but the terminator of `source` into `block`."""
    with lowering.at(block):
        end = lower_body(lowering, source)
    return Branch(block, [lowering[o] for o in end.operands], end.location)


def _enter(lowering: Lowering, block: Block, plan: list[Crossing], originals: Sequence[Value]) -> Block:
    """`block` with arguments for what crosses into it, as `originals`."""
    arguments = [block.add_argument(t) for t in _all_types(plan)]
    lowering.bind(originals, _unpack_all(lowering, plan, originals, arguments))
    return block


@rule("scf.for")
def for_(lowering: Lowering, op: Op) -> list[Lowered]:
    """for %i = lb to ub step s iter_args(...)"""
    parts = For(op)
    bounds = [lowering.held(o).value for o in parts.bounds]
    initials = [lowering[o] for o in parts.initial]
    plan = _plan(lowering, [o.type for o in parts.initial], initials)
    start = _pack_all(lowering, plan, initials, op.location)
    block = Block()
    lowering.bind([parts.index], [Held(block.add_argument(parts.index.type, parts.index.location))])
    body = _branch(lowering, op.body, _enter(lowering, block, plan, parts.carried)).end(lowering, plan)
    attributes = {"unsigned": True} if "unsignedCmp" in op.attributes else {}
    attributes |= {"unroll": True} if "unroll" in op.attributes else {}
    loop = lowering.builder.build("scf.for", [*bounds, *start], _all_types(plan), attributes, [body])
    return _unpack_all(lowering, plan, op.results, loop.results)


@rule("scf.if")
def if_(lowering: Lowering, op: Op) -> list[Lowered]:
    condition = lowering.held(If(op).condition).value
    branches = [
        _branch(lowering, region.blocks[0], Block()) if region.blocks else Branch(Block(), [], op.location)
        for region in op.regions
    ]
    kinds = [_joined_kind(values) for values in zip(*(b.values for b in branches), strict=True)] if op.results else []
    plan = _plan(lowering, [r.type for r in op.results], kinds)
    regions = [branch.end(lowering, plan) for branch in branches]
    new = lowering.builder.build("scf.if", [condition], _all_types(plan), {}, regions)
    return _unpack_all(lowering, plan, op.results, new.results)


def _joined_kind(values: Sequence[Lowered]) -> Lowered:
    """The representative that decides how both branches' values are carried: the most general kind."""
    for kind in (Addresses, Pointers):
        for value in values:
            if isinstance(value, kind):
                return value
    return values[0]


@rule("scf.while")
def while_(lowering: Lowering, op: Op) -> list[Lowered]:
    """The "before" region computes the condition and the values that the "after" region and the results see."""
    initials = [lowering[o] for o in op.operands]
    plan = _plan(lowering, [o.type for o in op.operands], initials)
    start = _pack_all(lowering, plan, initials, op.location)
    before, after = While(op).before, While(op).after
    test = _branch(lowering, before, _enter(lowering, Block(), plan, before.arguments))
    condition = lowering.held(While(op).condition).value
    passed_plan = _plan(lowering, [r.type for r in op.results], test.values[1:])
    regions = [test.end(lowering, passed_plan, condition)]
    body = _branch(lowering, after, _enter(lowering, Block(), passed_plan, after.arguments))
    regions.append(body.end(lowering, plan))
    new = lowering.builder.build("scf.while", start, _all_types(passed_plan), {}, regions)
    return _unpack_all(lowering, passed_plan, op.results, new.results)
