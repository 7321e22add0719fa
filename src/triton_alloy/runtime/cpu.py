"""The CPU as a device: a kernel's text goes to msl_cpu, which runs it on all cores."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernel import Kernel, Properties
from ..msl_cpu import Launcher, Library
from ..msl_cpu.plan import ARENA_BYTES, MAX_THREADS, SIMD_WIDTH, worker_count


@dataclass(frozen=True)
class CpuExecutable:
    """A loaded kernel.

    A launch passes one block of memory: the addresses of all buffers, the address of the scalar struct, and that
    struct itself. block: its ctypes type; layout: its `struct` form; scalars_offset: bytes before the scalar struct.
    """

    kernel: Kernel
    max_threads: int
    run: Launcher
    block: Any
    layout: struct.Struct
    scalars_offset: int


class CpuDevice:
    """A Device whose launches are complete when they return. mode: as in msl_cpu.Library."""

    def __init__(self, mode: str):
        self.mode = mode

    @property
    def properties(self) -> Properties:
        """The processor, with the limits of an Apple GPU so that what runs here also fits there."""
        return Properties(
            name=f"cpu ({self.mode})",
            cores=worker_count(),
            threads_per_simdgroup=SIMD_WIDTH,
            threadgroup_bytes=ARENA_BYTES,
            threads_per_threadgroup=MAX_THREADS,
        )

    def compile(self, kernel: Kernel) -> CpuExecutable:
        """Build the text, or take it from the cache on disk. Raises MslError."""
        buffers = len(kernel.buffers)
        bound = buffers + bool(kernel.scalars)
        words = 1 + buffers + -(-kernel.scalar_bytes // 8)
        return CpuExecutable(
            kernel=kernel,
            # On the CPU target one simdgroup does the work of all the warps that were asked for.
            max_threads=MAX_THREADS,
            run=Library(kernel.source, self.mode)[kernel.name].launcher(bound, kernel.threads),
            block=ctypes.c_uint64 * words,
            layout=struct.Struct(f"={buffers + 1}Q{kernel.scalar_bytes}s"),
            scalars_offset=8 * (buffers + 1),
        )

    def launch(
        self, executable: CpuExecutable, pointers: Sequence[int], scalars: bytes, grid: tuple[int, int, int]
    ) -> None:
        """Run the grid and wait."""
        block = executable.block()
        address = ctypes.addressof(block)
        executable.layout.pack_into(block, 0, *pointers, address + executable.scalars_offset, scalars)
        executable.run(address, *grid)

    def synchronize(self) -> None:
        """Launches are complete when they return."""
