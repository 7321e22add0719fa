"""Ops in forms that every later stage knows: dots accumulate in a type that the target's matrix unit has.

A dot with an f16 or bf16 result accumulates in f32 and is rounded once at the end: never less exact than asked for.
"""

from __future__ import annotations

from ..errors import Unsupported
from ..ir.core import Builder, Op
from ..ir.types import BF16, F16, F32, I8, I32, FloatType, element_of, with_element
from ..target import Target

NARROW = (F16, BF16)
OPERANDS = (F16, BF16, F32, I8)


def run(module: Op, target: Target) -> None:
    for op in list(module.walk()):
        if op.name == "tt.dot":
            legalize_dot(op)


def legalize_dot(op: Op) -> None:
    """Raises Unsupported for operand types without a rule (fp8 and f64)."""
    left, right = (element_of(o.type) for o in op.operands[:2])
    result = element_of(op.result.type)
    if left is not right or left not in OPERANDS:
        raise Unsupported(op, f"a dot of {left} and {right} has no lowering to Metal yet", op.location)
    if isinstance(left, FloatType) != isinstance(result, FloatType) or (left is I8 and result is not I32):
        raise Unsupported(op, f"a dot of {left} with a {result} result", op.location)
    if result in NARROW:
        accumulate_in_f32(op)


def accumulate_in_f32(op: Op) -> None:
    before = Builder.before_op(op)
    wide = with_element(op.result.type, F32)
    a, b, c = op.operands
    wide_c = before.value("arith.extf", [c], wide)
    product = before.value("tt.dot", [a, b, wide_c], wide, dict(op.attributes))
    product.location = op.result.location
    op.replace_by([before.value("arith.truncf", [product], op.result.type)])
