"""Triton's tutorials, unchanged, with their own comparisons: `make upstream TRITON_SOURCE=folder of a Triton tree`.

Only their benchmarks are left out, which measure for minutes and draw with matplotlib.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import triton
from torch.overrides import TorchFunctionMode

pytestmark = pytest.mark.upstream
FOLDER = Path(os.environ.get("TRITON_SOURCE", ""), "python", "tutorials")


@pytest.fixture(autouse=True)
def _no_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton.testing.Mark, "run", lambda self, **options: None)


def run(name: str, run_name: str = "tutorial") -> dict[str, Any]:
    """The globals of a tutorial after it has run; a `run_name` of "__main__" runs its main part too."""
    assert FOLDER.is_dir(), f"TRITON_SOURCE must name a Triton source tree: {FOLDER} is no folder"
    return runpy.run_path(str(FOLDER / name), run_name=run_name)


def stopping_line(name: str) -> str:
    """The line of a tutorial, run as a program, whose assertion fails."""
    with pytest.raises(AssertionError) as caught:
        run(name, "__main__")
    frames = traceback.extract_tb(caught.tb)
    return next(frame.line or "" for frame in reversed(frames) if Path(frame.filename).name == name)


class OnCpu(TorchFunctionMode):
    """Tensors that are asked for on "cuda" are made on the CPU."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = dict(kwargs or {})
        return function(*args, **(given | {"device": "cpu"} if given.get("device") == "cuda" else given))


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For functions of tutorials whose own main part is written for CUDA."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(multi_processor_count=4))
    with OnCpu():
        yield


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


def test_extern_functions_stop_at_a_line_for_cuda():
    assert stopping_line("07-extern-functions.py") == "assert x.is_cuda and output_triton.is_cuda"


def test_grouped_gemm():
    run("08-grouped-gemm.py")


def test_persistent_matmul_stops_at_a_line_for_cuda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["09-persistent-matmul.py"])
    line = 'a = torch.randn((M, K), device="cuda", dtype=torch.float16).to(dtype)'
    assert stopping_line("09-persistent-matmul.py") == line


@pytest.mark.parametrize("function", ["matmul", "matmul_persistent"])
def test_persistent_matmul(function: str, on_cpu: None):
    a, b = torch.randn(96, 160, dtype=torch.float16), torch.randn(160, 64, dtype=torch.float16)
    found = run("09-persistent-matmul.py")[function](a, b)
    torch.testing.assert_close(found.float(), a.float() @ b.float(), atol=0.05, rtol=0)


@pytest.mark.parametrize("function", ["matmul_tma", "matmul_tma_persistent", "matmul_descriptor_persistent"])
def test_persistent_matmul_with_descriptors(function: str, on_cpu: None):
    a, b = torch.randn(96, 160, dtype=torch.float16), torch.randn(64, 160, dtype=torch.float16)
    found = run("09-persistent-matmul.py")[function](a, b, False)
    torch.testing.assert_close(found.float(), a.float() @ b.float().T, atol=0.05, rtol=0)


def test_block_scaled_matmul_asks_for_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["10-block-scaled-matmul.py"])
    run("10-block-scaled-matmul.py", "__main__")
    assert "This example requires GPU support for block scaled matmul" in capsys.readouterr().out


# For "mxfp4" and "mixed" the tutorial's own function reads a variable that it has not set.
@pytest.mark.parametrize("format_name", ["nvfp4", "mxfp8"])
def test_block_scaled_matmul(format_name: str, on_cpu: None, capsys: pytest.CaptureFixture[str]):
    run("10-block-scaled-matmul.py")["validate_block_scaled"](256, 256, 512, block_scale_type=format_name)
    assert "✅" in capsys.readouterr().out
