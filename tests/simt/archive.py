"""Launches in one compressed file: what each found in its buffers, what it left there, and the kernels.

Needs neither Triton nor this project's package, so that it can be read on a machine which has neither.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ALIGNMENT = 256
"""Of memory on an NVIDIA GPU, which addresses of the CPU are placed to the same remainder of."""


@dataclass(frozen=True)
class Span:
    """Memory that pointers of a launch lie in. offset: of its start, modulo ALIGNMENT; before, after: digests of its
    bytes; element: of what is written to it, in MLIR's spelling ("" for nothing)."""

    offset: int
    before: str
    after: str
    element: str = ""


@dataclass(frozen=True)
class Launch:
    """origin: the test; kernel: a digest; pointers: for each buffer its span and byte there, None for a null pointer;
    raised: the name of the exception that the launch ended with, or ""."""

    origin: str
    kernel: str
    spans: tuple[Span, ...]
    pointers: tuple[tuple[int, int] | None, ...]
    scalars: str
    grid: tuple[int, int, int]
    raised: str = ""


@dataclass
class Archive:
    """kernels: digest -> the kernel's JSON; blobs: digest -> bytes; dropped: why launches are not here -> how many."""

    kernels: dict[str, dict[str, Any]] = field(default_factory=dict)
    launches: list[Launch] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def keep(self, data: bytes) -> str:
        """The digest under which `data` is found again."""
        digest = hashlib.sha256(data).hexdigest()[:24]
        self.blobs.setdefault(digest, data)
        return digest

    def drop(self, reason: str, count: int = 1) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def save(self, path: Path, preset: int = 6) -> None:
        """preset: how hard to compress, 0 to 9."""
        head = {
            "kernels": self.kernels,
            "launches": [asdict(launch) for launch in self.launches],
            "blobs": [(digest, len(data)) for digest, data in self.blobs.items()],
            "dropped": self.dropped,
        }
        text = json.dumps(head).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(path, "wb", preset=preset) as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for data in self.blobs.values():
                file.write(data)

    @staticmethod
    def load(path: Path) -> Archive:
        with lzma.open(path) as file:
            head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            blobs = {digest: file.read(size) for digest, size in head["blobs"]}
        return Archive(head["kernels"], [_launch(each) for each in head["launches"]], blobs, head["dropped"])


def _launch(values: dict[str, Any]) -> Launch:
    spans = tuple(Span(**each) for each in values["spans"])
    pointers = tuple(tuple(each) if each is not None else None for each in values["pointers"])
    return Launch(**(values | {"spans": spans, "pointers": pointers, "grid": tuple(values["grid"])}))


def merged(parts: Iterable[Archive], limit: int) -> Archive:
    """One archive of several. limit: launches of one kernel at most."""
    result = Archive()
    counts: dict[str, int] = {}
    for part in parts:
        for launch in part.launches:
            counts[launch.kernel] = counts.get(launch.kernel, 0) + 1
            if counts[launch.kernel] > limit:
                continue
            result.launches.append(launch)
            result.kernels[launch.kernel] = part.kernels[launch.kernel]
            for span in launch.spans:
                result.blobs |= {digest: part.blobs[digest] for digest in (span.before, span.after)}
        for reason, count in part.dropped.items():
            result.drop(reason, count)
    return result


def save_blobs(path: Path, blobs: Mapping[str, bytes]) -> None:
    """Named bytes in one compressed file."""
    archive = Archive()
    archive.blobs.update(blobs)
    archive.save(path)
