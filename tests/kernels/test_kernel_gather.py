"""tl.gather along any axis, and tl.histogram."""

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import tensor


@triton.jit
def gather_kernel(x_ptr, index_ptr, out_ptr, SHAPE: tl.constexpr, RESULT: tl.constexpr, AXIS: tl.constexpr):
    x = tl.load(x_ptr + offsets(SHAPE))
    place = offsets(RESULT)
    tl.store(out_ptr + place, tl.gather(x, tl.load(index_ptr + place), AXIS))


@triton.jit
def offsets(SHAPE: tl.constexpr):
    """Row-major offsets of a matrix."""
    return tl.arange(0, SHAPE[0])[:, None] * SHAPE[1] + tl.arange(0, SHAPE[1])[None, :]


def check_gather(rng, shape, result, axis, dtype, index_dtype):
    x = rng.integers(-100, 100, shape).astype(dtype)
    index = rng.integers(0, shape[axis], result).astype(index_dtype)
    out = np.zeros(result, dtype)
    gather_kernel[(1,)](tensor(x), tensor(index), tensor(out), shape, result, axis)
    assert (out == np.take_along_axis(x, index.astype(np.int64), axis)).all()


@pytest.mark.parametrize("index_dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("dtype", ["int8", "float16", "int64"])
def test_element_types(any_device, rng, dtype, index_dtype):
    check_gather(rng, (4, 32), (4, 64), 1, dtype, index_dtype)


@pytest.mark.parametrize(
    "shape, result, axis",
    [
        ((16, 32), (16, 128), 1),
        ((16, 32), (2, 32), 0),
        ((1, 1024), (1, 16), 1),
        ((64, 2), (64, 8), 1),
        ((8, 8), (8, 8), 0),
    ],
)
def test_axes(device, rng, shape, result, axis):
    check_gather(rng, shape, result, axis, "int32", "int32")


@pytest.mark.parametrize("axis", [0, 1])
def test_more_than_threadgroup_memory_holds(device, rng, axis):
    check_gather(rng, (128, 256), (128, 256), axis, "int32", "int32")


@triton.jit
def permute_kernel(x_ptr, out_ptr, N: tl.constexpr):
    """Indices that are computed, gathers of gathers, of booleans and of equal elements."""
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.gather(tl.gather(x, N - 1 - i, 0), i ^ 1, 0)
    odd = tl.gather(x % 2 != 0, (i * 3) % N, 0)
    same = tl.gather(tl.full((N,), 7, tl.int32), i, 0)
    tl.store(out_ptr + i, tl.where(odd, y, same))


@pytest.mark.parametrize("size", [2, 64, 1024])
def test_computed_indices(any_device, rng, size):
    x, out = rng.integers(-100, 100, (2, size)).astype(np.int32)
    permute_kernel[(1,)](tensor(x), tensor(out), size)
    i = np.arange(size)
    assert (out == np.where(x[i * 3 % size] % 2 != 0, x[::-1][i ^ 1], 7)).all()


@triton.jit
def histogram_kernel(x_ptr, mask_ptr, out_ptr, N: tl.constexpr, BINS: tl.constexpr, MASKED: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    mask = tl.load(mask_ptr + tl.arange(0, N)) != 0
    tl.store(out_ptr + tl.arange(0, BINS), tl.histogram(x, BINS, mask=mask if MASKED else None))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size, bins", [(16, 2), (64, 64), (2048, 16), (256, 512)])
def test_histogram(device, rng, size, bins, masked):
    x, mask = rng.integers(0, bins, size).astype(np.int32), rng.integers(0, 2, size).astype(np.int8)
    out = np.zeros(bins, np.int32)
    histogram_kernel[(1,)](tensor(x), tensor(mask), tensor(out), size, bins, masked)
    assert (out == np.bincount(x, mask if masked else None, bins)).all()


def test_numbers_outside_are_not_counted(any_device, rng):
    x = rng.integers(-50, 100, 256).astype(np.int32)
    out = np.zeros(64, np.int32)
    histogram_kernel[(1,)](tensor(x), tensor(x), tensor(out), 256, 64, False)
    assert (out == np.bincount(x[x >= 0], minlength=100)[:64]).all()


@triton.jit
def equal_kernel(out_ptr, N: tl.constexpr):
    """What is known to be equal is still counted for each element; in a loop, the counts start anew."""
    total = tl.zeros((8,), tl.int32)
    for i in range(3):
        total += tl.histogram(tl.full((N,), 2, tl.int32) + i, 8)
    tl.store(out_ptr + tl.arange(0, 8), total + tl.histogram(tl.arange(0, N) % 2, 8))


@pytest.mark.parametrize("size", [4, 64, 2048])
def test_histogram_of_equal_numbers(any_device, size):
    out = np.zeros(8, np.int32)
    equal_kernel[(1,)](tensor(out), size)
    assert out.tolist() == [size // 2, size // 2, size, size, size, 0, 0, 0]


@triton.jit
def sums_kernel(x_ptr, out_ptr, scalar, M: tl.constexpr, N: tl.constexpr):
    """Sums of rows, each of which only one simdgroup knows, at other places; and a number that all know."""
    i = tl.arange(0, M)
    sums = tl.sum(tl.load(x_ptr + i[:, None] * N + tl.arange(0, N)[None, :]), axis=1)
    alike = tl.full((M,), 1, tl.int32) * scalar
    tl.store(out_ptr + i, tl.gather(sums, M - 1 - i, 0) + tl.gather(alike, i, 0))


@pytest.mark.parametrize("warps", [1, 2, 4])
def test_what_only_one_simdgroup_knows(any_device, rng, warps):
    x, out = rng.integers(-100, 100, (4, 64)).astype(np.int32), np.zeros(4, np.int32)
    sums_kernel[(1,)](tensor(x), tensor(out), 1000, 4, 64, num_warps=warps)
    assert (out == x.sum(1)[::-1] + 1000).all()
