"""Pointers, loads and stores.

A tensor of pointers is a uniform base and offsets in elements. Adding a uniform offset moves the base; adding a tensor
adds to the offsets, in 32 bits where the argument's storage is below 2 GiB (`tt.pointer_range`), else in 64. Only
pointers without a common base (`tl.where` over two of them, casts from integers) are 64-bit addresses.
"""

from __future__ import annotations

from ...dialects.msl import count_of
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...ir.types import I1, I32, I64, PointerType, RegisterType, TensorType, Type, element_of
from . import places
from .context import Addresses, Held, Lowered, Lowering, Pointers, is_zero, register_count, rule, whole, widen
from .lane_zero import at_lane_zero


@rule("tt.addptr")
def addptr(lowering: Lowering, op: Op) -> Lowered:
    """ptr + n elements; the offset is signed."""
    pointer, offset = lowering[op.operands[0]], lowering.held(op.operands[1])
    if isinstance(pointer, Held):
        return Held(move_base(lowering, pointer.value, offset.value))
    return add_offset(lowering, op, pointer, offset)


def move_base(lowering: Lowering, base: Value, offset: Value) -> Value:
    moved = lowering.builder.value("msl.pointer_add", [base, offset], base.type)
    if base in lowering.narrow:
        lowering.narrow.add(moved)
    return moved


def add_offset(lowering: Lowering, op: Op, pointer: Pointers | Addresses, offset: Held) -> Pointers | Addresses:
    registers = register_count(op.result.type)
    if isinstance(pointer, Addresses):
        size = max(element_of(op.result.type).pointee.width // 8, 1)
        scaled = _scale(lowering, widen(lowering, offset), size)
        return Addresses(lowering.elementwise("arith.addi", [pointer.address, scaled], I64, registers))
    if offset.uniform and count_of(offset.value) == 1:
        return Pointers(move_base(lowering, pointer.base, offset.value), pointer.offset)
    if is_zero(pointer.offset.value):
        return Pointers(pointer.base, offset)
    old, element = pointer.offset, I32
    if pointer.base not in lowering.narrow or I64 in (old.element, offset.element):
        old, offset, element = widen(lowering, old), widen(lowering, offset), I64
    return Pointers(pointer.base, lowering.elementwise("arith.addi", [old, offset], element, registers))


def _scale(lowering: Lowering, held: Held, size: int) -> Held:
    if size == 1:
        return held
    return Held(lowering.emit("arith.muli", [held.value, lowering.constant(size, I64)], I64), held.map)


def addresses_of(lowering: Lowering, pointer: Lowered, pointee_bits: int, registers: int) -> Addresses:
    """Any tensor of pointers as 64-bit addresses."""
    if isinstance(pointer, Addresses):
        return pointer
    assert isinstance(pointer, Pointers)
    base = Held(lowering.builder.value("msl.address_of", [pointer.base], I64))
    offset = _scale(lowering, widen(lowering, pointer.offset), max(pointee_bits // 8, 1))
    return Addresses(lowering.elementwise("arith.addi", [base, offset], I64, registers))


def select_pointers(lowering: Lowering, op: Op) -> Pointers | Addresses:
    """tensor<i1> ? tensor<ptr> : tensor<ptr>"""
    condition = lowering.held(op.operands[0])
    chosen, other = (lowering[o] for o in op.operands[1:])
    registers = register_count(op.result.type)
    if isinstance(chosen, Pointers) and isinstance(other, Pointers) and chosen.base is other.base:
        offsets = [chosen.offset, other.offset]
        element = I32
        if any(o.element is I64 for o in offsets):
            offsets, element = [widen(lowering, o) for o in offsets], I64
        offset = lowering.elementwise("arith.select", [condition, *offsets], element, registers)
        return Pointers(chosen.base, offset)
    bits = element_of(op.result.type).pointee.width
    both = [addresses_of(lowering, p, bits, registers).address for p in (chosen, other)]
    return Addresses(lowering.elementwise("arith.select", [condition, *both], I64, registers))


@rule("tt.bitcast", "arith.bitcast")
def bitcast(lowering: Lowering, op: Op) -> Lowered:
    """Numbers keep their bits; pointers get another pointee."""
    source, destination = element_of(op.operands[0].type), element_of(op.result.type)
    lowered = lowering[op.operands[0]]
    if not isinstance(destination, PointerType):
        held = lowering.held(op.operands[0])
        value = held.value if source is destination else lowering.emit("arith.bitcast", [held.value], destination)
        return Held(value, held.map)
    if isinstance(lowered, Addresses):
        return lowered
    if isinstance(lowered, Held):
        return Held(cast_base(lowering, lowered.value, destination))
    if source.pointee.width != destination.pointee.width and max(source.pointee.width, 8) != destination.pointee.width:
        registers = register_count(op.result.type)
        return addresses_of(lowering, lowered, source.pointee.width, registers)
    return Pointers(cast_base(lowering, lowered.base, destination), lowered.offset)


def cast_base(lowering: Lowering, base: Value, type_: PointerType) -> Value:
    cast = lowering.builder.value("msl.pointer_cast", [base], type_)
    if base in lowering.narrow:
        lowering.narrow.add(cast)
    return cast


@rule("tt.ptr_to_int")
def pointer_to_integer(lowering: Lowering, op: Op) -> Held:
    lowered = lowering[op.operands[0]]
    if isinstance(lowered, Held):
        return Held(lowering.builder.value("msl.address_of", [lowered.value], I64))
    bits = element_of(op.operands[0].type).pointee.width
    return addresses_of(lowering, lowered, bits, register_count(op.result.type)).address


@rule("tt.int_to_ptr")
def integer_to_pointer(lowering: Lowering, op: Op) -> Held | Addresses:
    held = lowering.held(op.operands[0])
    if isinstance(op.result.type, TensorType):
        return Addresses(widen(lowering, held))
    return Held(lowering.builder.value("msl.pointer_from", [held.value], op.result.type))


# ---------------------------------------------------------------------------------------------------- loads and stores
@rule("tt.load")
def load(lowering: Lowering, op: Op) -> Held:
    """A masked-off element is `other`, or 0, and its address is not touched."""
    element = element_of(op.result.type)
    pointer, *rest = op.operands
    _refuse_bits(op, element)
    conditions = [lowering.held(v) for v in rest]
    registers = register_count(op.result.type)
    lowered = lowering[pointer]
    if isinstance(lowered, Addresses):
        return lowering.elementwise("msl.load_address", [lowered.address, *conditions], element, registers)
    base, offset = split_pointer(lowering, lowered)
    width, contiguous = _access(op)
    if width > 1:
        return _load_vectors(lowering, base, [offset, *conditions], element, registers, width)
    offset = first_plus_lane(lowering, offset) if contiguous else offset
    operands, result_map = lowering.join_maps([offset, *conditions], registers)
    count = max(count_of(o) for o in operands)
    uniform = all(not isinstance(o.type, RegisterType) or o.type.uniform for o in operands)
    value = lowering.builder.value(
        "msl.load", [base, *operands], RegisterType(count, element, uniform), {"contiguous": contiguous}
    )
    return Held(value, result_map)


def first_plus_lane(lowering: Lowering, offset: Held) -> Held:
    """Offsets that rise by one from lane to lane, as lane 0's plus the lane: one uniform number a register to keep."""
    lane, element = places.lane(lowering), offset.element
    if element is I64:
        lane = lowering.at_entry(("lane64",), lambda b: b.value("arith.extsi", [lane], RegisterType(1, I64)))
    start = at_lane_zero(lowering, offset.value)
    return Held(lowering.emit("arith.addi", [start, lane], element), offset.map)


def _load_vectors(lowering, base, helds, element, registers: int, width: int) -> Held:
    operands = [lowering.materialise(h, registers) for h in helds]
    if count_of(operands[0]) == 1:
        raise AssertionError("a vector load has one offset per register")
    type_ = RegisterType(registers, element)
    value = lowering.builder.value("msl.load_vector", [base, *operands], type_, {"width": width})
    return whole(value)


@rule("tt.store")
def store(lowering: Lowering, op: Op) -> None:
    """Every element is stored once, by the thread that owns it."""
    pointer, value, *rest = op.operands
    element = element_of(value.type)
    _refuse_bits(op, element)
    lowered, stored = lowering[pointer], lowering.held(value)
    conditions = [lowering.held(v) for v in rest]
    registers = register_count(value.type)
    mask = conditions[0] if conditions else None
    owner = _owner(lowering, value.type)
    if owner is not None:
        mask = lowering.elementwise("arith.andi", [mask, owner], I1, registers) if mask is not None else owner
    masks = [mask] if mask is not None else []
    elected = {"elected": True} if owner is not None else {}
    if isinstance(lowered, Addresses):
        operands, _ = lowering.join_maps([lowered.address, stored, *masks], registers, exact=True)
        lowering.builder.build("msl.store_address", operands, [], elected)
        return
    base, offset = split_pointer(lowering, lowered)
    width, contiguous = _access(op)
    if width > 1:
        operands = [lowering.materialise(h, registers) for h in (offset, stored, *masks)]
        lowering.builder.build("msl.store_vector", [base, *operands], [], {"width": width, **elected})
        return
    offset = first_plus_lane(lowering, offset) if contiguous else offset
    operands, _ = lowering.join_maps([offset, stored, *masks], registers, exact=True)
    lowering.builder.build("msl.store", [base, *operands], [], {"contiguous": contiguous, **elected})


def _owner(lowering: Lowering, type_: Type) -> Held | None:
    """Where an element is owned; a scalar is the first simdgroup's, whose one lane stores it."""
    if isinstance(type_, TensorType):
        owner = places.owner_mask(lowering, type_.layout)
    else:
        owner = places.elect(lowering, 0, lowering.simdgroups - 1)
    return Held(owner) if owner is not None else None


def split_pointer(lowering: Lowering, lowered: Held | Pointers) -> tuple[Value, Held]:
    if isinstance(lowered, Held):
        return lowered.value, Held(lowering.constant(0))
    return lowered.base, lowered.offset


def _refuse_bits(op: Op, element) -> None:
    if element is I1:
        raise Unsupported(op, "memory holds no single bits; use int8 pointers")


def _access(op: Op) -> tuple[int, bool]:
    """(consecutive elements of each lane at once, whether the lanes' addresses rise by one): decided with the layout.
    A scalar has neither attribute."""
    return op.integer("width", 1), bool(op.integer("contiguous", 0))
