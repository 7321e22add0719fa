"""Builds the configurations of a kernel at the same time, before Inductor times the first of them.

Inductor's processes print the texts. A device builds a text at the kernel's first launch, which here would be one
configuration after the other. Candidates of max-autotune are kernels of one configuration each, which Inductor loads in
threads of its own: there each is built in the thread that loads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from ...msl_cpu.launch.plan import worker_count


def build_all(kernels: Iterable[Any], place: str) -> None:
    """Build kernels (triton.compiler.CompiledKernel) for tensors on a device, in as many threads as there are
    processors. place: the device, as PyTorch names it.

    One that cannot be built is not spoken of here: its launch tries again, and raises what is wrong with it.
    """
    import torch

    from ..triton.launcher import Launcher

    tensor = torch.empty(0, device=place)
    # A kernel that does not load runs into its error instead of a launcher.
    ours = [kernel for kernel in kernels if isinstance(kernel.run, Launcher)]
    builds = [kernel.run.build_of(tensor, kernel.function) for kernel in ours]
    with ThreadPoolExecutor(worker_count(), "triton-alloy-build") as pool:
        wait([pool.submit(build) for build in builds])


def launched(tuner: Any) -> list[Any]:
    """The kernels of a CachingAutotuner that it is sure to launch: it leaves out those of its own that spill much."""
    kernels = [result.kernel for result in tuner.compile_results]
    return [kernel for kernel in kernels if tuner.custom_kernel or not kernel.n_spills]
