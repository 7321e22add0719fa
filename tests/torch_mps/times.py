"""How long torch.compile takes on mps: the first call of a few programs, with empty caches and with full ones.

    python -m triton_alloy.mps_on_linux tests/torch_mps/times.py

Each is timed in a process of its own, after another program has been compiled, so that the imports of PyTorch's
compiler are not counted; with the CPU in the place of the GPU a C++ compiler does what Metal's does. The result goes
into docs/torch_compile.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

NAMES = ("pointwise", "softmax", "layer_norm", "sort", "tuned_product", "llama_block")
RECORD = Path(__file__).parents[2] / "docs" / "torch_compile.json"


def first_call(name: str) -> tuple[float, float]:
    """Seconds of the first call of a compiled program, its gradients included, in this process: by the clock, and of
    processors, with those of the processes that it has started and waited for."""
    import torch

    from tests.torch_mps import census

    torch.compile(lambda x: x.cosh() - 3)(torch.ones(11, device="mps"))
    program = census.GROUPS[census.NAMES[name]][name]
    inputs = [census.moved(each, "mps") for each in program.inputs()]
    compiled = torch.compile(program.function, **program.options)
    start, worked = time.perf_counter(), sum(os.times()[:4])
    census.results(compiled, inputs, program.trains)
    return time.perf_counter() - start, sum(os.times()[:4]) - worked


def measured(name: str) -> dict[str, list[float]]:
    """Both kinds of seconds, with empty caches and with full ones."""
    with tempfile.TemporaryDirectory() as folder:
        caches = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "MSL_CPU_CACHE_DIR")
        environment = {**os.environ, **{each: str(Path(folder, each)) for each in caches}}
        found = [_in_a_process(name, environment) for _ in range(2)]
    return {"first": found[0], "again": found[1]}


def _in_a_process(name: str, environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-m", "triton_alloy.mps_on_linux", __file__, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [round(float(each), 1) for each in done.stdout.splitlines()[-1].split()]


def main() -> None:
    """Measure all, or one in this process."""
    if len(sys.argv) > 1:
        print(*first_call(sys.argv[1]))
        return
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record["seconds"] = {}
    for name in NAMES:
        record["seconds"][name] = measured(name)
        print(name, record["seconds"][name], flush=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
