"""Loads and stores: masks, other values, any pointer arithmetic, and that masked lanes touch no memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy import config
from triton_alloy.errors import Unsupported


@triton.jit
def masked_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mask = (i < n) & (i % 3 != 1)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=mask, other=-7), mask=i < BLOCK - 1)
    tl.store(out_ptr + BLOCK + i, tl.load(x_ptr + i, mask=mask, other=i.to(x_ptr.dtype.element_ty)))
    tl.store(out_ptr + 2 * BLOCK + i, tl.load(x_ptr + i, mask=mask, other=0))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "float16", "float32"])
def test_mask_and_other(device, dtype):
    x = np.arange(100, 164).astype(dtype)
    out = np.full((3, 64), 99, dtype)
    masked_kernel[(1,)](tensor(x), tensor(out), 51, BLOCK=64)
    i = np.arange(64)
    mask = (i < 51) & (i % 3 != 1)
    assert (out[0] == np.where(i == 63, 99, np.where(mask, x, -7))).all()
    assert (out[1] == np.where(mask, x, i)).all()
    assert (out[2] == np.where(mask, x, 0)).all()


@triton.jit
def far_kernel(x_ptr, out_ptr, distance, BLOCK: tl.constexpr):
    """Masked lanes point far outside of every buffer."""
    i = tl.arange(0, BLOCK)
    inside = i % 2 == 0
    offsets = tl.where(inside, i.to(tl.int64), i.to(tl.int64) * distance)
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets, mask=inside, other=0) + 1, mask=inside)


@pytest.mark.parametrize("distance", [1 << 40, -(1 << 40), 1 << 20])
def test_masked_lanes_touch_no_memory(any_device, distance):
    x, out = np.arange(64, dtype=np.int32), np.zeros(64, np.int32)
    far_kernel[(1,)](tensor(x), tensor(out), distance, BLOCK=64)
    assert (out == np.where(np.arange(64) % 2 == 0, x + 1, 0)).all()


@triton.jit
def all_masked_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < 0, other=5)
    y = tl.load(x_ptr, mask=x_ptr.to(tl.int64) == 1, other=6)
    tl.store(out_ptr + i, x + y)
    tl.store(out_ptr + BLOCK, 99, mask=x_ptr.to(tl.int64) == 1)


def test_nothing_is_loaded_where_all_is_masked(device):
    x, out = np.zeros(1, np.int32), np.zeros(65, np.int32)
    all_masked_kernel[(1,)](tensor(x), tensor(out), BLOCK=64)
    assert (out[:64] == 11).all() and out[64] == 0


def test_edges_of_a_buffer(device):
    """A block that ends beyond the buffer leaves what lies behind it alone."""
    for n in (1, 31, 32, 33, 63, 64, 65, 127):
        x, out = np.arange(n, dtype=np.float32), np.full(256, -1, np.float32)
        edge_kernel[(2,)](tensor(x), tensor(out), n, BLOCK=64)
        assert (out[:n] == x * 2).all() and (out[n:] == -1).all()


@triton.jit
def edge_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * 2, mask=i < n)


@triton.jit
def strided_kernel(x_ptr, out_ptr, rows, columns, xs0, xs1, os0, os1, M: tl.constexpr, N: tl.constexpr):
    i = tl.program_id(0) * M + tl.arange(0, M)
    j = tl.program_id(1) * N + tl.arange(0, N)
    mask = (i[:, None] < rows) & (j[None, :] < columns)
    x = tl.load(x_ptr + i[:, None] * xs0 + j[None, :] * xs1, mask=mask)
    tl.store(out_ptr + i[:, None] * os0 + j[None, :] * os1, x, mask=mask)


VIEWS = {
    "rows": lambda x: x,
    "columns": lambda x: x.T,
    "every other": lambda x: x[::2, ::3],
    "backwards": lambda x: x[::-1, ::-1],
    "rows backwards": lambda x: x[::-1],
    "broadcast": lambda x: np.lib.stride_tricks.as_strided(x, x.shape, (0, x.strides[1])),
    "padded": lambda x: x[:, 5:60],
}


def view_arguments(x: np.ndarray) -> tuple[torch.Tensor, list[int]]:
    """The memory of a view from its first element on, as a tensor, and the strides in elements; PyTorch has no negative
    strides."""
    whole = x
    while getattr(whole, "base", None) is not None:
        whole = whole.base
    start = (x.ctypes.data - whole.ctypes.data) // x.itemsize
    return tensor(whole.reshape(-1))[start:], [stride // x.itemsize for stride in x.strides]


@pytest.mark.parametrize("source", VIEWS)
@pytest.mark.parametrize("target", ["rows", "columns", "backwards", "padded"])
def test_strides(device, source, target):
    x = VIEWS[source](np.arange(77 * 77, dtype=np.float32).reshape(77, 77))
    base = np.zeros((160, 160), np.float32)
    out = VIEWS[target](base)[: x.shape[0], : x.shape[1]]
    (x_start, x_strides), (out_start, out_strides) = view_arguments(x), view_arguments(out)
    columns = min(x.shape[1], out.shape[1])
    grid = (triton.cdiv(x.shape[0], 16), triton.cdiv(columns, 64))
    strided_kernel[grid](x_start, out_start, x.shape[0], columns, *x_strides, *out_strides, M=16, N=64)
    assert (out[:, :columns] == x[:, :columns]).all()
    assert np.count_nonzero(base) == np.count_nonzero(x[:, :columns])


@triton.jit
def gather_kernel(x_ptr, index_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    index = tl.load(index_ptr + i)
    tl.store(out_ptr + index, tl.load(x_ptr + index) * 2 + i)


@pytest.mark.parametrize("index_type", ["int32", "int64", "uint8"])
def test_gather_and_scatter(device, rng, index_type):
    x, index = rng.integers(0, 1000, 128).astype(np.int32), rng.permutation(128).astype(index_type)
    out = np.zeros(128, np.int32)
    gather_kernel[(1,)](tensor(x), tensor(index), tensor(out), BLOCK=128)
    expected = np.zeros(128, np.int32)
    expected[index.astype(int)] = x[index.astype(int)] * 2 + np.arange(128)
    assert (out == expected).all()


@triton.jit
def walk_kernel(x_ptr, out_ptr, n, steps, BLOCK: tl.constexpr):
    """Pointers carried by a loop, a scalar one and a block of them, one of them going back."""
    forward = x_ptr + tl.arange(0, BLOCK)
    backward = x_ptr + n - 1 - tl.arange(0, BLOCK)
    single = x_ptr
    total = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        total += tl.load(forward) * 2 + tl.load(backward) * 3 + tl.load(single)
        forward += BLOCK
        backward -= BLOCK
        single += 1
    tl.store(out_ptr + tl.arange(0, BLOCK), total)


def test_loop_carried_pointers(any_device):
    x, out = np.arange(320, dtype=np.float32), np.zeros(64, np.float32)
    walk_kernel[(1,)](tensor(x), tensor(out), 320, 5, BLOCK=64)
    forward, backward = x.reshape(5, 64), x[::-1].reshape(5, 64)
    assert (out == (forward * 2 + backward * 3 + np.arange(5)[:, None]).sum(axis=0)).all()


@triton.jit
def list_kernel(head_ptr, next_ptr, out_ptr, steps):
    """Each offset comes from the load before it."""
    at = tl.load(head_ptr)
    for step in range(steps):
        tl.store(out_ptr + step, at)
        at = tl.load(next_ptr + at)


def test_offsets_loaded_in_a_loop(device, rng):
    order = rng.permutation(20).astype(np.int32)
    following = np.zeros(20, np.int32)
    following[order] = np.roll(order, -1)
    out = np.zeros(20, np.int32)
    list_kernel[(1,)](tensor(order[:1].copy()), tensor(following), tensor(out), 20)
    assert (out == order).all()


@triton.jit
def choose_kernel(x_ptr, y_ptr, out_ptr, flag, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    ptrs = tl.where(i % 2 == 0, x_ptr + i, y_ptr + 2 * i)
    tl.store(out_ptr + i, tl.load(ptrs))
    chosen = tl.where(flag > 0, x_ptr, y_ptr)
    tl.store(out_ptr + BLOCK + i, tl.load(chosen + i))
    tl.store(tl.where(i < 4, out_ptr + 2 * BLOCK + i, y_ptr + i), -1.0, mask=i < 4)


@pytest.mark.parametrize("flag", [0, 5])
def test_where_on_pointers(device, flag):
    x, y = np.arange(32, dtype=np.float32), np.arange(1000, 1064, dtype=np.float32)
    out = np.zeros(96, np.float32)
    choose_kernel[(1,)](tensor(x), tensor(y), tensor(out), flag, BLOCK=32)
    i = np.arange(32)
    assert (out[:32] == np.where(i % 2 == 0, x, y[2 * i])).all()
    assert (out[32:64] == (x if flag else y[:32])).all()
    assert (out[64:] == np.where(i < 4, -1, 0)).all()


@triton.jit
def table_kernel(table_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """Pointers to rows, stored as integers in memory, as in grouped matrix products."""
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    row_ptr = tl.load(table_ptr + row).to(tl.pointer_type(tl.float32))
    tl.store(out_ptr + row * n + i, tl.load(row_ptr + i, mask=i < n, other=0), mask=i < n)


@triton.jit
def blocks_kernel(table_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    ptrs = tl.load(table_ptr + i % 3).to(tl.pointer_type(tl.float32))
    tl.store(out_ptr + i, tl.load(ptrs + i))


def test_pointers_from_memory(any_device):
    if any_device[1] == "sanitize":
        pytest.skip("the sanitizer runs kernels on copies of the buffers: an address in memory is not one of a copy")
    rows = [torch.randn(50) for _ in range(3)]
    table = torch.tensor([row.data_ptr() for row in rows])
    out = torch.zeros(3, 50)
    if config.RUNTIME.text == "metal":  # a GPU has addresses of its own
        with pytest.raises(Unsupported, match="makes pointers of numbers"):
            table_kernel[(3,)](table, out, 50, BLOCK=64)
        return
    table_kernel[(3,)](table, out, 50, BLOCK=64)
    assert torch.equal(out, torch.stack(rows))
    mixed = torch.zeros(32)
    blocks_kernel[(1,)](table, mixed, BLOCK=32)
    assert torch.equal(mixed, torch.stack([rows[i % 3][i] for i in range(32)]))


@triton.jit
def scalar_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    first = tl.load(x_ptr)
    tl.store(out_ptr, first + 1)
    tl.store(out_ptr + 1, tl.load(x_ptr + 1, mask=first > 1000, other=42))
    tl.store(out_ptr + 2 + tl.arange(0, BLOCK), first)
    tl.store(out_ptr + 2 + BLOCK + tl.arange(0, BLOCK)[:, None] * 0, 8 + tl.arange(0, BLOCK)[:, None] * 0)


def test_single_elements(device):
    """Loads and stores of scalars; several lanes may store the same value to one place."""
    x, out = np.array([5, 6], np.int32), np.zeros(36, np.int32)
    scalar_kernel[(1,)](tensor(x), tensor(out), BLOCK=32)
    assert out.tolist() == [6, 42, *[5] * 32, 8, 0]


@triton.jit
def hints_kernel(x_ptr, out_ptr, stride, BLOCK: tl.constexpr):
    i = tl.max_contiguous(tl.multiple_of(tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), BLOCK), BLOCK)
    stride = tl.multiple_of(stride, 8)
    tl.assume(stride > 0)
    x = tl.load(x_ptr + i * stride, cache_modifier=".ca", eviction_policy="evict_first", volatile=True)
    tl.store(out_ptr + i, x, cache_modifier=".wb", eviction_policy="evict_last")


def test_hints_change_nothing(device):
    x, out = np.arange(1024, dtype=np.float32), np.zeros(128, np.float32)
    hints_kernel[(2,)](tensor(x), tensor(out), 8, BLOCK=64)
    assert (out == x[::8]).all()


@triton.jit
def in_place_kernel(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.debug_barrier()
    tl.store(x_ptr + n - 1 - i, x, mask=i < n)


@pytest.mark.parametrize("warps", [1, 8])
def test_in_place(any_device, warps):
    """All loads of a program come before the barrier, all stores after it."""
    x = np.arange(1000, dtype=np.float32)
    expected = x[::-1].copy()
    in_place_kernel[(1,)](tensor(x), 1000, BLOCK=1024, num_warps=warps)
    assert (x == expected).all()


@triton.jit
def exchange_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """What one lane stores another loads, in the same program, after a barrier."""
    i = tl.arange(0, BLOCK)
    for step in range(n):
        x = tl.load(x_ptr + i)
        tl.debug_barrier()
        tl.store(x_ptr + (i + 1) % BLOCK, x + step)
        tl.debug_barrier()
    tl.store(out_ptr + i, tl.load(x_ptr + i))


def test_memory_seen_by_other_lanes(any_device):
    x = np.arange(256, dtype=np.int32)
    out, expected = np.zeros(256, np.int32), x.copy()
    exchange_kernel[(1,)](tensor(x), tensor(out), 6, BLOCK=256, num_warps=4)
    for step in range(6):
        expected = np.roll(expected + step, 1)
    assert (out == expected).all()


@triton.jit
def wide_kernel(x_ptr, out_ptr, offset, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + (i.to(tl.int64) + offset) - offset))


def test_64_bit_offsets(device):
    x, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    wide_kernel[(1,)](tensor(x), tensor(out), 1 << 50, BLOCK=64)
    assert (out == x).all()


@triton.jit
def rotate_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (i + 1) % BLOCK)
    tl.store(x_ptr + i, x)
    total = tl.load(x_ptr) + 1
    tl.store(x_ptr, total)


def test_a_program_reads_all_before_it_writes(any_device):
    x = torch.arange(256, dtype=torch.int32)
    rotate_kernel[(1,)](x, BLOCK=256, num_warps=8)
    wanted = torch.arange(256).roll(-1)
    wanted[0] += 1
    assert torch.equal(x, wanted.int())
