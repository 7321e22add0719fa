"""tt.dot: fragments of the target's matrix function, or multiply-adds from threadgroup memory."""

from __future__ import annotations

from math import prod

from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import I32, FloatType, IntegerType, RegisterType, element_of
from ...layout import row_major
from .context import Held, Lowering, register_count, rule, spread
from .convert import part_count, stage


@rule("tt.dot")
def dot(lowering: Lowering, op: Op) -> None:
    """tensor<MxKxT> * tensor<KxNxT> + tensor<MxNxU>; leading batch dimension allowed."""
    (_by_fragments if "unit" in op.attributes else _by_multiply_add)(lowering, op)


def _by_fragments(lowering: Lowering, op: Op) -> None:
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
    lowering.values[op.result] = Held(value, tuple(range(register_count(op.result.type))))


def array(lowering: Lowering, held: Held, registers: int) -> Value:
    """All registers as an array of lane values, as a function call needs them."""
    value = lowering.materialise(held, registers)
    wanted = RegisterType(registers, held.element)
    return spread(lowering, value, wanted)


def _by_multiply_add(lowering: Lowering, op: Op) -> None:
    """A and B in threadgroup memory, as much of k at a time as fits; each thread runs over k for its elements of C."""
    registers = register_count(op.result.type)
    total = array(lowering, lowering.held(op.operands[2]), registers)
    size = sum(prod(o.type.shape) * (o.type.element.width // 8) for o in op.operands[:2])
    parts = min(part_count(lowering, size), op.operands[0].type.shape[-1])
    for part in range(parts):
        total = _multiply_add_part(lowering, op, total, parts, part)
    lowering.values[op.result] = Held(total, tuple(range(registers)) if registers > 1 else None)


def _multiply_add_part(lowering: Lowering, op: Op, start: Value, parts: int, part: int) -> Value:
    """`start` plus the products of the `part`-th of `parts` equal ranges of k."""
    a, b, _ = (o.type for o in op.operands)
    layout = op.result.type.layout
    element = element_of(op.result.type)
    strides = [_k_outermost(t.shape, k) for t, k in ((a, len(a.shape) - 1), (b, len(b.shape) - 2))]
    buffers = [
        stage(lowering, lowering.held(o), o.type.layout, s, parts, part)
        for o, s in zip(op.operands[:2], strides, strict=True)
    ]
    rows = lowering.coordinate(layout, (*strides[0][:-1], 0))
    columns = lowering.coordinate(layout, (*strides[1][:-2], 0, strides[1][-1]))
    registers = register_count(op.result.type)
    outer = lowering.builder
    block = Block()
    k = block.add_argument(I32)
    total = block.add_argument(start.type)
    lowering.builder = Builder(block, None, op.location)
    steps = [lowering.emit("arith.muli", [k, lowering.constant(s)], I32) for s in (strides[0][-1], strides[1][-2])]
    left = _operand(lowering, buffers[0], rows, Held(steps[0]), element, registers, a.element)
    right = _operand(lowering, buffers[1], columns, Held(steps[1]), element, registers, b.element)
    summed = _multiply_add(lowering, left, right, Held(total, tuple(range(registers))), element, registers)
    lowering.builder.build("scf.yield", [array(lowering, summed, registers)])
    lowering.builder = outer
    bounds = [lowering.constant(n) for n in (0, a.shape[-1] // parts, 1)]
    return outer.build("scf.for", [*bounds, start], [start.type], {}, [Region([block])]).result


def _k_outermost(shape: tuple[int, ...], k: int) -> tuple[int, ...]:
    """Strides, in elements, with dimension `k` outside and the others in row-major order."""
    inner = row_major((*shape[:k], 1, *shape[k + 1 :]))
    return (*inner[:k], prod(shape) // shape[k], *inner[k + 1 :])


def _operand(lowering: Lowering, buffer: Value, base: Held, step: Held, element, registers: int, source) -> Held:
    index = lowering.elementwise("arith.addi", [base, step], I32, registers)
    loaded = lowering.emit("msl.shared_load", [buffer, index.value], source)
    if source is not element:
        widening = "arith.extf" if isinstance(source, FloatType) else "arith.extsi"
        if isinstance(source, FloatType) != isinstance(element, FloatType) or source.width > element.width:
            raise Unsupported("tt.dot", f"{source} operands with a {element} result")
        loaded = lowering.emit(widening, [loaded], element)
    return Held(loaded, index.map)


def _multiply_add(lowering: Lowering, left: Held, right: Held, total: Held, element, registers: int) -> Held:
    if isinstance(element, IntegerType):
        product = lowering.elementwise("arith.muli", [left, right], element, registers)
        return lowering.elementwise("arith.addi", [total, product], element, registers)
    return lowering.elementwise("math.fma", [left, right, total], element, registers)
