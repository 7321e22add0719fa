"""Runs check_mps.py in a process with the device mps: this one may have imported PyTorch without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).with_name("check_mps.py")
LEAST = 20
"""Tests of the file, so that none is lost unseen."""


def test_all_tests_pass_on_the_device():
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
    command = [sys.executable, "-m", "pytest", *options, str(FILE)]
    done = subprocess.run(command, cwd=FILE.parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    summary = done.stdout.strip().splitlines()[-1]
    passed = re.match(r"(\d+) passed", summary)
    assert passed and int(passed[1]) >= LEAST and "skipped" not in summary, summary
