"""Scans along any axis, both ways, with every combiner Triton names and with tuples of a user's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor

SHAPES = [
    ((64,), 0),
    ((1,), 0),
    ((2048,), 0),
    ((16, 64), 0),
    ((16, 64), 1),
    ((8, 16, 4), 1),
    ((4, 2, 8, 16), 3),
]


def turned(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    return np.flip(x, axis) if reverse else x


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b)


@triton.jit
def first(a, b):
    """Associative, not commutative."""
    return a


@triton.jit
def integer_kernel(x_ptr, out_ptr, SHAPE: tl.constexpr, AXIS: tl.constexpr, SIZE: tl.constexpr, REVERSE: tl.constexpr):
    i = tl.arange(0, SIZE)
    x = tl.reshape(tl.load(x_ptr + i), SHAPE)
    tl.store(out_ptr + i, tl.reshape(tl.cumsum(x, AXIS, reverse=REVERSE), (SIZE,)))
    tl.store(out_ptr + SIZE + i, tl.reshape(tl.cumprod(x, AXIS, reverse=REVERSE), (SIZE,)))
    tl.store(out_ptr + 2 * SIZE + i, tl.reshape(tl.associative_scan(x, AXIS, maximum, reverse=REVERSE), (SIZE,)))
    tl.store(out_ptr + 3 * SIZE + i, tl.reshape(tl.associative_scan(x, AXIS, first, reverse=REVERSE), (SIZE,)))


def integer_scans(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    y = turned(x, axis, reverse)
    rows = [np.cumsum(y, axis, x.dtype), np.cumprod(y, axis, x.dtype), np.maximum.accumulate(y, axis)]
    rows.append(np.broadcast_to(y.take([0], axis), x.shape))
    return np.stack([turned(row, axis, reverse).ravel() for row in rows])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape, axis", SHAPES)
def test_integers(device, rng, shape, axis, reverse):
    x = rng.integers(-9, 9, shape).astype(np.int32)
    out = np.zeros((4, x.size), np.int32)
    integer_kernel[(1,)](tensor(x), tensor(out), shape, axis, x.size, reverse)
    assert (out == integer_scans(x, axis, reverse)).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_integer_widths(any_device, rng, dtype):
    x = rng.integers(0, 9, (4, 64)).astype(dtype)
    out = np.zeros((4, x.size), dtype)
    integer_kernel[(1,)](tensor(x), tensor(out), x.shape, 1, x.size, False)
    with np.errstate(over="ignore"):
        expected = integer_scans(x, 1, False)
    # Triton sums up narrow integers in 32 bits: the store wraps them as NumPy does.
    assert (out == expected).all()


@pytest.mark.parametrize("warps", [1, 2, 8, 32])
def test_simdgroups(device, rng, warps):
    x = rng.integers(-9, 9, (2, 1024)).astype(np.int32)
    out = np.zeros((4, x.size), np.int32)
    integer_kernel[(1,)](tensor(x), tensor(out), x.shape, 1, x.size, True, num_warps=warps)
    assert (out == integer_scans(x, 1, True)).all()


@triton.jit
def float_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(out_ptr + i, tl.cumsum(tl.load(x_ptr + i), 1))


@pytest.mark.parametrize("dtype, limit", [("float32", 1e-6), ("float16", 2e-3), ("bfloat16", 1e-2)])
def test_float_sums_are_kept_in_f32(device, dtype, limit):
    x = torch.rand(8, 512).to(getattr(torch, dtype))
    out = torch.zeros_like(x)
    float_kernel[(1,)](x, out, 8, 512)
    np.testing.assert_allclose(out.double().numpy(), x.double().cumsum(1).numpy(), rtol=limit)


@triton.jit
def recurrence(a, b, c, d):
    """x -> c (a x + b) + d: not commutative."""
    return a * c, b * c + d


@triton.jit
def latest(value_a, found_a, value_b, found_b):
    """The last value that was found, and whether there was one."""
    if found_b:
        return value_b, found_b
    return value_a, found_a


@triton.jit
def tuple_kernel(x_ptr, y_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr, REVERSE: tl.constexpr):
    i = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    a, b = tl.associative_scan((x, y), AXIS, recurrence, reverse=REVERSE)
    value, found = tl.associative_scan((y, x > 0), AXIS, latest, reverse=REVERSE)
    tl.store(out_ptr + i, a)
    tl.store(out_ptr + M * N + i, b)
    tl.store(out_ptr + 2 * M * N + i, tl.where(found, value, -99))
    count = tl.cumsum(tl.full((M, N), 3, tl.int32), AXIS, reverse=REVERSE)
    tl.store(out_ptr + 3 * M * N + i, count)


def scan_pairs(x: np.ndarray, y: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """The same one element after the other, in wrapping integers."""
    xs, ys = (np.moveaxis(turned(each, axis, reverse), axis, 0).astype(np.int64) for each in (x, y))
    a, b, latest_value = np.ones_like(xs[0]), np.zeros_like(xs[0]), np.full_like(xs[0], -99)
    rows = []
    for n, (c, d) in enumerate(zip(xs, ys, strict=True)):
        a, b = (a * c).astype(np.int32), (b * c + d).astype(np.int32)
        latest_value = np.where(c > 0, d, latest_value)
        rows.append([a, b, latest_value, np.full_like(a, 3 * (n + 1))])
    return np.stack([turned(np.moveaxis(np.stack(row), 0, axis), axis, reverse) for row in zip(*rows, strict=True)])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(8, 32), (2, 256)])
def test_tuples(device, rng, shape, axis, reverse):
    x, y = rng.integers(-2, 3, (2, *shape)).astype(np.int32)
    out = np.zeros((4, *shape), np.int32)
    tuple_kernel[(1,)](tensor(x), tensor(y), tensor(out), *shape, axis, reverse)
    assert (out == scan_pairs(x, y, axis, reverse)).all()


def test_every_mode(any_device, rng):
    x, y = rng.integers(-2, 3, (2, 4, 64)).astype(np.int32)
    out = np.zeros((4, 4, 64), np.int32)
    tuple_kernel[(1,)](tensor(x), tensor(y), tensor(out), 4, 64, 1, True)
    assert (out == scan_pairs(x, y, 1, True)).all()


@triton.jit
def mixed_kernel(x_ptr, out_ptr, ORDER: tl.constexpr, SIZE: tl.constexpr):
    """The bits of the scanned axis are in any order: the layout comes from a load before reshapes and a permutation."""
    i = tl.arange(0, SIZE)
    x = tl.reshape(tl.load(x_ptr + i), (2, 4, 8, 4, 4))
    tl.store(out_ptr + i, tl.cumsum(tl.reshape(tl.permute(x, ORDER), (SIZE,)), 0))


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (1, 4, 0, 2, 3)])
def test_layouts_out_of_order(device, rng, order):
    x, out = rng.integers(-9, 9, (2, 1024)).astype(np.int32)
    mixed_kernel[(1,)](tensor(x), tensor(out), order, 1024)
    assert (out == np.cumsum(x.reshape(2, 4, 8, 4, 4).transpose(order).ravel())).all()


@triton.jit
def compact_kernel(x_ptr, out_ptr, n_ptr, n, BLOCK: tl.constexpr):
    """The positive numbers of a long vector, in order: a scan in a loop."""
    kept = 0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n, other=0)
        keep = (x > 0).to(tl.int32)
        place = kept + tl.cumsum(keep, 0) - keep
        tl.store(out_ptr + place, x, mask=x > 0)
        kept += tl.sum(keep)
    tl.store(n_ptr, kept)


def test_compaction(device, rng):
    x, out, count = rng.integers(-9, 9, 1000).astype(np.int32), np.zeros(1000, np.int32), np.zeros(1, np.int32)
    compact_kernel[(1,)](tensor(x), tensor(out), tensor(count), 1000, BLOCK=256)
    expected = x[x > 0]
    assert count[0] == len(expected) and (out[: count[0]] == expected).all()


@triton.jit
def equal_rows_kernel(x_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row, column = tl.arange(0, ROWS)[:, None], tl.arange(0, COLUMNS)[None, :]
    x = tl.broadcast_to(tl.load(x_ptr + 2 * column), (ROWS, COLUMNS))
    tl.store(out_ptr + row * COLUMNS + column, tl.cumsum(x, 0))


def test_rows_that_are_held_once(device, rng):
    x, out = rng.integers(-9, 9, 128).astype(np.int32), np.zeros((16, 64), np.int32)
    equal_rows_kernel[(1,)](tensor(x), tensor(out), 16, 64, num_warps=1)
    assert (out == np.arange(1, 17)[:, None] * x[::2]).all()
