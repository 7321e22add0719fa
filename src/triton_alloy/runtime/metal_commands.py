"""Dispatches in order, in as few command buffers as possible, and the GPU's own time for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DeviceFailure
from .metal_api import Api
from .metal_compile import message_of
from .metal_memory import Place

DISPATCHES = 64
"""Dispatches of one command buffer at most. MLX commits after 20 to 50; one each would idle the GPU in between."""

FAILURES = {
    1: "an internal error of the GPU",
    2: "it ran too long and the system's watchdog stopped it: use more programs that do less each",
    3: "an access to memory that it was not given: an index or a mask is wrong",
    8: "not enough memory",
    9: "an access to memory that was freed",
    12: "its stack overflowed",
}
"""MTLCommandBufferError -> its meaning for a kernel."""

Binding = Place | bytes
"""What is bound at an index: a place in memory, or the bytes of a constant."""


@dataclass
class Batch:
    """A command buffer that is being filled. names: of the kernels in it."""

    buffer: Any
    encoder: Any
    names: list[str] = field(default_factory=list)


class Commands:
    """A queue. seconds: what the GPU has spent on all command buffers that are complete."""

    def __init__(self, api: Api, device: Any):
        self._metal = api.metal
        self._queue = device.newCommandQueue()
        if self._queue is None:
            raise DeviceFailure("Metal has no command queue left")
        self._filling: Batch | None = None
        self._submitted: list[Batch] = []
        self.seconds = 0.0

    def dispatch(
        self, name: str, state: Any, bindings: Sequence[Binding], grid: tuple[int, int, int], threads: int
    ) -> None:
        """Encode a launch; it runs after all before it. state: the pipeline; bindings: by buffer index."""
        batch = self._filling = self._filling or self._begin()
        encoder = batch.encoder
        encoder.setComputePipelineState_(state)
        for index, binding in enumerate(bindings):
            if isinstance(binding, bytes):
                encoder.setBytes_length_atIndex_(binding, len(binding), index)
            else:
                encoder.setBuffer_offset_atIndex_(binding.buffer, binding.offset, index)
        size = self._metal.MTLSizeMake
        encoder.dispatchThreadgroups_threadsPerThreadgroup_(size(*grid), size(threads, 1, 1))
        batch.names.append(name)
        if len(batch.names) == DISPATCHES:
            self.submit()

    def submit(self) -> None:
        """Let the GPU begin with what is encoded."""
        if self._filling is not None:
            self._filling.encoder.endEncoding()
            self._filling.buffer.commit()
            self._submitted.append(self._filling)
            self._filling = None

    def finish(self) -> None:
        """Return when everything has run. Raises DeviceFailure for the first command buffer that failed."""
        self.submit()
        submitted, self._submitted = self._submitted, []
        failed = None
        for batch in submitted:
            batch.buffer.waitUntilCompleted()
            if batch.buffer.status() == self._metal.MTLCommandBufferStatusCompleted:
                self.seconds += batch.buffer.GPUEndTime() - batch.buffer.GPUStartTime()
            else:
                failed = failed or batch
        if failed is not None:
            raise failure_of(failed)

    def _begin(self) -> Batch:
        buffer = self._queue.commandBuffer()
        encoder = buffer.computeCommandEncoder() if buffer is not None else None
        if encoder is None:
            raise DeviceFailure("Metal gives no command buffer")
        return Batch(buffer, encoder)


def failure_of(batch: Batch) -> DeviceFailure:
    """What a failed command buffer says."""
    error = batch.buffer.error()
    meaning = FAILURES.get(int(error.code()), "") if error is not None else ""
    kernels = ", ".join(dict.fromkeys(batch.names))
    return DeviceFailure(
        f"the GPU stopped {kernels}: {meaning + '; ' if meaning else ''}Metal says: {message_of(error)}"
    )
