"""NumPy arrays as kernel arguments: `kernel[grid](triton_alloy.array(x), ...)`.

Triton asks an argument for `data_ptr()` and `dtype`; a NumPy array has neither in that form. The wrapper adds them,
copies nothing and keeps the array alive. It may be kept and launched with again and again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidArgument
from ..kernel import Extent

DTYPES = frozenset(
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
    + ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]  # of the package ml_dtypes
)


class Array:
    """A view of a NumPy array with the methods of a tensor that Triton calls. Made by `array`."""

    __slots__ = ("numpy", "dtype", "shape", "_address")

    is_cpu = True

    def __init__(self, numpy: np.ndarray):
        self.numpy = numpy
        self.dtype = numpy.dtype
        self.shape = numpy.shape
        self._address = numpy.ctypes.data

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._address

    @property
    def writeable(self) -> bool:
        """Whether a kernel may store into it."""
        return bool(self.numpy.flags.writeable)

    def numel(self) -> int:
        """The number of elements."""
        return self.numpy.size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.numpy.itemsize

    def stride(self, axis: int | None = None) -> Any:
        """The distance between neighbours in elements: of one axis, or of all as a tuple."""
        strides = tuple(stride // self.numpy.itemsize for stride in self.numpy.strides)
        return strides if axis is None else strides[axis]

    def _base(self) -> np.ndarray:
        base = self.numpy
        while isinstance(base.base, np.ndarray):
            base = base.base
        return base

    def ptr_range(self) -> int:
        """An upper bound of the bytes that can be reached from the array's address, in either direction."""
        return sum(self.extent())

    def extent(self, of_view: bool = False) -> Extent:
        """The memory that the array is a view of, around its address; of_view: only that of its own elements."""
        base = self.numpy if of_view else self._base()
        steps = [(length - 1) * stride for length, stride in zip(base.shape, base.strides, strict=True)]
        start = base.ctypes.data + sum(min(step, 0) for step in steps)
        end = base.ctypes.data + sum(max(step, 0) for step in steps) + base.itemsize
        return Extent(self._address - start, end - self._address) if self.numpy.size else Extent(0, 0)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy, dtype=dtype, copy=copy) if copy else np.asarray(self.numpy, dtype=dtype)

    def __repr__(self) -> str:
        return f"triton_alloy.array({self.numpy!r})"


def array(numpy: np.ndarray) -> Array:
    """`numpy` as a kernel argument, without a copy.

    A kernel sees the address of the first element; the strides are the kernel's business, zeros among them, and only
    an array that runs backwards is refused, as PyTorch does: what counts up from its first element leaves its memory. A
    read-only array is accepted for a kernel that only reads it. Raises InvalidArgument, by the name of the dtype, for
    what Metal cannot hold (complex, text, objects, records, foreign byte order), and for memory that no kernel
    can address element by element.
    """
    if isinstance(numpy, Array):
        return numpy
    if not isinstance(numpy, np.ndarray):
        raise InvalidArgument(f"triton_alloy.array takes a numpy.ndarray, not {type(numpy).__name__}")
    if isinstance(numpy, np.ma.MaskedArray):
        raise InvalidArgument("a kernel does not see the mask of a masked array: pass x.filled(value)")
    name = str(numpy.dtype)
    if name not in DTYPES:
        raise InvalidArgument(f"a kernel cannot take an array of dtype {name}: {_remedy(numpy.dtype)}")
    if any(stride % numpy.itemsize for stride in numpy.strides):
        reason = f"strides {numpy.strides} are no multiples of the {numpy.itemsize} bytes of an element"
        raise InvalidArgument(f"{reason}: pass numpy.ascontiguousarray(x)")
    if not numpy.flags.aligned:
        raise InvalidArgument(f"the address is no multiple of the {numpy.itemsize} bytes of an element: pass x.copy()")
    if numpy.size and any(stride < 0 < size - 1 for size, stride in zip(numpy.shape, numpy.strides, strict=True)):
        reason = f"strides {numpy.strides}: a kernel cannot take an array that runs backwards"
        raise InvalidArgument(f"{reason}: pass numpy.ascontiguousarray(x)")
    return Array(numpy)


def _remedy(dtype: np.dtype) -> str:
    if dtype.names:
        return f"pass a copy of one field, e.g. x[{dtype.names[0]!r}].copy()"
    native = dtype.newbyteorder("=")
    return f"convert it, e.g. x.astype({str(native) if str(native) in DTYPES else 'float32'!r})"
