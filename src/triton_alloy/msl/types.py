"""How types and literals are spelled: varying types by the vocabulary's names, uniform ones in plain MSL."""

from __future__ import annotations

import math
import struct

from ..errors import Unsupported
from ..ir.types import FloatType, IndexType, IntegerType, PointerType, RegisterType, SharedType, Type, element_of

UNIFORM = {
    "i1": "bool",
    "i8": "char",
    "i16": "short",
    "i32": "int",
    "i64": "long",
    "f16": "half",
    "bf16": "bfloat",
    "f32": "float",
    "f64": "float64",
    "index": "int",
}
VARYING = {name: name for name in UNIFORM if name != "index"} | {"i1": "b1"}
UNSIGNED = {"char": "uchar", "short": "ushort", "int": "uint", "long": "ulong"} | {
    f"i{width}": f"u{width}" for width in (8, 16, 32, 64)
}
NARROW = ("i8", "i16", "bf16")  # C computes these in a wider type


def is_varying(type_: Type) -> bool:
    return isinstance(type_, RegisterType) and not type_.uniform


def type_name(type_: Type) -> str:
    """The spelling of one register's type: f32 (varying), float (uniform), device float * (pointer)."""
    if isinstance(type_, PointerType):
        const = "const " if type_.space == "constant" else ""
        return f"{const}device {memory_name(type_.pointee)} *"
    if isinstance(type_, SharedType):
        return f"threadgroup {memory_name(type_.element)} *"
    if isinstance(element_of(type_), PointerType):
        return "auto"  # a lane's own pointer
    names = VARYING if is_varying(type_) else UNIFORM
    element = str(element_of(type_))
    if element not in names:
        raise Unsupported(element, "Metal has no such type")
    return names[element]


def unsigned_name(type_: Type) -> str:
    """The unsigned type of the same width: u32, uint."""
    return UNSIGNED[type_name(type_)]


def memory_name(element: Type) -> str:
    """An element as memory holds it: i1 and the 8-bit floats take a byte, a pointer 8."""
    if isinstance(element, PointerType):
        return "ulong"
    if str(element) == "i1" or (isinstance(element, FloatType) and element.width == 8):
        return "uchar"
    if str(element) not in UNIFORM:
        raise Unsupported(str(element), "Metal has no such type")
    return UNIFORM[str(element)]


# ------------------------------------------------------------------------------------------------------------ literals
def literal(value: int | float, type_: Type) -> str:
    """A constant, exact to the bit, as a uniform value."""
    element = element_of(type_)
    if isinstance(element, IntegerType | IndexType):
        return integer_literal(int(value), 32 if isinstance(element, IndexType) else element.width)
    if isinstance(element, FloatType) and element.name in UNIFORM:
        return float_literal(float(value), element.name)
    raise Unsupported(str(element), "Metal has no such type")


def integer_literal(value: int, width: int) -> str:
    if width == 1:
        return "true" if value else "false"
    value = (value + (1 << width - 1)) % (1 << width) - (1 << width - 1)
    if value == -(1 << width - 1) and width >= 32:
        return f"int({1 << 31:#x}u)" if width == 32 else f"long({1 << 63:#x}ul)"
    if width < 32:
        return f"{UNIFORM[f'i{width}']}({value})"
    return str(value) if width == 32 else f"{value}l"


def float_literal(value: float, name: str) -> str:
    if name == "f32":
        return _f32_literal(value)
    if name == "f64":
        return _f64_literal(value)
    if name == "f16" and not math.isnan(value):
        value = struct.unpack("<e", _half_bytes(value))[0]
    return f"{UNIFORM[name]}({_f32_literal(value)})"


def _half_bytes(value: float) -> bytes:
    try:
        return struct.pack("<e", value)
    except OverflowError:  # what rounds to infinity
        return struct.pack("<e", math.copysign(math.inf, value))


def _f32_literal(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    try:
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        value = math.copysign(math.inf, value)
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    if 0 < abs(value) < 2.0**-126:  # Metal flushes subnormal numbers, also when it folds constants
        [bits] = struct.unpack("<I", struct.pack("<f", value))
        return f"as_type<float>({bits:#010x}u)"
    digits = next(t for p in range(1, 10) if _same_f32(t := f"{value:.{p}g}", value))
    return (digits if any(c in digits for c in ".e") else digits + ".0") + "f"


def _f64_literal(value: float) -> str:
    """Of a literal of MSL where that has the same value, since MSL has none of 64 bits; else by its bits."""
    if value.is_integer() and abs(value) < 1 << 31 and math.copysign(1, value) == (1 if value >= 0 else -1):
        return f"float64({int(value)})"
    if not math.isfinite(value) or (abs(value) >= 2.0**-126 and _is_f32(value)):
        return f"float64({_f32_literal(value)})"
    [bits] = struct.unpack("<Q", struct.pack("<d", value))
    return f"as_float64({bits:#018x}ul)"


def _is_f32(value: float) -> bool:
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0] == value
    except OverflowError:
        return False


def _same_f32(text: str, value: float) -> bool:
    try:
        return struct.pack("<f", float(text)) == struct.pack("<f", value)
    except OverflowError:  # rounded up beyond the largest float
        return False
