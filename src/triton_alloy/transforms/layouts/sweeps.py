"""The order in which sweeps over numbered items visit those of them that are to be visited, without the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush


class Sweeps:
    """Numbers to visit, again and again from the lowest to the highest. What is added during a sweep is visited in it,
    if the sweep has not passed it, else in the next one."""

    def __init__(self, numbers: Iterable[int]):
        self._heap: list[tuple[int, int]] = []
        self._waiting: set[int] = set()
        self._sweep, self._passed = 0, -1
        self.add(*numbers)

    def add(self, *numbers: int) -> None:
        for number in numbers:
            if number not in self._waiting:
                self._waiting.add(number)
                heappush(self._heap, (self._sweep + (number <= self._passed), number))

    def __iter__(self) -> Iterator[int]:
        """The numbers, until there are none; the next one to be added begins a sweep."""
        while self._heap:
            self._sweep, self._passed = heappop(self._heap)
            self._waiting.remove(self._passed)
            yield self._passed
        self._passed = -1
