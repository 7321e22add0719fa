"""Operands of a dot are loaded in slices along k, right before their products.

    %a = tt.load %pa : tensor<64x32xf32>             %d = scf.for %i = 0 to 2 step 1 iter_args(%s = %c) {
    %b = tt.load %pb : tensor<32x64xf32>               %a = tt.load (%pa, columns %i * 16 ... + 15)
    %d = tt.dot %a, %b, %c                       =>    %b = tt.load (%pb, rows %i * 16 ... + 15)
                                                       scf.yield (tt.dot %a, %b, %s)
                                                     } {unroll}

So a thread holds a slice of each operand, not the whole, and a load whose values only a later dot needs moves behind
what comes before that dot. What the addresses are computed from is computed for the slice; an operand that is not
loaded next to its dot is there as a whole, and `msl.slice` takes the registers of a slice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...dialects import is_elementwise, is_pure
from ...ir.core import Block, Builder, Op, Region, Value, constant_of
from ...ir.registry import Trait, traits
from ...ir.rewrite import eliminate_dead_code
from ...ir.types import I32, DenseAttribute, TensorType, element_of
from ...rules.driver import has_hints
from ...target import Target
from .dot_users import dot_users
from .layout_choice import divide, uses_fragments


def run(module: Op, target: Target, simdgroups: int) -> None:
    """In place, on the only function of `module`. `simdgroups`: how many run a program."""
    if not target.slice_fragments:
        return
    [function] = [op for op in module.body if op.name == "tt.func"]
    by_rows = dot_users(function).by_rows
    dots = [op for op in module.walk() if op.name == "tt.dot"]
    depths = {dot: _depth(dot, target, simdgroups, dot in by_rows) for dot in dots}
    for dot in [dot for dot in dots if _is_sliced(dot, target, depths[dot])]:
        _slice_dot(dot, depths[dot])
    eliminate_dead_code(module)


def _depth(dot: Op, target: Target, simdgroups: int, rows_only: bool) -> int:
    """How many k the operands are loaded for at once: as many as keep within the target's registers."""
    fragment, shape = target.fragment, dot.result.type.shape
    divided = divide(shape, (fragment.m, fragment.n), simdgroups, rows_only)
    of_simdgroup = sum(size >> divided.count(axis) for axis, size in enumerate(shape) if axis >= len(shape) - 2)
    words = of_simdgroup * element_of(dot.operands[0].type).width / 32 / target.threads_per_simdgroup
    fragments = target.slice_fragments
    while fragments > 1 and words * fragments * fragment.k > target.operand_registers:
        fragments //= 2
    return fragments * fragment.k


def _is_sliced(dot: Op, target: Target, depth: int) -> bool:
    """Whether the matrix unit does the dot, of more than one slice, and loads an operand for it."""
    if dot.operands[0].type.shape[-1] <= depth or not uses_fragments(target, dot):
        return False
    return any(_is_loaded(value, dot) for value in dot.operands[:2])


def _is_loaded(value: Value, user: Op) -> bool:
    """Whether a tensor is loaded, or computed from one that is, for this user only and next to it."""
    op = value.definer
    if op is None or op.block is not user.block or list(value.uses.items()) != [(user, 1)] or not _has_rule(op):
        return False
    if not _may_move(op, user):
        return False
    if op.name == "tt.load":
        return not op.attributes.get("isVolatile") and all(map(_is_computed, op.operands))
    return any(_is_loaded(operand, op) for operand in op.operands)


def _is_computed(value: Value) -> bool:
    """Whether a tensor is computed from scalars and ranges only, as addresses and masks are: any part of it costs what
    it costs as a part of the whole."""
    if not isinstance(value.type, TensorType):
        return True
    op = value.definer
    return op is not None and op.name != "tt.load" and _has_rule(op) and all(map(_is_computed, op.operands))


def _has_rule(op: Op) -> bool:
    """Whether a slice of the op's result can be made from slices of its operands. Not where the user promised
    something of the whole, which a slice may not keep."""
    if has_hints(op) or len(op.results) != 1 or (op.name == "arith.constant" and constant_of(op.result) is None):
        return False
    return op.name in _RULES or (is_elementwise(op) and is_pure(op) and not op.regions)


def _may_move(loaded: Op, user: Op) -> bool:
    """Whether nothing between an op and its user, in the block of both, may write memory."""
    op = loaded.next
    while op is not None and op is not user:
        if not is_pure(op) and Trait.READS not in traits(op):
            return False
        op = op.next
    return op is user


def _slice_dot(dot: Op, depth: int) -> None:
    builder = Builder.before_op(dot)
    a, b, c = dot.operands
    rank, count = len(a.type.shape), a.type.shape[-1] // depth
    bounds = [builder.constant(number, I32) for number in (0, count, 1)]
    body = Block([I32, c.type])
    inside = Builder(body, None, dot.location)
    slices = _Slices(inside, body.arguments[0], depth)
    operands = [slices.of(a, rank - 1), slices.of(b, rank - 2), body.arguments[1]]
    product = inside.value("tt.dot", operands, dot.result.type, dict(dot.attributes))
    inside.build("scf.yield", [product])
    product.location = body.arguments[1].location = dot.result.location
    loop = builder.build("scf.for", [*bounds, c], [c.type], {"unroll": True}, [Region([body])])
    loop.result.location = dot.result.location
    dot.replace_by([loop.result])


@dataclass
class _Slices:
    """Tensors cut along one dimension, for the slice with a number; known: those that were made."""

    builder: Builder
    number: Value
    depth: int
    known: dict[tuple[Value, int], Value] = field(default_factory=dict)

    def of(self, value: Value, axis: int) -> Value:
        """The slice of a tensor along `axis`; a scalar is its own."""
        if not isinstance(value.type, TensorType):
            return value
        if (value, axis) not in self.known:
            self.known[value, axis] = self._made(value, axis)
        return self.known[value, axis]

    def _made(self, value: Value, axis: int) -> Value:
        op = value.definer
        if op is not None and (_is_computed(value) or any(_is_loaded(value, user) for user in value.uses)):
            self.builder.location = op.location
            made = _RULES.get(op.name, _elementwise)(self, op, axis)
        else:
            made = self.builder.value("msl.slice", [value, self.number], self.type_of(value, axis), {"axis": axis})
        made.location = value.location
        return made

    def type_of(self, value: Value, axis: int) -> TensorType:
        shape = list(value.type.shape)
        shape[axis] = self.depth
        return TensorType(tuple(shape), value.type.element)


# --------------------------------------------------------------------------------------------------------------- rules
_Rule = Callable[[_Slices, Op, int], Value]


def _elementwise(slices: _Slices, op: Op, axis: int) -> Value:
    operands = [slices.of(operand, axis) for operand in op.operands]
    slices.builder.location = op.location
    return slices.builder.value(op.name, operands, slices.type_of(op.result, axis), dict(op.attributes))


def _constant(slices: _Slices, op: Op, axis: int) -> Value:
    type_, attribute = slices.type_of(op.result, axis), op.attributes["value"]
    return slices.builder.value(op.name, [], type_, {"value": DenseAttribute(attribute.values, type_)})


def _range(slices: _Slices, op: Op, axis: int) -> Value:
    """Its first numbers, moved to where the slice begins."""
    builder, type_ = slices.builder, slices.type_of(op.result, axis)
    first = builder.value("tt.make_range", [], type_, {"start": 0, "end": slices.depth})
    start = builder.value("arith.muli", [slices.number, builder.constant(slices.depth, I32)], I32)
    start = builder.value("arith.addi", [start, builder.constant(op.integer("start"), I32)], I32)
    return builder.value("arith.addi", [first, builder.value("tt.splat", [start], type_)], type_)


def _broadcast(slices: _Slices, op: Op, axis: int) -> Value:
    [source] = op.operands
    sliced = slices.of(source, axis) if source.type.shape[axis] > 1 else source
    return slices.builder.value(op.name, [sliced], slices.type_of(op.result, axis))


def _expand_dims(slices: _Slices, op: Op, axis: int) -> Value:
    added = op.integer("axis")
    sliced = slices.of(op.operands[0], axis - (axis > added))
    return slices.builder.value(op.name, [sliced], slices.type_of(op.result, axis), dict(op.attributes))


def _trans(slices: _Slices, op: Op, axis: int) -> Value:
    sliced = slices.of(op.operands[0], tuple(op.attributes["order"])[axis])
    return slices.builder.value(op.name, [sliced], slices.type_of(op.result, axis), dict(op.attributes))


_RULES: dict[str, _Rule] = {
    "arith.constant": _constant,
    "tt.broadcast": _broadcast,
    "tt.expand_dims": _expand_dims,
    "tt.load": _elementwise,
    "tt.make_range": _range,
    "tt.splat": lambda slices, op, axis: slices.builder.value(op.name, op.operands, slices.type_of(op.result, axis)),
    "tt.trans": _trans,
}
