"""The functions of doubles that err in the last place: their bounds, domains, and their values by longer numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np

Value = Callable[..., mpmath.mpf]
Wide = Callable[..., np.ndarray]
Ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Bounded:
    """text: MSL of x, y and z; value: mpmath's function of the same; ulps: what CUDA's documentation allows its
    function; ranges: (low, high) of each operand between which numbers are drawn; wide: the function on np.longdouble
    where NumPy has it."""

    text: str
    value: Value
    ulps: float
    ranges: Ranges
    wide: Wide | None = None


# --------------------------------------------------------------------------------------------------------------- values
def _cube_root(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


def _length(*values: mpmath.mpf) -> mpmath.mpf:
    return mpmath.sqrt(mpmath.fsum(v * v for v in values))


def _scaled_erfc(x: mpmath.mpf) -> mpmath.mpf:
    """Beyond 1000 by its asymptotic series."""
    if x <= 1000:
        return mpmath.erfc(x) * mpmath.exp(x * x)
    inverse = 1 / (x * x)
    series = 1 - inverse / 2 + 3 * inverse**2 / 4 - 15 * inverse**3 / 8 + 105 * inverse**4 / 16
    return series / (x * mpmath.sqrt(mpmath.pi))


def _log_of_gamma(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log(abs(mpmath.gamma(x))) if x < 0 else mpmath.loggamma(x)


def _erfc_inverse(x: mpmath.mpf) -> mpmath.mpf:
    """By Newton's steps for the logarithm of the smaller tail."""
    if x > 1:
        return -_erfc_inverse(2 - x)
    if x > mpmath.mpf("0.5"):
        return mpmath.erfinv(1 - x)
    target, y = mpmath.log(x), mpmath.sqrt(-mpmath.log(x * mpmath.sqrt(mpmath.pi)) / 2 + mpmath.mpf("0.1"))
    for _ in range(60):
        tail = mpmath.erfc(y)
        step = (mpmath.log(tail) - target) * tail * mpmath.exp(y * y) * mpmath.sqrt(mpmath.pi) / 2
        y += step
        if abs(step) < mpmath.mpf(10) ** -30:
            return y
    raise ArithmeticError(f"the inverse of erfc at {x} was not found")


def _normal_inverse(x: mpmath.mpf) -> mpmath.mpf:
    return -mpmath.sqrt(2) * _erfc_inverse(2 * x)


# ----------------------------------------------------------------------------------------------------------------- rows
BIG = 1.7e308
EVERY = ((-BIG, BIG),)
POSITIVE = ((0.0, BIG),)
UNIT = ((-1.0, 1.0),)
BOUNDED = {
    "exp": Bounded("exp(x)", mpmath.exp, 1, ((-745.2, 709.8),), np.exp),
    "exp2": Bounded("exp2(x)", lambda x: mpmath.power(2, x), 1, ((-1075.0, 1024.0),), np.exp2),
    "exp10": Bounded("exp10(x)", lambda x: mpmath.power(10, x), 1, ((-323.7, 308.3),)),
    "expm1": Bounded("expm1(x)", mpmath.expm1, 1, ((-60.0, 709.8),), np.expm1),
    "log": Bounded("log(x)", mpmath.log, 1, POSITIVE, np.log),
    "log2": Bounded("log2(x)", lambda x: mpmath.log(x, 2), 1, POSITIVE, np.log2),
    "log10": Bounded("log10(x)", mpmath.log10, 1, POSITIVE, np.log10),
    "log1p": Bounded("log1p(x)", mpmath.log1p, 1, ((-1.0, BIG),), np.log1p),
    "sin": Bounded("sin(x)", mpmath.sin, 2, EVERY, np.sin),
    "cos": Bounded("cos(x)", mpmath.cos, 2, EVERY, np.cos),
    "tan": Bounded("tan(x)", mpmath.tan, 2, EVERY, np.tan),
    "sinpi": Bounded("sinpi(x)", mpmath.sinpi, 2, EVERY),
    "cospi": Bounded("cospi(x)", mpmath.cospi, 2, EVERY),
    "asin": Bounded("asin(x)", mpmath.asin, 2, UNIT, np.arcsin),
    "acos": Bounded("acos(x)", mpmath.acos, 2, UNIT, np.arccos),
    "atan": Bounded("atan(x)", mpmath.atan, 2, EVERY, np.arctan),
    "atan2": Bounded("atan2(x, y)", mpmath.atan2, 2, EVERY * 2, np.arctan2),
    "sinh": Bounded("sinh(x)", mpmath.sinh, 2, ((-710.4, 710.4),), np.sinh),
    "cosh": Bounded("cosh(x)", mpmath.cosh, 1, ((-710.4, 710.4),), np.cosh),
    "tanh": Bounded("tanh(x)", mpmath.tanh, 1, ((-25.0, 25.0),), np.tanh),
    "asinh": Bounded("asinh(x)", mpmath.asinh, 3, EVERY, np.arcsinh),
    "acosh": Bounded("acosh(x)", mpmath.acosh, 3, ((1.0, BIG),), np.arccosh),
    "atanh": Bounded("atanh(x)", mpmath.atanh, 2, UNIT, np.arctanh),
    "pow": Bounded("pow(x, y)", mpmath.power, 2, ((0.0, BIG), (-BIG, BIG))),
    "cbrt": Bounded("cbrt(x)", _cube_root, 1, EVERY, np.cbrt),
    "rcbrt": Bounded("rcbrt(x)", lambda x: 1 / _cube_root(x), 1, EVERY, lambda x: 1 / np.cbrt(x)),
    "rsqrt": Bounded("rsqrt(x)", lambda x: 1 / mpmath.sqrt(x), 1, POSITIVE, lambda x: 1 / np.sqrt(x)),
    "hypot": Bounded("hypot(x, y)", mpmath.hypot, 2, EVERY * 2, np.hypot),
    "rhypot": Bounded("rhypot(x, y)", lambda *v: 1 / _length(*v), 1, EVERY * 2, lambda *v: 1 / np.hypot(*v)),
    "norm3d": Bounded("norm3d(x, y, z)", _length, 2, EVERY * 3),
    "rnorm3d": Bounded("rnorm3d(x, y, z)", lambda *v: 1 / _length(*v), 1, EVERY * 3),
    "norm4d": Bounded("norm4d(x, y, z, x)", lambda x, y, z: _length(x, y, z, x), 2, EVERY * 3),
    "rnorm4d": Bounded("rnorm4d(x, y, z, x)", lambda x, y, z: 1 / _length(x, y, z, x), 1, EVERY * 3),
    "erf": Bounded("erf(x)", mpmath.erf, 2, ((-7.0, 7.0),)),
    "erfc": Bounded("erfc(x)", mpmath.erfc, 5, ((-7.0, 27.5),)),
    "erfcx": Bounded("erfcx(x)", _scaled_erfc, 4, ((-26.6, BIG),)),
    "normcdf": Bounded("normcdf(x)", mpmath.ncdf, 5, ((-38.6, 9.0),)),
    "erfinv": Bounded("erfinv(x)", lambda x: _erfc_inverse(1 - x) if x >= 0.5 else mpmath.erfinv(x), 5, UNIT),
    "erfcinv": Bounded("erfcinv(x)", _erfc_inverse, 6, ((0.0, 2.0),)),
    "normcdfinv": Bounded("normcdfinv(x)", _normal_inverse, 8, ((0.0, 1.0),)),
    "tgamma": Bounded("tgamma(x)", mpmath.gamma, 10, ((-185.0, 171.7),)),
    "lgamma": Bounded("lgamma(x)", _log_of_gamma, 4, ((-2.2637, 2.5e305),)),
    "lgamma below -23.0001": Bounded("lgamma(x)", _log_of_gamma, 4, ((-1e5, -23.0001),)),
}  # fmt: skip


def texts() -> dict[str, str]:
    """What the kernels compute."""
    return {name: f"as_ulong({row.text})" for name, row in BOUNDED.items()}


# ------------------------------------------------------------------------------------------------------------- operands
def drawn(name: str, count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Operands in the row's ranges, a quarter each evenly, by exponent, near small whole numbers and around 0."""
    found = [_drawn(low, high, count, generator) for low, high in BOUNDED[name].ranges]
    if name == "pow":  # most powers of numbers drawn so are 0 or infinite
        with np.errstate(all="ignore"):
            found[1] = np.clip(generator.uniform(-1075, 1025, count) / np.log2(found[0]), -BIG, BIG)
        found[1] = np.where(np.isnan(found[1]), 1.0, found[1])
    if "gamma" in name:  # which have no value at negative whole numbers
        found = [np.where((x < 0) & (np.floor(x) == x), x + 0.5, x) for x in found]
    return found


def _drawn(low: float, high: float, count: int, generator: np.random.Generator) -> np.ndarray:
    share = generator.random(count)
    even = low * (1 - share) + high * share
    largest = math.frexp(max(abs(low), abs(high)))[1]
    by_exponent = np.ldexp(0.5 + share / 2, generator.integers(-1073, largest + 1, count))
    distance = np.ldexp(generator.standard_normal(count), -generator.integers(0, 50, count))
    near = generator.integers(1, 5, count) * (1 + distance)
    kinds = [even, by_exponent, near, generator.standard_normal(count)]
    chosen = np.choose(generator.integers(0, 4, count), kinds)
    chosen = np.where(generator.random(count) < 0.5, chosen, -chosen) if low < 0 else np.abs(chosen)
    outside = (chosen <= low) | (chosen >= high) | (chosen == 0)
    return np.where(outside, np.where(even == 0, high / 3, even), chosen)


# --------------------------------------------------------------------------------------------------------------- errors
def exact_values(name: str, operands: list[np.ndarray]) -> list[mpmath.mpf]:
    with mpmath.workdps(40):
        return [BOUNDED[name].value(*map(mpmath.mpf, v)) for v in zip(*(o.tolist() for o in operands), strict=True)]


def errors(found: np.ndarray, exact: list[mpmath.mpf]) -> np.ndarray:
    """In units of the last place of the exact value, which below 2**-1022 is 2**-1074; infinite for what is infinite or
    NaN and should not be."""
    result = np.zeros(len(found))
    beyond = mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970
    with mpmath.workdps(40):
        for i, (number, value) in enumerate(zip(found.tolist(), exact, strict=True)):
            if math.isinf(number) and abs(value) >= beyond and (number > 0) == (value > 0):
                continue
            if not math.isfinite(number):
                result[i] = math.inf
                continue
            exponent = max(mpmath.frexp(value)[1], -1021)
            result[i] = float(abs(mpmath.mpf(number) - value) * mpmath.mpf(2) ** (53 - exponent))
    return result


def wide_errors(name: str, operands: list[np.ndarray], found: np.ndarray) -> np.ndarray:
    """The same by NumPy's long numbers, whose own errors are about 2**-11 of such a unit."""
    wide = BOUNDED[name].wide
    assert wide is not None and np.finfo(np.longdouble).nmant >= 63, "long numbers of 64 bits are needed"
    with np.errstate(all="ignore"):
        exact = wide(*(o.astype(np.longdouble) for o in operands))
        exponent = np.maximum(np.frexp(exact)[1], -1021)
        error = np.ldexp(np.abs(found.astype(np.longdouble) - exact), 53 - exponent).astype(np.float64)
        both = np.isinf(found) & (np.abs(exact) >= np.ldexp(np.longdouble(1), 1024) - np.ldexp(np.longdouble(1), 970))
    return np.where(both & (np.sign(found) == np.sign(exact)), 0.0, np.where(np.isnan(error), np.inf, error))
