"""Flash attention, forward: the scores are never stored.

Each program owns BLOCK_M queries of one head and walks over the keys, with the running maximum and sum of every row's
softmax and the weighted values in registers; a new maximum rescales what was summed before it.
"""

from __future__ import annotations

import math

import numpy as np
import triton
import triton.language as tl

from triton_alloy.examples.arrays import Array, argument, empty, max_error, strides


@triton.jit
def attention_kernel(
    q_ptr, k_ptr, v_ptr, output_ptr, scale, heads, n_queries, n_keys,
    stride_qb, stride_qh, stride_qm, stride_qd, stride_kb, stride_kh, stride_kn, stride_kd,
    stride_vb, stride_vh, stride_vn, stride_vd, stride_ob, stride_oh, stride_om, stride_od,
    HEAD_SIZE: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    CAUSAL: tl.constexpr,
):  # fmt: skip
    start = tl.program_id(0) * BLOCK_M
    batch = tl.program_id(1) // heads
    head = tl.program_id(1) % heads
    q_ptr += batch * stride_qb + head * stride_qh
    k_ptr += batch * stride_kb + head * stride_kh
    v_ptr += batch * stride_vb + head * stride_vh
    output_ptr += batch * stride_ob + head * stride_oh

    queries = start + tl.arange(0, BLOCK_M)
    depth = tl.arange(0, BLOCK_D)
    query_mask = (queries[:, None] < n_queries) & (depth[None, :] < HEAD_SIZE)
    q = tl.load(q_ptr + queries[:, None] * stride_qm + depth[None, :] * stride_qd, mask=query_mask, other=0.0)
    row_max = tl.full([BLOCK_M], -float("inf"), dtype=tl.float32)
    row_sum = tl.zeros([BLOCK_M], dtype=tl.float32)
    accumulator = tl.zeros([BLOCK_M, BLOCK_D], dtype=tl.float32)
    end = n_keys
    if CAUSAL:
        end = tl.minimum(n_keys, start + BLOCK_M)
    for first in range(0, end, BLOCK_N):
        keys = first + tl.arange(0, BLOCK_N)
        key_mask = (depth[:, None] < HEAD_SIZE) & (keys[None, :] < n_keys)
        k = tl.load(k_ptr + depth[:, None] * stride_kd + keys[None, :] * stride_kn, mask=key_mask, other=0.0)
        scores = tl.dot(q, k) * (scale * 1.4426950408889634)  # log2(e): exp2 is the cheaper exponential
        visible = keys[None, :] < n_keys
        if CAUSAL:
            visible = visible & (queries[:, None] >= keys[None, :])
        scores = tl.where(visible, scores, -float("inf"))
        new_max = tl.maximum(row_max, tl.max(scores, axis=1))
        weights = tl.exp2(scores - new_max[:, None])
        correction = tl.exp2(row_max - new_max)
        row_sum = row_sum * correction + tl.sum(weights, axis=1)
        value_mask = (keys[:, None] < n_keys) & (depth[None, :] < HEAD_SIZE)
        v = tl.load(v_ptr + keys[:, None] * stride_vn + depth[None, :] * stride_vd, mask=value_mask, other=0.0)
        accumulator = tl.dot(weights.to(v.dtype), v, accumulator * correction[:, None])
        row_max = new_max
    output = accumulator / row_sum[:, None]
    tl.store(output_ptr + queries[:, None] * stride_om + depth[None, :] * stride_od, output, mask=query_mask)


def attention(
    q: Array, k: Array, v: Array, causal: bool = False, scale: float | None = None, block_m: int = 64, block_n: int = 32
) -> Array:
    """softmax(q k' scale) v of (batch, heads, length, head size) arrays; `scale` defaults to 1 / sqrt(head size)."""
    batches, heads, n_queries, head_size = q.shape
    output = empty(q.shape, like=q)
    grid = (triton.cdiv(n_queries, block_m), batches * heads)
    attention_kernel[grid](
        *map(argument, (q, k, v, output)),
        1 / math.sqrt(head_size) if scale is None else scale,
        heads, n_queries, k.shape[2],
        *strides(q), *strides(k), *strides(v), *strides(output),
        HEAD_SIZE=head_size, BLOCK_D=max(triton.next_power_of_2(head_size), 16),
        BLOCK_M=block_m, BLOCK_N=block_n, CAUSAL=causal,
    )  # fmt: skip
    return output


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool = False) -> np.ndarray:
    """The same in NumPy, with all scores in memory."""
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)) @ v


def main() -> None:
    """Attend over a length that is no multiple of the block, causally and not, and print the largest errors."""
    generator = np.random.default_rng(0)
    q, k, v = (generator.standard_normal((2, 3, 391, 64), dtype=np.float32) for _ in range(3))
    for causal in (False, True):
        exact = reference(*(x.astype(np.float64) for x in (q, k, v)), causal)
        print(f"largest error, {causal = }:", max_error(attention(q, k, v, causal), exact))


if __name__ == "__main__":
    main()
