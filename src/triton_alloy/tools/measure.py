"""Timing: both sides of a comparison take turns in one process, so that they see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]

REST_AFTER = {"NumPy": 0.15, "PyTorch": 0.01}
"""Seconds after a call until the threads of a library sleep: those of OpenBLAS look for work for 117 ms, those of GNU's
OpenMP for 5. Whatever is timed before has a core less."""


@dataclass(frozen=True)
class Sample:
    """The times of one function, in seconds, turn by turn."""

    turns: tuple[tuple[float, ...], ...]

    @property
    def times(self) -> list[float]:
        return [time for turn in self.turns for time in turn]

    @property
    def median(self) -> float:
        return statistics.median(self.times)


def ratio(first: Sample, second: Sample) -> float:
    """How many times as long `first` takes: the median over turns that followed one another.

    What else runs on the machine is about the same for both sides of such a pair, but not from one pair to the next.
    Where neighbours come and go, this spreads half as much as the quotient of the medians of all times.
    """
    pairs = zip(first.turns, second.turns, strict=True)
    return statistics.median(statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs)


def interleave(
    functions: Sequence[Callable[[], object]],
    seconds: float = 2.0,
    rounds: int = 3,
    turn: float = 0.12,
    clock: Clock = time.perf_counter,
    rest: float = REST_AFTER["PyTorch"],
) -> list[Sample]:
    """Let the functions take turns for about `seconds`, at least `rounds` turns each.

    Before each turn nobody works for `rest` seconds, see REST_AFTER; then a function runs for half of `turn` untimed,
    which wakes its threads and fills the caches, and for `turn` seconds timed.
    """
    samples: list[list[tuple[float, ...]]] = [[] for _ in functions]
    end = time.perf_counter() + seconds
    turns = 0
    while turns < rounds or time.perf_counter() < end:
        for record, function in zip(samples, functions, strict=True):
            time.sleep(rest)
            run_for(turn / 2, function)
            record.append(tuple(run_for(turn, function, clock)))
        turns += 1
    return [Sample(tuple(record)) for record in samples]


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    seconds: float,
    clock: Clock = time.perf_counter,
    rest: float = REST_AFTER["PyTorch"],
) -> dict[str, float]:
    """What a section of the benchmark reports of two functions: the times of both in seconds, and their ratio."""
    first, second = interleave([ours, theirs], seconds, clock=clock, rest=rest)
    return {"ours": first.median, "theirs": second.median, "ratio": ratio(first, second)}


def run_for(seconds: float, function: Callable[[], object], clock: Clock = time.perf_counter) -> list[float]:
    """The times of calls in a row: at least one, and new ones until `seconds` have passed."""
    end = time.perf_counter() + seconds
    times = [elapsed(function, clock)]
    while time.perf_counter() < end:
        times.append(elapsed(function, clock))
    return times


def elapsed(function: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """The time of one call in seconds, by the clock on the wall or another."""
    start = clock()
    function()
    return clock() - start


def duration(seconds: float) -> str:
    """A time for people, with three significant digits: "12.3 ms"."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if seconds * scale >= 1 or unit == "ns":
            return f"{seconds * scale:.3g} {unit}" if seconds * scale < 999.5 else f"{seconds * scale:.0f} {unit}"
    raise AssertionError("unreachable: nanoseconds take what is left")
