"""tl.sort, tl.topk and tl.flip: Triton makes these of reshapes to a hypercube, exclusive sums and choices."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy import config


@triton.jit
def sort_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, DESCENDING: tl.constexpr):
    i = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(out_ptr + i, tl.sort(tl.load(x_ptr + i), descending=DESCENDING))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape", [(1, 1024), (16, 32), (256, 2)])
def test_rows(device, rng, shape, descending):
    x, out = rng.integers(-1000, 1000, (2, *shape)).astype(np.int32)
    sort_kernel[(1,)](tensor(x), tensor(out), *shape, descending)
    expected = np.sort(x, axis=1)
    assert (out == (expected[:, ::-1] if descending else expected)).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float16", "bfloat16", "float32"])
def test_element_types(device, dtype):
    x = torch.randint(0, 100, (4, 64)).to(getattr(torch, dtype))
    if x.is_signed():
        x -= 50
    out = torch.zeros_like(x)
    sort_kernel[(1,)](x, out, 4, 64, False)
    assert torch.equal(out, torch.sort(x, dim=1).values)


def test_every_mode(any_device, rng):
    x, out = rng.integers(-1000, 1000, (2, 2, 64)).astype(np.int32)
    sort_kernel[(1,)](tensor(x), tensor(out), 2, 64, False)
    assert (out == np.sort(x, axis=1)).all()


@triton.jit
def top_kernel(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    tl.store(out_ptr + tl.arange(0, M)[:, None] * K + tl.arange(0, K)[None, :], tl.topk(x, K))


@pytest.mark.parametrize("shape, k", [((1, 512), 16), ((8, 64), 4), ((4, 32), 1)])
def test_the_largest(device, shape, k):
    x, out = torch.randn(shape), torch.zeros(shape[0], k)
    top_kernel[(1,)](x, out, *shape, k)
    assert torch.equal(out, torch.topk(x, k, dim=1).values)


@triton.jit
def flip_kernel(x_ptr, out_ptr, SHAPE: tl.constexpr, SIZE: tl.constexpr, AXIS: tl.constexpr):
    i = tl.arange(0, SIZE)
    x = tl.reshape(tl.load(x_ptr + i), SHAPE)
    tl.store(out_ptr + i, tl.reshape(tl.flip(x, AXIS), (SIZE,)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flip(device, axis):
    x, out = torch.randn(4, 8, 32), torch.zeros(4, 8, 32)
    flip_kernel[(1,)](x, out, (4, 8, 32), x.numel(), axis)
    assert torch.equal(out, x.flip(axis))


@triton.jit
def hypercube_kernel(x_ptr, out_ptr, ORDER: tl.constexpr):
    i = tl.arange(0, 4096)
    x = tl.reshape(tl.load(x_ptr + i), (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2))
    total = tl.sum(tl.permute(x, ORDER), axis=5, keep_dims=True)
    tl.store(out_ptr + i, tl.reshape(tl.permute(x, ORDER) + total, (4096,)))


def test_rank_twelve(device):
    order = (3, 7, 0, 11, 5, 2, 9, 1, 8, 10, 4, 6)
    x, out = np.arange(4096, dtype=np.int32), np.zeros(4096, np.int32)
    hypercube_kernel[(1,)](tensor(x), tensor(out), order)
    cube = x.reshape((2,) * 12).transpose(order)
    assert (out == (cube + cube.sum(axis=5, keepdims=True)).ravel()).all()


def test_a_sort_compiles_quickly():
    """Best of three, of Triton's front end and all stages of ours: about 2,000 operations become 400 lines."""
    x, out = torch.randn(1, 1024), torch.zeros(1, 1024)
    seconds = []
    for warps in (1, 2, 4):
        with config.scope(TRITON_ALLOY_TARGET="cpu"):
            start = time.process_time()
            sort_kernel[(1,)](x, out, 1, 1024, False, num_warps=warps)
            seconds.append(time.process_time() - start)
    assert torch.equal(out, torch.sort(x).values)
    assert min(seconds) < 2.5
