"""Streams of torch.mps, as of PyTorch 2.15: the calls of a launch while a stream other than the default is current."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from triton_alloy.kernel import LOCKS_BYTES, LOG_BYTES, Argument, Kernel, Service
from triton_alloy.runtime.torch_mps import TorchMpsDevice, mps_host

STREAMS = ("Stream", "stream", "current_stream", "default_stream", "set_stream")


class Memory:
    """A tensor on the GPU that tells when it is read."""

    def __init__(self, record: Callable[[str], None], count: int):
        self.record, self.count = record, count

    def cpu(self) -> torch.Tensor:
        self.record("cpu")
        return torch.ones(self.count, dtype=torch.int32) * 0


class Recorder:
    """PyTorch on a Mac. calls: (name, current stream) of everything of torch.mps, of making memory and of reading it;
    bound: the arguments of the launches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.stream = 0
        self.calls: list[tuple[str, int]] = []
        self.bound: list[tuple[Any, ...]] = []
        for name in (*torch.mps.__all__, *STREAMS):
            monkeypatch.setattr(torch.mps, name, self._recording(name), raising=False)
        monkeypatch.setattr(torch.mps, "compile_shader", lambda text: SimpleNamespace(k=self._launch))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        monkeypatch.setattr(torch.backends.mps, "get_name", lambda: "Apple M4", raising=False)
        monkeypatch.setattr(torch.backends.mps, "get_core_count", lambda: 10, raising=False)
        monkeypatch.setattr(torch, "zeros", self._zeros)
        self._launch.__func__.max_threads_per_threadgroup = 1024  # pyright: ignore[reportFunctionMemberAccess]

    def record(self, name: str) -> None:
        self.calls.append((name, self.stream))

    def since(self) -> list[tuple[str, int]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def _recording(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: self.record(name)

    def _launch(self, *arguments: Any, threads: tuple[int, ...], group_size: tuple[int, ...]) -> None:
        self.record("launch")
        self.bound.append(arguments)

    def _zeros(self, count: int, dtype: Any, device: str) -> Memory:
        assert device == "mps"
        self.record("zeros")
        return Memory(self.record, count)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


def launched(device: TorchMpsDevice, *services: Service) -> None:
    arguments = (Argument("x", "buffer", "f32", 0), Argument("n", "scalar", "i32", 1))
    kernel = Kernel("k", "", arguments, 2, 0, "apple9", services=services)
    device.launch(device.compile(kernel), [torch.ones(4)], bytes(4), (3, 1, 1))


def test_a_launch_follows_the_current_stream(recorder: Recorder):
    """compile_shader's kernels go to the stream that is current when they are called: nothing else may be called."""
    device = TorchMpsDevice(mps_host())
    for stream in (7, 0, 9):
        recorder.stream = stream
        launched(device)
        assert recorder.since() == [("launch", stream)]


def test_a_log_is_made_and_read_on_the_stream_of_its_launch(recorder: Recorder):
    device = TorchMpsDevice(mps_host())
    recorder.stream = 7
    launched(device, Service("log", LOG_BYTES))
    assert recorder.since() == [("zeros", 7), ("launch", 7), ("cpu", 7)]


def test_locks_are_zero_for_every_stream(recorder: Recorder):
    """One table for all launches: another stream does not wait for the one that fills it."""
    device = TorchMpsDevice(mps_host())
    locks = Service("locks", LOCKS_BYTES)
    recorder.stream = 7
    launched(device, locks)
    assert recorder.since() == [("zeros", 7), ("synchronize", 7), ("launch", 7)]
    recorder.stream = 9
    launched(device, locks)
    assert recorder.since() == [("launch", 9)]
    assert recorder.bound[0][-1] is recorder.bound[1][-1]


def test_a_wait_is_for_all_streams(recorder: Recorder):
    """torch.mps.synchronize, not that of a stream."""
    device = TorchMpsDevice(mps_host())
    recorder.stream = 7
    device.synchronize()
    assert recorder.since() == [("synchronize", 7)]
