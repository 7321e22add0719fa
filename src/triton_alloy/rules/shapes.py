"""Views of tensors: of splats, of views, and such as change nothing."""

from __future__ import annotations

from ..ir.core import Builder, Op, Value, constant_of
from ..ir.types import DenseAttribute, PointerType, TensorType, element_of
from .driver import Rules
from .values import made_by

RULES = Rules()
_VIEWS = ("tt.broadcast", "tt.expand_dims", "tt.reshape", "tt.trans")


@RULES.value("tt.splat", *_VIEWS)
def view_of_splat(op: Op, builder: Builder) -> Value | None:
    """Whatever the shape, all elements are the same."""
    source = op.operands[0]
    known = constant_of(source)
    if known is not None and not isinstance(element_of(source.type), PointerType):
        return builder.constant(known, op.result.type)
    splat = made_by(source, "tt.splat")
    return builder.value("tt.splat", splat.operands, op.result.type) if splat is not None else None


@RULES.value("tt.expand_dims", "tt.reshape")
def view_of_table(op: Op, builder: Builder) -> Value | None:
    """A constant keeps its elements in their order."""
    constant = made_by(op.operands[0], "arith.constant")
    value = constant.attributes["value"] if constant is not None else None
    if not isinstance(value, DenseAttribute) or value.is_splat:
        return None
    return builder.value("arith.constant", [], op.result.type, {"value": DenseAttribute(value.values, op.result.type)})


@RULES.value("tt.broadcast", "tt.reshape")
def view_unchanged(op: Op, builder: Builder) -> Value | None:
    return op.operands[0] if op.operands[0].type is op.result.type and "allow_reorder" not in op.attributes else None


@RULES.value("tt.broadcast", "tt.reshape")
def view_twice(op: Op, builder: Builder) -> Value | None:
    inner = made_by(op.operands[0], op.name)
    if inner is None or any("allow_reorder" in view.attributes for view in (op, inner)):
        return None
    return builder.value(op.name, inner.operands, op.result.type, dict(op.attributes))


@RULES.value("tt.reshape")
def reshape_what_was_expanded(op: Op, builder: Builder) -> Value | None:
    inner = made_by(op.operands[0], "tt.expand_dims")
    if inner is None:
        return None
    return builder.value("tt.reshape", inner.operands, op.result.type, dict(op.attributes))


@RULES.value("tt.trans")
def transpose(op: Op, builder: Builder) -> Value | None:
    order = op.attributes["order"]
    if list(order) == sorted(order):
        return op.operands[0]
    inner = made_by(op.operands[0], "tt.trans")
    if inner is None:
        return None
    both = tuple(inner.attributes["order"][i] for i in order)
    return builder.value("tt.trans", inner.operands, op.result.type, {"order": both})


@RULES.value("tt.unsplat")
def unsplat(op: Op, builder: Builder) -> Value | None:
    source = op.operands[0]
    known = constant_of(source)
    if known is not None:
        return builder.constant(known, op.result.type)
    splat = made_by(source, "tt.splat")
    return splat.operands[0] if splat is not None else None


@RULES.value("tt.make_range")
def range_of_one(op: Op, builder: Builder) -> Value | None:
    start = op.integer("start")
    return builder.constant(start, op.result.type) if op.integer("end") == start + 1 else None


@RULES.value("tt.expand_dims")
def expand_before_broadcast(op: Op, builder: Builder) -> Value | None:
    """So that two broadcasts meet."""
    inner = made_by(op.operands[0], "tt.broadcast")
    if inner is None:
        return None
    source, axis = inner.operands[0], op.integer("axis")
    shape = source.type.shape
    type_ = TensorType((*shape[:axis], 1, *shape[axis:]), source.type.element)
    expanded = builder.value("tt.expand_dims", [source], type_, dict(op.attributes))
    return builder.value("tt.broadcast", [expanded], op.result.type)
