"""Matrix product with an optional activation fused in, for any sizes and strides.

Programs are numbered in groups of rows of blocks, so that programs which run at about the same time read the same
columns of b and find them in the cache.
"""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from triton_alloy.examples.arrays import Array, argument, empty, max_error, strides


@triton.jit
def leaky_relu(x):
    return tl.where(x >= 0, x, 0.01 * x)


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K,
    stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    ACTIVATION: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(axis=0)
    blocks_m = tl.cdiv(M, BLOCK_M)
    blocks_n = tl.cdiv(N, BLOCK_N)
    programs_in_group = GROUP_M * blocks_n
    first_block_m = program // programs_in_group * GROUP_M
    group_rows = min(blocks_m - first_block_m, GROUP_M)
    block_m = first_block_m + (program % programs_in_group) % group_rows
    block_n = (program % programs_in_group) // group_rows

    rows = block_m * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = block_n * BLOCK_N + tl.arange(0, BLOCK_N)
    inner = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + rows[:, None] * stride_am + inner[None, :] * stride_ak
    b_ptrs = b_ptr + inner[:, None] * stride_bk + columns[None, :] * stride_bn
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, K, BLOCK_K):
        a = tl.load(a_ptrs, mask=(rows[:, None] < M) & (inner[None, :] < K - k), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < K - k) & (columns[None, :] < N), other=0.0)
        accumulator = tl.dot(a, b, accumulator)
        a_ptrs += BLOCK_K * stride_ak
        b_ptrs += BLOCK_K * stride_bk
    if ACTIVATION == "leaky_relu":
        accumulator = leaky_relu(accumulator)
    c_ptrs = c_ptr + rows[:, None] * stride_cm + columns[None, :] * stride_cn
    tl.store(c_ptrs, accumulator, mask=(rows[:, None] < M) & (columns[None, :] < N))


def matmul(
    a: Array,
    b: Array,
    activation: str = "",
    output: Array | None = None,
    block_m: int = 64,
    block_n: int = 64,
    block_k: int = 32,
) -> Array:
    """`a @ b`, then "leaky_relu" if asked for: (m, k) and (k, n) give (m, n); all three may have any strides."""
    (m, k), (inner, n) = a.shape, b.shape
    if k != inner:
        raise ValueError(f"a has {k} columns, b has {inner} rows")
    c = empty((m, n), like=a) if output is None else output
    grid = (triton.cdiv(m, block_m) * triton.cdiv(n, block_n),)
    matmul_kernel[grid](
        *map(argument, (a, b, c)),
        m, n, k,
        *strides(a), *strides(b), *strides(c),
        BLOCK_M=block_m, BLOCK_N=block_n, BLOCK_K=block_k, GROUP_M=8, ACTIVATION=activation,
    )  # fmt: skip
    return c


def reference(a: np.ndarray, b: np.ndarray, activation: str = "") -> np.ndarray:
    """The same in NumPy."""
    c = a @ b
    return np.where(c >= 0, c, 0.01 * c) if activation == "leaky_relu" else c


def main() -> None:
    """Multiply two matrices of odd sizes, one of them transposed, and print the largest error."""
    generator = np.random.default_rng(0)
    a = generator.standard_normal((311, 203), dtype=np.float32)
    b = generator.standard_normal((257, 203), dtype=np.float32).T
    exact = reference(a.astype(np.float64), b.astype(np.float64), "leaky_relu")
    print("largest error:", max_error(matmul(a, b, "leaky_relu"), exact))


if __name__ == "__main__":
    main()
