"""Casts between the 8-bit floats and the others, all codes, against PyTorch's float8 types and exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

FORMATS = {
    "float8e5": torch.float8_e5m2,
    "float8e4nv": torch.float8_e4m3fn,
    "float8e4b8": torch.float8_e4m3fnuz,
    "float8e5b16": torch.float8_e5m2fnuz,
}
BLOCK = 1024


@triton.jit
def cast_kernel(x_ptr, out_ptr, n, ROUNDING: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, x.to(out_ptr.dtype.element_ty, fp_downcast_rounding=ROUNDING), i < n)


def cast(x: torch.Tensor, source: tl.dtype, target: tl.dtype, width: int, rounding: str | None = None) -> torch.Tensor:
    """The kernel's codes, as integers of `width` bytes."""
    out = torch.zeros(len(x), dtype={1: torch.uint8, 2: torch.int16, 4: torch.int32}[width])
    grid = (triton.cdiv(len(x), BLOCK),)
    cast_kernel[grid](triton.reinterpret(x, source), triton.reinterpret(out, target), len(x), rounding, BLOCK=BLOCK)
    return out


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("target", ["float16", "bfloat16", "float32"])
def test_every_code_is_decoded_exactly(device, name, target):
    codes = torch.arange(256).to(torch.uint8)
    wide = getattr(torch, target)
    out = cast(codes, getattr(tl, name), getattr(tl, target), torch.finfo(wide).bits // 8).view(wide).double()
    exact = codes.view(FORMATS[name]).double()
    assert torch.equal(out.isnan(), exact.isnan())
    assert torch.equal(out.nan_to_num(7.0, 1e9, -1e9), exact.nan_to_num(7.0, 1e9, -1e9))
    assert torch.equal(out.signbit() & ~out.isnan(), exact.signbit() & ~exact.isnan())


def numbers(source: str) -> torch.Tensor:
    """All 16-bit floats, or many f32: random bits and magnitudes, and ties of every format with their neighbours."""
    if source != "float32":
        return torch.arange(-(2**15), 2**15).to(torch.int16).view(getattr(torch, source))
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 2**32, 20000, np.uint32).view(np.float32)]
    parts.append((rng.standard_normal(20000) * 10.0 ** rng.integers(-8, 7, 20000)).astype(np.float32))
    for form in FORMATS.values():
        values = torch.arange(256).to(torch.uint8).view(form).double()
        values = values[values.isfinite()].sort().values.numpy()
        ties = ((values[1:] + values[:-1]) / 2).astype(np.float32)
        parts += [values.astype(np.float32), ties, np.nextafter(ties, np.float32(1e9)), np.nextafter(ties, -ties)]
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e38, -1e38, 1e-40, -1e-45]
    return torch.from_numpy(np.concatenate([*parts, np.array(edges, np.float32)]))


def encoded(x: torch.Tensor, name: str, toward_zero: bool) -> np.ndarray:
    """The codes by a search among all numbers of the format, in float64. Out of range: the largest number."""
    form = FORMATS[name]
    values = torch.arange(128).to(torch.uint8).view(form).double().numpy()
    table = values[np.isfinite(values)]
    exact = x.double().numpy()
    magnitude = np.minimum(np.abs(np.nan_to_num(exact, nan=0.0, posinf=1e300, neginf=-1e300)), table[-1])
    below = np.searchsorted(table, magnitude, side="right") - 1
    above = np.minimum(below + 1, len(table) - 1)
    down, up = magnitude - table[below], table[above] - magnitude
    rises = (up < down) | ((up == down) & (below % 2 == 1))
    codes = below if toward_zero else np.where(rises, above, below)
    if toward_zero and name == "float8e5":
        codes = np.where(np.isinf(exact), 0x7C, codes)
    unsigned_zero = name in ("float8e4b8", "float8e5b16")
    negative = np.signbit(exact) & ~(unsigned_zero & (codes == 0))
    return np.where(np.isnan(exact), 0x80 if unsigned_zero else 0x7F, codes | np.where(negative, 0x80, 0))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "source, rounding", [("float16", None), ("bfloat16", None), ("float32", None), ("float32", "rtz")]
)
def test_encoding_rounds_once_and_saturates(device, name, source, rounding):
    x = numbers(source)
    out = cast(x, getattr(tl, source), getattr(tl, name), 1, rounding).numpy()
    expected = encoded(x, name, rounding == "rtz")
    nan = x.isnan().numpy()
    assert torch.from_numpy(out).view(FORMATS[name]).float().isnan().numpy()[nan].all()
    wrong = np.flatnonzero((out != expected) & ~nan)
    assert not len(wrong), f"{len(wrong)} wrong: {x[wrong[0]]} became {out[wrong[0]]:#x}, not {expected[wrong[0]]:#x}"


def test_every_code_of_e4b15_is_decoded(device):
    codes = torch.arange(256).to(torch.uint8)
    exponent, fraction = (codes.double() % 128) // 8, codes.double() % 8
    magnitude = torch.where(exponent == 0, fraction * 2.0**-17, (8 + fraction) * 2.0 ** (exponent - 18))
    exact = torch.where(codes >= 128, -magnitude, magnitude)
    for target, width in (("float16", 2), ("float32", 4)):
        out = cast(codes, tl.float8e4b15, getattr(tl, target), width).view(getattr(torch, target))
        assert torch.equal(out.double(), exact)


def test_e4b15_comes_back(device):
    """All codes but those beyond 1.75; numbers between two codes go to the nearer one."""
    codes = torch.tensor([c for c in range(256) if c % 128 <= 0x7E]).to(torch.uint8)
    wide = cast(codes, tl.float8e4b15, tl.float16, 2).view(torch.float16)
    nudged = wide * (1 + 2.0**-9)
    for numbers_, name in ((wide, "float16"), (nudged, "float16"), (wide.float(), "float32")):
        assert torch.equal(cast(numbers_, getattr(tl, name), tl.float8e4b15, 1), codes)
    beyond = torch.tensor([5.0, -5.0, np.inf, np.nan])
    assert cast(beyond, tl.float32, tl.float8e4b15, 1)[:3].tolist() == [0x7E, 0xFE, 0x7E]
