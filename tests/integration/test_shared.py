"""NumPy arrays in pages that a GPU shares."""

from __future__ import annotations

import numpy as np
import pytest

import triton_alloy
from triton_alloy.errors import InvalidArgument
from triton_alloy.runtime.host_memory import PAGE_BYTES, find


@pytest.mark.parametrize("shape", [7, (3, 5), (0, 4), (2, 3, 4), ()])
@pytest.mark.parametrize("dtype", ["float32", np.int8, bool])
def test_empty_has_pages_of_its_own(shape: int | tuple[int, ...], dtype: object):
    made = triton_alloy.empty(shape, dtype)
    assert made.shape == np.zeros(shape).shape and made.dtype == np.dtype(dtype)
    assert made.flags.writeable and made.flags.c_contiguous
    assert not made.any()
    if made.size:
        assert made.ctypes.data % PAGE_BYTES == 0 and find(made.ctypes.data) is not None


def test_asarray_copies_what_is_elsewhere_and_only_that():
    values = np.arange(12).reshape(3, 4)[:, ::2]
    shared = triton_alloy.asarray(values)
    np.testing.assert_array_equal(shared, values)
    assert find(shared.ctypes.data) is not None
    assert triton_alloy.asarray(shared) is shared
    view = shared[1:, ::-1]
    assert triton_alloy.asarray(view) is view
    assert triton_alloy.asarray([1, 2], "float16").dtype == np.float16
    assert triton_alloy.asarray(shared, "float32").dtype == np.float32


@pytest.mark.parametrize(
    "shape, dtype, reason",
    [
        (-1, "f4", "shape -1: a size cannot be negative"),
        ((2, -3), "f4", r"shape \(2, -3\): a size cannot be negative"),
        (4, object, "memory cannot be shared as elements of dtype object"),
        (4, "U0", "memory cannot be shared as elements of dtype <U0"),
    ],
)
def test_what_cannot_be_shared_is_refused(shape: object, dtype: object, reason: str):
    with pytest.raises(InvalidArgument, match=reason):
        triton_alloy.empty(shape, dtype)  # pyright: ignore[reportArgumentType]


def test_sizes_may_be_numpys_own():
    assert triton_alloy.empty(np.int64(3)).shape == (3,)  # pyright: ignore[reportArgumentType]
    assert triton_alloy.empty([np.int32(2), 3]).shape == (2, 3)  # pyright: ignore[reportArgumentType]


def test_shared_memory_is_a_kernels_argument():
    wrapped = triton_alloy.array(triton_alloy.empty((4, 4)))
    assert wrapped.data_ptr() % PAGE_BYTES == 0
    assert wrapped.extent() == (0, 64)


def test_a_batch_without_a_gpu_changes_nothing():
    with triton_alloy.batch():
        pass
    with pytest.raises(ZeroDivisionError), triton_alloy.batch():
        _ = 1 // 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'full'"):
        _ = triton_alloy.full
