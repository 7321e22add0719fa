"""How far a buffer reaches, in front of its address too."""

from __future__ import annotations

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library
from triton_alloy.msl_cpu.launch.buffers import Buffer
from triton_alloy.msl_cpu.sanitize import SanitizerError

SOURCE = "kernel void k(device int *x [[buffer(0)]], device int *y [[buffer(1)]]) { y[0] = x[-2] + x[1]; }"


def view(array: np.ndarray, index: int, before: int) -> Buffer:
    """From element `index` to the end, with `before` elements in front."""
    return Buffer(array.ctypes.data + 4 * index, 4 * (len(array) - index), True, array, 4 * before)


def test_memory_in_front_of_an_address_belongs_to_the_buffer():
    x, y = np.arange(10, 15, dtype=np.int32), np.zeros(1, np.int32)
    Library(SOURCE, "sanitize").k.launch([view(x, 3, 3), y], 1, 1)
    assert y[0] == 11 + 14


@pytest.mark.parametrize("before", [0, 1])
def test_what_lies_further_in_front_does_not(before: int):
    x, y = np.arange(10, 15, dtype=np.int32), np.zeros(1, np.int32)
    with pytest.raises(SanitizerError, match="out of bounds: kernel 'k': read of 4 bytes"):
        Library(SOURCE, "sanitize").k.launch([view(x, 3, before), y], 1, 1)
