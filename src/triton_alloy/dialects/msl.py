"""`msl`: the ops of lowered IR, whose values are registers of one thread (see ARCHITECTURE.md, lowered IR)."""

from __future__ import annotations

from ..ir.core import Block, Op, Value
from ..ir.registry import OpRule, Trait, register
from ..ir.types import I1, PointerType, RegisterType, SharedType, Type, element_of
from .types import first_problem, is_integer, shapes_agree, types_of

_ANY = (0, None)


def count_of(value: Value) -> int:
    """Registers per lane of a lowered value; 1 for scalars, pointers and buffers."""
    return value.type.count if isinstance(value.type, RegisterType) else 1


def kernel_argument(base: Value | None) -> Value | None:
    """The kernel's pointer argument that `base` was computed from; None if that is not plain to see."""
    if base is None:
        return None
    while base.definer is not None and base.definer.name in ("msl.pointer_add", "msl.pointer_cast", "msl.lane_pointer"):
        base = base.definer.operands[0]
    region = base.owner.region if isinstance(base.owner, Block) else None
    owner = region.owner if region is not None else None
    return base if owner is not None and owner.name == "msl.kernel" else None


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


MSL = {
    "kernel": OpRule(results=0, traits=Trait.ISOLATED, attributes=("sym_name", "simdgroups"), regions=1),
    "return": OpRule(_ANY, 0, traits=Trait.TERMINATOR),
    "yield": OpRule(_ANY, 0, traits=Trait.TERMINATOR),
    "call": OpRule(_ANY, _ANY, traits=Trait.PURE | Trait.ELEMENTWISE, attributes=("function",)),
    "slice": OpRule(2, check=_slice, traits=Trait.PURE, attributes=("axis",)),
    # ---- places
    "index": OpRule(1, check=_index, traits=Trait.PURE, attributes=("map",)),
    "register": OpRule(check=_register, traits=Trait.PURE, attributes=("bases",)),
    "lane simdgroup": OpRule(traits=Trait.PURE),
    "program_id num_programs": OpRule(traits=Trait.PURE, attributes=("axis",)),
    "copy": OpRule(1, traits=Trait.PURE),
    "select_registers": OpRule(2, traits=Trait.PURE, attributes=("map",)),
    # ---- addresses
    "address_of pointer_cast pointer_from": OpRule(1, traits=Trait.PURE),
    "pointer_add lane_pointer": OpRule(2, traits=Trait.PURE),
    # ---- memory
    "load": OpRule((2, 4), check=_load, traits=Trait.READS),
    "load_vector": OpRule((2, 4), check=_load, traits=Trait.READS, attributes=("width",)),
    "shared_load": OpRule((2, 4), check=_load, traits=Trait.READS),
    "load_address": OpRule((1, 3), traits=Trait.READS),
    "store": OpRule((3, 4), 0, check=_store),
    "store_vector": OpRule((3, 4), 0, check=_store, attributes=("width",)),
    "shared_store": OpRule((3, 4), 0, check=_store),
    "shared_add": OpRule((3, 4), 0, check=_store),
    "store_address": OpRule((2, 3), 0),
    "shared_alloc": OpRule(traits=Trait.READS),  # two allocations are two buffers, but an unused one is none
    "atomic": OpRule((2, None), 1, attributes=("function", "has_mask")),
    "fence": OpRule(results=0),
    "barrier": OpRule(results=0, attributes=("scope",)),
    # ---- the log of a launch: an element's number, its value or whether it failed, a mask; each but the last optional
    "print": OpRule((0, 3), 0, attributes=("text", "element", "signed", "hexadecimal", "shape", "operand", "operands")),
    "report": OpRule((1, 3), 0, attributes=("text", "shape")),
    "stop": OpRule(1, 0),
    # ---- lanes
    "shuffle_xor": OpRule(1, check=_alike, traits=Trait.PURE, attributes=("mask",)),
    "shuffle": OpRule(2, check=_alike, traits=Trait.PURE),
    "exchange": OpRule(1, check=_alike, traits=Trait.PURE, attributes=("register_bit", "lane_bit")),
    "simd_reduce": OpRule(1, traits=Trait.PURE, attributes=("kind",)),
    "simd_any simd_all": OpRule(1, traits=Trait.PURE),
    "reduce_registers": OpRule((1, None), (1, None), traits=Trait.RECURSIVE, attributes=("outputs", "map"), regions=1),
    "scan_registers": OpRule((1, None), (1, None), traits=Trait.RECURSIVE, attributes=("group", "map"), regions=1),
    "mma": OpRule(3, check=_mma, traits=Trait.PURE, attributes=("function", "m", "n", "k")),
}
# After form_loops: register loops. After storage: variables, and ops that write them.
LOOPS = {
    "loop": OpRule(_ANY, _ANY, regions=1, attributes=("count", "start")),
    "read": OpRule((1, None), traits=Trait.READS),
    "chunk": OpRule((1, None), traits=Trait.READS, attributes=("map", "extents", "width")),
    "position": OpRule(_ANY, traits=Trait.PURE, attributes=("values", "extents")),
    "variable": OpRule((0, 1), traits=Trait.READS),
    "write": OpRule((2, None), 0),
    "load_into": OpRule((3, 5), 0, attributes=("width",)),
    "exchange_pair": OpRule(2, 0, attributes=("lane_bit",)),
    "mma_into": OpRule(3, 0, attributes=("function", "m", "n", "k")),
}
register("msl", MSL)
register("msl", LOOPS)
