"""tt.print and tt.assert: records in the launch's log, which the host turns into lines and errors (runtime/log.py).

Each element is reported once, by the thread that owns it. A program with a failed assertion ends there, in all of its
threads: what an assertion guards, such as a store at an index, does not happen. Other programs go on.
"""

from __future__ import annotations

from ...dialects.arith import NE
from ...dialects.msl import count_of
from ...ir.core import Block, Builder, Op, Region, Value, constant_of
from ...ir.types import I1, I8, I32, I64, PointerType, RegisterType, SharedType, TensorType, Type, element_of
from ...layout import row_major
from . import places
from .context import Addresses, Held, Lowering, Pointers, register_count, rule, to_memory
from .memory import addresses_of

ADDRESS = "pointer"


@rule("tt.print")
def print_(lowering: Lowering, op: Op) -> None:
    """One operand or none: legalize.py has seen to that."""
    attributes = {
        "text": op.attributes["prefix"],
        "hexadecimal": bool(op.attributes["hex"]),
        "signed": True,
        "element": "",
        "shape": (),
        "operand": op.integer("operand", 0),
        "operands": op.integer("operands", len(op.operands)),
    }
    leader = _leader(lowering)
    if not op.operands:
        lowering.builder.build("msl.print", leader, [], attributes)
        return
    [value] = op.operands
    type_ = value.type
    attributes["signed"] = bool(op.attributes["isSigned"][0])
    attributes["element"] = ADDRESS if isinstance(element_of(type_), PointerType) else str(element_of(type_))
    held = _number(lowering, value)
    if not isinstance(type_, TensorType):
        lowering.builder.build("msl.print", [held.value, *leader], [], attributes)
        return
    element, held, owner = _owned(lowering, type_, held)
    operands, _ = lowering.join_maps([element, held], register_count(type_), exact=True)
    lowering.builder.build("msl.print", [*operands, *owner], [], attributes | {"shape": tuple(type_.shape)})


@rule("tt.assert")
def assert_(lowering: Lowering, op: Op) -> None:
    """Report the elements that are false; end the program if there are any."""
    [condition] = op.operands
    if constant_of(condition):
        return
    held, type_ = lowering.held(condition), condition.type
    failed = Held(lowering.emit("arith.xori", [held.value, lowering.constant(1, I1)], I1), held.map)
    attributes = {"text": op.attributes["message"], "shape": ()}
    if not isinstance(type_, TensorType):
        lowering.builder.build("msl.report", [failed.value, *_leader(lowering)], [], attributes)
        lowering.builder.build("msl.stop", [failed.value])
        return
    element, owned, owner = _owned(lowering, type_, failed)
    operands, _ = lowering.join_maps([element, owned], register_count(type_), exact=True)
    lowering.builder.build("msl.report", [*operands, *owner], [], attributes | {"shape": tuple(type_.shape)})
    lowering.builder.build("msl.stop", [_anywhere(lowering, failed)])


def _leader(lowering: Lowering) -> list[Value]:
    """The mask of the one simdgroup that speaks for the program, if there are several."""
    leader = places.elect(lowering, 0, lowering.simdgroups - 1)
    return [leader] if leader is not None else []


def _number(lowering: Lowering, value: Value) -> Held:
    """A value as a number: pointers as addresses, booleans as bytes."""
    lowered = lowering[value]
    element = element_of(value.type)
    if isinstance(lowered, Pointers | Addresses):
        return addresses_of(lowering, lowered, element.pointee.width, register_count(value.type)).address
    if isinstance(element, PointerType):
        return Held(lowering.builder.value("msl.address_of", [lowered.value], I64))
    return to_memory(lowering, lowered)


def _owned(lowering: Lowering, type_: Type, held: Held) -> tuple[Held, Held, list[Value]]:
    """The row-major numbers of a tensor's elements, their values, and the mask of the threads that own them. Of the
    registers that hold the same element, one is left."""
    free, _, _ = type_.layout.free_bits()
    kept = tuple(r for r in range(register_count(type_)) if not r & free)
    element = places.coordinate(lowering, type_.layout, row_major(type_.shape))
    owner = places.owner_mask(lowering, type_.layout)
    return element.remap(kept), held.remap(kept), [owner] if owner is not None else []


def _anywhere(lowering: Lowering, failed: Held) -> Value:
    """Whether an element of a tensor is true, as one answer for the whole program."""
    value = failed.value
    if failed.map is not None:
        value = lowering.pick(value, tuple(sorted(set(failed.map))))
    if count_of(value) > 1:
        value = _any_register(lowering, value)
    if not failed.uniform:
        value = lowering.builder.value("msl.simd_any", [value], I1)
    return _any_simdgroup(lowering, value) if lowering.simdgroups > 1 else value


def _any_register(lowering: Lowering, value: Value) -> Value:
    body = Block([I1, I1])
    either = Builder(body, None, lowering.builder.location)
    either.build("msl.yield", [either.value("arith.ori", body.arguments, I1)])
    type_ = RegisterType(1, I1, value.type.uniform)
    attributes = {"outputs": 1, "map": tuple(range(count_of(value)))}
    return lowering.builder.build("msl.reduce_registers", [value], [type_], attributes, [Region([body])]).result


def _any_simdgroup(lowering: Lowering, value: Value) -> Value:
    """Each simdgroup leaves its answer in threadgroup memory; the lanes of each look at all of them."""
    build, size = lowering.builder.value, lowering.simdgroups
    buffer = build("msl.shared_alloc", [], SharedType(size, I8))
    byte = lowering.emit("arith.extui", [value], I8)
    lowering.builder.build("msl.shared_store", [buffer, places.simdgroup(lowering), byte])
    place = lowering.emit("arith.andi", [places.lane(lowering), lowering.constant(size - 1)], I32)
    answer = lowering.emit("msl.shared_load", [buffer, place], I8)
    any_set = lowering.emit("arith.cmpi", [answer, lowering.constant(0, I8)], I1, {"predicate": NE})
    return build("msl.simd_any", [any_set], I1)
