"""A pytest plug-in: records what kernels for apple9 do on the CPU (`-p tests.simt.recording --record=FOLDER`)."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.simt.archive import ALIGNMENT, Archive, Launch, Span
from triton_alloy.errors import InvalidArgument
from triton_alloy.integrations.triton.buffers import BufferRule
from triton_alloy.kernel import Extent, Kernel
from triton_alloy.runtime.cpu import CpuDevice

FAMILY = "apple9"
LARGEST = 1_500_000
"""Bytes of a launch's memory that is still recorded."""
PER_KERNEL = 2
_UNKNOWN = Extent(-1, -1)
_STOPPED = ("KernelFailure", "SanitizerError", "OutOfResources")
"""What ends a launch on the CPU that a GPU would go on with."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", metavar="FOLDER", help="record launches there")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--record")
    if folder:
        config.pluginmanager.register(_Plugin(Path(folder)))


class _Plugin:
    """Records the whole session, in each process of it by itself."""

    def __init__(self, folder: Path):
        self.archive = Archive()
        self.path = folder / f"part-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.xz"
        self.stack = contextlib.ExitStack()
        self.recorder = self.stack.enter_context(recording(self.archive))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.recorder.origin = item.nodeid

    def pytest_sessionfinish(self) -> None:
        self.stack.close()
        if self.archive.launches:
            self.archive.save(self.path, preset=0)


class Recorder:
    """Adds launches to an archive. origin: what the launches belong to from now on."""

    def __init__(self, archive: Archive, launch: Any):
        self.archive = archive
        self.launch = launch
        self.origin = ""
        self.counts: dict[str, int] = {}

    def record(
        self, device: Any, executable: Any, buffers: Sequence[int], scalars: bytes, grid: Any, extents: Sequence[Extent]
    ) -> None:
        """Launch, and record it where that is possible."""
        kernel: Kernel = executable.kernel
        digest = hashlib.sha256(f"{kernel.simdgroups} {kernel.source}".encode()).hexdigest()[:16]
        spans = self._spans(device, kernel, digest, buffers, extents)
        extents = [Extent.unknown(a) if e is _UNKNOWN else e for a, e in zip(buffers, extents, strict=True)]
        if spans is None:
            self.launch(device, executable, buffers, scalars, grid, extents)
            return
        self.counts[digest] = self.counts.get(digest, 0) + 1
        before = [ctypes.string_at(start, end - start) for start, end in spans]
        raised = ""
        try:
            self.launch(device, executable, buffers, scalars, grid, extents)
        except Exception as error:
            raised = type(error).__name__
            raise
        finally:
            if raised in _STOPPED:
                self.archive.drop("stopped")
            else:
                after = [ctypes.string_at(start, end - start) for start, end in spans]
                self.archive.kernels[digest] = json.loads(kernel.to_json())
                self._add(kernel, digest, buffers, spans, before, after, bytes(scalars), tuple(grid), raised)

    def _spans(
        self, device: Any, kernel: Kernel, digest: str, buffers: Sequence[int], extents: Sequence[Extent]
    ) -> list[tuple[int, int]] | None:
        """The memory of a launch that is to be recorded; None of any other."""
        if kernel.family != FAMILY or device.mode != "fast" or self.counts.get(digest, 0) >= PER_KERNEL:
            return None
        if kernel.takes_addresses or any(extent.after < 0 for extent in extents):
            self.archive.drop("takes addresses")
            return None
        spans = united([(a - e.before, a + e.after) for a, e in zip(buffers, extents, strict=True) if a])
        if sum(end - start for start, end in spans) > LARGEST:
            self.archive.drop(f"more than {LARGEST} bytes")
            return None
        return spans

    def _add(self, kernel, digest, buffers, spans, before, after, scalars, grid, raised) -> None:
        pointers = [_place(address, spans) for address in buffers]
        elements: dict[int, str] = {}
        for argument, pointer in zip(kernel.buffers, pointers, strict=True):
            if pointer is not None and not argument.read_only:
                elements[pointer[0]] = argument.element
        kept = [
            Span(start % ALIGNMENT, self.archive.keep(x), self.archive.keep(y), elements.get(i, ""))
            for i, ((start, _), x, y) in enumerate(zip(spans, before, after, strict=True))
        ]
        launch = Launch(self.origin, digest, tuple(kept), tuple(pointers), scalars.hex(), grid, raised)
        self.archive.launches.append(launch)


def united(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges in order, those that touch as one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def _place(address: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    if not address:
        return None
    return next((i, address - start) for i, (start, end) in enumerate(spans) if start <= address <= end)


@contextlib.contextmanager
def recording(archive: Archive) -> Iterator[Recorder]:
    """Every launch on the CPU is seen by the recorder, but for kernels that were launched before."""
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(archive, CpuDevice.launch)
        extent = BufferRule.extent

        def extent_or_unknown(rule: BufferRule, value: Any) -> Extent:
            try:
                return extent(rule, value)
            except (InvalidArgument, AttributeError):
                return _UNKNOWN

        def launch(device, executable, buffers, scalars, grid, extents=()) -> None:
            recorder.record(device, executable, buffers, scalars, grid, extents)

        patch.setattr(CpuDevice, "needs_extents", True)
        patch.setattr(BufferRule, "extent", extent_or_unknown)
        patch.setattr(CpuDevice, "launch", launch)
        yield recorder
