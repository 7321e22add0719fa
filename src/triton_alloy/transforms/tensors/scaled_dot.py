"""tt.dot_scaled as a dot of 16-bit floats: operands decoded, times the powers of two (or small floats) of their blocks.

As in Triton's own decomposition: f16 if an operand is fp16, else bf16; the scale 0xff is NaN and 0 is zero. The product
with the scale is made in f32 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import Unsupported
from ...ir.core import Builder, Op, Value
from ...ir.numbers import SMALL_FLOATS, SmallFloat
from ...ir.types import BF16, F16, F32, I8, FloatType, TensorType, element_of
from .small_floats import F32_MANTISSA, F32_NAN, decode
from .terms import Term

PACKED = 4  # the operand type e2m1: two in a byte, the lower half first; all others have one element each
SIX_BITS = {2: "e2m3", 3: "e3m2"}
E2M1 = SmallFloat(exponent=2, mantissa=1, bias=1, kind="numbers")
NAN_SCALE = 0xFF
IEEE = 2


def run(module: Op) -> None:
    """In place, for every tt.dot_scaled of the module."""
    for op in list(module.walk()):
        if op.name == "tt.dot_scaled":
            decompose(op)


def decompose(op: Op) -> None:
    """(a, b, c[, scale of a][, scale of b]) -> tt.dot(decoded a, decoded b, c). Raises Unsupported for 6-bit floats."""
    segments = op.attributes["operandSegmentSizes"]
    a, b, c, *scales = op.operands
    last = len(a.type.shape) - 1
    sides = (
        Side(a, scales[0] if segments[3] else None, op.integer("a_elem_type"), last, op.integer("lhs_k_pack", 1) == 1),
        Side(
            b,
            scales[-1] if segments[4] else None,
            op.integer("b_elem_type"),
            last - 1,
            op.integer("rhs_k_pack", 1) == 1,
        ),
    )
    for side in sides:
        if side.kind in SIX_BITS:
            raise Unsupported(
                op, f"operands of {SIX_BITS[side.kind]}, whose six bits have no form in memory", op.location
            )
    narrow = F16 if F16 in (element_of(a.type), element_of(b.type)) else BF16
    before = Builder.before_op(op)
    operands = [_decoded(before, side, narrow) for side in sides]
    attributes = {"inputPrecision": IEEE, "maxNumImpreciseAcc": 0}
    product = before.value("tt.dot", [*operands, c], op.result.type, attributes)
    product.location = op.result.location
    op.replace_by([product])


@dataclass(frozen=True)
class Side:
    """An operand: `scale` is (..., rows or columns, blocks of k) or None; `kind`: its element type's number; `depth`:
    the dimension that is k; along_k: whether two numbers in a byte are neighbours along k, else along the other one."""

    operand: Value
    scale: Value | None
    kind: int
    depth: int
    along_k: bool


def _decoded(builder: Builder, side: Side, narrow: FloatType) -> Value:
    numbers = _unpacked(builder, side) if side.kind == PACKED else _wide(Term(builder, side.operand))
    if side.scale is None:
        return numbers.value if numbers.element is narrow else numbers.to_f32().cast("truncf", narrow).value
    numbers = numbers.to_f32()
    return (numbers * _spread(builder, side, numbers.value.type)).cast("truncf", narrow).value


def _wide(number: Term) -> Term:
    """8-bit floats as f32; others as they are."""
    is_small = isinstance(number.element, FloatType) and number.element.name in SMALL_FLOATS
    return decode(number.bitcast(I8), SMALL_FLOATS[number.element.name]) if is_small else number


def _unpacked(builder: Builder, side: Side) -> Term:
    """tensor<MxK/2xi8> -> tensor<MxKxf32>, or along the other dimension."""
    packed = Term(builder, side.operand)
    shape = list(side.operand.type.shape)
    rank = len(shape)
    axis = side.depth if side.along_k else 2 * rank - 3 - side.depth  # the other one of the last two
    halves = [packed.value, packed.shift_right(4).value]
    codes = builder.value("tt.join", halves, TensorType([*shape, 2], I8))
    if axis != rank - 1:
        order = (*range(axis + 1), rank, *range(axis + 1, rank))
        split = TensorType([*shape[: axis + 1], 2, *shape[axis + 1 :]], I8)
        codes = builder.value("tt.trans", [codes], split, {"order": order})
    shape[axis] *= 2
    return decode(Term(builder, builder.value("tt.reshape", [codes], TensorType(shape, I8))), E2M1)


def _spread(builder: Builder, side: Side, type_: TensorType) -> Term:
    """The scale of every element of an operand of `type_` (in f32): each stands for the elements of a block of k."""
    assert side.scale is not None
    *others, blocks = side.scale.type.shape
    k = type_.shape[side.depth]
    single, whole = (TensorType([*others, blocks, size], F32) for size in (1, k // blocks))
    scale = _scale(Term(builder, side.scale)).value
    scale = builder.value("tt.expand_dims", [scale], single, {"axis": len(others) + 1})
    scale = builder.value("tt.broadcast", [scale], whole)
    scale = builder.value("tt.reshape", [scale], TensorType([*others, k], F32))
    if side.depth != len(others):
        order = (*range(side.depth), len(others), side.depth)
        scale = builder.value("tt.trans", [scale], type_, {"order": order})
    return Term(builder, scale)


def _scale(scale: Term) -> Term:
    """A scale as f32: a power of two by its exponent (i8), or an 8-bit float."""
    if scale.element is not I8:
        return _wide(scale)
    exponent = scale.as_i32()
    return exponent.compare("==", NAN_SCALE).where(F32_NAN, exponent << F32_MANTISSA).bitcast(F32)
