"""Shape ops: ranges, splats, and the renamings expand_dims, broadcast, reshape, trans, join, split, cat.

All renamings are one rule: the register of the source that holds an element is found by the layouts' algebra.
"""

from __future__ import annotations

from collections.abc import Callable

from ...dialects.arith import NE
from ...dialects.msl import count_of
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...ir.types import I1, I32, PointerType, RegisterType, TensorType, element_of
from ...layout import LinearLayout, tabulate
from . import places
from .context import Addresses, Held, Lowered, Lowering, Pointers, first, is_pointer, register_count, rule
from .memory import addresses_of, move_base

Coordinates = tuple[int, ...]


def registers_holding(
    op: Op, source: LinearLayout, destination: LinearLayout, to_source: Callable[[Coordinates], Coordinates]
) -> tuple[int, ...]:
    """For each destination register, the source register of the same thread with the element `to_source` names.

    `to_source` is linear up to a constant. Lanes and simdgroups must agree; layout assignment guarantees it.
    """
    origin = flatten(to_source((0,) * destination.rank), source.shape)
    registers, *others = (
        [flatten(to_source(basis), source.shape) ^ origin for basis in part] for part in destination.bases
    )
    where = source.registers_by_offset()
    found = [where.get(origin ^ offset) for offset in tabulate(registers)]
    known = tuple(register for register in found if register is not None)
    if others != [*map(list, source.offsets[1:])] or len(known) < len(found):
        raise Unsupported(op, f"layouts disagree: {source} cannot be read as {destination}")
    return known


def flatten(coordinates: Coordinates, shape: Coordinates) -> int:
    index = 0
    for c, n in zip(coordinates, shape, strict=True):
        index = index * n + c
    return index


def unflatten(index: int, shape: Coordinates) -> Coordinates:
    out = []
    for n in reversed(shape):
        out.append(index % n)
        index //= n
    return tuple(reversed(out))


def _rename(lowering: Lowering, op: Op, to_source: Callable[[Coordinates], Coordinates]) -> Lowered:
    source, destination = op.operands[0].type, op.results[0].type
    assert isinstance(source, TensorType) and isinstance(destination, TensorType)
    return _remap(lowering[op.operands[0]], registers_holding(op, source.layout, destination.layout, to_source))


def _remap(lowered: Lowered, source_registers: tuple[int, ...]) -> Lowered:
    return lowered.moved(lambda held: held.remap(source_registers))


@rule("tt.expand_dims")
def expand_dims(lowering: Lowering, op: Op) -> Lowered:
    """tensor<4xT> -> tensor<4x1xT>"""
    axis = op.integer("axis")
    return _rename(lowering, op, lambda c: c[:axis] + c[axis + 1 :])


@rule("tt.broadcast")
def broadcast(lowering: Lowering, op: Op) -> Lowered:
    """tensor<4x1xT> -> tensor<4x8xT>"""
    shape = op.operands[0].type.shape
    return _rename(lowering, op, lambda c: tuple(0 if n == 1 else i for i, n in zip(c, shape, strict=True)))


@rule("tt.reshape")
def reshape(lowering: Lowering, op: Op) -> Lowered:
    """Row-major order is kept."""
    old, new = op.operands[0].type.shape, op.result.type.shape
    return _rename(lowering, op, lambda c: unflatten(flatten(c, new), old))


@rule("tt.trans")
def trans(lowering: Lowering, op: Op) -> Lowered:
    """result[c] = source with dimension order[i] of the source as dimension i."""
    order = tuple(op.attributes["order"])

    def to_source(coordinates: Coordinates) -> Coordinates:
        source = [0] * len(order)
        for position, dimension in enumerate(order):
            source[dimension] = coordinates[position]
        return tuple(source)

    return _rename(lowering, op, to_source)


@rule("msl.slice")
def slice_(lowering: Lowering, op: Op) -> Held:
    """The registers of the slice with the number: which they are depends on the number only."""
    source, destination, axis = op.operands[0].type, op.result.type, op.integer("axis")
    held, number = lowering.held(op.operands[0]), lowering.held(op.operands[1]).value
    if count_of(held.value) == 1:
        return held
    depth = destination.shape[axis]
    table: list[int] = []
    for start in range(0, source.shape[axis], depth):
        to_source = lambda c, start=start: (*c[:axis], c[axis] + start, *c[axis + 1 :])  # noqa: E731
        registers = registers_holding(op, source.layout, destination.layout, to_source)
        table += [held.index(register) for register in registers]
    count = register_count(destination)
    type_ = RegisterType(count, held.element, held.uniform)
    value = lowering.builder.value("msl.select_registers", [held.value, number], type_, {"map": tuple(table)})
    return Held(value, tuple(range(count)))


@rule("tt.make_range")
def make_range(lowering: Lowering, op: Op) -> Held:
    """tensor<Nxi32> of start, start + 1, ..."""
    held = places.coordinate(lowering, op.result.type.layout, (1,))
    start = op.integer("start")
    if start:
        held = Held(lowering.emit("arith.addi", [held.value, lowering.constant(start)], I32), held.map)
    return held


@rule("tt.splat")
def splat(lowering: Lowering, op: Op) -> Lowered:
    """T -> tensor<NxT>; a pointer becomes a base with offset zero."""
    [source] = op.operands
    held = lowering.held(source)
    if isinstance(source.type, PointerType):
        return Pointers(held.value, Held(lowering.constant(0)))
    return held


@rule("tt.unsplat")
def unsplat(lowering: Lowering, op: Op) -> Held:
    """tensor<1xT> -> T"""
    lowered = lowering[op.operands[0]]
    if isinstance(lowered, Pointers):
        return Held(move_base(lowering, lowered.base, _only(lowering, lowered.offset)))
    if isinstance(lowered, Addresses):
        address = _only(lowering, lowered.address)
        return Held(lowering.builder.value("msl.pointer_from", [address], op.result.type))
    return Held(_only(lowering, lowered))


def _only(lowering: Lowering, held: Held) -> Value:
    """The element of a tensor of one."""
    return first(lowering, lowering.pick(held.value, (held.index(0),)))


def _choose(lowering: Lowering, op: Op, axis: int, weight: int, halves: list[Lowered]) -> Lowered:
    """Where the coordinate along `axis` has bit `weight`, the second half, else the first."""
    layout = op.result.type.layout
    registers = register_count(op.result.type)
    bits = element_of(op.result.type).pointee.width if is_pointer(op.result.type) else 0
    numbers = [
        half if isinstance(half, Held) else addresses_of(lowering, half, bits, registers).address for half in halves
    ]
    chosen = _choose_held(lowering, layout, axis, weight, numbers)
    return Addresses(chosen) if is_pointer(op.result.type) else chosen


def _choose_held(lowering: Lowering, layout: LinearLayout, axis: int, weight: int, halves: list[Held]) -> Held:
    position = places.weighed(lowering, layout, lambda basis: basis[axis] & weight)
    zero = Held(lowering.constant(0))
    registers = layout.register_count
    which = lowering.elementwise("arith.cmpi", [position, zero], I1, registers, {"predicate": NE})
    return lowering.elementwise("arith.select", [which, halves[1], halves[0]], halves[0].element, registers)


@rule("tt.join")
def join(lowering: Lowering, op: Op) -> Lowered:
    """tensor<NxT>, tensor<NxT> -> tensor<Nx2xT>"""
    destination = op.result.type
    halves = []
    for operand in op.operands:
        table = registers_holding(op, operand.type.layout, destination.layout, lambda c: c[:-1])
        halves.append(_remap(lowering[operand], table))
    return _choose(lowering, op, len(destination.shape) - 1, 1, halves)


@rule("tt.cat")
def cat(lowering: Lowering, op: Op) -> Lowered:
    """tensor<NxT>, tensor<NxT> -> tensor<2NxT>, the first operand first."""
    destination = op.result.type
    size = op.operands[0].type.shape[0]
    halves = []
    for operand in op.operands:
        table = registers_holding(op, operand.type.layout, destination.layout, lambda c: (c[0] % size, *c[1:]))
        halves.append(_remap(lowering[operand], table))
    return _choose(lowering, op, 0, size, halves)


@rule("tt.split")
def split(lowering: Lowering, op: Op) -> list[Lowered]:
    """tensor<Nx2xT> -> tensor<NxT>, tensor<NxT>"""
    [source] = op.operands
    tables = [
        registers_holding(op, source.type.layout, result.type.layout, lambda c, which=which: (*c, which))
        for which, result in enumerate(op.results)
    ]
    return [_remap(lowering[source], table) for table in tables]
