"""Layer normalisation, forward and backward.

The gradients of weight and bias are sums over all rows. Each program of the backward kernel walks over its share of
the rows with both sums in registers and stores them as one row of partial sums; a second kernel adds those rows up.
"""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from triton_alloy.examples.arrays import Array, argument, empty, max_error, strides


@triton.jit
def layer_norm_forward_kernel(
    x_ptr, y_ptr, weight_ptr, bias_ptr, mean_ptr, rstd_ptr, row_stride, n_columns, eps, BLOCK_SIZE: tl.constexpr
):
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK_SIZE)
    mask = columns < n_columns
    x = tl.load(x_ptr + row * row_stride + columns, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=0) / n_columns
    centred = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / n_columns
    rstd = 1 / tl.sqrt(variance + eps)
    weight = tl.load(weight_ptr + columns, mask=mask).to(tl.float32)
    bias = tl.load(bias_ptr + columns, mask=mask).to(tl.float32)
    tl.store(y_ptr + row * n_columns + columns, centred * rstd * weight + bias, mask=mask)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)


@triton.jit
def layer_norm_backward_kernel(
    dx_ptr, dy_ptr, partial_dw_ptr, partial_db_ptr, x_ptr, weight_ptr, mean_ptr, rstd_ptr,
    row_stride, n_rows, n_columns, BLOCK_SIZE: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0)
    columns = tl.arange(0, BLOCK_SIZE)
    mask = columns < n_columns
    weight = tl.load(weight_ptr + columns, mask=mask, other=0.0).to(tl.float32)
    partial_dw = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    partial_db = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    for row in range(program, n_rows, tl.num_programs(0)):
        x = tl.load(x_ptr + row * row_stride + columns, mask=mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + row * n_columns + columns, mask=mask, other=0.0).to(tl.float32)
        mean = tl.load(mean_ptr + row)
        rstd = tl.load(rstd_ptr + row)
        normalised = tl.where(mask, (x - mean) * rstd, 0.0)
        weighted = weight * dy
        projection = tl.sum(normalised * weighted, axis=0) / n_columns
        average = tl.sum(weighted, axis=0) / n_columns
        dx = (weighted - (normalised * projection + average)) * rstd
        tl.store(dx_ptr + row * n_columns + columns, dx, mask=mask)
        partial_dw += dy * normalised
        partial_db += dy
    tl.store(partial_dw_ptr + program * n_columns + columns, partial_dw, mask=mask)
    tl.store(partial_db_ptr + program * n_columns + columns, partial_db, mask=mask)


@triton.jit
def sum_rows_kernel(x_ptr, y_ptr, n_rows, n_columns, BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr):
    columns = tl.program_id(0) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)
    total = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), dtype=tl.float32)
    for start in range(0, n_rows, BLOCK_ROWS):
        rows = start + tl.arange(0, BLOCK_ROWS)
        mask = (rows[:, None] < n_rows) & (columns[None, :] < n_columns)
        total += tl.load(x_ptr + rows[:, None] * n_columns + columns[None, :], mask=mask, other=0.0)
    tl.store(y_ptr + columns, tl.sum(total, axis=0), mask=columns < n_columns)


def layer_norm(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    """Normalise the rows of a matrix: (y, mean, 1 / standard deviation); the last two in float32, one per row."""
    n_rows, n_columns = x.shape
    y = empty(x.shape, like=x)
    mean, rstd = (empty((n_rows,), like=x, dtype="float32") for _ in range(2))
    layer_norm_forward_kernel[(n_rows,)](
        *map(argument, (x, y, weight, bias, mean, rstd)),
        strides(x)[0],
        n_columns,
        eps,
        BLOCK_SIZE=triton.next_power_of_2(n_columns),
    )
    return y, mean, rstd


def layer_norm_backward(
    dy: Array, x: Array, weight: Array, mean: Array, rstd: Array, n_programs: int = 64
) -> tuple[Array, Array, Array]:
    """The gradients (dx, dweight, dbias) for the contiguous gradient `dy` of the output."""
    n_rows, n_columns = x.shape
    n_programs = min(n_programs, n_rows)
    dx = empty(x.shape, like=x)
    partial_dw, partial_db = (empty((n_programs, n_columns), like=x, dtype="float32") for _ in range(2))
    layer_norm_backward_kernel[(n_programs,)](
        *map(argument, (dx, dy, partial_dw, partial_db, x, weight, mean, rstd)),
        strides(x)[0],
        n_rows,
        n_columns,
        BLOCK_SIZE=triton.next_power_of_2(n_columns),
    )
    return dx, sum_rows(partial_dw, like=weight), sum_rows(partial_db, like=weight)


def sum_rows(x: Array, like: Array) -> Array:
    """The sum of all rows of a contiguous float32 matrix, in the dtype of `like`."""
    n_rows, n_columns = x.shape
    y = empty((n_columns,), like=like)
    grid = (triton.cdiv(n_columns, 128),)
    sum_rows_kernel[grid](argument(x), argument(y), n_rows, n_columns, BLOCK_ROWS=8, BLOCK_COLUMNS=128)
    return y


def reference(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The forward pass in NumPy."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + eps) * weight + bias


def reference_backward(dy: np.ndarray, x: np.ndarray, weight: np.ndarray, eps: float = 1e-5) -> tuple[np.ndarray, ...]:
    """The backward pass in NumPy."""
    centred = x - x.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + eps)
    normalised, weighted = centred * rstd, dy * weight
    projection = (normalised * weighted).mean(axis=1, keepdims=True)
    dx = (weighted - normalised * projection - weighted.mean(axis=1, keepdims=True)) * rstd
    return dx, (dy * normalised).sum(axis=0), dy.sum(axis=0)


def main() -> None:
    """Run both passes on a matrix of odd sizes and print the largest errors."""
    generator = np.random.default_rng(0)
    x, dy = (generator.standard_normal((1151, 781), dtype=np.float32) for _ in range(2))
    weight, bias = (generator.standard_normal(781, dtype=np.float32) for _ in range(2))
    y, mean, rstd = layer_norm(x, weight, bias)
    exact = [array.astype(np.float64) for array in (dy, x, weight, bias)]
    print("largest error, forward:", max_error(y, reference(exact[1], exact[2], exact[3])))
    gradients = layer_norm_backward(dy, x, weight, mean, rstd)
    for name, ours, wanted in zip(
        ("dx", "dweight", "dbias"), gradients, reference_backward(exact[0], exact[1], exact[2]), strict=True
    ):
        print(f"largest error, {name}:", max_error(ours, wanted))


if __name__ == "__main__":
    main()
