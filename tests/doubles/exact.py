"""The functions of doubles that must be right to the last bit, each with hardware's or C's own as its oracle."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Oracle = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Exact:
    """text: MSL of x, y, z (f64) or n (bits as a number), with an ulong as value; oracle: the same of arrays of float64
    (n: uint64), as any type of 8 bytes or less; result: what the bits mean."""

    text: str
    operands: int
    oracle: Oracle
    result: type[np.generic] = np.float64
    of_integer: bool = False


def c_function(name: str, operands: int) -> Oracle:
    """A function of C's library, number by number."""
    function = getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * operands
    return lambda *arrays: np.array(list(map(function, *(a.tolist() for a in arrays))), np.float64)


def _ieee_remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Python's own. glibc's has the wrong zero in rare cases."""
    defined = np.isfinite(x) & ~np.isnan(y) & (y != 0)
    result = np.full(len(x), np.nan)
    result[defined] = list(map(math.remainder, x[defined].tolist(), y[defined].tolist()))
    return result


def _half_away(x: np.ndarray) -> np.ndarray:
    """C's round: beyond 2**52 all numbers are whole."""
    size = np.abs(x)
    whole = np.floor(size)
    return np.copysign(np.where(size < 2.0**52, whole + (size - whole >= 0.5), size), x)


def _to_float32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


def bfloat_bits(x: np.ndarray) -> np.ndarray:
    """Rounded once: to float towards 0 with a sticky last bit, which then decides ties."""
    with np.errstate(over="ignore"):
        near = x.astype(np.float32)
    bits = near.view(np.uint32)
    beyond = np.abs(near.astype(np.float64)) > np.abs(x)
    odd = np.where(beyond, bits - np.uint32(1), bits) | (near.astype(np.float64) != x).astype(np.uint32)
    rounded = odd + np.uint32(0x7FFF) + (odd >> np.uint32(16) & np.uint32(1)) >> np.uint32(16)
    return np.where(np.isnan(x), np.uint32(0x7FC0), rounded).astype(np.uint16)


def _to_integer(dtype: type[np.signedinteger] | type[np.unsignedinteger]) -> Oracle:
    """Towards 0; beyond the range its nearest number, NaN 0."""
    limits = np.iinfo(dtype)

    def oracle(x: np.ndarray) -> np.ndarray:
        whole = np.trunc(x)
        inside = (whole >= float(limits.min)) & (whole < float(limits.max) + (limits.bits < 64))
        clipped = np.where(x > 0, limits.max, limits.min).astype(dtype)
        converted = np.where(inside, whole, 0.0).astype(dtype)
        return np.where(np.isnan(x), dtype(0), np.where(inside, converted, clipped))

    return oracle


def _extreme(pick: Oracle, zeros: Oracle) -> Oracle:
    """fmin or fmax, for which -0 is less than 0."""

    def oracle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        bits = zeros(x.view(np.uint64), y.view(np.uint64)).view(np.float64)
        return np.where((x == 0) & (y == 0), bits, pick(x, y))

    return oracle


def _propagating(pick: Oracle, compare: Oracle) -> Oracle:
    """minimum or maximum of the vocabulary, which gives the second of equal numbers."""
    return lambda x, y: np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(compare(x, y), x, y))


def _exponent(x: np.ndarray) -> np.ndarray:
    """C's ilogb, with CUDA's value for NaN."""
    finite = np.where(np.isfinite(x) & (x != 0), x, 1.0)
    special = np.where(np.isinf(x), 2**31 - 1, -(2**31))
    return np.where(np.isfinite(x) & (x != 0), np.frexp(finite)[1] - 1, special).astype(np.int64)


def _float_exponent(x: np.ndarray) -> np.ndarray:
    ordinary = np.isfinite(x) & (x != 0)
    return np.where(ordinary, _exponent(x), np.where(x == 0, -np.inf, np.abs(x))).astype(np.float64)


def _difference_or_zero(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x <= y, 0.0, x - y)


def _of(expression: str) -> str:
    return f"as_ulong({expression})"


def _flag(expression: str) -> str:
    return f"ulong({expression})"


EXACT = {
    "x + y": Exact(_of("x + y"), 2, np.add),
    "x - y": Exact(_of("x - y"), 2, np.subtract),
    "x * y": Exact(_of("x * y"), 2, np.multiply),
    "x / y": Exact(_of("x / y"), 2, np.divide),
    "-x": Exact(_of("-x"), 1, np.negative),
    "fma(x, y, z)": Exact(_of("fma(x, y, z)"), 3, c_function("fma", 3)),
    "sqrt(x)": Exact(_of("sqrt(x)"), 1, np.sqrt),
    "fmod(x, y)": Exact(_of("fmod(x, y)"), 2, np.fmod),
    "ieee_remainder(x, y)": Exact(_of("ieee_remainder(x, y)"), 2, _ieee_remainder),
    **{f"x {symbol} y": Exact(_flag(f"x {symbol} y"), 2, oracle, np.uint64) for symbol, oracle in (
        ("<", np.less), ("<=", np.less_equal), (">", np.greater), (">=", np.greater_equal), ("==", np.equal),
        ("!=", np.not_equal))},
    "x != 0": Exact(_flag("x != 0"), 1, lambda x: x != 0, np.uint64),
    "fmin(x, y)": Exact(_of("fmin(x, y)"), 2, _extreme(np.fmin, np.bitwise_or)),
    "fmax(x, y)": Exact(_of("fmax(x, y)"), 2, _extreme(np.fmax, np.bitwise_and)),
    "minimum(x, y)": Exact(_of("minimum(x, y)"), 2, _propagating(np.minimum, np.less)),
    "maximum(x, y)": Exact(_of("maximum(x, y)"), 2, _propagating(np.maximum, np.greater)),
    "copysign(x, y)": Exact(_of("copysign(x, y)"), 2, np.copysign),
    "fabs(x)": Exact(_of("fabs(x)"), 1, np.abs),
    "nextafter(x, y)": Exact(_of("nextafter(x, y)"), 2, np.nextafter),
    "fdim(x, y)": Exact(_of("fdim(x, y)"), 2, _difference_or_zero),
    "ldexp(x, n)": Exact(_of("ldexp(x, int(n & 4095ul) - 2048)"), 1,
                         lambda x: np.ldexp(x, (x.view(np.uint64) & np.uint64(4095)).astype(np.int32) - 2048)),
    "logb(x)": Exact(_of("logb(x)"), 1, _float_exponent),
    "ilogb(x)": Exact(_flag("ilogb(x)"), 1, _exponent, np.uint64),
    "trunc(x)": Exact(_of("trunc(x)"), 1, np.trunc),
    "floor(x)": Exact(_of("floor(x)"), 1, np.floor),
    "ceil(x)": Exact(_of("ceil(x)"), 1, np.ceil),
    "rint(x)": Exact(_of("rint(x)"), 1, np.rint),
    "round(x)": Exact(_of("round(x)"), 1, _half_away),
    "isnan(x)": Exact(_flag("isnan(x)"), 1, np.isnan, np.uint64),
    "isinf(x)": Exact(_flag("isinf(x)"), 1, np.isinf, np.uint64),
    "isfinite(x)": Exact(_flag("isfinite(x)"), 1, np.isfinite, np.uint64),
    "signbit(x)": Exact(_flag("signbit(x)"), 1, np.signbit, np.uint64),
    "bool(x)": Exact(_flag("bool(x)"), 1, lambda x: x != 0, np.uint64),
    "float(x)": Exact("ulong(as_type<uint>(float(x)))", 1, _to_float32, np.float32),
    "half(x)": Exact("ulong(as_type<ushort>(half(x)))", 1, lambda x: x.astype(np.float16), np.float16),
    "bfloat(x)": Exact("ulong(as_type<ushort>(bfloat(x)))", 1, bfloat_bits, np.uint16),
    **{f"{name}(x)": Exact(f"ulong({name}(x))", 1, _to_integer(dtype), np.uint64) for name, dtype in (
        ("int", np.int32), ("uint", np.uint32), ("long", np.int64), ("ulong", np.uint64))},
    **{f"float64({name})": Exact(_of(f"f64({name}(n))"), 1, lambda n, dtype=dtype: n.astype(dtype).astype(np.float64),
                                 of_integer=True) for name, dtype in (
        ("char", np.int8), ("uchar", np.uint8), ("short", np.int16), ("ushort", np.uint16), ("int", np.int32),
        ("uint", np.uint32), ("long", np.int64), ("ulong", np.uint64))},
    "float64(bool)": Exact(_of("f64(bool(n & 1ul))"), 1, lambda n: (n & np.uint64(1)).astype(np.float64),
                           of_integer=True),
    "float64(float)": Exact(_of("f64(as_type<float>(uint(n)))"), 1,
                            lambda n: n.astype(np.uint32).view(np.float32).astype(np.float64), of_integer=True),
    "float64(half)": Exact(_of("f64(as_type<half>(ushort(n)))"), 1,
                           lambda n: n.astype(np.uint16).view(np.float16).astype(np.float64), of_integer=True),
    "float64(bfloat)": Exact(_of("f64(as_type<bfloat>(ushort(n)))"), 1,
                             lambda n: (n.astype(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
                             .astype(np.float64), of_integer=True),
}  # fmt: skip


def expected_bits(row: Exact, operands: list[np.ndarray]) -> np.ndarray:
    """What the kernel should give, as uint64; of NaN any bits."""
    values = operands if row.of_integer else [each.view(np.float64) for each in operands]
    with np.errstate(all="ignore"):
        result = np.asarray(row.oracle(*values))
    if result.dtype.kind in "bi":  # a kernel's ulong() extends the sign
        return result.astype(np.int64).view(np.uint64)
    return result.view(f"u{result.dtype.itemsize}").astype(np.uint64)


def differences(row: Exact, operands: list[np.ndarray], found: np.ndarray) -> np.ndarray:
    """Where the kernel's bits are wrong. Any NaN equals any NaN."""
    wrong = found != expected_bits(row, operands)
    if row.result is np.uint64:
        return np.flatnonzero(wrong)
    width = np.dtype(row.result).itemsize
    if row.result is np.uint16:  # bfloat
        return np.flatnonzero(wrong & ~((found & np.uint64(0x7FFF) > 0x7F80) & np.isnan(operands[0].view(np.float64))))
    value = found.astype(f"u{width}").view(row.result)
    reference = expected_bits(row, operands).astype(f"u{width}").view(row.result)
    return np.flatnonzero(wrong & ~(np.isnan(value) & np.isnan(reference)))
