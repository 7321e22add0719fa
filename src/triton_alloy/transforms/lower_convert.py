"""ttg.convert_layout: nothing, a renaming, shuffles inside the simdgroup, or a trip through threadgroup memory.

Which one is decided by the layouts' algebra alone (layout.classify).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ..conversion import Permute, Select, Shuffle, Step, classify
from ..ir.core import Op, Value
from ..ir.types import I1, I8, I32, RegisterType, SharedType, TensorType
from ..layout import LinearLayout, bits, tabulate
from .lower_reduce import row_major
from .registers import Addresses, Held, Lowered, Lowering, Pointers, memory_element, rule, spread


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
    parity = lowering.parity(lanes, groups)
    entries = len(step.even)
    even, odd = (held.remap(r) for r in (step.even, step.odd))
    return lowering.elementwise("arith.select", [Held(parity), odd, even], held.element, entries)


def _shuffle(lowering: Lowering, held: Held, step: Shuffle) -> Held:
    """Each register comes from another lane; XOR with a constant is the cheap form on the device."""
    entries = len(step.registers)
    value = lowering.materialise(held.remap(step.registers), entries)
    value = spread(lowering, value, RegisterType(entries, held.element))
    bases = tuple(step.offsets[1 << bit] for bit in range(bits(entries)))
    offsets = lowering.position(bases, (), ())
    operands = [Held(value, tuple(range(entries))), offsets]
    if step.is_xor:
        return lowering.elementwise("msl.call", operands, held.element, entries, {"function": "shuffle_xor"})
    lane = lowering.exclusive_or(step.lanes, step.simdgroups)
    operands[1] = lowering.elementwise("arith.xori", [Held(lane), offsets], I32, entries)
    return lowering.elementwise("msl.shuffle", operands, held.element, entries)


STEPS: dict[type, Callable[[Lowering, Held, Any], Held]] = {Permute: _permute, Select: _select, Shuffle: _shuffle}


def through_memory(lowering: Lowering, held: Held, source: LinearLayout, destination: LinearLayout) -> Held:
    """Store by the owners, read in the new layout. The buffer holds the tensor in row-major order."""
    element = held.element
    buffer = stage(lowering, held, source)
    position = lowering.coordinate(destination, row_major(destination.shape))
    loaded = lowering.emit("msl.shared_load", [buffer, position.value], memory_element(element))
    if element is I1:
        loaded = lowering.emit("arith.cmpi", [loaded, lowering.constant(0, I8)], I1, {"predicate": 1})
    return Held(loaded, position.map)


def stage(lowering: Lowering, held: Held, layout: LinearLayout) -> Value:
    """Put a tensor into a new threadgroup buffer, in row-major order."""
    element = held.element
    type_ = SharedType(prod(layout.shape), memory_element(element))
    buffer = lowering.builder.value("msl.shared_alloc", [], type_)
    registers = 1 << len(layout.registers)
    position = lowering.coordinate(layout, row_major(layout.shape))
    if element is I1:
        held = Held(lowering.emit("arith.extui", [held.value], I8), held.map)
    operands = [position, held]
    owner = lowering.owner_mask(layout)
    if owner is not None:
        operands.append(Held(owner))
    values, _ = lowering.join_maps(operands, registers, exact=True)
    lowering.builder.build("msl.shared_store", [buffer, *values])
    return buffer
