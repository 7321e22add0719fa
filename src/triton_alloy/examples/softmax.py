"""Row softmax: one program per row, the row padded to a power of two by a mask."""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from triton_alloy.examples.arrays import Array, argument, empty, max_error, strides


@triton.jit
def softmax_kernel(output_ptr, input_ptr, output_row_stride, input_row_stride, n_columns, BLOCK_SIZE: tl.constexpr):
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK_SIZE)
    mask = columns < n_columns
    x = tl.load(input_ptr + row * input_row_stride + columns, mask=mask, other=-float("inf")).to(tl.float32)
    numerator = tl.exp(x - tl.max(x, axis=0))
    denominator = tl.sum(numerator, axis=0)
    tl.store(output_ptr + row * output_row_stride + columns, numerator / denominator, mask=mask)


def softmax(x: Array, output: Array | None = None) -> Array:
    """The softmax of every row of a matrix whose rows are contiguous, into `output` if one is given."""
    n_rows, n_columns = x.shape
    output = empty(x.shape, like=x) if output is None else output
    softmax_kernel[(n_rows,)](
        argument(output),
        argument(x),
        strides(output)[0],
        strides(x)[0],
        n_columns,
        BLOCK_SIZE=triton.next_power_of_2(n_columns),
    )
    return output


def reference(x: np.ndarray) -> np.ndarray:
    """The same in NumPy."""
    numerator = np.exp(x - x.max(axis=1, keepdims=True))
    return numerator / numerator.sum(axis=1, keepdims=True)


def main() -> None:
    """Take the softmax of a matrix of odd sizes and print the largest error."""
    x = np.random.default_rng(0).standard_normal((1823, 781), dtype=np.float32)
    print("largest error:", max_error(softmax(x), reference(x.astype(np.float64))))


if __name__ == "__main__":
    main()
