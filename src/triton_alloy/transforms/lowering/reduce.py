"""tt.reduce, any combiner: registers, then lanes, then simdgroups, by which bits of the layout lie along the axis.

A combiner that is not known to be commutative needs the elements in order: first the layout is changed so that the
lowest coordinates along the axis are in registers, the next in lanes, the highest in simdgroups.
"""

from __future__ import annotations

from math import prod
from operator import mul

from ...dialects.arith import combining_op
from ...dialects.msl import count_of
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...ir.types import I1, RegisterType, TensorType, element_of
from ...layout import LinearLayout, bits, row_major, tabulate
from . import places
from .combiners import combine, combiner_region, spread_entries
from .commutative import is_commutative
from .context import Held, Lowering, first, rule, spread, whole
from .convert import convert_held
from .partials import Partials

# Combiners of one op that the simdgroup reduces in one step: op name -> kind of msl.simd_reduce.
KINDS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.maxnumf": "max",
    "arith.minnumf": "min",
    "arith.maximumf": "maximum",
    "arith.minimumf": "minimum",
    "arith.maxsi": "max",
    "arith.minsi": "min",
    "arith.maxui": "umax",
    "arith.minui": "umin",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}


@rule("tt.reduce")
def reduce(lowering: Lowering, op: Op) -> list[Held]:
    """tensor<4x8xT> along axis 1 -> tensor<4xT>, for a tuple of tensors at once."""
    source = op.operands[0].type
    assert isinstance(source, TensorType)
    layout, axis = source.layout, op.integer("axis")
    _check_separable(op, layout, axis)
    helds = [lowering.held(o) for o in op.operands]
    ordered = single_kind(op) is None and not is_commutative(op)
    if ordered:
        in_order = _in_order(layout, axis)
        helds = [convert_held(lowering, held, layout, in_order) for held in helds]
        layout = in_order
    values = _reduce_registers(lowering, op, helds, layout, axis)
    values = _reduce_lanes(lowering, op, values, layout, axis, ordered)
    result = op.results[0].type
    remaining = _drop(layout, axis)
    if any(b[axis] for b in layout.simdgroups):
        values = _reduce_simdgroups(lowering, op, values, layout, remaining, axis)
    if not isinstance(result, TensorType):
        return [Held(first(lowering, value)) for value in values]
    where = remaining.registers_by_offset()
    table = tuple(where[offset] for offset in tabulate(result.layout.offsets[0]))
    if not any(map(any, result.layout.lanes)):
        values = [first(lowering, value) for value in values]
    return [Held(value, table if count_of(value) > 1 else None) for value in values]


def _check_separable(op: Op, layout: LinearLayout, axis: int) -> None:
    for bases in (layout.registers, layout.lanes, layout.simdgroups):
        if any(b[axis] and any(c for d, c in enumerate(b) if d != axis) for b in bases):
            raise Unsupported(op, f"the layout {layout} mixes the reduced axis with another")


def _in_order(layout: LinearLayout, axis: int) -> LinearLayout:
    """The layout with the same index bits along the axis; their weights rise from registers to lanes to simdgroups."""
    weights = iter([1 << i for i in range(bits(layout.shape[axis]))])

    def along(basis: tuple[int, ...]) -> tuple[int, ...]:
        return (*basis[:axis], next(weights), *basis[axis + 1 :]) if basis[axis] else basis

    registers, lanes, simdgroups = (tuple(map(along, bases)) for bases in layout.bases)
    return LinearLayout(layout.shape, registers, lanes, simdgroups)


def _drop(layout: LinearLayout, axis: int) -> LinearLayout:
    """The layout of the partial results: registers along the axis are gone, lanes and simdgroups along it free."""

    def without(basis: tuple[int, ...]) -> tuple[int, ...]:
        return (0,) * (len(basis) - 1) if basis[axis] else basis[:axis] + basis[axis + 1 :]

    return LinearLayout(
        registers=tuple(without(b) for b in layout.registers if not b[axis]),
        lanes=tuple(without(b) for b in layout.lanes),
        simdgroups=tuple(without(b) for b in layout.simdgroups),
        shape=layout.shape[:axis] + layout.shape[axis + 1 :],
    )


def _reduce_registers(lowering: Lowering, op: Op, helds: list[Held], layout: LinearLayout, axis: int) -> list[Value]:
    """Combine the registers along the axis, in increasing order of their coordinate."""
    along = [i for i, b in enumerate(layout.registers) if b[axis]]
    across = [i for i, b in enumerate(layout.registers) if not b[axis]]
    outputs, group = 1 << len(across), 1 << len(along)
    along.sort(key=lambda i: layout.registers[i][axis])
    in_group = tabulate([1 << i for i in along])
    table = tuple(output | place for output in tabulate([1 << i for i in across]) for place in in_group)
    operands, joined = lowering.join_maps(helds, 1 << len(layout.registers))
    if joined is None:
        joined = (0,) * (1 << len(layout.registers))
    if group == 1:
        return [lowering.pick(v, tuple(joined[t] for t in table)) for v in operands]
    entries = max(count_of(v) for v in operands)
    operands = [spread_entries(lowering, v, entries) for v in operands]
    region = combiner_region(lowering, op, [element_of(v.type) for v in operands])
    uniform = all(h.uniform for h in helds)
    types = [RegisterType(outputs, element_of(v.type), uniform) for v in operands]
    attributes = {"outputs": outputs, "map": tuple(joined[t] for t in table)}
    return list(lowering.builder.build("msl.reduce_registers", operands, types, attributes, [region]).results)


def single_kind(op: Op) -> str | None:
    """The kind of a combiner that is one known op on its two arguments."""
    combining = combining_op(op)
    return KINDS.get(combining.name) if combining is not None else None


def _reduce_lanes(
    lowering: Lowering, op: Op, values: list[Value], layout: LinearLayout, axis: int, ordered: bool
) -> list[Value]:
    """ordered: a lane whose bit is 1 holds what comes after the other lane's."""
    along = [i for i, b in enumerate(layout.lanes) if b[axis]]
    kind = single_kind(op)
    if len(along) == len(layout.lanes) and kind is not None and element_of(values[0].type) is not I1:
        count, element = count_of(values[0]), element_of(values[0].type)
        lanes = spread(lowering, values[0], RegisterType(count, element))  # 32 equal values where it was uniform
        return [lowering.builder.value("msl.simd_reduce", [lanes], RegisterType(count, element, True), {"kind": kind})]
    for bit in along:
        others = [_shuffle(lowering, v, 1 << bit) for v in values]
        if ordered:
            is_later = places.parity(lowering, tuple(int(i == bit) for i in range(len(layout.lanes))), ())
            values, others = _choose(lowering, is_later, others, values), _choose(lowering, is_later, values, others)
        values = combine(lowering, op, values, others)
    return values


def _choose(lowering: Lowering, condition: Value, yes: list[Value], no: list[Value]) -> list[Value]:
    return [
        lowering.emit("arith.select", [condition, a, b], element_of(a.type)) if a is not b else a
        for a, b in zip(yes, no, strict=True)
    ]


def _shuffle(lowering: Lowering, value: Value, mask: int) -> Value:
    if not isinstance(value.type, RegisterType) or value.type.uniform:
        return value
    return lowering.builder.value("msl.shuffle_xor", [value], value.type, {"mask": mask})


def _reduce_simdgroups(
    lowering: Lowering, op: Op, values: list[Value], layout: LinearLayout, remaining: LinearLayout, axis: int
) -> list[Value]:
    """Every simdgroup puts its partial results into threadgroup memory and combines those of all along the axis."""
    run = [i for i, b in enumerate(layout.simdgroups) if b[axis]]
    strides = row_major(remaining.shape)
    registers, lanes, simdgroups = (tuple(sum(map(mul, b, strides)) for b in bases) for bases in remaining.bases)
    partials = Partials(lowering, prod(remaining.shape), (registers, lanes, simdgroups), run)
    partials.store(list(map(whole, values)))
    place = Held(lowering.materialise(partials.place(), remaining.register_count))
    total: list[Value] = []
    for rank in range(1 << len(run)):
        loaded = [held.value for held in partials.load(place, rank)]
        total = combine(lowering, op, total, loaded) if total else loaded
    return total
