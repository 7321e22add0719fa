"""Runs the census of torch.compile and keeps what it finds: make torch-mps.

    python -m triton_alloy.mps_on_linux tests/torch_mps/run.py --device mps [--only sort softmax] [--again]

Every program's outcome is written as soon as it is known, so that a run that was stopped goes on where it was. On a Mac
the file is run by Python itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.torch_mps import census

FOLDER = Path("build", "torch_mps")


def known(path: Path) -> dict[str, dict]:
    """Outcomes that an earlier run has left, by name."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {each["name"]: each for each in map(json.loads, lines)}


def main() -> int:
    """Run what has not been run; the number of programs that are wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("mps", "cpu"), default="mps")
    parser.add_argument("--label", help="the name of the file of outcomes (default: the device)")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="programs to run")
    parser.add_argument("--again", action="store_true", help="forget earlier outcomes of the programs that are run")
    options = parser.parse_args()
    path = FOLDER / f"{options.label or options.device}.jsonl"
    names = options.only or list(census.NAMES)
    done = {name: each for name, each in known(path).items() if not (options.again and name in names)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in done.values()))
    if options.device == "cpu":
        from torch._inductor import config

        config.cpu_backend = "triton"
        config.max_autotune_gemm_backends = "ATEN,TRITON"  # its C++ templates are for the other backend
    for number, name in enumerate(names, 1):
        if name in done:
            continue
        outcome = census.run(name, options.device)
        done[name] = outcome.as_json()
        with path.open("a") as file:
            file.write(json.dumps(done[name]) + "\n")
        said = outcome.failure or f"right, {outcome.kernels} kernels, {outcome.seconds:.1f} s"
        print(f"{number:3}/{len(names)} {name}: {said}", flush=True)
    wrong = [name for name in names if done[name]["failure"]]
    print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed")
    return min(len(wrong), 100)


if __name__ == "__main__":
    sys.exit(main())
