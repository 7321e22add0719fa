"""Loops whose masks are true for whole tiles: values, and no access outside of the tensors, for any bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config


@pytest.fixture(autouse=True)
def bounds() -> Iterator[None]:
    with config.scope(TRITON_ALLOY_BOUNDS="1"):
        yield


@triton.jit(do_not_specialize=["low", "high", "step", "limit"])
def product(
    a_ptr, b_ptr, c_ptr, M, N, low, high, step, limit, sa, sb,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, STAGES: tl.constexpr, STYLE: tl.constexpr,
):  # fmt: skip
    """The sum over tiles of k that begin at low, low + step, ..., of what is below `limit`."""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in tl.range(low, high, step, num_stages=STAGES):
        inner = k + rk
        if STYLE == "less":
            inside = inner < limit
        elif STYLE == "at most":
            inside = inner <= limit - 1
        elif STYLE == "rest":
            inside = rk < limit - k
        elif STYLE == "more":
            inside = limit > inner
        else:
            inside = inner.to(tl.uint32) < limit.to(tl.uint32)
        a = tl.load(a_ptr + rm[:, None] * sa + inner[None, :], mask=(rm[:, None] < M) & inside[None, :], other=0.0)
        b = tl.load(b_ptr + inner[:, None] * sb + rn[None, :], mask=inside[:, None] & (rn[None, :] < N), other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(c_ptr + rm[:, None] * N + rn[None, :], acc, mask=(rm[:, None] < M) & (rn[None, :] < N))


def expected(a, b, low, high, step, limit, block):
    total = torch.zeros(a.shape[0], b.shape[1])
    for k in range(low, high, step):
        part = slice(k, min(k + block, limit))
        total += a[:, part].float() @ b[part].float()
    return total


CASES = [
    (0, 40, 16, 40),
    (0, 64, 16, 64),
    (0, 64, 16, 61),
    (0, 15, 16, 15),
    (0, 0, 16, 40),
    (16, 8, 16, 40),
    (5, 40, 16, 40),
    (3, 64, 7, 64),
    (0, 64, 24, 64),
    (0, 64, 16, 1),
    (32, 64, 16, 64),
]


@pytest.mark.parametrize("style", ["less", "at most", "rest", "more", "unsigned"])
def test_a_matrix_product_of_any_bounds(device, style):
    for M, N in ((16, 16), (37, 23)):
        for low, high, step, limit in CASES:
            a, b, c = torch.randn(M, limit), torch.randn(limit, N), torch.full((M, N), 7.0)
            numbers = (M, N, low, high, step, limit, limit, N)
            grid = (triton.cdiv(M, 16), triton.cdiv(N, 16))
            product[grid](a, b, c, *numbers, BM=16, BN=16, BK=16, STAGES=2, STYLE=style, num_warps=1)
            torch.testing.assert_close(c, expected(a, b, low, high, step, limit, 16), rtol=1e-4, atol=1e-4)


@triton.jit
def accumulate(x_ptr, o_ptr, low, high, n, first, STEP: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    """Numbers near the limits of i32: what is loaded is at the difference from `first`."""
    r, c = tl.arange(0, B)[:, None], tl.arange(0, C)[None, :]
    acc = tl.zeros((B, C), tl.float32)
    for k in range(low, high, STEP):
        at = k + c
        acc += tl.load(x_ptr + r * 0 + (at - first), mask=(at < n) & (r < B), other=100.0)
    tl.store(o_ptr + r * C + c, acc)


@pytest.mark.parametrize("low", [0, 2**31 - 2**13, -(2**31), -100])
@pytest.mark.parametrize("kept", [0, 70, 96, 200])
def test_masks_near_the_limits_of_i32(device, low, kept):
    """high + 31 may be no i32; what the mask leaves out is outside of x."""
    x, o = torch.arange(float(max(kept, 1))), torch.zeros(8, 32)
    high = low + 100 if low < 2**30 else 2**31 - 2**13 + 100
    accumulate[(1,)](x, o, low, high, low + kept, low, STEP=32, B=8, C=32, num_warps=1)
    padded = torch.cat((x[:kept], torch.full((512,), 100.0)))
    wanted = sum(padded[k : k + 32] for k in range(0, 100, 32))
    torch.testing.assert_close(o, wanted.expand(8, 32))


@triton.jit
def last(x_ptr, o_ptr, low, n, C: tl.constexpr):
    """The tile's last numbers are no i32, so they wrap to what is below n."""
    c = tl.arange(0, C)
    acc = tl.zeros((C,), tl.float32)
    for k in range(low, low + C, C):
        at = k + c
        acc += tl.load(x_ptr + c, mask=at < n, other=-1.0)
    tl.store(o_ptr + c, acc)


def test_numbers_that_wrap_are_below_the_limit(device):
    x, o = torch.arange(64.0), torch.zeros(64)
    low = 2**31 - 96
    last[(1,)](x, o, low, 2**31 - 64, C=64, num_warps=1)
    torch.testing.assert_close(o, torch.where(torch.arange(64) < 32, x, torch.tensor(-1.0)))
    last[(1,)](x, o, low, -(2**31) + 5, C=64, num_warps=1)
    assert (o == -1).all()


@triton.jit
def backwards(x_ptr, o_ptr, high, n, B: tl.constexpr):
    """From the ragged edge to the first tile."""
    i = tl.arange(0, B)
    acc = tl.zeros((B,), tl.float32)
    for k in range(high, -1, -B):
        acc = acc * 2 + tl.load(x_ptr + k + i, mask=k + i < n, other=1.0)
    tl.store(o_ptr + i, acc)


@pytest.mark.parametrize(("high", "n"), [(32, 48), (32, 40), (48, 20), (-1, 5), (0, 16)])
def test_loops_that_count_down(device, high, n):
    x, o, wanted = torch.randn(n), torch.zeros(16), torch.zeros(16)
    backwards[(1,)](x, o, high, n, B=16, num_warps=1)
    padded = torch.cat((x, torch.ones(200)))
    for k in range(high, -1, -16):
        wanted = wanted * 2 + padded[k : k + 16]
    torch.testing.assert_close(o, wanted, rtol=1e-5, atol=1e-5)


@triton.jit
def scatter(o_ptr, count_ptr, low, high, n, B: tl.constexpr, GUARD: tl.constexpr):
    """Masked stores and atomics, in a branch too."""
    i = tl.arange(0, B)
    for k in range(low, high, B):
        at = k + i
        tl.store(o_ptr + at, at, mask=at < n)
        if k > GUARD:
            tl.atomic_add(count_ptr + at, 1, mask=at < n)


@pytest.mark.parametrize("n", [0, 1, 64, 100, 128])
def test_stores_and_atomics_keep_their_masks(device, n):
    memory = torch.full((256,), -1, dtype=torch.int32)
    o, count = memory[:n] if n else memory[:1], torch.zeros(max(n, 1), dtype=torch.int32)
    scatter[(1,)](o, count, 0, 128, n, B=64, GUARD=0, num_warps=1)
    places = torch.arange(256, dtype=torch.int32)
    assert torch.equal(memory, torch.where(places < n, places, -1))
    assert torch.equal(count[:n], (places[:n] >= 64).int())


@triton.jit
def nested(x_ptr, o_ptr, rows, n, B: tl.constexpr):
    """Of a lower triangle: the inner loop's bounds, and its mask, depend on the outer one's number."""
    i = tl.arange(0, B)
    acc = tl.zeros((B,), tl.float32)
    for row in range(rows):
        for k in range(0, row + 1, B):
            at = k + i
            acc = acc * 2 + tl.load(x_ptr + row * n + at, mask=at <= row, other=0.5)
        k = 0
        while k < n:
            acc += tl.load(x_ptr + row * n + k + i, mask=k + i < n, other=0.25)
            k += B
    tl.store(o_ptr + i, acc)


@pytest.mark.parametrize(("rows", "n"), [(0, 5), (5, 5), (20, 20), (16, 40)])
def test_masks_of_outer_loops_and_while_loops(device, rows, n):
    x, o = torch.randn(rows, n, dtype=torch.float64).float(), torch.zeros(8)
    nested[(1,)](x if rows else torch.zeros(1), o, rows, n, B=8, num_warps=1)
    wanted = torch.zeros(8)
    for row in range(rows):
        for k in range(0, row + 1, 8):
            part = torch.full((8,), 0.5)
            part[: min(8, row + 1 - k)] = x[row, k : min(k + 8, row + 1)]
            wanted = wanted * 2 + part
        for k in range(0, n, 8):
            part = torch.full((8,), 0.25)
            part[: min(8, n - k)] = x[row, k : min(k + 8, n)]
            wanted = wanted + part
    torch.testing.assert_close(o, wanted, rtol=1e-5, atol=1e-4)


@triton.jit
def wide(x_ptr, o_ptr, n, n64_ptr, step, B: tl.constexpr):
    """Loops that count with an i64, by a step that is no power of two."""
    i = tl.arange(0, B)
    acc = tl.zeros((B,), tl.float32)
    n64 = tl.load(n64_ptr)
    for k in range(n64 * 0, n64, step):
        tl.multiple_of(k, 1)
        acc += tl.load(x_ptr + (k + i), mask=(k + i < n64) & (i < n), other=3.0)
    tl.store(o_ptr + i, acc)


@pytest.mark.parametrize(("n", "step"), [(0, 5), (7, 5), (29, 8), (64, 13), (64, 64)])
def test_i64_loops(device, n, step):
    x, o = torch.randn(max(n, 1)), torch.zeros(16)
    wide[(1,)](x, o, 16, torch.tensor([n]), step, B=16, num_warps=1)
    padded = torch.cat((x[:n], torch.full((32,), 3.0)))
    wanted = sum((padded[k : k + 16] for k in range(0, n, step)), torch.zeros(16))
    torch.testing.assert_close(o, wanted, rtol=1e-5, atol=1e-5)


@triton.jit
def blocks(a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Descriptors of tensors, which check each element."""
    a = tl.make_tensor_descriptor(a_ptr, [M, K], [K, 1], [BM, BK])
    b = tl.make_tensor_descriptor(b_ptr, [K, N], [N, 1], [BK, BN])
    c = tl.make_tensor_descriptor(c_ptr, [M, N], [N, 1], [BM, BN])
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        acc = tl.dot(a.load([m, k]), b.load([k, n]), acc)
    c.store([m, n], acc)


@pytest.mark.parametrize(("M", "N", "K"), [(32, 32, 64), (40, 36, 68), (4, 4, 4)])
def test_descriptors(device, M, N, K):
    a, b, c = torch.randn(M, K), torch.randn(K, N), torch.zeros(M, N)
    blocks[(triton.cdiv(M, 32), triton.cdiv(N, 32))](a, b, c, M, N, K, BM=32, BN=32, BK=32, num_warps=4)
    torch.testing.assert_close(c, a @ b, rtol=1e-4, atol=1e-4)
