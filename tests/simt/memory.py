"""A recorded launch's buffers on a GPU: all in one allocation with guards between them, or each in one of its own."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simt.archive import ALIGNMENT, Archive, Launch
from tests.simt.driver import Machine

GUARD, GUARD_BYTE = 4096, b"\xa5"


class Guarded:
    """The buffers between guards, so that a stray write is found; each lies as on the CPU, modulo ALIGNMENT."""

    def __init__(self, machine: Machine, archive: Archive, launch: Launch):
        self.machine, self.launch = machine, launch
        self.before = [archive.blobs[span.before] for span in launch.spans]
        self.after = [archive.blobs[span.after] for span in launch.spans]
        self.offsets: list[int] = []
        end = GUARD
        for span, data in zip(launch.spans, self.before, strict=True):
            self.offsets.append(-(-end // ALIGNMENT) * ALIGNMENT + span.offset)
            end = self.offsets[-1] + len(data) + GUARD
        self.image = self._image(end)
        self.address = machine.allocate(end)

    def _image(self, size: int) -> bytes:
        image = bytearray(GUARD_BYTE * size)
        for offset, data in zip(self.offsets, self.before, strict=True):
            image[offset : offset + len(data)] = data
        return bytes(image)

    def pointers(self) -> list[int]:
        """What the kernel is given for each buffer."""
        return pointers(self.launch, [self.address + offset for offset in self.offsets])

    def fill(self) -> None:
        """What the CPU's launch found, and whole guards."""
        self.machine.write(self.address, self.image)

    def found(self) -> bytes:
        """All of the allocation."""
        return self.machine.read(self.address, len(self.image))

    def contents(self, image: bytes) -> list[bytes]:
        """The buffers in what `found` gave."""
        return [image[offset : offset + len(data)] for offset, data in zip(self.offsets, self.before, strict=True)]

    def is_guarded(self, image: bytes) -> bool:
        """Whether the guards in what `found` gave are whole."""
        return self._outside(image) == self._outside(self.image)

    def _outside(self, image: bytes) -> bytes:
        parts, end = [], 0
        for offset, data in zip(self.offsets, self.before, strict=True):
            parts.append(image[end:offset])
            end = offset + len(data)
        return b"".join([*parts, image[end:]])

    def free(self) -> None:
        self.machine.free(self.address)


class Apart:
    """Each buffer in an allocation that ends with it, for a tool that sees accesses outside of allocations."""

    def __init__(self, machine: Machine, archive: Archive, launch: Launch):
        self.machine, self.launch = machine, launch
        self.before = [archive.blobs[span.before] for span in launch.spans]
        pairs = zip(launch.spans, self.before, strict=True)
        self.addresses = [machine.allocate(span.offset + len(data)) for span, data in pairs]
        self.starts = [a + span.offset for a, span in zip(self.addresses, launch.spans, strict=True)]

    def pointers(self) -> list[int]:
        """What the kernel is given for each buffer."""
        return pointers(self.launch, self.starts)

    def fill(self) -> None:
        """What the CPU's launch found."""
        for start, data in zip(self.starts, self.before, strict=True):
            self.machine.write(start, data)

    def free(self) -> None:
        for address in self.addresses:
            self.machine.free(address)


def pointers(launch: Launch, starts: Sequence[int]) -> list[int]:
    """The launch's pointers where its spans start there."""
    return [0 if place is None else starts[place[0]] + place[1] for place in launch.pointers]
