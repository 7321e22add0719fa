"""Elementwise ops of splats and broadcasts: computed once, before the copies are made."""

from __future__ import annotations

from ..ir.core import Builder, Op, Value, constant_of
from ..ir.registry import Trait, is_pure, names_with
from ..ir.types import FloatType, TensorType, element_of
from .driver import Rules, ValueRule
from .values import made_by


def _splat_scalar(value: Value, builder: Builder) -> Value | None:
    """The scalar that all elements of `value` are."""
    known = constant_of(value)
    if known is not None:
        return builder.constant(known, element_of(value.type))
    splat = made_by(value, "tt.splat")
    return splat.operands[0] if splat is not None else None


def _is_splat(value: Value) -> bool:
    return constant_of(value) is not None or made_by(value, "tt.splat") is not None


def splat_last(op: Op, builder: Builder) -> Value | None:
    """What is alike in all elements is computed once."""
    values = [*op.operands, op.result]
    if not op.operands or any(not isinstance(v.type, TensorType) for v in values):
        return None
    if not all(map(_is_splat, op.operands)) or not is_pure(op):
        return None
    scalars = [_splat_scalar(operand, builder) for operand in op.operands]
    scalar = builder.value(op.name, filter(None, scalars), element_of(op.result.type), dict(op.attributes))
    return builder.value("tt.splat", [scalar], op.result.type)


def splat_integers_last(op: Op, builder: Builder) -> Value | None:
    """The same for integers and addresses alone."""
    if any(isinstance(element_of(value.type), FloatType) for value in (*op.operands, op.result)):
        return None
    return splat_last(op, builder)


def broadcast_last(op: Op, builder: Builder) -> Value | None:
    """Operands of one smaller shape are combined before they are broadcast."""
    sources = [made_by(operand, "tt.broadcast") for operand in op.operands]
    shapes = {source.operands[0].type.shape for source in sources if source is not None}
    if len(shapes) != 1 or not isinstance(op.result.type, TensorType) or not is_pure(op):
        return None
    if any(s is None and not _is_splat(operand) for s, operand in zip(sources, op.operands, strict=True)):
        return None
    [shape] = shapes
    operands = []
    for operand, source in zip(op.operands, sources, strict=True):
        if source is not None:
            operands.append(source.operands[0])
            continue
        known, small = constant_of(operand), TensorType(shape, element_of(operand.type))
        if known is not None:
            operands.append(builder.constant(known, small))
        elif operand.definer is not None:
            operands.append(builder.value("tt.splat", operand.definer.operands, small))
    type_ = TensorType(shape, element_of(op.result.type))
    return builder.value("tt.broadcast", [builder.value(op.name, operands, type_, dict(op.attributes))], op.result.type)


def elementwise(*rules: ValueRule) -> Rules:
    """These rules for every elementwise op."""
    table = Rules()
    for name in names_with(Trait.ELEMENTWISE) - {"arith.constant"}:
        table.values[name] = list(rules)
    return table
