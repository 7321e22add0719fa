"""Tensor descriptors, made on the host or in the kernel: blocks of a tensor, clipped at its edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor


def blocks_of(x: torch.Tensor, block: list[int], padding: str = "zero") -> TensorDescriptor:
    return TensorDescriptor(x, list(x.shape), list(x.stride()), block, padding)


def padded(x: torch.Tensor, starts: list[int], block: list[int], fill: float = 0.0) -> torch.Tensor:
    """The block of x that starts there, `fill` outside of x."""
    out = torch.full(block, fill, dtype=x.dtype)
    inside = [range(max(s, 0), min(s + b, n)) for s, b, n in zip(starts, block, x.shape, strict=True)]
    if all(inside):
        source = tuple(slice(r.start, r.stop) for r in inside)
        out[tuple(slice(r.start - s, r.stop - s) for r, s in zip(inside, starts, strict=True))] = x[source]
    return out


@triton.jit
def copy_kernel(x, out, y, z):
    out.store([y, z], x.load([y, z]))


@pytest.mark.parametrize("dtype", ["int8", "int32", "float16", "bfloat16", "float32"])
@pytest.mark.parametrize("start", [(0, 0), (8, 16), (16, 32), (64, 0)])
def test_blocks_from_the_host(device, dtype, start):
    x = torch.randint(-100, 100, (20, 48)).to(getattr(torch, dtype))
    out = torch.full((20, 48), 7).to(x.dtype)
    copy_kernel[(1,)](blocks_of(x, [8, 32]), blocks_of(out, [8, 32]), *start)
    expected = torch.full_like(x, 7)
    y, z = start
    expected[y : y + 8, z : z + 32] = x[y : y + 8, z : z + 32]
    assert torch.equal(out, expected)


@triton.jit
def load_kernel(x, out_ptr, y, z, M: tl.constexpr, N: tl.constexpr):
    tl.store(out_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :], x.load([y, z]))


@pytest.mark.parametrize("padding, fill", [("zero", 0.0), ("nan", float("nan"))])
@pytest.mark.parametrize("start", [(-3, 40), (16, -5), (100, 0), (1, 2)])
def test_what_lies_outside(device, padding, fill, start):
    x, out = torch.randn(20, 48), torch.full((8, 32), 7.0)
    load_kernel[(1,)](blocks_of(x, [8, 32], padding), out, *start, 8, 32)
    expected = padded(x, list(start), [8, 32], fill)
    assert torch.equal(out.nan_to_num(9e9), expected.nan_to_num(9e9))


@triton.jit
def cube_kernel(x_ptr, out_ptr, A, B, C, P: tl.constexpr, Q: tl.constexpr, R: tl.constexpr):
    """Made in the kernel; of three dimensions; reshaped and transposed."""
    x = tl.make_tensor_descriptor(x_ptr, shape=[A, B, C], strides=[B * C, C, 1], block_shape=[P, Q, R])
    out = tl.make_tensor_descriptor(out_ptr, shape=[C, A * B], strides=[A * B, 1], block_shape=[R, P * Q])
    for a in range(0, A, P):
        block = tl.load_tensor_descriptor(x, [a, 0, tl.program_id(0) * R])
        tl.store_tensor_descriptor(out, [tl.program_id(0) * R, a * B], block.reshape(P * Q, R).T)


def test_blocks_in_the_kernel(device):
    x, out = torch.randn(6, 8, 32), torch.zeros(32, 48)
    cube_kernel[(2,)](x, out, 6, 8, 32, 2, 8, 16)
    assert torch.equal(out, x.reshape(48, 32).T)


REDUCTIONS = {
    "add": torch.add, "min": torch.minimum, "max": torch.maximum, "and": torch.bitwise_and, "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
}  # fmt: skip


@triton.jit
def reduce_kernel(out, x_ptr, KIND: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    if KIND == "add":
        out.atomic_add([12, 24], x)
    elif KIND == "min":
        out.atomic_min([12, 24], x)
    elif KIND == "max":
        out.atomic_max([12, 24], x)
    elif KIND == "and":
        out.atomic_and([12, 24], x)
    elif KIND == "or":
        out.atomic_or([12, 24], x)
    else:
        out.atomic_xor([12, 24], x)


@pytest.mark.parametrize(
    "kind, dtype",
    [(kind, dtype) for kind in REDUCTIONS for dtype in ("int32", "uint32")]
    + [("add", "float32"), ("add", "float16"), ("add", "bfloat16")],
)
def test_reductions_into_memory(device, kind, dtype):
    numbers = torch.randint(0 if dtype == "uint32" else -50, 50, (2, 20, 48))
    out, x = (n.to(getattr(torch, dtype)) for n in numbers)
    x = x[:16, :32].contiguous()
    expected = numbers[0].clone()
    expected[12:, 24:] = REDUCTIONS[kind](numbers[0][12:, 24:], numbers[1][:8, :24])
    reduce_kernel[(1,)](blocks_of(out, [16, 32]), x, kind, 16, 32)
    assert torch.equal(out.to(torch.int64), expected)


@triton.jit
def rows_kernel(x, out, rows_ptr, gathered_ptr, column, N: tl.constexpr, C: tl.constexpr):
    rows = tl.load(rows_ptr + tl.arange(0, N))
    block = x.gather(rows, column)
    tl.store(gathered_ptr + tl.arange(0, N)[:, None] * C + tl.arange(0, C)[None, :], block)
    out.scatter(block, rows, column)


def test_rows_in_any_order(device):
    x, out, gathered = torch.randn(40, 64), torch.zeros(40, 64), torch.zeros(16, 32)
    rows = torch.randperm(40)[:16].to(torch.int32)
    rows_kernel[(1,)](blocks_of(x, [1, 32]), blocks_of(out, [1, 32]), rows, gathered, 16, 16, 32)
    expected = torch.zeros_like(x)
    expected[rows.long(), 16:48] = x[rows.long(), 16:48]
    assert torch.equal(gathered, x[rows.long(), 16:48])
    assert torch.equal(out, expected)


def test_in_every_mode(any_device):
    x, out = torch.randn(20, 48), torch.zeros(20, 48)
    copy_kernel[(1,)](blocks_of(x, [8, 32]), blocks_of(out, [8, 32]), 16, 32)
    assert torch.equal(out[16:, 32:], x[16:, 32:]) and np.count_nonzero(out.numpy()) == 4 * 16
