"""`msl`: the ops of lowered IR, whose values are registers of one thread (see ARCHITECTURE.md, lowered IR).

A row says all that the stages after lowering go by: none of them names ops to say what these touch.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from dataclasses import dataclass

from ..ir.core import Block, Op, Value
from ..ir.registry import OpRule, Trait, find_rule, is_removable, register
from ..ir.types import I1, PointerType, RegisterType, SharedType, Type, element_of
from .control import For
from .types import first_problem, is_integer, shapes_agree, types_of

_ANY = (0, None)
MOVES = ("msl.pointer_add", "msl.lane_pointer")
"""Ops that give a pointer to other elements of the memory that their first operand points to."""
DEVICE, THREADGROUP, LOG = "device", "threadgroup", "log"  # spaces of memory


class Form(enum.Enum):
    """How an op goes about the registers of its operands and results."""

    EACH = enum.auto()
    """Register r of the results is made of register r of each operand that has several."""
    RENAMED = enum.auto()
    """No code: what uses the result uses other registers of the operand, or their numbers."""
    COMBINED = enum.auto()
    """Its region is a function of elements, which is run over groups of registers."""
    UPDATED = enum.auto()
    """Whole arrays: the first operand's becomes the result's."""
    VECTOR = enum.auto()
    """`width` registers at a time, by their address."""
    SELECTED = enum.auto()
    """Register r of the result is one of the first operand's, an array, which a number chooses."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What an op does with memory. by_address: it takes addresses instead of a base and an offset."""

    space: str
    reads: bool = False
    writes: bool = False
    by_address: bool = False


@dataclass(frozen=True, slots=True)
class Row(OpRule):
    """data: the operand that is an array for Form.VECTOR, too. reads, changes: the operands that are variables whose
    contents it takes, or sets. exposes: it makes a number of a pointer, or a pointer of a number, so that anything may
    be done through another. is_place: its result is the number of a lane, a simdgroup or a register."""

    memory: Memory | None = None
    form: Form = Form.EACH
    data: int | None = None
    reads: tuple[int, ...] = ()
    changes: tuple[int, ...] = ()
    exposes: bool = False
    is_place: bool = False


_OTHER = Row()


def row_of(op: Op) -> Row:
    """The op's row. Ops of other dialects are left by lowering only if they compute registers, each from its own."""
    rule = find_rule(op.name)
    return rule if isinstance(rule, Row) else _OTHER


def is_movable(op: Op) -> bool:
    """Whether the op may run earlier or later than it stands: without effects, and depending on none."""
    return is_removable(op) and row_of(op).memory is None


def count_of(value: Value) -> int:
    """Registers per lane of a lowered value; 1 for scalars, pointers and buffers."""
    return value.type.count if isinstance(value.type, RegisterType) else 1


def is_lane_pointer(value: Value) -> bool:
    """Whether each lane has a pointer of its own."""
    return isinstance(value.type, RegisterType) and isinstance(value.type.element, PointerType)


def moved_from(pointer: Value) -> tuple[Value, Hashable] | None:
    """The pointer that another was made of by moving it, and what it was moved by: a number, or a number for every
    iteration of a loop; None for a pointer that was made otherwise."""
    op = pointer.definer
    if op is not None and op.name in MOVES:
        return op.operands[0], op.operands[1]
    loop = pointer.owner.parent if isinstance(pointer.owner, Block) else pointer.owner
    number = pointer.index - (pointer.owner is not loop)
    if loop is None or loop.name != "scf.for" or number < 0:
        return None
    argument, end = For(loop).carried[number], For(loop).yielded[number].definer
    if end is None or end.name not in MOVES or end.operands[0] is not argument:
        return None
    return For(loop).initial[number], (pointer.owner, end.operands[1])


def kernel_argument(base: Value | None) -> Value | None:
    """The kernel's pointer argument that `base` was computed from; None if that is not plain to see."""
    while base is not None and base.definer is not None and base.definer.name == "msl.pointer_cast":
        base = base.definer.operands[0]
    if base is None:
        return None
    moved = moved_from(base)
    if moved is not None:
        return kernel_argument(moved[0])
    return base if is_kernel_argument(base) else None


def is_kernel_argument(value: Value) -> bool:
    owner = value.owner.parent if isinstance(value.owner, Block) else None
    return owner is not None and owner.name == "msl.kernel"


def _index(op: Op) -> str | None:
    source, result, entries = op.operands[0].type, op.result.type, op.attributes["map"]
    if len(entries) != count_of(op.result) or any(not 0 <= entry < count_of(op.operands[0]) for entry in entries):
        return f"its map does not take {source} to {result}"
    return None if element_of(source) is element_of(result) else f"{source} and {result} differ in their elements"


def _slice(op: Op) -> str | None:
    """A tensor, and the number of the slice along the axis."""
    source, result, axis = op.operands[0].type, op.result.type, op.integer("axis")
    shapes = [(*t.shape[:axis], *t.shape[axis + 1 :]) for t in (source, result)]
    fits = shapes[0] == shapes[1] and source.shape[axis] % result.shape[axis] == 0
    return None if fits and source.element is result.element else f"{result} is no slice of {source}"


def _register(op: Op) -> str | None:
    count = 2 ** len(op.attributes["bases"])
    return None if count_of(op.result) == count else f"its bases number {count} registers"


def _mask(type_: Type | None) -> str | None:
    return None if type_ is None or element_of(type_) is I1 else f"{type_} is no mask"


def _pointee(op: Op) -> Type | str:
    base = op.operands[0].type
    if isinstance(base, RegisterType):
        base = base.element
    if not isinstance(base, PointerType | SharedType):
        return f"{base} is no pointer"
    return base.pointee if isinstance(base, PointerType) else base.element


def _load(op: Op) -> str | None:
    """(base, offset[, mask[, other]])"""
    _, offset, *rest = types_of(op.operands)
    mask, other = (*rest, None, None)[:2]
    pointee = _pointee(op)
    if isinstance(pointee, str):
        return pointee
    if pointee is not element_of(op.result.type) or not is_integer(offset):
        return f"no {op.result.type} from {op.operands[0].type} at {offset}"
    wrong = f"{other} cannot stand in" if other is not None and element_of(other) is not pointee else None
    return first_problem(_mask(mask), wrong)


def _store(op: Op) -> str | None:
    """(base, offset, value[, mask])"""
    _, offset, value, *masks = types_of(op.operands)
    pointee = _pointee(op)
    if isinstance(pointee, str):
        return pointee
    if pointee is not element_of(value) or not is_integer(offset):
        return f"no {value} to {op.operands[0].type} at {offset}"
    return _mask(masks[0] if masks else None)


def _mma(op: Op) -> str | None:
    return None if op.operands[0].type is op.result.type else f"{op.result.type} is accumulated on another type"


def _alike(op: Op) -> str | None:
    return shapes_agree(op.operands[:1], op.result.type) if op.name != "msl.simd_reduce" else None


_READ, _WRITE = Memory(DEVICE, reads=True), Memory(DEVICE, writes=True)
MSL = {
    "kernel": Row(results=0, traits=Trait.ISOLATED, attributes=("sym_name", "simdgroups"), regions=1),
    "return": Row(_ANY, 0, traits=Trait.TERMINATOR),
    "yield": Row(_ANY, 0, traits=Trait.TERMINATOR),
    "call": Row(_ANY, _ANY, traits=Trait.PURE | Trait.ELEMENTWISE, attributes=("function",)),
    "slice": Row(2, check=_slice, traits=Trait.PURE, attributes=("axis",)),
    # ---- places
    "index": Row(1, check=_index, traits=Trait.PURE, attributes=("map",), form=Form.RENAMED),
    "register": Row(check=_register, traits=Trait.PURE, attributes=("bases",), form=Form.RENAMED, is_place=True),
    "lane simdgroup": Row(traits=Trait.PURE, is_place=True),
    "program_id num_programs": Row(traits=Trait.PURE, attributes=("axis",)),
    "copy": Row(1, traits=Trait.PURE),
    "select_registers": Row(2, traits=Trait.PURE, attributes=("map",), form=Form.SELECTED, data=0),
    # ---- addresses
    "pointer_cast": Row(1, traits=Trait.PURE),
    "address_of pointer_from": Row(1, traits=Trait.PURE, exposes=True),
    "pointer_add lane_pointer": Row(2, traits=Trait.PURE),
    # ---- memory
    "load": Row((2, 4), 1, _load, Trait.READS, memory=_READ),
    "load_vector": Row((2, 4), 1, _load, Trait.READS, ("width",), memory=_READ, form=Form.VECTOR, data=3),
    "shared_load": Row((2, 4), 1, _load, Trait.READS, memory=Memory(THREADGROUP, reads=True)),
    "load_address": Row((1, 3), traits=Trait.READS, memory=Memory(DEVICE, reads=True, by_address=True)),
    "store": Row((3, 4), 0, _store, memory=_WRITE),
    "store_vector": Row((3, 4), 0, _store, Trait.NONE, ("width",), memory=_WRITE, form=Form.VECTOR, data=2),
    "shared_store": Row((3, 4), 0, _store, memory=Memory(THREADGROUP, writes=True)),
    "shared_add": Row((3, 4), 0, _store, memory=Memory(THREADGROUP, reads=True, writes=True)),
    "store_address": Row((2, 3), 0, memory=Memory(DEVICE, writes=True, by_address=True)),
    "shared_alloc": Row(traits=Trait.READS),  # two allocations are two buffers, but an unused one is none
    "atomic": Row((2, None), 1, attributes=("function", "has_mask"), memory=Memory(DEVICE, reads=True, writes=True)),
    "fence": Row(results=0),
    "barrier": Row(results=0, attributes=("scope",)),
    # ---- the log of a launch: an element's number, its value or whether it failed, a mask; each but the last optional
    "print": Row(
        (0, 3),
        0,
        attributes=("text", "element", "signed", "hexadecimal", "shape", "operand", "operands"),
        memory=Memory(LOG, writes=True),
    ),
    "report": Row((1, 3), 0, attributes=("text", "shape"), memory=Memory(LOG, writes=True)),
    "stop": Row(1, 0),
    # ---- lanes
    "shuffle_xor": Row(1, check=_alike, traits=Trait.PURE, attributes=("mask",)),
    "shuffle": Row(2, check=_alike, traits=Trait.PURE),
    "exchange": Row(1, 1, _alike, Trait.PURE, ("register_bit", "lane_bit"), form=Form.UPDATED),
    "simd_reduce": Row(1, traits=Trait.PURE, attributes=("kind",)),
    "simd_any simd_all": Row(1, traits=Trait.PURE),
    "reduce_registers": Row((1, None), (1, None), None, Trait.RECURSIVE, ("outputs", "map"), 1, form=Form.COMBINED),
    "scan_registers": Row((1, None), (1, None), None, Trait.RECURSIVE, ("group", "map"), 1, form=Form.COMBINED),
    "mma": Row(3, 1, _mma, Trait.PURE, ("function", "m", "n", "k"), form=Form.UPDATED),
}
# After form_loops: register loops. After storage: variables, and ops that write them.
LOOPS = {
    "loop": Row(_ANY, _ANY, regions=1, attributes=("count", "start")),
    "read": Row((1, None), traits=Trait.READS, reads=(0,)),
    "chunk": Row((1, None), traits=Trait.READS, attributes=("map", "extents", "width"), reads=(0,)),
    "position": Row(_ANY, traits=Trait.PURE, attributes=("values", "extents"), is_place=True),
    "variable": Row((0, 1), traits=Trait.READS),
    "write": Row((2, None), 0, changes=(1,)),
    "load_into": Row((3, 5), 0, attributes=("width",), changes=(0,)),
    "exchange_pair": Row(2, 0, attributes=("lane_bit",), changes=(0, 1)),
    "mma_into": Row(3, 0, attributes=("function", "m", "n", "k"), changes=(0,)),
}
register("msl", MSL)
register("msl", LOOPS)
