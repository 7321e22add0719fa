"""Apple's GPU through Metal and PyObjC: memory of the CPU, without a framework.

A launch is complete when it returns, because NumPy cannot wait for it. Within `batch` launches run together, and are
complete at its end.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ..chips import THREADS_PER_SIMDGROUP
from ..errors import DeviceFailure, Unsupported
from ..kernel import Extent, Kernel, Properties
from ..msl_cpu.compile import cache_folder
from . import limits, log, selftest
from .detection import describe
from .metal_api import Api, default_device, facts_of, load_api
from .metal_commands import Binding, Commands
from .metal_compile import Compiler, find_language
from .metal_memory import Bound, Memory, Place, SharedBuffer
from .probes import probe


@dataclass(frozen=True)
class PipelineFacts:
    """What Metal says of a pipeline. threads: of a threadgroup at most, the fewer the more registers a thread takes;
    threadgroup_bytes: that its text declares."""

    threads: int
    threads_per_simdgroup: int
    threadgroup_bytes: int


@dataclass(frozen=True)
class MetalExecutable:
    """A kernel's pipeline. max_threads: that may be asked for; constants: whether its scalars go by value."""

    kernel: Kernel
    state: Any
    max_threads: int
    constants: bool
    facts: PipelineFacts


@dataclass(frozen=True)
class Launch:
    """What is left to do when a launch is complete. log: of its kernel."""

    kernel: Kernel
    bound: Bound
    log: SharedBuffer | None


class MetalDevice:
    """The system's GPU. Raises DeviceFailure where Metal refuses even a trial.

    cores: of the GPU; cache: folder of binaries and self-test results of this machine and system, None to keep none.
    """

    binds = "addresses"
    place = "cpu"
    needs_extents = True
    bounds = "0"

    def __init__(self, api: Api, device: Any, cores: int = 8, cache: Path | None = None):
        self.facts = facts_of(api, device)
        self._pool = api.objc.autorelease_pool
        self._lock = threading.RLock()
        with self._pool():
            self._memory = Memory(api, device)
            self._commands = Commands(api, device)
            archive = cache / "binaries" if cache is not None else None
            self._compiler = Compiler(api, device, find_language(api, device), archive)
        self._cores = cores
        self._cache = cache
        self._locks: dict[int, SharedBuffer] = {}
        self._launches: list[Launch] = []
        self._batches = 0

    @property
    def properties(self) -> Properties:
        """What the device itself says."""
        return Properties(
            name=self.facts.name,
            cores=self._cores,
            threads_per_simdgroup=THREADS_PER_SIMDGROUP,
            threadgroup_bytes=self.facts.threadgroup_bytes,
            threads_per_threadgroup=self.facts.threads_per_threadgroup,
        )

    @property
    def language(self) -> str:
        """The Metal language that texts are compiled in."""
        return self._compiler.language

    @functools.cached_property
    def verdict(self) -> selftest.Verdict:
        """What this machine computes wrongly; found at the first use, and remembered for this system."""
        path = self._cache / "selftest.json" if self._cache is not None else None
        return selftest.verdict(self.run_once, path)

    def compile(self, kernel: Kernel) -> MetalExecutable:
        """Build the text. Raises RejectedText with Metal's message, OutOfResources for a kernel that does not fit, and
        Unsupported for one that needs what the machine computes wrongly."""
        limits.check_addresses(kernel)
        failure = self.verdict.against(kernel.source)
        if failure is not None:
            raise Unsupported(kernel.name, f"{failure}; run `triton-alloy doctor`")
        return self._build(kernel)

    def launch(
        self,
        executable: MetalExecutable,
        buffers: Sequence[int],
        scalars: bytes,
        grid: tuple[int, int, int],
        extents: Sequence[Extent] = (),
    ) -> None:
        """Run the grid; return when it is complete, but within `batch` go on unless memory must be copied back.

        Raises DeviceFailure, DeviceAssertion.
        """
        kernel = executable.kernel
        limits.check_grid(kernel, grid)
        with self._lock, self._pool():
            bound = self._memory.bind(buffers, extents, [argument.read_only for argument in kernel.buffers])
            bindings: list[Binding] = [*bound.places, *self._constants(executable, bound, scalars)]
            services = {service.kind: self._service(service.kind, service.bytes) for service in kernel.services}
            bindings += [Place(shared.buffer, 0) for shared in services.values()]
            self._commands.dispatch(kernel.name, executable.state, bindings, grid, kernel.threads)
            self._launches.append(Launch(kernel, bound, services.get("log")))
            if not self._batches or bound.is_written_back:
                self.synchronize()

    def synchronize(self) -> None:
        """Return when all launches are complete; their logs are reported. Raises DeviceFailure, DeviceAssertion."""
        with self._lock, self._pool(), contextlib.ExitStack() as reports:
            launches, self._launches = self._launches, []
            for launch in reversed(launches):
                reports.callback(self._report, launch)
            try:
                self._commands.finish()
            except DeviceFailure:
                self._locks.clear()  # a kernel that was stopped may have kept some
                raise
            finally:
                for launch in launches:
                    self._memory.finish(launch.bound)

    @property
    def worked_seconds(self) -> float:
        """What the GPU has spent on launches that are complete, by its own timestamps."""
        return self._commands.seconds

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Launches within are queued and complete at its end. Until then, arrays that they use must not be touched."""
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            self.synchronize()

    def run_once(self, kernel: Kernel, inputs: bytes, output_bytes: int, programs: int) -> bytes:
        """Build and run a kernel of two buffers, one read and one written, without a self-test before."""
        given = (ctypes.c_char * max(len(inputs), 1)).from_buffer_copy(inputs or b"\0")
        result = (ctypes.c_char * output_bytes)()
        pointers = [ctypes.addressof(given), ctypes.addressof(result)]
        extents = [Extent(0, len(given)), Extent(0, output_bytes)]
        self.launch(self._build(kernel), pointers, b"", (programs, 1, 1), extents)
        return bytes(result)

    def _build(self, kernel: Kernel) -> MetalExecutable:
        limits.check_kernel(kernel)
        with self._lock, self._pool():
            state = self._compiler.pipeline(kernel)
            facts = PipelineFacts(
                int(state.maxTotalThreadsPerThreadgroup()),
                int(state.threadExecutionWidth()),
                int(state.staticThreadgroupMemoryLength()),
            )
        limits.check_pipeline(kernel, facts.threads, facts.threadgroup_bytes, self.facts.threadgroup_bytes)
        if facts.threads_per_simdgroup != kernel.threads_per_simdgroup:
            raise Unsupported(kernel.name, f"this device has simdgroups of {facts.threads_per_simdgroup} threads")
        # On the CPU's target one simdgroup does the work of all warps, however many are asked for.
        threads = self.facts.threads_per_threadgroup if kernel.family == "cpu" else facts.threads
        return MetalExecutable(kernel, state, threads, limits.passes_constants(kernel), facts)

    def _constants(self, executable: MetalExecutable, bound: Bound, scalars: bytes) -> list[Binding]:
        """The scalar struct: by value where it fits, else in a buffer."""
        if not executable.kernel.scalars:
            return []
        if executable.constants:
            return [scalars]
        shared = self._memory.hold(bound, scalars)
        return [Place(shared.buffer, 0)]

    def _service(self, kind: str, size: int) -> SharedBuffer:
        """Zeros for a log; for locks the same memory at every launch."""
        if kind == "locks" and size in self._locks:
            return self._locks[size]
        shared = self._memory.take(size)
        ctypes.memset(shared.address, 0, size)
        if kind == "locks":
            self._locks[size] = shared
        return shared

    def _report(self, launch: Launch) -> None:
        if launch.log is None:
            return
        size = next(service.bytes for service in launch.kernel.services if service.kind == "log")
        words = (ctypes.c_char * size).from_address(launch.log.address)
        try:
            log.report(launch.kernel, bytes(words))
        finally:
            self._memory.give(launch.log)


@functools.cache
def metal_device() -> MetalDevice:
    """The system's GPU. Raises InvalidArgument, with the remedy, where Metal, PyObjC or the GPU is missing."""
    api = load_api()
    device = default_device(api)
    facts = facts_of(api, device)
    info = describe(probe(facts))
    folder = re.sub(r"\W+", "_", f"{facts.name} {info.system_build}")
    kept = cache_folder.writable(cache_directory(), "triton-alloy-metal", "make it writable")
    return MetalDevice(api, device, info.cores, kept / folder)


def cache_directory() -> Path:
    """Where the binaries and self-test results of all machines and systems are kept."""
    return platformdirs.user_cache_path("triton-alloy", appauthor=False)
