"""The kernels that the msl_cpu section of the benchmark times are right, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library
from triton_alloy.tools import metal_sections


@pytest.fixture(scope="module", params=["fast", "reference"])
def library(request) -> Library:
    return Library(metal_sections.text(request.param), request.param)


def test_softmax(library):
    x = np.random.default_rng(0).standard_normal((5, 1000), dtype=np.float32)
    out = np.zeros_like(x)
    library["softmax"].launch([x, out, np.int32([1000])], 5, 32 if library.mode == "fast" else 128)
    exact = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(out, exact / exact.sum(1, keepdims=True), rtol=2e-6)


def test_add_and_products():
    fast, generator = Library(metal_sections.text("fast"), "fast"), np.random.default_rng(1)
    x, y = generator.standard_normal((2, 5000), dtype=np.float32)
    out = np.zeros_like(x)
    fast["add"].launch([x, y, out, np.int32([5000])], 5, 32)
    np.testing.assert_array_equal(out, x + y)
    for name, kind in (("matmul_f32", np.float32), ("matmul_f16", np.float16)):
        a, b = generator.integers(-8, 8, (2, 512, 512)).astype(kind)
        c = np.zeros_like(a)
        fast[name].launch([a, b, c, np.int32([512])], metal_sections.product_grid(512), 32)
        np.testing.assert_array_equal(c, (a.astype(np.int64) @ b.astype(np.int64)).astype(kind))


def test_loading_is_measured():
    assert metal_sections.load() > 0
