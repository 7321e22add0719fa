"""MLX's matrix kernels against NumPy: gemv, steel gemm and its split-k form, steel attention, quantized products."""

from __future__ import annotations

import ctypes
import struct

import numpy as np
import pytest

from tests.support.mlx_headers import instantiate, mlx_library

pytestmark = pytest.mark.conformance

_RANDOM = np.random.default_rng(0)
_DTYPES = {"float": (np.float32, 1e-5), "half": (np.float16, 2e-3), "bfloat16_t": (np.uint16, 1e-2)}


def _random(shape: tuple[int, ...], element: str) -> np.ndarray:
    """Bits of a bfloat are the upper half of those of a float."""
    values = _RANDOM.standard_normal(shape).astype(np.float32)
    return (
        (values.view(np.uint32) >> 16).astype(np.uint16)
        if element == "bfloat16_t"
        else values.astype(_DTYPES[element][0])
    )


def _exact(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


def _close(result: np.ndarray, expected: np.ndarray, element: str) -> None:
    error = np.abs(_exact(result) - expected).max() / np.abs(expected).max()
    assert error <= _DTYPES[element][1]


@pytest.mark.parametrize("element", list(_DTYPES))
@pytest.mark.parametrize("transposed", [False, True])
def test_gemv(element: str, transposed: bool):
    rows, columns = 200, 300
    template = "gemv_t" if transposed else "gemv"
    shape = (1, 2, 8, 4, 4, 4) if transposed else (4, 1, 1, 32, 4, 4)
    library = mlx_library(["gemv.h"], [instantiate("f", template, element, *shape, False, False)])
    matrix = _random((columns, rows) if transposed else (rows, columns), element)
    vector, out = _random((columns,), element), _random((rows,), element)
    bm, bn, sm, sn, tm, tn = shape
    per_group = bn * sn * tn if transposed else bm * sm * tm
    numbers = {4: columns, 5: rows, 6: rows if transposed else columns, 9: 1}
    buffers = {0: matrix, 1: vector, 3: out} | {index: ctypes.c_int(value) for index, value in numbers.items()}
    buffers |= {10: np.array([1], np.int32), 11: np.zeros(1, np.int64), 12: np.zeros(1, np.int64)}
    # Declared, and not used without a bias: something must be bound all the same.
    buffers |= {2: out, 7: ctypes.c_float(1), 8: ctypes.c_float(0), 13: np.zeros(1, np.int64), 14: ctypes.c_int(1)}
    library["f"].launch(buffers, (-(-rows // per_group), 1, 1), (32, bn, bm))
    matrix = _exact(matrix).T if transposed else _exact(matrix)
    _close(out, matrix @ _exact(vector), element)


_BLOCK = (64, 64, 16, 2, 2)


def _gemm_operands(m: int, n: int, k: int, element: str, ta: bool, tb: bool):
    a, b = _random((m, k), element), _random((k, n), element)
    return a, b, np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b


@pytest.mark.parametrize("element", list(_DTYPES))
@pytest.mark.parametrize(
    ("m", "n", "k", "ta", "tb"),
    [
        (128, 128, 64, False, False),
        (200, 180, 150, False, False),
        (128, 64, 32, True, True),
        (77, 130, 50, False, True),
    ],
)
def test_steel_gemm(element: str, m: int, n: int, k: int, ta: bool, tb: bool):
    bm, bn, bk, wm, wn = _BLOCK
    constants: dict[int | str, bool | int] = {10: False, 100: False, 110: False}
    constants |= {200: m % bm == 0, 201: n % bn == 0, 202: k % bk == 0}
    text = instantiate("f", "gemm", element, *_BLOCK, ta, tb, "float")
    library = mlx_library(["steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"], [text], constants)
    a, b, stored_a, stored_b = _gemm_operands(m, n, k, element, ta, tb)
    out = np.zeros((m, n), _DTYPES[element][0])
    tiles_n, tiles_m = -(-n // bn), -(-m // bm)
    parameters = struct.pack(
        "<8i3q3i4x", m, n, k, m if ta else k, k if tb else n, n, tiles_n, tiles_m, 0, 0, 0, 0, k // bk, 0
    )
    library["f"].launch(
        {0: stored_a, 1: stored_b, 3: out, 4: parameters, 5: bytes(64)}, (tiles_n, tiles_m), (32, wn, wm)
    )
    _close(out, _exact(a) @ _exact(b), element)


@pytest.mark.parametrize("element", list(_DTYPES))
def test_split_k(element: str):
    m, n, k, parts = 64, 64, 256, 4
    bm, bn, bk, wm, wn = 32, 32, 16, 2, 2
    texts = [
        instantiate("split", "gemm_splitk", element, "float", bm, bn, bk, wm, wn, False, False, True, True),
        instantiate("sum", "gemm_splitk_accum", "float", element),
    ]
    library = mlx_library(["steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_splitk.h"], texts)
    a, b, _, _ = _gemm_operands(m, n, k, element, False, False)
    partial, out = np.zeros((parts, m, n), np.float32), np.zeros((m, n), _DTYPES[element][0])
    tiles = (n // bn, m // bm)
    parameters = struct.pack("<13i", m, n, k, k, n, n, *tiles, parts, m * n, k // parts, 0, k // parts // bk)
    library["split"].launch([a, b, partial, parameters], (*tiles, parts), (32, wn, wm))
    numbers = [ctypes.c_int(parts), ctypes.c_int(m * n), ctypes.c_int(n)]
    library["sum"].launch_threads([partial, out, *numbers], (n, m), (32, 8))
    _close(out, _exact(a) @ _exact(b), element)


@pytest.mark.parametrize(
    ("element", "causal"), [("float", False), ("float", True), ("half", False), ("bfloat16_t", True)]
)
def test_steel_attention(element: str, causal: bool):
    block_q, block_k, size, heads, queries, keys = 32, 16, 64, 3, 100, 130
    constants: dict[int | str, bool | int] = {200: False, 201: False, 300: False, 301: causal, 302: False, 303: False}
    text = instantiate("f", "attention", element, block_q, block_k, size, size, 4, 1, element, "float")
    library = mlx_library(["steel/attn/kernels/steel_attention.h"], [text], constants)
    q, k, v = (_random((heads, length, size), element) for length in (queries, keys, keys))
    out = np.zeros_like(q)
    blocks = (-(-queries // block_q), -(-keys // block_k))
    strides = [heads * queries * size, queries * size, size]
    of_keys = [heads * keys * size, keys * size, size]
    parameters = struct.pack(
        "<6if7i12q",
        1,
        heads,
        size,
        queries,
        keys,
        1,
        0.125,
        *blocks,
        queries // block_q,
        keys // block_k,
        queries % block_q,
        keys % block_k,
        keys - queries,
        *strides,
        *of_keys,
        *of_keys,
        *strides,
    )
    library["f"].launch([q, k, v, out, parameters], (blocks[0], heads, 1), (32, 4, 1))
    scores = np.einsum("hqd,hkd->hqk", _exact(q), _exact(k)) * 0.125
    if causal:
        scores = np.where(np.arange(keys) <= np.arange(queries)[:, None] + keys - queries, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    _close(out, np.einsum("hqk,hkd->hqd", weights / weights.sum(-1, keepdims=True), _exact(v)), element)


def _quantized(n: int, k: int, bits: int, group: int) -> tuple[np.ndarray, ...]:
    """Packed weights, scales, biases, and the weights they stand for."""
    per_word = 32 // bits
    packed = _RANDOM.integers(0, 2**32, (n, k // per_word), dtype=np.uint32)
    scales, biases = (_RANDOM.standard_normal((n, k // group)).astype(np.float32) for _ in range(2))
    codes = packed[:, :, None] >> (bits * np.arange(per_word, dtype=np.uint32)) & (2**bits - 1)
    return packed, scales, biases, codes.reshape(n, k) * np.repeat(scales, group, 1) + np.repeat(biases, group, 1)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("form", ["affine_qmv_fast", "affine_qmv", "affine_qmm_t"])
def test_quantized(bits: int, form: str):
    headers = ["steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"]
    extra = (True, False) if form == "affine_qmm_t" else (False,)
    library = mlx_library(headers, [instantiate("f", form, "float", 64, bits, *extra)])
    n, k, rows = 256, 1024, 40 if form == "affine_qmm_t" else 1
    packed, scales, biases, weights = _quantized(n, k, bits, 64)
    x, out = _RANDOM.standard_normal((rows, k)).astype(np.float32), np.zeros((rows, n), np.float32)
    buffers = dict(enumerate([packed, scales, biases, x, out, ctypes.c_int(k), ctypes.c_int(n)]))
    if form == "affine_qmm_t":
        names, grid, group = range(7, 16), (n // 32, -(-rows // 32), 1), (32, 2, 2)
    else:
        names, grid, group = range(7, 15), (1, n // 8, 1), (32, 2, 1)
    unused = np.zeros(4, np.int64)  # shapes and strides of batches, which there are none of
    buffers |= dict.fromkeys(names, unused)
    if form == "affine_qmm_t":
        buffers[7] = ctypes.c_int(rows)
    library["f"].launch(buffers, grid, group)
    np.testing.assert_allclose(out, x @ weights.T, rtol=1e-4, atol=1e-4 * np.abs(weights).max() * 30)
