"""The CPU as a device: a kernel's text goes to msl_cpu, which runs it on all cores."""

from __future__ import annotations

import contextlib
import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from .. import config
from ..errors import DeviceAssertion, OutOfResources
from ..kernel import Device, Extent, Kernel, Properties
from ..msl_cpu import Deadline, FrameTooLarge, Launcher, Library, OutOfStack
from ..msl_cpu import Kernel as LibraryKernel
from ..msl_cpu.buffers import Buffer
from ..msl_cpu.plan import ARENA_BYTES, MAX_THREADS, SIMD_WIDTH, worker_count
from . import limits, log

Grid = tuple[int, int, int]
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

DEADLINE = Deadline(
    lambda: config.DEADLINE.value,
    f"look for a loop or a wait that never ends, else set {config.DEADLINE.name} higher (0: no limit)",
)
"""For every launch of a Triton kernel that ends up in msl_cpu."""


def cpu_device(mode: str) -> Device:
    """The CPU as a device. mode: as in msl_cpu.Library."""
    return CheckedDevice() if mode == "sanitize" else CpuDevice(mode)


def properties(mode: str) -> Properties:
    """The processor, with the limits of an Apple GPU so that what runs here also fits there."""
    return Properties(
        name=f"cpu ({mode})",
        cores=worker_count(),
        threads_per_simdgroup=SIMD_WIDTH,
        threadgroup_bytes=ARENA_BYTES,
        threads_per_threadgroup=MAX_THREADS,
    )


def stack_is_a_resource(call: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """The function, but with OutOfResources where a thread of a kernel has too little stack.

    The text of a Triton kernel calls no function recursively: with smaller blocks it needs less.
    """

    def checked(*arguments: Parameters.args, **named: Parameters.kwargs) -> Returned:
        try:
            return call(*arguments, **named)
        except (FrameTooLarge, OutOfStack) as error:
            raise _out_of_resources(error) from error

    return checked


def _out_of_resources(error: FrameTooLarge | OutOfStack) -> OutOfResources:
    if isinstance(error, FrameTooLarge):
        return OutOfResources(error.required, error.limit, "bytes of stack of a CPU lane")
    return OutOfResources(0, 0, f"stack of a CPU lane ({error})")


@dataclass(frozen=True)
class CpuExecutable:
    """A loaded kernel.

    A launch passes one block of memory: the addresses of all buffers, of the scalar struct if any, of the services, and
    that struct itself. block: its ctypes type; layout: its `struct` form; scalars_offset: bytes before the struct.
    max_threads: what may be asked for; on the CPU target one simdgroup does the work of all the warps of a program.
    """

    kernel: Kernel
    run: Launcher
    block: Any
    layout: struct.Struct
    scalars_offset: int
    max_threads: int = MAX_THREADS


@contextlib.contextmanager
def services(kernel: Kernel) -> Iterator[list[Any]]:
    """Memory for the services of one launch, as ctypes arrays; its log is reported at the end, also of a failed launch.

    An interrupted launch prints its lines, and remains interrupted whatever it has asserted.

    Locks are fresh as well: launches do not overlap, and one that failed may have kept some.
    """
    memory = [(ctypes.c_char * service.bytes)() for service in kernel.services]
    covered: tuple[type[DeviceAssertion], ...] = ()
    try:
        yield memory
    except (KeyboardInterrupt, SystemExit):
        covered = (DeviceAssertion,)
        raise
    finally:
        for service, block in zip(kernel.services, memory, strict=True):
            if service.kind == "log":
                with contextlib.suppress(*covered):
                    log.report(kernel, block)


class CpuDevice:
    """Runs whatever it is given, at full speed; a launch is complete when it returns."""

    binds = "addresses"
    place = "cpu"
    needs_extents = False
    worked_seconds = 0.0

    def __init__(self, mode: str):
        self.mode = mode

    @property
    def properties(self) -> Properties:
        return properties(self.mode)

    @stack_is_a_resource
    def compile(self, kernel: Kernel) -> CpuExecutable:
        """Build the text, or take it from the cache on disk.

        Raises MslError, OutOfResources, and in strict mode Unsupported for more buffers than Metal has.
        """
        if self.mode == "strict":
            limits.check_kernel(kernel)
        bound = kernel.services_index + len(kernel.services)
        words = bound + -(-kernel.scalar_bytes // 8)
        return CpuExecutable(
            kernel=kernel,
            run=Library(kernel.source, self.mode, deadline=DEADLINE)[kernel.name].launcher(bound, kernel.threads),
            block=ctypes.c_uint64 * words,
            layout=struct.Struct(f"={bound}Q{kernel.scalar_bytes}s"),
            scalars_offset=8 * bound,
        )

    def launch(
        self,
        executable: CpuExecutable,
        buffers: Sequence[int],
        scalars: bytes,
        grid: Grid,
        extents: Sequence[Extent] = (),
    ) -> None:
        """Run the grid and wait. Raises DeviceAssertion, KernelFailure, OutOfResources."""
        kernel = executable.kernel
        if not kernel.services:
            self._run(executable, buffers, scalars, grid)
            return
        with services(kernel) as memory:
            self._run(executable, buffers, scalars, grid, *map(ctypes.addressof, memory))

    def _run(
        self, executable: CpuExecutable, buffers: Sequence[int], scalars: bytes, grid: Grid, *services: int
    ) -> None:
        block = executable.block()
        address = ctypes.addressof(block)
        struct_address = [address + executable.scalars_offset] if scalars else []
        executable.layout.pack_into(block, 0, *buffers, *struct_address, *services, scalars)
        try:
            executable.run(address, *grid)
        except OutOfStack as error:
            raise _out_of_resources(error) from error

    def synchronize(self) -> None:
        """Launches are complete when they return."""


@dataclass(frozen=True)
class CheckedExecutable:
    """A kernel loaded with checks of every access."""

    kernel: Kernel
    checked: LibraryKernel
    max_threads: int = MAX_THREADS


class CheckedDevice:
    """Runs a kernel in msl_cpu's sanitize mode: a race or a stray access raises SanitizerError after the launch."""

    binds = "addresses"
    place = "cpu"
    needs_extents = True
    worked_seconds = 0.0

    @property
    def properties(self) -> Properties:
        return properties("sanitize")

    @stack_is_a_resource
    def compile(self, kernel: Kernel) -> CheckedExecutable:
        """Build the text with checks. Raises MslError, OutOfResources, Unsupported for more buffers than Metal has."""
        limits.check_kernel(kernel)
        return CheckedExecutable(kernel, Library(kernel.source, "sanitize", deadline=DEADLINE)[kernel.name])

    @stack_is_a_resource
    def launch(
        self,
        executable: CheckedExecutable,
        buffers: Sequence[int],
        scalars: bytes,
        grid: Grid,
        extents: Sequence[Extent] = (),
    ) -> None:
        """Run the grid and wait. No pointer may be used beyond its extent."""
        bound: list[Any] = [
            Buffer(address, extent.after, writable=True, keep=None, before=extent.before)
            for address, extent in zip(buffers, extents, strict=True)
        ]
        if executable.kernel.scalars:
            bound.append(scalars)
        with services(executable.kernel) as memory:
            executable.checked.launch([*bound, *memory], grid, executable.kernel.threads)

    def synchronize(self) -> None:
        """Launches are complete when they return."""
