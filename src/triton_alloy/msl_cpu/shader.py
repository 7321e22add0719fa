"""`compile_shader(source)` as in torch.mps: the same signature, binding rules and errors, on the CPU."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .compile.build import find_compiler
from .errors import LaunchError
from .launch.buffers import Buffer, buffer_of
from .launch.host import Deadline
from .library import Kernel, Library, Size, choose_mode, three
from .text.vocabulary import VOCABULARY

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"](?!metal_|simd/)([^>"\n]+)[>"]', re.MULTILINE)
"""The name of a header that is not Metal's own."""

_INTEGER_CASTS = {
    "int64": ctypes.c_int64,
    "int32": ctypes.c_int32,
    "int16": ctypes.c_int16,
    "int8": ctypes.c_int8,
    "uint8": ctypes.c_uint8,
}


def _half(value: float) -> bytes:
    return struct.pack("<e", value)


def _bfloat(value: float) -> bytes:
    bits = ctypes.c_uint32.from_buffer(ctypes.c_float(value)).value
    if value != value:
        return (bits >> 16 | 0x40).to_bytes(2, "little")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF).to_bytes(2, "little")


_FLOAT_CASTS: dict[str, Callable[[float], bytes]] = {
    "fp32": lambda value: bytes(ctypes.c_float(value)),
    "fp16": _half,
    "bf16": _bfloat,
}


def _scalar_bytes(value: bool | int | float, cast: str | None) -> bytes:
    """Bytes that torch.mps binds for a Python number: int64 or float unless cast."""
    if cast is None:
        cast = "fp32" if isinstance(value, float) else "int64"
    if cast in _FLOAT_CASTS:
        return _FLOAT_CASTS[cast](float(value))
    if cast not in _INTEGER_CASTS:
        raise LaunchError(f"unknown cast {cast!r}; known are {', '.join([*_FLOAT_CASTS, *_INTEGER_CASTS])}")
    if not -(2**63) <= value < 2**63:
        raise LaunchError(f"{value} does not fit into 64 bits")
    return bytes(_INTEGER_CASTS[cast](int(value)))


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _size(tensor: Any) -> int:
    """Number of elements, for NumPy (size is an int), MLX and PyTorch (numel)."""
    return int(tensor.numel() if hasattr(tensor, "numel") else tensor.size)


def _sequence(values: Sequence[Any], cast: str | None) -> tuple[bytes, list[Any]]:
    """A list of numbers becomes an array of them, a list of tensors an array of their addresses."""
    if not values:
        raise LaunchError("an empty list cannot be bound")
    if _is_tensor(values[0]):
        buffers = [buffer_of(value) for value in values]
        return b"".join(buffer.address.to_bytes(8, "little") for buffer in buffers), [b.keep for b in buffers]
    if any(isinstance(value, float) for value in values) and cast is None:
        cast = "fp32"
    return b"".join(_scalar_bytes(value, cast) for value in values), []


def _bind(value: Any, cast: str | None) -> Buffer:
    if isinstance(value, (bool, int, float)):
        return buffer_of(_scalar_bytes(value, cast))
    if isinstance(value, (list, tuple)):
        content, keep = _sequence(value, cast)
        buffer = buffer_of(content)
        return Buffer(buffer.address, buffer.bytes, False, [content, *keep])
    if _is_tensor(value) and not value.shape and str(value.dtype) in ("torch.float64", "float64"):
        return buffer_of(bytes(ctypes.c_float(float(value))))  # Metal has no double
    return buffer_of(value)


class ShaderKernel:
    """A kernel of a shader library. Call it with the values of its buffers, in order."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel

    @property
    def max_threads_per_threadgroup(self) -> int:
        return self._kernel.max_threads_per_threadgroup

    @property
    def thread_execution_width(self) -> int:
        return self._kernel.thread_execution_width

    @property
    def static_thread_group_memory_length(self) -> int:
        """Bytes of the threadgroup variables that the kernel declares."""
        return self._kernel.static_thread_group_memory_length

    def __call__(
        self,
        *args: Any,
        threads: Size | None = None,
        group_size: Size | None = None,
        arg_casts: str | Mapping[int, str] | None = None,
        error_buf_idx: int | None = None,
    ) -> None:
        """Run `threads` threads (default: one per element of the first tensor) in threadgroups of `group_size`.

        Argument i goes to [[buffer(i)]]: tensors as pointers, an int or bool as int64, a float as float, a list as an
        array; arg_casts ("fp16", "bf16", "int32"...; for all, or by index) changes the type of numbers.
        error_buf_idx is accepted for compatibility; the buffer is bound like any other.
        """
        del error_buf_idx
        casts = arg_casts if isinstance(arg_casts, Mapping) else dict.fromkeys(range(len(args)), arg_casts)
        bound = [_bind(value, casts.get(index)) for index, value in enumerate(args)]
        if threads is None:
            tensors = [value for value in args if _is_tensor(value)]
            if not tensors:
                raise LaunchError("threads must be given when no argument is a tensor")
            threads = _size(tensors[0])
        total = three(threads, "threads")
        limit = self.max_threads_per_threadgroup
        rank = 1 if isinstance(threads, int) else len(threads)
        group = three(group_size, "group_size") if group_size is not None else (min(limit, total[0]), 1, 1)
        if group_size is not None and (1 if isinstance(group_size, int) else len(group_size)) != rank:
            raise LaunchError("threads and group_size must have the same number of dimensions")
        if group[0] * group[1] * group[2] > limit:
            raise LaunchError(f"Threadgroup size exceeds {limit}")
        if 0 in total:
            return
        self._kernel.launch_threads(bound, total, group)


class ShaderLibrary:
    """Kernels as attributes; `dir()` lists them."""

    def __init__(self, library: Library):
        self.__kernels = {name: library[name] for name in library}

    def __getattr__(self, name: str) -> ShaderKernel:
        kernels = self.__dict__.get("_ShaderLibrary__kernels", {})
        if name not in kernels:
            raise AttributeError(f"no kernel '{name}' in this library; it has {', '.join(kernels)}")
        return ShaderKernel(kernels[name])

    def __dir__(self) -> list[str]:
        return list(self.__kernels)


def compile_shader(source: str, mode: str | None = None, *, deadline: float | Deadline | None = None) -> ShaderLibrary:
    """Compile Metal text as torch.mps.compile_shader does, with the headers that PyTorch's wheel brings; errors are
    SyntaxErrors. mode: without one $MSL_CPU_MODE, else fast; fast is then for texts in its vocabulary, and any other is
    run in reference mode. deadline: see Library."""
    library = Library(source, _mode_of(source, mode), include_paths=_header_folders(source), deadline=deadline)
    return ShaderLibrary(library)


def _mode_of(source: str, mode: str | None) -> str:
    chosen = choose_mode(mode, "fast")
    runs_fast = VOCABULARY.search(source) and find_compiler().family != "gcc"
    return chosen if mode or chosen != "fast" or runs_fast else "reference"


def _header_folders(source: str) -> list[str]:
    """The folders of PyTorch's wheel in which it looks for headers, as far as the text includes one from there."""
    names = set(_INCLUDE.findall(source))
    found = importlib.util.find_spec("torch") if names else None
    folders = [Path(place, "include") for place in (found.submodule_search_locations or ())] if found else []
    return [str(folder) for folder in folders if any((folder / name).is_file() for name in names)]
