"""Inductor writes for other devices what it wrote before: the code, byte by byte, with our hooks and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("code_for.py")


def code_for(device: str, hooks: str, folder: Path) -> str:
    """Of a process that has the device mps. hooks: the value of TRITON_ALLOY_INDUCTOR."""
    environment = {**os.environ, "TRITON_ALLOY_INDUCTOR": hooks, "TORCHINDUCTOR_CACHE_DIR": str(folder)}
    command = [sys.executable, "-m", "triton_alloy.mps_on_linux", str(PROGRAM), device]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(("device", "mark"), [("cpu", "cpp_fused"), ("cuda", "@triton.jit")])
def test_the_code_is_the_same_with_and_without(device: str, mark: str, tmp_path: Path):
    found = [code_for(device, hooks, tmp_path) for hooks in ("1", "0")]
    assert found[0].count(mark) >= 4
    assert found[0] == found[1]


def test_the_code_for_mps_is_triton_with_and_metal_without(tmp_path: Path):
    ours, theirs = (code_for("mps", hooks, tmp_path) for hooks in ("1", "0"))
    assert ours.count("@triton.jit") >= 4 and "compile_mps_shader" not in ours and "cc='apple9'" in ours
    assert "@triton.jit" not in theirs and "metal" in theirs
