"""64-bit floats, the processor's own in fast texts for the CPU, else in integer registers, against NumPy's bits."""

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

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


def check(names: list[str], results: np.ndarray, expected: list[np.ndarray]) -> None:
    """Rows of equal bits; any NaN is as good as another."""
    for name, result, wanted in zip(names, results, expected, strict=True):
        wanted = np.asarray(wanted, result.dtype)
        number = f"u{result.dtype.itemsize}"
        wrong = (result.view(number) != wanted.view(number)) & ~(np.isnan(result) & np.isnan(wanted))
        assert not wrong.any(), f"{name}: {result[wrong][:3]}, not {wanted[wrong][:3]} ({wrong.sum()} wrong)"


@triton.jit
def arithmetic_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask, other=1.5)
    tl.store(out_ptr + i, x + y, mask)
    tl.store(out_ptr + n + i, x - y, mask)
    tl.store(out_ptr + 2 * n + i, x * y, mask)
    tl.store(out_ptr + 3 * n + i, x / y, mask)
    tl.store(out_ptr + 4 * n + i, tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL), mask)
    tl.store(out_ptr + 5 * n + i, tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL), mask)
    tl.store(out_ptr + 6 * n + i, -x, mask)
    tl.store(out_ptr + 7 * n + i, tl.abs(x), mask)
    tl.store(out_ptr + 8 * n + i, tl.where(x > y, x, 0.1), mask)
    tl.store(out_ptr + 9 * n + i, x % y, mask)
    tl.store(out_ptr + 10 * n + i, tl.floor(x), mask)
    tl.store(out_ptr + 11 * n + i, tl.ceil(x), mask)
    tl.store(out_ptr + 12 * n + i, tl.sqrt(x), mask)
    tl.store(out_ptr + 13 * n + i, x.to(tl.int64, bitcast=True).to(tl.float64, bitcast=True), mask)
    tl.store(out_ptr + 14 * n + i, tl.fma(x, 2.0, y), mask)


ARITHMETIC = ["+", "-", "*", "/", "min", "max", "negate", "abs", "where", "%", "floor", "ceil", "sqrt", "bits", "fma"]


def arithmetic(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        rows = [x + y, x - y, x * y, x / y, np.minimum(x, y), np.maximum(x, y), -x, np.abs(x)]
        rows += [np.where(x > y, x, 0.1), np.fmod(x, y), np.floor(x), np.ceil(x), np.sqrt(x), x]
        return [*rows, np.where(np.isfinite(2 * x), 2 * x + y, np.nan)]


def test_arithmetic(any_device, rng):
    x, y = pairs(rng, 100 if "reference" in any_device else 2000)
    n = len(x)
    out = np.zeros((15, n))
    arithmetic_kernel[(triton.cdiv(n, BLOCK),)](tensor(x), tensor(y), tensor(out), n, BLOCK=BLOCK)
    expected = arithmetic(x, y)
    fused = ARITHMETIC.index("fma")
    with np.errstate(all="ignore"):
        expected[fused] = np.where(np.isfinite(2 * x), expected[fused], out[fused])
    with np.errstate(all="ignore"):
        zeros = (x == 0) & (y == 0)
    for row in (4, 5):  # of -0 and 0 either may be the lesser one
        expected[row] = np.where(zeros, out[row], expected[row])
        assert (out[row][zeros] == 0).all()
    check(ARITHMETIC, out, expected)


@triton.jit
def comparison_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, x < y, mask)
    tl.store(out_ptr + n + i, x <= y, mask)
    tl.store(out_ptr + 2 * n + i, x > y, mask)
    tl.store(out_ptr + 3 * n + i, x >= y, mask)
    tl.store(out_ptr + 4 * n + i, x == y, mask)
    tl.store(out_ptr + 5 * n + i, x != y, mask)
    tl.store(out_ptr + 6 * n + i, x.to(tl.int1), mask)


def test_comparisons(device, rng):
    x, y = pairs(rng)
    n = len(x)
    out = np.zeros((7, n), bool)
    comparison_kernel[(triton.cdiv(n, BLOCK),)](tensor(x), tensor(y), tensor(out), n, BLOCK=BLOCK)
    assert (out == np.stack([x < y, x <= y, x > y, x >= y, x == y, x != y, x != 0])).all(axis=1).tolist() == [True] * 7


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
def function_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, tl.exp(x), mask)
    tl.store(out_ptr + n + i, tl.exp2(x), mask)
    tl.store(out_ptr + 2 * n + i, tl.log(y), mask)
    tl.store(out_ptr + 3 * n + i, tl.log2(y), mask)
    tl.store(out_ptr + 4 * n + i, tl.sin(x), mask)
    tl.store(out_ptr + 5 * n + i, tl.cos(x), mask)
    tl.store(out_ptr + 6 * n + i, tl.rsqrt(y), mask)
    tl.store(out_ptr + 7 * n + i, tl.erf(x), mask)


def test_functions(device, rng):
    """Within two units of the last place, of functions that NumPy or Python have."""
    import math

    x, y = rng.uniform(-20, 20, 300), rng.uniform(0, 100, 300)
    out = np.zeros((8, 300))
    function_kernel[(2,)](tensor(x), tensor(y), tensor(out), 300, BLOCK=BLOCK)
    exact = [np.exp(x), np.exp2(x), np.log(y), np.log2(y), np.sin(x), np.cos(x), 1 / np.sqrt(y)]
    exact += [np.array([math.erf(each) for each in x])]
    names = ["exp", "exp2", "log", "log2", "sin", "cos", "rsqrt", "erf"]
    check_ulps(names, [2.0] * 8, out, exact, "float64")


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
