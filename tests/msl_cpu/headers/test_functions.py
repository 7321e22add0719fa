"""Every row: an MSL expression of a and b (and the thread i), and what NumPy says it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library

N = 96
_RANDOM = np.random.default_rng(1)
_F = _RANDOM.standard_normal(N).astype(np.float32) * 3
_G = _RANDOM.standard_normal(N).astype(np.float32) * 3
_POSITIVE = np.abs(_F) + np.float32(0.01)
_UNIT = np.clip(_F / 10, -0.99, 0.99)
_I = _RANDOM.integers(-(2**31), 2**31, N).astype(np.int32)
_J = _RANDOM.integers(-1000, 1000, N).astype(np.int32)
_U = _RANDOM.integers(0, 2**32, N).astype(np.uint32)
_V = _RANDOM.integers(0, 2**32, N).astype(np.uint32)
_L = _RANDOM.integers(-(2**63), 2**63 - 1, N)
_S = _RANDOM.integers(-128, 128, N).astype(np.int8)

_MSL = {"float32": "float", "float16": "half", "int32": "int", "uint32": "uint", "int64": "long", "int8": "char"}
_MSL |= {"bool": "bool", "uint64": "ulong", "int16": "short", "uint8": "uchar"}


@dataclass(frozen=True)
class Row:
    """ulp: how far a float result may be off; 0 means the same bits."""

    expression: str
    expected: Callable[..., np.ndarray]
    a: np.ndarray
    b: np.ndarray | None = None
    result: type = np.float32
    ulp: float = 0


def _double(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *values: function(*(value.astype(np.float64) for value in values)).astype(np.float32)


def _each(function: Callable[..., int | float]) -> Callable[..., np.ndarray]:
    return lambda *values: np.array([function(*(v.item() for v in row)) for row in zip(*values, strict=True)])


def _signed(value: int, bits: int = 32) -> int:
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


MATHS = [
    Row(f"{space}{name}(a)", _double(function), data, ulp=2)
    for space in ("", "precise::", "fast::")
    for name, function, data in (
        ("sin", np.sin, _F),
        ("cos", np.cos, _F),
        ("tan", np.tan, _UNIT),
        ("asin", np.arcsin, _UNIT),
        ("acos", np.arccos, _UNIT),
        ("atan", np.arctan, _F),
        ("sinh", np.sinh, _F),
        ("cosh", np.cosh, _F),
        ("tanh", np.tanh, _F),
        ("asinh", np.arcsinh, _F),
        ("acosh", np.arccosh, _POSITIVE + 1),
        ("atanh", np.arctanh, _UNIT),
        ("exp", np.exp, _F * 8),
        ("exp2", np.exp2, _F * 8),
        ("exp10", lambda x: 10.0**x, _F),
        ("log", np.log, _POSITIVE),
        ("log2", np.log2, _POSITIVE),
        ("log10", np.log10, _POSITIVE),
        ("sqrt", np.sqrt, _POSITIVE),
        ("rsqrt", lambda x: 1 / np.sqrt(x), _POSITIVE),
        ("floor", np.floor, _F),
        ("ceil", np.ceil, _F),
        ("trunc", np.trunc, _F),
        ("rint", np.rint, _F),
        ("fabs", np.abs, _F),
        ("sign", np.sign, _F),
    )
] + [
    Row("pow(a, b)", _double(np.power), _POSITIVE, _G, ulp=2),
    Row("atan2(a, b)", _double(np.arctan2), _F, _G, ulp=2),
    Row("fmod(a, b)", _double(np.fmod), _F, _G),
    Row("sinpi(a)", _double(lambda x: np.sin(np.pi * x)), _UNIT, ulp=3),
    Row("cospi(a)", _double(lambda x: np.cos(np.pi * x)), _UNIT / 3, ulp=3),
    Row("fract(a)", lambda a: a - np.floor(a), _F),
    Row("saturate(a)", lambda a: np.clip(a, 0, 1), _F),
    Row("copysign(a, b)", np.copysign, _F, _G),
    Row("fdim(a, b)", lambda a, b: np.maximum(a - b, 0), _F, _G),
    Row("step(a, b)", lambda a, b: (b >= a).astype(np.float32), _F, _G),
    Row("fma(a, b, a)", _double(lambda a, b: a * b + a), _F, _G, ulp=1),
    Row("mix(a, b, 0.25f)", lambda a, b: a + (b - a) * np.float32(0.25), _F, _G, ulp=2),
    Row("clamp(a, -1.0f, 1.0f)", lambda a: np.clip(a, -1, 1), _F),
    Row("ldexp(a, 3)", lambda a: a * 8, _F),
    Row("a / 2.0", lambda a: a / np.float32(2), _F),
    Row("half(a) * 2.0h", lambda a: a.astype(np.float16) * np.float16(2), _F, result=np.float16),
    Row("smoothstep(-1.0f, 1.0f, a)", lambda a: _smoothstep(np.clip((a + 1) / 2, 0, 1)), _F, ulp=4),
]


def _smoothstep(t: np.ndarray) -> np.ndarray:
    return t * t * (3 - 2 * t)


INTEGERS = [
    Row("mulhi(a, b)", _each(lambda a, b: a * b >> 32), _I, _J, np.int32),
    Row("mulhi(a, b)", _each(lambda a, b: a * b >> 32), _U, _V, np.uint32),
    Row("mulhi(a, a)", _each(lambda a: a * a >> 64), _L, result=np.int64),
    Row("popcount(a)", _each(lambda a: bin(a).count("1")), _U, result=np.uint32),
    Row("popcount(a)", _each(lambda a: bin(a & 0xFF).count("1")), _S, result=np.int8),
    Row("clz(a)", _each(lambda a: 32 - a.bit_length()), _U, result=np.uint32),
    Row("clz(a)", _each(lambda a: 8 - (a & 0xFF).bit_length()), _S, result=np.int8),
    Row("ctz(a)", _each(lambda a: (a & -a).bit_length() - 1 if a else 32), _U, result=np.uint32),
    Row("clz(uint(0)) + ctz(0u)", lambda a: np.full(N, 64), _U, result=np.uint32),
    Row("rotate(a, b)", _each(lambda a, b: (a << b % 32 | a >> (32 - b % 32)) & 0xFFFFFFFF), _U, _V, np.uint32),
    Row("reverse_bits(a)", _each(lambda a: int(f"{a:032b}"[::-1], 2)), _U, result=np.uint32),
    Row("extract_bits(a, 3, 7)", _each(lambda a: a >> 3 & 127), _U, result=np.uint32),
    Row("extract_bits(a, 3, 7)", _each(lambda a: ((a >> 3 & 127) + 64) % 128 - 64), _I, result=np.int32),
    Row("insert_bits(a, b, 4, 8)", _each(lambda a, b: a & ~0xFF0 | (b & 0xFF) << 4), _U, _V, np.uint32),
    Row("addsat(a, b)", _each(lambda a, b: max(-(2**31), min(2**31 - 1, a + b))), _I, _I[::-1].copy(), np.int32),
    Row("subsat(a, b)", _each(lambda a, b: max(0, a - b)), _U, _V, np.uint32),
    Row("absdiff(a, b)", _each(lambda a, b: _signed(abs(a - b))), _I, _J, np.int32),
    Row("hadd(a, b)", _each(lambda a, b: (a + b) >> 1), _I, _J, np.int32),
    Row("rhadd(a, b)", _each(lambda a, b: (a + b + 1) >> 1), _I, _J, np.int32),
    Row("abs(a)", np.abs, _J, result=np.int32),
    Row("min(a, b)", np.minimum, _I, _J, np.int32),
    Row("max(a, b)", np.maximum, _U, _V, np.uint32),
    Row("clamp(a, -5, 5)", lambda a: np.clip(a, -5, 5), _J, result=np.int32),
    Row("select(a, b, a < b)", np.maximum, _I, _J, np.int32),
    Row("madhi(a, b, 1)", _each(lambda a, b: _signed((a * b >> 32) + 1)), _I, _J, np.int32),
    Row("as_type<uint>(a)", lambda a: a.view(np.uint32), _F, result=np.uint32),
    Row("max3(a, b, 7)", lambda a, b: np.maximum(np.maximum(a, b), 7), _I, _J, np.int32),
    Row("median3(a, b, 0)", lambda a, b: np.sort(np.stack([a, b, 0 * a]), 0)[1], _I, _J, np.int32),
]

VECTORS = [
    Row("float3(a, b, 1.0f).zxy.y", lambda a, b: a, _F, _G),
    Row("dot(float4(a, b, a, 1), float4(b, 2, 1, a))", lambda a, b: a * b + 2 * b + a + a, _F, _G, ulp=64),
    Row("length(float2(3, 4) * a)", lambda a: 5 * np.abs(a), _F, ulp=2),
    Row("cross(float3(a, 0, 0), float3(0, b, 0)).z", lambda a, b: a * b, _F, _G),
    Row("any(float2(a, b) > 1.0f) ? 1.0f : 0.0f", lambda a, b: ((a > 1) | (b > 1)).astype(np.float32), _F, _G),
    Row("all(int2(a, b) > 0) ? 1 : 0", lambda a, b: ((a > 0) & (b > 0)).astype(np.int32), _I, _J, np.int32),
    Row("select(float2(a), float2(b), bool2(true, false)).x", lambda a, b: b, _F, _G),
    Row("float4(float2(a, b), float2(b, a)).wzyx.x", lambda a, b: a, _F, _G),
    Row("float(as_type<half2>(a).y)", lambda a: a.view(np.float16)[1::2].astype(np.float32), _F, ulp=0),
    Row("float(packed_float3(float3(1, a, b))[1])", lambda a, b: a, _F, _G),
    Row("vec<float, 3>(a).rgb.b", lambda a: a, _F),
    Row("max(float2(a, b), 0.5f).y", lambda a, b: np.maximum(b, np.float32(0.5)), _F, _G),
    Row("fmin(float3(a), float3(b)).z", np.minimum, _F, _G),
    Row("(int4(a) << 2)[3]", lambda a: a << 2, _J, result=np.int32),
]

ROWS = MATHS + INTEGERS + VECTORS


def _kernel(number: int, row: Row) -> str:
    second = f"const device {_MSL[row.b.dtype.name]} *bs [[buffer(1)]], " if row.b is not None else ""
    return (
        f"kernel void row{number}(const device {_MSL[row.a.dtype.name]} *as [[buffer(0)]], {second}"
        f"device {_MSL[np.dtype(row.result).name]} *out [[buffer(2)]], uint i [[thread_position_in_grid]]) {{\n"
        f"  auto a = as[i];{' auto b = bs[i];' if row.b is not None else ''}\n  out[i] = {row.expression};\n}}\n"
    )


@pytest.fixture(scope="module")
def library() -> Library:
    head = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n"
    return Library(head + "".join(_kernel(i, row) for i, row in enumerate(ROWS)), "reference")


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row.expression}-{row.a.dtype}" for row in ROWS])
def test_function(library: Library, number: int):
    row = ROWS[number]
    result = np.zeros(N, row.result)
    buffers = {0: row.a, 2: result} | ({1: row.b} if row.b is not None else {})
    library[f"row{number}"].launch_threads(buffers, N, 32)
    expected = row.expected(row.a) if row.b is None else row.expected(row.a, row.b)
    expected = np.asarray(expected).astype(row.result)
    if np.dtype(row.result).kind == "f" and row.ulp:
        distance = np.abs(result.astype(np.float64) - expected) / np.spacing(np.abs(expected))
        assert np.max(distance) <= row.ulp
    else:
        np.testing.assert_array_equal(result, expected)


SPECIAL = [
    ("min(NAN, 1.0f)", 1.0),
    ("max(1.0f, NAN)", 1.0),
    ("fmin(NAN, -2.0f)", -2.0),
    ("exp(-INFINITY)", 0.0),
    ("exp(INFINITY)", math.inf),
    ("exp(-104.5f)", 0.0),
    ("exp(89.0f)", math.inf),
    ("exp2(-149.0f)", 2.0**-149),
    ("exp2(128.0f)", math.inf),
    ("exp(NAN)", math.nan),
    ("exp2(NAN)", math.nan),
    ("log(0.0f)", -math.inf),
    ("sqrt(-1.0f)", math.nan),
    ("1.0f / copysign(0.0f, -1.0f)", -math.inf),
    ("rint(2.5f)", 2.0),
    ("round(2.5f)", 3.0),
    ("sign(NAN)", 0.0),
    ("isnan(NAN) ? 1.0f : 0.0f", 1.0),
    ("isinf(-INFINITY) ? 1.0f : 0.0f", 1.0),
    ("isnormal(1e-40f) ? 1.0f : 0.0f", 0.0),
    ("signbit(-0.0f) ? 1.0f : 0.0f", 1.0),
    ("float(numeric_limits<half>::max())", 65504.0),
    ("float(numeric_limits<bfloat>::min())", 2.0**-126),
    ("float(numeric_limits<int>::min())", -(2.0**31)),
    ("float(numeric_limits<ulong>::max())", 2.0**64),
]


def test_special_values():
    lines = "\n".join(f"  out[{i}] = {expression};" for i, (expression, _) in enumerate(SPECIAL))
    head = "#include <metal_stdlib>\nusing namespace metal;\nkernel void special(device float *out [[buffer(0)]]) {\n"
    result = np.zeros(len(SPECIAL), np.float32)
    Library(f"{head}{lines}\n}}\n", "reference").special.launch([result], 1, 1)
    for (expression, expected), value in zip(SPECIAL, result, strict=True):
        assert value == np.float32(expected) or (math.isnan(expected) and math.isnan(value)), expression
