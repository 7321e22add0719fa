"""What no launch on an Apple GPU may exceed, checked before anything is launched.

Metal answers some of these with nothing at all: a dispatch of more threads than the pipeline allows is skipped.
"""

from __future__ import annotations

import re

from ..chips import LIMITS, THREADS_PER_SIMDGROUP
from ..errors import InvalidArgument, OutOfResources, Unsupported
from ..kernel import Kernel, Properties, check_limits

_TOO_MUCH = (
    (re.compile(r"[Tt]hreadgroup memory size \((\d+)\) exceeds .*\((\d+)\)"), "threadgroup memory"),
    (re.compile(r"Thread group size \((\d+)\) is greater than .*threads per threadgroup \((\d+)\)"), "threads"),  # MLX
)
_STACK = "exceeds available stack space"


def properties(name: str, cores: int) -> Properties:
    """Those of a GPU whose framework does not tell its limits, which are the same on every family."""
    return Properties(
        name=name,
        cores=cores,
        threads_per_simdgroup=THREADS_PER_SIMDGROUP,
        threadgroup_bytes=LIMITS.threadgroup_bytes,
        threads_per_threadgroup=LIMITS.threads_per_threadgroup,
    )


def check_kernel(kernel: Kernel) -> None:
    """Raise as check_limits where a kernel, whatever its target, needs more than any GPU of Apple has."""
    check_limits(kernel, LIMITS)


def check_addresses(kernel: Kernel) -> None:
    """Raise Unsupported for a kernel that is given addresses as numbers.

    A GPU has addresses of its own for the memory of a tensor: a number from the host would be an access to anything.
    """
    if kernel.takes_addresses:
        raise Unsupported("tt.int_to_ptr", f"{kernel.title} makes pointers of numbers; on a GPU pass tensors instead")


def check_constants(kernel: Kernel) -> None:
    """Raise Unsupported where the scalars are too many to go by value, and the framework knows no other way."""
    if not passes_constants(kernel):
        reason = f"the scalars of {kernel.title} take {kernel.scalar_bytes} bytes"
        most = f"torch.mps passes {LIMITS.constant_bytes} at most"
        raise Unsupported("tt.func", f"{reason}, {most}: pass some of them in a tensor")


def passes_constants(kernel: Kernel) -> bool:
    """Whether the scalars go by value: a larger struct must lie in a buffer."""
    return kernel.scalar_bytes <= LIMITS.constant_bytes


def check_pipeline(kernel: Kernel, threads: int, threadgroup_bytes: int, available_bytes: int) -> None:
    """Raise OutOfResources where the device's compiler has found that a kernel does not fit.

    threads: the most that one threadgroup may have; threadgroup_bytes: what the pipeline takes; available_bytes: what
    the device has.
    """
    if kernel.threads > threads:
        raise OutOfResources(kernel.threads, threads, "threads (the kernel's registers allow no more)")
    if threadgroup_bytes > available_bytes:
        raise OutOfResources(threadgroup_bytes, available_bytes, "threadgroup memory")


def out_of_resources(kernel: Kernel, message: str) -> OutOfResources | None:
    """The driver's or a framework's words for a kernel that does not fit, as an error; None for any other words."""
    for pattern, name in _TOO_MUCH:
        if found := pattern.search(message):
            return OutOfResources(int(found[1]), int(found[2]), name)
    if _STACK in message:
        numbers = [*map(int, re.findall(r"\d+", message)), 0, 0]
        return OutOfResources(numbers[0], numbers[1], f"stack of {kernel.threads} threads ({message})")
    return None


def check_grid(kernel: Kernel, grid: tuple[int, int, int]) -> None:
    """Raise InvalidArgument for a grid that Metal cannot count."""
    if max(grid[0] * kernel.threads, *grid[1:]) > LIMITS.threads_along_axis:
        raise InvalidArgument(f"grid {grid} of {kernel.threads} threads each: Metal counts threads in 32 bits")
