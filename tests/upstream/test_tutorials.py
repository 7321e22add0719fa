"""Triton's tutorials, unchanged, on the CPU device: `make upstream TRITON_SOURCE=folder of a Triton source tree`.

They hold their own comparisons with PyTorch. Nothing of them is kept here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.upstream

SOURCE = os.environ.get("TRITON_SOURCE", "")
TUTORIALS = Path(SOURCE) / "python" / "tutorials"
RUNNER = Path(__file__).with_name("run_tutorial.py")

if not SOURCE:
    pytest.skip("TRITON_SOURCE names no Triton source tree", allow_module_level=True)


def run(folder: Path, *command: str) -> str:
    """The output of a Python process that uses our backend. Fails the test, showing the output, if it fails."""
    environment = os.environ | {"TRITON_BACKEND": "metal", "TRITON_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    print(done.stdout)
    return done.stdout


def test_01_vector_add(tmp_path):
    output = run(tmp_path, str(RUNNER), str(TUTORIALS / "01-vector-add.py"))
    assert "maximum difference between torch and triton is 0.0" in output


def test_02_fused_softmax(tmp_path):
    run(tmp_path, str(RUNNER), str(TUTORIALS / "02-fused-softmax.py"))  # asserts its own result


def test_03_matrix_multiplication(tmp_path):
    output = run(tmp_path, str(RUNNER), str(TUTORIALS / "03-matrix-multiplication.py"))
    assert "Triton and Torch match" in output and "differ" not in output


def test_05_layer_norm(tmp_path):
    run(tmp_path, str(RUNNER), str(TUTORIALS / "05-layer-norm.py"))  # asserts its own results


@pytest.mark.parametrize("direction", ["fwd", "bwd"])
def test_06_fused_attention(tmp_path, direction):
    """Its own test, in float16, at its smallest size: causal and not; `bwd` checks forward and backward."""
    if direction == "fwd":
        run(tmp_path, str(Path(__file__).with_name("run_attention.py")), str(TUTORIALS / "06-fused-attention.py"))
        return
    file = str(TUTORIALS / "06-fused-attention.py")
    selection = "triton-fp16-bwd and 64-128-2-1"
    output = run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-q", file, "-k", selection)
    assert "2 passed" in output
