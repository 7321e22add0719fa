"""Every elementwise operation on floats, against float64 rounded once, with NaN, infinities and signed zeros."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import FLOATS, check_rows, check_ulps, double, float_pairs

BLOCK = 256


@triton.jit
def arithmetic_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, x + y, mask)
    tl.store(out_ptr + n + i, x - y, mask)
    tl.store(out_ptr + 2 * n + i, x * y, mask)
    tl.store(out_ptr + 3 * n + i, x / y, mask)
    tl.store(out_ptr + 4 * n + i, tl.minimum(x, y), mask)
    tl.store(out_ptr + 5 * n + i, tl.maximum(x, y), mask)
    tl.store(out_ptr + 6 * n + i, tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL), mask)
    tl.store(out_ptr + 7 * n + i, tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL), mask)
    tl.store(out_ptr + 8 * n + i, -x, mask)
    tl.store(out_ptr + 9 * n + i, tl.abs(x), mask)
    tl.store(out_ptr + 10 * n + i, tl.where(x > y, x, y), mask)
    tl.store(out_ptr + 11 * n + i, tl.clamp(x, -50.0, 2.0), mask)


ARITHMETIC = ["+", "-", "*", "/", "min", "max", "min NaN", "max NaN", "-x", "abs", "where", "clamp"]


def arithmetic(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The rows of `arithmetic_kernel` in float64."""
    with np.errstate(all="ignore"):
        rows = [x + y, x - y, x * y, x / y, np.fmin(x, y), np.fmax(x, y), np.minimum(x, y), np.maximum(x, y)]
        return [*rows, -x, np.abs(x), np.where(x > y, x, y), np.fmin(np.fmax(x, -50.0), 2.0)]


QUOTIENT_ULPS = {"float32": 2.5, "float16": 0.5 + 2.5 / 2**13, "bfloat16": 0.5 + 2.5 / 2**16}
"""Of x / y, a float32 that Metal computes to 2.5 ulp and that is then rounded."""


def is_ordinary(divisor: np.ndarray) -> np.ndarray:
    """Whether a quotient has that accuracy; as on other GPUs it has none where the divisor has no normal reciprocal."""
    size = np.abs(divisor)
    return ~np.isfinite(size) | (size == 0) | (size >= 2.0**-126) & (size <= 2.0**126)


@pytest.mark.parametrize("dtype", FLOATS)
def test_arithmetic(any_device, dtype):
    """Correctly rounded but for `/`: a 16-bit operation is done in float32, where its exact result fits or rounds the
    same way."""
    x, y = float_pairs(dtype)
    out = torch.zeros(12, len(x), dtype=x.dtype)
    arithmetic_kernel[(triton.cdiv(len(x), BLOCK),)](x, y, out, len(x), BLOCK=BLOCK)
    limits = [QUOTIENT_ULPS[dtype] if name == "/" else 0.5 for name in ARITHMETIC]
    exact = arithmetic(double(x), double(y))
    row = ARITHMETIC.index("/")
    exact[row] = np.where(is_ordinary(double(y)), exact[row], double(out[row]))
    check_ulps(ARITHMETIC, limits, out, exact, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_signs_of_zero(device, dtype):
    """-0.0 and 0.0 are equal, so their signs need a look of their own."""
    x = torch.tensor([0.0, -0.0, 0.0, -0.0, 5.0], dtype=getattr(torch, dtype))
    y = torch.tensor([0.0, -0.0, -0.0, 0.0, -0.0], dtype=getattr(torch, dtype))
    out = torch.zeros(12, len(x), dtype=x.dtype)
    arithmetic_kernel[(1,)](x, y, out, len(x), BLOCK=8)
    rows = {name: np.signbit(double(out[i])).tolist() for i, name in enumerate(ARITHMETIC)}
    assert rows["+"] == [False, True, False, False, False]
    assert rows["-"] == [False, False, False, True, False]
    assert rows["*"] == [False, False, True, True, True]
    assert rows["-x"] == [True, False, True, False, True]
    assert rows["abs"] == [False] * 5


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
    tl.store(out_ptr + 6 * n + i, x != x, mask)


@pytest.mark.parametrize("dtype", FLOATS)
def test_comparison(device, dtype):
    """NaN is unequal to everything; with fast math it would not be."""
    x, y = float_pairs(dtype)
    out = torch.zeros(7, len(x), dtype=torch.bool)
    comparison_kernel[(triton.cdiv(len(x), BLOCK),)](x, y, out, len(x), BLOCK=BLOCK)
    a, b = double(x), double(y)
    expected = np.stack([a < b, a <= b, a > b, a >= b, a == b, a != b, np.isnan(a)])
    check_rows(["<", "<=", ">", ">=", "==", "!=", "isnan"], out.numpy(), expected)


@triton.jit
def function_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, tl.exp(x), mask)
    tl.store(out_ptr + n + i, tl.exp2(x), mask)
    tl.store(out_ptr + 2 * n + i, tl.log(x), mask)
    tl.store(out_ptr + 3 * n + i, tl.log2(x), mask)
    tl.store(out_ptr + 4 * n + i, tl.sin(x), mask)
    tl.store(out_ptr + 5 * n + i, tl.cos(x), mask)
    tl.store(out_ptr + 6 * n + i, tl.sqrt(x), mask)
    tl.store(out_ptr + 7 * n + i, tl.rsqrt(x), mask)
    tl.store(out_ptr + 8 * n + i, tl.erf(x), mask)
    tl.store(out_ptr + 9 * n + i, tl.floor(x), mask)
    tl.store(out_ptr + 10 * n + i, tl.ceil(x), mask)
    tl.store(out_ptr + 11 * n + i, tl.fma(x, y, x), mask)
    tl.store(out_ptr + 12 * n + i, tl.fdiv(x, y), mask)
    tl.store(out_ptr + 13 * n + i, tl.sigmoid(x), mask)
    tl.store(out_ptr + 14 * n + i, x % y, mask)
    if x.dtype == tl.float32:  # Triton has these for no other type
        tl.store(out_ptr + 15 * n + i, tl.sqrt_rn(x), mask)
        tl.store(out_ptr + 16 * n + i, tl.div_rn(x, y), mask)


FUNCTIONS = {
    "exp": 4,
    "exp2": 4,
    "log": 4,
    "log2": 4,
    "sin": 4,
    "cos": 4,
    "sqrt": 1,
    "rsqrt": 2,
    "erf": 16,
    "floor": 0,
    "ceil": 0,
    "fma": 0.5001,
    "fdiv": 2.5,
    "sigmoid": 8,
    "fmod": 0,
    "sqrt_rn": 0.5,
    "div_rn": 0.5,
}
"""The largest accepted error in ulps: at most what the Metal specification allows for its precise functions."""


def functions(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The rows of `function_kernel` in float64."""
    with np.errstate(all="ignore"):
        rows = [np.exp(x), np.exp2(x), np.log(x), np.log2(x), np.sin(x), np.cos(x), np.sqrt(x), 1 / np.sqrt(x)]
        rows += [torch.erf(torch.from_numpy(x)).numpy(), np.floor(x), np.ceil(x)]
        fused = (x.astype(np.longdouble) * y + x).astype(np.float64)
        return [*rows, fused, x / y, 1 / (1 + np.exp(-x)), np.fmod(x, y), np.sqrt(x), x / y]


def test_functions(any_device):
    x, y = float_pairs("float32", scale=20.0)
    # Numbers near the smallest normal one may be flushed by an instruction inside a function, on a GPU too.
    ordinary = (x.abs() > 1e-30) & (y.abs() > 1e-30) | (x == 0)
    x, y = x[ordinary], y[ordinary]
    out = torch.zeros(len(FUNCTIONS), len(x))
    function_kernel[(triton.cdiv(len(x), BLOCK),)](x, y, out, len(x), BLOCK=BLOCK)
    exact = functions(double(x), double(y))
    large = np.isfinite(double(x)) & (np.abs(double(x)) > 1e6)  # no accuracy is promised for such angles
    for row in (4, 5):
        exact[row] = np.where(large, double(out[row]), exact[row])
    row = list(FUNCTIONS).index("fdiv")
    exact[row] = np.where(is_ordinary(double(y)), exact[row], double(out[row]))
    for row, values in enumerate(exact):
        subnormal = np.abs(values) < torch.finfo(torch.float32).tiny  # may be flushed to zero
        exact[row] = np.where(subnormal & (np.abs(double(out[row])) <= 1.2e-38), double(out[row]), values)
    check_ulps(list(FUNCTIONS), list(FUNCTIONS.values()), out, exact, "float32")


@triton.jit
def fused_kernel(x_ptr, y_ptr, z_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mask = i < n
    product = tl.load(x_ptr + i, mask) * tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, product + tl.load(z_ptr + i, mask), mask)


def test_fp_fusion_off(device):
    """Without fusion a product is rounded before it is added: x * x - round(x * x) is exactly 0."""
    x = torch.rand(1000) + 1
    out = torch.full((1000,), 7.0)
    fused_kernel[(1,)](x, x, -(x * x), out, 1000, BLOCK=1024, enable_fp_fusion=False)
    assert (out == 0).all()


@triton.jit
def scalar_kernel(out_ptr, a, b: tl.float16, c: tl.bfloat16, d):
    tl.store(out_ptr, a * 2)
    tl.store(out_ptr + 1, b.to(tl.float32))
    tl.store(out_ptr + 2, c.to(tl.float32))
    tl.store(out_ptr + 3, tl.exp(a) + tl.sqrt(d))
    tl.store(out_ptr + 4, tl.where(a > d, a, d))


def test_scalars(any_device):
    out = torch.zeros(5)
    scalar_kernel[(1,)](out, 0.75, 1.5, -3.25, 9.0)
    np.testing.assert_allclose(out.numpy(), [1.5, 1.5, -3.25, np.exp(0.75) + 3, 9.0], rtol=1e-6)


@triton.jit
def literal_kernel(out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.where(i == 0, float("inf"), tl.where(i == 1, -float("inf"), float("nan"))))
    tl.store(out_ptr + BLOCK + i, tl.full([BLOCK], 1e-42, tl.float32))
    tl.store(out_ptr + 2 * BLOCK + i, tl.full([BLOCK], 3.4028234e38, tl.float32) + 0.1)
    tl.store(out_ptr + 3 * BLOCK + i, tl.zeros([BLOCK], tl.float32) - 0.0)


def test_literals(any_device):
    """Constants keep their bits: infinities, NaN, a subnormal, the largest number."""
    out = torch.zeros(4, 4)
    literal_kernel[(1,)](out, BLOCK=4)
    first = out[0].numpy()
    assert first[0] == np.inf and first[1] == -np.inf and np.isnan(first[2:]).all()
    assert (out[1].numpy() == np.float32(1e-42)).all()
    assert (out[2].numpy() == np.finfo(np.float32).max).all()
    assert (out[3].numpy() == 0).all()
