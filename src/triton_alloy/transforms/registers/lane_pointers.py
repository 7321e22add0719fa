"""Offsets become a pointer for each lane and a number for each register, where they are such a sum.

    %b = msl.pointer_add %base, %k                             %l = msl.lane_pointer %base, (%rows * %stride + %lane)
    %o = (%rows * %stride + %lane) + (%r * %stride + %c)       %p = msl.pointer_add %l, %k
    msl.load %b, %o : !msl.reg<8xi32>                     =>   msl.load %p, (%r * %stride + %c) : !msl.uniform<8xi32>

What varies by lane is then one pointer, whatever the number of registers, and made before the loops that do not change
it; what varies by register is a constant or the same for all lanes. An array of offsets would stay in registers across
the loop around the access, and writing the sums inside of the loop does not help: a compiler moves them out again and
keeps their array.

Offsets of consecutive lanes are a number for each register and the lane already: in a loop they stay that, since moving
a pointer of each lane from iteration to iteration takes more than adding the lane.

Sums of i32 are exact up to multiples of 2**32, and an offset that is used lies within memory. So what is of the whole
simdgroup is added to the lane's number as i32, if both are known in the same place, and the sum is the offset but for
the small numbers of registers and slices. What changes more often moves the pointer from iteration to iteration, by
itself: `(row - first) * stride` is small where `row * stride` is no i32. It is then multiplied and added as i64, with
all else that is of the whole simdgroup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...dialects import is_pure
from ...dialects.msl import DEVICE, count_of, row_of
from ...ir.core import Block, Builder, Op, Value
from ...ir.rewrite import LOOPS, eliminate_common_subexpressions, eliminate_dead_code
from ...ir.types import I64, Location, RegisterType, Type, element_of
from ...target import Target


def run(module: Op, target: Target) -> None:
    """In place."""
    if not target.lane_pointers:
        return
    splitter = _Splitter()
    for op in list(filter(_is_access, module.walk())):
        splitter.split(op)
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)


@dataclass(frozen=True)
class _Scalar:
    """A number of the whole simdgroup. narrow: as the program computes it; wide: makes it as a whole number; of_slice:
    whether it is of the number of a slice, and so as small as those of registers."""

    narrow: Value
    wide: Callable[[], Value]
    of_slice: bool


@dataclass(frozen=True)
class _Parts:
    """A value as a sum: of numbers of the lane, which all its registers share; of numbers of the whole simdgroup; and
    of registers that all lanes share, which may be absent."""

    lanes: tuple[Value, ...] = ()
    scalars: tuple[_Scalar, ...] = ()
    registers: Value | None = None

    @property
    def of_tile(self) -> tuple[Value, ...]:
        """The parts that are not of the whole simdgroup."""
        return self.lanes if self.registers is None else (*self.lanes, self.registers)

    @property
    def is_one(self) -> bool:
        """Whether there is one number to add only."""
        return len(self.of_tile) + len(self.scalars) == 1


@dataclass
class _Splitter:
    """parts: of the values asked for so far, None for those that are no such sum; made: sums of pointers and numbers
    that exist, with where they are."""

    parts: dict[Value, _Parts | None] = field(default_factory=dict)
    made: dict[tuple, Value] = field(default_factory=dict)

    def split(self, access: Op) -> None:
        """Make an access go by lane pointer, if its offsets are a sum."""
        base, offset, *_ = access.operands
        if count_of(offset) == 1 or access.attributes.get("coherent"):
            return
        if access.attributes.get("contiguous") and _is_in_loop(access):
            return
        parts = self.of(offset)
        if parts is None or not parts.lanes or parts.registers is None:
            return
        access.set_operand(0, self._pointer(access, base, parts))
        access.set_operand(1, parts.registers)

    def _pointer(self, access: Op, base: Value, parts: _Parts) -> Value:
        """The lane's pointer: what changes least often is added first."""
        place = access.operands[1].location
        offset, moves = self.joined(access, parts, place)
        root = base
        while root.definer is not None and root.definer.name == "msl.pointer_add":
            moves.append(root.definer.operands[1])
            root = root.definer.operands[0]
        homes = {value: _home(access, value) for value in (root, offset, *moves)}
        home = max(homes[root], homes[offset], key=_depth)
        moves.sort(key=lambda value: _depth(homes[value]))
        pointer, place_of_root = root, homes[root]
        early = [value for value in moves if _depth(homes[value]) <= _depth(home)]
        for value in early:
            place_of_root = max((place_of_root, homes[value]), key=_depth)
            pointer = self._add("msl.pointer_add", pointer, value, pointer.type, place_of_root, place)
        pointer = self._add("msl.lane_pointer", pointer, offset, RegisterType(1, root.type), home, place)
        for value in moves[len(early) :]:
            home = max((home, homes[value]), key=_depth)
            pointer = self._add("msl.pointer_add", pointer, value, pointer.type, home, place)
        return pointer

    def joined(self, user: Op, parts: _Parts, place: Location) -> tuple[Value, list[Value]]:
        """The number of the lane, and what of the whole simdgroup moves the pointer by itself."""
        home = max((_home(user, value) for value in parts.lanes), key=_depth)
        is_early = {each: _depth(_home(user, each.narrow)) <= _depth(home) for each in parts.scalars}
        together = all(is_early[each] or each.of_slice for each in parts.scalars)
        numbers = [each.narrow for each in parts.scalars if together and is_early[each]]
        total, *others = (*parts.lanes, *numbers)
        for value in others:
            total = self._add("arith.addi", total, value, total.type, home, place)
        apart = [each for each in parts.scalars if each.narrow not in numbers]
        return total, [each.narrow if each.of_slice else each.wide() for each in apart]

    def _add(self, name: str, left: Value, right: Value, type_: Type, home: Op, place: Location) -> Value:
        """`left + right` in the block of `home`, right before the first op there that needs it."""
        key = (name, left, right, home.block)
        if key not in self.made:
            builder = Builder.before_op(home)
            builder.location = place
            self.made[key] = builder.value(name, [left, right], type_)
        return self.made[key]

    # ---------------------------------------------------------------------------------------------------------- sums
    def of(self, value: Value) -> _Parts | None:
        """The parts of a value."""
        if value not in self.parts:
            self.parts[value] = self._of(value)
        return self.parts[value]

    def _of(self, value: Value) -> _Parts | None:
        op = value.definer
        rule = _RULES.get(op.name) if op is not None else None
        if rule is not None and op is not None and (count_of(value) > 1 or _mixes_blocks(op)):
            parts = rule(self, op)
            if parts is not None:
                return parts
        if count_of(value) == 1 and not _is_varying(value):
            return _Parts(scalars=(_Scalar(value, lambda: _wide(value), _is_of_slice(value)),))
        if count_of(value) == 1:
            return _Parts(lanes=(value,))
        return None if _is_varying(value) else _Parts(registers=value)


def _is_varying(value: Value) -> bool:
    return isinstance(value.type, RegisterType) and not value.type.uniform


def _is_access(op: Op) -> bool:
    """Whether the op is a load or store of device memory by a pointer and offsets."""
    memory = row_of(op).memory
    return memory is not None and memory.space == DEVICE and not memory.by_address and memory.reads != memory.writes


def _is_in_loop(op: Op) -> bool:
    parent = op.parent
    while parent is not None and parent.name not in LOOPS:
        parent = parent.parent
    return parent is not None


def _mixes_blocks(op: Op) -> bool:
    """Whether a loop around the op changes only a part of what it computes."""
    return len({operand.block for operand in op.operands}) > 1


def _home(access: Op, value: Value) -> Op:
    """The access, or the op around it, in whose block the value is made or which is the outermost of the kernel."""
    place = access
    while place.block is not value.block and (parent := place.parent) is not None and parent.name != "msl.kernel":
        place = parent
    return place


def _depth(op: Op) -> int:
    """How many ops are around an op."""
    depth, parent = 0, op.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    return depth


# ---------------------------------------------------------------------------------------------------------------- rules
_Rule = Callable[[_Splitter, Op], "_Parts | None"]


def _sum(splitter: _Splitter, op: Op) -> _Parts | None:
    left, right = map(splitter.of, op.operands)
    if left is None or right is None:
        return None
    registers = [part for part in (left.registers, right.registers) if part is not None]
    joined = _made(op, registers) if len(registers) == 2 else next(iter(registers), None)
    return _Parts(left.lanes + right.lanes, left.scalars + right.scalars, joined)


def _difference(splitter: _Splitter, op: Op) -> _Parts | None:
    """a - s = a + (0 - s)"""
    left, right = map(splitter.of, op.operands)
    if left is None or right is None:
        return None
    zero, wide_zero = (Builder.before_op(op).constant(0, type_) for type_ in (element_of(op.result.type), I64))
    less = _each(right, lambda part: _made(op, [zero, part]), lambda part: _made(op, [wide_zero, part], I64))
    if left.registers is not None and less.registers is not None:
        return None
    registers = left.registers if less.registers is None else less.registers
    return _Parts(left.lanes + less.lanes, left.scalars + less.scalars, registers)


def _product(splitter: _Splitter, op: Op) -> _Parts | None:
    """(a + b) * s = a * s + b * s, of one uniform number s."""
    factors = [value for value in op.operands if count_of(value) == 1 and not _is_varying(value)]
    if len(factors) != 1:
        return None
    [factor] = factors
    [other] = [value for value in op.operands if value is not factor]
    parts = splitter.of(other)
    if parts is None:
        return None
    if not parts.is_one and element_of(op.result.type) is not I64 and not all(map(_is_place, parts.of_tile)):
        return None
    return _each(parts, lambda part: _made(op, [part, factor]), lambda part: _made(op, [part, _wide(factor)], I64))


def _is_place(value: Value) -> bool:
    """Whether a number is of a lane, a simdgroup, a register or a slice only: no larger than a tile."""
    op = value.definer
    if op is None:
        return _is_number_of_slice(value)
    if not op.operands:
        return op.name == "arith.constant" or row_of(op).is_place
    return is_pure(op) and all(map(_is_place, op.operands))


def _is_of_slice(value: Value) -> bool:
    """Whether a number is of a slice only, in a loop that is unrolled: a constant, as that of a register."""
    op = value.definer
    if op is None:
        return _is_number_of_slice(value)
    return _is_place(value) and any(map(_is_of_slice, op.operands))


def _is_number_of_slice(value: Value) -> bool:
    block = value.owner
    owner = block.parent if isinstance(block, Block) else None
    return owner is not None and bool(owner.attributes.get("unroll")) and value is owner.body.arguments[0]


def _widened(splitter: _Splitter, op: Op) -> _Parts | None:
    """Of an i32: what is joined to the lane's number is extended with it."""
    parts = splitter.of(op.operands[0])
    if parts is None or not parts.lanes:
        return None
    lane, moves = splitter.joined(op, parts, op.location)
    registers = _made(op, [parts.registers]) if parts.registers is not None else None
    scalars = tuple(_Scalar(wide, lambda wide=wide: wide, False) for wide in map(_wide, moves))
    return _Parts((_made(op, [lane]),), scalars, registers)


def _renamed(splitter: _Splitter, op: Op) -> _Parts | None:
    parts = splitter.of(op.operands[0])
    if parts is None or parts.registers is None:
        return parts
    return _Parts(parts.lanes, parts.scalars, _made(op, [parts.registers]))


def _each(parts: _Parts, make: Callable[[Value], Value], make_wide: Callable[[Value], Value]) -> _Parts:
    """The parts after an operation on each. make_wide: that on a whole number."""
    registers = make(parts.registers) if parts.registers is not None else None
    scalars = tuple(
        _Scalar(make(each.narrow), lambda each=each: make_wide(each.wide()), each.of_slice) for each in parts.scalars
    )
    return _Parts(tuple(map(make, parts.lanes)), scalars, registers)


def _made(op: Op, operands: list[Value], element: Type | None = None) -> Value:
    """The op on parts of its operands, before the loops that do not change these. element: of its result, if not the
    op's."""
    count = max(map(count_of, operands)) if op.name != "msl.index" else count_of(op.result)
    uniform = not any(map(_is_varying, operands))
    builder = Builder.before_op(max((_home(op, operand) for operand in operands), key=_depth))
    builder.location = op.location
    type_ = RegisterType(count, element or element_of(op.result.type), uniform)
    return builder.value(op.name, operands, type_, dict(op.attributes))


def _wide(scalar: Value) -> Value:
    """A number of the simdgroup as an i64."""
    return scalar if scalar.type is I64 else Builder.after_value(scalar).value("arith.extsi", [scalar], I64)


_RULES: dict[str, _Rule] = {
    "arith.addi": _sum,
    "arith.subi": _difference,
    "arith.muli": _product,
    "arith.extsi": _widened,
    "msl.index": _renamed,
}
