"""What Inductor asks of the device `mps`: its properties, its streams, its name in generated code, times of kernels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ...chips import LIMITS, THREADS_PER_SIMDGROUP
from ...errors import OutOfResources, Unsupported


class Properties(NamedTuple):
    """By the names that Inductor reads. multi_processor_count: cores of the GPU; max_threads_per_multi_processor: of
    one program, as Metal does not tell how many programs a core holds."""

    multi_processor_count: int
    max_threads_per_block: int = LIMITS.threads_per_threadgroup
    max_threads_per_multi_processor: int = LIMITS.threads_per_threadgroup
    warp_size: int = THREADS_PER_SIMDGROUP


class OnlyDevice:
    """The context of device 0, which is the one there is."""

    def __init__(self, device: Any):
        pass

    def __enter__(self) -> OnlyDevice:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


def family() -> str:
    """The target of which kernels are compiled now, which Inductor takes for the compute capability: generated code and
    its caches name it, and processes that compile need no GPU to find it."""
    from ..triton import driver

    return driver.DEVICES[driver.current_device()][0]


def interface_of(original: Any) -> type:
    """PyTorch's `MpsInterface`, with what a device for Triton must answer."""

    class TritonMpsInterface(original):
        device = OnlyDevice

        class Worker(original.Worker):
            @staticmethod
            def get_device_properties(device: Any = None) -> Properties:
                return Properties(original.Worker.get_device_properties(device).multi_processor_count)

        @staticmethod
        def get_compute_capability(device: Any = None) -> str:
            return family()

        @staticmethod
        def device_count() -> int:
            return 1

        @staticmethod
        def set_device(device: Any) -> None:
            """There is one."""

        @staticmethod
        def exchange_device(device: int) -> int:
            return 0

        @staticmethod
        def maybe_exchange_device(device: int) -> int:
            return 0

        @staticmethod
        def get_raw_stream(device_idx: int) -> int:
            return 0

        @staticmethod
        def is_triton_capable(device: Any = None) -> bool:
            return True

        @staticmethod
        def raise_if_triton_unavailable(device: Any = None) -> None:
            """Triton is there: it has imported us."""

    return TritonMpsInterface


def code_of(original: Any) -> Any:
    """PyTorch's lines of generated code about `mps`, with those that Triton's launches need."""

    class TritonMpsCode(original):
        def import_get_raw_stream_as(self, name: str) -> str:
            return f"{name} = lambda device: 0  # a launch goes to PyTorch's own stream"

        def synchronize(self) -> str:
            return "torch.mps.synchronize()"

    return TritonMpsCode()


class NoCppWrapper:
    """Stands where Inductor looks for a generator of C++ that launches kernels."""

    supports_caching = False

    @staticmethod
    def create(*arguments: Any, **options: Any) -> None:
        """Raises Unsupported."""
        raise Unsupported(
            "cpp_wrapper",
            "AOTInductor and cpp_wrapper launch kernels from C++, Alloy's are launched from Python: use torch.compile "
            "without them, or TRITON_ALLOY_INDUCTOR=0 for PyTorch's own Metal code",
        )


def benchmark(
    benchmarker: Any,
    function: Callable[[], Any],
    *,
    warmup: float = 0,
    rep: float = 40,
    is_vetted_benchmarking: bool = False,
    **options: Any,
) -> float:
    """Milliseconds of one call: the least mean of five batches, which together take about `rep`.

    The first call, which builds the kernel, is not counted. Infinite where the kernel does not fit the device.
    """
    import torch
    from torch._inductor.runtime import benchmarking

    if not is_vetted_benchmarking:
        benchmarking.may_ban_benchmarking()
    try:
        function()
    except OutOfResources:
        return float("inf")
    once = _milliseconds(function, 1, torch.mps.synchronize)
    count = max(1, min(100, int(rep / BATCHES / max(once, 1e-3))))
    batches = BATCHES if once < rep else 1
    return min(once, *(_milliseconds(function, count, torch.mps.synchronize) for _ in range(batches)))


BATCHES = 5


def _milliseconds(function: Callable[[], Any], count: int, synchronize: Callable[[], None]) -> float:
    """The mean of `count` calls."""
    synchronize()
    start = time.perf_counter()
    for _ in range(count):
        function()
    synchronize()
    return (time.perf_counter() - start) * 1e3 / count
