"""Runs the programs of the census that Inductor tunes three times, each with empty caches: every run must be right.

    python -m tests.torch_mps.cold_runs [--runs 3]

Which configuration wins differs between runs; what is computed may not. The outcome goes into docs/torch_compile.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .report import FOUND, RECORD, ROOT
from .run import known


def tuned() -> list[str]:
    """Names of programs in which the last census has seen configurations compared."""
    return [name for name, each in known(FOUND / "mps.jsonl").items() if each["configurations"] > 1]


def run(names: list[str], label: str) -> dict[str, dict[str, Any]]:
    """The outcomes of a run with caches of its own, by name."""
    program = Path(__file__).with_name("run.py")
    command = [
        sys.executable,
        "-m",
        "triton_alloy.mps_on_linux",
        program,
        "--label",
        label,
        "--again",
        "--only",
        *names,
    ]
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: str(Path(folder, name)) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
        subprocess.run(command, cwd=ROOT, env={**os.environ, **caches}, check=False)
    return known(FOUND / f"{label}.jsonl")


def main() -> int:
    """Run them all; how many programs were wrong in any run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="programs (default: all that are tuned)")
    options = parser.parse_args()
    names = options.only or tuned()
    runs = [run(names, f"cold-{number}") for number in range(1, options.runs + 1)]
    wrong = [name for name in names if any(name not in each or each[name]["failure"] for each in runs)]
    compared = sum(each[name]["configurations"] for each in runs for name in names if name in each)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record["cold"] = {"runs": len(runs), "programs": len(names), "configurations": compared, "wrong": wrong}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed")
    return min(len(wrong), 100)


if __name__ == "__main__":
    sys.exit(main())
