"""The structures and functions that Python shares with compiled code; mirrors headers/msl_cpu/abi.h."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..compile import cache
from ..compile.build import PACKAGE, compile_library, find_compiler, processor
from ..compile.fingerprint import package_fingerprint
from ..errors import LaunchError, MslError
from ..limits import MAX_BUFFERS
from .host import Host

Started = TypeVar("Started")

ABI_VERSION = 6
LOG_BYTES = 1 << 18
CACHED_BYTES = 32 << 20  # last-level caches are seldom larger for one of those who share them, whatever they report


class Plan(ctypes.Structure):
    """One prepared launch: everything but the buffers and the grid."""

    messages: Log | None = None  # what `log` points to

    _fields_ = [
        ("version", ctypes.c_uint),
        ("workers", ctypes.c_uint),
        ("run", ctypes.c_void_p),
        ("threads_per_threadgroup", ctypes.c_uint * 3),
        ("stack_log2", ctypes.c_uint),
        ("threads", ctypes.c_uint * 3),
        ("flush_denormals", ctypes.c_uint),
        ("dynamic_bytes", ctypes.c_uint * MAX_BUFFERS),
        ("seed", ctypes.c_uint),
        ("buffers", ctypes.c_uint),
        ("deadline", ctypes.py_object),
        ("cached_bytes", ctypes.c_ulong),
        ("log", ctypes.c_void_p),
        ("bounded", ctypes.c_uint),
    ]


CALL = "Q3i4x"
"""How a Call begins, in the spelling of `struct`: the address of a Plan and the threadgroups; its buffers follow."""


class Log(ctypes.Structure):
    """Messages of os_log that a launch leaves behind."""

    _fields_ = [
        ("locked", ctypes.c_uint),
        ("used", ctypes.c_uint),
        ("dropped", ctypes.c_uint),
        ("text", ctypes.c_char * LOG_BYTES),
    ]

    def messages(self) -> list[tuple[int, str]]:
        """(level, text) of each message, in the order of arrival."""
        records = ctypes.string_at(ctypes.addressof(self) + Log.text.offset, self.used).split(b"\0")[:-1]
        return [(record[0], record[1:].decode(errors="replace")) for record in records]


class ParameterInfo(ctypes.Structure):
    """What the compiler knows about a parameter; see arguments.h."""

    _fields_ = [(name, ctypes.c_uint) for name in ("kind", "index", "bytes", "alignment", "reference", "writable")]


DEADLINE, ADDRESS, DIVISION, STACK, INTERRUPTED, BOUNDS = 2, 5, 6, 7, 8, 10
STOPPED_BY_SANITIZER = 100  # its report says why
FAILURES_OF_STACKS = (3, STACK)
FAILURES = {
    3: "the system gave no memory for the stacks of a worker",
    4: "a launch was prepared by another version of the runtime",
    ADDRESS: "the kernel used memory that is not there (an index outside of a buffer?)",
    DIVISION: "the kernel divided an integer by zero",
    STACK: "a thread used up its stack: functions call each other too deeply (recursion?)",
    9: "a signal's handler, which has interrupted a launch, cannot launch another",
    BOUNDS: "out of bounds",
}


class Stop(ctypes.Structure):
    """Why a launch was stopped, and where."""

    _fields_ = [
        ("failure", ctypes.c_uint),
        ("threadgroup", ctypes.c_uint * 3),
        ("place", ctypes.c_ulong),
        ("address", ctypes.c_ulong),
        ("base", ctypes.c_ulong),
        ("bytes", ctypes.c_uint),
        ("access", ctypes.c_uint),
    ]


def stop_of(result: int) -> Stop:
    """What a result of msl_cpu_dispatch other than 0 stands for."""
    number = result >> 8
    return runtime().msl_cpu_stop(number).contents if number else Stop(failure=result)


def raise_of_host() -> None:
    """Raise what a signal's handler has raised during a launch, KeyboardInterrupt in general."""
    _raiser()()


@functools.cache
def _raiser() -> Callable[[], None]:
    function = ctypes.PyDLL("", handle=runtime()._handle).msl_cpu_raise
    function.restype = None
    return function


def open_library(path: Path, mode: int = ctypes.DEFAULT_MODE) -> ctypes.CDLL:
    """dlopen after the libraries that compiled code takes functions from. mode: as in ctypes.CDLL."""
    _load_maths()
    try:
        return ctypes.CDLL(str(path), mode)
    except OSError as error:
        raise MslError(f"the compiled kernel cannot be loaded: {error}") from error


@functools.cache
def _load_maths() -> None:
    if sys.platform != "linux":
        return
    for name in ("libm.so.6", "libgcc_s.so.1"):
        try:
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:  # musl keeps the maths in libc; libgcc_s matters only for rare conversions
            continue


def runtime_library(name: str) -> ctypes.CDLL:
    """runtime/`name`.cpp, compiled on first use."""
    folder = PACKAGE / "runtime"
    source = (folder / f"{name}.cpp").read_text()

    def build() -> tuple[bytes, dict[str, str]]:
        flags = [*find_compiler().flags("off", "-O2"), f"-I{folder}", "-fvisibility=default"]
        return compile_library(source, source, flags).content, {"what": f"runtime: {name}"}

    key = cache.make_key("runtime", name, package_fingerprint(), find_compiler().identity, processor())
    # Kernels that are opened afterwards find its symbols.
    return open_library(cache.fetch(key, build)[0], ctypes.RTLD_GLOBAL)


def _once(start: Callable[[], Started]) -> Callable[[], Started]:
    """`start` kept, as by functools.cache, which lets two threads call it at the same time; here one waits."""
    starting, kept = threading.Lock(), functools.cache(start)

    @functools.cache
    def started() -> Started:
        with starting:
            return kept()

    return started


@_once
def runtime() -> ctypes.CDLL:
    """The loaded worker pool."""
    library = runtime_library("pool")
    library.msl_cpu_dispatch.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)
    library.msl_cpu_dispatch.restype = ctypes.c_uint
    library.msl_cpu_call.argtypes = (ctypes.c_void_p,)
    library.msl_cpu_call.restype = ctypes.c_uint
    library.msl_cpu_stop.argtypes = (ctypes.c_uint,)
    library.msl_cpu_stop.restype = ctypes.POINTER(Stop)
    library.msl_cpu_start()
    library.msl_cpu_obey(ctypes.byref(Host.of_this_process()))
    # Threads and held locks do not survive a fork; the child starts its own.
    os.register_at_fork(after_in_child=library.msl_cpu_reset)
    return library


def worker_count() -> int:
    """$MSL_CPU_THREADS, else the number of processors this process may use."""
    chosen = os.environ.get("MSL_CPU_THREADS")
    if chosen:
        if not chosen.isdigit() or int(chosen) < 1:
            raise LaunchError(f"MSL_CPU_THREADS={chosen!r} is not a positive number")
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def schedule_seed(seed: int) -> int:
    """Any seed of the user as a state of the scheduler's generator, which must not be 0."""
    return (seed * 2654435761 + 0x9E3779B9) % 2**32 or 1
