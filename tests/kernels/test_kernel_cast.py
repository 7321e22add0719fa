"""Conversions between all pairs of types, and reinterpretation of bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import INTEGERS, extremes, tensor

N = 203
TYPES = ["bool", *INTEGERS, "float16", "bfloat16", "float32"]


@triton.jit
def cast_kernel(
    x_ptr, i1_ptr, i8_ptr, i16_ptr, i32_ptr, i64_ptr, u8_ptr, u16_ptr, u32_ptr, u64_ptr, f16_ptr, bf16_ptr, f32_ptr,
    n, BLOCK: tl.constexpr,
):  # fmt: skip
    i = tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    tl.store(i1_ptr + i, x.to(tl.int1), mask)
    tl.store(i8_ptr + i, x.to(tl.int8), mask)
    tl.store(i16_ptr + i, x.to(tl.int16), mask)
    tl.store(i32_ptr + i, x.to(tl.int32), mask)
    tl.store(i64_ptr + i, x.to(tl.int64), mask)
    tl.store(u8_ptr + i, x.to(tl.uint8), mask)
    tl.store(u16_ptr + i, x.to(tl.uint16), mask)
    tl.store(u32_ptr + i, x.to(tl.uint32), mask)
    tl.store(u64_ptr + i, x.to(tl.uint64), mask)
    tl.store(f16_ptr + i, x.to(tl.float16), mask)
    tl.store(bf16_ptr + i, x.to(tl.bfloat16), mask)
    tl.store(f32_ptr + i, x.to(tl.float32), mask)


def inputs(dtype: str, rng: np.random.Generator) -> torch.Tensor:
    """Edge values, small numbers and random bits of an integer type; numbers of all magnitudes of a float type."""
    if dtype == "bool":
        return tensor(rng.integers(0, 2, N).astype(bool))
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        small = rng.integers(max(info.min, -100), 100, 60).astype(dtype)
        random = rng.integers(info.min, info.max, N, dtype, endpoint=True)
        return tensor(np.concatenate([extremes(dtype), small, random])[:N])
    edges = [0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, 65504.0, 65519.9, 65520.0, 1e5, np.inf, -np.inf, np.nan, 6e-8, 1e-40]
    magnitudes = rng.standard_normal(N) * 10.0 ** rng.integers(-6, 7, N)
    return torch.tensor(np.concatenate([edges, magnitudes])[:N]).to(getattr(torch, dtype))


def to_integer(x: torch.Tensor, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """The exact conversion and where it is defined: integers wrap around, floats are cut and must fit."""
    if not x.is_floating_point():
        return x.numpy().astype(dtype), np.ones(len(x), bool)
    exact = np.trunc(x.double().numpy())
    low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max) + 1
    defined = (exact >= low) & (exact < high)  # high is a power of two, hence exact in float64
    return np.where(defined, exact, 0).astype(dtype), defined


def to_float(x: torch.Tensor, dtype: str) -> torch.Tensor:
    """The conversion rounded once. PyTorch goes from integers to 16 bits by way of float32, which can round twice;
    Python's integers and fractions do not."""
    if x.is_floating_point() or dtype == "float32":
        return x.float().to(getattr(torch, dtype)) if x.is_floating_point() else float32_of(x)
    return torch.tensor([nearest(int(value), dtype) for value in x.numpy()], dtype=torch.float64).to(
        getattr(torch, dtype)
    )


def float32_of(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy().astype(np.float32))


def nearest(value: int, dtype: str) -> float:
    """The integer rounded to the nearest number with the precision of `dtype`, ties to even; exact in float64."""
    digits = {"float16": 11, "bfloat16": 8}[dtype]
    shift = max(abs(value).bit_length() - digits, 0)
    quotient, rest = divmod(abs(value), 1 << shift)
    half = 1 << shift >> 1
    quotient += shift > 0 and (rest > half or (rest == half and quotient & 1 == 1))
    return float((quotient << shift) * (-1 if value < 0 else 1))


@pytest.mark.parametrize("source", TYPES)
def test_all_pairs(device, rng, source):
    x = inputs(source, rng)
    outputs = {dtype: torch.zeros(N, dtype=getattr(torch, dtype)) for dtype in TYPES}
    cast_kernel[(1,)](x, *outputs.values(), N, BLOCK=256)
    failures = []
    for dtype, out in outputs.items():
        if dtype == "bool":
            wanted, defined = x.double().numpy() != 0 if x.is_floating_point() else x.numpy() != 0, np.ones(N, bool)
        elif dtype in INTEGERS:
            wanted, defined = to_integer(x, dtype)
        else:
            wanted, defined = to_float(x, dtype).double().numpy(), np.ones(N, bool)
        got = out.double().numpy() if out.is_floating_point() else out.numpy()
        same = (got == wanted) | ((got != got) & (wanted != wanted))
        wrong = np.flatnonzero(defined & ~same)
        if len(wrong):
            i = wrong[0]
            failures.append(f"to {dtype}: {len(wrong)} wrong, {x[i].item()} became {got[i]}, not {wanted[i]}")
    assert not failures, "\n".join(failures)


@triton.jit
def bits_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, x.to(out_ptr.dtype.element_ty, bitcast=True), i < n)


@pytest.mark.parametrize(
    "source, target",
    [
        ("float32", "int32"),
        ("int32", "float32"),
        ("uint32", "float32"),
        ("float16", "int16"),
        ("int16", "float16"),
        ("int16", "bfloat16"),
        ("bfloat16", "uint16"),
        ("bfloat16", "float16"),
        ("int64", "uint64"),
        ("int8", "uint8"),
    ],
)
def test_bits(device, rng, source, target):
    size = torch.empty(0, dtype=getattr(torch, source)).element_size()
    bits = tensor(rng.integers(0, 256, N * size, np.uint8))
    x, out = bits.view(getattr(torch, source)), torch.zeros(N, dtype=getattr(torch, target))
    bits_kernel[(1,)](x, out, N, BLOCK=256)
    assert torch.equal(out.view(torch.uint8), bits)


@triton.jit
def toward_zero_kernel(x_ptr, f16_ptr, bf16_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(f16_ptr + i, x.to(tl.float16, fp_downcast_rounding="rtz"), i < n)
    tl.store(bf16_ptr + i, x.to(tl.bfloat16, fp_downcast_rounding="rtz"), i < n)


def test_rounding_toward_zero(device, rng):
    """Never larger in magnitude than the source, and less than one ulp smaller."""
    x = torch.tensor(rng.standard_normal(N) * 10.0 ** rng.integers(-3, 4, N), dtype=torch.float32)
    half, brain = torch.zeros(N, dtype=torch.float16), torch.zeros(N, dtype=torch.bfloat16)
    toward_zero_kernel[(1,)](x, half, brain, N, BLOCK=256)
    assert torch.equal(brain.view(torch.int16), (x.view(torch.int32) >> 16).to(torch.int16))
    next_half = torch.nextafter(half, torch.full_like(half, np.inf).copysign(half))
    assert (half.double().abs() <= x.double().abs()).all()
    assert (next_half.double().abs() > x.double().abs()).all()
