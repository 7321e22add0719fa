"""Triton's tutorials, unchanged, with their own comparisons: `make upstream TRITON_SOURCE=folder of a Triton tree`.

Only their benchmarks are left out, which measure for minutes and draw with matplotlib.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import triton

pytestmark = pytest.mark.upstream
FOLDER = Path(os.environ.get("TRITON_SOURCE", ""), "python", "tutorials")


@pytest.fixture(autouse=True)
def _no_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton.testing.Mark, "run", lambda self, **options: None)


def run(name: str) -> dict[str, Any]:
    """The globals of a tutorial after it has run."""
    assert FOLDER.is_dir(), f"TRITON_SOURCE must name a Triton source tree: {FOLDER} is no folder"
    return runpy.run_path(str(FOLDER / name), run_name="tutorial")


def test_vector_add(capsys: pytest.CaptureFixture[str]):
    run("01-vector-add.py")
    assert "The maximum difference between torch and triton is 0.0" in capsys.readouterr().out


def test_fused_softmax():
    run("02-fused-softmax.py")


def test_matrix_multiplication(capsys: pytest.CaptureFixture[str]):
    run("03-matrix-multiplication.py")
    assert "✅ Triton and Torch match" in capsys.readouterr().out


def test_low_memory_dropout():
    pytest.importorskip("tabulate")
    run("04-low-memory-dropout.py")


def test_layer_norm(monkeypatch: pytest.MonkeyPatch):
    # The tutorial's reference is PyTorch in float16. On the CPU, not on a GPU, that sums gradients in float16, with
    # errors of 0.07 where 0.01 is allowed; here it computes in float32.
    exact = torch.nn.functional.layer_norm

    def reference(x: torch.Tensor, shape: Any, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        return exact(x.float(), shape, weight.float(), bias.float(), eps).to(x.dtype)

    monkeypatch.setattr(torch.nn.functional, "layer_norm", reference)
    run("05-layer-norm.py")


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mode", ["fwd", "bwd"])
@pytest.mark.parametrize("context", [128, 1024])
def test_fused_attention(context: int, mode: str, causal: bool):
    compare = run("06-fused-attention.py")["test_op"]
    torch.manual_seed(20)
    compare(Z=1, H=2, N_CTX=context, HEAD_DIM=64, causal=causal, warp_specialize=False, mode=mode, provider="triton")
