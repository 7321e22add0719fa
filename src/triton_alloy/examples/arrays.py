"""What the examples need to take PyTorch tensors and NumPy arrays alike; PyTorch is never imported here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import triton_alloy

Array = Any  # a torch.Tensor or a numpy.ndarray


def empty(shape: Sequence[int], like: Array, dtype: str | None = None) -> Array:
    """An uninitialised array of the library and device of `like`, of its dtype unless one is named ("float32")."""
    if isinstance(like, np.ndarray):
        return np.empty(shape, dtype or like.dtype)
    return like.new_empty(shape, dtype=getattr(sys.modules["torch"], dtype) if dtype else like.dtype)


def argument(x: Array) -> Any:
    """`x` as a kernel argument: Triton asks for `data_ptr`, which a NumPy array gets from its wrapper."""
    return triton_alloy.array(x) if isinstance(x, np.ndarray) else x


def strides(x: Array) -> tuple[int, ...]:
    """The distance between neighbours along each axis, in elements."""
    if isinstance(x, np.ndarray):
        return tuple(stride // x.itemsize for stride in x.strides)
    return tuple(x.stride())


def max_error(result: Array, reference: np.ndarray) -> float:
    """The largest absolute difference to a float64 reference; NaN where only one of the two is NaN."""
    return float(np.abs(np.asarray(result, dtype=np.float64) - reference).max())
