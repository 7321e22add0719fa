"""Errors of the elementary functions on lanes and uniform values, in units of the last place, over all of float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.lanes import MODES, Operand, decode, encode, evaluate

# Largest error in ulp on lanes. Metal's own functions may be 4 off (tan and atan2 6, atan and tanh 5, pow 16).
FUNCTIONS: dict[str, tuple[Callable, float]] = {
    "precise::exp(x)": (np.exp, 1.1),
    "precise::exp2(x)": (np.exp2, 1.1),
    "precise::log(x)": (np.log, 1),
    "precise::log2(x)": (np.log2, 1.3),
    "precise::sin(x)": (np.sin, 1.7),
    "precise::cos(x)": (np.cos, 1.7),
    "precise::tan(x)": (np.tan, 3.7),
    "precise::asin(x)": (np.arcsin, 2.5),
    "precise::acos(x)": (np.arccos, 1.5),
    "precise::atan(x)": (np.arctan, 2.5),
    "precise::sinh(x)": (np.sinh, 2),
    "precise::cosh(x)": (np.cosh, 2),
    "precise::tanh(x)": (np.tanh, 1.5),
    "precise::sqrt(x)": (np.sqrt, 0.5),
    "precise::rsqrt(x)": (lambda x: 1 / np.sqrt(x), 1.6),
    "erf(x)": (np.vectorize(math.erf, otypes=[float]), 1.1),
}
PAIRS: dict[str, tuple[Callable, float]] = {
    "precise::pow(x, y)": (np.power, 0.6),
    "precise::atan2(x, y)": (np.arctan2, 3),
    "precise::divide(x, y)": (np.divide, 0.5),
}
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e30, 88.7, -103.9)


def errors(result: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|result - exact| in ulp of float32; 0 for the same infinity or NaN, infinite for another."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(np.float32)
        unit = np.maximum(np.spacing(np.abs(nearest)).astype(np.float64), 2.0**-149)
        finite = np.isfinite(nearest) & np.isfinite(result)
        same = (result == nearest) | (np.isnan(result) & np.isnan(nearest))
        same &= np.isnan(result) | (np.signbit(result) == np.signbit(nearest))
        error = np.abs(result.astype(np.float64) - exact) / unit
        return np.where(finite & ((result != 0) | (nearest != 0)), error, np.where(same, 0, np.inf))


def all_scales(count: int, seed: int) -> np.ndarray:
    """Random bits, moderate numbers, and the special ones."""
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2**32, count // 2, np.uint32).view(np.float32)
    moderate = (generator.standard_normal(count - count // 2 - 32) * 20).astype(np.float32)
    special = np.resize(np.array(SPECIAL, np.float32), 32)
    return np.concatenate([bits, moderate, special])


def check(text: str, result: np.ndarray, exact: np.ndarray, limit: float, *inputs: np.ndarray) -> None:
    error = errors(result, exact)
    worst = int(error.argmax())
    at = ", ".join(str(each[worst]) for each in inputs)
    assert error[worst] <= limit, f"{text} at {at}: {result[worst]}, exactly {exact[worst]}: {error[worst]:.2f} ulp"


@np.errstate(all="ignore")
def test_functions_on_lanes():
    x = all_scales(1 << 18, 1)
    results = evaluate([(text, "f32") for text in FUNCTIONS], [Operand("x", "f32", x)], "fast")
    for (text, (oracle, limit)), result in zip(FUNCTIONS.items(), results, strict=True):
        check(text, result, oracle(x.astype(np.float64)), limit, x)


@np.errstate(all="ignore")
@pytest.mark.parametrize("scale", ("any", "moderate", "whole", "special"))
def test_functions_of_two_on_lanes(scale: str):
    generator = np.random.default_rng(2)
    x, y = all_scales(1 << 17, 2), all_scales(1 << 17, 3)
    if scale == "moderate":
        x, y = np.abs(generator.standard_normal((2, 1 << 17))).astype(np.float32) * np.array([[1], [20]], np.float32)
    elif scale == "whole":
        x, y = generator.integers(-20, 20, (2, 1 << 12)).astype(np.float32)
    elif scale == "special":
        x, y = (np.resize(side, 320) for side in np.meshgrid(*[np.array(SPECIAL, np.float32)] * 2))
    x, y = np.ascontiguousarray(x.ravel()), np.ascontiguousarray(y.ravel())
    results = evaluate([(text, "f32") for text in PAIRS], [Operand("x", "f32", x), Operand("y", "f32", y)], "fast")
    for (text, (oracle, limit)), result in zip(PAIRS.items(), results, strict=True):
        check(text, result, oracle(x.astype(np.float64), y.astype(np.float64)), limit, x, y)


@np.errstate(all="ignore")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("uniform", ("x", "y", "both"))
def test_uniform_operands(uniform: str, mode: str):
    """As good as Metal's limits in both modes; in fast mode, the bits that lanes give."""
    x, y = all_scales(96, 4), all_scales(96, 5)
    operands = [Operand("x", "f32", x, uniform != "y"), Operand("y", "f32", y, uniform != "x")]
    texts = [*PAIRS] if uniform != "both" else [*FUNCTIONS, *PAIRS]
    results = evaluate([(text, "f32") for text in texts], operands, mode)
    lanes = [Operand("x", "f32", x), Operand("y", "f32", y)]
    on_lanes = evaluate([(text, "f32") for text in texts], lanes, "fast")
    for text, result, expected in zip(texts, results, on_lanes, strict=True):
        if mode == "fast":
            assert np.array_equal(result, expected, equal_nan=True), text
        else:
            wide = (v.astype(np.float64) for v in (x, y))
            exact = PAIRS[text][0](*wide) if text in PAIRS else FUNCTIONS[text][0](next(wide))
            check(text, result, exact, 4, x, y)


@np.errstate(all="ignore")
@pytest.mark.parametrize("type_", ["f16", "bf16"])
def test_narrow_types_are_rounded_from_float(type_: str):
    x = encode(np.linspace(-12, 12, 640), type_)
    through_float = [f"{type_}({text.replace('x)', 'f32(x))')})" for text in FUNCTIONS]
    operands = [Operand("x", type_, x)]
    results, direct = (
        evaluate([(text, type_) for text in texts], operands, "fast") for texts in (through_float, FUNCTIONS)
    )
    unit = 2.0**-10 if type_ == "f16" else 2.0**-7
    for (text, (oracle, _)), result, same in zip(FUNCTIONS.items(), results, direct, strict=True):
        exact = oracle(decode(x, type_))
        value = decode(result, type_)
        assert np.array_equal(value, decode(same, type_), equal_nan=True), text
        small = np.abs(exact) < 2.0**-14
        good = np.abs(value - exact) <= np.where(small, 2.0**-14, np.abs(exact)) * unit * 0.51
        assert (good | np.isnan(exact) & np.isnan(value) | np.isinf(value) & (np.abs(exact) > 65000)).all(), text
