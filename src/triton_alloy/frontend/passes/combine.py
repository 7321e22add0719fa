"""What the tt dialect can say in fewer ops: sums of offsets, dots that accumulate, loads with a default, dots."""

from __future__ import annotations

from ...ir.core import Op, Value, constant_of
from ...ir.types import F32, I32, FloatType, IntegerAttribute, TensorType, TextAttribute, element_of
from ...rules import integers
from ...rules.driver import Rewriter, rewrite
from ...rules.values import integer, made_by, width_of

RULES = integers.RULES.only("arith.addi")
_NO_OVERFLOW = {"overflowFlags": TextAttribute("#arith.overflow<none>")}
_LEAST_DOT = 16
_IEEE = 2


def run(module: Op) -> None:
    rewrite(module, RULES)


@RULES.pattern("arith.addf", "arith.addi")
def accumulate(op: Op, rewriter: Rewriter) -> bool:
    """dot(a, b, 0) + c is dot(a, b, c)."""
    for product, addend in (op.operands[::-1], op.operands):
        dot = product.definer
        if dot is None or dot.name not in ("tt.dot", "tt.dot_scaled") or product.uses != {op: 1}:
            continue
        if dot.block is not op.block:  # in a loop it would run more often
            continue
        if constant_of(dot.operands[2]) != 0 or dot.integer("maxNumImpreciseAcc", 0) != 0:
            continue
        assert op.block is not None
        op.block.insert(dot.detach(), op)
        rewriter.set_operands(dot, [*dot.operands[:2], addend, *dot.operands[3:]])
        rewriter.replace(op, [product])
        return True
    return False


@RULES.pattern("tt.addptr")
def add_offsets(op: Op, rewriter: Rewriter) -> bool:
    """(p + i) + j is p + (i + j), where i + j does not overflow: 64 bits, or known numbers."""
    inner = made_by(op.operands[0], "tt.addptr")
    if inner is None:
        return False
    first, second = inner.operands[1], op.operands[1]
    if first.type is not second.type or not (width_of(first.type) == 64 or _fits(first, second)):
        return False
    total = rewriter.value("arith.addi", [first, second], first.type, dict(_NO_OVERFLOW))
    attributes = {name: value for name, value in op.attributes.items() if name.startswith("tt.")}
    rewriter.replace(op, [rewriter.value("tt.addptr", [inner.operands[0], total], op.result.type, attributes)])
    return True


def _fits(first: Value, second: Value) -> bool:
    a, b, width = _known(first), _known(second), width_of(first.type)
    return a is not None and b is not None and width is not None and -(1 << width - 1) <= a + b < 1 << width - 1


def _known(value: Value) -> int | None:
    splat = made_by(value, "tt.splat")
    return integer(splat.operands[0] if splat is not None else value)


@RULES.pattern("arith.select")
def load_with_default(op: Op, rewriter: Rewriter) -> bool:
    """c ? load(p, splat(c)) : x is load(p, splat(c), x)."""
    condition, yes, no = op.operands
    load = made_by(yes, "tt.load")
    mask = made_by(load.operands[1], "tt.splat") if load is not None and len(load.operands) > 1 else None
    if load is None or mask is None or mask.operands[0] is not condition:
        return False
    attributes = {**load.attributes, "operandSegmentSizes": (1, 1, 1)}
    rewriter.replace(op, [rewriter.value("tt.load", [*load.operands[:2], no], op.result.type, attributes)])
    return True


@RULES.pattern("tt.reduce")
def multiply_matrices(op: Op, rewriter: Rewriter) -> bool:
    """sum(x[:, :, None] * y[None, :, :], 1) is a dot, of sizes that a matrix unit takes."""
    factors = _factors(op)
    if factors is None:
        return False
    left, right = factors
    type_ = TensorType((left.type.shape[0], right.type.shape[1]), left.type.element)
    if type_.element is not F32:
        return False
    zero = rewriter.constant(0.0, type_)
    attributes = {
        "inputPrecision": IntegerAttribute(_IEEE, I32),
        "maxNumImpreciseAcc": IntegerAttribute(0, I32),
    }
    rewriter.replace(op, [rewriter.value("tt.dot", [left, right, zero], type_, attributes)])
    return True


def _factors(op: Op) -> tuple[Value, Value] | None:
    """The matrices whose expanded and broadcast product the op sums along axis 1."""
    if len(op.operands) != 1 or op.integer("axis") != 1 or not _adds(op):
        return None
    product = made_by(op.operands[0], "arith.mulf")
    if product is None:
        return None
    sources = []
    for operand, axis in zip(product.operands, (2, 0), strict=True):
        broadcast = made_by(operand, "tt.broadcast")
        expanded = made_by(broadcast.operands[0], "tt.expand_dims") if broadcast is not None else None
        if expanded is None or expanded.integer("axis") != axis or operand.type.shape[axis] < _LEAST_DOT:
            return None
        sources.append(expanded.operands[0])
    return sources[0], sources[1]


def _adds(op: Op) -> bool:
    first = op.body.first
    is_sum = first is not None and first.name == "arith.addf" and first.next is op.body.last
    element = element_of(op.operands[0].type)
    return is_sum and isinstance(element, FloatType) and element.width <= F32.width


@RULES.pattern("tt.reshape")
def reorder_what_is_reduced(op: Op, rewriter: Rewriter) -> bool:
    """A reduction of all elements takes them in any order."""
    if "allow_reorder" in op.attributes or len(op.result.type.shape) != 1 or not op.result.uses:
        return False
    if any(user.name not in ("tt.reduce", "tt.histogram") for user in op.result.uses):
        return False
    op.attributes["allow_reorder"] = None
    return True
