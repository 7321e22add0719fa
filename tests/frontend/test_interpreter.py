"""Memory accesses and fma of Triton's interpreter: libtriton's own functions are the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from triton._C.libtriton import interpreter as native

from triton_alloy.errors import InvalidArgument
from triton_alloy.frontend.libtriton import interpreter as own

DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "float16", "float32", "float64")


def addresses(memory: np.ndarray, index: np.ndarray) -> np.ndarray:
    return (memory.ctypes.data + index * memory.itemsize).astype(np.uint64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loads_and_stores(dtype: str):
    rng = np.random.default_rng(0)
    index, mask = rng.integers(0, 50, (4, 9)), rng.integers(0, 2, (4, 9)).astype(bool)
    before = rng.integers(0, 100, 50).astype(dtype)
    other, values = (rng.integers(0, 100, (4, 9)).astype(dtype) for _ in range(2))
    loaded = [each.load(addresses(before, index), mask, other, np.dtype(dtype)) for each in (own, native)]
    np.testing.assert_array_equal(*loaded)
    stored = []
    for each in (own, native):
        memory = before.copy()
        each.store(addresses(memory, index), values, mask)
        stored.append(memory)
    np.testing.assert_array_equal(*stored)


COMMON = ("ADD", "AND", "OR", "XOR", "XCHG")
OPERATIONS = {
    **dict.fromkeys(("int32", "int64"), (*COMMON, "MIN", "MAX")),
    **dict.fromkeys(("uint32", "uint64"), (*COMMON, "UMIN", "UMAX")),
    **dict.fromkeys(("float32", "float16", "float64"), ("FADD",)),
}
"""Those that libtriton takes, by dtype."""


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize(("dtype", "operation"), [(d, each) for d, several in OPERATIONS.items() for each in several])
def test_atomics(dtype: str, operation: str, duplicates: bool):
    is_float = dtype.startswith("float")
    rng = np.random.default_rng(1)
    index = rng.integers(0, 8, 20) if duplicates else rng.permutation(20)
    mask = rng.integers(0, 3, 20) > 0
    low = 0 if dtype.startswith("u") or is_float else -1000
    before, values = (rng.integers(low, 1000, 20).astype(dtype) for _ in range(2))
    results = []
    for each in (own, native):
        memory = before.copy()
        old = each.atomic_rmw(
            getattr(each.RMW_OP, operation), addresses(memory, index), values, mask, each.MEM_SEMANTIC.RELAXED
        )
        results.append((np.where(mask, old, 0), memory))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_compare_and_swap_goes_element_by_element():
    index = np.array([[0, 0], [1, 0]])
    results = []
    for each in (own, native):
        memory = np.array([5, 6], np.int32)
        expected, values = np.array([[5, 5], [7, 9]], np.int32), np.array([[9, 1], [2, 3]], np.int32)
        old = each.atomic_cas(addresses(memory, index), expected, values, each.MEM_SEMANTIC.ACQUIRE)
        results.append((old.tolist(), memory.tolist()))
    assert results[0] == results[1] == ([[5, 9], [6, 9]], [3, 6])


FLOATS: Any = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0**-126, 2.0**-149, 3.4028234663852886e38])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=50))
def test_fma_rounds_once(rows: list[tuple[float, float, float]]):
    x, y, z = np.array(rows, np.float32).T.copy()
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(own.fma_fp32(x, y, z), native.fma_fp32(x, y, z))
        wide = (each.astype(np.float64) for each in (x, y, z))
        a, b, c = wide
        np.testing.assert_array_equal(own.fma_fp64(a, b, c), native.fma_fp64(a, b, c))


def test_where_rounding_twice_would_be_wrong():
    x, y, z = np.float32([1 + 2**-12]), np.float32([1 + 2**-12]), np.float32([2.0**-60])
    assert own.fma_fp32(x, y, z) == np.nextafter(np.float32(1 + 2**-11), np.float32(2)) == native.fma_fp32(x, y, z)


def test_mixed_alignments_are_refused():
    memory = np.zeros(4, np.int32)
    with pytest.raises(InvalidArgument, match="addresses of int32 that differ by no whole number of elements"):
        pointers = np.array([memory.ctypes.data, memory.ctypes.data + 2], np.uint64)
        own.load(pointers, np.ones(2, bool), np.zeros(2, np.int32), np.dtype(np.int32))
