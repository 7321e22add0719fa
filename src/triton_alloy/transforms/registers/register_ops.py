"""What the loop former has to know of a lowered op: how often it runs, what it touches, whether it costs anything."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ...dialects.arith import FLOAT_NEUTRAL, INTEGER_NEUTRAL, combining_op
from ...dialects.msl import (
    DEVICE,
    LOG,
    Form,
    Memory,
    count_of,
    is_lane_pointer,
    is_movable,
    kernel_argument,
    moved_from,
    row_of,
)
from ...ir.core import Op, Value
from ...ir.registry import Trait, traits
from ...ir.types import I1, FloatType, IntegerType, PointerType, RegisterType, Type, element_of

# Integer ops that take one instruction on every target.
CHEAP = {
    *(f"arith.{name}" for name in ("addi", "subi", "muli", "andi", "ori", "xori", "shli", "shrsi", "shrui", "cmpi")),
    *(f"arith.{name}" for name in ("extsi", "extui", "trunci")),
}
CHEAP_COST = 3  # an offset and its comparison: below the cost of keeping an array of them


def single(type_: Type) -> Type:
    """The type of one register of `type_`: !msl.reg<8xf32> -> !msl.reg<1xf32>."""
    return RegisterType(1, type_.element, type_.uniform) if isinstance(type_, RegisterType) else type_


def is_fence(op: Op) -> bool:
    """Whether nothing is moved across the op: control flow, barriers, and any op whose effects are not known."""
    row = row_of(op)
    return bool(op.regions and row.form is not Form.COMBINED) or (row.memory is None and not is_movable(op))


def trips(op: Op) -> int:
    """How often the op runs in a register loop: once per register, vector or group of reduced registers."""
    entries = max((count_of(v) for v in [*op.operands, *op.results]), default=1)
    if row_of(op).form is Form.VECTOR:
        return entries // op.integer("width")
    if op.name == "msl.reduce_registers":
        return op.integer("outputs")
    if row_of(op).form is Form.SELECTED:
        return count_of(op.result)
    return entries


def start_of(op: Op) -> float | None:
    """What a reduction starts from, so that its first element comes out as it is, if its function is one op that takes
    elements in any order."""
    combining = combining_op(op)
    if combining is None or Trait.COMMUTATIVE not in traits(combining):
        return None
    return (INTEGER_NEUTRAL | FLOAT_NEUTRAL).get(combining.name)


def register_values(op: Op) -> tuple[int, ...]:
    """The entries of an msl.register: entry r is the sum of bases[i] over the bits i of r."""
    values = [0]
    for base in op.attributes["bases"]:
        values += [v ^ base for v in values]
    return tuple(values)


def cost(value: Value) -> int:
    """Instructions that one register of `value` takes from single values and register numbers; large for all else."""
    op = value.definer
    expensive = CHEAP_COST + 1
    if op is None or count_of(value) == 1:
        return 0
    if op.name == "msl.index":
        return cost(op.operands[0]) if count_of(op.operands[0]) > 1 else 0
    if op.name in ("msl.register", "arith.constant"):
        return 0
    if op.name not in CHEAP and not _is_conversion(op):
        return expensive
    total = 0 if op.name == "arith.extsi" and value.type.uniform else 1  # an address takes such a number as it is
    for operand in op.operands:
        total += cost(operand) if operand.definer is not None or count_of(operand) == 1 else expensive
        if total >= expensive:
            return expensive
    return total


def type_function(type_: Type) -> str:
    """The vocabulary function that converts to a varying type: "f32", "b1"."""
    element = element_of(type_)
    return "b1" if element is I1 else str(element)


def _is_conversion(op: Op) -> bool:
    return op.name == "msl.call" and op.attributes["function"] == type_function(op.result.type)


def is_recomputed(op: Op) -> bool:
    """Whether the op is made anew wherever its registers are used, instead of being kept in an array."""
    if row_of(op).form is Form.RENAMED:
        return True
    if len(op.results) != 1 or count_of(op.results[0]) == 1 or op.name == "msl.copy":
        return False
    return cost(op.results[0]) <= CHEAP_COST


@dataclass(frozen=True)
class Access:
    """Memory that an op touches. offset: None where the op has addresses; vector: whether in vectors."""

    memory: Memory
    base: Value | None
    offset: Value | None
    vector: bool

    def same_place(self, other: Access) -> bool:
        """Whether register r of both is the same memory, or memory that no other register of either touches.

        Through two kernel arguments the same offset of equally wide elements is taken for one of these: a program that
        shifts a block inside one buffer does it through one argument.
        """
        if self.offset is None or self.offset is not other.offset or self.vector != other.vector:
            return False
        if self.base is other.base:
            return True
        if self.memory.space != DEVICE or _pointee_width(self.base) != _pointee_width(other.base):
            return False
        if _lane_offset(self.base) != _lane_offset(other.base):
            return False
        ours, theirs = kernel_argument(self.base), kernel_argument(other.base)
        return ours is not None and theirs is not None and ours is not theirs


def _lane_offset(base: Value | None) -> tuple[Hashable, ...]:
    """What was added to the kernel's pointer that a lane pointer is made of; of another pointer only what loops add in
    every iteration."""
    added: list[Hashable] = []
    moved = moved_from(base) if base is not None else None
    while base is not None and moved is not None:
        is_number = isinstance(moved[1], Value)
        if is_lane_pointer(base) or not is_number:
            added.append(moved[1])
        base = moved[0]
        moved = moved_from(base)
    return tuple(added)


def _pointee_width(base: Value | None) -> int:
    """Bits of an element in memory."""
    type_ = element_of(base.type) if base is not None else None
    pointee = type_.pointee if isinstance(type_, PointerType) else None
    return max(pointee.width, 8) if isinstance(pointee, IntegerType | FloatType) else 64


def stored_words(op: Op) -> int:
    """The words of 32 bits that one thread stores in device memory by the op, as registers."""
    access = access_of(op)
    if access is None or access.memory.space != DEVICE or access.base is None or op.results or trips(op) == 1:
        return 0
    width = op.integer("width") if row_of(op).form is Form.VECTOR else 1
    return -(-trips(op) * width * _pointee_width(access.base) // 32)


def access_of(op: Op) -> Access | None:
    """What the op reads or writes in memory; None for a pure op."""
    row = row_of(op)
    if row.memory is None:
        return None
    has_place = row.memory.space != LOG and not row.memory.by_address
    base, offset = op.operands[:2] if has_place else (None, None)
    return Access(row.memory, base, offset, row.form is Form.VECTOR)
