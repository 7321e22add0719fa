"""Reductions over any axis of any rank, with every combiner Triton names and with tuples of a user's own."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor

SHAPES = [
    ((64,), 0),
    ((1,), 0),
    ((1024,), 0),
    ((16, 64), 0),
    ((16, 64), 1),
    ((128, 2), 0),
    ((4, 256), 1),
    ((8, 16, 4), 0),
    ((8, 16, 4), 1),
    ((8, 16, 4), 2),
    ((4, 2, 8, 16), 1),
    ((4, 2, 8, 16), 3),
]


@triton.jit
def integer_kernel(x_ptr, out_ptr, SHAPE: tl.constexpr, AXIS: tl.constexpr, SIZE: tl.constexpr, REST: tl.constexpr):
    x = tl.reshape(tl.load(x_ptr + tl.arange(0, SIZE)), SHAPE)
    i = tl.arange(0, REST)
    tl.store(out_ptr + i, tl.reshape(tl.sum(x, axis=AXIS), (REST,)))
    tl.store(out_ptr + REST + i, tl.reshape(tl.max(x, axis=AXIS), (REST,)))
    tl.store(out_ptr + 2 * REST + i, tl.reshape(tl.min(x, axis=AXIS), (REST,)))
    tl.store(out_ptr + 3 * REST + i, tl.reshape(tl.xor_sum(x, axis=AXIS), (REST,)))
    tl.store(out_ptr + 4 * REST + i, tl.reshape(tl.argmax(x, axis=AXIS), (REST,)))
    tl.store(out_ptr + 5 * REST + i, tl.reshape(tl.argmin(x, axis=AXIS), (REST,)))


def integer_rows(x: np.ndarray, axis: int) -> np.ndarray:
    rows = [x.sum(axis), x.max(axis), x.min(axis), np.bitwise_xor.reduce(x, axis), x.argmax(axis), x.argmin(axis)]
    return np.stack([row.ravel() for row in rows])


@pytest.mark.parametrize("shape, axis", SHAPES)
def test_integers(device, rng, shape, axis):
    """Small numbers, so that the first of several extremes must be found."""
    x = rng.integers(-9, 9, shape).astype(np.int32)
    expected = integer_rows(x, axis)
    out = np.zeros(expected.shape, np.int32)
    rest = expected.shape[1]
    if len(shape) == 1:
        vector_kernel[(1,)](tensor(x), tensor(out), x.size)
    else:
        integer_kernel[(1,)](tensor(x), tensor(out), shape, axis, x.size, rest)
    assert (out == expected).all()


@triton.jit
def vector_kernel(x_ptr, out_ptr, SIZE: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, SIZE))
    tl.store(out_ptr, tl.sum(x, axis=0))
    tl.store(out_ptr + 1, tl.max(x, axis=0))
    tl.store(out_ptr + 2, tl.min(x, axis=0))
    tl.store(out_ptr + 3, tl.xor_sum(x, axis=0))
    tl.store(out_ptr + 4, tl.argmax(x, axis=0))
    tl.store(out_ptr + 5, tl.argmin(x, axis=0))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64"])
def test_integer_types(device, rng, dtype):
    """Narrow sums are made in 32 bits; unsigned extremes are unsigned ones; 64 bits keep them all."""
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, 256, dtype, endpoint=True)
    wide = {"int8": "int32", "int16": "int32", "uint8": "uint32"}.get(dtype, dtype)
    out = np.zeros(6, wide)
    vector_kernel[(1,)](tensor(x), tensor(out), 256)
    with np.errstate(over="ignore"):
        total = x.astype(wide).sum(dtype=wide)
    assert out.tolist() == [total, x.max(), x.min(), np.bitwise_xor.reduce(x), x.argmax(), x.argmin()]


@triton.jit
def float_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr, REST: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    i = tl.arange(0, REST)
    tl.store(out_ptr + i, tl.sum(x, axis=AXIS))
    tl.store(out_ptr + REST + i, tl.max(x, axis=AXIS))
    tl.store(out_ptr + 2 * REST + i, tl.min(x, axis=AXIS))
    largest, index = tl.max(x, axis=AXIS, return_indices=True)
    tl.store(out_ptr + 3 * REST + i, largest * 100 + index)
    tl.store(out_ptr + 4 * REST + i, tl.sum(x, axis=AXIS, keep_dims=True).reshape((REST,)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("shape", [(64, 32), (16, 256)])
@pytest.mark.parametrize("axis", [0, 1])
def test_floats(device, shape, axis, dtype):
    check_floats(shape, axis, dtype)


@pytest.mark.parametrize("axis", [0, 1])
def test_floats_in_reference_mode(any_device, axis):
    check_floats((64, 32), axis, "float32")


def check_floats(shape: tuple[int, int], axis: int, dtype: str) -> None:
    """Numbers whose sums are exact in every type and any order: eighths, in bfloat16 only -1, 0 and 1."""
    small = torch.randint(-1, 2, shape)
    x = (small if dtype == "bfloat16" else torch.randint(-16, 16, shape) / 8).to(getattr(torch, dtype))
    rest = x.shape[1 - axis]
    out = torch.zeros(5, rest)
    float_kernel[(1,)](x, out, *shape, axis, rest)
    exact = x.double().numpy()
    assert (out[0].numpy() == exact.sum(axis)).all()
    assert (out[1].numpy() == exact.max(axis)).all()
    assert (out[2].numpy() == exact.min(axis)).all()
    with_index = exact.max(axis) * 100 + exact.argmax(axis)
    np.testing.assert_allclose(out[3].numpy(), with_index, rtol=1e-2 if dtype != "float32" else 0)
    assert (out[4].numpy() == exact.sum(axis)).all()


@pytest.mark.parametrize("warps", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("size", [32, 512, 8192])
def test_sum_over_simdgroups(device, size, warps):
    """Any number of simdgroups, also more of them than there is data for."""
    x, out = torch.randint(-9, 9, (size,), dtype=torch.int32), torch.zeros(6, dtype=torch.int32)
    vector_kernel[(1,)](x, out, size, num_warps=warps)
    assert out.tolist() == integer_rows(x.numpy(), 0).ravel().tolist()


@triton.jit
def nan_kernel(x_ptr, out_ptr, SIZE: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, SIZE))
    tl.store(out_ptr, tl.max(x, axis=0))
    tl.store(out_ptr + 1, tl.min(x, axis=0))
    tl.store(out_ptr + 2, tl.sum(x, axis=0))
    tl.store(out_ptr + 3, tl.reduce(x, 0, nan_maximum))


@triton.jit
def nan_maximum(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


def test_nan_and_infinities(any_device):
    """`tl.max` drops NaN; a sum and a maximum that propagates it do not."""
    x, out = torch.randn(128), torch.zeros(4)
    x[77], x[3], x[4] = float("nan"), float("inf"), -float("inf")
    nan_kernel[(1,)](x, out, 128)
    assert out[0] == float("inf") and out[1] == -float("inf")
    assert out[2].isnan() and out[3].isnan()


@triton.jit
def whole_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    tl.store(out_ptr, tl.sum(x))
    tl.store(out_ptr + 1, tl.max(x) + tl.min(x))
    tl.store(out_ptr + 2, tl.sum(tl.sum(x, axis=1) * 2, axis=0))
    tl.store(out_ptr + 3, tl.max(tl.sum(x, axis=0), axis=0))


def test_whole_tensor(device, rng):
    x, out = rng.integers(-9, 9, (32, 64)).astype(np.int32), np.zeros(4, np.int32)
    whole_kernel[(1,)](tensor(x), tensor(out), 32, 64)
    assert out.tolist() == [x.sum(), x.max() + x.min(), 2 * x.sum(), x.sum(axis=0).max()]


@triton.jit
def welford_combine(mean_a, m2_a, weight_a, mean_b, m2_b, weight_b):
    delta = mean_b - mean_a
    weight = weight_a + weight_b
    ratio = tl.where(weight == 0.0, 0.0, weight_b / weight)
    return mean_a + delta * ratio, m2_a + m2_b + delta * delta * weight_a * ratio, weight


@triton.jit
def welford_kernel(x_ptr, mean_ptr, variance_ptr, n, M: tl.constexpr, N: tl.constexpr):
    columns = tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * n + columns, mask=columns < n, other=0.0)
    weight = tl.where(tl.broadcast_to(columns, (M, N)) < n, 1.0, 0.0)
    mean, m2, total = tl.reduce((x, tl.zeros_like(x), weight), 1, welford_combine)
    tl.store(mean_ptr + tl.arange(0, M), mean)
    tl.store(variance_ptr + tl.arange(0, M), m2 / total)


@pytest.mark.parametrize("n, block", [(100, 128), (1000, 1024)])
def test_welford(any_device, n, block):
    x, mean, variance = torch.randn(4, n) * 3 + 100, torch.zeros(4), torch.zeros(4)
    welford_kernel[(1,)](x, mean, variance, n, M=4, N=block)
    exact = x.double().numpy()
    np.testing.assert_allclose(mean.numpy(), exact.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(variance.numpy(), exact.var(axis=1), rtol=1e-4)


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def both(a, b):
    return a & b


@triton.jit
def product(a, b):
    return a * b


@triton.jit
def first_nonzero(value_a, index_a, value_b, index_b):
    """The pair with the smaller index among those that are not zero, else among all. (A reduction has no order.)"""
    earlier = index_a < index_b
    first = tl.where((value_a != 0) == (value_b != 0), earlier, value_a != 0)
    return tl.where(first, value_a, value_b), tl.where(first, index_a, index_b)


@triton.jit
def custom_kernel(x_ptr, out_ptr, found_ptr, M: tl.constexpr, N: tl.constexpr):
    rows = tl.arange(0, M)
    columns = tl.arange(0, N)
    x = tl.load(x_ptr + rows[:, None] * N + columns[None, :])
    tl.store(out_ptr + rows, tl.reduce(x != 0, 1, either).to(tl.int32))
    tl.store(out_ptr + M + rows, tl.reduce(x != 0, 1, both).to(tl.int32))
    tl.store(out_ptr + 2 * M + rows, tl.reduce(tl.where(x == 0, 1, x), 1, product))
    index = tl.broadcast_to(columns[None, :], (M, N))
    value, at = tl.reduce((x, index), 1, first_nonzero)
    tl.store(found_ptr + rows, value)
    tl.store(found_ptr + M + rows, at)
    tl.store(out_ptr + 3 * M + rows, tl.reduce(x > 4, 1, either).to(tl.int32))


@pytest.mark.parametrize("size", [8, 64, 512])
def test_custom_combiners(any_device, rng, size):
    x = rng.integers(-1, 2, (8, size)).astype(np.int32) * (rng.random((8, size)) < 0.1)
    x[0], x[1] = 0, 1
    x = x.astype(np.int32)
    out, found = np.zeros((4, 8), np.int32), np.zeros((2, 8), np.int32)
    custom_kernel[(1,)](tensor(x), tensor(out), tensor(found), 8, size)
    assert (out[0] == x.any(axis=1)).all()
    assert (out[1] == x.all(axis=1)).all()
    assert (out[2] == np.where(x == 0, 1, x).prod(axis=1)).all()
    assert (out[3] == 0).all()
    some = x.any(axis=1)
    first = np.where(some, (x != 0).argmax(axis=1), 0)
    assert (found[0] == x[np.arange(8), first]).all()
    assert (found[1] == first).all()


@triton.jit
def affine(slope, start, other_slope, other_start):
    """x -> slope x + start, and then the other."""
    return slope * other_slope, start * other_slope + other_start


@triton.jit
def leftmost(a, b):
    return a


@triton.jit
def ordered_kernel(x_ptr, y_ptr, slope_ptr, start_ptr, first_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr):
    offsets = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + offsets)
    slope, start = tl.reduce((x, tl.load(y_ptr + offsets)), AXIS, affine)
    i = tl.arange(0, N if AXIS == 0 else M)
    tl.store(slope_ptr + i, slope)
    tl.store(start_ptr + i, start)
    tl.store(first_ptr + i, tl.reduce(x, AXIS, leftmost))


@pytest.mark.parametrize("shape, axis, warps", [((64, 64), 0, 4), ((64, 64), 1, 4), ((2, 256), 1, 8), ((512, 2), 0, 8)])
def test_the_order_of_elements_is_kept(any_device, rng, shape, axis, warps):
    """By a combiner that is not commutative."""
    x, y = rng.integers(-9, 9, (2, *shape)).astype(np.int32)
    x |= 1
    results = np.zeros((3, shape[1 - axis]), np.int32)
    ordered_kernel[(1,)](tensor(x), tensor(y), *map(tensor, results), *shape, axis, num_warps=warps)
    factors, terms = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    slope, start = factors[0], terms[0]
    for factor, term in zip(factors[1:], terms[1:], strict=True):
        slope, start = slope * factor, start * factor + term
    assert (results == [slope, start, factors[0]]).all()


@triton.jit
def largest_and_first(a, i, b, j):
    return tl.maximum(a, b), i


@triton.jit
def partly_changed_kernel(x_ptr, out_ptr, start, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    largest, first = tl.reduce((tl.load(x_ptr + i), i + start), 0, largest_and_first)
    tl.store(out_ptr, largest)
    tl.store(out_ptr + 1, first)
    tl.store(out_ptr + 2, tl.reduce(tl.full((SIZE,), start, tl.int32), 0, leftmost))
    tl.store(out_ptr + 3 + i, tl.load(x_ptr + i) + tl.reduce(tl.full((SIZE,), start, tl.int32), 0, leftmost))


@pytest.mark.parametrize("warps", [1, 4])
def test_a_combiner_that_passes_on_what_it_was_given(any_device, rng, warps):
    x, out = rng.integers(-9, 9, 256).astype(np.int32), np.zeros(3 + 256, np.int32)
    compiled = partly_changed_kernel[(1,)](tensor(x), tensor(out), 7, 256, num_warps=warps)
    assert out.tolist() == [x.max(), 7, 7, *(x + 7)]
    body = compiled.asm["msl"].partition("// vocabulary: end")[2]
    assert not re.search(r"for \([^)]*\) \{\s*\}", body)


@triton.jit
def ties_kernel(x_ptr, out_ptr, SIZE: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, SIZE))
    tl.store(out_ptr, tl.argmax(x, axis=0))
    tl.store(out_ptr + 1, tl.argmin(x, axis=0))
    value, index = tl.min(x, axis=0, return_indices=True)
    tl.store(out_ptr + 2, index + value.to(tl.int32))


def test_the_first_of_equal_extremes(device):
    x, out = torch.zeros(1024), torch.zeros(3, dtype=torch.int32)
    x[[100, 101, 700]] = 5.0
    x[[33, 34, 1000]] = -5.0
    ties_kernel[(1,)](x, out, 1024, num_warps=8)
    assert out.tolist() == [100, 33, 28]


@triton.jit
def loop_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """A reduction inside a loop whose result decides the next iteration's data."""
    total = 0.0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n, other=0.0)
        total = total * 0.5 + tl.sum(x - total / BLOCK)
    tl.store(out_ptr, total)


def test_in_a_loop(device):
    x, out = torch.randn(1000), torch.zeros(1)
    loop_kernel[(1,)](x, out, 1000, BLOCK=128)
    total = 0.0
    for start in range(0, 1000, 128):
        part = np.zeros(128)
        part[: min(128, 1000 - start)] = x[start : start + 128].double().numpy()
        total = total * 0.5 + (part - total / 128).sum()
    np.testing.assert_allclose(out.item(), total, rtol=1e-5)


@triton.jit
def one_value_kernel(out_ptr, start, DTYPE: tl.constexpr):
    x = tl.full((32, 32), start, DTYPE)
    tl.store(out_ptr, tl.sum(x).to(tl.int32))
    tl.store(out_ptr + 1, tl.max(x).to(tl.int32))


@pytest.mark.parametrize("dtype", [tl.int8, tl.int16, tl.int32, tl.bfloat16, tl.float32])
def test_a_tensor_of_one_value(device, dtype):
    """The same in all lanes, it is no value of a lane before it is reduced."""
    out = np.zeros(2, np.int32)
    one_value_kernel[(1,)](tensor(out), 3, dtype)
    assert out.tolist() == [32 * 32 * 3, 3]
