"""Runs a file of tests in a process of its own with the device mps: PyTorch must not be imported before it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OPTIONS = ("-q", "--no-header", "-n", "0", "-p", "no:cacheprovider", "-p", "triton_alloy.mps_on_linux.pytest_plugin")


def all_pass(path: Path, least: int) -> None:
    """Assert that all tests of the file pass and none is skipped. least: how many there are at least, so that none is
    lost unseen."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    summary = done.stdout.strip().splitlines()[-1]
    passed = re.match(r"(\d+) passed", summary)
    assert passed and int(passed[1]) >= least and "skipped" not in summary, summary
