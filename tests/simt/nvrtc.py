"""NVRTC through ctypes: CUDA text -> machine code, PTX and what ptxas says of it. Needs no GPU."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.simt.rewrite import CudaProgram

_HEADERS = Path(__file__).parent / "headers"
_PARTS = ("types", "traits", "functions", "lanes", "atomics", "matrices")
_OPTIONS = ("--std=c++17", "-default-device", "--ptxas-options=-v", "-diag-suppress=177,550,20050,20012,1835,68")
_WITHOUT_BOUNDS = "#undef __launch_bounds__\n#define __launch_bounds__(threads)\n"
"""They would override the number of registers that is asked for."""
ARCHITECTURE = "sm_90"
EXACT, TENSOR, FOOTPRINT = 0, 1, 2
"""What a product of two 8x8 matrices is made of: headers/matrices.h."""


@dataclass(frozen=True)
class Compiled:
    """Machine code for ARCHITECTURE, PTX, and the log, which says how many registers each kernel has."""

    cubin: bytes
    ptx: str
    log: str


class CudaError(Exception):
    """The text does not compile; the message is NVRTC's."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """NVRTC: of the wheel nvidia-cuda-nvrtc-cu12 or of a CUDA toolkit; None where there is neither."""
    roots = [Path(path) / "nvidia" for path in sys.path]
    wheels = [name for root in roots for name in sorted(root.glob("*/lib/libnvrtc.so.*"))]
    for name in (*map(str, wheels), "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def version() -> tuple[int, int]:
    """Of NVRTC, which must be there."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


@functools.cache
def header(product: int, tf32: int = 1, machine: str = "cuda") -> str:
    """Metal's library in C++.

    product: EXACT, TENSOR or FOOTPRINT; tf32: products per product of float32; machine: "cuda", or "opaque" for any
    compiler.
    """
    names = [machine, *_PARTS[:-1], *(["tensor_cores"] if product == TENSOR else []), _PARTS[-1]]
    texts = [f'#line 1 "{name}.h"\n{(_HEADERS / f"{name}.h").read_text()}' for name in names]
    return f"#define MSL_PRODUCT {product}\n#define MSL_TF32 {tf32}\n" + "".join(texts)


def compile_cuda(program: CudaProgram, product: int = EXACT, registers: int | None = None, tf32: int = 1) -> Compiled:
    """Compile a rewritten text. registers: at most so many in a thread. Raises CudaError."""
    capped = _WITHOUT_BOUNDS if registers else ""
    text = f'{header(product, tf32)}{capped}#line 1 "text.cu"\n{program.text}'
    options = [f"--gpu-architecture={ARCHITECTURE}", *_OPTIONS, *([] if program.fused else ["--fmad=false"])]
    return _compile(text, [*options, *([f"--maxrregcount={registers}"] if registers else [])])


def _compile(text: str, options: list[str]) -> Compiled:
    nvrtc = _library()
    program = ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"text.cu", 0, None, None))
    try:
        array = (ctypes.c_char_p * len(options))(*(os.fsencode(option) for option in options))
        status = nvrtc.nvrtcCompileProgram(program, len(options), array)
        log = _answer(nvrtc, program, "ProgramLog").decode(errors="replace").rstrip("\0")
        if status:
            raise CudaError(log)
        ptx = _answer(nvrtc, program, "PTX").decode().rstrip("\0")
        return Compiled(_answer(nvrtc, program, "CUBIN"), ptx, log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _library() -> ctypes.CDLL:
    found = library()
    if found is None:
        raise CudaError("there is no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
    return found


def _answer(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    data = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, data))
    return data.raw


def _check(status: int) -> None:
    if status:
        raise CudaError(f"NVRTC fails with status {status}")
