"""Page-aligned memory of the host, which a GPU with unified memory can use without a copy.

`allocate` makes it and remembers it, so that a runtime finds the whole allocation from any address inside.
"""

from __future__ import annotations

import bisect
import ctypes
import mmap
import weakref
from dataclasses import dataclass

PAGE_BYTES = mmap.PAGESIZE
"""16384 on Apple silicon. Metal wraps memory only if its address and size are multiples of it."""


@dataclass(frozen=True)
class Span:
    """The bytes from address `start` to `end`."""

    start: int
    end: int

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.end - self.start

    @property
    def has_whole_pages(self) -> bool:
        """Whether it begins and ends at page boundaries."""
        return self.start % PAGE_BYTES == 0 and self.end % PAGE_BYTES == 0

    def overlaps(self, other: Span) -> bool:
        """Whether some byte is in both."""
        return self.start < other.end and other.start < self.end

    def holds(self, other: Span) -> bool:
        """Whether every byte of `other` is in it."""
        return self.start <= other.start and other.end <= self.end

    def union(self, other: Span) -> Span:
        """The least span that holds both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True)
class Allocation:
    """Memory made by `allocate` that is still in use. owner: holding it keeps the memory."""

    span: Span
    owner: ctypes.Array


_starts: list[int] = []
_owners: dict[int, tuple[Span, weakref.ref[ctypes.Array]]] = {}


def allocate(size: int) -> ctypes.Array:
    """At least `size` bytes of zeros in whole pages, freed with the array.

    A ctypes array tells its weak references that it goes before its pages go, which an mmap does not.
    """
    pages = mmap.mmap(-1, max(1, -(-size // PAGE_BYTES)) * PAGE_BYTES)
    owner = (ctypes.c_char * len(pages)).from_buffer(pages)
    start = ctypes.addressof(owner)
    bisect.insort(_starts, start)
    _owners[start] = (Span(start, start + len(pages)), weakref.ref(owner, lambda _: _forget(start)))
    return owner


def _forget(start: int) -> None:
    del _owners[start]
    _starts.remove(start)


def find(address: int) -> Allocation | None:
    """The allocation that holds `address`, if `allocate` made it."""
    index = bisect.bisect_right(_starts, address) - 1
    if index < 0:
        return None
    span, reference = _owners[_starts[index]]
    owner = reference()
    return Allocation(span, owner) if owner is not None and address < span.end else None
