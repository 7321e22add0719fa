"""Runs the files check_*.py, each in a process with the device: this one may have imported PyTorch without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("device_can_be_built")

ROOT = Path(__file__).parents[2]
CHECKS = sorted(Path(__file__).parent.glob("check_*.py"))
LEAST = {"check_kernels.py": 10, "check_models.py": 19, "check_programs.py": 158, "check_tensors.py": 50}
"""How many tests each file has at least, so that none is lost unseen."""


def test_every_check_is_run():
    assert {path.name for path in CHECKS} == set(LEAST)


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_all_tests_pass_on_the_device(path: Path):
    options = [
        "-q",
        "--no-header",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-p",
        "triton_alloy.mps_on_linux.pytest_plugin",
    ]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    summary = done.stdout.strip().splitlines()[-1]
    passed = re.match(r"(\d+) passed", summary)
    assert passed and int(passed[1]) >= LEAST[path.name] and "skipped" not in summary, summary
