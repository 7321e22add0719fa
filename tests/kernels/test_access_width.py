"""How wide the accesses of a text are, which no value can show: each kind, with and without a mask that is constant
over a vector, and what makes them narrower."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import triton_alloy
from triton_alloy import config
from triton_alloy.chips import FAMILIES

COUNT, BLOCK = 4096, 2048
VECTOR_BYTES = 16
ELEMENTS = (np.int8, np.float16, np.float32, np.int64)
GPUS = [family.name for family in FAMILIES if family.name != "cpu"]


@triton.jit
def access_kernel(x_ptr, y_ptr, out_ptr, n, KIND: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    if KIND == "plain":
        tl.store(out_ptr + i, tl.load(x_ptr + i))
    elif KIND == "masked":
        tl.store(out_ptr + i, tl.load(x_ptr + i, mask=mask), mask=mask)
    elif KIND == "other":
        tl.store(out_ptr + i, tl.load(x_ptr + i, mask=mask, other=1))
    elif KIND == "other tensor":
        tl.store(out_ptr + i, tl.load(x_ptr + i, mask=mask, other=tl.load(y_ptr + i)))


def widths(text: str) -> set[int]:
    """The widths of all accesses in the kernel of a text; 1 for those that are no vectors."""
    body = re.sub(r"//.*", "", text[text.index("[[kernel") :])
    found = re.findall(r"\b(?:load|store)(?:_contiguous|_vector<(\d+)>)?\(", body)
    return {int(width or 1) for width in found}


def run(kind: str, element: type, n: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str]:
    """The output, which starts as all 7, and the text."""
    out = np.full(COUNT, 7, element)
    arrays = (triton_alloy.array(each) for each in (x, y, out))
    kernel = access_kernel[(COUNT // BLOCK,)](*arrays, n, KIND=kind, BLOCK=BLOCK)
    return out, kernel.asm["msl"]


def expected(kind: str, n: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    outside = {"plain": x, "masked": np.full_like(x, 7), "other": np.ones_like(x), "other tensor": y}
    return np.where(np.arange(COUNT) < n, x, outside[kind])


@pytest.mark.parametrize("kind", ["plain", "masked", "other", "other tensor"])
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("family", GPUS)
def test_accesses_are_as_wide_as_their_alignment(family, element, kind, rng):
    """n is a multiple of 16, so the mask is constant over every vector."""
    x, y = (rng.integers(-100, 100, COUNT).astype(element) for _ in range(2))
    with config.scope(TRITON_ALLOY_TARGET=family):
        out, text = run(kind, element, COUNT - 16, x, y)
    np.testing.assert_array_equal(out, expected(kind, COUNT - 16, x, y))
    assert widths(text) == {VECTOR_BYTES // np.dtype(element).itemsize}


@pytest.mark.parametrize("kind", ["masked", "other", "other tensor"])
def test_a_mask_that_may_end_inside_a_vector_leaves_none(kind, rng):
    x, y = (rng.integers(-100, 100, COUNT).astype(np.float32) for _ in range(2))
    with config.scope(TRITON_ALLOY_TARGET="apple9"):
        out, text = run(kind, np.float32, COUNT - 3, x, y)
    np.testing.assert_array_equal(out, expected(kind, COUNT - 3, x, y))
    assert 1 in widths(text)


def test_a_misaligned_array_leaves_no_vectors(rng):
    x, y = (rng.integers(-100, 100, COUNT + 1).astype(np.float32)[1:] for _ in range(2))
    with config.scope(TRITON_ALLOY_TARGET="apple9"):
        out, text = run("masked", np.float32, COUNT - 16, x, y)
    np.testing.assert_array_equal(out, expected("masked", COUNT - 16, x, y))
    assert widths(text) == {1}


@triton.jit
def rows_kernel(x_ptr, out_ptr, stride, out_stride, n_columns, BLOCK: tl.constexpr):
    row, columns = tl.program_id(0), tl.arange(0, BLOCK)
    mask = columns < n_columns
    x = tl.load(x_ptr + row * stride + columns, mask=mask, other=1)
    tl.store(out_ptr + row * out_stride + columns, x + 1, mask=mask)


VIEWS = {
    "aligned": (lambda x: x[:, :64], True),
    "rows of 80": (lambda x: x[:, :80], True),
    "storage offset of a vector": (lambda x: x[:, 16:80], True),
    "storage offset of an element": (lambda x: x[:, 1:65], False),
    "every second row": (lambda x: x[1::2, :64], True),
    "row of an odd length": (lambda x: x.reshape(-1)[: 31 * 65].reshape(31, 65)[:, :64], False),
    "second element on": (lambda x: x.reshape(-1)[1 : 1 + 16 * 64].reshape(16, 64), False),
}


@pytest.mark.parametrize("mode", ["fast", "sanitize"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("element", ELEMENTS)
def test_views_are_read_and_written_as_they_are_aligned(element, view, mode, rng):
    """What a launch says of its pointers and strides decides, never what the last launch said; sanitize mode would
    report an access of several elements whose address is no multiple of their size."""
    take, is_aligned = VIEWS[view]
    x, right = take(torch.from_numpy(rng.integers(-100, 100, (32, 96)).astype(element))), torch.full((32, 96), 7)
    out = take(right.to(x.dtype))
    with config.scope(TRITON_ALLOY_TARGET="apple9", TRITON_ALLOY_MODE=mode):
        rows, columns = x.shape
        kernel = rows_kernel[(rows,)](x, out, x.stride(0), out.stride(0), columns, BLOCK=512, num_warps=1)
    assert torch.equal(out, x + 1)
    wide = {VECTOR_BYTES // np.dtype(element).itemsize}
    assert widths(kernel.asm["msl"]) == (wide if is_aligned else {1})
