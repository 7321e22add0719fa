"""64-bit floats across registers, lanes, simdgroups and programs: as 64-bit integers, and what floats add to that."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.kernels.test_kernel_int64 import moves, moves_kernel
from tests.support.kernels import tensor
from triton_alloy import array
from triton_alloy.errors import DeviceAssertion


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of many sizes, with some that differ in one half of their bits only; whole, so that sums are exact."""
    x = np.round(rng.uniform(-1, 1, shape) * 2.0 ** rng.integers(0, 40, shape))
    x[..., 3], x[..., 4], x[..., 5] = 2.0**33, 2.0**33 + 1, 2.0**34
    return x


@triton.jit
def rows_kernel(x_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row, column = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    x = tl.load(x_ptr + row[:, None] * COLUMNS + column[None, :])
    tl.store(out_ptr + row, tl.sum(x, axis=1))
    tl.store(out_ptr + ROWS + row, tl.max(x, axis=1))
    tl.store(out_ptr + 2 * ROWS + row, tl.min(x, axis=1))
    tl.store(out_ptr + 3 * ROWS + row, tl.argmax(x, axis=1).to(x.dtype))
    tl.store(out_ptr + 4 * ROWS + row, tl.reduce(x / x, 1, _times))
    total = tl.sum(x)
    tl.store(out_ptr + 5 * ROWS + row, total + row)
    tl.store(out_ptr + 6 * ROWS + row, tl.reduce(x, 1, _larger))


@triton.jit
def _times(a, b):
    return a * b


@triton.jit
def _larger(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@pytest.mark.parametrize("shape", [(4, 128), (1, 32), (64, 8)])
def test_reductions(any_device, rng, shape):
    x = numbers(rng, shape)
    x[x == 0] = 1.0
    out = np.zeros((7, shape[0]))
    rows_kernel[(1,)](tensor(x), tensor(out), *shape)
    parts = [x.sum(axis=1), x.max(axis=1), x.min(axis=1), x.argmax(axis=1), np.ones(shape[0])]
    assert (out == np.stack([*parts, x.sum() + np.arange(shape[0]), x.max(axis=1)])).all()


def test_reductions_of_nan(any_device, rng):
    x = numbers(rng, (4, 128))
    x[x == 0] = 1.0
    x[1, 77] = np.nan
    out = np.zeros((7, 4))
    rows_kernel[(1,)](tensor(x), tensor(out), 4, 128)
    rest = np.where(np.isnan(x), -np.inf, x).max(axis=1)
    assert np.array_equal(np.isnan(out[[0, 6]]), [[False, True, False, False]] * 2)
    assert (out[1] == rest).all()


def test_scans_sorts_gathers_and_transpositions(any_device, rng):
    x, index = numbers(rng, (4, 64)), rng.integers(0, 64, (4, 64)).astype(np.int32)
    out = np.zeros((4, 4 * 64))
    moves_kernel[(1,)](tensor(x), tensor(index), tensor(out), 4, 64)
    assert (out == moves(x, index)).all()


@triton.jit
def dot_kernel(a_ptr, b_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    a, b = tl.load(a_ptr + m * K + k[None, :]), tl.load(b_ptr + k[:, None] * N + n)
    tl.store(out_ptr + m * N + n, tl.dot(a, b, out_dtype=tl.float64))


def test_dots(any_device, rng):
    a, b = (rng.integers(-(2**20), 2**20, shape).astype(np.float64) for shape in ((16, 32), (32, 16)))
    out = np.zeros((16, 16))
    dot_kernel[(1,)](tensor(a), tensor(b), tensor(out), 16, 16, 32)
    assert (out == a @ b).all()


@triton.jit
def wide_kernel(x_ptr, out_ptr, n, scale: tl.float64, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n, other=-0.25)
    scaled = x * scale
    while tl.max(scaled) > 1000.0:
        scaled = scaled / 8
    tl.store(out_ptr + i, scaled)


def test_vectors_masks_and_loops(any_device, rng):
    """Two elements in 16 bytes; a mask that ends in the middle."""
    x, out = rng.uniform(-5000, 5000, 1000), np.zeros(1024)
    wide_kernel[(4,)](tensor(x), tensor(out), 1000, 0.3, BLOCK=256)
    wanted = (np.append(x, [-0.25] * 24) * 0.3).reshape(4, 256)
    for block in wanted:
        while block.max() > 1000:
            block /= 8
    assert (out == wanted.ravel()).all()


@triton.jit
def atomic_kernel(x_ptr, place_ptr, total_ptr, old_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x, place = tl.load(x_ptr + i, mask), tl.load(place_ptr + i, mask)
    tl.atomic_add(total_ptr + place, x, mask)
    tl.atomic_max(total_ptr + 8 + place, x, mask)
    tl.atomic_min(total_ptr + 16 + place, x, mask)
    old = tl.atomic_xchg(old_ptr + i, x, mask)
    tl.store(old_ptr + i, old + tl.load(old_ptr + i, mask), mask)
    tl.atomic_cas(total_ptr + 24, tl.full((), 7.0, tl.float64), tl.full((), 8.5, tl.float64))
    tl.atomic_add(total_ptr + 25, 0.5)


def test_atomics(any_device, rng):
    x, place = np.round(rng.uniform(-1e6, 1e6, 100)), rng.integers(0, 8, 100).astype(np.int32)
    total, old = np.zeros(26), np.full(100, 0.5)
    total[24] = 7.0
    atomic_kernel[(2,)](tensor(x), tensor(place), tensor(total), tensor(old), 100, BLOCK=64)
    wanted = np.zeros((3, 8))
    np.add.at(wanted[0], place, x)
    np.maximum.at(wanted[1], place, x)
    np.minimum.at(wanted[2], place, x)
    assert (total[:24].reshape(3, 8) == wanted).all()
    assert total[24:].tolist() == [8.5, 1.0]
    assert (old == x + 0.5).all()


@triton.jit
def print_kernel(x_ptr, n: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, n))
    tl.device_print(" x:", x)
    tl.device_assert(x < 2.0**40, "too large")


def test_prints_and_assertions(any_device, capfd):
    x = np.array([0.1, -1e12, 0.0, np.inf])
    with pytest.raises(DeviceAssertion, match=r"too large.*element \(3\)"):
        print_kernel[(1,)](tensor(x), 4, debug=True)
    lines = [line.rsplit(": ", 1)[1] for line in capfd.readouterr().out.splitlines()]
    assert sorted(lines) == ["-1000000000000.000000", "0.000000", "0.100000", "inf"]


@triton.jit
def half_way_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, x.to(tl.float64).to(tl.float32) + 1, i < n)


def test_a_conversion_and_back_costs_nothing(device):
    x, out = torch.randn(64), torch.zeros(64)
    kernel = half_way_kernel[(1,)](x, out, 64, BLOCK=64)
    assert torch.equal(out, x + 1)
    code = re.sub("//.*", "", kernel.asm["msl"])
    assert "float64" not in code and "f64" not in code


def test_arrays_of_numpy(device, rng):
    x, out = rng.uniform(-1, 1, 256), np.zeros(256)
    wide_kernel[(1,)](array(x), array(out), 256, 0.1, BLOCK=256)
    assert (out == x * 0.1).all()
