"""Shape ops: ranges, splats, and the renamings expand_dims, broadcast, reshape, trans, join, split, cat.

All renamings are one rule: the register of the source that holds an element is found by the layouts' algebra.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import Unsupported
from ...ir.core import Op, Value
from ...dialects.msl import count_of
from ...ir.types import I1, I32, PointerType, RegisterType, TensorType, element_of
from ...layout import LinearLayout
from .context import Addresses, Held, Lowered, Lowering, Pointers, first, is_pointer, register_count, rule
from .memory import addresses_of, move_base

Coordinates = tuple[int, ...]


def registers_holding(
    op: Op, source: LinearLayout, destination: LinearLayout, to_source: Callable[[Coordinates], Coordinates]
) -> tuple[int, ...]:
    """For each destination register, the source register of the same thread with the element `to_source` names.

    `to_source` is linear up to a constant. Lanes and simdgroups must agree; layout assignment guarantees it.
    """
    origin = to_source(destination.apply(0, 0, 0))
    for kind in ("lanes", "simdgroups"):
        for wanted, held in zip(getattr(destination, kind), getattr(source, kind), strict=True):
            moved = tuple(a ^ b for a, b in zip(to_source(wanted), origin, strict=True))
            if moved != held:
                raise Unsupported(op, f"layouts disagree: {source} cannot be read as {destination}", op.location)
    where = {source.apply(r, 0, 0): r for r in reversed(range(1 << len(source.registers)))}
    found = []
    for register in range(1 << len(destination.registers)):
        element = to_source(destination.apply(register, 0, 0))
        if element not in where:
            raise Unsupported(op, f"layouts disagree: {source} cannot be read as {destination}", op.location)
        found.append(where[element])
    return tuple(found)


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
    return lowering[op.operands[0]].remap(registers_holding(op, source.layout, destination.layout, to_source))


@rule("tt.expand_dims")
def expand_dims(lowering: Lowering, op: Op) -> None:
    """tensor<4xT> -> tensor<4x1xT>"""
    axis = op.integer("axis")
    lowering.values[op.result] = _rename(lowering, op, lambda c: c[:axis] + c[axis + 1 :])


@rule("tt.broadcast")
def broadcast(lowering: Lowering, op: Op) -> None:
    """tensor<4x1xT> -> tensor<4x8xT>"""
    shape = op.operands[0].type.shape
    lowering.values[op.result] = _rename(
        lowering, op, lambda c: tuple(0 if n == 1 else i for i, n in zip(c, shape, strict=True))
    )


@rule("tt.reshape")
def reshape(lowering: Lowering, op: Op) -> None:
    """Row-major order is kept."""
    old, new = op.operands[0].type.shape, op.result.type.shape
    lowering.values[op.result] = _rename(lowering, op, lambda c: unflatten(flatten(c, new), old))


@rule("tt.trans")
def trans(lowering: Lowering, op: Op) -> None:
    """result[c] = source with dimension order[i] of the source as dimension i."""
    order = tuple(op.attributes["order"])

    def to_source(coordinates: Coordinates) -> Coordinates:
        source = [0] * len(order)
        for position, dimension in enumerate(order):
            source[dimension] = coordinates[position]
        return tuple(source)

    lowering.values[op.result] = _rename(lowering, op, to_source)


@rule("msl.slice")
def slice_(lowering: Lowering, op: Op) -> None:
    """The registers of the slice with the number: which they are depends on the number only."""
    source, destination, axis = op.operands[0].type, op.result.type, op.integer("axis")
    held, number = lowering.held(op.operands[0]), lowering.held(op.operands[1]).value
    if count_of(held.value) == 1:
        lowering.values[op.result] = held
        return
    depth = destination.shape[axis]
    table: list[int] = []
    for first in range(0, source.shape[axis], depth):
        to_source = lambda c, first=first: (*c[:axis], c[axis] + first, *c[axis + 1 :])  # noqa: E731
        registers = registers_holding(op, source.layout, destination.layout, to_source)
        table += [held.index(register) for register in registers]
    count = register_count(destination)
    type_ = RegisterType(count, held.element, held.uniform)
    value = lowering.builder.value("msl.select_registers", [held.value, number], type_, {"map": tuple(table)})
    lowering.values[op.result] = Held(value, tuple(range(count)))


@rule("tt.make_range")
def make_range(lowering: Lowering, op: Op) -> None:
    """tensor<Nxi32> of start, start + 1, ..."""
    held = lowering.coordinate(op.result.type.layout, (1,))
    start = op.integer("start")
    if start:
        held = Held(lowering.emit("arith.addi", [held.value, lowering.constant(start)], I32), held.map)
    lowering.values[op.result] = held


@rule("tt.splat")
def splat(lowering: Lowering, op: Op) -> None:
    """T -> tensor<NxT>; a pointer becomes a base with offset zero."""
    [source] = op.operands
    held = lowering.held(source)
    if isinstance(source.type, PointerType):
        lowering.values[op.result] = Pointers(held.value, Held(lowering.constant(0)))
        return
    lowering.values[op.result] = held


@rule("tt.unsplat")
def unsplat(lowering: Lowering, op: Op) -> None:
    """tensor<1xT> -> T"""
    lowered = lowering[op.operands[0]]
    if isinstance(lowered, Pointers):
        lowering.values[op.result] = Held(move_base(lowering, lowered.base, _only(lowering, lowered.offset)))
    elif isinstance(lowered, Addresses):
        address = _only(lowering, lowered.address)
        lowering.values[op.result] = Held(lowering.builder.value("msl.pointer_from", [address], op.result.type))
    else:
        lowering.values[op.result] = Held(_only(lowering, lowered))


def _only(lowering: Lowering, held: Held) -> Value:
    """The element of a tensor of one."""
    return first(lowering, lowering.pick(held.value, (held.index(0),)))


def _choose(lowering: Lowering, op: Op, axis: int, weight: int, halves: list[Lowered]) -> Lowered:
    """Where the coordinate along `axis` has bit `weight`, the second half, else the first."""
    layout = op.result.type.layout
    registers = register_count(op.result.type)
    if is_pointer(op.result.type):
        size = element_of(op.result.type).pointee.width
        addresses = [addresses_of(lowering, half, size, registers).address for half in halves]
        return Addresses(_choose_held(lowering, layout, axis, weight, addresses))
    return _choose_held(lowering, layout, axis, weight, halves)


def _choose_held(lowering: Lowering, layout: LinearLayout, axis: int, weight: int, halves: list[Held]) -> Held:
    bit = lambda basis: basis[axis] & weight  # noqa: E731
    position = lowering.position(*(tuple(map(bit, bases)) for bases in layout.bases))
    zero = Held(lowering.constant(0))
    registers = layout.register_count
    which = lowering.elementwise("arith.cmpi", [position, zero], I1, registers, {"predicate": 1})
    return lowering.elementwise("arith.select", [which, halves[1], halves[0]], halves[0].element, registers)


@rule("tt.join")
def join(lowering: Lowering, op: Op) -> None:
    """tensor<NxT>, tensor<NxT> -> tensor<Nx2xT>"""
    destination = op.result.type
    halves = []
    for operand in op.operands:
        table = registers_holding(op, operand.type.layout, destination.layout, lambda c: c[:-1])
        halves.append(lowering[operand].remap(table))
    lowering.values[op.result] = _choose(lowering, op, len(destination.shape) - 1, 1, halves)


@rule("tt.cat")
def cat(lowering: Lowering, op: Op) -> None:
    """tensor<NxT>, tensor<NxT> -> tensor<2NxT>, the first operand first."""
    destination = op.result.type
    size = op.operands[0].type.shape[0]
    halves = []
    for operand in op.operands:
        table = registers_holding(op, operand.type.layout, destination.layout, lambda c: (c[0] % size, *c[1:]))
        halves.append(lowering[operand].remap(table))
    lowering.values[op.result] = _choose(lowering, op, 0, size, halves)


@rule("tt.split")
def split(lowering: Lowering, op: Op) -> None:
    """tensor<Nx2xT> -> tensor<NxT>, tensor<NxT>"""
    source = op.operands[0].type
    for which, result in enumerate(op.results):
        table = registers_holding(op, source.layout, result.type.layout, lambda c, which=which: (*c, which))
        lowering.values[result] = lowering[op.operands[0]].remap(table)
