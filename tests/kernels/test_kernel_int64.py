"""64-bit integers wherever values cross lanes and simdgroups: Metal's shuffles and reductions take 32 bits at most."""

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import tensor


@triton.jit
def rows_kernel(x_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row, column = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    x = tl.load(x_ptr + row[:, None] * COLUMNS + column[None, :])
    tl.store(out_ptr + row, tl.sum(x, axis=1))
    tl.store(out_ptr + ROWS + row, tl.max(x, axis=1))
    tl.store(out_ptr + 2 * ROWS + row, tl.min(x, axis=1))
    tl.store(out_ptr + 3 * ROWS + row, tl.xor_sum(x, axis=1))
    tl.store(out_ptr + 4 * ROWS + row, tl.argmax(x, axis=1).to(x.dtype))
    total = tl.sum(x)
    tl.store(out_ptr + 5 * ROWS + row, total + row)


def rows(x: np.ndarray) -> np.ndarray:
    whole = np.full(len(x), x.sum(dtype=x.dtype)) + np.arange(len(x), dtype=x.dtype)
    parts = [x.sum(axis=1, dtype=x.dtype), x.max(axis=1), x.min(axis=1), np.bitwise_xor.reduce(x, axis=1)]
    return np.stack([*parts, x.argmax(axis=1).astype(x.dtype), whole])


@triton.jit
def moves_kernel(x_ptr, index_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    SIZE: tl.constexpr = ROWS * COLUMNS
    row, column = tl.arange(0, ROWS)[:, None], tl.arange(0, COLUMNS)[None, :]
    x = tl.load(x_ptr + row * COLUMNS + column)
    tl.store(out_ptr + row * COLUMNS + column, tl.cumsum(x, axis=1))
    tl.store(out_ptr + SIZE + row * COLUMNS + column, tl.sort(x, dim=1))
    index = tl.load(index_ptr + row * COLUMNS + column)
    tl.store(out_ptr + 2 * SIZE + row * COLUMNS + column, tl.gather(x, index, axis=1))
    turned = tl.trans(x)
    tl.store(out_ptr + 3 * SIZE + tl.arange(0, SIZE), tl.reshape(turned, (SIZE,)))


def moves(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    parts = [x.cumsum(axis=1, dtype=x.dtype), np.sort(x, axis=1), np.take_along_axis(x, index, axis=1), x.T]
    return np.stack([part.ravel() for part in parts])


def numbers(rng: np.random.Generator, dtype: str, shape: tuple[int, int]) -> np.ndarray:
    """All bits random, with a few that differ in one of the words only."""
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    x[:, 3], x[:, 4], x[:, 5] = 2**32 + 7, 2**32 + 9, 2**33 + 7
    return x


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_reductions(any_device, rng, dtype):
    x = numbers(rng, dtype, (4, 128))
    out = np.zeros((6, 4), dtype)
    rows_kernel[(1,)](tensor(x), tensor(out), 4, 128)
    assert (out == rows(x)).all()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_scans_sorts_gathers_and_transpositions(any_device, rng, dtype):
    x, index = numbers(rng, dtype, (4, 64)), rng.integers(0, 64, (4, 64)).astype(np.int32)
    out = np.zeros((4, 4 * 64), dtype)
    moves_kernel[(1,)](tensor(x), tensor(index), tensor(out), 4, 64)
    assert (out == moves(x, index)).all()
