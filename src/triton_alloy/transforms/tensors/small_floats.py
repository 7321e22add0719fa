"""8-bit floats as bytes: no device computes with them, so casts become arithmetic and everything else moves bits.

Casts go through f32, which holds every 8-bit float exactly and none as a subnormal (Apple GPUs flush those). A cast to
8 bits saturates, as on CUDA devices: what is too large, infinity included, becomes the largest number; only NaN becomes
NaN. Toward zero, an infinity stays one where the format has it.
"""

from __future__ import annotations

from ...dialects import is_elementwise
from ...ir.core import Builder, Op, Value
from ...ir.numbers import SMALL_FLOATS, SmallFloat, bits_of_float, wrap_integer
from ...ir.types import (
    F16,
    F32,
    F64,
    I8,
    I32,
    DenseAttribute,
    FloatAttribute,
    FloatType,
    FunctionType,
    IntegerAttribute,
    PointerType,
    TensorType,
    Type,
    element_of,
    with_element,
)
from .terms import Term

F32_BIAS, F32_MANTISSA, F32_INFINITY, F32_NAN = 127, 23, 0x7F800000, 0x7FC00000
TOWARD_ZERO = 0  # tt.fp_to_fp's rounding attribute; 1 is to nearest even
SAME_BITS = ("arith.constant", "arith.select", "arith.bitcast", "tt.bitcast")
CASTS = ("tt.fp_to_fp", "arith.extf", "arith.truncf")


def run(module: Op) -> None:
    """In place: afterwards no value, pointer or constant of the module has an 8-bit float type."""
    ops = list(module.walk())
    for op in ops:
        if op.name == "tt.dot":
            _widen_dot(op)
        elif op.name in CASTS and any(map(_is_small, (op.operands[0].type, op.result.type))):
            _expand_cast(op)
        elif op.name == "tt.print" or (is_elementwise(op) and op.name not in SAME_BITS and _computes(op)):
            _compute_in_f32(op)
    for op in module.walk():
        _forget(op)


def _is_small(type_: Type) -> bool:
    element = element_of(type_)
    return isinstance(element, FloatType) and element.name in SMALL_FLOATS


def _computes(op: Op) -> bool:
    return any(_is_small(value.type) for value in (*op.operands, *op.results))


# --------------------------------------------------------------------------------------------------------------- casts
def _expand_cast(op: Op) -> None:
    before = Builder.before_op(op)
    source, new = Term(before, op.operands[0]), element_of(op.result.type)
    small = _is_small(source.value.type)
    wide = decode(source.bitcast(I8), SMALL_FLOATS[source.element.name]) if small else _rounded_to_odd(source)
    if _is_small(op.result.type):
        assert isinstance(new, FloatType)
        toward_zero = "rounding" in op.attributes and op.integer("rounding") == TOWARD_ZERO
        result = encode(wide, new, toward_zero).bitcast(new)
    else:
        result = wide.cast("extf" if new is F64 else "truncf", new)
    op.replace_by([result.value])


def _rounded_to_odd(source: Term) -> Term:
    """As f32. An f64 that is none becomes that of its two neighbours whose last bit is 1: rounded again, it is what the
    f64 would become."""
    if source.element is not F64:
        return source.to_f32()
    nearest = source.cast("truncf", F32)
    back, bits = nearest.cast("extf", F64), nearest.bitcast(I32)
    bits = back.op("math.absf").compare(">", source.op("math.absf")).where(bits - 1, bits)
    return back.compare("!=", source).where(bits | 1, bits).bitcast(F32)


def _widen_dot(op: Op) -> None:
    """f16 holds all 8-bit floats."""
    before = Builder.before_op(op)
    for index, operand in enumerate(op.operands[:2]):
        if _is_small(operand.type):
            op.set_operand(index, _decoded(before, operand).cast("truncf", F16).value)


def _compute_in_f32(op: Op) -> None:
    """Any other op: its operands decoded, its results encoded."""
    before = Builder.before_op(op)
    operands = [_decoded(before, v).value if _is_small(v.type) else v for v in op.operands]
    types = [with_element(r.type, F32) if _is_small(r.type) else r.type for r in op.results]
    wide = before.build(op.name, operands, types, dict(op.attributes))
    op.replace_by(
        [_encoded(before, new, element_of(old.type)) for new, old in zip(wide.results, op.results, strict=True)]
    )


def _encoded(builder: Builder, value: Value, element: Type) -> Value:
    """`value` itself unless `element` is an 8-bit float."""
    if not isinstance(element, FloatType) or not _is_small(element):
        return value
    return encode(Term(builder, value), element, toward_zero=False).bitcast(element).value


def _decoded(builder: Builder, value: Value) -> Term:
    return decode(Term(builder, value).bitcast(I8), SMALL_FLOATS[element_of(value.type).name])


def decode(code: Term, form: SmallFloat) -> Term:
    """The f32 number that an i8 means; in forms of fewer than 8 bits the upper ones do not matter."""
    width = 1 + form.exponent + form.mantissa
    code = code.as_i32()
    magnitude = code & ((1 << width - 1) - 1)
    sign = (code & 1 << width - 1) << 32 - width
    bits = (magnitude << F32_MANTISSA - form.mantissa) + (F32_BIAS - form.bias << F32_MANTISSA)
    subnormal = magnitude.cast("sitofp", F32) * 2.0 ** (1 - form.bias - form.mantissa)
    bits = magnitude.compare("<", 1 << form.mantissa).where(subnormal.bitcast(I32), bits) | sign
    return _with_specials(code, magnitude, sign, bits, form).bitcast(F32)


def _with_specials(code: Term, magnitude: Term, sign: Term, bits: Term, form: SmallFloat) -> Term:
    if form.kind == "ieee":
        first = ((1 << form.exponent) - 1) << form.mantissa
        not_finite = (magnitude << F32_MANTISSA - form.mantissa) | sign | F32_INFINITY
        return magnitude.compare("<", first).where(bits, not_finite)
    if form.kind == "finite":
        return magnitude.compare("==", 0x7F).where(F32_NAN, bits)
    if form.kind == "unsigned_zero":
        return code.compare("==", 0x80).where(F32_NAN, bits)
    return bits


def encode(number: Term, type_: FloatType, toward_zero: bool) -> Term:
    """The i8 code of an f32 in the 8-bit format `type_`."""
    form = SMALL_FLOATS[type_.name]
    dropped = F32_MANTISSA - form.mantissa
    bits = number.as_i32()
    magnitude = bits & 0x7FFFFFFF
    rounded = magnitude
    if not toward_zero:
        rounded = magnitude + (magnitude.shift_right(dropped) & 1) + ((1 << dropped - 1) - 1)
    normal = rounded.shift_right(dropped) - (F32_BIAS - form.bias << form.mantissa)
    is_small = magnitude.compare("<", F32_BIAS - form.bias + 1 << F32_MANTISSA)
    code = is_small.where(_subnormal(is_small, magnitude, form, toward_zero), normal)
    largest = _largest(form)
    code = code.minimum(largest)
    if toward_zero and form.kind == "ieee":
        code = magnitude.compare("==", F32_INFINITY).where(largest + 1, code)
    signed = code | (bits.shift_right(24) & 0x80)
    if form.kind == "unsigned_zero":
        signed = code.compare("==", 0).where(0, signed)
    nan = bits_of_float(float("nan"), type_)
    return magnitude.compare(">", F32_INFINITY).where(nan, signed).cast("trunci", I8)


def _subnormal(is_small: Term, magnitude: Term, form: SmallFloat, toward_zero: bool) -> Term:
    """The number in steps of the smallest one. It may round up to the first normal number, whose code follows."""
    scaled = is_small.where(magnitude, 0).bitcast(F32) * 2.0 ** (form.bias + form.mantissa - 1)
    whole = scaled if toward_zero else scaled.op("math.roundeven")
    return whole.cast("fptosi", I32)


def _largest(form: SmallFloat) -> int:
    """The code of the largest number."""
    all_ones = (1 << form.exponent + form.mantissa) - 1
    return {"ieee": all_ones - (1 << form.mantissa), "finite": all_ones - 1}.get(form.kind, all_ones)


# --------------------------------------------------------------------------------------------------------------- types
def as_bytes(type_: Type) -> Type:
    """`type_` with i8 in place of 8-bit floats: tensor<4x!tt.ptr<f8E5M2>> -> tensor<4x!tt.ptr<i8>>."""
    if isinstance(type_, TensorType):
        return type_.with_element(as_bytes(type_.element))
    if isinstance(type_, PointerType):
        return PointerType(as_bytes(type_.pointee), type_.space)
    if isinstance(type_, FunctionType):
        return FunctionType([as_bytes(t) for t in type_.inputs], [as_bytes(t) for t in type_.outputs])
    return I8 if _is_small(type_) else type_


def _forget(op: Op) -> None:
    """Bytes for the small floats in an op's types and attributes."""
    for value in (*op.results, *(a for block in op.blocks() for a in block.arguments)):
        value.type = as_bytes(value.type)
    for name, attribute in op.attributes.items():
        op.attributes[name] = _bytes_of(attribute)
    if op.name == "tt.bitcast" and op.operands[0].type is op.result.type:
        op.replace_by([op.operands[0]])


def _bytes_of(attribute):
    if isinstance(attribute, Type):
        return as_bytes(attribute)
    if not isinstance(attribute, FloatAttribute | DenseAttribute) or not _is_small(attribute.type):
        return attribute
    element, type_ = element_of(attribute.type), as_bytes(attribute.type)
    assert isinstance(element, FloatType)
    if isinstance(attribute, FloatAttribute):
        return IntegerAttribute(wrap_integer(bits_of_float(attribute.value, element), 8), type_)
    return DenseAttribute(tuple(wrap_integer(bits_of_float(v, element), 8) for v in attribute.values), type_)
