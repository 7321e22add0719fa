"""Corners of the language: precisions of dots, nested tuples and constants, hints of loops, functions as arguments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from tests.support.kernels import tensor


@triton.jit
def precision_kernel(a_ptr, b_ptr, out_ptr, N: tl.constexpr, PRECISION: tl.constexpr):
    i = tl.arange(0, N)
    square = i[:, None] * N + i[None, :]
    out = tl.dot(tl.load(a_ptr + square), tl.load(b_ptr + square), input_precision=PRECISION, max_num_imprecise_acc=32)
    tl.store(out_ptr + square, out)


@pytest.mark.parametrize("precision", ["tf32", "tf32x3", "ieee", "bf16x3", "bf16x6"])
def test_precisions_of_dots(device, precision):
    """Never less exact than IEEE's f32, whatever was asked for."""
    a, b, out = torch.randn(32, 32), torch.randn(32, 32), torch.zeros(32, 32)
    precision_kernel[(1,)](a, b, out, 32, precision)
    exact = a.double() @ b.double()
    assert (out - exact).abs().max() <= 1e-5


class Point(NamedTuple):
    x: object
    rest: object


@triton.jit
def swap(pair, scale: tl.constexpr):
    first, second = pair
    return second * scale, (first, second)


@triton.jit
def tuples_kernel(p, pairs, out_ptr, FACTORS: tl.constexpr, OFFSETS: tl.constexpr):
    """Named and nested tuples of pointers, numbers and constants; a tuple returned and carried by a loop."""
    i = tl.arange(0, 16)
    a = tl.load(p.x + i)
    b = tl.load(p.rest[0] + i)
    state = (a, b)
    for _ in range(pairs[1][0]):
        scaled, state = swap(state, FACTORS[1][0])
        state = (scaled, state[0])
    total = state[0] + state[1] * pairs[0]
    for k in tl.static_range(len(OFFSETS)):
        total += OFFSETS[k]
    tl.store(out_ptr + i, total)


def test_tuples_and_nested_constants(device):
    a, b = np.arange(16, dtype=np.int32), np.arange(16, dtype=np.int32)[::-1] * 3
    out = np.zeros(16, np.int32)
    factors, offsets = (1, (2, 3)), (5, 7)
    tuples_kernel[(1,)](Point(tensor(a), (tensor(b.copy()), 4)), (10, (3, 1)), tensor(out), factors, offsets)
    first, second = a, b
    for _ in range(3):
        first, second = second * 2, first
    assert (out == first + second * 10 + 12).all()


@triton.jit
def square(x):
    return x * x


@triton.jit
def apply(function: tl.constexpr, x):
    return function(x) + 1


@triton.jit(noinline=True)
def scale(x, factor):
    """Of scalars, as Triton wants it where a function is not inlined."""
    if factor > 3:
        return x * factor
    return x - factor


@triton.jit
def functions_kernel(x_ptr, out_ptr, n, N: tl.constexpr):
    """Functions as arguments, and functions that are not inlined, with two returns, in a loop."""
    i = tl.arange(0, N)
    x = apply(square, tl.load(x_ptr + i))
    factor = n
    for k in range(n):
        factor = scale(factor, k)
    tl.store(out_ptr + i, x + factor)


def test_functions(device, rng):
    x, out = rng.integers(-9, 9, 64).astype(np.int32), np.zeros(64, np.int32)
    functions_kernel[(1,)](tensor(x), tensor(out), 6, 64)
    factor = 6
    for k in range(6):
        factor = factor * k if k > 3 else factor - k
    assert (out == x * x + 1 + factor).all()


@triton.jit
def hints_kernel(x_ptr, out_ptr, n, N: tl.constexpr):
    """Every hint that a loop can have."""
    i = tl.multiple_of(tl.max_contiguous(tl.arange(0, N), N), N)
    total = tl.zeros((N,), tl.float32)
    for k in tl.range(
        0, n, num_stages=3, loop_unroll_factor=2, flatten=True, warp_specialize=False, disable_licm=True,
        disallow_acc_multi_buffer=True,
    ):  # fmt: skip
        for j in tl.range(0, 2, num_stages=1):
            total += tl.load(x_ptr + (2 * k + j) * N + i, eviction_policy="evict_last", cache_modifier=".ca")
    tl.assume(n > 0)
    tl.store(out_ptr + i, total, cache_modifier=".cs")


def test_hints_of_loops(device):
    x, out = torch.randint(-50, 50, (14, 32)).float(), torch.zeros(32)
    hints_kernel[(1,)](x, out, 7, 32)
    assert torch.equal(out, x.sum(0))


@triton.jit
def dependent_kernel(x_ptr, out_ptr, N: tl.constexpr):
    """Programmatic dependent launch: what it waits for is complete, as launches do not overlap."""
    gdc_wait()
    x = tl.load(x_ptr + tl.arange(0, N))
    gdc_launch_dependents()
    tl.store(out_ptr + tl.arange(0, N), x * 2)


def test_dependent_launches(device):
    x, out = torch.randn(32), torch.zeros(32)
    dependent_kernel[(1,)](x, out, 32, launch_pdl=True)
    assert torch.equal(out, x * 2)
