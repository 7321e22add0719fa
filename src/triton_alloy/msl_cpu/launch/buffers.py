"""Addresses of what users pass as buffers: NumPy, PyTorch CPU, MLX CPU arrays, bytes, ctypes. Nothing is copied."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import LaunchError


class Buffer(NamedTuple):
    """address and size in bytes; `keep` owns the memory until the launch has ended. before: bytes in front of the
    address that belong to it too, as for a view that runs backwards."""

    address: int
    bytes: int
    writable: bool
    keep: Any
    before: int = 0

    @property
    def start(self) -> int:
        """The address of the first byte."""
        return self.address - self.before


def _from_numpy(value: Any) -> Buffer:
    interface = value.__array_interface__  # made anew by each look at it: the dearest step of a launch
    address, read_only = interface["data"]
    if interface["strides"] is None or value.flags.f_contiguous:
        return Buffer(address, value.nbytes, not read_only, value)
    # A kernel gets a pointer and no strides; the extent of a strided view starts at its lowest address.
    low, high = _byte_bounds(address, value)
    return Buffer(low, high - low, not read_only, value)


def _from_numpy_scalar(value: Any) -> Buffer:
    return _from_numpy(value.__array__())  # the scalar's own interface points to memory that is free again


def _byte_bounds(address: int, value: Any) -> tuple[int, int]:
    """Addresses of the first byte and behind the last one of a strided array whose first element is at `address`."""
    if 0 in value.shape:
        return address, address
    low = high = address
    for length, stride in zip(value.shape, value.strides, strict=True):
        low += min(0, (length - 1) * stride)
        high += max(0, (length - 1) * stride)
    return low, high + value.itemsize


def _is_host_device(kind: str) -> bool:
    """Whether tensors on a type of PyTorch's devices lie in host memory, by $MSL_CPU_HOST_DEVICES."""
    return kind in (os.environ.get("MSL_CPU_HOST_DEVICES") or "cpu").split(",")


def _from_torch(value: Any) -> Buffer:
    kind = value.device.type
    if kind != "cpu" and not _is_host_device(kind):
        raise LaunchError(f"a tensor on device '{value.device}' cannot be bound: the kernel runs on the CPU")
    storage = value.untyped_storage()
    offset = value.storage_offset() * value.element_size()
    return Buffer(value.data_ptr(), storage.nbytes() - offset, True, value)


def _from_ctypes(value: Any) -> Buffer:
    return Buffer(ctypes.addressof(value), ctypes.sizeof(value), True, value)


class _PyBuffer(ctypes.Structure):
    """Py_buffer of the C API."""

    _fields_ = [
        ("address", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
        ("bytes", ctypes.c_ssize_t),
        ("item_bytes", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("dimensions", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("format", "shape", "strides", "suboffsets", "internal")),
    ]


_STRIDED = 0x18  # PyBUF_STRIDES: any memory that strides describe, writable or not


def _from_buffer_protocol(value: Any) -> Buffer:
    """bytes, bytearray, memoryview and MLX arrays, which are evaluated by it."""
    view = memoryview(value)  # holds the memory in place
    raw = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(raw), _STRIDED)
    address = raw.address or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(raw))
    low, high = _byte_bounds(address, view)
    return Buffer(low, high - low, not view.readonly, view)


_CTYPES = (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes._SimpleCData)  # pyright: ignore[reportPrivateUsage]


def _itself(value: Buffer) -> Buffer:
    return value


@functools.cache
def _converter(kind: type) -> Callable[[Any], Buffer] | None:
    """What makes a buffer of an object of this type; None if nothing does."""
    module = kind.__module__.partition(".")[0]
    if issubclass(kind, Buffer):
        return _itself
    if module == "numpy" and hasattr(kind, "__array_interface__"):
        return _from_numpy if hasattr(kind, "ctypes") else _from_numpy_scalar
    if hasattr(kind, "data_ptr") and hasattr(kind, "untyped_storage"):
        return _from_torch
    if issubclass(kind, _CTYPES):
        return _from_ctypes
    if module == "mlx" or issubclass(kind, (bytes, bytearray, memoryview)):
        return _from_buffer_protocol
    return None


def buffer_of(value: Any) -> Buffer:
    """The memory of `value`. Raises LaunchError for what has none."""
    convert = _converter(type(value))
    if convert is None:
        raise LaunchError(f"a {type(value).__name__} cannot be bound as a buffer")
    return convert(value)
