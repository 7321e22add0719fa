"""Operands of a dot are loaded in slices along k, right before their products.

    %a = tt.load %pa : tensor<64x32xf32>             %d = scf.for %i = 0 to 2 step 1 iter_args(%s = %c) {
    %b = tt.load %pb : tensor<32x64xf32>               %a = tt.load (%pa, columns %i * 16 ... + 15)
    %d = tt.dot %a, %b, %c                       =>    %b = tt.load (%pb, rows %i * 16 ... + 15)
                                                       scf.yield (tt.dot %a, %b, %s)
                                                     } {unroll}

So a thread holds a slice of each operand, not the whole, and a load whose values only a later dot needs moves behind
what comes before that dot. What the addresses are computed from is computed for the slice; an operand that is not
loaded next to its dot is there as a whole, and `msl.slice` takes the registers of a slice. Where registers do not
suffice, an operand that was loaded before a loop is loaded anew in it, slice by slice, if nothing there writes memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ...dialects import is_elementwise, is_pure
from ...ir.core import Block, Builder, Op, Region, Value, constant_of
from ...ir.registry import is_removable
from ...ir.rewrite import LOOPS, eliminate_dead_code
from ...ir.types import I32, DenseAttribute, TensorType, element_of
from ...rules.driver import has_hints
from ...target import Target
from .dot_users import dot_users
from .layout_choice import divide, uses_fragments


@dataclass(frozen=True)
class _Plan:
    """How a dot is cut. depth: of a slice; loaded: what is made for each slice although it is loaded, with what it is
    computed from, down to the loads."""

    depth: int
    loaded: frozenset[Value]


def run(module: Op, target: Target, simdgroups: int, reloads: bool = False) -> None:
    """In place, on the only function of `module`. `simdgroups`: how many run a program; `reloads`: whether operands
    that were loaded before a loop are loaded anew in it."""
    for dot, plan in _plans(module, target, simdgroups, reloads).items():
        _slice_dot(dot, plan)
    eliminate_dead_code(module)


def may_reload(module: Op, target: Target, simdgroups: int) -> bool:
    """Whether `reloads` makes a difference to what `run` does with the module."""
    return _plans(module, target, simdgroups, True) != _plans(module, target, simdgroups, False)


def _plans(module: Op, target: Target, simdgroups: int, reloads: bool) -> dict[Op, _Plan]:
    """The dots of more than one slice that the matrix unit does, and for which an operand is loaded."""
    if not target.slice_fragments:
        return {}
    [function] = [op for op in module.body if op.name == "tt.func"]
    by_rows = dot_users(function).by_rows
    dots = [op for op in module.walk() if op.name == "tt.dot" and uses_fragments(target, op)]
    depths = {dot: _depth(dot, target, simdgroups, dot in by_rows) for dot in dots}
    cut = [dot for dot in dots if dot.operands[0].type.shape[-1] > depths[dot]]
    plans = {dot: _Plan(depths[dot], _loaded(dot.operands[:2], dot, reloads)) for dot in cut}
    return {dot: plan for dot, plan in plans.items() if plan.loaded}


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


def _loaded(values: Iterable[Value], user: Op, reloads: bool) -> frozenset[Value]:
    """Those of some operands that are loaded, or computed from one that is, for this user only, with what they are
    computed from. With `reloads` also what is loaded before a loop around the user, for dots only."""
    return frozenset().union(*(_loaded_with(value, user, reloads) for value in values))


def _loaded_with(value: Value, user: Op, reloads: bool) -> frozenset[Value]:
    op = value.definer
    if op is None or not _has_rule(op) or not _is_made_for(op, user, reloads) or not _may_move(op, user):
        return frozenset()
    if op.name != "tt.load":
        sources = _loaded(op.operands, op, reloads)
        return sources | {value} if sources else sources
    may_load = not op.attributes.get("isVolatile") and all(map(_is_computed, op.operands))
    return frozenset((value,) if may_load else ())


def _is_made_for(op: Op, user: Op, reloads: bool) -> bool:
    """Whether an op is next to its only user; with `reloads` before a loop around it, if dots are its users."""
    holder = _holder(user, op)
    if holder is user:
        return list(op.result.uses.items()) == [(user, 1)]
    return reloads and holder.name in LOOPS and all(each.name == "tt.dot" for each in op.result.uses)


def _holder(user: Op, op: Op) -> Op:
    """The op next to `op` that is `user` or has it in its regions."""
    holder: Op | None = user
    while holder is not None and holder.block is not op.block:
        holder = holder.parent
    assert holder is not None, "a value is used where it is visible"
    return holder


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
    """Whether nothing between an op and its user may write memory, nor anything in a loop around the user."""
    holder = _holder(user, loaded)
    op = loaded.next
    while op is not None and op is not holder:
        if not is_removable(op):
            return False
        op = op.next
    return holder is user or is_removable(holder)


def _slice_dot(dot: Op, plan: _Plan) -> None:
    builder = Builder.before_op(dot)
    a, b, c = dot.operands
    rank, count = len(a.type.shape), a.type.shape[-1] // plan.depth
    bounds = [builder.constant(number, I32) for number in (0, count, 1)]
    body = Block([I32, c.type])
    inside = Builder(body, None, dot.location)
    slices = _Slices(inside, body.arguments[0], plan)
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
    plan: _Plan
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
        if op is not None and (value in self.plan.loaded or _is_computed(value)):
            self.builder.location = op.location
            made = _RULES.get(op.name, _elementwise)(self, op, axis)
        else:
            made = self.builder.value("msl.slice", [value, self.number], self.type_of(value, axis), {"axis": axis})
        made.location = value.location
        return made

    def type_of(self, value: Value, axis: int) -> TensorType:
        shape = list(value.type.shape)
        shape[axis] = self.plan.depth
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
    first = builder.value("tt.make_range", [], type_, {"start": 0, "end": slices.plan.depth})
    start = builder.value("arith.muli", [slices.number, builder.constant(slices.plan.depth, I32)], I32)
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
