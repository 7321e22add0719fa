"""MLX's unary, binary, ternary, copy, arange, search and number conversion kernels against NumPy."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.mlx_headers import instantiate, mlx_library

pytestmark = pytest.mark.conformance

N = 1000  # not a multiple of any work per thread
_RANDOM = np.random.default_rng(0)
_F = (_RANDOM.standard_normal(N) * 3).astype(np.float32)
_G = (_RANDOM.standard_normal(N) * 3).astype(np.float32)
_P = np.abs(_F) + np.float32(0.01)
_UNIT = np.clip(_F / 10, -0.99, 0.99)
_I = _RANDOM.integers(-1000, 1000, N).astype(np.int32)
_J = _RANDOM.integers(1, 30, N).astype(np.int32)
_MSL = {"float32": "float", "float16": "half", "int32": "int", "bool": "bool", "uint8": "uint8_t", "uint32": "uint"}

_erf = np.vectorize(math.erf)


def _unary(name: str, function: Callable, data: np.ndarray, tolerance: float = 1e-6):
    return pytest.param(name, function, data, tolerance, id=f"{name}-{data.dtype}")


UNARY = [
    _unary("Abs", np.abs, _F),
    _unary("Abs", np.abs, _I),
    _unary("ArcCos", np.arccos, _UNIT),
    _unary("ArcCosh", np.arccosh, _P + 1),
    _unary("ArcSin", np.arcsin, _UNIT),
    _unary("ArcSinh", np.arcsinh, _F),
    _unary("ArcTan", np.arctan, _F),
    _unary("ArcTanh", np.arctanh, _UNIT),
    _unary("Ceil", np.ceil, _F),
    _unary("Cos", np.cos, _F),
    _unary("Cosh", np.cosh, _F),
    _unary("Erf", _erf, _F, 2e-6),
    _unary("Exp", np.exp, _F),
    _unary("Exp", np.exp, _F.astype(np.float16), 1e-3),
    _unary("Expm1", np.expm1, _UNIT, 6e-6),
    _unary("Floor", np.floor, _F),
    _unary("Log", np.log, _P),
    _unary("Log1p", np.log1p, _P),
    _unary("Log2", np.log2, _P),
    _unary("Negative", np.negative, _I),
    _unary("Round", np.rint, _F),
    _unary("Sigmoid", lambda x: 1 / (1 + np.exp(-x)), _F),
    _unary("Sign", np.sign, _F),
    _unary("Sin", np.sin, _F),
    _unary("Sqrt", np.sqrt, _P),
    _unary("Sqrt", np.sqrt, _P.astype(np.float16), 1e-3),
    _unary("Rsqrt", lambda x: 1 / np.sqrt(x), _P),
    _unary("Square", np.square, _F.astype(np.float16), 1e-3),
    _unary("Tan", np.tan, _UNIT),
    _unary("Tanh", np.tanh, _F),
]


def _binary(name: str, function: Callable, a: np.ndarray, b: np.ndarray, tolerance: float = 1e-6):
    return pytest.param(name, function, a, b, tolerance, id=f"{name}-{a.dtype}")


BINARY = [
    _binary("Add", np.add, _F, _G),
    _binary("Add", np.add, _F.astype(np.float16), _G.astype(np.float16), 0),
    _binary("Subtract", np.subtract, _I, _J),
    _binary("Multiply", np.multiply, _F.astype(np.float16), _G.astype(np.float16), 0),
    _binary("Divide", np.divide, _F, _G),
    _binary("Remainder", np.remainder, _I, _J),
    _binary("Remainder", np.remainder, _F, _P, 2e-5),
    _binary("Maximum", np.maximum, _F, _G),
    _binary("Minimum", np.minimum, _I, _J),
    _binary("Power", np.power, _P, _G, 5e-6),
    _binary("ArcTan2", np.arctan2, _F, _G),
    _binary("LogAddExp", np.logaddexp, _F, _G, 2e-6),
    _binary("Equal", np.equal, _I, _J),
    _binary("Less", np.less, _F, _G),
    _binary("GreaterEqual", np.greater_equal, _F, _G),
    _binary("BitwiseXor", np.bitwise_xor, _I, _J),
    _binary("LeftShift", np.left_shift, _I, _J),
    _binary("RightShift", np.right_shift, _I, _J),
]


def _check(result: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    if result.dtype.kind == "f" and tolerance:
        np.testing.assert_allclose(result, expected.astype(result.dtype), rtol=tolerance, atol=tolerance / 4)
    else:
        np.testing.assert_array_equal(result, expected)


@pytest.fixture(scope="module")
def unary():
    names = {(p.values[0], _MSL[p.values[2].dtype.name]) for p in UNARY}
    return mlx_library(
        ["unary_ops.h", "unary.h"], [instantiate(f"{n}_{t}", "unary_v", t, t, n, 4) for n, t in sorted(names)]
    )


@pytest.mark.parametrize(("name", "function", "data", "tolerance"), UNARY)
def test_unary(unary, name: str, function: Callable, data: np.ndarray, tolerance: float):
    out = np.zeros_like(data)
    unary[f"{name}_{_MSL[data.dtype.name]}"].launch_threads([data, out, ctypes.c_uint(N)], (N + 3) // 4, 128)
    _check(out, function(data.astype(np.float64) if data.dtype.kind == "f" else data), tolerance)


@pytest.fixture(scope="module")
def binary():
    names = {(p.values[0], _MSL[p.values[2].dtype.name], _MSL[p.values[1](*p.values[2:4]).dtype.name]) for p in BINARY}
    return mlx_library(
        ["binary_ops.h", "binary.h"],
        [instantiate(f"{n}_{t}", "binary_vv", t, u, n, 2) for n, t, u in sorted(names)]
        + [instantiate("scalar_vector", "binary_sv", "float", "float", "Subtract", 2)],
    )


@pytest.mark.parametrize(("name", "function", "a", "b", "tolerance"), BINARY)
def test_binary(binary, name: str, function: Callable, a: np.ndarray, b: np.ndarray, tolerance: float):
    expected = function(a, b)
    out = np.zeros_like(expected)
    binary[f"{name}_{_MSL[a.dtype.name]}"].launch_threads([a, b, out, ctypes.c_uint(N)], (N + 1) // 2, 256)
    _check(out, expected, tolerance)


def test_scalar_and_vector(binary):
    out = np.zeros_like(_F)
    binary["scalar_vector"].launch_threads([_G[:1], _F, out, ctypes.c_uint(N)], (N + 1) // 2, 64)
    np.testing.assert_array_equal(out, _G[0] - _F)


def test_ternary_select():
    library = mlx_library(
        ["ternary_ops.h", "ternary.h"],
        [
            instantiate("select", "ternary_v", "float", "Select", False, False, 4),
            instantiate("select_scalar", "ternary_v", "float", "Select", True, False, 4),
        ],
    )
    mask, out = _F > _G, np.zeros_like(_F)
    library["select"].launch_threads([mask, _F, _G, out, ctypes.c_uint(N)], N // 4, 64)
    np.testing.assert_array_equal(out, np.where(mask, _F, _G))
    library["select_scalar"].launch_threads([mask, _F, _G, out, ctypes.c_uint(N)], N // 4, 64)
    np.testing.assert_array_equal(out, np.where(mask, _F[0], _G))


def test_copy_converts_and_follows_strides():
    library = mlx_library(
        ["copy.h"],
        [
            instantiate("vector", "copy_v", "float", "half", 4),
            instantiate("scalar", "copy_s", "int", "float", 4),
            instantiate("transposed", "copy_g_nd2", "float", "float", "int"),
        ],
    )
    half = np.zeros(N, np.float16)
    library["vector"].launch_threads([_F, half, ctypes.c_uint(N)], N // 4, 32)
    np.testing.assert_array_equal(half, _F.astype(np.float16))
    filled = np.zeros(N, np.float32)
    library["scalar"].launch_threads([_I, filled, ctypes.c_uint(N)], N // 4, 32)
    np.testing.assert_array_equal(filled, np.full(N, _I[0], np.float32))
    matrix, out = _F.reshape(25, 40), np.zeros((40, 25), np.float32)
    library["transposed"].launch_threads({0: matrix, 1: out, 3: np.array([1, 40], np.int64)}, (25, 40), (8, 8))
    np.testing.assert_array_equal(out, matrix.T)


def test_arange():
    library = mlx_library(["arange.h"], [instantiate("f", "arange", "float"), instantiate("i", "arange", "int")])
    out, integers = np.zeros(N, np.float32), np.zeros(N, np.int32)
    library["f"].launch_threads([ctypes.c_float(0.5), ctypes.c_float(0.25), out], N, 64)
    library["i"].launch_threads([ctypes.c_int(-5), ctypes.c_int(3), integers], N, 64)
    np.testing.assert_array_equal(out, 0.5 + 0.25 * np.arange(N, dtype=np.float32))
    np.testing.assert_array_equal(integers, -5 + 3 * np.arange(N))


CONVERSIONS = """
template <typename F> [[kernel]] void round_trip(device const float *x, device uint8_t *bits, device float *back,
                                                 uint i [[thread_position_in_grid]]) {
  F value(x[i]);
  bits[i] = value.bits;
  back[i] = float(value);
}
"""


def test_fp8_and_fp4_conversions():
    """All codes of each format go to floats and back; values in between go to a neighbour, ties to even."""
    torch = pytest.importorskip("torch")
    formats = [instantiate("fp8", "round_trip", "fp8_e4m3"), instantiate("fp4", "round_trip", "fp4_e2m1")]
    library = mlx_library(["fp8.h", "fp4.h"], [CONVERSIONS, *formats])
    x = np.clip(_RANDOM.standard_normal(4096).astype(np.float32) * 60, -440, 440)
    bits, back = np.zeros(4096, np.uint8), np.zeros(4096, np.float32)
    library["fp8"].launch_threads([x, bits, back], 4096, 64)
    expected = torch.from_numpy(x).to(torch.float8_e4m3fn)
    np.testing.assert_array_equal(bits, expected.view(torch.uint8).numpy())
    np.testing.assert_array_equal(back, expected.float().numpy())
    codes = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    library["fp4"].launch_threads([x / 60, bits, back], 4096, 64)
    nearest = codes[np.abs(np.abs(x / 60)[:, None] - codes).argmin(1)]
    np.testing.assert_array_equal(np.abs(back), nearest)
