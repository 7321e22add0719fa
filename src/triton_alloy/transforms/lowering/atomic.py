"""Atomics: each element is accessed once, by the thread that owns it; all copies see the result.

A scalar is accessed once per program: by one lane of the first simdgroup. Acquire and release are fences of the device
around the relaxed access; for a scalar of several simdgroups also barriers, since it speaks for the whole program.

Numbers of 64 bits are changed under locks (msl/vocabulary/8_wide_atomics.metal), so that every atomic access of them
must be, but for loads that may see half of a change: those that are no atomics. Metal's own minimum and maximum of
unsigned numbers is used in kernels that have no other 64-bit atomic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...dialects.tt import is_atomic
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...ir.types import (
    BF16,
    F16,
    F32,
    F64,
    I1,
    I8,
    I16,
    I32,
    I64,
    RegisterType,
    SharedType,
    TensorType,
    Type,
    element_of,
    with_element,
)
from . import places
from .context import Addresses, Held, Lowering, register_count, rule, spread, whole
from .convert import through_memory
from .memory import split_pointer

# Triton's RMWOp -> vocabulary name.
KINDS = dict(enumerate(("and", "or", "xor", "add", "add", "max", "min", "umax", "umin", "exchange"), start=1))
# Element -> kinds, beside those of 32-bit integers.
FLOAT_KINDS = ("add", "exchange", "cas", "load")
NARROW_KINDS = {I8: ("exchange", "load"), I16: ("exchange", "cas", "load", "poll")}
WIDE = (I64, F64)
WIDE_KINDS = {kind: f"{kind.capitalize()}64" for kind in KINDS.values()}
# Triton's MemSemantic.
ACQUIRE, RELEASE = (2, 4), (3, 4)
SYSTEM = 3  # Triton's MemSyncScope: also the host and other devices


@rule("tt.atomic_rmw")
def atomic_rmw(lowering: Lowering, op: Op) -> Held:
    """old = *ptr; *ptr = old (op) value"""
    pointer, value, *masks = op.operands
    return _atomic(lowering, op, KINDS[op.integer("atomic_rmw_op")], pointer, [value], masks)


@rule("tt.atomic_cas")
def atomic_cas(lowering: Lowering, op: Op) -> Held:
    """old = *ptr; if old == expected, bit by bit: *ptr = value"""
    pointer, expected, value = op.operands
    return _atomic(lowering, op, "cas", pointer, [expected, value], [])


@rule("tt.atomic_load")
def atomic_load(lowering: Lowering, op: Op) -> Held:
    """*ptr"""
    pointer, *masks = op.operands
    return _atomic(lowering, op, "load", pointer, [], masks)


@rule("tt.atomic_store")
def atomic_store(lowering: Lowering, op: Op) -> None:
    """*ptr = value, as an exchange whose result nobody wants"""
    pointer, value, *masks = op.operands
    _atomic(lowering, op, "exchange", pointer, [value], masks)


@rule("tt.atomic_poll")
def atomic_poll(lowering: Lowering, op: Op) -> Held:
    """Wait until *ptr == expected. Without a limit of time the answer is always true."""
    pointer, expected, *timeout = op.operands
    if timeout:
        raise Unsupported(op, "a kernel of Metal has no clock to measure timeout_ns with")
    if lowering.simdgroups > 1:  # what other simdgroups of this program store before comes before
        lowering.builder.build("msl.barrier", [], [], {"scope": "device"})
    _atomic(lowering, op, "poll", pointer, [expected], [])
    return Held(lowering.constant(1, I1))


@rule("ttg.barrier", "gpu.barrier")
def barrier(lowering: Lowering, op: Op) -> None:
    """tl.debug_barrier: all accesses of all memory before it come before those after it, in the whole program."""
    lowering.builder.build("msl.barrier", [], [], {"scope": "device"})


def _atomic(lowering: Lowering, op: Op, kind: str, pointer: Value, values: list[Value], masks: list[Value]) -> Held:
    """The value before."""
    element = element_of(pointer.type).pointee
    _refuse(op, kind, element)
    order = op.integer("sem")
    type_ = with_element(pointer.type, element) if isinstance(pointer.type, TensorType) else element
    several = lowering.simdgroups > 1 and not isinstance(type_, TensorType)
    if order in RELEASE:
        _fence(lowering, barrier_first=several, barrier_last=False)
    access = _AtomicCall(_function(lowering, op, kind, element), type_, bool(op.results and op.results[0].uses))
    update = _tensor if isinstance(type_, TensorType) else _scalar
    old = update(lowering, op, access, pointer, values, masks)
    if order in ACQUIRE:
        _fence(lowering, barrier_first=False, barrier_last=several)
    return old


@dataclass(frozen=True)
class _AtomicCall:
    """function: of the vocabulary, for lanes; type: of what is accessed; used: whether somebody wants the result."""

    function: str
    type: Type
    used: bool

    def attributes(self, prefix: str, has_mask: bool, elected: bool) -> dict[str, Any]:
        """Of the op. elected: whether of several threads that have the operands one runs it."""
        locked = {"locked": True} if self.function.startswith("locked_") else {}
        chosen = {"elected": True} if elected else {}
        return {"function": prefix + self.function, "has_mask": has_mask, **locked, **chosen}


def _refuse(op: Op, kind: str, element: Type) -> None:
    if element not in (I32, I64):
        known = FLOAT_KINDS if element in (F16, BF16, F32, F64) else NARROW_KINDS.get(element, ())
        if kind not in known:
            raise Unsupported(op, f"atomic {kind} of {element} has no lowering to Metal")
    if op.integer("scope", 1) == SYSTEM:
        raise Unsupported(op, "Metal orders atomics within one device; use scope='gpu'")


def _function(lowering: Lowering, op: Op, kind: str, element: Type) -> str:
    if element not in WIDE:
        return f"atomic_{kind}"
    if kind not in WIDE_KINDS:
        return f"locked_{kind}"
    hardware = lowering.target.hardware
    if hardware is not None and hardware.wide_atomics and all(map(_is_native, _wide_atomics(op))):
        return f"wide_{kind}"
    name = "AddF64" if (kind, element) == ("add", F64) else WIDE_KINDS[kind]
    return f"locked_atomic<{name}>"


def _wide_atomics(op: Op) -> list[Op]:
    """The 64-bit atomics of the kernel that `op` is in."""
    outermost = op
    while outermost.parent is not None:
        outermost = outermost.parent
    atomics = [each for each in outermost.walk() if is_atomic(each)]
    return [each for each in atomics if element_of(each.operands[0].type).pointee in WIDE]


def _is_native(op: Op) -> bool:
    is_unsigned = op.name == "tt.atomic_rmw" and KINDS[op.integer("atomic_rmw_op")] in ("umax", "umin")
    return is_unsigned and not op.result.uses


def _fence(lowering: Lowering, barrier_first: bool, barrier_last: bool) -> None:
    if barrier_first:
        lowering.builder.build("msl.barrier", [], [], {"scope": "device"})
    lowering.builder.build("msl.fence")
    if barrier_last:
        lowering.builder.build("msl.barrier", [], [], {"scope": "device"})


def _place(lowering: Lowering, op: Op, pointer: Value) -> tuple[Value, Held]:
    lowered = lowering[pointer]
    if isinstance(lowered, Addresses):
        raise Unsupported(op, "an atomic through pointers without a common base")
    return split_pointer(lowering, lowered)


def _scalar(
    lowering: Lowering, op: Op, access: _AtomicCall, pointer: Value, values: list[Value], masks: list[Value]
) -> Held:
    base, offset = _place(lowering, op, pointer)
    operands = [base, offset.value, *(lowering.held(v).value for v in values)]
    conditions = [lowering.held(m).value for m in masks]
    leader = None
    if lowering.simdgroups > 1:
        leader = places.elect(lowering, 0, lowering.simdgroups - 1)
        assert leader is not None
        conditions.append(leader)
    mask = conditions[0] if conditions else None
    if len(conditions) == 2:
        mask = lowering.emit("arith.andi", conditions, conditions[0].type)
    element = access.type
    attributes = access.attributes("uniform_", mask is not None, leader is not None)
    old = lowering.builder.value("msl.atomic", [*operands, *([mask] if mask is not None else [])], element, attributes)
    if leader is None or not access.used:
        return Held(old)
    buffer = lowering.builder.value("msl.shared_alloc", [], SharedType(1, element))
    zero = lowering.constant(0)
    lowering.builder.build("msl.shared_store", [buffer, zero, old, leader])
    return Held(lowering.builder.value("msl.shared_load", [buffer, zero], element))


def _tensor(
    lowering: Lowering, op: Op, access: _AtomicCall, pointer: Value, values: list[Value], masks: list[Value]
) -> Held:
    """One update per register and lane, even where registers agree: every element of the tensor counts."""
    type_ = access.type
    registers, element = register_count(type_), type_.element
    base, offset = _place(lowering, op, pointer)
    operands = [base, lowering.materialise(offset, registers)]
    for value in values:
        operand = lowering.materialise(lowering.held(value), registers)
        entries = operand.type.count if isinstance(operand.type, RegisterType) else 1
        operands.append(spread(lowering, operand, RegisterType(entries, element)))
    conditions = [lowering.held(m) for m in masks]
    owner = places.owner_mask(lowering, type_.layout)
    if owner is not None:
        conditions.append(Held(owner))
    if conditions:
        mask = conditions[0]
        for other in conditions[1:]:
            mask = lowering.elementwise("arith.andi", [mask, other], mask.element, registers)
        operands.append(lowering.materialise(mask, registers))
    attributes = access.attributes("", bool(conditions), owner is not None)
    old = lowering.builder.value("msl.atomic", operands, RegisterType(registers, element), attributes)
    if owner is None or not access.used:
        return whole(old)
    # What only the owners of replicated elements know, in all threads.
    return through_memory(lowering, whole(old), type_.layout, type_.layout)
