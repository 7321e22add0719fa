"""What Triton's interpreter (TRITON_INTERPRET=1) takes from libtriton: memory accesses by address, and exact fma.

Arrays of addresses (uint64), values and masks are NumPy's, of one shape. Elements are accessed in row-major order, so
that of several stores to one address the last remains.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from ...errors import InvalidArgument

Array = np.ndarray[Any, Any]


class MEM_SEMANTIC(Enum):
    ACQUIRE_RELEASE = 0
    ACQUIRE = 1
    RELEASE = 2
    RELAXED = 3


class RMW_OP(Enum):
    ADD = 0
    FADD = 1
    AND = 2
    OR = 3
    XOR = 4
    XCHG = 5
    MAX = 6
    MIN = 7
    UMIN = 8
    UMAX = 9


_COMBINE: dict[RMW_OP, Callable[[Any, Any], Any]] = {
    RMW_OP.ADD: np.add,
    RMW_OP.FADD: np.add,
    RMW_OP.AND: np.bitwise_and,
    RMW_OP.OR: np.bitwise_or,
    RMW_OP.XOR: np.bitwise_xor,
    RMW_OP.XCHG: lambda old, new: new,
    RMW_OP.MAX: np.maximum,
    RMW_OP.MIN: np.minimum,
    RMW_OP.UMAX: np.maximum,
    RMW_OP.UMIN: np.minimum,
}


def _memory(addresses: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """A view of the process's memory as elements of `dtype`, and the index in it of every address.

    The addresses, of which there is at least one, must be multiples of one another's distance by whole elements.
    """
    low, high = int(addresses.min()), int(addresses.max())
    size = high - low + dtype.itemsize
    view = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(low))
    offsets = (addresses - np.uint64(low)).astype(np.int64)
    index, rest = np.divmod(offsets, dtype.itemsize)
    if rest.any():
        raise InvalidArgument(f"addresses of {dtype} that differ by no whole number of elements")
    return view[: size // dtype.itemsize * dtype.itemsize].view(dtype), index


def load(pointers: Array, mask: Array, other: Array, dtype: np.dtype[Any]) -> Array:
    """The elements at the addresses where the mask is set, `other` elsewhere."""
    dtype = np.dtype(dtype)
    result = np.array(np.broadcast_to(other, pointers.shape), dtype)
    active = np.broadcast_to(mask, pointers.shape).astype(bool)
    if active.any():
        memory, index = _memory(pointers[active], dtype)
        result[active] = memory[index]
    return result


def store(pointers: Array, values: Array, mask: Array) -> None:
    """Write the values where the mask is set."""
    active = np.broadcast_to(mask, pointers.shape).astype(bool)
    if active.any():
        values = np.broadcast_to(values, pointers.shape)
        memory, index = _memory(pointers[active], values.dtype)
        memory[index] = values[active]


def atomic_rmw(operation: RMW_OP, pointers: Array, values: Array, mask: Array, order: MEM_SEMANTIC) -> Array:
    """Combine memory with the values one element after the other; the contents before, 0 where the mask is not set."""
    result = np.zeros(pointers.shape, values.dtype)
    active = np.broadcast_to(mask, pointers.shape).astype(bool)
    if not active.any():
        return result
    values = np.broadcast_to(values, pointers.shape)[active]
    memory, index = _memory(pointers[active], values.dtype)
    result[active] = _in_order(_COMBINE[operation], memory, index, values)
    return result


def _in_order(combine: Callable[[Any, Any], Any], memory: Array, index: Array, values: Array) -> Array:
    """Combine at once where all addresses differ, else one by one."""
    with np.errstate(over="ignore"):
        if len(np.unique(index)) == len(index):
            before = memory[index]
            memory[index] = combine(before, values)
            return before
        before = np.empty_like(values)
        for i, place in enumerate(index):
            before[i] = memory[place]
            memory[place] = combine(before[i : i + 1], values[i : i + 1])[0]
    return before


def atomic_cas(pointers: Array, expected: Array, values: Array, order: MEM_SEMANTIC) -> Array:
    """Replace what equals `expected`, one element after the other; the contents before."""
    before = np.empty(pointers.shape, values.dtype)
    memory, index = _memory(pointers.ravel(), values.dtype)
    flat = before.ravel()
    expected, values = (np.broadcast_to(each, pointers.shape).ravel() for each in (expected, values))
    for i, place in enumerate(index):
        flat[i] = memory[place]
        if flat[i] == expected[i]:
            memory[place] = values[i]
    return flat.reshape(pointers.shape)


def fma_fp32(x: Array, y: Array, z: Array) -> Array:
    """x * y + z in float32 with one rounding.

    The product of two float32 is exact in float64. So that the sum is rounded once, it is first rounded to odd: where
    the float64 sum is not exact, its last bit is set (Boldo and Melquiond, Emulation of FMA and correctly rounded sums,
    2008).
    """
    with np.errstate(all="ignore"):
        product = x.astype(np.float64) * y.astype(np.float64)
        return _sum_to_odd(product, z.astype(np.float64)).astype(np.float32)


def fma_fp64(x: Array, y: Array, z: Array) -> Array:
    """x * y + z in float64 with one rounding, by the C library."""
    function = ctypes.CDLL(None).fma
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * 3
    with np.errstate(all="ignore"):
        return np.vectorize(function, otypes=[np.float64])(x, y, z) if x.size else x.copy()


def _sum_to_odd(a: Array, b: Array) -> Array:
    """a + b rounded towards odd: the exact sum where it is a float64, else that neighbour whose last bit is set."""
    total = a + b
    rest = total - a
    error = (a - (total - rest)) + (b - rest)  # exact (Knuth's two-sum)
    bits = np.atleast_1d(total).view(np.int64).reshape(np.shape(total))
    inexact = np.isfinite(total) & (error != 0) & ~np.isnan(error) & (bits & 1 == 0)
    upwards = (error > 0) == (total >= 0)
    moved = np.where(upwards, bits + 1, bits - 1)
    return np.where(inexact, np.atleast_1d(moved).view(np.float64).reshape(np.shape(total)), total)
