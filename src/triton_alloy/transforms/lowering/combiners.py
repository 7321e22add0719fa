"""The functions of tt.reduce and tt.scan, applied to registers."""

from __future__ import annotations

from ...dialects.msl import count_of
from ...errors import Unsupported
from ...ir.core import Block, Op, Region, Value
from ...ir.types import RegisterType, Type, element_of
from .context import Held, Lowering, lower_body


def combiner_region(lowering: Lowering, op: Op, elements: list[Type]) -> Region:
    """The function on single elements, lowered: twice `elements` in, msl.yield of `elements`."""
    block = Block([*elements, *elements])
    with lowering.at(block, op.location):
        lowering.builder.build("msl.yield", _apply(lowering, op, block.arguments))
    return Region([block])


def combine(lowering: Lowering, op: Op, left: list[Value], right: list[Value]) -> list[Value]:
    """The function applied to register arrays of equal count, or single values: its ops are elementwise."""
    return _apply(lowering, op, [*left, *right])


def combine_held(lowering: Lowering, op: Op, left: list[Held], right: list[Held], registers: int) -> list[Held]:
    """The function applied to tensors of `registers` registers."""
    values, table = lowering.join_maps([*left, *right], registers)
    results = combine(lowering, op, values[: len(left)], values[len(left) :])
    return [Held(value, table if count_of(value) > 1 else None) for value in results]


def _apply(lowering: Lowering, op: Op, operands: list[Value]) -> list[Value]:
    lowering.bind(op.body.arguments, [Held(operand) for operand in operands])
    for inner in op.body:
        if inner.regions:
            raise Unsupported(inner, f"control flow in the function of a {op.name}")
    end = lower_body(lowering, op.body)
    return [lowering.held(o).value for o in end.operands]


def spread_entries(lowering: Lowering, value: Value, entries: int) -> Value:
    """A single value as an array of `entries` equal ones, so that all operands of a combination are indexed alike."""
    if count_of(value) == entries or entries == 1:
        return value
    uniform = not isinstance(value.type, RegisterType) or value.type.uniform
    type_ = RegisterType(entries, element_of(value.type), uniform)
    return lowering.builder.value("msl.index", [value], type_, {"map": (0,) * entries})


def scatter(number: int, positions: list[int]) -> int:
    """The number whose bit positions[i] is bit i of `number`."""
    return sum(1 << p for i, p in enumerate(positions) if number >> i & 1)


def gather(number: int, positions: list[int]) -> int:
    """The number whose bit i is bit positions[i] of `number`."""
    return sum((number >> p & 1) << i for i, p in enumerate(positions))
