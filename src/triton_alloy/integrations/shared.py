"""NumPy arrays in memory that the CPU and an Apple GPU share: kernels use it where it is, without a copy.

Any array can be passed to a kernel; memory from elsewhere is copied to the GPU and back at each launch.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .. import config
from ..errors import InvalidArgument
from ..runtime import automatic
from ..runtime.host_memory import allocate, find


def empty(shape: int | tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """An array of zeros in whole pages of memory, row-major; freed as any array is. Raises InvalidArgument."""
    kind = np.dtype(dtype)
    sizes = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    count = math.prod(map(operator.index, sizes))
    if min(sizes, default=0) < 0:
        raise InvalidArgument(f"shape {shape}: a size cannot be negative")
    if kind.hasobject or not kind.itemsize:
        raise InvalidArgument(f"memory cannot be shared as elements of dtype {kind}")
    pages: Any = allocate(count * kind.itemsize)
    return np.frombuffer(pages, kind, count).reshape(sizes)


def asarray(values: Any, dtype: Any = None) -> np.ndarray:
    """`values` as an array in shared memory: itself if it is one already, else a copy of it."""
    given = np.asarray(values, dtype)
    if given.size and find(given.ctypes.data) is not None:
        return given
    shared = empty(given.shape, given.dtype)
    shared[...] = given
    return shared


@contextlib.contextmanager
def batch() -> Iterator[None]:
    """Launches within may run together on the GPU, and are complete at the end.

    Until then the arrays that they use must be neither read nor written. It saves the wait after every launch; a launch
    that writes an array in memory from elsewhere is complete when it returns, as outside.
    """
    on_gpu = automatic.has_apple_gpu() and config.RUNTIME.value in ("auto", "metal")
    if not on_gpu:
        yield
        return
    from ..runtime.metal import metal_device

    with metal_device().batch():
        yield
