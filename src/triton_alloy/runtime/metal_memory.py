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
        parts = [
            Span(pointer - extent.before, pointer + extent.after)
            for pointer, extent in zip(pointers, extents, strict=True)
        ]
        foreign = [
            (part, constant)
            for pointer, part, constant in zip(pointers, parts, read_only, strict=True)
            if pointer and find(pointer) is None
        ]
        found: list[tuple[Span, Callable[[int], Place]]] = []
        for span in merged([part for part, _ in foreign]):
            is_written = any(span.holds(part) and not constant for part, constant in foreign)
            found.append((span, self._provide(bound, span, is_written)))
        for pointer, part in zip(pointers, parts, strict=True):
            bound.places.append(self._place(bound, pointer, part, found))
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

    def _place(
        self, bound: Bound, pointer: int, part: Span, found: Sequence[tuple[Span, Callable[[int], Place]]]
    ) -> Place:
        if not pointer:
            return Place(self._nothing.buffer, 0)
        allocation = find(pointer)
        if allocation is None:
            return next(place for span, place in found if span.holds(part))(pointer)
        bound.owners.append(allocation.owner)
        return Place(self._wrapped_allocation(allocation.span, allocation.owner), pointer - allocation.span.start)

    def _wrapped_allocation(self, span: Span, owner: Any) -> Any:
        known = self._wrapped.get(span.start)
        if known is not None:
            return known[1]
        buffer = self._wrap(span)
        if buffer is None:
            raise DeviceFailure(f"Metal refuses to use {span.bytes} bytes of page-aligned memory; use ordinary arrays")
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


def merged(spans: Sequence[Span]) -> list[Span]:
    """The fewest spans that hold these, overlapping ones as one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if result and result[-1].overlaps(span):
            result[-1] = result[-1].union(span)
        else:
            result.append(span)
    return result
