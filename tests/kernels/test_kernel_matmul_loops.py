"""Matrix products whose loops are spelled in ways that a compiler which recognises matrix products gets wrong.

Each is an ordinary program. What a loop does must follow from the loop alone: not from the names of arguments, not
from an argument that looks like the depth, not from the usual step.
"""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

M, N, DEPTH = 48, 80, 128
BLOCK_M, BLOCK_N, BLOCK_K = 16, 16, 32


@triton.jit
def tiles_kernel(
    a_ptr, b_ptr, c_ptr, sa, sb, sc, NT, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """The loop counts tiles: its bound is no extent of a matrix."""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    ap = a_ptr + rm[:, None] * sa + rk[None, :]
    bp = b_ptr + rk[:, None] * sb + rn[None, :]
    acc = tl.zeros((BM, BN), tl.float32)
    for _ in range(NT):
        acc += tl.dot(tl.load(ap), tl.load(bp))
        ap += BK
        bp += BK * sb
    tl.store(c_ptr + rm[:, None] * sc + rn[None, :], acc)


@triton.jit
def half_kernel(
    a_ptr, b_ptr, c_ptr, sa, sb, sc, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """Only the first half of the depth is summed, on purpose."""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(K // (2 * BK)):
        a = tl.load(a_ptr + rm[:, None] * sa + (k * BK + rk)[None, :])
        b = tl.load(b_ptr + (k * BK + rk)[:, None] * sb + rn[None, :])
        acc += tl.dot(a, b)
    tl.store(c_ptr + rm[:, None] * sc + rn[None, :], acc)


@triton.jit
def unrelated_kernel(
    a_ptr, b_ptr, c_ptr, sa, sb, sc, DIM, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """The depth is called DIM; K is something else, added at the end."""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(tl.cdiv(DIM, BK)):
        inner = k * BK + rk
        a = tl.load(a_ptr + rm[:, None] * sa + inner[None, :], mask=inner[None, :] < DIM, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * sb + rn[None, :], mask=inner[:, None] < DIM, other=0.0)
        acc += tl.dot(a, b)
    tl.store(c_ptr + rm[:, None] * sc + rn[None, :], acc + K)


@triton.jit
def renamed_kernel(
    zebra, K, half, first, second, third, M, device, kernel, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """Misleading names: K is b's pointer, M is the depth; `half`, `device` and `kernel` are words of MSL."""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    float4 = tl.arange(0, BK)
    threadgroup = tl.zeros((BM, BN), tl.float32)
    for constant in range(0, M, BK):
        uint = zebra + rm[:, None] * first + (constant + float4)[None, :]
        char = K + (constant + float4)[:, None] * second + rn[None, :]
        threadgroup = tl.dot(tl.load(uint), tl.load(char), threadgroup)
    tl.store(half + rm[:, None] * third + rn[None, :], threadgroup * device + kernel)


@triton.jit
def flat_kernel(
    a_ptr, b_ptr, c_ptr, sa, sb, sc, columns, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """One grid axis for both; the step of the loop is two tiles."""
    pid = tl.program_id(0)
    blocks = tl.cdiv(columns, BN)
    rm = pid // blocks * BM + tl.arange(0, BM)
    rn = pid % blocks * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, 2 * BK):
        for half in range(2):
            inner = k + half * BK + rk
            a = tl.load(a_ptr + rm[:, None] * sa + inner[None, :])
            acc = tl.dot(a, tl.load(b_ptr + inner[:, None] * sb + rn[None, :]), acc)
    tl.store(c_ptr + rm[:, None] * sc + rn[None, :], acc)


BLOCKS = {"BM": BLOCK_M, "BN": BLOCK_N, "BK": BLOCK_K}
GRID = (M // BLOCK_M, N // BLOCK_N)


@pytest.fixture(params=["float32", "float16"])
def matrices(request) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """a, b and room for c; the numbers are eighths, so that every sum is exact."""
    a, b = (torch.randint(-8, 9, shape) / 8 for shape in ((M, DEPTH), (DEPTH, N)))
    kind = getattr(torch, request.param)
    return a.to(kind), b.to(kind), torch.full((M, N), -1.0)


def test_loop_over_tiles(any_device, matrices):
    a, b, c = matrices
    tiles_kernel[GRID](a, b, c, DEPTH, N, N, DEPTH // BLOCK_K, **BLOCKS)
    assert torch.equal(c.double(), a.double() @ b.double())


def test_half_of_the_depth(device, matrices):
    a, b, c = matrices
    half_kernel[GRID](a, b, c, DEPTH, N, N, DEPTH, **BLOCKS)
    assert torch.equal(c.double(), a[:, : DEPTH // 2].double() @ b[: DEPTH // 2].double())


@pytest.mark.parametrize("unrelated", [3, 32, 1000])
def test_an_unrelated_k(device, matrices, unrelated):
    a, b, c = matrices
    unrelated_kernel[GRID](a, b, c, DEPTH, N, N, DEPTH, unrelated, **BLOCKS)
    assert torch.equal(c.double(), a.double() @ b.double() + unrelated)


def test_renamed_arguments(device, matrices):
    a, b, c = matrices
    renamed_kernel[GRID](a, b, c, DEPTH, N, N, DEPTH, 2, 5, **BLOCKS)
    assert torch.equal(c.double(), a.double() @ b.double() * 2 + 5)


def test_flat_grid_and_wide_steps(device, matrices):
    a, b, c = matrices
    flat_kernel[(GRID[0] * GRID[1],)](a, b, c, DEPTH, N, N, N, DEPTH, **BLOCKS)
    assert torch.equal(c.double(), a.double() @ b.double())


def test_a_square_of_equal_sizes(device):
    """Rows, columns and depth all equal to one tile's size: nothing tells them apart but the program."""
    a, b, c = torch.randint(-8, 9, (32, 32)) / 8, torch.randint(-8, 9, (32, 32)) / 8, torch.zeros(32, 32)
    tiles_kernel[(1, 1)](a, b, c, 32, 32, 32, 1, BM=32, BN=32, BK=32)
    assert torch.equal(c.double(), a.double() @ b.double())
