"""The functions of doubles that err in the last place: their bounds, domains and mpmath's values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np

Value = Callable[..., mpmath.mpf]


@dataclass(frozen=True)
class Bounded:
    """text: MSL of x and y; value: mpmath's function of the same; ulps: what CUDA's documentation allows its function;
    ranges: (low, high) of each operand between which numbers are drawn, evenly and by exponent."""

    text: str
    value: Value
    ulps: float
    ranges: tuple[tuple[float, float], ...]


BIG = 1.7e308
EVERY = ((-BIG, BIG),)


def _cosine_of_pi(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.cospi(x)


BOUNDED = {
    "exp": Bounded("exp(x)", mpmath.exp, 1, ((-745.2, 709.8),)),
    "exp2": Bounded("exp2(x)", lambda x: mpmath.power(2, x), 1, ((-1075.0, 1024.0),)),
    "exp10": Bounded("exp10(x)", lambda x: mpmath.power(10, x), 1, ((-323.7, 308.3),)),
    "expm1": Bounded("expm1(x)", mpmath.expm1, 1, ((-60.0, 709.8),)),
    "log": Bounded("log(x)", mpmath.log, 1, ((0.0, BIG),)),
    "log2": Bounded("log2(x)", lambda x: mpmath.log(x, 2), 1, ((0.0, BIG),)),
    "log10": Bounded("log10(x)", mpmath.log10, 1, ((0.0, BIG),)),
    "log1p": Bounded("log1p(x)", mpmath.log1p, 1, ((-1.0, BIG),)),
    "sin": Bounded("sin(x)", mpmath.sin, 2, EVERY),
    "cos": Bounded("cos(x)", mpmath.cos, 2, EVERY),
    "tan": Bounded("tan(x)", mpmath.tan, 2, EVERY),
    "sinpi": Bounded("sinpi(x)", mpmath.sinpi, 2, EVERY),
    "cospi": Bounded("cospi(x)", _cosine_of_pi, 2, EVERY),
    "asin": Bounded("asin(x)", mpmath.asin, 2, ((-1.0, 1.0),)),
    "acos": Bounded("acos(x)", mpmath.acos, 2, ((-1.0, 1.0),)),
    "atan": Bounded("atan(x)", mpmath.atan, 2, EVERY),
    "atan2": Bounded("atan2(x, y)", mpmath.atan2, 2, EVERY * 2),
    "sinh": Bounded("sinh(x)", mpmath.sinh, 2, ((-710.4, 710.4),)),
    "cosh": Bounded("cosh(x)", mpmath.cosh, 1, ((-710.4, 710.4),)),
    "tanh": Bounded("tanh(x)", mpmath.tanh, 1, ((-25.0, 25.0),)),
    "asinh": Bounded("asinh(x)", mpmath.asinh, 3, EVERY),
    "acosh": Bounded("acosh(x)", mpmath.acosh, 3, ((1.0, BIG),)),
    "atanh": Bounded("atanh(x)", mpmath.atanh, 2, ((-1.0, 1.0),)),
}


def drawn(row: Bounded, count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Operands in the row's ranges: a third evenly, a third by exponent, a third near 1 and its multiples."""
    return [_drawn(low, high, count, generator) for low, high in row.ranges]


def _drawn(low: float, high: float, count: int, generator: np.random.Generator) -> np.ndarray:
    even = low / 2 + (high / 2 - low / 2) * generator.random(count) + low / 2
    bits = generator.integers(0, 2**63, count).astype(np.uint64).view(np.float64)
    top = max(abs(low), abs(high))
    exponents = generator.integers(-1074, min(1023, math.frexp(top)[1]) + 1, count)
    sizes = np.ldexp(1 + generator.random(count), exponents.astype(np.int32))
    del bits
    signed = np.where((generator.random(count) < 0.5) & (low < 0), -sizes, sizes)
    near = generator.integers(1, 5, count) * (1 + np.ldexp(generator.standard_normal(count), -generator.integers(0, 50, count)))
    near = np.where((generator.random(count) < 0.5) & (low < 0), -near, near)
    kind = generator.integers(0, 4, count)
    chosen = np.select([kind == 0, kind == 1, kind == 2], [even, signed, near], generator.standard_normal(count))
    chosen = np.where((chosen < low) | (chosen > high) | ((low == 1.0) & (chosen < 1)), np.abs(even), chosen)
    return np.clip(chosen, low, high)


def exact_values(row: Bounded, operands: list[np.ndarray]) -> list[mpmath.mpf]:
    """To 40 digits, more where an argument is large."""
    with mpmath.workdps(40):
        return [row.value(*map(mpmath.mpf, values)) for values in zip(*(o.tolist() for o in operands), strict=True)]


def errors(found: np.ndarray, exact: list[mpmath.mpf]) -> np.ndarray:
    """In units of the last place of the exact value: the distance of neighbours, of subnormal numbers 2**-1074."""
    result = np.zeros(len(found))
    limit = mpmath.mpf(2) ** 1024
    for i, (number, value) in enumerate(zip(found.tolist(), exact, strict=True)):
        if math.isinf(number) and abs(value) >= limit - mpmath.mpf(2) ** 970 and (number > 0) == (value > 0):
            continue
        if math.isnan(number) or math.isinf(number):
            result[i] = math.inf
            continue
        exponent = max(mpmath.frexp(value)[1], -1021) if value else -1021
        result[i] = float(abs(mpmath.mpf(number) - value) * mpmath.mpf(2) ** (53 - exponent))
    return result
