"""tt.dot: fragments of the target's matrix function, or multiply-adds from threadgroup memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ...errors import Unsupported
from ...ir.core import Block, Op, Region, Value
from ...ir.types import I32, FloatType, IntegerType, RegisterType, Type, element_of
from ...layout import row_major
from . import places
from .context import Held, Lowering, register_count, rule, spread, whole
from .convert import part_count, stage


@rule("tt.dot")
def dot(lowering: Lowering, op: Op) -> Held:
    """tensor<MxKxT> * tensor<KxNxT> + tensor<MxNxU>; leading batch dimension allowed."""
    return (_by_fragments if "unit" in op.attributes else _by_multiply_add)(lowering, op)


def _by_fragments(lowering: Lowering, op: Op) -> Held:
    fragment = lowering.target.fragment
    layout = op.result.type.layout
    rank = len(layout.shape)
    counts = [sum(1 for basis in layout.registers if basis[d]) for d in range(rank)]
    inside = [sum(1 for basis in fragment.c.registers if basis[d]) for d in (0, 1)]
    depth = op.operands[0].type.shape[-1]
    attributes = {
        "function": op.attributes["unit"],
        "m": 1 << (counts[-2] - inside[0]),
        "n": 1 << (counts[-1] - inside[1]),
        "k": max(depth // fragment.b.shape[0], 1),
        "batch": 1 << sum(counts[:-2]),
    }
    a, b, c = (array(lowering, lowering.held(o), register_count(o.type)) for o in op.operands)
    operands = [c, a, b]
    value = lowering.builder.value("msl.mma", operands, operands[0].type, attributes)
    return whole(value)


def array(lowering: Lowering, held: Held, registers: int) -> Value:
    """All registers as an array of lane values, as a function call needs them."""
    value = lowering.materialise(held, registers)
    wanted = RegisterType(registers, held.element)
    return spread(lowering, value, wanted)


def _by_multiply_add(lowering: Lowering, op: Op) -> Held:
    """A and B in threadgroup memory, as much of k at a time as fits; each thread runs over k for its elements of C."""
    registers = register_count(op.result.type)
    total = array(lowering, lowering.held(op.operands[2]), registers)
    size = sum(prod(o.type.shape) * (o.type.element.width // 8) for o in op.operands[:2])
    parts = min(part_count(lowering, size), op.operands[0].type.shape[-1])
    for part in range(parts):
        total = _multiply_add_part(lowering, op, total, parts, part)
    return whole(total)


@dataclass(frozen=True)
class Side:
    """A or B in threadgroup memory: `index` is where each register's row or column begins, `step` from one k to the
    next; `widening`: the op from its elements to those of C, None if they are the same."""

    buffer: Value
    element: Type
    widening: str | None
    index: Held
    step: int

    def load(self, lowering: Lowering, offset: Value, element: Type, registers: int) -> Held:
        """What is `offset` after `index`, as `element`."""
        index = lowering.elementwise("arith.addi", [self.index, Held(offset)], I32, registers)
        loaded = lowering.emit("msl.shared_load", [self.buffer, index.value], self.element)
        if self.widening is not None:
            loaded = lowering.emit(self.widening, [loaded], element)
        return Held(loaded, index.map)


def _widening(op: Op, source: Type) -> str | None:
    element = op.result.type.element
    if source is element:
        return None
    if isinstance(source, FloatType) != isinstance(element, FloatType) or source.width > element.width:
        raise Unsupported(op, f"{source} operands with a {element} result")
    return "arith.extf" if isinstance(source, FloatType) else "arith.extsi"


def _multiply_add_part(lowering: Lowering, op: Op, start: Value, parts: int, part: int) -> Value:
    """`start` plus the products of the `part`-th of `parts` equal ranges of k."""
    a, b, _ = op.operands
    rank = len(a.type.shape)
    sides = [_side(lowering, op, o, k, parts, part) for o, k in ((a, rank - 1), (b, rank - 2))]
    registers, element = register_count(op.result.type), element_of(op.result.type)
    block = Block()
    k = block.add_argument(I32)
    total = whole(block.add_argument(start.type))
    with lowering.at(block, op.location):
        offsets = [lowering.emit("arith.muli", [k, lowering.constant(side.step)], I32) for side in sides]
        left, right = (s.load(lowering, o, element, registers) for s, o in zip(sides, offsets, strict=True))
        summed = _multiply_add(lowering, left, right, total, element, registers)
        lowering.builder.build("scf.yield", [array(lowering, summed, registers)])
    operands = [*(lowering.constant(n) for n in (0, a.type.shape[-1] // parts, 1)), start]
    return lowering.builder.build("scf.for", operands, [start.type], {}, [Region([block])]).result


def _side(lowering: Lowering, op: Op, operand: Value, k: int, parts: int, part: int) -> Side:
    """The part of A or B, whose dimension `k` is summed over. Of C a register has a row of A and a column of B."""
    type_ = operand.type
    strides = _k_outermost(type_.shape, k)
    buffer = stage(lowering, lowering.held(operand), type_.layout, strides, parts, part)
    index = places.coordinate(lowering, op.result.type.layout, (*strides[:k], 0, *strides[k + 1 :]))
    return Side(buffer, type_.element, _widening(op, type_.element), index, strides[k])


def _k_outermost(shape: tuple[int, ...], k: int) -> tuple[int, ...]:
    """Strides, in elements, with dimension `k` outside and the others in row-major order."""
    inner = row_major((*shape[:k], 1, *shape[k + 1 :]))
    return (*inner[:k], prod(shape) // shape[k], *inner[k + 1 :])


def _multiply_add(lowering: Lowering, left: Held, right: Held, total: Held, element, registers: int) -> Held:
    if isinstance(element, IntegerType):
        product = lowering.elementwise("arith.muli", [left, right], element, registers)
        return lowering.elementwise("arith.addi", [total, product], element, registers)
    return lowering.elementwise("math.fma", [left, right, total], element, registers)
