"""Vector addition: the smallest kernel, with a mask for the last block."""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from triton_alloy.examples.arrays import Array, argument, empty, max_error


@triton.jit
def add_kernel(x_ptr, y_ptr, output_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(output_ptr + offsets, x + y, mask=mask)


def add(x: Array, y: Array, output: Array | None = None, block_size: int = 1024) -> Array:
    """`x + y` of two contiguous arrays of the same shape and dtype, into `output` if one is given."""
    output = empty(x.shape, like=x) if output is None else output
    n_elements = int(np.prod(x.shape))
    grid = (triton.cdiv(n_elements, block_size),)
    add_kernel[grid](argument(x), argument(y), argument(output), n_elements, BLOCK_SIZE=block_size)
    return output


def reference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The same in NumPy."""
    return x + y


def main() -> None:
    """Add two vectors whose length is no multiple of the block and print the largest error."""
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal(98_431, dtype=np.float32) for _ in range(2))
    print("largest error:", max_error(add(x, y), reference(x.astype(np.float64), y.astype(np.float64))))


if __name__ == "__main__":
    main()
