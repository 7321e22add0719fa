"""CUDA's libdevice, by symbol: what `tl.extra.libdevice` names becomes arithmetic, in `FUNCTIONS`.

The functions of MLIR's `math` that neither Metal nor Triton's own language has are those of the same meaning. The
Bessel functions of any order, jn and yn, are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ....errors import Unsupported
from ....ir.core import Builder, Op
from ....ir.types import F32, F64, I32, I64, element_of
from ..terms import Term
from . import doubles, functions, rounding, tails
from .functions import INFINITY, NAN, magnitude, sign_bit, with_sign

Function = Callable[..., Term]
FUNCTIONS: dict[str, Function] = {}
MODES = ("rn", "rz", "ru", "rd")


def run(module: Op) -> None:
    """In place. Raises Unsupported for a function that is not in `FUNCTIONS`."""
    for op in list(module.walk()):
        if op.name == "tt.extern_elementwise":
            expand(op)
        elif op.name in MATH:
            _expand_math(op)


def expand(op: Op) -> None:
    symbol = op.attributes["symbol"]
    function = FUNCTIONS.get(symbol.removeprefix("__nv_"))
    if function is None:
        raise Unsupported(op, f"the external function {symbol} has no counterpart for Metal", op.location)
    before = Builder.before_op(op)
    result = function(*(Term(before, operand) for operand in op.operands))
    if result.element is not element_of(op.result.type):
        raise Unsupported(op, f"{symbol} gives {result.element}, not {op.result.type}", op.location)
    op.replace_by([result.value])


def _expand_math(op: Op) -> None:
    """In f32, also for f16 and bf16. For f64 the vocabulary has a function."""
    if element_of(op.result.type) is F64:
        return
    before = Builder.before_op(op)
    result = FUNCTIONS[MATH[op.name]](*(Term(before, operand).to_f32() for operand in op.operands))
    op.replace_by([result.cast("truncf", element_of(op.result.type)).value])


def _op(name: str, *operands: Term) -> Term:
    return operands[0].op(name, *operands[1:])


# ---------------------------------------------------------------------------------- functions that the IR has an op for
OPS = {
    "acosf": "math.acos", "asinf": "math.asin", "atanf": "math.atan", "atan2f": "math.atan2", "ceilf": "math.ceil",
    "cosf": "math.cos", "coshf": "math.cosh", "erff": "math.erf", "exp2f": "math.exp2", "expf": "math.exp",
    "fabsf": "math.absf", "floorf": "math.floor", "fmaf": "math.fma", "fmodf": "arith.remf", "log2f": "math.log2",
    "logf": "math.log", "nearbyintf": "math.roundeven", "powf": "math.powf", "rintf": "math.roundeven",
    "roundf": "math.round", "rsqrtf": "math.rsqrt", "frsqrt_rn": "math.rsqrt", "sinf": "math.sin", "sinhf": "math.sinh",
    "sqrtf": "tt.precise_sqrt", "tanf": "math.tan", "tanhf": "math.tanh", "truncf": "math.trunc",
    "fast_cosf": "math.cos", "fast_expf": "math.exp", "fast_fdividef": "tt.approx_divf", "fast_log2f": "math.log2",
    "fast_logf": "math.log", "fast_powf": "math.powf", "fast_sinf": "math.sin", "fast_tanf": "math.tan",
    "abs": "math.absi", "llabs": "math.absi", "clz": "math.ctlz", "popc": "math.ctpop", "umulhi": "tt.mulhiui",
    "umul64hi": "tt.mulhiui",
}  # fmt: skip
FUNCTIONS.update({symbol: partial(_op, name) for symbol, name in OPS.items()})

FUNCTIONS.update({symbol: partial(_op, name) for symbol, name in doubles.OPS.items()} | doubles.FUNCTIONS)

COMPOSED = {
    "acoshf": functions.acosh, "asinhf": functions.asinh, "atanhf": functions.atanh,
    "cbrtf": functions.cube_root, "rcbrtf": functions.reciprocal_cube_root,
    "cospif": functions.cospi, "sinpif": functions.sinpi,
    "exp10f": functions.exp10, "fast_exp10f": functions.exp10, "expm1f": functions.expm1,
    "log10f": functions.log10, "fast_log10f": functions.log10, "log1pf": functions.log1p,
    "lgammaf": functions.lgamma, "tgammaf": functions.tgamma, "powif": functions.power_of_integer,
    **{f"{name}f": functions.norm for name in ("hypot", "norm3d", "norm4d")},
    **{f"{name}f": functions.reciprocal_norm for name in ("rhypot", "rnorm3d", "rnorm4d")},
    "erfcf": tails.erfc, "erfcinvf": tails.erfcinv, "erfcxf": tails.erfcx,
    "erfinvf": tails.erfinv, "normcdff": tails.normcdf, "normcdfinvf": tails.normcdfinv,
    **{f"j{n}f": partial(tails.first_kind, order=n) for n in (0, 1)},
    **{f"y{n}f": partial(tails.second_kind, order=n) for n in (0, 1)},
    **{f"cyl_bessel_i{n}f": partial(tails.modified, order=n) for n in (0, 1)},
    "nextafterf": rounding.next_after,
}  # fmt: skip
FUNCTIONS.update(COMPOSED)

ROUNDED = {
    "fadd": rounding.add, "fsub": rounding.subtract, "fmul": rounding.multiply,
    "fdiv": rounding.divide, "frcp": rounding.reciprocal, "fsqrt": rounding.square_root,
    "fmaf": rounding.multiply_add,
}  # fmt: skip
FUNCTIONS.update({f"{name}_{mode}": partial(f, mode=mode) for name, f in ROUNDED.items() for mode in MODES})
for _name, (_width, _signed) in rounding.INTEGERS.items():
    for _mode in MODES:
        FUNCTIONS[f"float2{_name}_{_mode}"] = partial(rounding.to_integer, width=_width, signed=_signed, mode=_mode)
        FUNCTIONS[f"{_name}2float_{_mode}"] = partial(rounding.from_integer, signed=_signed, mode=_mode)


MATH = {
    f"math.{name}": f"{name}f" for name in ("acosh", "asinh", "atanh", "cbrt", "erfc", "expm1", "log10", "log1p")
} | {"math.copysign": "copysignf"}


def function(*symbols: str) -> Callable[[Function], Function]:
    """Register what the symbols mean."""

    def register(meaning: Function) -> Function:
        FUNCTIONS.update(dict.fromkeys(symbols, meaning))
        return meaning

    return register


# ------------------------------------------------------------------------------------------------------ parts of floats
def _flag(condition: Term) -> Term:
    return condition.cast("extui", I32)


@function("finitef")
def is_finite(x: Term) -> Term:
    return _flag(magnitude(x).compare("<", INFINITY))


@function("isinff")
def is_infinite(x: Term) -> Term:
    return _flag(magnitude(x).compare("==", INFINITY))


@function("isnanf")
def is_nan(x: Term) -> Term:
    return _flag(x.compare("!=", x))


@function("signbitf")
def is_negative(x: Term) -> Term:
    return x.bitcast(I32).shift_right(31)


@function("copysignf")
def copy_sign(x: Term, y: Term) -> Term:
    return with_sign(magnitude(x), sign_bit(y))


@function("saturatef")
def saturate(x: Term) -> Term:
    """NaN becomes 0."""
    return x.op("arith.maxnumf", 0.0).op("arith.minnumf", 1.0)


@function("fdimf")
def positive_difference(x: Term, y: Term) -> Term:
    return x.compare("<=", y).where(0.0, x - y)


@function("float_as_int", "float_as_uint")
def bits_of(x: Term) -> Term:
    return x.bitcast(I32)


@function("int_as_float", "uint_as_float")
def float_of(x: Term) -> Term:
    return x.bitcast(F32)


def _exponent(x: Term) -> Term:
    """floor(log2 |x|) of a finite number that is not 0, as i32."""
    a = magnitude(x)
    tiny = a.compare("<", 2.0**-126)
    bits = tiny.where(a * 2.0**24, a).bitcast(I32)
    return bits.shift_right(23) - tiny.where(bits.lift(24 + 127), 127)


@function("ilogbf")
def integer_exponent(x: Term) -> Term:
    value = magnitude(x).compare("<", INFINITY).where(_exponent(x), 2**31 - 1)
    return (x.compare("==", 0.0) | x.compare("!=", x)).where(-(2**31), value)


@function("logbf")
def float_exponent(x: Term) -> Term:
    a = magnitude(x)
    value = a.compare("<", INFINITY).where(_exponent(x).cast("sitofp", F32), a)
    return x.compare("==", 0.0).where(-INFINITY, value)


@function("ldexpf", "scalbnf")
def scale_by_power(x: Term, n: Term) -> Term:
    """x * 2**n, rounded once: three powers of two reach from the smallest number to the largest."""
    n = n.op("arith.maxsi", -300).minimum(300)
    third = n.op("arith.divsi", 3)
    last = n - third - third
    factors = [functions.power_of_two(part) for part in (third, third, last)]
    lowest = n.compare("<", 0).where(factors[2], factors[0])
    highest = n.compare("<", 0).where(factors[0], factors[2])
    return x * highest * factors[1] * lowest


@function("remainderf")
def ieee_remainder(x: Term, y: Term) -> Term:
    """x - n y for the whole number n nearest to x / y, the even one of two; exact."""
    a, b = magnitude(x), magnitude(y)
    doubled = b.compare("<", 2.0**127).where(b + b, INFINITY)
    r = doubled.compare("<", INFINITY).where(a.op("arith.remf", doubled), a)
    half = b * 0.5
    above = r.compare(">", half)
    once = above.where(r - b, r)
    r = (above & once.compare(">=", half)).where(once - b, once)
    r = (r.bitcast(I32) ^ sign_bit(x)).bitcast(F32)
    undefined = a.compare("==", INFINITY) | b.compare("==", 0.0) | x.compare("!=", x) | y.compare("!=", y)
    return undefined.where(NAN, r)


@function("llrintf")
def to_nearest_even(x: Term) -> Term:
    return rounding.to_integer(x, 64, True, "rn")


@function("llroundf")
def to_nearest_away(x: Term) -> Term:
    return rounding.to_integer(x.op("math.round"), 64, True, "rz")


# ------------------------------------------------------------------------------------------------------------- integers
@function("clzll")
def leading_zeros(x: Term) -> Term:
    return x.op("math.ctlz").cast("trunci", I32)


@function("popcll")
def ones(x: Term) -> Term:
    return x.op("math.ctpop").cast("trunci", I32)


@function("ffs", "ffsll")
def first_one(x: Term) -> Term:
    """1 + the index of the lowest bit that is 1; 0 for 0."""
    return x.compare("==", 0).where(0, x.op("math.cttz") + 1).cast("trunci", I32)


@function("brev", "brevll")
def reversed_bits(x: Term) -> Term:
    width = x.element.width
    step = width // 2
    while step:
        mask = sum(((1 << step) - 1) << start for start in range(0, width, 2 * step))
        mask = mask - (1 << width) if mask >> width - 1 else mask
        x = (x.shift_right(step) & mask) | ((x & mask) << step)
        step //= 2
    return x


@function("byte_perm")
def permuted_bytes(x: Term, y: Term, selector: Term) -> Term:
    """Byte i of the result is the byte of y:x whose number is in bits 4i .. 4i+2 of the selector."""
    pair = x.op("arith.extui", element=I64) | (y.op("arith.extui", element=I64) << 32)
    total = x.lift(0)
    for i in range(4):
        place = ((selector.shift_right(4 * i) & 7) << 3).op("arith.extui", element=I64)
        total = total | ((pair.shift_right(place).cast("trunci", I32) & 0xFF) << 8 * i)
    return total


@function("mulhi")
def high_product(x: Term, y: Term) -> Term:
    wide = x.op("arith.extsi", element=I64) * y.op("arith.extsi", element=I64)
    return wide.shift_right(32).cast("trunci", I32)


@function("mul64hi")
def high_product_of_longs(x: Term, y: Term) -> Term:
    """The unsigned one, less what negative operands add to it."""
    product = x.op("tt.mulhiui", y)
    return product - (x.op("arith.shrsi", 63) & y) - (y.op("arith.shrsi", 63) & x)


def _low24(x: Term, signed: bool) -> Term:
    return (x << 8).op("arith.shrsi" if signed else "arith.shrui", 8)


@function("mul24")
def product_of_24_bits(x: Term, y: Term) -> Term:
    return _low24(x, True) * _low24(y, True)


@function("umul24")
def unsigned_product_of_24_bits(x: Term, y: Term) -> Term:
    return _low24(x, False) * _low24(y, False)


def _mean(x: Term, y: Term, signed: bool, up: int) -> Term:
    """(x + y + up) / 2 without overflow."""
    common, odd = (x | y, x ^ y) if up else (x & y, x ^ y)
    half = odd.op("arith.shrsi" if signed else "arith.shrui", 1)
    return common - half if up else common + half


for _symbol, _is_signed, _up in (("hadd", True, 0), ("rhadd", True, 1), ("uhadd", False, 0), ("urhadd", False, 1)):
    FUNCTIONS[_symbol] = partial(_mean, signed=_is_signed, up=_up)


@function("sad")
def sum_of_difference(x: Term, y: Term, z: Term) -> Term:
    """|x - y| + z."""
    return x.compare("<", y).where(y - x, x - y) + z


@function("usad")
def unsigned_sum_of_difference(x: Term, y: Term, z: Term) -> Term:
    return x.op("arith.maxui", y) - x.op("arith.minui", y) + z
