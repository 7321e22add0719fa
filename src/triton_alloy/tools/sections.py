"""The sections of `triton-alloy bench`: `python -m triton_alloy.tools.sections speed 3`, each in its own process.

A section prints one JSON list of {"name", "rival", "ours", "theirs"?, "ratio"?, "target"} on its last line: times in
seconds, and ours / theirs by turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from triton_alloy import config
from triton_alloy.tools.measure import REST_AFTER, compare, elapsed, interleave
from triton_alloy.tools.metal_sections import msl_cpu
from triton_alloy.tools.operators.sections import operators, sizes, tiles

Lines = list[dict[str, Any]]
COMPILE_TARGETS = {"vector_add": 0.015, "matmul": 0.060, "attention": 0.120}
COLD_TARGET, WARM_TARGET, BOUNDS_TARGET = 1.5, 0.040, 1.3
OVERHEAD_TARGET, BOUND_TARGET = 6e-6, 3e-6
LAUNCHES = 200


def speed(seconds: float) -> Lines:
    """Our kernels beside PyTorch's and NumPy's."""
    import torch

    from triton_alloy.tools.workloads import WORKLOADS

    torch.set_num_threads(config.THREADS.value)
    torch.manual_seed(0)
    lines = []
    for workload in WORKLOADS:
        line = {"name": workload.name, "rival": workload.rival, "target": workload.target}
        lines.append(line | compare(*workload.functions(1), seconds, rest=REST_AFTER[workload.rival]))
    return lines


def interpreter(seconds: float) -> Lines:
    """The same kernels under TRITON_INTERPRET=1 on `1 / part` of the rows; the time is scaled up to all of them."""
    from triton_alloy.tools.workloads import WORKLOADS

    lines = []
    for workload in WORKLOADS:
        if workload.part is not None:
            run, _ = workload.functions(workload.part)
            lines.append({"name": workload.name, "time": elapsed(run) * workload.part, "part": workload.part})
    return lines


def bounds(seconds: float) -> Lines:
    """The same kernels with every access checked (TRITON_ALLOY_BOUNDS=1) beside themselves without.

    By the processor's time: both sides use the same threads, and so what else runs on the machine matters less.
    """
    import torch

    from triton_alloy.tools.workloads import WORKLOADS

    def with_bounds(run: Any, value: str) -> Any:
        def scoped() -> None:
            with config.scope(TRITON_ALLOY_BOUNDS=value):
                run()

        return scoped

    torch.set_num_threads(config.THREADS.value)
    torch.manual_seed(0)
    lines = []
    for workload in WORKLOADS:
        run, _ = workload.functions(1)
        line = {"name": workload.name, "rival": "unchecked", "target": BOUNDS_TARGET}
        lines.append(line | compare(with_bounds(run, "1"), with_bounds(run, "0"), seconds, time.process_time))
    return lines


def compile_time(seconds: float) -> Lines:
    """The stages after TTIR, for kernels compiled again and again in one process."""
    from triton import knobs

    from triton_alloy.tools.workloads import WORKLOADS

    found: list[float] = []

    def listen(*, src: Any, metadata: Any, metadata_group: Any, times: Any, cache_hit: bool) -> None:
        found.append(sum(microseconds for stage, microseconds in times.lowering_stages if stage != "ttir") / 1e6)

    knobs.compilation.listener = listen
    knobs.compilation.always_compile = True
    lines = []
    for workload in WORKLOADS:
        name = workload.name.split()[0]
        if workload.part is None or name not in COMPILE_TARGETS:
            continue
        run, _ = workload.functions(workload.part)
        found.clear()
        while len(found) < 10:
            workload.kernel.device_caches.clear()
            run()
        line = {"name": name, "ours": statistics.median(found[1:]), "first": found[0], "target": COMPILE_TARGETS[name]}
        lines.append(line)
    return lines


def first_launch(name: str) -> float:
    """The first launch of an example in this process, in seconds.

    What Triton does once in a process for any backend is done before the clock starts: it imports PyTorch to look for
    devices, imports Gluon, and hashes its own library, which alone takes a third of a second.
    """
    import torch  # noqa: F401
    import triton.experimental.gluon  # noqa: F401
    from triton.runtime.cache import triton_key

    from triton_alloy.tools.workloads import WORKLOADS

    triton_key()
    workload = next(workload for workload in WORKLOADS if workload.name.startswith(name))
    run, _ = workload.functions(workload.part or 1)
    return elapsed(run)


def overhead(seconds: float) -> Lines:
    """A launch of one small program, and the same with the launcher replaced by a function that does nothing; then the
    quicker ways to launch it again."""
    import torch

    import triton_alloy
    from triton_alloy.examples.vector_add import add_kernel

    kernel: Any = add_kernel  # its call is Triton's own language to a type checker
    arguments = (*(torch.zeros(32) for _ in range(3)), 32)

    def launch() -> Any:
        return kernel[(1,)](*arguments, BLOCK_SIZE=32)

    compiled = launch()
    launcher = compiled.run

    def many(function: Callable[[], Any], run: Any = launcher) -> Callable[[], None]:
        def repeat() -> None:
            compiled._run = run
            for _ in range(LAUNCHES):
                function()

        return repeat

    direct = partial(compiled[(1, 1, 1)], *arguments, 32)
    bound = triton_alloy.bind(kernel, (1,), *arguments, BLOCK_SIZE=32)
    sides = [many(launch), many(launch, lambda *arguments: None), many(direct), many(bound)]
    ours, nothing, directly, repeated = (sample.median / LAUNCHES for sample in interleave(sides, seconds))
    return [
        {"name": "launch of 32 elements", "ours": ours, "theirs": nothing, "target": OVERHEAD_TARGET},
        {"name": "by its compiled kernel", "ours": directly, "target": OVERHEAD_TARGET},
        {"name": "by triton_alloy.bind", "ours": repeated, "target": BOUND_TARGET},
    ]


_SECTIONS = (speed, bounds, interpreter, compile_time, overhead, msl_cpu, operators, sizes, tiles)


def main() -> None:
    """`sections NAME SECONDS`: run a section and print its lines as JSON."""
    section, seconds = sys.argv[1], float(sys.argv[2])
    if section.startswith("first_launch:"):
        print(json.dumps(first_launch(section.partition(":")[2])))
        return
    functions = {f.__name__: f for f in _SECTIONS}
    print(json.dumps(functions[section](seconds)))


if __name__ == "__main__":
    main()
