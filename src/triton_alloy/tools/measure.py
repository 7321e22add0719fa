"""Timing: medians of interleaved runs, so that both sides of a comparison see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """The wall-clock times of one function, in seconds."""

    times: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def best(self) -> float:
        return min(self.times)


def interleave(functions: list[Callable[[], object]], seconds: float = 2.0, rounds: int = 5) -> list[Sample]:
    """Run the functions in turn for about `seconds`, at least `rounds` times each, after one untimed round."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    end = time.perf_counter() + seconds
    while len(times[0]) < rounds or time.perf_counter() < end:
        for record, function in zip(times, functions, strict=True):
            record.append(elapsed(function))
    return [Sample(tuple(record)) for record in times]


def elapsed(function: Callable[[], object]) -> float:
    """The wall-clock time of one call, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def duration(seconds: float) -> str:
    """A time for people, with three significant digits: "12.3 ms"."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1 or unit == "us":
            return f"{seconds * scale:.3g} {unit}" if seconds * scale < 999.5 else f"{seconds * scale:.0f} {unit}"
    raise AssertionError("unreachable: microseconds take what is left")
