"""Kernels that may need more than a target has, and what frameworks say of those."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

NUMBERS = tuple(2**40 + i for i in range(520))  # 4160 bytes
WEIGHED = 3 + sum(number * (i + 1) for i, number in enumerate(NUMBERS))
MATRIX = torch.from_numpy(np.random.default_rng(0).integers(-8, 8, (64, 64)).astype(np.float32))
THREADS = "Thread group size (1024) is greater than  the maximum allowed threads per threadgroup (384)."
MEMORY = "Threadgroup memory size (40960) exceeds the maximum threadgroup memory allowed (32768)"


@triton.jit
def gram_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    places = i[:, None] * n + i[None, :]
    mask = (i[:, None] < n) & (i[None, :] < n)
    x = tl.load(x_ptr + places, mask=mask, other=0.0)
    tl.store(out_ptr + places, tl.dot(x, tl.trans(x)), mask=mask)


@triton.jit
def weigh_kernel(x_ptr, numbers, out_ptr, COUNT: tl.constexpr):
    total = tl.load(x_ptr).to(tl.int64)
    for i in tl.static_range(COUNT):
        total += numbers[i] * (i + 1)
    tl.store(out_ptr, total)


def tuned(kernel: Any, configurations: list[triton.Config]) -> Any:
    return triton.autotune(configurations, key=["n"])(kernel)


def failing(message: str) -> Any:
    """A function of PyTorch or MLX that raises."""

    def call(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError(message)

    return call
