"""libdevice's functions of f64: ops of the IR where it has them, else functions of the vocabulary, called by symbol.

Refused are the Bessel functions, and rcp64h, an approximation by half of a double's bits.
"""

from __future__ import annotations

from functools import partial

from ....ir.types import F32, F64, I32, I64
from ..terms import Term
from . import rounding

MODES = ("rn", "rz", "ru", "rd")
TO_NEAREST, TOWARD_ZERO = 1, 0  # tt.fp_to_fp's rounding attribute

OPS = {
    **{name: f"math.{name}" for name in ("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil")},
    **{name: f"math.{name}" for name in ("copysign", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "floor")},
    **{name: f"math.{name}" for name in ("fma", "log", "log10", "log1p", "log2", "round", "rsqrt", "sin", "sinh")},
    **{name: f"math.{name}" for name in ("sqrt", "tan", "tanh", "trunc")},
    "fabs": "math.absf", "fmod": "arith.remf", "nearbyint": "math.roundeven", "pow": "math.powf",
    "rint": "math.roundeven",
}  # fmt: skip
CALLED = (
    "cospi", "sinpi", "exp10", "erfcx", "normcdf", "tgamma", "lgamma", "rcbrt", "hypot", "rhypot", "norm3d", "rnorm3d",
    "norm4d", "rnorm4d", "erfinv", "erfcinv", "normcdfinv", "fdim", "logb", "ilogb", "ldexp", "nextafter", "remainder",
)  # fmt: skip
"""Symbols whose ops the printer spells as functions of the vocabulary (msl/intrinsics.py)."""


def called(*operands: Term, symbol: str) -> Term:
    """The op that the printer knows by its symbol."""
    element = I32 if symbol == "ilogb" else F64
    return operands[0].op("tt.extern_elementwise", *operands[1:], element=element, symbol=f"__nv_{symbol}", pure=True)


def scaled(x: Term, n: Term) -> Term:
    return called(x, n, symbol="ldexp")


def power_of_integer(x: Term, n: Term) -> Term:
    return x.op("math.powf", n.cast("sitofp", F64))


def is_finite(x: Term) -> Term:
    return x.op("math.absf").compare("<", float("inf")).cast("extui", I32)


def is_infinite(x: Term) -> Term:
    return x.op("math.absf").compare("==", float("inf")).cast("extui", I32)


def is_nan(x: Term) -> Term:
    return x.compare("!=", x).cast("extui", I32)


def is_negative(x: Term) -> Term:
    return x.bitcast(I64).shift_right(63).cast("trunci", I32)


def high_word(x: Term) -> Term:
    return x.bitcast(I64).shift_right(32).cast("trunci", I32)


def low_word(x: Term) -> Term:
    return x.bitcast(I64).cast("trunci", I32)


def narrowed(x: Term, to: int) -> Term:
    return x.op("tt.fp_to_fp", element=F32, rounding=to)


def from_halves(high: Term, low: Term) -> Term:
    return ((high.cast("extui", I64) << 32) | low.cast("extui", I64)).bitcast(F64)


def to_nearest_away(x: Term) -> Term:
    return rounding.to_integer(x.op("math.round"), 64, True, "rz")


ROUNDED = {
    "dadd": rounding.add, "dsub": rounding.subtract, "dmul": rounding.multiply, "ddiv": rounding.divide,
    "drcp": rounding.reciprocal, "dsqrt": rounding.square_root, "fma": rounding.multiply_add,
}  # fmt: skip
FUNCTIONS = {
    **{symbol: partial(called, symbol=symbol) for symbol in CALLED},
    "scalbn": scaled, "powi": power_of_integer, "isfinited": is_finite, "isinfd": is_infinite, "isnand": is_nan,
    "signbitd": is_negative, "double2hiint": high_word, "double2loint": low_word,
    "double_as_longlong": lambda x: x.bitcast(I64), "longlong_as_double": lambda x: x.bitcast(F64),
    "double2float_rn": partial(narrowed, to=TO_NEAREST), "double2float_rz": partial(narrowed, to=TOWARD_ZERO),
    **{f"double2float_{mode}": partial(rounding.narrowed, mode=mode) for mode in ("ru", "rd")},
    "hiloint2double": from_halves, "llround": to_nearest_away,
    "llrint": partial(rounding.to_integer, width=64, signed=True, mode="rn"),
    **{
        f"double2{name}_{mode}": partial(rounding.to_integer, width=width, signed=signed, mode=mode)
        for name, (width, signed) in rounding.INTEGERS.items()
        for mode in MODES
    },
    **{
        f"{name}2double_{mode}": partial(rounding.from_integer, signed=signed, mode=mode, element=F64)
        for name, (_, signed) in rounding.INTEGERS.items()
        for mode in MODES
    },
    **{f"{name}_{mode}": partial(function, mode=mode) for name, function in ROUNDED.items() for mode in MODES},
}  # fmt: skip
