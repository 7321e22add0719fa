"""A classifier in mlx.nn whose products and softmax are Triton kernels, with gradients: mx.custom_function.

    python -m triton_alloy.examples.mlx_training

On a Mac the kernels are nodes of MLX's graph and run on the GPU, elsewhere they run on the CPU.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx  # pyright: ignore[reportMissingImports]
import mlx.nn as nn  # pyright: ignore[reportMissingImports]
import mlx.optimizers as optimizers  # pyright: ignore[reportMissingImports]
import triton
import triton.language as tl

from triton_alloy.mlx import triton_call


@triton.jit
def matmul_kernel(a_ptr, b_ptr, M, N, K, a_row, a_column, b_row, b_column, c_ptr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    k = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK, BLOCK), tl.float32)
    for start in range(0, K, BLOCK):
        inner = start + k
        a = tl.load(a_ptr + row * a_row + inner[None, :] * a_column, mask=(row < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(
            b_ptr + inner[:, None] * b_row + column * b_column, mask=(inner[:, None] < K) & (column < N), other=0.0
        )
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(c_ptr + row * N + column, total, mask=(row < M) & (column < N))


@triton.jit
def softmax_kernel(x_ptr, columns, y_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    place = tl.program_id(0) * columns + i
    x = tl.load(x_ptr + place, mask=i < columns, other=-float("inf"))
    y = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_ptr + place, y / tl.sum(y, axis=0), mask=i < columns)


@triton.jit
def softmax_gradient_kernel(y_ptr, dy_ptr, columns, dx_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    place = tl.program_id(0) * columns + i
    y = tl.load(y_ptr + place, mask=i < columns, other=0.0)
    dy = tl.load(dy_ptr + place, mask=i < columns, other=0.0)
    tl.store(dx_ptr + place, y * (dy - tl.sum(y * dy, axis=0)), mask=i < columns)


def product(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of two matrices, each of which may be read transposed."""
    m, k = reversed(a.shape) if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    a_strides = (1, a.shape[1]) if transpose_a else (a.shape[1], 1)
    b_strides = (1, b.shape[1]) if transpose_b else (b.shape[1], 1)
    return triton_call(
        *(a, b, m, n, k, *a_strides, *b_strides),
        kernel=matmul_kernel,
        out_shape=((m, n), a.dtype),
        grid=(triton.cdiv(m, 32), triton.cdiv(n, 32)),
        BLOCK=32,
    )


@mx.custom_function
def matmul(a: Any, b: Any) -> Any:
    """a @ b."""
    return product(a, b)


@matmul.vjp
def matmul_gradient(primals: Any, cotangent: Any, output: Any) -> Any:
    """The gradients of a and b."""
    a, b = primals
    return product(cotangent, b, transpose_b=True), product(a, cotangent, transpose_a=True)


@mx.custom_function
def softmax(x: Any) -> Any:
    """The softmax of every row."""
    rows, columns = x.shape
    block = triton.next_power_of_2(columns)
    return triton_call(x, columns, kernel=softmax_kernel, out_shape=x, grid=rows, BLOCK=block)


@softmax.vjp
def softmax_gradient(primal: Any, cotangent: Any, output: Any) -> Any:
    """The gradient of x, from the result."""
    rows, columns = output.shape
    block = triton.next_power_of_2(columns)
    call: Any = {"kernel": softmax_gradient_kernel, "out_shape": output, "grid": rows, "BLOCK": block}
    return triton_call(output, cotangent, columns, **call)


class Classifier(nn.Module):
    """Two layers; the result is a probability per class."""

    def __init__(self, inputs: int, hidden: int, classes: int):
        super().__init__()
        self.first = mx.random.normal((inputs, hidden)) / inputs**0.5
        self.second = mx.random.normal((hidden, classes)) / hidden**0.5

    def __call__(self, x: Any) -> Any:
        return softmax(matmul(nn.relu(matmul(x, self.first)), self.second))


def train(steps: int = 60, seed: int = 0) -> tuple[list[float], float]:
    """Learn which third of the circle a point lies in. Returns the loss of every step, and the final accuracy."""
    mx.random.seed(seed)
    x = mx.random.normal((256, 2))
    labels = ((mx.arctan2(x[:, 1], x[:, 0]) + mx.pi) / (2 * mx.pi) * 3).astype(mx.int32) % 3
    model = Classifier(2, 48, 3)
    optimizer = optimizers.Adam(learning_rate=0.03)

    def loss_of(model: Classifier, x: Any, labels: Any) -> Any:
        chosen = mx.take_along_axis(model(x), labels[:, None], axis=1)
        return -mx.mean(mx.log(chosen + 1e-9))

    step = nn.value_and_grad(model, loss_of)
    losses = []
    for _ in range(steps):
        loss, gradients = step(model, x, labels)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        losses.append(loss.item())
    accuracy = mx.mean(mx.argmax(model(x), axis=1) == labels).item()
    return losses, accuracy


if __name__ == "__main__":
    losses, accuracy = train()
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, {accuracy:.0%} of the points classified rightly")
