"""ttg.convert_layout: nothing, a renaming, shuffles inside the simdgroup, or a trip through threadgroup memory.

Which one is decided by the layouts' algebra alone (conversion.classify).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from ...conversion import Exchange, Permute, Select, Shuffle, Step, classify
from ...dialects.arith import EQ
from ...ir.core import Op, Value
from ...ir.types import I1, I32, RegisterType, SharedType, TensorType
from ...layout import LinearLayout, bits, row_major, tabulate
from . import places
from .context import (
    Held,
    Lowered,
    Lowering,
    from_memory,
    is_alike_everywhere,
    memory_element,
    rule,
    spread,
    to_memory,
    whole,
)


@rule("ttg.convert_layout")
def convert_layout(lowering: Lowering, op: Op) -> Lowered:
    """tensor<..., #a> -> tensor<..., #b>, the same elements."""
    source, destination = op.operands[0].type, op.result.type
    assert isinstance(source, TensorType) and isinstance(destination, TensorType)

    def convert(held: Held) -> Held:
        alike = is_alike_everywhere(held, source.layout)
        return held if alike else convert_held(lowering, held, source.layout, destination.layout)

    return lowering[op.operands[0]].moved(convert)


def convert_held(lowering: Lowering, held: Held, source: LinearLayout, destination: LinearLayout) -> Held:
    conversion = classify(source, destination, lowering.target.conversion)
    steps = [_linear_masks(step) for step in conversion.steps]
    if conversion.kind == "threadgroup" or None in steps:
        return through_memory(lowering, held, source, destination)
    for step in conversion.steps:
        held = STEPS[type(step)](lowering, held, step)
    return held


def _linear_masks(step: Step) -> Step | None:
    """The step, if the lanes its registers come from can be written as a linear expression of the register index."""
    if not isinstance(step, Shuffle):
        return step
    bases = [step.offsets[1 << bit] for bit in range(bits(len(step.offsets)))]
    return step if tuple(tabulate(bases)) == step.offsets else None


def _permute(lowering: Lowering, held: Held, step: Permute) -> Held:
    return held.remap(step.registers)


def _select(lowering: Lowering, held: Held, step: Select) -> Held:
    """Lanes choose between two registers by the parity of some of their index bits."""
    lanes = tuple(step.lanes >> bit & 1 for bit in range(bits(lowering.target.threads_per_simdgroup)))
    groups = tuple(step.simdgroups >> bit & 1 for bit in range(bits(lowering.simdgroups)))
    parity = places.parity(lowering, lanes, groups)
    entries = len(step.even)
    even, odd = (held.remap(r) for r in (step.even, step.odd))
    return lowering.elementwise("arith.select", [Held(parity), odd, even], held.element, entries)


def _shuffle(lowering: Lowering, held: Held, step: Shuffle) -> Held:
    """Each register comes from another lane; XOR with a constant is the cheap form on the device."""
    entries = len(step.registers)
    value = lowering.materialise(held.remap(step.registers), entries)
    value = spread(lowering, value, RegisterType(entries, held.element))
    bases = tuple(step.offsets[1 << bit] for bit in range(bits(entries)))
    offsets = places.position(lowering, bases, (), ())
    operands = [whole(value), offsets]
    if step.is_xor:
        return lowering.elementwise("msl.call", operands, held.element, entries, {"function": "shuffle_xor"})
    lane = places.exclusive_or(lowering, step.lanes, step.simdgroups)
    operands[1] = lowering.elementwise("arith.xori", [Held(lane), offsets], I32, entries)
    return lowering.elementwise("msl.shuffle", operands, held.element, entries)


def _exchange(lowering: Lowering, held: Held, step: Exchange) -> Held:
    """A register bit trades places with a lane bit."""
    type_ = RegisterType(step.registers, held.element)
    value = spread(lowering, lowering.materialise(held, step.registers), type_)
    attributes = {"register_bit": step.register_bit, "lane_bit": step.lane_bit}
    return whole(lowering.builder.value("msl.exchange", [value], type_, attributes))


STEPS: dict[type, Callable[[Lowering, Held, Any], Held]] = {
    Permute: _permute,
    Select: _select,
    Shuffle: _shuffle,
    Exchange: _exchange,
}


def through_memory(lowering: Lowering, held: Held, source: LinearLayout, destination: LinearLayout) -> Held:
    """Store by the owners, read in the new layout. The buffer holds the tensor in row-major order."""
    strides = row_major(destination.shape)
    parts = tensor_parts(lowering, held, source)
    position = place_in_part(lowering, destination, strides, parts)
    is_in_part = partial(_is_in_part, lowering, destination, strides, parts)
    return read_parts(lowering, held, source, parts, position, is_in_part, destination.register_count)


def read_parts(
    lowering: Lowering,
    held: Held,
    source: LinearLayout,
    parts: int,
    position: Held,
    is_in_part: Callable[[int], Held],
    registers: int,
) -> Held:
    """Elements of a tensor by their places: each part of the tensor is staged, and read by whom it has elements for.

    position: the places within the parts; is_in_part: whether a place is in the part of a number.
    """
    element = held.element
    loaded: Held | None = None
    for part in range(parts):
        buffer = stage(lowering, held, source, None, parts, part)
        operands = [position, *([] if loaded is None else [is_in_part(part), loaded])]
        values, table = lowering.join_maps(operands, registers)
        loaded = Held(lowering.emit("msl.shared_load", [buffer, *values], memory_element(element)), table)
    assert loaded is not None
    return from_memory(lowering, loaded, element)


def tensor_parts(lowering: Lowering, held: Held, layout: LinearLayout) -> int:
    """The parts in which a tensor goes through threadgroup memory: one, if it fits."""
    return part_count(lowering, prod(layout.shape) * memory_element(held.element).width // 8)


def part_count(lowering: Lowering, size: int) -> int:
    """The least power of two of parts of `size` bytes that fit into threadgroup memory."""
    return 1 << max(size - 1, 0).bit_length() >> bits(lowering.target.limits.threadgroup_bytes) or 1


def stage(
    lowering: Lowering,
    held: Held,
    layout: LinearLayout,
    strides: tuple[int, ...] | None = None,
    parts: int = 1,
    part: int = 0,
) -> Value:
    """Put a tensor, or the `part`-th of `parts` equal parts of it, into a new threadgroup buffer.

    strides: the place of an element is the sum of its coordinates times these (row-major if None); the parts are runs
    of places.
    """
    strides = strides or row_major(layout.shape)
    type_ = SharedType(prod(layout.shape) // parts, memory_element(held.element))
    buffer = lowering.builder.value("msl.shared_alloc", [], type_)
    registers = layout.register_count
    held = to_memory(lowering, held)
    operands = [place_in_part(lowering, layout, strides, parts), held]
    owner = places.owner_mask(lowering, layout)
    masks = [Held(owner)] if owner is not None else []
    if parts > 1:
        masks.append(_is_in_part(lowering, layout, strides, parts, part))
    if len(masks) == 2:
        masks = [lowering.elementwise("arith.andi", masks, I1, registers)]
    values, _ = lowering.join_maps([*operands, *masks], registers, exact=True)
    lowering.builder.build("msl.shared_store", [buffer, *values])
    return buffer


def place_in_part(lowering: Lowering, layout: LinearLayout, strides: tuple[int, ...], parts: int) -> Held:
    """Each element's place in the buffer of its part (see stage)."""
    size = prod(layout.shape) // parts
    return _weighed(lowering, layout, strides, lambda place: place % size)


def _is_in_part(lowering: Lowering, layout: LinearLayout, strides: tuple[int, ...], parts: int, part: int) -> Held:
    size = prod(layout.shape) // parts
    number = _weighed(lowering, layout, strides, lambda place: place // size)
    value = lowering.emit("arith.cmpi", [number.value, lowering.constant(part)], I1, {"predicate": EQ})
    return Held(value, number.map)


def _weighed(lowering: Lowering, layout: LinearLayout, strides: tuple[int, ...], of: Callable[[int], int]) -> Held:
    """`of` the places of the bits that are 1 in an element's place, added up."""
    return places.weighed(lowering, layout, lambda basis: of(sum(c * s for c, s in zip(basis, strides, strict=True))))
