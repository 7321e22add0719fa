"""What the msl_cpu section of `triton-alloy bench` measures: Metal text on the CPU, without Triton.

Every function yields lines {"name", "rival", "ours", "theirs", "ratio", "target", "more"}; see sections.py. Without a
rival, the time `ours` itself counts; `more` marks lines where larger values of theirs / ours are better.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from triton_alloy import config
from triton_alloy.msl_cpu import Library
from triton_alloy.tools.measure import REST_AFTER, compare, elapsed, interleave

KERNELS = Path(__file__).parent / "kernels"
BARRIERS, LAUNCHES = 2000, 1000

Line = dict[str, Any]


def text(mode: str) -> str:
    return (KERNELS / f"{mode}.metal").read_text()


def _compare(name: str, rival: str, target: float, seconds: float, ours: Callable[[], Any], other: Callable[[], Any]):
    rest = REST_AFTER.get(rival, REST_AFTER["PyTorch"])
    return {"name": name, "rival": rival, "target": target, **compare(ours, other, seconds, rest=rest)}


def _int(value: int) -> np.ndarray:
    return np.array([value], np.int32)


def elementwise(seconds: float) -> Iterator[Line]:
    """Both modes against PyTorch."""
    import torch

    torch.set_num_threads(config.THREADS.value)
    fast, reference = (Library(text(mode), mode) for mode in ("fast", "reference"))
    x, y, out = (torch.randn(1 << 24) for _ in range(3))
    count = _int(1 << 24)
    yield _compare(
        *("fast vector add", "PyTorch", 1.1, seconds),
        lambda: fast["add"].launch([x, y, out, count], 1 << 14, 32),
        lambda: torch.add(x, y, out=out),
    )
    x, out = torch.randn(4096, 1024), torch.empty(4096, 1024)
    columns = _int(1024)
    for library, threads, target in ((fast, 32, 2.0), (reference, 128, 12.0)):
        yield _compare(
            *(f"{library.mode} softmax", "PyTorch", target, seconds),
            lambda kernel=library["softmax"], threads=threads: kernel.launch([x, out, columns], 4096, threads),
            lambda: torch.softmax(x, 1, out=out),
        )


def product_grid(size: int) -> tuple[int, int]:
    """Threadgroups of fast.metal's matmul for matrices of `size`, a multiple of 512."""
    return size // 256, size // 512


def products(seconds: float) -> Iterator[Line]:
    """Products of matrices of 1024 x 1024: against NumPy, in half precision, on one thread."""
    library, size = Library(text("fast"), "fast"), 1024
    generator = np.random.default_rng(0)
    a, b, c = (generator.standard_normal((size, size), dtype=np.float32) for _ in range(3))
    narrow = [x.astype(np.float16) for x in (a, b, c)]
    grid = product_grid(size)

    def single() -> None:
        library["matmul_f32"].launch([a, b, c, _int(size)], grid, 32)

    def half() -> None:
        library["matmul_f16"].launch([*narrow, _int(size)], grid, 32)

    def single_on_one_thread() -> None:
        with config.scope(MSL_CPU_THREADS="1"):
            single()

    yield _compare("fast matmul", "NumPy", 1.0, seconds, single, lambda: np.matmul(a, b, out=c))
    yield _compare("fast f16 matmul", "f32", 1.5, seconds, half, single)
    line = _compare("fast matmul", "1 thread", 1.8, seconds, single, single_on_one_thread)
    yield line | {"more": True}


def latencies(seconds: float) -> Iterator[Line]:
    """What a barrier and a launch cost, on one thread."""
    barriers = Library(text("reference"), "reference")["barriers"]
    empty = Library(text("fast"), "fast")["empty"]
    count = _int(BARRIERS)

    def launches() -> None:
        for _ in range(LAUNCHES):
            empty.launch([], 1, 32)

    with config.scope(MSL_CPU_THREADS="1"):
        meeting, launch = interleave([lambda: barriers.launch([count], 1, 256), launches], seconds)
    yield {"name": "barrier of 256, a thread", "ours": meeting.median / BARRIERS / 256, "target": 8e-9}
    yield {"name": "empty launch, 1 thread", "ours": launch.median / LAUNCHES, "target": 10e-6}


def load() -> float:
    """Seconds from a text, compiled before, to the end of the first launch of a kernel in it."""

    def first() -> None:
        Library(text("fast"), "fast")["empty"].launch([], 1, 32)

    return elapsed(first)


def loading(seconds: float) -> Iterator[Line]:
    """Kernels from the cache: in a process that has loaded others, and in one that has imported msl_cpu only."""
    load()
    (again,) = interleave([lambda: Library(text("fast"), "fast")["empty"]], seconds)
    yield {"name": "cached kernel", "ours": again.median, "target": 5e-3}
    command = [sys.executable, "-c", "from triton_alloy.tools.metal_sections import load; print(load())"]
    times = [float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) for _ in range(9)]
    yield {"name": "cached, new process", "ours": statistics.median(times), "target": 5e-3}


def msl_cpu(seconds: float) -> list[Line]:
    """The whole list of what msl_cpu claims."""
    return [line for part in (elementwise, products, loading, latencies) for line in part(seconds)]
