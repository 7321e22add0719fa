"""64-bit floats, the processor's own in fast texts for the CPU, else in integer registers, against NumPy's bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.doubles.bounded import BOUNDED
from tests.doubles.exact import EXACT
from tests.kernels.test_kernel_float import (
    ARITHMETIC,
    FUNCTIONS,
    arithmetic,
    arithmetic_kernel,
    comparison_kernel,
    function_kernel,
    functions,
)
from tests.support.kernels import check_ulps, tensor

BLOCK = 256
EDGES = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1.5, 3.5, np.inf, -np.inf, np.nan, 5e-324, -2.2250738585072014e-308]
    + [np.finfo(np.float64).max, 2.0**53 + 1, -(2.0**31), 1 / 3, 0.1, 1e300, 65519.999, 3.4028235677973366e38]
)


def pairs(rng: np.random.Generator, random: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edge values, numbers of any bits, and numbers of like size."""
    x, y = (side.ravel() for side in np.meshgrid(EDGES, EDGES))
    bits = [rng.integers(0, 2**64, random, np.uint64).view(np.float64) for _ in range(2)]
    near = [rng.uniform(-100, 100, random) for _ in range(2)]
    return np.concatenate([x, bits[0], near[0]]), np.concatenate([y, bits[1], near[1]])


def check(names: Sequence[str], results: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    """Rows of equal bits; any NaN is as good as another."""
    for name, result, wanted in zip(names, results, expected, strict=True):
        wanted = np.asarray(wanted, result.dtype)
        number = f"u{result.dtype.itemsize}"
        wrong = (result.view(number) != wanted.view(number)) & ~(np.isnan(result) & np.isnan(wanted))
        assert not wrong.any(), f"{name}: {result[wrong][:3]}, not {wanted[wrong][:3]} ({wrong.sum()} wrong)"


def launched(kernel, rows: int, x: np.ndarray, y: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """What one of the kernels for floats of every type writes."""
    out = np.zeros((rows, len(x)), dtype)
    kernel[(triton.cdiv(len(x), BLOCK),)](tensor(x), tensor(y), tensor(out), len(x), BLOCK=BLOCK)
    return out


def test_arithmetic(any_device, rng):
    x, y = pairs(rng, 100 if "reference" in any_device else 2000)
    out = launched(arithmetic_kernel, len(ARITHMETIC), x, y)
    expected, zeros = arithmetic(x, y), (x == 0) & (y == 0)
    for row, name in enumerate(ARITHMETIC):
        if name.startswith(("min", "max")):  # of -0 and 0 either may be the lesser one
            expected[row] = np.where(zeros, out[row], expected[row])
            assert (out[row][zeros] == 0).all()
    check(ARITHMETIC, out, expected)


def test_comparisons(device, rng):
    x, y = pairs(rng)
    out = launched(comparison_kernel, 7, x, y, bool)
    assert (out == np.stack([x < y, x <= y, x > y, x >= y, x == y, x != y, np.isnan(x)])).all()


FUSED = EXACT["fma(x, y, z)"].oracle
NAMES = list(FUNCTIONS)[:-2]
"""The last two are of float32 alone."""
LIMITS = {name: BOUNDED[name].ulps + 1 for name in NAMES if name in BOUNDED} | {"sigmoid": 2.0}
"""In units of the last place: CUDA's, and one for the oracle. The other functions are exact."""


def test_functions(any_device, rng):
    x, y = pairs(rng, 20 if "reference" in any_device else 500)
    rows = dict(zip(NAMES, launched(function_kernel, len(NAMES), x, y), strict=True))
    expected = dict(zip(FUNCTIONS, functions(x, y), strict=True)) | {"fma": FUSED(x, y, x)}
    exact = [name for name in NAMES if name not in LIMITS]
    check(exact, [rows[name] for name in exact], [expected[name] for name in exact])
    check_ulps(list(LIMITS), list(LIMITS.values()), [rows[n] for n in LIMITS], [expected[n] for n in LIMITS], "float64")


@triton.jit
def to_double_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, x.to(tl.float64), i < n)
    if tl.program_id(0) == 0:
        tl.store(out_ptr + n, tl.load(x_ptr + 3).to(tl.float64))


SOURCES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32"]


def numbers(rng: np.random.Generator, dtype: str) -> np.ndarray:
    if dtype == "bool":
        return rng.integers(0, 2, 300).astype(bool)
    bits = rng.integers(0, 256, 1000 * np.dtype(dtype).itemsize, np.uint8).view(dtype)
    if dtype.startswith("float"):
        return np.concatenate([np.array([0.0, -0.0, np.inf, np.nan, np.finfo(dtype).tiny / 2], dtype), bits])
    info = np.iinfo(dtype)
    return np.concatenate([np.array([info.min, info.max, 0, 1], dtype), bits])


@pytest.mark.parametrize("dtype", SOURCES)
def test_casts_to_double(device, rng, dtype):
    x = numbers(rng, dtype)
    out = np.zeros(len(x) + 1)
    to_double_kernel[(triton.cdiv(len(x), BLOCK),)](tensor(x), tensor(out), len(x), BLOCK=BLOCK)
    with np.errstate(invalid="ignore"):
        wanted = np.append(x, x[3]).astype(np.float64)
    check([dtype], out[None], [wanted])


@triton.jit
def from_double_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, x.to(out_ptr.dtype.element_ty), i < n)
    if tl.program_id(0) == 0:
        tl.store(out_ptr + n, tl.load(x_ptr + 3).to(out_ptr.dtype.element_ty))


@pytest.mark.parametrize("dtype", SOURCES[1:])
def test_casts_from_double(device, rng, dtype):
    x = np.concatenate(
        [pairs(rng)[0], np.nan_to_num(numbers(rng, dtype)).astype(np.float64), rng.uniform(-130, 130, 1000)]
    )
    if not dtype.startswith("float"):
        info = np.iinfo(dtype)
        x = x[(np.trunc(x) >= info.min) & (np.trunc(x) < float(info.max))]  # others are undefined
    out = np.zeros(len(x) + 1, dtype)
    from_double_kernel[(triton.cdiv(len(x), BLOCK),)](tensor(x), tensor(out), len(x), BLOCK=BLOCK)
    with np.errstate(all="ignore"):
        wanted = np.append(x, x[3]).astype(dtype)
    if dtype.startswith("float"):
        check([dtype], out[None], [wanted])
    else:
        assert (out == wanted).all()


@triton.jit
def uniform_kernel(x_ptr, out_ptr, n, factor: tl.float64):
    total = tl.load(x_ptr)
    for i in range(1, n):
        x = tl.load(x_ptr + i)
        total = tl.maximum(total, x) if x < factor else total + x / factor
    tl.store(out_ptr, total)
    tl.store(out_ptr + 1, tl.exp(-total) + tl.sqrt(factor))
    tl.store(out_ptr + 2, factor)
    tl.store(out_ptr + 3, total.to(tl.float32).to(tl.float64))


@pytest.mark.parametrize("factor", [0.1, 1e300, 5e-324, float("inf"), -3.0])
def test_uniform_values_and_exact_arguments(any_device, rng, factor):
    x = rng.uniform(-1, 1, 20)
    out = np.zeros(4)
    uniform_kernel[(1,)](tensor(x), tensor(out), 20, factor)
    total = x[0]
    with np.errstate(all="ignore"):
        for each in x[1:]:
            total = max(total, each) if each < factor else total + each / np.float64(factor)
        expected = np.array([total, np.exp(-total) + np.sqrt(np.float64(factor)), factor, np.float32(total)])
    assert np.testing.assert_allclose(out[:2], expected[:2], rtol=1e-15) is None
    check(["factor", "rounded"], out[2:, None], [expected[2:3], expected[3:]])
