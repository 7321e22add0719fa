"""MLX's rope, rms_norm, layer_norm, random bits and arg reductions, whole files unchanged, against NumPy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.support.mlx_headers import mlx_text_library
from triton_alloy.msl_cpu import Library

pytestmark = pytest.mark.conformance

_RANDOM = np.random.default_rng(0)
# Name of a type in the names of kernels -> (NumPy's type, of the bits for bfloat; relative error of one rounding).
_TYPES = {"float32": (np.float32, 2e-6), "float16": (np.float16, 2**-10), "bfloat16": (np.uint16, 2**-7)}


def _narrow(values: np.ndarray, element: str) -> np.ndarray:
    if element != "bfloat16":
        return values.astype(_TYPES[element][0])
    raw = values.astype(np.float32).view(np.uint32)
    return ((raw + 0x7FFF + (raw >> 16 & 1)) >> 16).astype(np.uint16)


def _exact(values: np.ndarray) -> np.ndarray:
    """As float64; 16-bit integers are the bits of bfloats."""
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return values.astype(np.float64)


def _close(found: np.ndarray, expected: np.ndarray, element: str, roundings: int = 2) -> None:
    tolerance = _TYPES[element][1] * roundings
    np.testing.assert_allclose(_exact(found), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def _threads(width: int, per_thread: int) -> int:
    """So many threads read a row at once: whole simdgroups."""
    return (width + per_thread * 32 - 1) // (per_thread * 32) * 32


ROWS = 6
EPSILON = 1e-5
# Kernel's suffix, width of a row, threads: whole rows of one read a thread, and loops over longer ones.
RMS_SHAPES = [("", 512), ("", 317), ("_looped", 1600), ("_looped", 1001)]
# A thread wholly behind the end of a row writes outside of its array in MLX's layer_norm: 509 leaves none there.
LAYER_SHAPES = [("", 512), ("", 509), ("_looped", 1600), ("_looped", 1001)]


@pytest.fixture(scope="module")
def rms() -> Library:
    return mlx_text_library("rms_norm", {20: True})


@pytest.fixture(scope="module")
def layer_norm() -> Library:
    return mlx_text_library("layer_norm", {20: True})


def _norm_operands(width: int, element: str) -> list[np.ndarray]:
    shapes = [(ROWS, width), (width,), (width,), (ROWS, width)]
    return [_narrow(_RANDOM.standard_normal(shape) + 0.3, element) for shape in shapes]


def _norm_numbers(width: int, *strides: int) -> list[object]:
    return [ctypes.c_float(EPSILON), ctypes.c_uint(width), *map(ctypes.c_uint, strides)]


@pytest.mark.parametrize("element", list(_TYPES))
@pytest.mark.parametrize(("form", "width"), RMS_SHAPES)
def test_rms_norm(rms: Library, element: str, form: str, width: int):
    x, w, _, _ = _norm_operands(width, element)
    out = np.zeros_like(x)
    threads = 128 if form else _threads(width, 4)
    rms[f"rms{form}{element}"].launch([x, w, out, *_norm_numbers(width, 1)], ROWS, threads)
    exact = _exact(x)
    _close(out, _exact(w) * exact / np.sqrt((exact**2).mean(-1, keepdims=True) + EPSILON), element)


@pytest.mark.parametrize("element", list(_TYPES))
@pytest.mark.parametrize(("form", "width"), RMS_SHAPES)
def test_gradient_of_rms_norm(rms: Library, element: str, form: str, width: int):
    x, w, _, g = _norm_operands(width, element)
    gx, gw = np.zeros_like(x), np.zeros_like(x)
    threads = 128 if form else _threads(width, 4)
    rms[f"vjp_rms{form}{element}"].launch([x, w, g, gx, gw, *_norm_numbers(width, 1)], ROWS, threads)
    x, w, g = _exact(x), _exact(w), _exact(g)
    normalizer = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON)
    _close(gx, g * w * normalizer - x * (g * w * x).mean(-1, keepdims=True) * normalizer**3, element)
    _close(gw, g * x * normalizer, element)


@pytest.mark.parametrize("element", list(_TYPES))
@pytest.mark.parametrize(("form", "width"), LAYER_SHAPES)
def test_layer_norm(layer_norm: Library, element: str, form: str, width: int):
    x, w, b, _ = _norm_operands(width, element)
    out = np.zeros_like(x)
    threads = 128 if form else _threads(width, 8)
    layer_norm[f"layer_norm{form}{element}"].launch([x, w, b, out, *_norm_numbers(width, 1, 1)], ROWS, threads)
    exact = _exact(x)
    centred = exact - exact.mean(-1, keepdims=True)
    expected = _exact(w) * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON) + _exact(b)
    _close(out, expected, element, roundings=3)


@pytest.mark.parametrize("element", list(_TYPES))
@pytest.mark.parametrize(("form", "width"), LAYER_SHAPES)
def test_gradient_of_layer_norm(layer_norm: Library, element: str, form: str, width: int):
    x, w, _, g = _norm_operands(width, element)
    gx, gw = np.zeros_like(x), np.zeros_like(x)
    threads = 128 if form else _threads(width, 8)
    layer_norm[f"vjp_layer_norm{form}{element}"].launch([x, w, g, gx, gw, *_norm_numbers(width, 1)], ROWS, threads)
    x, w, g = _exact(x), _exact(w), _exact(g)
    centred = x - x.mean(-1, keepdims=True)
    normalizer = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    weighted = w * g
    unit = centred * normalizer
    mean, slope = weighted.mean(-1, keepdims=True), (weighted * unit).mean(-1, keepdims=True)
    _close(gx, normalizer * (weighted - mean - unit * slope), element, roundings=3)
    _close(gw, g * unit, element)


def _rotated(x: np.ndarray, positions: np.ndarray, frequencies: np.ndarray, traditional: bool) -> np.ndarray:
    """x: (..., positions, dims); each pair turned by the position times its frequency."""
    angle = positions[:, None] * frequencies
    cosine, sine = np.cos(angle), np.sin(angle)
    half = x.shape[-1] // 2
    first, second = (x[..., ::2], x[..., 1::2]) if traditional else (x[..., :half], x[..., half:])
    turned = (first * cosine - second * sine, first * sine + second * cosine)
    return np.stack(turned, -1).reshape(x.shape) if traditional else np.concatenate(turned, -1)


BATCH, HEADS, POSITIONS, DIMS, OFFSET, BASE = 2, 6, 10, 32, 7, 10000.0


@pytest.mark.parametrize("element", list(_TYPES))
@pytest.mark.parametrize("traditional", [False, True])
@pytest.mark.parametrize("frequencies", ["base", "table"])
def test_rope(element: str, traditional: bool, frequencies: str):
    library = mlx_text_library("rope", {1: True, 2: traditional, 3: False})
    x = _narrow(_RANDOM.standard_normal((BATCH, HEADS, POSITIONS, DIMS)), element)
    out = np.zeros_like(x)
    strides = np.array([POSITIONS * DIMS, DIMS, 1], np.int64)
    offsets = np.array([OFFSET, OFFSET + 3], np.int32)
    buffers: dict[int, object] = dict(
        enumerate([x, out, offsets, ctypes.c_float(1), strides, strides, ctypes.c_int64(1), ctypes.c_int(HEADS)])
    )
    turns = BASE ** (-np.arange(DIMS // 2) / (DIMS // 2))
    if frequencies == "table":
        buffers |= {10: (1 / turns).astype(np.float32), 11: ctypes.c_int64(1)}
    else:
        buffers |= {10: ctypes.c_float(np.log2(BASE))}
    name = f"rope_{'freqs_' if frequencies == 'table' else ''}{element}"
    library[name].launch_threads(buffers, (DIMS // 2, POSITIONS, BATCH * (-(-HEADS // 4))), (16, 5, 1))
    for batch, offset in enumerate(offsets):
        expected = _rotated(_exact(x[batch]), np.arange(POSITIONS) + offset, turns, traditional)
        _close(out[batch], expected, element)


@pytest.mark.parametrize("traditional", [False, True])
@pytest.mark.parametrize("forward", [True, False])
def test_rope_of_one_position(traditional: bool, forward: bool):
    library = mlx_text_library("rope", {1: forward, 2: traditional, 3: False})
    x = _RANDOM.standard_normal((HEADS, 1, DIMS)).astype(np.float32)
    out = np.zeros_like(x)
    numbers = [ctypes.c_int(OFFSET), ctypes.c_float(0.5), ctypes.c_int64(DIMS)]
    buffers = dict(enumerate([x, out, *numbers])) | {10: ctypes.c_float(np.log2(BASE))}
    library["rope_single_float32"].launch_threads(buffers, (DIMS // 2, HEADS), (16, 2))
    turns = BASE ** (-np.arange(DIMS // 2) / (DIMS // 2)) * (1 if forward else -1)
    _close(out, _rotated(_exact(x), np.array([OFFSET * 0.5]), turns, traditional), "float32")


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _threefry(key: tuple[int, int], counter: np.ndarray) -> np.ndarray:
    """Threefry 2x32 with 20 rounds (Salmon et al. 2011); counter: (n, 2) uint32."""
    with np.errstate(over="ignore"):
        keys = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ 0x1BD11BDA)]
        x, y = counter[:, 0] + keys[0], counter[:, 1] + keys[1]
        for block in range(5):
            for turn in _ROTATIONS[block % 2]:
                x = x + y
                y = (y << np.uint32(turn) | y >> np.uint32(32 - turn)) ^ x
            x = x + keys[(block + 1) % 3]
            y = y + keys[(block + 2) % 3] + np.uint32(block + 1)
    return np.stack([x, y], 1)


def test_oracle_of_random_bits_knows_the_published_answers():
    zeros = np.zeros((1, 2), np.uint32)
    assert [hex(v) for v in _threefry((0, 0), zeros)[0]] == ["0x6b200159", "0x99ba4efe"]
    ones = np.full((1, 2), 0xFFFFFFFF, np.uint32)
    assert [hex(v) for v in _threefry((0xFFFFFFFF, 0xFFFFFFFF), ones)[0]] == ["0x1cb996fc", "0xbb002be7"]


@pytest.mark.parametrize("words", [8, 9, 1, 64])
@pytest.mark.parametrize("form", ["rbitsc", "rbits"])
def test_random_bits(words: int, form: str):
    """Word i of the lower half and word i of the upper half come from one hash of (i, i + half)."""
    library = mlx_text_library("random")
    keys = _RANDOM.integers(0, 2**32, (3, 2), dtype=np.uint32)
    out = np.zeros((len(keys), words), np.uint32)
    half, odd = words // 2, words % 2
    buffers: list[object] = [keys, out, ctypes.c_bool(bool(odd)), ctypes.c_ulong(4 * words)]
    if form == "rbits":
        buffers += [ctypes.c_int(2), np.array(keys.shape, np.int32), np.array([2, 1], np.int64)]
    library[form].launch_threads(buffers, (len(keys), half + odd), (1, 4))
    for row, key in zip(out, keys, strict=True):
        first = np.arange(half + odd, dtype=np.uint32)
        second = np.where(first + half + odd < words, first + half + odd, 0).astype(np.uint32)
        hashed = _threefry((int(key[0]), int(key[1])), np.stack([first, second], 1))
        np.testing.assert_array_equal(row, np.concatenate([hashed[:, 0], hashed[:half, 1]]))


_ARG_TYPES = ["bool_", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float16"]


@pytest.fixture(scope="module")
def arg_reduce() -> Library:
    return mlx_text_library("arg_reduce")


def _values(element: str, shape: tuple[int, ...]) -> np.ndarray:
    if element == "bool_":
        return _RANDOM.random(shape) > 0.5
    dtype = np.dtype(element)
    if dtype.kind == "f":
        return _RANDOM.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return _RANDOM.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("element", _ARG_TYPES)
@pytest.mark.parametrize("operation", ["argmin", "argmax"])
@pytest.mark.parametrize("axis", [0, 2])
def test_arg_reduce(arg_reduce: Library, element: str, operation: str, axis: int):
    x = _values(element, (700, 3, 600) if axis == 0 else (4, 3, 700))
    steps = [stride // x.itemsize for stride in x.strides]
    kept = [i for i in range(3) if i != axis]
    expected = getattr(np, operation)(x, axis)
    out = np.zeros(expected.shape, np.uint32)
    shape, strides = np.array(expected.shape, np.int32), np.array([steps[i] for i in kept], np.int64)
    out_strides = np.array([stride // 4 for stride in out.strides], np.int64)
    numbers = [ctypes.c_size_t(2), ctypes.c_int64(steps[axis]), ctypes.c_size_t(x.shape[axis])]
    arg_reduce[f"{operation}_{element}"].launch([x, out, shape, strides, out_strides, *numbers], (1, out.size), 192)
    np.testing.assert_array_equal(out, expected)
