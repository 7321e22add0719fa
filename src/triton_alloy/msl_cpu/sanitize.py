"""Sanitize mode: find races, accesses out of bounds, uninitialised threadgroup memory and divergent barriers.

A kernel is compiled as for `reference` mode, with clang's -fsanitize=thread instrumentation, whose hooks are ours
(runtime/sanitizer.cpp). Buffers are copied between guard gaps and back; the schedule is random, from a seed. A launch
that shows a fault raises SanitizerError.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .compile.build import find_compiler
from .errors import KernelFailure, MslError, NoCompiler
from .launch.buffers import Buffer
from .launch.failures import ACCESSES
from .launch.places import Module
from .launch.plan import runtime_library
from .limits import MAX_BUFFERS

# -Xclang: only the instrumentation, not the runtime that the driver would link. No function of the user is inlined,
# so that calls can be told; no two accesses become one.
FLAGS = (
    *("-Xclang", "-fsanitize=thread", "-mllvm", "-tsan-instrument-read-before-write=1"),
    *("-Xclang", "-fsanitize=alignment", "-Xclang", "-fsanitize-recover=alignment"),
    *("-fno-inline", "-fno-vectorize", "-fno-slp-vectorize"),
)
_STACK_DEPTH = 12
_MOST_REPORTS = 256
_NONE = 2**32 - 1
_RACE = 1
_FAULTS = {
    _RACE: "race",
    2: "out of bounds",
    3: "uninitialised read",
    4: "divergent barrier",
    5: "misaligned access",
    6: "wild access",
}
_SPACES = ("device", "threadgroup", "unknown")


class _Party(ctypes.Structure):
    _fields_ = [
        ("place", ctypes.c_ulong * _STACK_DEPTH),
        ("thread", ctypes.c_uint),
        ("threadgroup", ctypes.c_uint * 3),
        ("access", ctypes.c_uint),
        ("known", ctypes.c_uint),
    ]


class _Report(ctypes.Structure):
    _fields_ = [
        ("self", _Party),
        ("other", _Party),
        ("fault", ctypes.c_uint),
        ("space", ctypes.c_uint),
        ("buffer", ctypes.c_uint),
        ("bytes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("count", ctypes.c_ulong),
        ("differing", ctypes.c_ulong),
    ]


class _Binding(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_ulong),
        ("index", ctypes.c_uint),
        ("writable", ctypes.c_uint),
        ("element", ctypes.c_uint),
        ("copy", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class Party:
    """A thread and what it did. lines: of the user's text, the access first, then the calls that led to it."""

    thread: int  # index in the threadgroup
    threadgroup: tuple[int, int, int]
    access: str  # one of ACCESSES; of no meaning for barriers
    lines: tuple[int, ...]
    line: int  # the first of `lines` outside the vocabulary; 0 where unknown

    def __str__(self) -> str:
        group = self.threadgroup[0] if not any(self.threadgroup[1:]) else self.threadgroup
        place = f" at line {self.line}" if self.line else ""
        return f"thread {self.thread} of threadgroup {group}{place}"


@dataclass(frozen=True)
class Report:
    """One fault. `offset`: of the access, in bytes, from the start of the buffer or of threadgroup memory; `address`:
    in the memory that the launch was given, 0 where unknown."""

    fault: str
    kernel: str
    party: Party
    other: Party | None
    space: str  # "device", "threadgroup", "unknown"
    buffer: int | None  # index of the bound buffer, or number of the threadgroup variable
    offset: int
    bytes: int
    count: int  # how often, at the same places
    same_value: bool  # a race of writes that all stored what was there: Metal leaves it undefined all the same
    source: str  # the user's line
    address: int = 0

    @property
    def line(self) -> int:
        return self.party.line

    def __str__(self) -> str:
        head = f"program_source:{self.line}: {self.fault}: kernel '{self.kernel}': "
        if self.fault == "divergent barrier":
            other = (
                f"{self.other} is not there" if self.other and not self.other.line else f"{self.other} is at another"
            )
            text = f"{self.party} waits at a barrier; {other}"
        else:
            where = f"buffer {self.buffer}, " if self.space == "device" else ""
            text = (
                f"{self.party.access} of {self.bytes} bytes by {self.party} ({self.space} memory, {where}"
                f"offset {self.offset})"
            )
            if self.other:
                text += f" against {self.other.access} by {self.other}"
            text += ", of the same value, which Metal leaves undefined too" if self.same_value else ""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{head}{text}{times}\n    {self.source.strip()}"


class SanitizerError(MslError, RuntimeError):
    """A kernel was run and is wrong. `reports`: one per fault and pair of places."""

    def __init__(self, reports: Sequence[Report], texts: Sequence[str] | None = None):
        """texts: one for each report, where they are not to speak for themselves."""
        self.reports = list(reports)
        self.texts = list(texts or map(str, self.reports))
        super().__init__("\n".join(self.texts))

    def __reduce__(self):
        return SanitizerError, (self.reports, self.texts)


@functools.cache
def runtime() -> ctypes.CDLL:
    """The hooks; compiled on first use, visible to every kernel that is opened afterwards."""
    if find_compiler().family == "gcc":
        raise NoCompiler("sanitize mode needs clang >= 17 or the ziglang wheel; only g++ was found")
    library = runtime_library("sanitizer")
    library.msl_cpu_sanitizer_begin.argtypes = (
        *(ctypes.POINTER(_Binding), ctypes.c_uint, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_uint),
        ctypes.POINTER(_Report),
    )
    library.msl_cpu_sanitizer_begin.restype = ctypes.c_uint
    library.msl_cpu_sanitizer_count.argtypes = ()
    library.msl_cpu_sanitizer_count.restype = ctypes.c_uint
    library.msl_cpu_sanitizer_finish.argtypes = ()
    library.msl_cpu_sanitizer_finish.restype = None
    return library


def _party(raw: _Party, module: Module) -> Party | None:
    if not raw.known:
        return None
    lines = module.lines(place - 1 for place in raw.place if place)
    return Party(raw.thread, tuple(raw.threadgroup), ACCESSES[raw.access], lines, module.own_line(lines))


def _report(raw: _Report, kernel: str, module: Module, starts: Mapping[int, int]) -> Report:
    party = _party(raw.self, module)
    assert party is not None
    return Report(
        _FAULTS[raw.fault],
        kernel,
        party,
        _party(raw.other, module),
        _SPACES[raw.space],
        None if raw.buffer == _NONE else raw.buffer,
        raw.offset,
        raw.bytes,
        raw.count,
        raw.fault == _RACE and raw.differing == 0,
        module.source_line(party.line),
        starts[raw.buffer] + raw.offset if raw.buffer in starts else 0,
    )


def _unions(buffers: Mapping[int, Buffer]) -> list[list[tuple[int, Buffer]]]:
    """Buffers that share memory, together: a copy of each would tear them apart."""
    found: list[list[tuple[int, Buffer]]] = []
    end = -1
    for index, buffer in sorted(buffers.items(), key=lambda item: item[1].start):
        if buffer.start < end:
            found[-1].append((index, buffer))
        else:
            found.append([(index, buffer)])
        end = max(end, buffer.address + buffer.bytes)
    return found


def _bindings(unions: Iterable[Sequence[tuple[int, Buffer]]], elements: Mapping[int, int]) -> list[_Binding]:
    result = []
    for union in unions:
        start = union[0][1].start
        end = max(buffer.address + buffer.bytes for _, buffer in union)
        writable = any(buffer.writable for _, buffer in union)
        element = min(elements.get(index, 1) for index, _ in union)
        result.append(_Binding(start, end - start, union[0][0], writable, element, None))
    return result


def run(
    launcher: Callable[..., None],
    buffers: Mapping[int, Buffer],
    elements: Mapping[int, int],
    grid: Sequence[int],
    kernel: str,
    module: Module,
) -> None:
    """Call `launcher(pointers, *grid)` on guarded copies of the buffers; raise SanitizerError if it shows a fault.
    elements: bytes of an element, by buffer."""
    unions = _unions(buffers)
    bindings = (_Binding * max(len(unions), 1))(*_bindings(unions, elements))

    def launch() -> None:
        pointers = (ctypes.c_void_p * MAX_BUFFERS)()
        for binding, union in zip(bindings, unions, strict=False):
            for index, buffer in union:
                pointers[index] = binding.copy + buffer.address - union[0][1].start
        launcher(pointers, *grid)

    starts = {union[0][0]: union[0][1].start for union in unions}
    _watch(launch, bindings, starts, 0, kernel, module)


def run_unbounded(launch: Callable[[], None], pointers: int, kernel: str, module: Module) -> None:
    """Call `launch`, which binds `pointers` buffers of unknown extent: no access to them is out of bounds."""
    _watch(launch, (_Binding * 1)(), {}, pointers, kernel, module)


def _watch(
    launch: Callable[[], None],
    bindings: Any,
    starts: Mapping[int, int],
    pointers: int,
    kernel: str,
    module: Module,
) -> None:
    """starts: the address of each binding's memory, by its index."""
    hooks = runtime()
    reports = (_Report * _MOST_REPORTS)()
    if hooks.msl_cpu_sanitizer_begin(bindings, len(starts), module.start, module.end, pointers, reports):
        raise KernelFailure("not enough memory for the copies and the shadow of the buffers")
    found = 0
    try:
        launch()
    finally:
        found = hooks.msl_cpu_sanitizer_count()
        hooks.msl_cpu_sanitizer_finish()
    if found:
        raise SanitizerError([_report(raw, kernel, module, starts) for raw in reports[:found]])
