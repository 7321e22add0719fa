"""Host memory as Metal buffers: pages are used where they are, other memory through shared buffers and copies."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DeviceFailure
from ..kernel import Extent
from .host_memory import PAGE_BYTES, Span, find
from .metal_api import Api

ALIGNMENT = 256
"""A copy lies at the same distance from a multiple of this as the original: vector loads rely on such facts."""


@dataclass(frozen=True)
class SharedBuffer:
    """An MTLBuffer that the host sees, too. address: of its first byte; memory: keeps PyObjC's view of it."""

    buffer: Any
    address: int
    bytes: int
    memory: Any = None


@dataclass(frozen=True)
class Place:
    """Where a launch finds a pointer: at a byte offset in an MTLBuffer."""

    buffer: Any
    offset: int


@dataclass(frozen=True)
class Copy:
    """Foreign memory and its copy. is_written: whether a launch may change it, so that it goes back."""

    span: Span
    shared: SharedBuffer
    is_written: bool

    def place(self, pointer: int) -> Place:
        """Where a pointer into the original points in the copy."""
        return Place(self.shared.buffer, pointer - self.span.start + self.span.start % ALIGNMENT)

    def address(self) -> int:
        """Of the copy of the first byte."""
        return self.shared.address + self.span.start % ALIGNMENT


@dataclass
class Bound:
    """The memory of one launch. places: of the pointers; owners: what must live until it is complete."""

    places: list[Place] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    owners: list[Any] = field(default_factory=list)

    @property
    def is_written_back(self) -> bool:
        """Whether something is to be copied back when the launch is complete."""
        return any(copy.is_written for copy in self.copies)


def address_of(buffer: Any, size: int) -> tuple[int, Any]:
    """The address of an MTLBuffer's contents, and the view that it was taken from."""
    view = buffer.contents().as_buffer(size)
    return ctypes.addressof(ctypes.c_char.from_buffer(view)), view


class Memory:
    """The buffers of one device. Allocations of host_memory are wrapped once; copies come from a pool by size."""

    def __init__(self, api: Api, device: Any):
        self._api = api
        self._device = device
        self._pool: dict[int, list[SharedBuffer]] = {}
        self._wrapped: dict[int, tuple[weakref.ref, Any]] = {}
        self._can_wrap = True
        self._nothing = self.take(PAGE_BYTES)

    def bind(self, pointers: Sequence[int], extents: Sequence[Extent], read_only: Sequence[bool]) -> Bound:
        """Places for the pointers of a launch; a null pointer gets a place of its own, as Metal wants all bound.

        extents: the memory around each pointer; read_only: whether the kernel leaves it as it is.
        """
        bound = Bound()
        found: list[Place | None] = [self._known_place(bound, pointer) for pointer in pointers]
        foreign = [
            (index, _span_around(pointer, extents[index]))
            for index, pointer in enumerate(pointers)
            if found[index] is None
        ]
        for span in merged([part for _, part in foreign]):
            inside = [index for index, part in foreign if span.holds(part)]
            place_of = self._provide(bound, span, is_written=not all(read_only[index] for index in inside))
            for index in inside:
                found[index] = place_of(pointers[index])
        bound.places = [place for place in found if place is not None]
        return bound

    def take(self, size: int) -> SharedBuffer:
        """A shared buffer of at least `size` bytes, of whatever content."""
        capacity = max(PAGE_BYTES, 1 << (max(size, 1) - 1).bit_length())
        free = self._pool.get(capacity)
        if free:
            return free.pop()
        buffer = self._device.newBufferWithLength_options_(capacity, self._api.metal.MTLResourceStorageModeShared)
        if buffer is None:
            limit = int(self._device.maxBufferLength())
            raise DeviceFailure(f"Metal has no memory for a buffer of {capacity} bytes (its limit is {limit})")
        address, view = address_of(buffer, capacity)
        return SharedBuffer(buffer, address, capacity, view)

    def give(self, buffer: SharedBuffer) -> None:
        """Return a buffer to the pool: no launch uses it any more."""
        self._pool.setdefault(buffer.bytes, []).append(buffer)

    def hold(self, bound: Bound, content: bytes) -> SharedBuffer:
        """A buffer with this content that lasts until the launch is complete."""
        shared = self.take(len(content))
        ctypes.memmove(shared.address, content, len(content))
        bound.copies.append(Copy(Span(0, 0), shared, is_written=False))
        return shared

    def finish(self, bound: Bound) -> None:
        """After the launch is complete: copy back what it may have written, and free its copies."""
        for copy in bound.copies:
            if copy.is_written:
                ctypes.memmove(copy.span.start, copy.address(), copy.span.bytes)
            self.give(copy.shared)

    def _provide(self, bound: Bound, span: Span, is_written: bool) -> Callable[[int], Place]:
        """Foreign memory for the GPU: itself if it has whole pages and Metal takes them, else a copy. The result tells
        where a pointer into it is."""
        buffer = self._wrap(span) if span.has_whole_pages and span.bytes else None
        if buffer is not None:
            return lambda pointer: Place(buffer, pointer - span.start)
        copy = Copy(span, self.take(span.bytes + ALIGNMENT), is_written)
        ctypes.memmove(copy.address(), span.start, span.bytes)
        bound.copies.append(copy)
        return copy.place

    def _known_place(self, bound: Bound, pointer: int) -> Place | None:
        """Where a null pointer or a pointer into an allocation is; None for other memory, or if Metal wraps none."""
        if not pointer:
            return Place(self._nothing.buffer, 0)
        allocation = find(pointer)
        buffer = self._wrapped_allocation(allocation.span, allocation.owner) if allocation is not None else None
        if allocation is None or buffer is None:
            return None
        bound.owners.append(allocation.owner)
        return Place(buffer, pointer - allocation.span.start)

    def _wrapped_allocation(self, span: Span, owner: Any) -> Any:
        known = self._wrapped.get(span.start)
        if known is not None:
            return known[1]
        buffer = self._wrap(span)
        if buffer is None:
            return None
        self._wrapped[span.start] = (weakref.ref(owner, lambda _: self._wrapped.pop(span.start)), buffer)
        return buffer

    def _wrap(self, span: Span) -> Any:
        """Pages as an MTLBuffer; None where Metal refuses, or gives a copy, which nothing here would copy back."""
        if not self._can_wrap:
            return None
        pages = (ctypes.c_char * span.bytes).from_address(span.start)
        shared = self._api.metal.MTLResourceStorageModeShared
        buffer = self._device.newBufferWithBytesNoCopy_length_options_deallocator_(pages, span.bytes, shared, None)
        if buffer is None:
            return None
        self._can_wrap = address_of(buffer, span.bytes)[0] == span.start
        return buffer if self._can_wrap else None


def _span_around(pointer: int, extent: Extent) -> Span:
    """The memory that a pointer may reach: its whole allocation, if it is known here."""
    allocation = find(pointer)
    return allocation.span if allocation is not None else Span(pointer - extent.before, pointer + extent.after)


def merged(spans: Sequence[Span]) -> list[Span]:
    """The fewest spans that hold these, overlapping ones as one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if result and result[-1].overlaps(span):
            result[-1] = result[-1].union(span)
        else:
            result.append(span)
    return result
