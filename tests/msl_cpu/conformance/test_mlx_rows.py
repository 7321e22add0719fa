"""MLX's softmax, logsumexp, reductions, scans, sorts and vector attention against NumPy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.support.mlx_headers import instantiate, mlx_library

pytestmark = pytest.mark.conformance

_RANDOM = np.random.default_rng(0)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _bits(x: np.ndarray) -> np.ndarray:
    """float32 -> bfloat16, as the bits, to nearest even."""
    raw = x.view(np.uint32)
    return ((raw + 0x7FFF + (raw >> 16 & 1)) >> 16).astype(np.uint16)


def _from_bits(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.uint32) << 16).view(np.float32)


@pytest.fixture(scope="module")
def softmax():
    rows = [("float", "f"), ("half", "h"), ("bfloat16_t", "b")]
    texts = [instantiate(f"single_{n}", "softmax_single_row", t, "float") for t, n in rows]
    texts += [instantiate(f"looped_{n}", "softmax_looped", t, "float") for t, n in rows]
    return mlx_library(["softmax.h"], texts)


@pytest.mark.parametrize("form", ["single", "looped"])
@pytest.mark.parametrize("element", ["f", "h", "b"])
def test_softmax(softmax, form: str, element: str):
    x = (_RANDOM.standard_normal((20, 1000)) * 4).astype(np.float32)
    data = {"f": x, "h": x.astype(np.float16), "b": _bits(x)}[element]
    exact = _from_bits(data) if element == "b" else data.astype(np.float32)
    out = np.zeros_like(data)
    softmax[f"{form}_{element}"].launch([data, out, ctypes.c_int(1000)], 20, 256 if form == "single" else 1024)
    result = _from_bits(out) if element == "b" else out
    np.testing.assert_allclose(result, _softmax(exact), atol={"f": 1e-6, "h": 5e-4, "b": 4e-3}[element])


@pytest.mark.parametrize("form", ["logsumexp", "logsumexp_looped"])
def test_logsumexp(form: str):
    library = mlx_library(["logsumexp.h"], [instantiate("f", form, "float")])
    x, out = (_RANDOM.standard_normal((32, 777)) * 3).astype(np.float32), np.zeros(32, np.float32)
    library["f"].launch([x, out, ctypes.c_int(777)], 32, 256 if form == "logsumexp" else 1024)
    np.testing.assert_allclose(out, np.logaddexp.reduce(x.astype(np.float64), 1), rtol=1e-6)


REDUCTIONS = {
    "Sum<float>": (np.float32, "float", np.sum),
    "Prod<int>": (np.int32, "int", lambda x, **k: np.multiply.reduce(x, dtype=np.int32, **k)),
    "Max<float>": (np.float32, "float", np.max),
    "Min<int>": (np.int32, "int", np.min),
    "Max<half>": (np.float16, "half", np.max),
    "And<bool>": (np.bool_, "bool", np.all),
    "Or<bool>": (np.bool_, "bool", np.any),
}


def _data(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    if dtype is np.bool_:
        return _RANDOM.random(shape) > 0.001
    if dtype is np.int32:
        return _RANDOM.integers(-9, 9, shape).astype(np.int32) | 1
    return _RANDOM.standard_normal(shape).astype(dtype)


@pytest.fixture(scope="module")
def reductions():
    texts = []
    for number, (op, (_, t, _)) in enumerate(REDUCTIONS.items()):
        texts.append(instantiate(f"all_{number}", "all_reduce", t, t, op, "int64_t"))
        texts.append(instantiate(f"simple_{number}", "row_reduce_simple", t, t, op, "int64_t"))
        texts.append(instantiate(f"small_{number}", "row_reduce_small", t, t, op, "int", 1))
        texts.append(instantiate(f"looped_{number}", "row_reduce_looped", t, t, op, "int", 1))
        texts.append(instantiate(f"column_{number}", "col_reduce_looped", t, t, op, "int", 1, 32, 32))
    return mlx_library(["atomic.h", "reduction/ops.h", "reduce.h"], texts)


@pytest.mark.parametrize("number", range(len(REDUCTIONS)), ids=REDUCTIONS)
def test_all_reduce(reductions, number: int):
    dtype, _, function = list(REDUCTIONS.values())[number]
    x, out = _data((20001,), dtype), np.zeros(1, dtype)
    size = ctypes.c_size_t(x.size)
    reductions[f"all_{number}"].launch([x, out, size, size], 1, 1024)
    np.testing.assert_allclose(out[0], function(x), rtol=1e-4, atol=1e-3)


# What describes one reduced row (or column) of a contiguous matrix: no other dimensions.
_NO_OTHERS = (np.ones(1, np.int32), np.zeros(1, np.int64), ctypes.c_int(0))


@pytest.mark.parametrize("form", ["simple", "small", "looped"])
@pytest.mark.parametrize("number", range(len(REDUCTIONS)), ids=REDUCTIONS)
def test_row_reduce(reductions, number: int, form: str):
    dtype, _, function = list(REDUCTIONS.values())[number]
    size = 24 if form == "small" else 2053
    x, out = _data((64, size), dtype), np.zeros(64, dtype)
    if form == "simple":
        buffers = {0: x, 1: out, 2: ctypes.c_size_t(size), 3: ctypes.c_int64(64)}
        reductions[f"simple_{number}"].launch(buffers, (1, 16), 256)
    else:
        shape, strides = np.array([64], np.int32), np.array([size], np.int64)
        numbers = [ctypes.c_int64(size), ctypes.c_int64(1), shape, strides, ctypes.c_int(1), *_NO_OTHERS]
        buffers = dict(enumerate([x, out, *numbers]))
        kernel = reductions[f"{form}_{number}"]
        kernel.launch_threads(buffers, (64, 1, 1), (64, 1, 1)) if form == "small" else kernel.launch(
            buffers, (1, 64), 256
        )
    np.testing.assert_allclose(out, function(x, axis=1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("number", range(len(REDUCTIONS)), ids=REDUCTIONS)
def test_column_reduce(reductions, number: int):
    dtype, _, function = list(REDUCTIONS.values())[number]
    x, out = _data((300, 70), dtype), np.zeros(70, dtype)
    numbers = [
        *(ctypes.c_size_t(300), ctypes.c_int64(70), np.array([70], np.int32), np.array([1], np.int64), ctypes.c_int(0)),
        *(np.array([300], np.int32), np.array([70], np.int64), ctypes.c_int(1), ctypes.c_size_t(1), ctypes.c_int64(0)),
    ]
    reductions[f"column_{number}"].launch(dict(enumerate([x, out, *numbers])), (3, 1, 1), 256)
    np.testing.assert_allclose(out, function(x, axis=0), rtol=1e-4, atol=1e-3)


SCANS = [
    ("CumSum<float>", "float", np.float32, np.cumsum, True, False),
    ("CumSum<float>", "float", np.float32, np.cumsum, False, True),
    ("CumMax<int>", "int", np.int32, np.maximum.accumulate, True, False),
    ("CumMin<float>", "float", np.float32, np.minimum.accumulate, True, True),
    ("CumProd<int>", "int", np.int32, lambda x, axis: np.cumprod(x, axis, dtype=np.int32), True, False),
]


@pytest.mark.parametrize(("op", "element", "dtype", "function", "inclusive", "reverse"), SCANS)
@pytest.mark.parametrize("form", ["contiguous", "strided"])
def test_scan(form: str, op: str, element: str, dtype: type, function, inclusive: bool, reverse: bool):
    name = f"{form}_scan"
    library = mlx_library(["scan.h"], [instantiate("scan", name, element, element, op, 4, inclusive, reverse)])
    x = _data((8, 3000) if form == "contiguous" else (300, 64), dtype)
    out, axis = np.zeros_like(x), 1 if form == "contiguous" else 0
    size = ctypes.c_size_t(x.shape[axis])
    if form == "contiguous":
        library["scan"].launch([x, out, size], (1, 8), 256)
    else:
        library["scan"].launch([x, out, size, ctypes.c_size_t(64), ctypes.c_size_t(2)], (1, 2), (8 * 32, 1, 1))
    expected = np.flip(function(np.flip(x, axis), axis), axis) if reverse else function(x, axis)
    if not inclusive:
        expected = expected - x
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("element", "dtype"), [("float", np.float32), ("half", np.float16), ("int", np.int32)])
def test_sort_and_argsort(element: str, dtype: type):
    texts = [
        instantiate("sort", "block_sort", element, element, False, 128, 8),
        instantiate("argsort", "block_sort", element, "uint", True, 128, 8),
    ]
    library = mlx_library(["sort.h"], texts)
    x = _RANDOM.permutation(16000).reshape(16, 1000).astype(dtype)
    out, order = np.zeros_like(x), np.zeros(x.shape, np.uint32)
    numbers = [ctypes.c_int(n) for n in (1000, 1, 1, 1000, 1000)]
    library["sort"].launch([x, out, *numbers], (1, 16), 128)
    library["argsort"].launch([x, order, *numbers], (1, 16), 128)
    np.testing.assert_array_equal(out, np.sort(x, 1))
    np.testing.assert_array_equal(np.take_along_axis(x, order.astype(np.int64), 1), np.sort(x, 1))


def _attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
    return np.einsum("hqk,hkd->hqd", _softmax(np.einsum("hqd,hkd->hqk", q, k) * scale), v)


@pytest.mark.parametrize(("element", "dtype", "tolerance"), [("float", np.float32, 1e-5), ("half", np.float16, 2e-3)])
@pytest.mark.parametrize("passes", [1, 2])
def test_sdpa_vector(element: str, dtype: type, tolerance: float, passes: int):
    heads, length, size, blocks = 4, 300, 64, 32
    q = _RANDOM.standard_normal((heads, 1, size)).astype(dtype)
    k, v = (_RANDOM.standard_normal((heads, length, size)).astype(dtype) for _ in range(2))
    out = np.zeros_like(q)
    constants: dict[int | str, bool | int] = dict.fromkeys(range(20, 26), False) | {26: blocks}
    step = [ctypes.c_size_t(n) for n in (length * size, size, length * size, size)]
    scale = ctypes.c_float(0.125)
    if passes == 1:
        library = mlx_library(["sdpa_vector.h"], [instantiate("one", "sdpa_vector", element, size, size)], constants)
        library["one"].launch([q, k, v, out, ctypes.c_int(1), ctypes.c_int(length), *step, scale], (heads, 1), 1024)
    else:
        texts = [
            instantiate("first", "sdpa_vector_2pass_1", element, size, size),
            instantiate("second", "sdpa_vector_2pass_2", element, size),
        ]
        library = mlx_library(["sdpa_vector.h"], texts, constants)
        partial = np.zeros((heads, blocks, size), dtype)
        sums, maxs = np.zeros((heads, blocks), np.float32), np.zeros((heads, blocks), np.float32)
        numbered = dict(zip(range(7, 13), [ctypes.c_int(length), *step, scale], strict=True))
        library["first"].launch(
            {0: q, 1: k, 2: v, 3: partial, 4: sums, 5: maxs, **numbered}, (heads, 1, blocks), (32, 1, 1)
        )
        library["second"].launch([partial, sums, maxs, out, ctypes.c_int(blocks)], (heads, 1), 1024)
    expected = _attention(*(array.astype(np.float32) for array in (q, k, v)), 0.125)
    np.testing.assert_allclose(out, expected, atol=tolerance)
