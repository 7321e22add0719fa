"""The number formats of the IR: two's complement integers, IEEE floats, bfloat16 and the 8-bit floats, bit by bit."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache

from .types import BF16, FloatType


@dataclass(frozen=True)
class SmallFloat:
    """A float of few bits: exponent and mantissa bits, exponent bias, and which patterns are not numbers.

    kind "ieee" has infinities; "finite" ("FN") has only nan, all ones; "unsigned_zero" ("FNUZ") has nan at 0x80; in
    "numbers" every pattern is one.
    """

    exponent: int
    mantissa: int
    bias: int
    kind: str


SMALL_FLOATS = {
    "f8E5M2": SmallFloat(5, 2, 15, "ieee"),
    "f8E4M3FN": SmallFloat(4, 3, 7, "finite"),
    "f8E5M2FNUZ": SmallFloat(5, 2, 16, "unsigned_zero"),
    "f8E4M3FNUZ": SmallFloat(4, 3, 8, "unsigned_zero"),
    "f8E4M3B11FNUZ": SmallFloat(4, 3, 11, "unsigned_zero"),
}
_DIGITS = {"f64": 17, "f32": 9, "f16": 5, "bf16": 4, "f8E5M2": 2, "f8E5M2FNUZ": 2} | dict.fromkeys(
    ("f8E4M3FN", "f8E4M3FNUZ", "f8E4M3B11FNUZ"), 3
)
"""The decimal digits that LLVM gives a format: 2 + the bits of its significand * 59 // 196."""
_PACKED = {"f16": ("<e", "<H"), "f32": ("<f", "<I"), "f64": ("<d", "<Q")}


def wrap_integer(value: int, width: int) -> int:
    """`value` modulo 2**width as a signed number; for width 1, as 0 or 1."""
    if width == 1:
        return value & 1
    half = 1 << (width - 1)
    return ((value + half) & ((1 << width) - 1)) - half


def float_from_bits(bits: int, type_: FloatType) -> float:
    """The number that a bit pattern means in `type_`."""
    if type_.name == "bf16":
        return struct.unpack("<f", struct.pack("<I", bits << 16))[0]
    if type_.name in _PACKED:
        float_code, integer_code = _PACKED[type_.name]
        return struct.unpack(float_code, struct.pack(integer_code, bits))[0]
    return _small_floats(type_.name)[bits]


def bits_of_float(value: float, type_: FloatType) -> int:
    """The bit pattern of the `type_` number nearest to `value` (ties to even; beyond the range: infinity, else nan)."""
    if type_.name == "bf16":
        return _bfloat_bits(value)
    if type_.name not in _PACKED:
        return _small_float_bits(value, type_.name)
    float_code, integer_code = _PACKED[type_.name]
    try:
        packed = struct.pack(float_code, value)
    except OverflowError:
        packed = struct.pack(float_code, math.copysign(math.inf, value))
    return struct.unpack(integer_code, packed)[0]


def round_float(value: float, type_: FloatType) -> float:
    """The `type_` number nearest to `value`."""
    if type_.name == "f64":
        return value
    return float_from_bits(bits_of_float(value, type_), type_)


def spell_float(value: float, type_: FloatType) -> str:
    """The text that MLIR prints: six digits where they are the number exactly, all the format has where those contain a
    decimal point, else the bits. LLVM's APFloat, and thus this, cuts digits off before it rounds."""
    if math.isfinite(value):
        short = _scientific(value, 6)
        if bits_of_float(float(short), type_) == bits_of_float(value, type_):
            return short
        long = _shortest(value, _DIGITS[type_.name])
        if "." in long:
            return long
    return f"0x{bits_of_float(value, type_):0{type_.width // 4}X}"


def _decimal(value: float, precision: int) -> tuple[int, int]:
    """(digits, exponent): `precision` decimal digits of |value| as an integer, and the power of ten of its last one."""
    significand, binary = _odd_fraction(abs(value))
    exponent = min(binary, 0)
    digits = significand << binary if binary > 0 else significand * 5**-binary
    extra = (digits.bit_length() - (precision * 196 + 58) // 59) * 59 // 196  # 196/59 is just above log2(10)
    if extra > 0:
        digits //= 10**extra
        exponent += extra
    length = len(str(digits))
    if length > precision:
        cut = 10 ** (length - precision)
        digits = (digits + cut // 2) // cut
        exponent += length - precision
    while digits and digits % 10 == 0:
        digits //= 10
        exponent += 1
    return digits, exponent


def _odd_fraction(value: float) -> tuple[int, int]:
    """`value` as an odd integer times a power of two."""
    numerator, denominator = value.as_integer_ratio()
    if denominator > 1:
        return numerator, -(denominator.bit_length() - 1)
    zeros = (numerator & -numerator).bit_length() - 1 if numerator else 0
    return numerator >> zeros, zeros


def _scientific(value: float, precision: int) -> str:
    """`1.500000e+00`: always so many digits after the point."""
    digits, exponent = _decimal(value, precision)
    text = str(digits)
    power = exponent + len(text) - 1 if digits else 0
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    return f"{sign}{text[0]}.{text[1:]:0<{precision}}e{power:+03d}"


def _shortest(value: float, precision: int) -> str:
    """`3.14159274`, `100000`, or `9.99999997E-7`: without trailing zeros, an exponent only beyond 3 zeros."""
    digits, exponent = _decimal(value, precision)
    text = str(digits)
    sign = "-" if value < 0 else ""
    power = exponent + len(text) - 1
    if exponent > 3 or (exponent >= 0 and len(text) + exponent > precision) or power < -3:
        return f"{sign}{text[0]}.{text[1:] or '0'}E{power:+d}"
    if exponent >= 0:
        return f"{sign}{text}{'0' * exponent}"
    whole, fraction = text[:exponent], text[exponent:]
    return f"{sign}{whole or '0'}.{'0' * (-exponent - len(text))}{fraction}"


def _bfloat_bits(value: float) -> int:
    if math.isnan(value):
        return 0x7FC0
    try:
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        return 0x7F80 if value > 0 else 0xFF80
    below = bits >> 16
    # The f32 may already be rounded: compare the two bfloat16 neighbours with the exact value.
    candidates = [c for c in (below - 1, below, below + 1) if 0 <= c & 0x7FFF < 0x7F80 and c >> 15 == bits >> 31]
    best = min(candidates, key=lambda c: (abs(float_from_bits(c, BF16) - value), c & 1))
    if best & 0x7FFF == 0x7F7F and abs(value) >= (2 - 2**-8) * 2.0**127:
        return best + 1
    return best


@lru_cache
def _small_floats(name: str) -> tuple[float, ...]:
    return tuple(_small_float(bits, SMALL_FLOATS[name]) for bits in range(256))


def _small_float(bits: int, form: SmallFloat) -> float:
    exponent = bits >> form.mantissa & ((1 << form.exponent) - 1)
    fraction = bits & ((1 << form.mantissa) - 1)
    all_ones = exponent == (1 << form.exponent) - 1
    if form.kind == "unsigned_zero" and bits == 0x80:
        return math.nan
    if form.kind == "finite" and bits & 0x7F == 0x7F:
        return math.nan
    if form.kind == "ieee" and all_ones:
        return math.nan if fraction else math.copysign(math.inf, -1.0 if bits >> 7 else 1.0)
    significand = fraction + (1 << form.mantissa if exponent else 0)
    magnitude = math.ldexp(significand, max(exponent, 1) - form.bias - form.mantissa)
    return -magnitude if bits >> 7 else magnitude


def _small_float_bits(value: float, name: str) -> int:
    numbers = _small_floats(name)
    nan = next(bits for bits, number in enumerate(numbers) if math.isnan(number))
    if math.isnan(value):
        return nan
    sign = 0x80 if math.copysign(1.0, value) < 0 else 0
    finite = [bits for bits in range(sign, sign + 0x80) if math.isfinite(numbers[bits])]
    largest = finite[-1]
    half_step = abs(numbers[largest] - numbers[largest - 1]) / 2
    if abs(value) >= abs(numbers[largest]) + half_step:
        return largest + 1 if SMALL_FLOATS[name].kind == "ieee" else nan
    best = min(finite, key=lambda bits: (abs(numbers[bits] - value), bits & 1)) if finite else sign
    return 0 if numbers[best] == 0 and SMALL_FLOATS[name].kind == "unsigned_zero" else best
