"""Casts of `tl.float8e4b15`, which MLIR has no type for: the front end keeps it in i8 and asks the backend for them.

A code is sign, 4 bits of exponent and 3 of mantissa, all of them numbers: the upper byte of an f16, shifted by one bit.
As on CUDA devices, an f32 is first cut to f16, numbers are rounded to nearest with ties away from zero, and what is
beyond 1.75, NaN with it, becomes 1.75.
"""

from __future__ import annotations

from typing import Any

from triton import language as tl

LARGEST = 0x3F00  # 1.75 in f16


@tl.core.builtin
def convert(
    argument: tl.tensor, target: tl.dtype, fp_downcast_rounding: str | None = None, _semantic: Any = None
) -> tl.tensor:
    """From or to fp8e4b15, as Triton's hook `convert_custom_types`."""
    if argument.dtype.is_fp8e4b15():
        return _semantic.cast(_decode(argument, _semantic), target)
    if not argument.dtype.is_fp16():
        argument = _semantic.cast(argument, tl.float32)
        argument = _semantic.cast(argument, tl.float16, fp_downcast_rounding="rtz")
    return _encode(argument, _semantic)


def _decode(code: tl.tensor, semantic: Any) -> tl.tensor:
    bits = semantic.cast(semantic.bitcast(code, tl.uint8), tl.uint16)
    sign = semantic.shl(semantic.and_(bits, _number(0x80, semantic)), _number(8, semantic))
    magnitude = semantic.shl(semantic.and_(bits, _number(0x7F, semantic)), _number(7, semantic))
    return semantic.bitcast(semantic.or_(sign, magnitude), tl.float16)


def _encode(half: tl.tensor, semantic: Any) -> tl.tensor:
    bits = semantic.bitcast(half, tl.uint16)
    magnitude = semantic.and_(bits, _number(0x7FFF, semantic))
    magnitude = semantic.where(
        semantic.greater_than(magnitude, _number(LARGEST, semantic)), _number(LARGEST, semantic), magnitude
    )
    doubled = semantic.add(semantic.shl(magnitude, _number(1, semantic)), _number(0x80, semantic), False)
    sign = semantic.and_(bits, _number(0x8000, semantic))
    code = semantic.lshr(semantic.or_(sign, doubled), _number(8, semantic))
    return semantic.bitcast(semantic.cast(code, tl.uint8), tl.float8e4b15)


def _number(value: int, semantic: Any) -> tl.tensor:
    return semantic.to_tensor(semantic.make_scalar(value, tl.uint16))
