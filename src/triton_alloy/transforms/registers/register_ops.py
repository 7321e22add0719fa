"""What the loop former has to know of a lowered op: how often it runs, what it touches, whether it costs anything."""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.msl import count_of, kernel_argument
from ...ir.core import Op, Value
from ...ir.types import FloatType, IntegerType, PointerType, RegisterType, Type

LOADS = {
    "msl.load": "device",
    "msl.load_vector": "device",
    "msl.load_address": "device",
    "msl.shared_load": "threadgroup",
}
STORES = {
    "msl.store": "device",
    "msl.store_vector": "device",
    "msl.store_address": "device",
    "msl.shared_store": "threadgroup",
    "msl.atomic": "device",
    "msl.shared_add": "threadgroup",
}
LOG = "log"
LOGS = ("msl.print", "msl.report")
VECTOR_OPS = ("msl.load_vector", "msl.store_vector")
ARRAY_OPS = ("msl.mma", "msl.exchange")  # take and give whole arrays
RENAMINGS = ("msl.index", "msl.register")  # no code: they become index expressions
COMBINING = ("msl.reduce_registers", "msl.scan_registers")  # their region is a function of elements
TERMINATORS = ("scf.yield", "scf.condition", "msl.return", "msl.yield")
PURE_MSL = {
    *RENAMINGS,
    *ARRAY_OPS,
    "msl.address_of",
    "msl.call",
    "msl.copy",
    "msl.lane",
    "msl.lane_pointer",
    "msl.num_programs",
    "msl.pointer_add",
    "msl.pointer_cast",
    "msl.pointer_from",
    "msl.program_id",
    "msl.select_registers",
    *COMBINING,
    "msl.shared_alloc",
    "msl.shuffle",
    "msl.shuffle_xor",
    "msl.simd_all",
    "msl.simd_any",
    "msl.simd_reduce",
    "msl.simdgroup",
}
PURE_DIALECTS = ("arith", "math", "tt")

# Integer ops that take one instruction on every target.
CHEAP = {
    *(f"arith.{name}" for name in ("addi", "subi", "muli", "andi", "ori", "xori", "shli", "shrsi", "shrui", "cmpi")),
    *(f"arith.{name}" for name in ("extsi", "extui", "trunci")),
}
CONVERSIONS = {"b1", "i8", "i16", "i32", "i64", "f16", "bf16", "f32"}  # functions of msl.call that only change the type
CHEAP_COST = 3  # an offset and its comparison: below the cost of keeping an array of them


def single(type_: Type) -> Type:
    """The type of one register of `type_`: !msl.reg<8xf32> -> !msl.reg<1xf32>."""
    return RegisterType(1, type_.element, type_.uniform) if isinstance(type_, RegisterType) else type_


def is_pure(op: Op) -> bool:
    """Whether the op can be moved, repeated or dropped."""
    return op.name in PURE_MSL or op.name.split(".")[0] in PURE_DIALECTS


def is_fence(op: Op) -> bool:
    """Whether nothing is moved across the op: control flow, barriers, and any op whose effects are not known."""
    known = is_pure(op) or op.name in LOADS or op.name in STORES or op.name in LOGS
    return bool(op.regions and op.name not in COMBINING) or op.name in TERMINATORS or not known


def trips(op: Op) -> int:
    """How often the op runs in a register loop: once per register, vector or group of reduced registers."""
    entries = max((count_of(v) for v in [*op.operands, *op.results]), default=1)
    if op.name in VECTOR_OPS:
        return entries // op.integer("width")
    if op.name == "msl.reduce_registers":
        return op.integer("outputs")
    if op.name == "msl.select_registers":
        return count_of(op.result)
    return entries


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
    is_conversion = op.name == "msl.call" and op.attributes["function"] in CONVERSIONS
    if op.name not in CHEAP and not is_conversion:
        return expensive
    total = 1
    for operand in op.operands:
        total += cost(operand) if operand.definer is not None or count_of(operand) == 1 else expensive
        if total >= expensive:
            return expensive
    return total


def is_recomputed(op: Op) -> bool:
    """Whether the op is made anew wherever its registers are used, instead of being kept in an array."""
    if op.name in RENAMINGS:
        return True
    if len(op.results) != 1 or count_of(op.results[0]) == 1 or op.name == "msl.copy":
        return False
    return cost(op.results[0]) <= CHEAP_COST


@dataclass(frozen=True)
class Access:
    """Memory that an op touches. offset: None where the op has addresses; vector: whether in vectors."""

    space: str
    writes: bool
    base: Value | None
    offset: Value | None
    vector: bool

    def conflicts(self, other: Access) -> bool:
        return self.space == other.space and (self.writes or other.writes)

    def same_place(self, other: Access) -> bool:
        """Whether register r of both is the same memory, or memory that no other register of either touches.

        Through two kernel arguments the same offset of equally wide elements is taken for one of these: a program that
        shifts a block inside one buffer does it through one argument.
        """
        if self.offset is None or self.offset is not other.offset or self.vector != other.vector:
            return False
        if self.base is other.base:
            return True
        if self.space != "device" or _pointee_width(self.base) != _pointee_width(other.base):
            return False
        ours, theirs = kernel_argument(self.base), kernel_argument(other.base)
        return ours is not None and theirs is not None and ours is not theirs


def _pointee_width(base: Value | None) -> int:
    """Bits of an element in memory."""
    pointee = base.type.pointee if base is not None and isinstance(base.type, PointerType) else None
    return max(pointee.width, 8) if isinstance(pointee, IntegerType | FloatType) else 64


def access_of(op: Op) -> Access | None:
    """What the op reads or writes in memory; None for a pure op."""
    if op.name in LOGS:
        return Access(LOG, True, None, None, False)
    space = LOADS.get(op.name) or STORES.get(op.name)
    if space is None:
        return None
    writes = op.name in STORES
    if op.name.endswith("_address"):
        return Access(space, writes, None, None, False)
    return Access(space, writes, op.operands[0], op.operands[1], op.name in VECTOR_OPS)
