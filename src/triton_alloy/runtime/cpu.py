"""The CPU as a device: a kernel's text goes to msl_cpu, which runs it on all cores."""

from __future__ import annotations

import contextlib
import ctypes
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from .. import config
from ..errors import DeviceAssertion, OutOfResources
from ..kernel import Block, Device, Extent, Kernel, Properties
from ..msl_cpu import Deadline, FrameTooLarge, KernelFailure, Launcher, Library, OutOfStack
from ..msl_cpu import Kernel as LibraryKernel
from ..msl_cpu.launch.buffers import Buffer
from ..msl_cpu.launch.plan import CALL, worker_count
from ..msl_cpu.limits import MAX_THREADS, SIMD_WIDTH, THREADGROUP_BYTES
from . import limits, log

Grid = tuple[int, int, int]
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

DEADLINE = Deadline(
    lambda: config.DEADLINE.value,
    f"look for a loop or a wait that never ends, else set {config.DEADLINE.name} higher (0: no limit)",
)
"""For every launch of a Triton kernel that ends up in msl_cpu."""
UNCHECKED = "kernel {} makes pointers of numbers: TRITON_ALLOY_BOUNDS does not check its accesses"


def cpu_device(mode: str, bounds: str = "0") -> Device:
    """The CPU as a device. mode: as in msl_cpu.Library; bounds: as in TRITON_ALLOY_BOUNDS."""
    return CheckedDevice(bounds) if mode == "sanitize" else CpuDevice(mode, bounds)


def properties(mode: str) -> Properties:
    """The processor, with the limits of an Apple GPU so that what runs here also fits there."""
    return Properties(
        name=f"cpu ({mode})",
        cores=worker_count(),
        threads_per_simdgroup=SIMD_WIDTH,
        threadgroup_bytes=THREADGROUP_BYTES,
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
    reason = error.fault.reason if error.fault else error
    return OutOfResources(0, 0, f"stack of a CPU lane ({reason})")


@dataclass(frozen=True)
class CpuExecutable:
    """A loaded kernel.

    A launch passes one block of memory: the addresses of all buffers, of the scalar struct if any, of the services,
    then, if accesses are checked, where the memory of each begins and where it ends, and the struct itself. block: its
    ctypes type; layout: its `struct` form; scalars_offset: bytes before the struct; bounded: accesses are checked;
    max_threads: what may be asked for. On the CPU target one simdgroup does the work of all the warps of a program.
    """

    kernel: Kernel
    run: Launcher
    block: Any
    layout: struct.Struct
    scalars_offset: int
    bounded: bool
    max_threads: int = MAX_THREADS

    @property
    def is_packable(self) -> bool:
        """Whether its launches need no services and no extents."""
        return not self.kernel.services and not self.bounded

    def packed(self, scalars: str) -> PackedLaunches:
        """What packs launches; see kernel.PackableExecutable."""
        return PackedLaunches(self, scalars)


class PackedLaunches:
    """Launches of one kernel by one packing and one foreign call each.

    A block is (memory, its address, the address of its struct, if there is one, as a tuple).
    """

    def __init__(self, executable: CpuExecutable, scalars: str):
        kernel = executable.kernel
        has_struct = bool(kernel.scalar_bytes)
        pointers = f"={CALL}{len(kernel.buffers) + has_struct}Q"
        layout = struct.Struct(pointers + scalars.lstrip("<"))
        self.executable = executable
        self.free: list[Block] = []
        self._pack_into, self._call = layout.pack_into, executable.run.call
        self._plan = executable.run.plan_address
        self._memory = ctypes.c_char * layout.size
        self._structs = (struct.calcsize(pointers),) if has_struct else ()

    def pack(self, x: int, y: int, z: int, addresses: Sequence[int], scalars: Sequence[Any]) -> Block:
        """See kernel.PackedLaunches."""
        try:
            block = self.free.pop()  # not the block of another thread's launch
        except IndexError:
            block = self._new_block()
        self._pack_into(block[0], 0, self._plan, x, y, z, *addresses, *block[2], *scalars)
        return block

    def _new_block(self) -> Block:
        memory = self._memory()
        address = ctypes.addressof(memory)
        return memory, address, tuple(address + offset for offset in self._structs)

    def run(self, block: Block) -> None:
        """Raises KernelFailure, OutOfResources."""
        result = self._call(block[1])
        if result:
            self._fail(result, block)

    def _fail(self, result: int, block: Block) -> None:
        kernel = self.executable.kernel
        start = struct.calcsize(f"={CALL}")
        buffers = struct.unpack_from(f"={len(kernel.buffers)}Q", block[0], start)
        try:
            self.executable.run.fail(result, block[1] + start)
        except KernelFailure as error:
            raise _explained(kernel, error, buffers, (), of_view=False) from None


def _explained(
    kernel: Kernel, error: KernelFailure, buffers: Sequence[int], extents: Sequence[Extent], of_view: bool
) -> Exception:
    """A failure in the words of the kernel's source and arguments; of_view: bounds are those of views."""
    from .faults import explained_failure, memory_of

    failure = explained_failure(kernel, error, memory_of(kernel, buffers, extents, of_view))
    return _out_of_resources(failure) if isinstance(failure, OutOfStack) else failure


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
    """Runs whatever it is given, at full speed; a launch is complete when it returns.

    In fast mode it checks accesses as `bounds` says, but not those of a kernel that makes pointers of numbers: nothing
    tells which memory these may name.
    """

    binds = "addresses"
    place = "cpu"
    needs_extents = False
    worked_seconds = 0.0

    def __init__(self, mode: str, bounds: str = "0"):
        self.mode = mode
        self.bounds = bounds if mode == "fast" else "0"

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
        bounded = self.bounds != "0" and not kernel.takes_addresses
        if self.bounds != "0" and not bounded:
            warnings.warn(UNCHECKED.format(kernel.title), stacklevel=2)
        words = bound * (3 if bounded else 1)
        library = Library(kernel.source, self.mode, deadline=DEADLINE, bounds=bounded)
        return CpuExecutable(
            kernel=kernel,
            run=library[kernel.name].launcher(bound, kernel.threads),
            block=ctypes.c_uint64 * (words + -(-kernel.scalar_bytes // 8)),
            layout=struct.Struct(f"={words}Q{kernel.scalar_bytes}s"),
            scalars_offset=8 * words,
            bounded=bounded,
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
        try:
            if not kernel.services:
                self._run(executable, buffers, scalars, grid, extents)
                return
            with services(kernel) as memory:
                self._run(executable, buffers, scalars, grid, extents, *map(ctypes.addressof, memory))
        except KernelFailure as error:
            raise _explained(kernel, error, buffers, extents, self.bounds == "view") from None

    def _run(
        self,
        executable: CpuExecutable,
        buffers: Sequence[int],
        scalars: bytes,
        grid: Grid,
        extents: Sequence[Extent],
        *services: int,
    ) -> None:
        block = executable.block()
        address = ctypes.addressof(block)
        struct_address = [address + executable.scalars_offset] if scalars else []
        ranges: list[int] = []
        if executable.bounded:
            known = extents or [Extent.unknown(buffer) for buffer in buffers]
            others = [0] * (len(struct_address) + len(services))
            ranges += [buffer - extent[0] for buffer, extent in zip(buffers, known, strict=True)] + others
            ranges += [buffer + extent[1] for buffer, extent in zip(buffers, known, strict=True)] + others
        executable.layout.pack_into(block, 0, *buffers, *struct_address, *services, *ranges, scalars)
        executable.run(address, *grid)

    def synchronize(self) -> None:
        """Launches are complete when they return."""


@dataclass(frozen=True)
class CheckedExecutable:
    """A kernel loaded with checks of every access."""

    kernel: Kernel
    checked: LibraryKernel
    max_threads: int = MAX_THREADS


class CheckedDevice:
    """Runs a kernel in msl_cpu's sanitize mode: a race or a stray access raises SanitizerError after the launch.

    bounds: "view" where accesses outside of a view count as stray, also those inside its storage.
    """

    binds = "addresses"
    place = "cpu"
    needs_extents = True
    worked_seconds = 0.0

    def __init__(self, bounds: str = "0"):
        self.bounds = bounds

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
        from ..msl_cpu.sanitize import SanitizerError

        kernel = executable.kernel
        try:
            with services(kernel) as memory:
                executable.checked.launch([*bound, *memory], grid, kernel.threads)
        except (KernelFailure, SanitizerError) as error:
            from .faults import explained_failure, explained_reports, memory_of

            memory = memory_of(kernel, buffers, extents, self.bounds == "view")
            if isinstance(error, KernelFailure):
                raise explained_failure(kernel, error, memory) from None
            raise explained_reports(kernel, error, memory) from None

    def synchronize(self) -> None:
        """Launches are complete when they return."""
