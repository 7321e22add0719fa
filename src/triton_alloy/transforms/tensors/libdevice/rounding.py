"""f32 arithmetic in the four IEEE rounding modes, from the nearest result and the sign of its exact error.

Modes are libdevice's endings: rn to nearest even, rz toward zero, ru upwards, rd downwards. The errors are exact where
nothing underflows.
"""

from __future__ import annotations

from ....ir.types import F32, I32, I64, IntegerType
from ..terms import Term
from .functions import INFINITY, fma, magnitude, sign_bit, two_product, two_sum


def next_towards(x: Term, upwards: Term) -> Term:
    """The neighbour of a number that is not infinite, above or below; of 0, the smallest subnormal number."""
    bits = x.bitcast(I32)
    away = (bits.op("arith.shrsi", 31).compare("==", 0) ^ upwards) ^ _true(upwards)
    stepped = bits + away.where(bits.lift(1), -1)
    from_zero = upwards.where(bits.lift(1), -(2**31) + 1)
    return (bits & 0x7FFFFFFF).compare("==", 0).where(from_zero, stepped).bitcast(F32)


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
        moves, upwards = negative.where(above, below), negative
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
    largest = (sign_bit(value) | 0x7F7FFFFF).bitcast(F32)
    return (overflowed & stays).where(largest, value)


def add(a: Term, b: Term, mode: str) -> Term:
    total, error = two_sum(a, b)
    result = _bounded(directed(total, error, mode), mode, a, b)
    if mode == "rd":  # x - x is -0 when rounding down
        cancels = total.compare("==", 0.0) & (a.bitcast(I32).compare("!=", 0) | b.bitcast(I32).compare("!=", 0))
        return cancels.where(total.lift(-0.0), result)
    return result


def subtract(a: Term, b: Term, mode: str) -> Term:
    return add(a, -b, mode)


def multiply(a: Term, b: Term, mode: str) -> Term:
    product, error = two_product(a, b)
    return _bounded(directed(product, error, mode), mode, a, b)


def divide(a: Term, b: Term, mode: str) -> Term:
    quotient = a.op("tt.precise_divf", b)
    residual = fma(-quotient, b, a)
    error = b.compare("<", 0.0).where(-residual, residual)
    exact_infinity = b.compare("==", 0.0)
    return exact_infinity.where(quotient, _bounded(directed(quotient, error, mode), mode, a, b))


def reciprocal(x: Term, mode: str) -> Term:
    return divide(x.lift(1.0), x, mode)


def square_root(x: Term, mode: str) -> Term:
    root = x.op("tt.precise_sqrt")
    error = root.compare("==", 0.0).where(0.0, fma(-root, root, x))
    return directed(root, error, mode)


def multiply_add(a: Term, b: Term, c: Term, mode: str) -> Term:
    """The error after S. Boldo and J.-M. Muller, Exact and approximated error of the FMA (2011)."""
    value = fma(a, b, c)
    high, low = two_product(a, b)
    part, rest = two_sum(c, low)
    total, carried = two_sum(high, part)
    error = ((total - value) + carried) + rest
    return _bounded(directed(value, error, mode), mode, a, b, c)


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


def from_integer(x: Term, signed: bool, mode: str) -> Term:
    """The 24 leading bits exactly; then one step in the mode's direction if others were cut off."""
    if mode == "rn":
        return x.op("arith.sitofp" if signed else "arith.uitofp", element=F32)
    width = 64 if x.element is I64 else 32
    negative = x.compare("<", 0)
    size = negative.where(x.lift(0) - x, x) if signed else x
    spare = size.lift(width - 24) - size.op("math.ctlz")
    spare = spare.op("arith.maxsi", 0)
    kept = size.shift_right(spare) << spare
    cut = kept.compare("!=", size)
    value = kept.op("arith.uitofp", element=F32)
    if mode == "ru":
        grows = cut & (negative ^ _true(cut)) if signed else cut
    elif mode == "rd" and signed:
        grows = cut & negative
    else:
        grows = None
    if grows is not None:
        value = grows.where((value.bitcast(I32) + 1).bitcast(F32), value)
    return negative.where(-value, value) if signed else value
