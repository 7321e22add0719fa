"""The functions that a kernel applies to single elements, without control flow that differs between elements.

In those of tt.map_elementwise, tt.reduce and tt.scan both ways of an scf.if are computed, and arith.select chooses.
Then tt.map_elementwise becomes its function's ops, on tensors:

    %z = tt.map_elementwise(%x, %y) { ^(%a: i32, %b: i32): %c = arith.muli %a, %b : i32; return %c }
    %z = arith.muli %x, %y : tensor<128xi32>

With `pack` = 2 the function takes elements 2n and 2n+1 in row-major order at once, and gives as many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ...dialects import is_elementwise, is_pure
from ...dialects.control import For
from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import I1, TensorType, element_of

FUNCTIONS = ("tt.map_elementwise", "tt.reduce", "tt.scan")


def run(module: Op) -> None:
    """In place. Raises Unsupported for what cannot be computed for all elements alike."""
    for op in [op for op in module.walk() if op.name in FUNCTIONS]:
        _choose_within(op.body)
        if op.name == "tt.map_elementwise":
            _apply_to_tensors(op)


# ------------------------------------------------------------------------------------------------------------ branches
def _choose_within(block: Block) -> None:
    for op in block:
        for inner in op.blocks():
            _choose_within(inner)
        if op.name == "scf.if":
            _choose(op)


def _choose(op: Op) -> None:
    """Replace an scf.if by all it holds, and a choice for each result."""
    before = Builder.before_op(op)
    ways = []
    for block in op.blocks():
        end = block.terminator.detach()
        for inner in block:
            if inner.name == "tt.assert":
                _hold_elsewhere(before, inner, op.operands[0], is_first=not ways)
            elif not is_pure(inner):
                raise Unsupported(inner, "an effect for some of the elements only", inner.location)
            before.insert(inner.detach())
        ways.append(end)
    chosen = [
        before.value("arith.select", [op.operands[0], yes, no], result.type)
        for result, yes, no in zip(op.results, *(end.operands for end in ways), strict=True)
    ]
    for value, result in zip(chosen, op.results, strict=True):
        value.location = result.location
    op.replace_by(chosen)
    for end in ways:
        end.erase()


def _hold_elsewhere(before: Builder, check: Op, condition: Value, is_first: bool) -> None:
    """Let an assertion of one way hold for the elements that go the other way."""
    held, holds = check.operands[0], before.constant(True, I1)
    choice = [condition, held, holds] if is_first else [condition, holds, held]
    check.set_operand(0, before.value("arith.select", choice, I1))


# ------------------------------------------------------------------------------------------------- from elements to all
def _apply_to_tensors(op: Op) -> None:
    before, pack = Builder.before_op(op), op.integer("pack", 1)
    shape = op.results[0].type.shape
    parts = [part for operand in op.operands for part in _split(before, operand, pack)]
    mapping = _Mapping(parts[0].type.shape, dict(zip(op.body.arguments, parts, strict=True)))
    values = mapping.block(op.body, before)
    results = []
    for i, result in enumerate(op.results):
        joined = _join(before, values[i * pack : (i + 1) * pack])
        if joined.type is not result.type:
            joined = before.value("tt.reshape", [joined], TensorType(shape, element_of(result.type)))
        joined.location = result.location
        results.append(joined)
    op.replace_by(results)


def _split(builder: Builder, value: Value, pack: int) -> list[Value]:
    """`pack` tensors: the i-th has the elements n * pack + i, in row-major order."""
    if pack == 1:
        return [value]
    element, half = element_of(value.type), prod(value.type.shape) // 2
    pairs = builder.value("tt.reshape", [value], TensorType((half, 2), element))
    ends = builder.build("tt.split", [pairs], [TensorType((half,), element)] * 2).results
    even, odd = (_split(builder, each, pack // 2) for each in ends)
    return [part for pair in zip(even, odd, strict=True) for part in pair]


def _join(builder: Builder, parts: list[Value]) -> Value:
    """The inverse of `_split`, as one dimension."""
    if len(parts) == 1:
        return parts[0]
    even, odd = _join(builder, parts[::2]), _join(builder, parts[1::2])
    element, size = element_of(even.type), prod(even.type.shape)
    pairs = builder.value("tt.join", [even, odd], TensorType((size, 2), element))
    return builder.value("tt.reshape", [pairs], TensorType((2 * size,), element))


@dataclass
class _Mapping:
    """`values`: what became of the function's values, a tensor of `shape` each, or a scalar equal for all elements."""

    shape: tuple[int, ...]
    values: dict[Value, Value] = field(default_factory=dict)

    def block(self, block: Block, builder: Builder) -> list[Value]:
        """The block's ops on tensors; the tensors that it ends with."""
        for op in block:
            builder.location = op.location
            if op is block.terminator:
                return [self._spread(v, builder) for v in op.operands]
            self._op(op, builder)
        raise AssertionError("a block has a terminator")

    def _op(self, op: Op, builder: Builder) -> None:
        operands = [self.values.get(v, v) for v in op.operands]
        if op.name == "scf.for":
            new = self._loop(op, operands, builder)
        elif not (is_elementwise(op) or op.name in ("tt.load", "tt.assert")):
            raise Unsupported(op, "no operation for all elements of a tensor at once", op.location)
        elif not any(isinstance(v.type, TensorType) for v in operands):
            new = builder.insert(op.clone(dict(zip(op.operands, operands, strict=True))))
        else:
            types = [TensorType(self.shape, r.type) for r in op.results]
            new = builder.build(op.name, [self._spread(v, builder) for v in op.operands], types, dict(op.attributes))
        for old, result in zip(op.results, new.results, strict=True):
            result.location = old.location
            self.values[old] = result

    def _loop(self, op: Op, operands: list[Value], builder: Builder) -> Op:
        bounds = operands[: len(For(op).bounds)]
        if any(isinstance(v.type, TensorType) for v in bounds):
            raise Unsupported(op, "a loop that is longer for some elements than for others", op.location)
        initial = [self._spread(v, builder) for v in For(op).initial]
        types = [v.type for v in initial]
        body = Block([bounds[0].type, *types])
        for old, new in zip(op.body.arguments, body.arguments, strict=True):
            new.location = old.location
            self.values[old] = new
        inside = Builder(body, None, op.location)
        inside.build("scf.yield", self.block(op.body, inside))
        return builder.build("scf.for", [*bounds, *initial], types, dict(op.attributes), [Region([body])])

    def _spread(self, value: Value, builder: Builder) -> Value:
        value = self.values.get(value, value)
        if isinstance(value.type, TensorType):
            return value
        return builder.value("tt.splat", [value], TensorType(self.shape, value.type))
