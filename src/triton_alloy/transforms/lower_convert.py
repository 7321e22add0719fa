"""ttg.convert_layout: nothing, a renaming, shuffles inside the simdgroup, or a trip through threadgroup memory.

Which one is decided by the layouts' algebra alone (layout.classify).
"""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ir.types import I1, I8, SharedType, TensorType
from ..layout import LinearLayout
from .lower_reduce import row_major
from .registers import Addresses, Held, Lowered, Lowering, Pointers, memory_element, rule


@rule("ttg.convert_layout")
def convert_layout(lowering: Lowering, op: Op) -> None:
    """tensor<..., #a> -> tensor<..., #b>, the same elements."""
    source, destination = op.operands[0].type, op.result.type
    assert isinstance(source, TensorType) and isinstance(destination, TensorType)
    lowered = lowering[op.operands[0]]
    lowering.values[op.result] = convert(lowering, lowered, source.layout, destination.layout)


def convert(lowering: Lowering, lowered: Lowered, source: LinearLayout, destination: LinearLayout) -> Lowered:
    if isinstance(lowered, Pointers):
        return Pointers(lowered.base, convert(lowering, lowered.offset, source, destination))
    if isinstance(lowered, Addresses):
        return Addresses(convert(lowering, lowered.address, source, destination))
    if lowered.uniform and lowered.map is None:
        return lowered
    return convert_held(lowering, lowered, source, destination)


def convert_held(lowering: Lowering, held: Held, source: LinearLayout, destination: LinearLayout) -> Held:
    raise NotImplementedError


def through_memory(lowering: Lowering, held: Held, source: LinearLayout, destination: LinearLayout) -> Held:
    """Store by the owners, read in the new layout. The buffer holds the tensor in row-major order."""
    element = held.element
    strides = row_major(source.shape)
    size = 1
    for n in source.shape:
        size *= n
    buffer = stage(lowering, held, source, size, strides)
    position = lowering.coordinate(destination, strides)
    loaded = lowering.emit("msl.shared_load", [buffer, position.value], memory_element(element))
    if element is I1:
        loaded = lowering.emit("arith.cmpi", [loaded, lowering.constant(0, I8)], I1, {"predicate": 1})
    return Held(loaded, position.map)


def stage(lowering: Lowering, held: Held, layout: LinearLayout, size: int, strides: tuple[int, ...]) -> Value:
    """Put a tensor into a new threadgroup buffer; element c at sum(c * strides)."""
    element = held.element
    buffer = lowering.builder.value("msl.shared_alloc", [], SharedType(size, memory_element(element)))
    registers = 1 << len(layout.registers)
    position = lowering.coordinate(layout, strides)
    if element is I1:
        held = Held(lowering.emit("arith.extui", [held.value], I8), held.map)
    operands = [position, held]
    owner = lowering.owner_mask(layout)
    if owner is not None:
        operands.append(Held(owner))
    values, _ = lowering.join_maps(operands, registers)
    lowering.builder.build("msl.shared_store", [buffer, *values])
    return buffer
