"""Every floating-point function for float, half and bfloat, scalars and vectors, against NumPy in float64.

half and bfloat results are the exact ones rounded once (functions compute in float, so a tie can fall otherwise).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library

N = 96
_RANDOM = np.random.default_rng(3)
_ANY = _RANDOM.standard_normal(N) * 3
_OTHER = _RANDOM.standard_normal(N) * 3
_THIRD = _RANDOM.standard_normal(N)
_POSITIVE = np.abs(_ANY) + 0.02
_UNIT = np.clip(_ANY / 10, -0.98, 0.98)


class Element:
    """A type: how its values are stored, and the distance to the next value."""

    def __init__(self, name: str, storage: type, digits: int, smallest: float):
        self.name, self.storage, self.digits, self.smallest = name, storage, digits, smallest

    def store(self, values: np.ndarray) -> np.ndarray:
        if self.name != "bfloat":
            return values.astype(self.storage)
        raw = values.astype(np.float32).view(np.uint32)
        return ((raw + 0x7FFF + (raw >> 16 & 1)) >> 16).astype(np.uint16)

    def load(self, stored: np.ndarray) -> np.ndarray:
        if self.name != "bfloat":
            return stored.astype(np.float64)
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)

    def spacing(self, values: np.ndarray) -> np.ndarray:
        exponent = np.floor(np.log2(np.maximum(np.abs(values), self.smallest)))
        return 2.0 ** (exponent - self.digits + 1)


ELEMENTS = {
    "float": Element("float", np.float32, 24, 2.0**-126),
    "half": Element("half", np.float16, 11, 2.0**-14),
    "bfloat": Element("bfloat", np.uint16, 8, 2.0**-126),
}


def _smoothstep(low: np.ndarray, high: np.ndarray, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _median(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.sort(np.stack([a, b, c]), 0)[1]


# Call -> (function of float64 values, the first operand, ulp of float that the result may be off).
UNARY: dict[str, tuple[Callable[..., np.ndarray], np.ndarray, float]] = {
    "acos(a)": (np.arccos, _UNIT, 2),
    "acosh(a)": (np.arccosh, _POSITIVE + 1, 2),
    "asin(a)": (np.arcsin, _UNIT, 2),
    "asinh(a)": (np.arcsinh, _ANY, 2),
    "atan(a)": (np.arctan, _ANY, 2),
    "atanh(a)": (np.arctanh, _UNIT, 2),
    "ceil(a)": (np.ceil, _ANY, 0),
    "cos(a)": (np.cos, _ANY, 2),
    "cosh(a)": (np.cosh, _ANY, 2),
    "cospi(a)": (lambda a: np.cos(np.pi * a), _UNIT / 3, 3),
    "exp(a)": (np.exp, _ANY, 2),
    "exp10(a)": (lambda a: 10.0**a, _UNIT * 3, 2),
    "exp2(a)": (np.exp2, _ANY, 2),
    "fabs(a)": (np.abs, _ANY, 0),
    "abs(a)": (np.abs, _ANY, 0),
    "floor(a)": (np.floor, _ANY, 0),
    "fract(a)": (lambda a: a - np.floor(a), _POSITIVE, 0),
    "log(a)": (np.log, _POSITIVE, 2),
    "log10(a)": (np.log10, _POSITIVE, 2),
    "log2(a)": (np.log2, _POSITIVE, 2),
    "rint(a)": (np.rint, _ANY, 0),
    "round(a)": (lambda a: np.copysign(np.floor(np.abs(a) + 0.5), a), _ANY, 0),
    "rsqrt(a)": (lambda a: 1 / np.sqrt(a), _POSITIVE, 2),
    "saturate(a)": (lambda a: np.clip(a, 0, 1), _ANY, 0),
    "sign(a)": (np.sign, _ANY, 0),
    "sin(a)": (np.sin, _ANY, 2),
    "sinh(a)": (np.sinh, _ANY, 2),
    "sinpi(a)": (lambda a: np.sin(np.pi * a), _UNIT, 3),
    "sqrt(a)": (np.sqrt, _POSITIVE, 1),
    "tan(a)": (np.tan, _UNIT, 2),
    "tanh(a)": (np.tanh, _ANY, 2),
    "tanpi(a)": (lambda a: np.tan(np.pi * a), _UNIT / 3, 4),
    "trunc(a)": (np.trunc, _ANY, 0),
    "frexp(a, e)": (lambda a: np.frexp(a)[0], _ANY, 0),
    "modf(a, m)": (lambda a: np.modf(a)[0], _ANY, 0),
    "sincos(a, m)": (np.sin, _ANY, 2),
}
SEVERAL: dict[str, tuple[Callable[..., np.ndarray], np.ndarray, float]] = {
    "atan2(a, b)": (np.arctan2, _ANY, 2),
    "copysign(a, b)": (np.copysign, _ANY, 0),
    "divide(a, b)": (np.divide, _ANY, 1),
    "fdim(a, b)": (lambda a, b: np.maximum(a - b, 0), _ANY, 1),
    "fma(a, b, c)": (lambda a, b, c: a * b + c, _ANY, 1),
    "fmax(a, b)": (np.maximum, _ANY, 0),
    "fmin(a, b)": (np.minimum, _ANY, 0),
    "max(a, b)": (np.maximum, _ANY, 0),
    "min(a, b)": (np.minimum, _ANY, 0),
    "fmax3(a, b, c)": (lambda *v: np.max(v, 0), _ANY, 0),
    "fmin3(a, b, c)": (lambda *v: np.min(v, 0), _ANY, 0),
    "fmedian3(a, b, c)": (_median, _ANY, 0),
    "max3(a, b, c)": (lambda *v: np.max(v, 0), _ANY, 0),
    "min3(a, b, c)": (lambda *v: np.min(v, 0), _ANY, 0),
    "median3(a, b, c)": (_median, _ANY, 0),
    "fmod(a, b)": (np.fmod, _ANY, 0),
    "pow(a, b)": (np.power, np.clip(_POSITIVE, 0.2, 5), 3),
    "powr(a, b)": (np.power, np.clip(_POSITIVE, 0.2, 5), 3),
    "step(a, b)": (lambda a, b: (b >= a) * 1.0, _ANY, 0),
    "mix(a, b, c)": (lambda a, b, c: a + (b - a) * c, _ANY, 8),
    "clamp(c, min(a, b), max(a, b))": (lambda a, b, c: np.clip(c, np.minimum(a, b), np.maximum(a, b)), _ANY, 0),
    "select(a, b, c > b)": (lambda a, b, c: np.where(c > b, b, a), _ANY, 0),
}
CALLS = UNARY | SEVERAL


def _kernel(element: str, number: int, call: str) -> str:
    vectors = f"  {element}3 a(as[i]), b(bs[i]), c(cs[i]), m; int3 e;\n  vectors[i] = {call}.z;\n"
    return (
        f"kernel void {element}_{number}(const device {element} *as, const device {element} *bs,"
        f" const device {element} *cs, device {element} *out, device {element} *vectors,"
        f" uint i [[thread_position_in_grid]]) {{\n"
        f"  {{\n  {element} a = as[i], b = bs[i], c = cs[i], m; int e;\n  out[i] = {call};\n  }}\n{vectors}}}\n"
    )


@pytest.fixture(scope="module")
def library() -> Library:
    text = "".join(_kernel(element, i, call) for element in ELEMENTS for i, call in enumerate(CALLS))
    head = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n"
    return Library(head + text, "reference")


@pytest.mark.parametrize("call", list(CALLS))
@pytest.mark.parametrize("element", list(ELEMENTS))
def test_float_functions(library: Library, element: str, call: str):
    function, first, ulp = CALLS[call]
    kind = ELEMENTS[element]
    stored = [kind.store(values) for values in (first, _OTHER, _THIRD)]
    out, vectors = np.zeros_like(stored[0]), np.zeros_like(stored[0])
    library[f"{element}_{list(CALLS).index(call)}"].launch_threads([*stored, out, vectors], N, 32)
    operands = [kind.load(values) for values in stored]
    used = [
        values for letter, values in zip("abc", operands, strict=True) if f" {letter}" in call or f"({letter}" in call
    ]
    expected = function(*used)
    # One rounding to the type, and the error of the function in float.
    allowed = np.maximum(ulp if element == "float" else 0.5 + 1e-3 * (ulp + 1), 0)
    if call.startswith("mix") and element != "float":
        allowed = 0.6
    error = np.abs(kind.load(out) - expected) / kind.spacing(expected)
    assert np.max(error) <= allowed
    np.testing.assert_array_equal(vectors, out)


PRECISIONS = ("metal", "precise", "fast")
# Of geometry and with several results: an expression of float3 p, q, r and the float it is.
_P, _Q, _R = (np.random.default_rng(i).standard_normal((N, 3)).astype(np.float32) for i in range(3))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def _refracted(incident: np.ndarray, normal: np.ndarray, ratio: float) -> np.ndarray:
    cosine = (incident * normal).sum(1, keepdims=True)
    k = 1 - ratio**2 * (1 - cosine**2)
    return np.where(k < 0, 0, ratio * incident - (ratio * cosine + np.sqrt(np.maximum(k, 0))) * normal)


GEOMETRY: dict[str, Callable[..., np.ndarray]] = {
    "dot(p, q)": lambda p, q, r: (p * q).sum(1),
    "length(p)": lambda p, q, r: np.linalg.norm(p, axis=1),
    "length_squared(p)": lambda p, q, r: (p * p).sum(1),
    "distance(p, q)": lambda p, q, r: np.linalg.norm(p - q, axis=1),
    "distance_squared(p, q)": lambda p, q, r: ((p - q) ** 2).sum(1),
    "cross(p, q).y": lambda p, q, r: np.cross(p, q)[:, 1],
    "normalize(p).z": lambda p, q, r: _unit(p)[:, 2],
    "reflect(p, normalize(q)).x": lambda p, q, r: (p - 2 * (p * _unit(q)).sum(1, keepdims=True) * _unit(q))[:, 0],
    "refract(normalize(p), normalize(q), 0.75f).x": lambda p, q, r: _refracted(_unit(p), _unit(q), 0.75)[:, 0],
    "refract(normalize(p), normalize(q), 1.75f).y": lambda p, q, r: _refracted(_unit(p), _unit(q), 1.75)[:, 1],
    "faceforward(p, q, r).x": lambda p, q, r: np.where((q * r).sum(1) < 0, p[:, 0], -p[:, 0]),
    "smoothstep(min(p, q), max(p, q) + 0.5f, r).y": lambda p, q, r: _smoothstep(
        np.minimum(p, q)[:, 1], np.maximum(p, q)[:, 1] + 0.5, r[:, 1]
    ),
    "step(0.5f, p).x": lambda p, q, r: (p[:, 0] >= 0.5) * 1.0,
    "mix(p, q, 0.25f).y": lambda p, q, r: p[:, 1] + 0.25 * (q - p)[:, 1],
    "clamp(p, -0.5f, 0.5f).z": lambda p, q, r: np.clip(p[:, 2], -0.5, 0.5),
    "ldexp(p, int3(2, -3, 4)).y": lambda p, q, r: p[:, 1] / 8,
    "float(ilogb(p).x)": lambda p, q, r: np.floor(np.log2(np.abs(p[:, 0].astype(np.float64)))),
}


def test_geometry_in_all_precisions():
    lines = []
    for space, precision in enumerate(PRECISIONS):
        for k, expression in enumerate(GEOMETRY):
            qualified = re.sub(r"\b(?!int3|float)(\w+)\(", rf"{precision}::\1(", expression)
            lines.append(f"  out[{(space * len(GEOMETRY) + k) * N} + i] = {qualified};\n")
    text = (
        "#include <metal_stdlib>\nusing namespace metal;\n"
        "kernel void k(const device packed_float3 *ps, const device packed_float3 *qs,\n"
        "  const device packed_float3 *rs, device float *out, uint i [[thread_position_in_grid]]) {\n"
        f"  float3 p = ps[i], q = qs[i], r = rs[i];\n{''.join(lines)}}}\n"
    )
    out = np.zeros((3, len(GEOMETRY), N), np.float32)
    Library(text, "reference")["k"].launch_threads([_P, _Q, _R, out], N, 32)
    for k, (expression, function) in enumerate(GEOMETRY.items()):
        expected = function(*(v.astype(np.float64) for v in (_P, _Q, _R)))
        for row in out[:, k]:
            np.testing.assert_allclose(row, expected, rtol=2e-6, atol=2e-6, err_msg=expression)


def test_names_exist_in_each_precision():
    """`precise::` and `fast::` have float overloads of all of <metal_math>; a half keeps its type."""
    names = [call for call in CALLS if not call.startswith(("select", "frexp"))]
    lines = "".join(f"  out[2] += {space}::{call};\n" for space in ("precise", "fast") for call in names)
    text = f"""#include <metal_stdlib>
    using namespace metal;
    kernel void k(device float *out, const device half *in) {{
      float a = 0.25f, b = 0.5f, c = 0.75f, m;
      out[0] = precise::tanh(in[0]);
      out[1] = fast::exp(in[1]);
    {lines}}}"""
    out, halves = np.zeros(3, np.float32), np.array([0.5, 1.5], np.float16)
    Library(text, "reference")["k"].launch([out, halves], 1, 1)
    np.testing.assert_allclose(out[:2], [np.tanh(0.5), np.exp(1.5)], rtol=2**-11)


RELATIONS = ["isfinite", "isinf", "isnan", "isnormal", "signbit"]


@pytest.mark.parametrize("element", ["float", "half"])
def test_relational_functions(element: str):
    kind = ELEMENTS[element]
    values = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, kind.smallest, -kind.smallest / 4, 65000.0])
    x = values.astype(kind.storage)
    limits = np.finfo(kind.storage)
    expected = {
        "isfinite": np.isfinite(x),
        "isinf": np.isinf(x),
        "isnan": np.isnan(x),
        "isnormal": np.isfinite(x) & (np.abs(x) >= limits.tiny),
        "signbit": np.signbit(x),
    }
    lines = "".join(f"  out[{k} * n + i] = {f}(x[i]) && {f}({element}4(x[i])).w;\n" for k, f in enumerate(RELATIONS))
    text = f"""#include <metal_stdlib>
    using namespace metal;
    kernel void k(const device {element} *x, device bool *out, uint i [[thread_position_in_grid]]) {{
      const uint n = {len(x)};
    {lines}
      out[5 * n + i] = isordered(x[i], {element}(1)) && isordered({element}2(x[i]), {element}2(1)).y;
      out[6 * n + i] = isunordered(x[i], {element}(1)) && isunordered({element}2(x[i]), {element}2(1)).x;
      out[7 * n + i] = any(isnan({element}2(x[i], 1))) && !all(isnan({element}2(x[i], 1)));
    }}"""
    out = np.zeros((8, len(x)), np.bool_)
    Library(text, "reference")["k"].launch_threads([x, out], len(x), len(x))
    for row, name in zip(out, RELATIONS, strict=False):
        np.testing.assert_array_equal(row, expected[name], err_msg=name)
    for row, wanted in zip(out[5:], (~np.isnan(x), np.isnan(x), np.isnan(x)), strict=True):
        np.testing.assert_array_equal(row, wanted)


@pytest.mark.parametrize("element", list(ELEMENTS))
def test_nextafter_visits_every_value(element: str):
    """... of the type itself, from both sides of zero."""
    kind = ELEMENTS[element]
    x = kind.store(np.array([0.0, -0.0, 1.0, -1.0, kind.smallest, 3.0, -kind.smallest / 2]))
    up, down = np.zeros_like(x), np.zeros_like(x)
    text = f"""#include <metal_stdlib>
    using namespace metal;
    kernel void k(const device {element} *x, device {element} *up, device {element} *down,
                  uint i [[thread_position_in_grid]]) {{
      up[i] = nextafter(x[i], {element}(INFINITY));
      down[i] = nextafter({element}2(x[i]), {element}2(-INFINITY)).y;
    }}"""
    Library(text, "reference")["k"].launch_threads([x, up, down], len(x), len(x))
    bits = {2: np.int16, 4: np.int32}[x.itemsize]

    def ordinal(values: np.ndarray) -> np.ndarray:
        signed = values.view(bits).astype(np.int64)
        return np.where(signed < 0, -(signed & 2 ** (8 * x.itemsize - 1) - 1), signed)

    np.testing.assert_array_equal(ordinal(up), ordinal(x) + 1)
    np.testing.assert_array_equal(ordinal(down), ordinal(x) - 1)
