"""tt.atomic_rmw and tt.atomic_cas: each element is updated once, by the thread that owns it; all copies see the result.

A scalar is updated once per program: by one lane of the first simdgroup. Acquire and release are fences of the device
around the relaxed update; for a scalar of several simdgroups also barriers, since it speaks for the whole program.
"""

from __future__ import annotations

from ..errors import Unsupported
from ..ir.core import Op, Value
from ..ir.types import BF16, F16, F32, I32, I64, RegisterType, SharedType, TensorType, Type, element_of
from .lower_convert import through_memory
from .lower_memory import split_pointer
from .registers import Addresses, Held, Lowering, register_count, rule, spread

# Triton's RMWOp -> vocabulary name.
KINDS = dict(enumerate(("and", "or", "xor", "add", "add", "max", "min", "umax", "umin", "exchange"), start=1))
FLOAT_KINDS = ("add", "exchange", "cas")
# Triton's MemSemantic.
ACQUIRE, RELEASE = (2, 4), (3, 4)
SYSTEM = 3  # Triton's MemSyncScope: also the host and other devices


@rule("tt.atomic_rmw")
def atomic_rmw(lowering: Lowering, op: Op) -> None:
    """old = *ptr; *ptr = old (op) value"""
    pointer, value, *masks = op.operands
    _atomic(lowering, op, KINDS[op.integer("atomic_rmw_op")], pointer, [value], masks)


@rule("tt.atomic_cas")
def atomic_cas(lowering: Lowering, op: Op) -> None:
    """old = *ptr; if old == expected, bit by bit: *ptr = value"""
    pointer, expected, value = op.operands
    _atomic(lowering, op, "cas", pointer, [expected, value], [])


@rule("ttg.barrier", "gpu.barrier")
def barrier(lowering: Lowering, op: Op) -> None:
    """tl.debug_barrier: all accesses of all memory before it come before those after it, in the whole program."""
    lowering.builder.build("msl.barrier", [], [], {"scope": "device"})


def _atomic(lowering: Lowering, op: Op, kind: str, pointer: Value, values: list[Value], masks: list[Value]) -> None:
    element = element_of(op.result.type)
    _refuse(op, kind, element)
    order = op.integer("sem")
    several = lowering.simdgroups > 1 and not isinstance(op.result.type, TensorType)
    if order in RELEASE:
        _fence(lowering, barrier_first=several, barrier_last=False)
    update = _tensor if isinstance(op.result.type, TensorType) else _scalar
    lowering.values[op.result] = update(lowering, op, kind, pointer, values, masks)
    if order in ACQUIRE:
        _fence(lowering, barrier_first=False, barrier_last=several)


def _refuse(op: Op, kind: str, element: Type) -> None:
    if element is I64:
        raise Unsupported(op, "Metal has no 64-bit atomics that return a value", op.location)
    if element is not I32 and (element not in (F16, BF16, F32) or kind not in FLOAT_KINDS):
        raise Unsupported(op, f"atomic {kind} of {element} has no lowering to Metal", op.location)
    if op.integer("scope", 1) == SYSTEM:
        raise Unsupported(op, "Metal orders atomics within one device; use scope='gpu'", op.location)


def _fence(lowering: Lowering, barrier_first: bool, barrier_last: bool) -> None:
    if barrier_first:
        lowering.builder.build("msl.barrier", [], [], {"scope": "device"})
    lowering.builder.build("msl.fence")
    if barrier_last:
        lowering.builder.build("msl.barrier", [], [], {"scope": "device"})


def _place(lowering: Lowering, op: Op, pointer: Value) -> tuple[Value, Held]:
    lowered = lowering[pointer]
    if isinstance(lowered, Addresses):
        raise Unsupported(op, "an atomic through pointers without a common base", op.location)
    return split_pointer(lowering, lowered)


def _scalar(lowering: Lowering, op: Op, kind: str, pointer: Value, values: list[Value], masks: list[Value]) -> Held:
    base, offset = _place(lowering, op, pointer)
    operands = [base, offset.value, *(lowering.held(v).value for v in values)]
    conditions = [lowering.held(m).value for m in masks]
    leader = None
    if lowering.simdgroups > 1:
        leader = lowering.elect(0, lowering.simdgroups - 1)
        assert leader is not None
        conditions.append(leader)
    mask = conditions[0] if conditions else None
    if len(conditions) == 2:
        mask = lowering.emit("arith.andi", conditions, conditions[0].type)
    element = op.result.type
    attributes = {"function": f"uniform_atomic_{kind}", "has_mask": mask is not None}
    old = lowering.builder.value("msl.atomic", [*operands, *([mask] if mask is not None else [])], element, attributes)
    if leader is None or not op.result.uses:
        return Held(old)
    buffer = lowering.builder.value("msl.shared_alloc", [], SharedType(1, element))
    zero = lowering.constant(0)
    lowering.builder.build("msl.shared_store", [buffer, zero, old, leader])
    return Held(lowering.builder.value("msl.shared_load", [buffer, zero], element))


def _tensor(lowering: Lowering, op: Op, kind: str, pointer: Value, values: list[Value], masks: list[Value]) -> Held:
    """One update per register and lane, even where registers agree: every element of the tensor counts."""
    type_ = op.result.type
    registers, element = register_count(type_), type_.element
    base, offset = _place(lowering, op, pointer)
    operands = [base, lowering.materialise(offset, registers)]
    for value in values:
        operand = lowering.materialise(lowering.held(value), registers)
        entries = operand.type.count if isinstance(operand.type, RegisterType) else 1
        operands.append(spread(lowering, operand, RegisterType(entries, element)))
    conditions = [lowering.held(m) for m in masks]
    owner = lowering.owner_mask(type_.layout)
    if owner is not None:
        conditions.append(Held(owner))
    if conditions:
        mask = conditions[0]
        for other in conditions[1:]:
            mask = lowering.elementwise("arith.andi", [mask, other], mask.element, registers)
        operands.append(lowering.materialise(mask, registers))
    attributes = {"function": f"atomic_{kind}", "has_mask": bool(conditions)}
    old = lowering.builder.value("msl.atomic", operands, RegisterType(registers, element), attributes)
    held = Held(old, tuple(range(registers)))
    if owner is None or not op.result.uses:
        return held
    # What only the owners of replicated elements know, in all threads.
    return through_memory(lowering, held, type_.layout, type_.layout)
