"""Number formats against numpy, torch and exact arithmetic."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triton_alloy.ir.numbers import bits_of_float, float_from_bits, round_float, wrap_integer
from triton_alloy.ir.types import BF16, F16, F32, FloatType

TORCH = {
    "f8E5M2": torch.float8_e5m2,
    "f8E4M3FN": torch.float8_e4m3fn,
    "f8E5M2FNUZ": torch.float8_e5m2fnuz,
    "f8E4M3FNUZ": torch.float8_e4m3fnuz,
}


@pytest.mark.parametrize("name", TORCH)
def test_every_small_float(name):
    expected = torch.arange(256, dtype=torch.uint8).view(TORCH[name]).double().tolist()
    for bits, number in enumerate(expected):
        found = float_from_bits(bits, FloatType(name))
        assert math.isnan(found) if math.isnan(number) else found == number
        if not math.isnan(number):
            assert float_from_bits(bits_of_float(number, FloatType(name)), FloatType(name)) == number


@given(st.floats(allow_nan=False))
def test_rounding(value):
    with np.errstate(over="ignore"):
        assert round_float(value, F32) == float(np.float32(value))
        assert round_float(value, F16) == float(np.float16(value))


@given(st.floats(allow_nan=False, width=32))
def test_bfloat_rounding(value):
    assert round_float(value, BF16) == float(torch.tensor(value, dtype=torch.float32).bfloat16())


@given(st.integers(), st.sampled_from([8, 16, 32, 64]))
def test_wrapping(value, width):
    wrapped = wrap_integer(value, width)
    assert (wrapped - value) % (1 << width) == 0
    assert -(1 << width - 1) <= wrapped < 1 << width - 1
