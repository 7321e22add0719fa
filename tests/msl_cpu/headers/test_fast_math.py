"""MSL_CPU_FAST_MATH=worst: fast:: functions err in both directions and as far as Metal allows, all others do not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.lanes import LANES, MODES, kernel, launch
from triton_alloy.msl_cpu import Library
from triton_alloy.msl_cpu.errors import LaunchError

COUNT = 128 * LANES
PARAMETERS = ["const device float *x", "const device float *y", "device float *out"]
BODY = """    i32 at = int(program_id.x * 32) + i32(lane);
    store_contiguous(out, at, {function}(load_contiguous(x, at){more}));"""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def values(function: str, x: np.ndarray, y: np.ndarray, mode: str) -> np.ndarray:
    out = np.zeros_like(x)
    more = ", load_contiguous(y, at)" if function.endswith("divide") else ""
    launch(kernel(BODY.format(function=function, more=more), PARAMETERS), mode, [x, y, out], x.size // LANES)
    return out


def operands(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of all sizes and both signs, so that no quotient leaves the range of normal numbers."""
    x, y = (np.exp2(rng.uniform(-60, 60, COUNT)) * rng.choice([-1, 1], COUNT) for _ in range(2))
    return x.astype(np.float32), y.astype(np.float32)


def errors_in_ulps(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """By how many units in the last place of the exact result a number is larger in size than that."""
    unit = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return (np.abs(found.astype(np.float64)) - np.abs(exact)) / unit


@pytest.mark.parametrize("mode", MODES)
def test_quotients(mode, rng, monkeypatch):
    x, y = operands(rng)
    exact = x.astype(np.float64) / y
    np.testing.assert_array_equal(values("fast::divide", x, y, mode), x / y)
    monkeypatch.setenv("MSL_CPU_FAST_MATH", "worst")
    found = values("fast::divide", x, y, mode)
    errors = errors_in_ulps(found, exact)
    assert np.abs(errors).max() <= 2.5
    assert np.mean(errors > 1) > 0.3 and np.mean(errors < -0.75) > 0.3
    np.testing.assert_array_equal(values("fast::divide", x, y, mode), found)
    np.testing.assert_array_equal(values("precise::divide", x, y, mode), x / y)


@pytest.mark.parametrize("mode", MODES)
def test_quotients_outside_of_the_range_that_metal_speaks_of(mode, monkeypatch):
    """x times the reciprocal, which is 0 or infinite."""
    monkeypatch.setenv("MSL_CPU_FAST_MATH", "worst")
    cases = {
        (1, 2**127): 0,
        (-1, 2**127): -0.0,
        (2**-20, 2**-130): np.inf,
        (0, 1): 0,
        (1, 0): np.inf,
        (3, -np.inf): -0.0,
    }
    nan = [(0, 0), (np.inf, np.inf), (np.inf, 2**127), (0, 2**-130), (np.nan, 1)]
    pairs = np.zeros((LANES, 2), np.float32)
    pairs[: len(cases) + len(nan)] = [*cases, *nan]
    found = values("fast::divide", pairs[:, 0].copy(), pairs[:, 1].copy(), mode)
    right = np.array([*cases.values(), *[np.nan] * len(nan)], np.float32)
    np.testing.assert_array_equal(found[: right.size], right)
    np.testing.assert_array_equal(np.signbit(found[: len(cases)]), np.signbit(right[: len(cases)]))


@pytest.mark.parametrize(
    ("function", "low", "high", "allowed"),
    [
        ("exp", -20, 20, lambda x: 3 + np.floor(np.abs(2 * x))),
        ("exp2", -20, 20, lambda x: 3 + np.floor(np.abs(2 * x))),
        ("log", 2.5, 1e6, lambda x: 3),
        ("rsqrt", 1e-6, 1e6, lambda x: 2),
    ],
)
def test_functions(function, low, high, allowed, rng, monkeypatch):
    monkeypatch.setenv("MSL_CPU_FAST_MATH", "worst")
    x = rng.uniform(low, high, COUNT).astype(np.float32)
    exact = 1 / np.sqrt(x.astype(np.float64)) if function == "rsqrt" else getattr(np, function)(x.astype(np.float64))
    errors = errors_in_ulps(values(f"fast::{function}", x, x, "reference"), exact)
    assert (np.abs(errors) <= allowed(x)).all()
    assert errors.max() > 0.75 and errors.min() < -0.75
    assert np.abs(errors_in_ulps(values(f"precise::{function}", x, x, "reference"), exact)).max() < 2


@pytest.mark.parametrize(("function", "allowed"), [("sin", 2**-13), ("cos", 2**-13)])
def test_functions_with_an_absolute_error(function, allowed, rng, monkeypatch):
    monkeypatch.setenv("MSL_CPU_FAST_MATH", "worst")
    x = rng.uniform(-np.pi, np.pi, COUNT).astype(np.float32)
    errors = values(f"fast::{function}", x, x, "reference") - getattr(np, function)(x.astype(np.float64))
    assert 0.9 * allowed < np.abs(errors).max() <= 1.001 * allowed
    assert errors.max() > 0 > errors.min()


def test_another_value_is_refused(monkeypatch):
    monkeypatch.setenv("MSL_CPU_FAST_MATH", "wild")
    with pytest.raises(LaunchError, match="MSL_CPU_FAST_MATH='wild': expected exact or worst"):
        Library("kernel void k() {}")
