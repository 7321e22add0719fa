"""Small kernels on one runtime, for `triton-alloy doctor`: `python -m triton_alloy.tools.trials metal`.

Each runtime is tried in a process of its own, as a driver that fails may take its process with it. The process prints a
line of JSON per kernel.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from triton_alloy import config

SECONDS = 300.0
"""For one runtime. The first launch compiles."""
TOLERANCE = 2e-5
"""Of 32-bit floats, relative to the largest magnitude of the exact result."""


@dataclass(frozen=True)
class Trial:
    """What came of one kernel. problem: "" where the result is right."""

    runtime: str
    kernel: str
    problem: str


def try_runtime(name: str) -> list[Trial]:
    """Run all kernels on a runtime, in a process of its own."""
    variables = {config.RUNTIME.name: name, config.BACKEND.name: "metal", config.DEFAULT_BACKEND.name: "metal"}
    command = [sys.executable, "-m", __name__, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return [Trial(name, "all", f"no answer within {SECONDS:.0f} s")]
    trials = [Trial(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"the process ended with status {done.returncode}"]
        problem = re.sub(r"^(?:\w+\.)+(?=\w+: )", "", words[-1])  # an error's class without its modules
        trials.append(Trial(name, [*kernels_of(name), "the end"][len(trials)], problem))
    return trials


# -------------------------------------------------------------------------------------------- in the process of its own
def _move(runtime: str, array: np.ndarray) -> Any:
    """The array as an argument for a runtime's example."""
    if runtime != "torch_mps":
        return array
    import torch

    return torch.from_numpy(array).to("mps" if torch.backends.mps.is_available() else "cpu")


def _call(runtime: str, function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    result = function(*(_move(runtime, array) for array in arrays))
    return np.asarray(result.cpu() if hasattr(result, "cpu") else result)


def _add_mlx(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    import mlx.core as mx  # pyright: ignore[reportMissingImports]

    import triton_alloy.mlx  # noqa: F401  # lets kernels take arrays of MLX
    from triton_alloy.examples.vector_add import add_kernel

    out = mx.zeros(x.shape)
    mx.eval(out)
    launch: Any = add_kernel[(-(-x.size // 1024),)]
    launch(mx.array(x), mx.array(y), out, x.size, BLOCK_SIZE=1024)
    return np.array(out)


def _vector_add(runtime: str) -> float:
    from triton_alloy.examples import vector_add

    x, y = np.random.default_rng(0).standard_normal((2, 10_007), dtype=np.float32)
    result = _add_mlx(x, y) if runtime == "mlx" else _call(runtime, vector_add.add, x, y)
    return _error(result, x.astype(np.float64) + y)


def _softmax(runtime: str) -> float:
    from triton_alloy.examples import softmax

    x = np.random.default_rng(0).standard_normal((57, 781), dtype=np.float32)
    return _error(_call(runtime, softmax.softmax, x), softmax.reference(x.astype(np.float64)))


def _matmul(runtime: str) -> float:
    from triton_alloy.examples import matmul

    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal(shape, dtype=np.float32) for shape in ((67, 49), (49, 53)))
    return _error(_call(runtime, matmul.matmul, a, b), a.astype(np.float64) @ b)


def _error(result: np.ndarray, exact: np.ndarray) -> float:
    """The largest error relative to the largest magnitude; NaN if there is one."""
    return float(np.max(np.abs(result.astype(np.float64) - exact)) / np.max(np.abs(exact)))


KERNELS: dict[str, Callable[[str], float]] = {"vector_add": _vector_add, "softmax": _softmax, "matmul": _matmul}


def kernels_of(runtime: str) -> list[str]:
    """What is tried on a runtime: the examples take NumPy arrays and tensors, so MLX gets one kernel by itself."""
    return ["vector_add"] if runtime == "mlx" else list(KERNELS)


def main(runtime: str) -> None:
    """Print a line for each kernel; an error ends the process."""
    for name in kernels_of(runtime):
        error = KERNELS[name](runtime)
        problem = "" if error <= TOLERANCE else f"wrong result: relative error {error:.2g}"
        print(json.dumps(asdict(Trial(runtime, name, problem))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
