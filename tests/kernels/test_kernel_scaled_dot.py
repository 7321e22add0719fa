"""tl.dot_scaled against a float64 product of numbers decoded by table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

M, N, K = 32, 16, 64
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
FORMATS = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2, "bf16": torch.bfloat16, "fp16": torch.float16}


@triton.jit
def scaled_dot_kernel(
    a_ptr, a_scale_ptr, b_ptr, b_scale_ptr, c_ptr, A: tl.constexpr, B: tl.constexpr, A_ROWS: tl.constexpr,
    A_COLUMNS: tl.constexpr, B_ROWS: tl.constexpr, B_COLUMNS: tl.constexpr, A_PACK: tl.constexpr, B_PACK: tl.constexpr,
    BLOCKS: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    a = tl.load(a_ptr + tl.arange(0, A_ROWS)[:, None] * A_COLUMNS + tl.arange(0, A_COLUMNS)[None, :])
    b = tl.load(b_ptr + tl.arange(0, B_ROWS)[:, None] * B_COLUMNS + tl.arange(0, B_COLUMNS)[None, :])
    block = tl.arange(0, BLOCKS)[None, :]
    a_scale = None
    b_scale = None
    if a_scale_ptr is not None:
        a_scale = tl.load(a_scale_ptr + tl.arange(0, M)[:, None] * BLOCKS + block)
    if b_scale_ptr is not None:
        b_scale = tl.load(b_scale_ptr + tl.arange(0, N)[:, None] * BLOCKS + block)
    c = tl.full((M, N), 1.0, tl.float32)
    c = tl.dot_scaled(a, a_scale, A, b, b_scale, B, c, lhs_k_pack=A_PACK, rhs_k_pack=B_PACK)
    tl.store(c_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :], c)


def operand(rng, rows: int, columns: int, form: str, axis: int) -> tuple[torch.Tensor, np.ndarray]:
    """A tensor of `form`, e2m1 packed along `axis`, and its numbers."""
    if form == "e2m1":
        codes = rng.integers(0, 16, (rows, columns))
        low, high = (codes[s::2] if axis == 0 else codes[:, s::2] for s in (0, 1))
        return torch.from_numpy((low | high << 4).astype(np.uint8)), E2M1[codes]
    numbers = torch.from_numpy(rng.standard_normal((rows, columns))).to(FORMATS[form])
    values = numbers.double().numpy()
    return (numbers if form in ("bf16", "fp16") else numbers.view(torch.uint8)), values


def scale(rng, rows: int, blocks: int, form: str | None) -> tuple[torch.Tensor | None, np.ndarray]:
    """Scales and their numbers: powers of two, 8-bit floats, or none."""
    if form is None:
        return None, np.ones((rows, blocks))
    if form == "e8m0":
        codes = rng.integers(122, 132, (rows, blocks)).astype(np.uint8)
        return torch.from_numpy(codes), 2.0 ** (codes.astype(float) - 127)
    numbers = torch.from_numpy(rng.uniform(0.5, 8, (rows, blocks))).to(torch.float8_e4m3fn)
    return numbers, numbers.double().numpy()


def rounded(x: np.ndarray, half: bool) -> np.ndarray:
    return torch.from_numpy(x).to(torch.float16 if half else torch.bfloat16).double().numpy()


@pytest.mark.parametrize(
    "left, right, left_scale, right_scale, left_pack, right_pack",
    [
        ("e2m1", "e2m1", "e8m0", "e8m0", True, True),
        ("e2m1", "e2m1", "e8m0", "e8m0", False, False),
        ("e2m1", "e2m1", "e4m3", "e4m3", True, True),
        ("e4m3", "e5m2", "e8m0", None, True, True),
        ("e5m2", "bf16", "e8m0", None, True, True),
        ("fp16", "e2m1", None, "e8m0", True, False),
        ("fp16", "e4m3", None, "e8m0", True, True),
        ("bf16", "e2m1", None, "e8m0", True, True),
    ],
)
def test_formats(device, rng, left, right, left_scale, right_scale, left_pack, right_pack):
    a, a_numbers = operand(rng, M, K, left, 1 if left_pack else 0)
    b, b_numbers = operand(rng, K, N, right, 0 if right_pack else 1)
    blocks = K // (16 if left_scale == "e4m3" else 32)
    a_scale, a_factors = scale(rng, M, blocks, left_scale)
    b_scale, b_factors = scale(rng, N, blocks, right_scale)
    c = torch.zeros(M, N)
    scaled_dot_kernel[(1,)](
        a, a_scale, b, b_scale, c, left, right, *a.shape, *b.shape, left_pack, right_pack, BLOCKS=blocks, M=M, N=N
    )  # fmt: skip
    half = "fp16" in (left, right)
    x = rounded(a_numbers * np.repeat(a_factors, K // blocks, 1), half)
    y = rounded(b_numbers * np.repeat(b_factors, K // blocks, 1).T, half)
    np.testing.assert_allclose(c.double().numpy(), x @ y + 1, rtol=1e-5, atol=1e-5 * (abs(x) @ abs(y)).max())


def test_a_scale_of_all_ones_is_nan(device, rng):
    a, _ = operand(rng, M, K, "e4m3", 1)
    b, _ = operand(rng, K, N, "e4m3", 0)
    scales, c = torch.full((M, 2), 127, dtype=torch.uint8), torch.zeros(M, N)
    scales[3, 1] = 0xFF
    scaled_dot_kernel[(1,)](
        a, scales, b, None, c, "e4m3", "e4m3", M, K, K, N, True, True, BLOCKS=2, M=M, N=N
    )  # fmt: skip
    assert c[3].isnan().all() and not c[:3].isnan().any() and not c[4:].isnan().any()
