"""Arithmetic of f32 and f64 in the four IEEE rounding modes, from the nearest result and the sign of its exact error.

Modes are libdevice's endings: rn to nearest even, rz toward zero, ru upwards, rd downwards. Where an error would
underflow or a product overflow, it is computed of operands times powers of two.
"""

from __future__ import annotations

from ....ir.types import F32, F64, I64, FloatType, IntegerType
from ..terms import Term
from .functions import INFINITY, fma, magnitude, two_product, two_sum

SIGNIFICAND = {F32: 24, F64: 53}
"""Bits of a float type's significand."""
LEAST = {F32: -149, F64: -1074}
"""The exponent of a float type's smallest subnormal number."""


def bits_of(x: Term) -> Term:
    return x.bitcast(IntegerType(x.element.width))


def _lowest(x: Term) -> int:
    """The sign bit alone, of integers as wide as x."""
    return -(2 ** (x.element.width - 1))


def next_towards(x: Term, upwards: Term) -> Term:
    """The neighbour of a number that is not infinite, above or below; of 0, the smallest subnormal number."""
    bits = bits_of(x)
    away = (bits.compare(">=", 0) ^ upwards) ^ _true(upwards)
    stepped = bits + away.where(bits.lift(1), -1)
    from_zero = upwards.where(bits.lift(1), _lowest(x) + 1)
    return (bits & ~_lowest(x)).compare("==", 0).where(from_zero, stepped).bitcast(x.element)


def _true(like: Term) -> Term:
    return Term(like.builder, like.builder.constant(1, like.value.type))


def next_after(x: Term, y: Term) -> Term:
    value = x.compare("==", y).where(y, next_towards(x, y.compare(">", x)))
    return (x.compare("!=", x) | y.compare("!=", y)).where(x + y, value)


def directed(value: Term, error: Term, mode: str) -> Term:
    """`value` is the nearest number to value + error; the number that `mode` wants."""
    if mode == "rn":
        return value
    finite = magnitude(value).compare("<", INFINITY)
    above, below = error.compare(">", 0.0), error.compare("<", 0.0)
    negative = value.compare("<", 0.0)
    if mode == "ru":
        moves, upwards = above, _true(above)
    elif mode == "rd":
        moves, upwards = below, _true(above) ^ _true(above)
    else:
        moves, upwards = negative.where(above, below & value.compare(">", 0.0)), negative
    moved = (moves & finite).where(next_towards(value, upwards), value)
    return _overflow(moved, value, mode)


def _overflow(moved: Term, value: Term, mode: str) -> Term:
    """An infinity is left as it is: whether it came of rounding is the callers' to say."""
    return magnitude(value).compare("==", INFINITY).where(value, moved)


def _bounded(value: Term, mode: str, *operands: Term) -> Term:
    """An infinite result of finite operands is the largest number where `mode` rounds it towards zero."""
    if mode == "rn":
        return value
    overflowed = magnitude(value).compare("==", INFINITY)
    for operand in operands:
        overflowed = overflowed & magnitude(operand).compare("<", INFINITY)
    negative = value.compare("<", 0.0)
    stays = {"ru": negative, "rd": value.compare(">", 0.0), "rz": value.compare("==", value)}[mode]
    infinity = bits_of(magnitude(value).lift(INFINITY))
    largest = ((bits_of(value) & _lowest(value)) | (infinity - 1)).bitcast(value.element)
    return (overflowed & stays).where(largest, value)


def add(a: Term, b: Term, mode: str) -> Term:
    total, error = two_sum(a, b)
    result = _bounded(directed(total, error, mode), mode, a, b)
    if mode == "rd":  # x - x is -0 when rounding down
        cancels = total.compare("==", 0.0) & (bits_of(a).compare("!=", 0) | bits_of(b).compare("!=", 0))
        return cancels.where(total.lift(-0.0), result)
    return result


def subtract(a: Term, b: Term, mode: str) -> Term:
    return add(a, -b, mode)


def _factors(a: Term, b: Term) -> tuple[Term, Term]:
    """Powers of two for a and b, so that the error of their product neither underflows nor is that of an infinity: 1
    for most."""
    bits, least = SIGNIFICAND[a.element], LEAST[a.element]
    product = magnitude(a * b)
    tiny, huge = product.compare("<", 2.0 ** (least + 2 * bits)), product.compare(">=", 2.0 ** -(least + bits))

    def factor(x: Term) -> Term:
        below = magnitude(x).compare("<", 1.0)
        return (tiny & below).where(2.0 ** (1 - least // 2), (huge & (below ^ _true(below))).where(x.lift(0.0625), 1.0))

    return factor(a), factor(b)


def multiply(a: Term, b: Term, mode: str) -> Term:
    product, (of_a, of_b) = a * b, _factors(a, b)
    error = fma(a * of_a, b * of_b, -(product * of_a * of_b))
    return _bounded(directed(product, error, mode), mode, a, b)


def _residual(x: Term, a: Term, b: Term) -> Term:
    """x - a * b up to a factor, for a product that is near x."""
    bits = SIGNIFICAND[x.element]
    tiny = magnitude(x).compare("<", 2.0 ** (LEAST[x.element] + 3 * bits))
    factor = tiny.where(x.lift(2.0 ** (2 * bits + 2)), 1.0)
    return fma(-(a * factor), b, x * factor)


def divide(a: Term, b: Term, mode: str) -> Term:
    quotient = a.op("tt.precise_divf", b)
    residual = _residual(a, quotient, b)
    error = b.compare("<", 0.0).where(-residual, residual)
    exact_infinity = b.compare("==", 0.0)
    return exact_infinity.where(quotient, _bounded(directed(quotient, error, mode), mode, a, b))


def reciprocal(x: Term, mode: str) -> Term:
    return divide(x.lift(1.0), x, mode)


def square_root(x: Term, mode: str) -> Term:
    root = x.op("tt.precise_sqrt")
    return directed(root, root.compare("==", 0.0).where(0.0, _residual(x, root, root)), mode)


def multiply_add(a: Term, b: Term, c: Term, mode: str) -> Term:
    """The error after S. Boldo and J.-M. Muller, Exact and approximated error of the FMA (2011).

    A product that is tiny beside c, or the converse, decides by its sign alone, so c need not be scaled there."""
    value, (of_a, of_b), operands = fma(a, b, c), _factors(a, b), (a, b, c)
    grows, shrinks = (of_a * of_b).compare(">", 1.0), (of_a * of_b).compare("<", 1.0)
    dominates = grows & magnitude(c).compare(">=", 2.0 ** (LEAST[a.element] + 4 * SIGNIFICAND[a.element]))
    sizes = dominates.where(c.lift(0.0), of_a)
    added = (shrinks & magnitude(c).compare("<", 1.0)).where(c, c * sizes * of_b)
    a, b, nearest = a * of_a, b * of_b, value * sizes * of_b
    scaled = fma(a, b, added)
    high, low = two_product(a, b)
    part, rest = two_sum(added, low)
    total, carried = two_sum(high, part)
    error = (scaled - nearest) + (((total - scaled) + carried) + rest)
    return _bounded(directed(value, error, mode), mode, *operands)


# --------------------------------------------------------------------------------------------------------- conversions
INTEGERS = {"int": (32, True), "uint": (32, False), "ll": (64, True), "ull": (64, False)}
"""CUDA's name of a type -> its width, and whether it has a sign."""
ROUNDING = {"rn": "math.roundeven", "rz": "math.trunc", "ru": "math.ceil", "rd": "math.floor"}


def to_integer(x: Term, width: int, signed: bool, mode: str) -> Term:
    """CUDA's conversion: what does not fit becomes the nearest bound, and NaN 0 (of 64 bits: the lowest number)."""
    type_ = IntegerType(width)
    whole = x.op(ROUNDING[mode])
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1)) if signed else (0, 2**width)
    fits = whole.compare(">=", float(low)) & whole.compare("<", float(high))
    value = fits.where(whole, 0.0).op("arith.fptosi" if signed else "arith.fptoui", element=type_)
    top = high - 1 if signed else -1
    value = whole.compare(">=", float(high)).where(top, value)
    value = whole.compare("<", float(low)).where(low, value)
    nan = 0 if width == 32 else -(2**63)
    return x.compare("!=", x).where(nan, value)


def narrowed(x: Term, mode: str) -> Term:
    """The f32 of an f64, up or down."""
    value = x.op("arith.truncf", element=F32)
    return _bounded(directed(value, x - value.op("arith.extf", element=F64), mode), mode, x)


def from_integer(x: Term, signed: bool, mode: str, element: FloatType = F32) -> Term:
    """As many leading bits as fit exactly; then one step in the mode's direction if others were cut off."""
    if mode == "rn":
        return x.op("arith.sitofp" if signed else "arith.uitofp", element=element)
    width = 64 if x.element is I64 else 32
    negative = x.compare("<", 0)
    size = negative.where(x.lift(0) - x, x) if signed else x
    spare = size.lift(width - SIGNIFICAND[element]) - size.op("math.ctlz")
    spare = spare.op("arith.maxsi", 0)
    kept = size.shift_right(spare) << spare
    cut = kept.compare("!=", size)
    value = kept.op("arith.uitofp", element=element)
    if mode == "ru":
        grows = cut & (negative ^ _true(cut)) if signed else cut
    elif mode == "rd" and signed:
        grows = cut & negative
    else:
        grows = None
    if grows is not None:
        value = grows.where((bits_of(value) + 1).bitcast(element), value)
    return negative.where(-value, value) if signed else value
