"""What no launch on an Apple GPU may exceed, checked before anything is launched.

Metal answers some of these with nothing at all: a dispatch of more threads than the pipeline allows is skipped.
"""

from __future__ import annotations

from ..errors import InvalidArgument, OutOfResources, Unsupported
from ..kernel import Kernel
from ..target import target_for

LARGEST_GRID = 2**32 - 1
"""Threads along one axis: Metal counts them in 32 bits."""


def check_kernel(kernel: Kernel) -> None:
    """Raise OutOfResources where a kernel needs more than every device of its family has."""
    target = target_for(kernel.family)
    buffers = kernel.services_index + len(kernel.services)
    for needed, limit, what in (
        (kernel.threads, target.threads_per_threadgroup, "threads"),
        (kernel.threadgroup_bytes, target.threadgroup_bytes, "threadgroup memory"),
        (buffers, target.buffers, "buffers (pointer arguments, one for all scalars, and services)"),
    ):
        if needed > limit:
            raise OutOfResources(needed, limit, what)


def check_addresses(kernel: Kernel) -> None:
    """Raise Unsupported for a kernel that is given addresses as numbers.

    A GPU has addresses of its own for the memory of a tensor: a number from the host would be an access to anything.
    """
    if kernel.takes_addresses:
        raise Unsupported("tt.int_to_ptr", f"{kernel.name} makes pointers of numbers; on a GPU pass tensors instead")


def check_constants(kernel: Kernel) -> None:
    """Raise OutOfResources where the scalars are too many to go by value."""
    if not passes_constants(kernel):
        limit = target_for(kernel.family).constant_bytes
        raise OutOfResources(kernel.scalar_bytes, limit, "bytes of scalar arguments")


def passes_constants(kernel: Kernel) -> bool:
    """Whether the scalars go by value: a larger struct must lie in a buffer."""
    return kernel.scalar_bytes <= target_for(kernel.family).constant_bytes


def check_pipeline(kernel: Kernel, threads: int, threadgroup_bytes: int, available_bytes: int) -> None:
    """Raise OutOfResources where the device's compiler has found that a kernel does not fit.

    threads: the most that one threadgroup may have; threadgroup_bytes: what the pipeline takes; available_bytes: what
    the device has.
    """
    if kernel.threads > threads:
        raise OutOfResources(kernel.threads, threads, "threads (the kernel's registers allow no more)")
    if threadgroup_bytes > available_bytes:
        raise OutOfResources(threadgroup_bytes, available_bytes, "threadgroup memory")


def check_grid(kernel: Kernel, grid: tuple[int, int, int]) -> None:
    """Raise InvalidArgument for a grid that Metal cannot count."""
    if grid[0] * kernel.threads > LARGEST_GRID:
        raise InvalidArgument(f"grid {grid} of {kernel.threads} threads each: Metal counts threads in 32 bits")
