"""Ops in forms that every later stage knows: dots in types of the matrix units, casts between floats in one step each.

A dot, a sum or a product of f16 or bf16 accumulates in f32 and is rounded once at the end: never less exact than asked
for. A dot of i8 runs on a matrix unit of floats where it is exact there.
"""

from __future__ import annotations

from collections.abc import Callable

from ...dialects.arith import FLOAT
from ...errors import Unsupported
from ...ir.core import Builder, Op, Value
from ...ir.types import BF16, F16, F32, F64, I1, I8, I16, I32, FloatType, Type, element_of, with_element
from ...target import Target
from .terms import Term

HALVES = (F16, BF16)
DOT_OPERANDS = (F16, BF16, F32, F64, I8)
TOWARD_ZERO = 0  # tt.fp_to_fp's rounding attribute; 1 is to nearest even
F32_INTEGERS = 1 << 24  # up to here f32 holds every integer


def run(module: Op, target: Target) -> None:
    """In place. Raises Unsupported for element types without a rule."""
    for op in list(module.walk()):
        if op.name in RULES:
            RULES[op.name](op)
    for op in list(module.walk()):
        if op.name == "tt.dot" and _is_exact_in_floats(op, target):
            _multiply_as_floats(op)


def legalize_dot(op: Op) -> None:
    """Raises Unsupported for operand types without a rule."""
    left, right = (element_of(o.type) for o in op.operands[:2])
    result = element_of(op.result.type)
    if left is not right or left not in DOT_OPERANDS:
        raise Unsupported(op, f"a dot of {left} and {right} has no lowering to Metal yet", op.location)
    if isinstance(left, FloatType) != isinstance(result, FloatType) or (left is I8 and result is not I32):
        raise Unsupported(op, f"a dot of {left} with a {result} result", op.location)
    if left is F64 and result is not F64:
        raise Unsupported(op, f"a dot of f64 with a {result} result", op.location)
    if result in HALVES:
        _accumulate_in_f32(op)


def _is_exact_in_floats(op: Op, target: Target) -> bool:
    """Whether the matrix unit multiplies f16 but not i8, and f32 holds every sum of products: each is at most 2^14."""
    if element_of(op.operands[0].type) is not I8:
        return False
    m, k = op.operands[0].type.shape[-2:]
    sizes = (m, op.result.type.shape[-1], k)
    takes = target.fragment.takes
    return k <= F32_INTEGERS >> 14 and takes("f16", "f16", "f32", sizes) and not takes("i8", "i8", "i32", sizes)


def _multiply_as_floats(op: Op) -> None:
    before = Builder.before_op(op)
    *factors, start = op.operands
    a, b = (before.value("arith.sitofp", [o], with_element(o.type, F16)) for o in factors)
    wide = with_element(op.result.type, F32)
    product = before.value("tt.dot", [a, b, before.constant(0.0, wide)], wide, dict(op.attributes))
    product.location = op.result.location
    whole = before.value("arith.fptosi", [product], op.result.type)
    op.replace_by([before.value("arith.addi", [start, whole], op.result.type)])


def _accumulate_in_f32(op: Op) -> None:
    before = Builder.before_op(op)
    wide = with_element(op.result.type, F32)
    a, b, c = op.operands
    wide_c = before.value("arith.extf", [c], wide)
    product = before.value("tt.dot", [a, b, wide_c], wide, dict(op.attributes))
    product.location = op.result.location
    op.replace_by([before.value("arith.truncf", [product], op.result.type)])


def legalize_combination(op: Op) -> None:
    """tt.reduce and tt.scan of one tensor by + or *."""
    function = [inner.name for inner in op.body][:-1]
    if element_of(op.operands[0].type) not in HALVES or function not in (["arith.addf"], ["arith.mulf"]):
        return
    before = Builder.before_op(op)
    operand, old = op.operands[0], op.result.type
    wide = before.value("arith.extf", [operand], with_element(operand.type, F32))
    new = before.insert(op.clone({operand: wide}))
    new.result.type = with_element(old, F32)
    for value in (*new.body.arguments, *next(iter(new.body)).results):
        value.type = F32
    op.replace_by([before.value("arith.truncf", [new.result], old)])


def legalize_cast(op: Op) -> None:
    """tt.fp_to_fp between floats of 16 bits and more, to nearest or toward zero."""
    [source] = op.operands
    old, new = element_of(source.type), element_of(op.result.type)
    if old not in (*HALVES, F32, F64) or new not in (*HALVES, F32, F64):
        raise Unsupported(op, f"a cast from {old} to {new} has no lowering to Metal yet", op.location)
    before = Builder.before_op(op)
    if new.width > old.width:
        op.replace_by([before.value("arith.extf", [source], op.result.type)])
        return
    wide = before.value("arith.extf", [source], with_element(source.type, F32)) if old in HALVES else source
    toward_zero = "rounding" in op.attributes and op.integer("rounding") == TOWARD_ZERO
    narrow = before.value("arith.truncf", [wide], op.result.type)
    op.replace_by([_toward_zero(before, wide, narrow) if toward_zero else narrow])


def _toward_zero(before: Builder, wide: Value, nearest: Value) -> Value:
    """The nearest narrower float, or the one before it where that is further from zero than the number itself.

    The bits of a float are its sign and, for a greater magnitude, a greater number: so the one before it is bits - 1,
    and the largest finite number where rounding overflowed. NaN compares false and stays.
    """

    def typed(element: Type) -> Type:
        return with_element(wide.type, element)

    bits_of = I32 if element_of(nearest.type) is F32 else I16
    back = before.value("arith.extf", [nearest], wide.type)
    magnitudes = [before.value("math.absf", [x], wide.type) for x in (back, wide)]
    beyond = before.value("arith.cmpf", magnitudes, typed(I1), {"predicate": FLOAT["ogt"]})
    bits = before.value("tt.bitcast", [nearest], typed(bits_of))
    less = before.value("arith.subi", [bits, before.constant(1, typed(bits_of))], typed(bits_of))
    previous = before.value("tt.bitcast", [less], nearest.type)
    return before.value("arith.select", [beyond, previous, nearest], nearest.type)


def legalize_print(op: Op) -> None:
    """One operand each, which may have any shape."""
    if len(op.operands) < 2:
        return
    before = Builder.before_op(op)
    for number, (operand, signed) in enumerate(zip(op.operands, op.attributes["isSigned"], strict=True)):
        one = {"isSigned": (signed,), "operand": number, "operands": len(op.operands)}
        before.build("tt.print", [operand], [], dict(op.attributes) | one)
    op.erase()


def legalize_wide_product(op: Op) -> None:
    """Both halves of a product. Read as signed, a negative factor is 2^width less: so much less is the high half."""
    before = Builder.before_op(op)
    x, y = (Term(before, operand) for operand in op.operands)
    high = x.op("tt.mulhiui", y)
    if op.name == "arith.mulsi_extended":
        sign = x.element.width - 1
        high = high - (x.op("arith.shrsi", sign) & y) - (y.op("arith.shrsi", sign) & x)
    op.replace_by([(x * y).value, high.value])


RULES: dict[str, Callable[[Op], None]] = {
    "tt.dot": legalize_dot,
    "tt.fp_to_fp": legalize_cast,
    "tt.print": legalize_print,
    "arith.mulsi_extended": legalize_wide_product,
    "arith.mului_extended": legalize_wide_product,
    "tt.reduce": legalize_combination,
    "tt.scan": legalize_combination,
}
