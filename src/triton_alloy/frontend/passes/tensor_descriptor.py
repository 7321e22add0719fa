"""Tensor descriptors become pointers: a descriptor is its pointer, sizes, strides, and two flags.

Loads outside of the tensor give zero, or nan where the first flag says so; the second flag rounds what is loaded to
TF32. Stores outside do nothing. Descriptors may be arguments, carried by loops, and chosen by branches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...dialects.arith import EQ
from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import (
    F32,
    I1,
    I32,
    I64,
    Attribute,
    DescriptorType,
    FloatType,
    IntegerAttribute,
    PointerType,
    TensorType,
    Type,
)
from .block_addresses import BlockAddresses, positions, positions_from, widen
from .expand_values import Expansion

_PAD_NAN = 2
_EQ = IntegerAttribute(EQ, I64)
_RELEASE, _GPU = IntegerAttribute(3, I32), IntegerAttribute(1, I32)
_OF_DESCRIPTORS = ("operandSegmentSizes", "kind")


def run(module: Op) -> None:
    Expansion(_part_types, _RULES).run(module)


def _part_types(type_: Type) -> Sequence[tuple[str, Type]] | None:
    if not isinstance(type_, DescriptorType):
        return None
    rank = range(len(type_.shape))
    return [
        ("", PointerType(type_.element)),
        *((f"shape.{i}", I64) for i in rank),
        *((f"stride.{i}", I64) for i in rank),
        ("padding", I1),
        ("roundF32ToTF32", I1),
    ]


def _unpack(expansion: Expansion, descriptor: Value) -> tuple[BlockAddresses, Value, Value]:
    """The tensor's addresses, whether to pad with nan, whether to round to TF32."""
    base, *rest, padding, rounds = expansion.parts[descriptor]
    rank = len(rest) // 2
    return BlockAddresses(base, rest[:rank], rest[rank:]), padding, rounds


def _kept(op: Op) -> dict[str, Attribute]:
    return {name: value for name, value in op.attributes.items() if name not in _OF_DESCRIPTORS}


# ---------------------------------------------------------------------------------------------------------- making
def _make(op: Op, expansion: Expansion) -> None:
    builder = Builder.before_op(op)
    type_ = op.result.type
    rank = len(type_.shape)
    base, sizes, strides = op.operands[0], op.operands[1 : 1 + rank], op.operands[1 + rank :]
    padding = builder.constant(int(op.integer("padding", 1) == _PAD_NAN), I1)
    parts = [base, *(widen(size, builder) for size in sizes), *strides, padding, builder.constant(0, I1)]
    expansion.parts[op.result] = parts


# ---------------------------------------------------------------------------------------------------------- accesses
def _load(op: Op, expansion: Expansion) -> None:
    descriptor, *offsets = op.operands
    tensor, padding, rounds = _unpack(expansion, descriptor)
    builder = Builder.before_op(op)
    places = positions(offsets, descriptor.type.shape, builder)
    loaded = _load_from(op, tensor, places, padding, builder)
    if descriptor.type.element is F32:
        loaded = _rounded_if(rounds, loaded, builder)
    _replace(op, loaded)


def _gather(op: Op, expansion: Expansion) -> None:
    descriptor, rows, column = op.operands
    tensor, padding, rounds = _unpack(expansion, descriptor)
    builder = Builder.before_op(op)
    places = positions_from(rows, column, op.result.type.shape, builder)
    loaded = _load_from(op, tensor, places, padding, builder)
    if descriptor.type.element is F32:
        loaded = builder.value("arith.select", [rounds, _rounded(loaded, builder), loaded], loaded.type)
    _replace(op, loaded)


def _replace(op: Op, value: Value) -> None:
    value.location = op.result.location
    op.result.replace_by(value)


def _load_from(op: Op, tensor: BlockAddresses, places: list[Value], padding: Value, builder: Builder) -> Value:
    shape = tuple(op.result.type.shape) if len(op.result.type.shape) == len(places) else None
    type_ = op.result.type if shape is not None else _block_type(op)
    other = _padding(type_, padding, builder)
    pointers = tensor.pointers(places, type_.shape, builder)
    mask = tensor.mask(places, type_.shape, builder)
    attributes = {"isVolatile": False, **_kept(op), "operandSegmentSizes": (1, 1, 1)}
    loaded = builder.value("tt.load", [pointers, mask, other], type_, attributes)
    return loaded if shape is not None else builder.value("tt.reshape", [loaded], op.result.type)


def _block_type(op: Op) -> TensorType:
    descriptor = op.operands[0].type
    return TensorType(descriptor.shape, descriptor.element)


def _padding(type_: TensorType, is_nan: Value, builder: Builder) -> Value:
    zero = builder.constant(0.0 if isinstance(type_.element, FloatType) else 0, type_)
    if not isinstance(type_.element, FloatType):
        return zero
    return builder.value("arith.select", [is_nan, builder.constant(math.nan, type_), zero], type_)


def _store(op: Op, expansion: Expansion) -> None:
    descriptor, value, *offsets = op.operands
    tensor, _, _ = _unpack(expansion, descriptor)
    builder = Builder.before_op(op)
    shape = descriptor.type.shape
    places = positions(offsets, shape, builder)
    if value.type.shape != shape:
        value = builder.value("tt.reshape", [value], TensorType(shape, value.type.element))
    operands = [tensor.pointers(places, shape, builder), value, tensor.mask(places, shape, builder)]
    builder.build("tt.store", operands, [], _kept(op))


def _scatter(op: Op, expansion: Expansion) -> None:
    descriptor, rows, column, value = op.operands
    tensor, _, _ = _unpack(expansion, descriptor)
    builder = Builder.before_op(op)
    places = positions_from(rows, column, value.type.shape, builder)
    shape = value.type.shape
    operands = [tensor.pointers(places, shape, builder), value, tensor.mask(places, shape, builder)]
    builder.build("tt.store", operands, [], _kept(op))


# The number of an update in tt.atomic_rmw, by that in tt.descriptor_reduce (add, min, max, and, or, xor) and by the
# element: "f" float, "s" or "u" for integers.
_UPDATES = {
    **{(1, sign): 4 for sign in ("s", "u", "")},
    (1, "f"): 5,
    (2, "s"): 7,
    (2, "u"): 9,
    (3, "s"): 6,
    (3, "u"): 8,
    **{(kind, sign): update for kind, update in ((6, 1), (7, 2), (8, 3)) for sign in ("s", "u", "")},
}


def _reduce(op: Op, expansion: Expansion) -> None:
    descriptor, value, *offsets = op.operands
    type_ = descriptor.type
    update = _UPDATES.get((op.integer("kind"), "f" if isinstance(type_.element, FloatType) else type_.sign))
    if update is None:
        raise Unsupported(op, f"no such update of {type_.sign}{type_.element} in memory")
    tensor, _, _ = _unpack(expansion, descriptor)
    builder = Builder.before_op(op)
    places = positions(offsets, type_.shape, builder)
    operands = [tensor.pointers(places, type_.shape, builder), value, tensor.mask(places, type_.shape, builder)]
    attributes = {"atomic_rmw_op": IntegerAttribute(update, I32), "scope": _GPU, "sem": _RELEASE}
    builder.build("tt.atomic_rmw", operands, [TensorType(type_.shape, type_.element)], attributes)


# ---------------------------------------------------------------------------------------------------------- TF32
def _rounded_if(condition: Value, value: Value, builder: Builder) -> Value:
    yes, no = Block(), Block()
    inner = Builder(yes, location=builder.location)
    inner.build("scf.yield", [_rounded(value, inner)])
    Builder(no, location=builder.location).build("scf.yield", [value])
    return builder.build("scf.if", [condition], [value.type], {}, [Region([yes]), Region([no])]).result


def _rounded(value: Value, builder: Builder) -> Value:
    """To 10 bits of fraction, ties to even; infinities and nan stay."""
    bits_type = value.type.with_element(I32)

    def apply(name: str, left: Value, right: int) -> Value:
        return builder.value(f"arith.{name}", [left, builder.constant(right, bits_type)], bits_type)

    bits = builder.value("tt.bitcast", [value], bits_type)
    exponent = apply("andi", bits, 0x7F800000)
    largest = builder.constant(0x7F800000, bits_type)
    special = builder.value("arith.cmpi", [exponent, largest], bits_type.with_element(I1), {"predicate": _EQ})
    last = apply("andi", apply("shrui", bits, 13), 1)
    raised = builder.value("arith.addi", [bits, apply("addi", last, 0xFFF)], bits_type)
    rounded = apply("andi", raised, -0x2000)
    chosen = builder.value("arith.select", [special, bits, rounded], bits_type)
    return builder.value("tt.bitcast", [chosen], value.type)


_RULES = {
    "tt.make_tensor_descriptor": _make,
    "tt.descriptor_load": _load,
    "tt.descriptor_store": _store,
    "tt.descriptor_gather": _gather,
    "tt.descriptor_scatter": _scatter,
    "tt.descriptor_reduce": _reduce,
}
