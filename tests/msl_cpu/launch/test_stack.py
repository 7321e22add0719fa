"""A thread that uses up its stack ends its launch; a thread that does not is right, however deep it calls."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from triton_alloy.msl_cpu import KernelFailure, Library, OutOfStack

# Recursion with a frame of 400 bytes that the compiler cannot turn into a loop.
TEXT = """
#include <metal_stdlib>
using namespace metal;
int f(const device int *x, int n, thread int *a) {
  int b[100];
  for (int i = 0; i < 100; ++i) b[i] = a[i] + x[i & 1];
  return n <= 0 ? 1 : f(x, n - 1, b) + b[n & 63];
}
kernel void k(device int *x, uint i [[thread_position_in_threadgroup]]) {
  int a[100] = {};
  BARRIER
  int result = f(x, x[0], a);
  BARRIER
  x[2 + i] = result;
}
"""
BARRIER = "threadgroup_barrier(mem_flags::mem_device);"


def _expected(depth: int) -> int:
    """The sum over the levels of what each level's b holds: (level + 1) * depth, for an even index, else 0."""
    levels = range(depth, 0, -1)
    return 1 + sum((depth - n + 1) * (depth if n % 64 % 2 == 0 else 0) for n in levels)


@pytest.mark.parametrize("mode", ["reference", "sanitize"])
@pytest.mark.parametrize("barrier", ["", BARRIER])
def test_recursion(mode: str, barrier: str):
    kernel = Library(TEXT.replace("BARRIER", barrier), mode)["k"]
    for _ in range(2):
        x = np.zeros(66, np.int32)
        x[0] = 20
        kernel.launch([x], 1, 64)
        assert (x[2:] == _expected(20)).all()
        x[0] = 1 << 30
        with pytest.raises(OutOfStack, match="used up its stack") as caught:
            kernel.launch([x], 1, 64)
        assert isinstance(caught.value, KernelFailure)
        copied = pickle.loads(pickle.dumps(caught.value))
        assert type(copied) is OutOfStack and copied.fault == caught.value.fault
        assert copied.fault and copied.fault.threadgroup == (0, 0, 0)
        assert mode == "sanitize" or 4 <= copied.fault.line <= 8  # the lines of f; the sanitizer fails in its own code


def test_depths_near_the_limit_are_refused_or_right():
    """No thread runs into another's stack: every depth gives the right result or none."""
    kernel = Library(TEXT.replace("BARRIER", BARRIER), "reference")["k"]
    refused = []
    for depth in range(10, 200, 7):
        x = np.zeros(130, np.int32)
        x[0] = depth
        try:
            kernel.launch([x], 1, 128)
        except KernelFailure:
            refused.append(depth)
        else:
            assert (x[2:] == _expected(depth)).all(), depth
    assert refused and refused[0] > 30 and refused[-1] == 199
