"""CPU times of Triton's front end on native libtriton and on ours, each measured in processes of its own.

    python -m tests.equality.frontend_times

Building a module and the passes after it: medians of many runs in a warm process. A launch: with a launcher that does
nothing. `import triton`: of fresh processes, of which the quickest counts, as a busy machine only makes them slower.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPETITIONS, ROUNDS, IMPORTS = 40, 3, 8
KERNELS: dict[str, tuple[str, str, dict[str, int | str]]] = {
    "vector add": ("vector_add", "add_kernel", {"BLOCK_SIZE": 1024}),
    "softmax": ("softmax", "softmax_kernel", {"BLOCK_SIZE": 1024}),
    "matmul": (
        "matmul",
        "matmul_kernel",
        {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 32, "GROUP_M": 8, "ACTIVATION": "relu"},
    ),
    "attention": (
        "attention",
        "attention_kernel",
        {"HEAD_SIZE": 64, "BLOCK_D": 64, "BLOCK_M": 64, "BLOCK_N": 32, "CAUSAL": 1},
    ),
}


def median_of(action: Callable[[], Any], repetitions: int) -> float:
    """Seconds of CPU time."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times)


def source_of(name: str) -> Any:
    """A kernel of the examples with its arguments' types, as Triton compiles it."""
    import importlib

    from triton.compiler import ASTSource

    module, kernel, constants = KERNELS[name]
    function = getattr(importlib.import_module(f"triton_alloy.examples.{module}"), kernel)
    types = {
        parameter: "constexpr"
        if parameter in constants
        else "*fp16"
        if parameter.endswith("_ptr")
        else "fp32"
        if parameter == "scale"
        else "i32"
        for parameter in function.arg_names
    }
    return ASTSource(function, types, constants, {})


def build_module(source: Any) -> Any:
    """The module as Triton's front end makes it for the metal backend, before any pass."""
    from triton._C.libtriton import ir
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend

    target = GPUTarget("metal", "apple9", 32)
    backend = make_backend(target)
    options = backend.parse_options({})
    context = ir.context()
    ir.load_dialects(context)
    functions, modules = backend.get_codegen_implementation(options), backend.get_module_map()
    module = source.make_ir(target, options, functions, modules, context)
    module.context = context
    return module


def measure_kernel(name: str) -> dict[str, float]:
    """Milliseconds: "build" makes the module, "passes" optimises it, "import" hands it to our compiler."""
    from triton_alloy.frontend import native
    from triton_alloy.integrations.triton.compiler import import_module

    source = source_of(name)

    def build() -> Any:
        return build_module(source)

    build()
    built = [build() for _ in range(REPETITIONS)]
    native.optimise(build())
    fresh, optimised = iter(built), iter(built)
    stages = {
        "build": median_of(build, REPETITIONS),
        "passes": median_of(lambda: native.optimise(next(fresh)), REPETITIONS),
        "import": median_of(lambda: import_module(next(optimised)), REPETITIONS),
    }
    return {stage: seconds * 1e3 for stage, seconds in stages.items()}


def measure_launch() -> float:
    """Microseconds of one launch of vector add."""
    import torch

    from triton_alloy.examples.vector_add import add_kernel
    from triton_alloy.integrations.triton.driver import MetalDriver

    MetalDriver.launcher_cls = lambda self, source, metadata: lambda *arguments, **options: None
    x, grid = torch.zeros(1000), (8, 1, 1)

    def launches() -> None:
        for _ in range(2000):
            add_kernel[grid](x, x, x, 1000, BLOCK_SIZE=128)

    launches()
    return median_of(launches, 9) / 2000 * 1e6


def measure_all() -> dict[str, Any]:
    return {**{name: measure_kernel(name) for name in KERNELS}, "launch": measure_launch()}


def import_seconds(environment: dict[str, str]) -> float:
    """CPU seconds of `import triton` beyond those of an empty process, the least of several."""
    text = "import time; start = time.process_time(); import triton; print(time.process_time() - start)"
    command = [sys.executable, "-c", text]
    runs = [subprocess.run(command, env=environment, capture_output=True, check=True) for _ in range(IMPORTS)]
    return min(float(run.stdout) for run in runs)


def run_side(environment: dict[str, str]) -> dict[str, Any]:
    """Everything on one side, in a fresh process."""
    command = [sys.executable, __file__, "measure"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


def main() -> None:
    from triton_alloy.tools.vendor import installed_files, make_tree

    with tempfile.TemporaryDirectory(prefix="triton-times-") as folder:
        make_tree(installed_files(), Path(folder))
        base = os.environ | {"TRITON_BACKEND": "metal"}
        sides = {"native": base, "ours": base | {"PYTHONPATH": folder}}
        rounds = [{name: run_side(environment) for name, environment in sides.items()} for _ in range(ROUNDS)]
        imports = {name: import_seconds(environment) for name, environment in sides.items()}
    print(f"{'':24} {'native':>9} {'ours':>9} {'ratio':>6}")
    for name in KERNELS:
        for stages in (("build",), ("build", "passes"), ("build", "passes", "import")):
            side = {
                which: statistics.median(sum(one[which][name][stage] for stage in stages) for one in rounds)
                for which in sides
            }
            show(f"{name}, {' + '.join(stages)}", side, "ms")
    show("launch", {which: statistics.median(one[which]["launch"] for one in rounds) for which in sides}, "us")
    show("import triton", {which: seconds * 1e3 for which, seconds in imports.items()}, "ms")


def show(name: str, side: dict[str, float], unit: str) -> None:
    native, ours = side["native"], side["ours"]
    print(f"{name:36} {native:9.2f} {ours:9.2f} {unit} {ours / native:6.2f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        print(json.dumps(measure_all()))
    else:
        main()
