"""Addresses of what users pass as buffers: NumPy, PyTorch CPU, MLX CPU arrays, bytes, ctypes. Nothing is copied."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from .errors import LaunchError


@dataclass(frozen=True)
class Buffer:
    """address and size in bytes; `keep` owns the memory until the launch has ended."""

    address: int
    bytes: int
    writable: bool
    keep: Any


def _from_numpy(value: Any) -> Buffer:
    if not (value.flags.c_contiguous or value.flags.f_contiguous):
        # A kernel gets a pointer and no strides; the extent of a strided view starts at its lowest address.
        low, high = _byte_bounds(value)
        return Buffer(low, high - low, bool(value.flags.writeable), value)
    address, read_only = value.__array_interface__["data"]
    return Buffer(address, value.nbytes, not read_only, value)


def _byte_bounds(value: Any) -> tuple[int, int]:
    low = high = value.__array_interface__["data"][0]
    for length, stride in zip(value.shape, value.strides, strict=True):
        low += min(0, (length - 1) * stride)
        high += max(0, (length - 1) * stride)
    return low, high + value.itemsize


def _from_torch(value: Any) -> Buffer:
    if value.device.type != "cpu":
        raise LaunchError(f"a tensor on device '{value.device}' cannot be bound: the kernel runs on the CPU")
    storage = value.untyped_storage()
    offset = value.storage_offset() * value.element_size()
    return Buffer(value.data_ptr(), storage.nbytes() - offset, True, value)


def _from_mlx(value: Any) -> Buffer:
    view = memoryview(value)
    return Buffer(ctypes.addressof(ctypes.c_char.from_buffer(view)) if view.nbytes else 0, view.nbytes, True, view)


def _from_bytes(value: bytes) -> Buffer:
    address = ctypes.cast(ctypes.c_char_p(value), ctypes.c_void_p).value
    return Buffer(address or 0, len(value), False, value)


def _from_ctypes(value: Any) -> Buffer:
    return Buffer(ctypes.addressof(value), ctypes.sizeof(value), True, value)


def _from_buffer_protocol(value: Any) -> Buffer:
    view = memoryview(value)
    if view.readonly:
        raise LaunchError(f"a read-only {type(value).__name__} cannot be bound without a copy; pass bytes")
    holder = (ctypes.c_char * view.nbytes).from_buffer(view)
    return Buffer(ctypes.addressof(holder), view.nbytes, True, holder)


_CTYPES = (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes._SimpleCData)  # pyright: ignore[reportPrivateUsage]


def buffer_of(value: Any) -> Buffer:
    """The memory of `value`. Raises LaunchError for what has none."""
    module = type(value).__module__.partition(".")[0]
    if isinstance(value, Buffer):
        return value
    if module == "numpy" and hasattr(value, "__array_interface__") and hasattr(value, "flags"):
        return _from_numpy(value)
    if hasattr(value, "data_ptr") and hasattr(value, "untyped_storage"):
        return _from_torch(value)
    if module == "mlx":
        return _from_mlx(value)
    if isinstance(value, bytes):
        return _from_bytes(value)
    if isinstance(value, _CTYPES):
        return _from_ctypes(value)
    if isinstance(value, (bytearray, memoryview)):
        return _from_buffer_protocol(value)
    raise LaunchError(f"a {type(value).__name__} cannot be bound as a buffer")
