"""Every function of <metal_integer>, for every integer type and for vectors, against Python's integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library

N = 64
TYPES = {
    "char": np.int8,
    "uchar": np.uint8,
    "short": np.int16,
    "ushort": np.uint16,
    "int": np.int32,
    "uint": np.uint32,
    "long": np.int64,
    "ulong": np.uint64,
}
OFFSET, COUNT = 2, 5  # of extract_bits and insert_bits


class Width:
    """A type's integers."""

    def __init__(self, dtype: type):
        limits = np.iinfo(dtype)
        self.bits, self.low, self.high = limits.bits, int(limits.min), int(limits.max)
        self.mask = 2**self.bits - 1

    def wrap(self, value: int) -> int:
        value &= self.mask
        return value - 2**self.bits if value > self.high else value

    def clamp(self, value: int) -> int:
        return max(self.low, min(self.high, value))

    def text(self, value: int) -> str:
        return f"{value & self.mask:0{self.bits}b}"


def _median(a: int, b: int, c: int) -> int:
    return sorted([a, b, c])[1]


def _extract(w: Width, a: int) -> int:
    field = a >> OFFSET & 2**COUNT - 1
    return field - 2**COUNT if w.low and field >= 2 ** (COUNT - 1) else field


def _insert(w: Width, a: int, b: int) -> int:
    mask = (2**COUNT - 1) << OFFSET
    return w.wrap(a & ~mask | b << OFFSET & mask)


def _rotate(w: Width, a: int, b: int) -> int:
    text, count = w.text(a), b % w.bits
    return w.wrap(int(text[count:] + text[:count], 2))


# Name -> (what it takes of a, b, c, what it is).
FUNCTIONS: dict[str, tuple[str, Callable[..., int]]] = {
    "abs": ("a", lambda w, a: w.wrap(abs(a))),
    "absdiff": ("a, b", lambda w, a, b: w.wrap(abs(a - b))),
    "addsat": ("a, b", lambda w, a, b: w.clamp(a + b)),
    "subsat": ("a, b", lambda w, a, b: w.clamp(a - b)),
    "clamp": ("a, min(b, c), max(b, c)", lambda w, a, b, c: max(min(b, c), min(max(b, c), a))),
    "clz": ("a", lambda w, a: w.bits - (a & w.mask).bit_length()),
    "ctz": ("a", lambda w, a: w.bits - len(w.text(a).rstrip("0")) if a else w.bits),
    "extract_bits": (f"a, {OFFSET}, {COUNT}", _extract),
    "insert_bits": (f"a, b, {OFFSET}, {COUNT}", _insert),
    "hadd": ("a, b", lambda w, a, b: (a + b) >> 1),
    "rhadd": ("a, b", lambda w, a, b: (a + b + 1) >> 1),
    "madhi": ("a, b, c", lambda w, a, b, c: w.wrap((a * b >> w.bits) + c)),
    "madsat": ("a, b, c", lambda w, a, b, c: w.clamp(a * b + c)),
    "mulhi": ("a, b", lambda w, a, b: a * b >> w.bits),
    "max": ("a, b", lambda w, a, b: max(a, b)),
    "min": ("a, b", lambda w, a, b: min(a, b)),
    "max3": ("a, b, c", lambda w, a, b, c: max(a, b, c)),
    "min3": ("a, b, c", lambda w, a, b, c: min(a, b, c)),
    "median3": ("a, b, c", lambda w, a, b, c: _median(a, b, c)),
    "popcount": ("a", lambda w, a: w.text(a).count("1")),
    "reverse_bits": ("a", lambda w, a: w.wrap(int(w.text(a)[::-1], 2))),
    "rotate": ("a, b", _rotate),
}


def _body(names: list[str], arguments: dict[str, str]) -> str:
    lines = []
    for k, name in enumerate(names):
        call = arguments[name]
        lines.append(f"  out[{k} * n + i] = {name}({call});\n")
        vector = call.replace("a", "va").replace("b", "vb").replace("c", "vc") if "min" not in call else "va, lo, hi"
        lines.append(f"  vectors[{k} * n + i] = {name}({vector}).y;\n")
    return "".join(lines)


def _kernel(element: str, names: list[str], arguments: dict[str, str]) -> str:
    return (
        f"kernel void of_{element}(const device {element} *as, const device {element} *bs, const device {element} *cs,"
        f" device {element} *out, device {element} *vectors, uint i [[thread_position_in_grid]]) {{\n"
        f"  const uint n = {N};\n  {element} a = as[i], b = bs[i], c = cs[i];\n"
        f"  {element}3 va({element}(1), a, a), vb(b), vc(c, c, {element}(0)), lo = min(vb, vc), hi = max(vb, vc);\n"
        f"{_body(names, arguments)}}}\n"
    )


def _operands(dtype: type) -> list[np.ndarray]:
    """Random ones, small ones, and the limits against each other."""
    random = np.random.default_rng(5)
    limits = np.iinfo(dtype)
    edges = np.array([limits.min, limits.max, 0, 1, limits.max - 1], dtype)
    found = []
    for turn in range(3):
        values = random.integers(limits.min, limits.max, N, dtype=dtype, endpoint=True)
        values[:25] = np.tile(edges, 5) if turn % 2 else np.repeat(edges, 5)
        values[25:40] = random.integers(0, 9, 15)
        found.append(values)
    return found


@pytest.fixture(scope="module")
def library() -> Library:
    arguments = {name: call for name, (call, _) in FUNCTIONS.items()}
    text = "".join(_kernel(element, list(FUNCTIONS), arguments) for element in TYPES)
    return Library(f"#include <metal_stdlib>\nusing namespace metal;\n{text}", "reference")


@pytest.mark.parametrize("element", list(TYPES))
def test_integer_functions(library: Library, element: str):
    a, b, c = _operands(TYPES[element])
    out, vectors = (np.zeros((len(FUNCTIONS), N), TYPES[element]) for _ in range(2))
    library[f"of_{element}"].launch_threads([a, b, c, out, vectors], N, 32)
    width = Width(TYPES[element])
    for row, vector_row, (name, (call, function)) in zip(out, vectors, FUNCTIONS.items(), strict=True):
        used = [values for letter, values in zip("abc", (a, b, c), strict=True) if letter in call]
        expected = [function(width, *(int(v) for v in values)) for values in zip(*used, strict=True)]
        assert row.tolist() == expected, name
        assert vector_row.tolist() == expected, f"{name} of a vector"


@pytest.mark.parametrize("element", ["int", "uint"])
def test_multiplication_of_24_bits(element: str):
    text = f"""#include <metal_stdlib>
    using namespace metal;
    kernel void k(const device {element} *a, const device {element} *b, device {element} *out,
                  uint i [[thread_position_in_grid]]) {{
      out[i] = mul24(a[i], b[i]);
      out[{N} + i] = mad24({element}2(a[i]), {element}2(b[i]), {element}2(7)).y;
    }}"""
    low = -(2**23) if element == "int" else 0
    a, b = (np.random.default_rng(i).integers(low, 2**23, N).astype(TYPES[element]) for i in range(2))
    out = np.zeros((2, N), TYPES[element])
    Library(text, "reference")["k"].launch_threads([a, b, out], N, 32)
    width = Width(TYPES[element])
    products = [int(p) * int(q) for p, q in zip(a, b, strict=True)]
    assert out[0].tolist() == [width.wrap(p) for p in products]
    assert out[1].tolist() == [width.wrap(p + 7) for p in products]
