"""Operations that move elements: exact, on integers that number the elements, in every rank and element size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor

DTYPES = ["int8", "float16", "float32", "int64"]


def numbered(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Different numbers, as far as the dtype has them."""
    period = 2039 if dtype == "float16" else 1 << 31
    return (np.arange(np.prod(shape)) % period).reshape(shape).astype(dtype)


@triton.jit
def transpose_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    rows = tl.arange(0, M)
    columns = tl.arange(0, N)
    x = tl.load(x_ptr + rows[:, None] * N + columns[None, :])
    tl.store(out_ptr + columns[:, None] * M + rows[None, :], tl.trans(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 32), (2, 2), (16, 64), (64, 64), (128, 8)])
def test_transpose(device, shape, dtype):
    x = numbered(shape, dtype)
    out = np.zeros(shape[::-1], dtype)
    transpose_kernel[(1,)](tensor(x), tensor(out), *shape)
    assert (out == x.T).all()


@triton.jit
def move_kernel(x_ptr, out_ptr, SHAPE: tl.constexpr, ORDER: tl.constexpr, SIZE: tl.constexpr):
    """Load in order, reshape to SHAPE, permute, store the flat result."""
    i = tl.arange(0, SIZE)
    x = tl.reshape(tl.load(x_ptr + i), SHAPE)
    tl.store(out_ptr + i, tl.reshape(tl.permute(x, ORDER), (SIZE,)))


@pytest.mark.parametrize(
    "shape, order",
    [
        ((8, 16, 4), (2, 0, 1)),
        ((8, 16, 4), (0, 2, 1)),
        ((1, 32, 2), (2, 1, 0)),
        ((4, 2, 8, 16), (3, 1, 0, 2)),
        ((2, 2, 2, 2, 2), (4, 0, 3, 1, 2)),
        ((64, 32), (1, 0)),
    ],
)
def test_permute(device, shape, order):
    size = int(np.prod(shape))
    x, out = numbered(shape, "int32"), np.zeros(size, "int32")
    move_kernel[(1,)](tensor(x), tensor(out), shape, order, size, num_warps=2)
    assert (out == x.transpose(order).ravel()).all()


@triton.jit
def reshape_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, P: tl.constexpr, Q: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    y = tl.reshape(x, (P, Q)) + tl.arange(0, P)[:, None] * 10000
    tl.store(out_ptr + tl.arange(0, P)[:, None] * Q + tl.arange(0, Q)[None, :], y)


@pytest.mark.parametrize(
    "shape, target", [((16, 64), (64, 16)), ((64, 16), (8, 128)), ((1, 64), (64, 1)), ((4, 4), (2, 8))]
)
def test_reshape(device, shape, target):
    x, out = numbered(shape, "int32"), np.zeros(target, "int32")
    reshape_kernel[(1,)](tensor(x), tensor(out), *shape, *target)
    assert (out == x.reshape(target) + np.arange(target[0])[:, None] * 10000).all()


@triton.jit
def broadcast_kernel(x_ptr, y_ptr, z_ptr, out_ptr, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    a = tl.arange(0, A)
    b = tl.arange(0, B)
    c = tl.arange(0, C)
    x = tl.load(x_ptr + a)
    y = tl.load(y_ptr + b)
    z = tl.load(z_ptr + c)
    grid = x[:, None, None] + y[None, :, None] * 100 + z[None, None, :] * 10000
    middle = tl.broadcast_to(tl.expand_dims(x, 1), (A, B))
    offsets = a[:, None, None] * (B * C) + b[None, :, None] * C + c[None, None, :]
    tl.store(out_ptr + offsets, grid)
    tl.store(out_ptr + A * B * C + a[:, None] * B + b[None, :], middle)
    tl.store(out_ptr + A * B * C + A * B + c, tl.zeros((C,), tl.int32) + 7 + tl.full((C,), 3, tl.int32))


@pytest.mark.parametrize("sizes", [(4, 8, 16), (16, 1, 64), (2, 32, 2)])
def test_broadcast(any_device, sizes):
    a, b, c = sizes
    x, y, z = (np.arange(size, dtype=np.int32) for size in sizes)
    out = np.zeros(a * b * c + a * b + c, np.int32)
    broadcast_kernel[(1,)](tensor(x), tensor(y), tensor(z), tensor(out), *sizes)
    grid = x[:, None, None] + y[None, :, None] * 100 + z * 10000
    expected = np.concatenate([grid.ravel(), np.repeat(x, b), np.full(c, 10, np.int32)])
    assert (out == expected).all()


@triton.jit
def join_kernel(x_ptr, y_ptr, joined_ptr, interleaved_ptr, left_ptr, right_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    joined = tl.join(x, y)
    tl.store(joined_ptr + i[:, None] * 2 + tl.arange(0, 2)[None, :], joined)
    tl.store(interleaved_ptr + tl.arange(0, 2 * N), tl.interleave(x, y))
    left, right = tl.split(joined + 1)
    tl.store(left_ptr + i, left)
    tl.store(right_ptr + i, right)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 16, 256])
def test_join_and_split(device, rng, size, dtype):
    x, y = (rng.integers(-50, 50, size).astype(dtype) for _ in range(2))
    joined, interleaved, left, right = (np.zeros(n, dtype) for n in (2 * size, 2 * size, size, size))
    join_kernel[(1,)](*map(tensor, (x, y, joined, interleaved, left, right)), size)
    assert (joined.reshape(size, 2) == np.stack([x, y], axis=1)).all()
    assert (interleaved == joined).all()
    assert (left == x + 1).all() and (right == y + 1).all()


@triton.jit
def halves_kernel(x_ptr, low_ptr, high_ptr, M: tl.constexpr, N: tl.constexpr):
    """The two halves of every row, as attention on wide heads takes them apart."""
    rows = tl.arange(0, M)[:, None]
    x = tl.load(x_ptr + rows * N + tl.arange(0, N)[None, :])
    low, high = x.reshape((M, 2, N // 2)).permute((0, 2, 1)).split()
    half = tl.arange(0, N // 2)[None, :]
    tl.store(low_ptr + rows * (N // 2) + half, low)
    tl.store(high_ptr + rows * (N // 2) + half, high)


def test_halves_of_rows(device):
    x = numbered((32, 64), "int32")
    low, high = np.zeros((2, 32, 32), "int32")
    halves_kernel[(1,)](tensor(x), tensor(low), tensor(high), 32, 64)
    assert (low == x[:, :32]).all() and (high == x[:, 32:]).all()


@triton.jit
def cat_kernel(x_ptr, y_ptr, out_ptr, ordered_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    both = tl.arange(0, 2 * N)
    tl.store(out_ptr + both, tl.cat(x, y, can_reorder=True))
    tl.store(ordered_ptr + both, tl.cat(x, y))


@pytest.mark.parametrize("size", [8, 128])
def test_cat(device, size):
    x, y = np.arange(size, dtype=np.int32), np.arange(1000, 1000 + size, dtype=np.int32)
    out, ordered = np.zeros((2, 2 * size), np.int32)
    cat_kernel[(1,)](tensor(x), tensor(y), tensor(out), tensor(ordered), size)
    assert sorted(out.tolist()) == [*x, *y]
    assert ordered.tolist() == [*x, *y]


@triton.jit
def range_kernel(out_ptr, pairs_ptr, START: tl.constexpr, END: tl.constexpr):
    i = tl.arange(START, END)
    tl.store(out_ptr + i - START, i)
    offsets = tl.arange(0, END - START)
    tl.store(pairs_ptr + offsets, tl.flip(i) * 2)


@pytest.mark.parametrize("start, end", [(0, 2), (0, 64), (16, 32), (100, 356)])
def test_range(device, start, end):
    out, pairs = np.zeros((2, end - start), np.int32)
    range_kernel[(1,)](tensor(out), tensor(pairs), start, end)
    assert (out == np.arange(start, end)).all()
    assert (pairs == np.arange(start, end)[::-1] * 2).all()


@triton.jit
def outer_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    """Views of one row and one column that meet again after transposition."""
    rows = tl.arange(0, M)
    columns = tl.arange(0, N)
    x = tl.load(x_ptr + rows[:, None] * N + columns[None, :])
    y = tl.trans(tl.trans(x) + rows[None, :]) - columns[None, :]
    z = tl.ravel(y) + tl.arange(0, M * N)
    tl.store(out_ptr + tl.arange(0, M * N), z)


@pytest.mark.parametrize("warps", [1, 4, 8])
def test_mixed_layouts(device, warps):
    x = numbered((32, 16), "int32")
    out = np.zeros(512, "int32")
    outer_kernel[(1,)](tensor(x), tensor(out), 32, 16, num_warps=warps)
    expected = x + np.arange(32)[:, None] - np.arange(16)
    assert (out == expected.ravel() + np.arange(512)).all()


@triton.jit
def large_kernel(x_ptr, out_ptr, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(out_ptr + i, tl.load(x_ptr + i) + 1.0)


@pytest.mark.parametrize("size", [1, 2, 4096, 32768])
def test_sizes_of_a_block(device, size):
    x, out = torch.randn(size), torch.zeros(size)
    large_kernel[(1,)](x, out, size)
    assert torch.equal(out, x + 1)


@triton.jit
def joined_pointers_kernel(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    """Pointers are joined, split, concatenated, gathered and unsplat like numbers."""
    i = tl.arange(0, N)
    both = tl.join(x_ptr + i, y_ptr + i)
    left, right = tl.split(both + 1)
    tl.store(out_ptr + i, tl.load(left, mask=i < N - 1, other=0) - tl.load(right, mask=i < N - 1, other=0))
    longer = tl.load(tl.cat(x_ptr + i, y_ptr + i))
    tl.store(out_ptr + N + tl.arange(0, 2 * N), longer)
    one = (x_ptr + 3 + tl.arange(0, 1)).item()
    tl.store(out_ptr + 3 * N, tl.load(one))


def test_pointers(device, rng):
    x, y = rng.integers(-50, 50, (2, 64)).astype(np.int32)
    out = np.zeros(193, np.int32)
    joined_pointers_kernel[(1,)](tensor(x), tensor(y), tensor(out), 64)
    expected = np.append(x[1:] - y[1:], 0)
    assert (out == np.concatenate([expected, x, y, x[3:4]])).all()


@triton.jit
def wide_product_kernel(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.umulhi(tl.load(x_ptr + i), tl.load(y_ptr + i)))
    tl.store(out_ptr + N, tl.umulhi(tl.load(x_ptr), tl.load(y_ptr)))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_the_high_half_of_a_product(any_device, rng, dtype):
    bits = np.iinfo(dtype).bits
    x, y = (rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, 64, dtype) for _ in range(2))
    out = np.zeros(65, dtype)
    wide_product_kernel[(1,)](tensor(x), tensor(y), tensor(out), 64)
    products = [(int(a) % 2**bits * (int(b) % 2**bits)) >> bits for a, b in zip(x, y, strict=True)]
    assert [int(value) % 2**bits for value in out] == [*products, products[0]]
