"""64-bit float arguments, as Inductor passes numbers that change: rounded once to what the kernel rounds them to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.on_metal import metal_double
from triton_alloy import config

TIE = 1 + 2**-24
VALUES = [
    *(0.1, -0.0, 1e-50, 1e300, -1e300, float("inf"), float("nan"), 3.4028235677973366e38, 65520.0, 65519.99),
    *(TIE, TIE + 2**-52, 1 + 3 * 2**-24, 1 + 2**-11 + 2**-40, 1 + 2**-8 + 2**-40, 2.0**-25 + 2.0**-70),
]
"""Small, large, between two numbers of f32, f16 or bf16, and next to that: there rounding twice gives another value."""


@triton.jit
def scale_kernel(x_ptr, out_ptr, factor: tl.float64, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor.to(tl.float32), mask=i < n)


@triton.jit
def types_kernel(single_ptr, half_ptr, brain_ptr, x: tl.float64, unused: tl.float64):
    tl.store(half_ptr, x.to(tl.float16))
    tl.store(brain_ptr, x.to(tl.bfloat16))
    tl.store(single_ptr, x.to(tl.float32))


@triton.jit
def choice_kernel(x_ptr, out_ptr, rate: tl.float64, other: tl.float64, which, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    chosen, negated = rate, -other
    if which > 0:
        chosen = negated
    tl.store(out_ptr + i, tl.load(x_ptr + i) * tl.where(i < 7, chosen, 0.5).to(tl.float32))


@triton.jit
def square_kernel(out_ptr, x: tl.float64):
    square = x * x
    tl.store(out_ptr, square.to(tl.float32))


def rounded(value: float) -> list[torch.Tensor]:
    """From float64 in one step, by NumPy; PyTorch goes to 16 bits through float32."""
    with np.errstate(over="ignore"):
        single, half = (torch.from_numpy(np.array([value]).astype(dtype)) for dtype in (np.float32, np.float16))
    return [single, half, torch.tensor([brain_float(value)], dtype=torch.bfloat16)]


def brain_float(value: float) -> float:
    """The multiple of the last place of bfloat16's 8 bits that is nearest, the even one between two."""
    if not np.isfinite(value) or value == 0:
        return value
    unit = 2.0 ** (max(np.frexp(value)[1], -125) - 8)
    nearest = np.round(value / unit) * unit if abs(value) < 2.0**200 else np.copysign(np.inf, value)
    return float(nearest) if abs(nearest) < 2.0**128 else float(np.copysign(np.inf, value))


def check_types(value: float) -> None:
    outs = [torch.zeros(1, dtype=dtype) for dtype in (torch.float32, torch.float16, torch.bfloat16)]
    types_kernel[(1,)](*outs, value, 1.0)
    for out, expected in zip(outs, rounded(value), strict=True):
        assert torch.equal(out, expected) or (out.isnan() and expected.isnan()), value
        assert torch.equal(out.signbit(), expected.signbit()) or out.isnan()


def test_rounded_once_to_each_type(device):
    for value in VALUES:
        check_types(value)


@settings(deadline=None)  # the first example compiles
@given(st.floats(width=64))
def test_any_number_is_rounded_once(value: float):
    check_types(value)


def test_a_factor_that_changes_between_calls_is_not_compiled_anew(device):
    x, out = torch.randn(100), torch.zeros(100)
    kernels = set()
    for factor in (0.1, 1 / 3, 2.0):
        kernels.add(scale_kernel[(1,)](x, out, factor, 100, BLOCK=128).hash)
        assert torch.equal(out, x * torch.tensor(factor))
    assert len(kernels) == 1


def test_chosen_moved_and_negated(device):
    x, out = torch.randn(16), torch.zeros(16)
    for which, factor in ((0, 0.1), (1, -1 / 3)):
        choice_kernel[(1,)](x, out, 0.1, 1 / 3, which, BLOCK=16)
        factors = torch.where(torch.arange(16) < 7, torch.tensor(factor, dtype=torch.float64), 0.5).float()
        assert torch.equal(out, x * factors)


def test_arithmetic_is_done_before_rounding(device):
    out = torch.zeros(1)
    for value in (1 + 2**-24, 1e30):
        square_kernel[(1,)](out, value)
        assert torch.equal(out, rounded(value * value)[0])


# ------------------------------------------------------------------------------------------------------ other runtimes
@contextlib.contextmanager
def runtime(name: str) -> Iterator[None]:
    with metal_double() if name == "metal" else contextlib.nullcontext(), config.scope(ALLOY_RUNTIME=name):
        yield


@pytest.mark.parametrize("name", ["cpu", "metal", "torch_mps"])
def test_on_every_runtime(name: str):
    with runtime(name), config.scope(TRITON_ALLOY_TARGET="apple9"):
        for value in VALUES:
            check_types(value)


@triton.jit
def bits_kernel(out_ptr, first, x: tl.float64, small: tl.int8, y: tl.float64):
    tl.store(out_ptr, x.to(tl.int64, bitcast=True) + first)
    tl.store(out_ptr + 1, y.to(tl.int64, bitcast=True) + small)


@pytest.mark.parametrize("name", ["cpu", "metal", "torch_mps"])
def test_all_bits_arrive_on_every_runtime(name: str):
    """Eight bytes each, aligned so, between smaller ones."""
    with runtime(name), config.scope(TRITON_ALLOY_TARGET="apple9"):
        for value in VALUES:
            out = torch.zeros(2, dtype=torch.int64)
            bits_kernel[(1,)](out, 3, value, 2, -value)
            wanted = np.array([value, -value]).view(np.int64) + np.array([3, 2])
            assert np.isnan(value) or (out.numpy() == wanted).all()


def test_all_bits_arrive_with_arrays_of_mlx():
    mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")
    from triton_alloy.mlx import triton_call

    form = mx.zeros((2,), mx.int64)
    [out] = triton_call(kernel=bits_kernel, out_shape=[form], grid=1, first=3, x=0.1, small=2, y=1 / 3)
    assert (np.asarray(out) == np.array([0.1, 1 / 3]).view(np.int64) + np.array([3, 2])).all()


def test_with_arrays_of_mlx():
    mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")
    from triton_alloy.mlx import triton_call

    x = mx.array(np.linspace(-1, 1, 100, dtype=np.float32))
    for factor in (0.1, 1 + 2**-24 + 2**-50, 1e300):
        [out] = triton_call(x, kernel=scale_mlx_kernel, out_shape=[x], grid=1, factor=factor, n=100, BLOCK=128)
        with np.errstate(over="ignore"):
            expected = np.asarray(x) * np.float32(factor)
        assert np.array_equal(np.asarray(out), expected)


@triton.jit
def scale_mlx_kernel(x_ptr, out_ptr, factor: tl.float64, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor.to(tl.float32), mask=i < n)
