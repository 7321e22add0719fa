"""Matrix products of tiles: every type, shape and origin of the operands, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl


@triton.jit
def dot_kernel(
    a_ptr, b_ptr, c_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
    TRANS_A: tl.constexpr, TRANS_B: tl.constexpr, ACCUMULATE: tl.constexpr,
):  # fmt: skip
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    if TRANS_A:
        a = tl.trans(tl.load(a_ptr + k[:, None] * M + m[None, :]))
    else:
        a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    if TRANS_B:
        b = tl.trans(tl.load(b_ptr + n[:, None] * K + k[None, :]))
    else:
        b = tl.load(b_ptr + k[:, None] * N + n[None, :])
    offsets = m[:, None] * N + n[None, :]
    if ACCUMULATE:  # noqa: SIM108
        out = tl.dot(a, b, tl.load(c_ptr + offsets))
    else:
        out = tl.dot(a, b)
    tl.store(out_ptr + offsets, out)


def operands(dtype: str, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Random matrices: small integers for int8, else numbers from -1 to 1."""
    if dtype == "int8":
        return [torch.randint(-128, 128, shape, dtype=torch.int8) for shape in shapes]
    return [(torch.rand(shape) * 2 - 1).to(getattr(torch, dtype)) for shape in shapes]


def check(out: torch.Tensor, exact: torch.Tensor, depth: int) -> None:
    """Integers exactly; floats, whose products are summed in float32 in any order, to its rounding."""
    tolerance = {torch.int32: 0.0, torch.float32: depth * 2e-7}.get(out.dtype, 1e-2)
    check_error(out, exact, tolerance * max(exact.abs().max().item(), 1))


def check_error(out: torch.Tensor, exact: torch.Tensor, tolerance: float) -> None:
    """Assert that the largest error is within the tolerance; NaN is not."""
    error = (out.double() - exact).abs().max().item()
    assert error <= tolerance


def run_dot(dtype, m, n, k, trans_a=False, trans_b=False, accumulate=False, **options):
    a, b = operands(dtype, (m, k), (k, n))
    out_type = torch.int32 if dtype == "int8" else torch.float32
    c = torch.randint(-5, 6, (m, n)).to(out_type)
    out = torch.zeros(m, n, dtype=out_type)
    a_stored = a.T.contiguous() if trans_a else a
    b_stored = b.T.contiguous() if trans_b else b
    dot_kernel[(1,)](a_stored, b_stored, c, out, m, n, k, trans_a, trans_b, accumulate, **options)
    exact = a.double() @ b.double() + (c.double() if accumulate else 0)
    check(out, exact, k)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int8"])
@pytest.mark.parametrize("shape", [(16, 16, 16), (32, 64, 16), (64, 64, 32), (16, 128, 64)])
def test_types(device, dtype, shape):
    run_dot(dtype, *shape, accumulate=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
def test_in_reference_mode(any_device, dtype):
    run_dot(dtype, 16, 32, 16, accumulate=True)


@pytest.mark.parametrize("trans_a, trans_b", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("shape", [(32, 32, 32), (64, 16, 128)])
def test_transposed_operands(device, shape, trans_a, trans_b):
    run_dot("float16", *shape, trans_a, trans_b)
    run_dot("float32", *shape, trans_a, trans_b)


@pytest.mark.parametrize("shape", [(16, 32, 2048), (64, 64, 1024), (32, 16, 64)])
def test_bytes_over_any_depth(any_device, shape):
    """Exact where floats would round, and where the operands are larger than threadgroup memory."""
    run_dot("int8", *shape)


def test_extreme_bytes(device):
    """The largest sum of products that a matrix unit of floats still holds, and the next beyond it."""
    for depth in (1024, 2048):
        a = torch.full((16, depth), -128, dtype=torch.int8)
        b = torch.full((depth, 16), -128, dtype=torch.int8)
        b[-1] = 127
        c = torch.full((16, 16), 7, dtype=torch.int32)
        out = torch.zeros(16, 16, dtype=torch.int32)
        dot_kernel[(1,)](a, b, c, out, 16, 16, depth, TRANS_A=False, TRANS_B=False, ACCUMULATE=True)
        assert (out == 16384 * (depth - 1) - 128 * 127 + 7).all()


@pytest.mark.parametrize("warps", [1, 2, 8])
def test_simdgroups(device, warps):
    run_dot("float32", 64, 32, 32, num_warps=warps)


@pytest.mark.parametrize("shape", [(128, 128, 32), (128, 64, 64)])
def test_large_tiles(device, shape):
    run_dot("float32", *shape, num_warps=8)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 4, 8), (4, 4, 4), (8, 8, 8), (16, 1, 32), (1, 1, 1), (8, 64, 2)])
def test_small_tiles(device, shape):
    """Smaller than any fragment."""
    run_dot("float32", *shape)
    run_dot("float16", *shape, accumulate=True)


@triton.jit
def computed_kernel(a_ptr, b_ptr, scale_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """Both operands are computed, the result is used in further computation."""
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    a = tl.load(a_ptr + m[:, None] * K + k[None, :]).to(tl.float32)
    a = tl.where(k[None, :] <= m[:, None], tl.exp(a), 0.0)
    b = tl.load(b_ptr + k[:, None] * N + n[None, :]) * tl.load(scale_ptr + n)[None, :]
    product = tl.dot(a.to(b.dtype), b)
    shifted = product - tl.max(product, axis=1)[:, None]
    tl.store(out_ptr + m[:, None] * N + n[None, :], shifted + n[None, :])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_computed_operands(device, dtype):
    a, b = operands(dtype, (32, 32), (32, 64))
    scale = (torch.rand(64) + 0.5).to(a.dtype)
    out = torch.zeros(32, 64)
    computed_kernel[(1,)](a, b, scale, out, 32, 64, 32)
    left = torch.tril(a.double().exp())
    product = left @ (b.double() * scale.double())
    exact = product - product.max(dim=1, keepdim=True).values + torch.arange(64)
    tolerance = 2e-5 if dtype == "float32" else 5e-2
    check_error(out, exact, tolerance)


@triton.jit
def chain_kernel(a_ptr, b_ptr, c_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, P: tl.constexpr):
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    p = tl.arange(0, P)
    a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    b = tl.load(b_ptr + k[:, None] * N + n[None, :])
    c = tl.load(c_ptr + n[:, None] * P + p[None, :])
    middle = tl.dot(a, b)
    weights = tl.maximum(middle, 0.0).to(c.dtype)
    tl.store(out_ptr + m[:, None] * P + p[None, :], tl.dot(weights, c))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("warps", [1, 4])
def test_chained_dots(device, dtype, warps):
    a, b, c = operands(dtype, (32, 16), (16, 64), (64, 32))
    out = torch.zeros(32, 32)
    chain_kernel[(1,)](a, b, c, out, 32, 64, 16, 32, num_warps=warps)
    middle = (a.double() @ b.double()).clamp(min=0)
    tolerance = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 1e-1}[dtype]
    check_error(out, middle @ c.double(), tolerance)


@triton.jit
def batched_kernel(
    a_ptr, b_ptr, out_ptr, B: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr
):  # fmt: skip
    batch = tl.arange(0, B)[:, None, None]
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    a = tl.load(a_ptr + batch * M * K + m[None, :, None] * K + k[None, None, :])
    b = tl.load(b_ptr + batch * K * N + k[None, :, None] * N + n[None, None, :])
    tl.store(out_ptr + batch * M * N + m[None, :, None] * N + n[None, None, :], tl.dot(a, b))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
@pytest.mark.parametrize("shape", [(2, 16, 16, 16), (4, 32, 16, 32), (1, 16, 32, 16)])
def test_batched(device, dtype, shape):
    batch, m, n, k = shape
    a, b = operands(dtype, (batch, m, k), (batch, k, n))
    out = torch.zeros(batch, m, n, dtype=torch.int32 if dtype == "int8" else torch.float32)
    batched_kernel[(1,)](a, b, out, *shape)
    check(out, a.double() @ b.double(), k)


@triton.jit
def half_kernel(a_ptr, b_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    offsets = i[:, None] * N + i[None, :]
    a = tl.load(a_ptr + offsets)
    b = tl.load(b_ptr + offsets)
    out = tl.dot(a, b, out_dtype=tl.float16)
    out = tl.dot(b, a, out.to(tl.float32), input_precision="ieee")
    tl.store(out_ptr + offsets, out)


def test_half_result(device):
    """A float16 accumulator, then a float32 one."""
    a, b = operands("float16", (32, 32), (32, 32))
    out = torch.zeros(32, 32)
    half_kernel[(1,)](a, b, out, 32)
    check(out.half(), a.double() @ b.double() + b.double() @ a.double(), 32)


@triton.jit
def same_kernel(a_ptr, out_ptr, N: tl.constexpr):
    """One tile in both places, once as it is and once transposed."""
    i = tl.arange(0, N)
    offsets = i[:, None] * N + i[None, :]
    a = tl.load(a_ptr + offsets)
    gram = tl.dot(a, tl.trans(a))
    square = tl.dot(a, a, gram)
    tl.store(out_ptr + offsets, square + tl.trans(gram))


def test_one_tile_twice(device):
    [a] = operands("float32", (32, 32))
    out = torch.zeros(32, 32)
    same_kernel[(1,)](a, out, 32)
    exact = a.double()
    check(out, 2 * exact @ exact.T + exact @ exact, 64)


@triton.jit
def special_kernel(a_ptr, b_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    offsets = i[:, None] * N + i[None, :]
    tl.store(out_ptr + offsets, tl.dot(tl.load(a_ptr + offsets), tl.load(b_ptr + offsets)))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_nan_and_infinities(device, dtype):
    """They spread along their row or column and nowhere else."""
    a, b = torch.ones(16, 16, dtype=getattr(torch, dtype)), torch.ones(16, 16, dtype=getattr(torch, dtype))
    a[3, 5], b[7, 9] = float("nan"), float("inf")
    out = torch.zeros(16, 16)
    special_kernel[(1,)](a, b, out, 16)
    exact = (a.double() @ b.double()).numpy()
    np.testing.assert_array_equal(out.numpy(), exact)


@triton.jit
def loop_kernel(a_ptr, b_ptr, out_ptr, steps, N: tl.constexpr):
    """A product carried through a loop as the operand of the next."""
    i = tl.arange(0, N)
    offsets = i[:, None] * N + i[None, :]
    a = tl.load(a_ptr + offsets)
    power = tl.load(b_ptr + offsets)
    for _ in range(steps):
        power = tl.dot(a, power)
    tl.store(out_ptr + offsets, power)


def test_powers_of_a_matrix(device):
    a, b = operands("float32", (16, 16), (16, 16))
    out = torch.zeros(16, 16)
    loop_kernel[(1,)](a, b, out, 3, 16)
    check(out, a.double() @ a.double() @ a.double() @ b.double(), 100)
