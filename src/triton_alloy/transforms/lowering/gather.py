"""tt.gather, tt.histogram and tables of constants: elements at places that only threadgroup memory can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ...dialects.arith import EQ, ULT
from ...ir.core import Op, Value
from ...ir.types import I1, I32, I64, RegisterType, SharedType, TensorType, Type
from ...layout import LinearLayout, bits, row_major
from . import places
from .context import (
    Held,
    Lowered,
    Lowering,
    from_memory,
    is_alike_everywhere,
    memory_element,
    register_count,
    rule,
    spread,
)
from .convert import read_parts, stage, tensor_parts


@rule("tt.gather")
def gather(lowering: Lowering, op: Op) -> Lowered:
    """result[..., i, ...] = source[..., indices[..., i, ...], ...], i being the coordinate along `axis`."""
    source, indices = op.operands
    assert isinstance(source.type, TensorType) and isinstance(op.result.type, TensorType)
    axis = op.integer("axis")
    strides = row_major(source.type.shape)
    registers = register_count(op.result.type)
    place = _as_i32(lowering, lowering.held(indices))
    if strides[axis] != 1:
        place = Held(lowering.emit("arith.muli", [place.value, lowering.constant(strides[axis])], I32), place.map)
    others = tuple(0 if d == axis else stride for d, stride in enumerate(strides))
    start = places.coordinate(lowering, op.result.type.layout, others)
    place = lowering.elementwise("arith.addi", [start, place], I32, registers)
    layout = source.type.layout
    return lowering[source].moved(lambda held: _gather(lowering, held, layout, place, registers))


def _gather(lowering: Lowering, held: Held, layout: LinearLayout, place: Held, registers: int) -> Held:
    """What is at `place` of a tensor of numbers, its elements being in row-major order."""
    if is_alike_everywhere(held, layout):
        return held
    parts = tensor_parts(lowering, held, layout)
    size = prod(layout.shape) // parts
    within = place
    if parts > 1:
        within = Held(lowering.emit("arith.andi", [place.value, lowering.constant(size - 1)], I32), place.map)

    def is_in_part(part: int) -> Held:
        number = lowering.emit("arith.shrui", [place.value, lowering.constant(bits(size))], I32)
        return Held(lowering.emit("arith.cmpi", [number, lowering.constant(part)], I1, {"predicate": EQ}), place.map)

    return read_parts(lowering, held, layout, parts, within, is_in_part, registers)


def table(lowering: Lowering, values: Sequence[int | float], type_: TensorType) -> Held:
    """A constant tensor of any values, in row-major order: one simdgroup writes them down, all read theirs."""
    element = memory_element(type_.element)
    buffer = lowering.builder.value("msl.shared_alloc", [], SharedType(len(values), element))
    writer = places.elect(lowering, 0, lowering.simdgroups - 1)
    masks = [] if writer is None else [writer]
    for i, value in enumerate(values):
        operands = [buffer, lowering.constant(i), lowering.constant(value, element), *masks]
        lowering.builder.build("msl.shared_store", operands)
    place = places.coordinate(lowering, type_.layout, row_major(type_.shape))
    return _load(lowering, buffer, place, type_.element)


def _load(lowering: Lowering, buffer: Value, place: Held, element: Type) -> Held:
    loaded = lowering.emit("msl.shared_load", [buffer, place.value], memory_element(element))
    return from_memory(lowering, Held(loaded, place.map), element)


def _as_i32(lowering: Lowering, held: Held) -> Held:
    """Numbers that are places, as i32."""
    if held.element is I32:
        return held
    name = "arith.trunci" if held.element is I64 else "arith.extui"
    return Held(lowering.emit(name, [held.value], I32), held.map)


@rule("tt.histogram")
def histogram(lowering: Lowering, op: Op) -> Held:
    """tensor<NxT>[, mask] -> tensor<Mxi32>: how often each of 0 ... M-1 is there. Other numbers are not counted."""
    source, layout = op.operands[0].type, op.result.type.layout
    [bins] = op.result.type.shape
    buffer = stage(lowering, Held(lowering.constant(0)), layout)
    numbers = lowering.held(op.operands[0])
    registers = register_count(source)
    masks = [lowering.held(o) for o in op.operands[1:]]
    if bins < 1 << numbers.element.width:
        limit = lowering.constant(bins, numbers.element)
        masks.append(Held(lowering.emit("arith.cmpi", [numbers.value, limit], I1, {"predicate": ULT}), numbers.map))
    owner = places.owner_mask(lowering, source.layout)
    if owner is not None:
        masks.append(Held(owner))
    while len(masks) > 1:
        masks = [lowering.elementwise("arith.andi", masks[:2], I1, registers), *masks[2:]]
    # Each element is counted, also where registers are known to hold the same.
    copies = source.layout.free_bits()[0]
    owned = tuple(r for r in range(registers) if not r & copies)
    operands = [
        spread(lowering, lowering.materialise(h.remap(owned), len(owned)), RegisterType(len(owned), h.element))
        for h in (_as_i32(lowering, numbers), *masks)
    ]
    lowering.builder.build("msl.shared_add", [buffer, operands[0], lowering.constant(1), *operands[1:]])
    return _load(lowering, buffer, places.coordinate(lowering, layout, (1,)), I32)
