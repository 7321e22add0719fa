"""tl.map_elementwise: functions of single elements, with branches and loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy.errors import Unsupported


@triton.jit
def compare(x, y):
    if x < y:
        return -1
    if x == y:
        return 0
    return 1


@triton.jit
def polynomial(x, scale):
    """A loop whose length all elements share, with a branch in it."""
    total = x
    for i in range(4):
        if total > 1000:
            total -= 1000
        else:
            total = total * scale + i
    return total


@triton.jit
def branches_kernel(x_ptr, y_ptr, out_ptr, scale, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, tl.map_elementwise(compare, x, y))
    tl.store(out_ptr + M * N + i, tl.map_elementwise(polynomial, x, scale))


@pytest.mark.parametrize("shape", [(4, 32), (1, 1024)])
def test_branches(any_device, rng, shape):
    x, y = rng.integers(-9, 9, (2, *shape)).astype(np.int32)
    out = np.zeros((2, *shape), np.int32)
    branches_kernel[(1,)](tensor(x), tensor(y), tensor(out), 7, *shape)
    total = x
    for i in range(4):
        total = np.where(total > 1000, total - 1000, total * 7 + i)
    assert (out[0] == np.sign(x - y)).all()
    assert (out[1] == total).all()


@triton.jit
def divide_pairs(a0, a1, b0, b1):
    return a0 // b0, a1 // b1, a0 % b0, a1 % b1


@triton.jit
def swap_pairs(a0, a1):
    """What the elements of a pack do to each other shows that packs are neighbours."""
    return a1, a0


@triton.jit
def reverse_four(a0, a1, a2, a3):
    return a3, a2, a1, a0


@triton.jit
def pack_kernel(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    quotient, rest = tl.map_elementwise(divide_pairs, x, tl.load(y_ptr + i), pack=2)
    tl.store(out_ptr + i, quotient)
    tl.store(out_ptr + N + i, rest)
    tl.store(out_ptr + 2 * N + i, tl.map_elementwise(swap_pairs, x, pack=2)[0])
    tl.store(out_ptr + 3 * N + i, tl.map_elementwise(reverse_four, x, pack=4)[0])


@pytest.mark.parametrize("size", [16, 512])
def test_packs(device, rng, size):
    x, y = rng.integers(1, 99, (2, size)).astype(np.uint32)
    out = np.zeros((4, size), np.uint32)
    pack_kernel[(1,)](tensor(x), tensor(y), tensor(out), size)
    assert (out[0] == x // y).all() and (out[1] == x % y).all()
    assert (out[2] == x.reshape(-1, 2)[:, ::-1].ravel()).all()
    assert (out[3] == x.reshape(-1, 4)[:, ::-1].ravel()).all()


@triton.jit
def collatz(x):
    steps = 0
    while x != 1:
        x = tl.where(x % 2 == 0, x // 2, 3 * x + 1)
        steps += 1
    return steps


@triton.jit
def count_kernel(x_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(x_ptr + i, tl.map_elementwise(collatz, tl.load(x_ptr + i)))


def test_loops_of_different_lengths_are_refused(device):
    x = torch.arange(1, 65, dtype=torch.int32)
    with pytest.raises(Unsupported, match=r"scf\.while.*elements"):
        count_kernel[(1,)](x, 64)
    assert (x == torch.arange(1, 65)).all()
