"""Why a launch was stopped: from what the runtime wrote down to an exception that says where."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import Fault, KernelFailure, OutOfStack
from .host import Deadline
from .places import Module
from .plan import BOUNDS, DEADLINE, FAILURES, FAILURES_OF_STACKS, Stop

ACCESSES = ("read", "write", "atomic access", "access")


class Range(NamedTuple):
    """The memory of a bound buffer, as addresses: of its first byte, and of the byte behind it."""

    index: int
    low: int
    high: int


def ranges_of(pointers: Any, count: int) -> list[Range]:
    """The ranges in the block of a bounded launch: see abi.h, Launch."""
    words = ctypes.cast(pointers, ctypes.POINTER(ctypes.c_uint64 * (3 * count))).contents
    return [Range(i, words[count + i], words[2 * count + i]) for i in range(count)]


def nearest(ranges: Sequence[Range], address: int, base: int = 0) -> Range | None:
    """The range that an access to `address` was meant for: that of the pointer `base`, else the nearest."""
    for each in ranges:
        if base and each.low <= base <= each.high:
            return each
    return min(ranges, key=lambda each: max(each.low - address, address - each.high + 1), default=None)


def failure(
    kernel: str, stop: Stop, module: Module, ranges: Sequence[Range], deadline: Deadline | None
) -> KernelFailure:
    """The exception for a launch that was stopped.

    ranges: of its buffers, none where their sizes are not known; deadline: that it had.
    """
    line = module.own_line(module.lines([stop.place])) if stop.place else 0
    found = nearest(ranges, stop.address, stop.base) if stop.address or stop.failure == BOUNDS else None
    fault = Fault(
        failure=stop.failure,
        reason=_reason(stop.failure, deadline),
        kernel=kernel,
        threadgroup=tuple(stop.threadgroup) if stop.place else None,
        line=line,
        source=module.source_line(line).strip(),
        access=ACCESSES[stop.access] if stop.failure == BOUNDS else "",
        bytes=stop.bytes,
        address=stop.address,
        buffer=found.index if found else None,
        offset=stop.address - found.low if found else 0,
        size=found.high - found.low if found else 0,
    )
    kind = OutOfStack if stop.failure in FAILURES_OF_STACKS else KernelFailure
    return kind(str(fault), fault)


def _reason(number: int, deadline: Deadline | None) -> str:
    if number == DEADLINE and deadline:
        return deadline.exceeded()
    return FAILURES.get(number, f"unknown failure {number}")
