"""Kernels of Triton on tensors on mps: printed for an Apple GPU, launched by the runtime of a Mac.

test_on_device.py runs this file in a process that has the device.
"""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.runtime import automatic


@triton.jit
def add(x, y, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i, mask=i < n) + tl.load(y + i, mask=i < n), mask=i < n)


@triton.jit
def matmul(x, y, o, K, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK, BLOCK), tl.float32)
    for k in range(0, K, BLOCK):
        total += tl.dot(tl.load(x + i[:, None] * K + k + i), tl.load(y + (k + i[:, None]) * BLOCK + i))
    tl.store(o + i[:, None] * BLOCK + i, total)


@triton.jit
def shout(x):
    tl.device_print("value", tl.load(x))


def test_triton_finds_the_device():
    driver = triton.runtime.driver.active
    assert driver.get_current_target().backend == "mps" and driver.get_current_target().arch == "apple9"
    assert driver.get_active_torch_device() == torch.device("mps", 0)


def test_a_kernel_runs_as_on_a_mac():
    x, y = torch.randn(1000, device="mps"), torch.randn(1000, device="mps")
    o = torch.empty_like(x)
    kernel = add[(4,)](x, y, o, 1000, BLOCK=256)
    assert torch.equal(o, x + y)
    assert "simdgroup" in kernel.asm["msl"] or "metal_stdlib" in kernel.asm["msl"]
    device = automatic.AutomaticDevice("fast").device_for(x)
    assert type(device).__name__ == "TorchMpsDevice" and device.place == "mps"
    add[(2,)](x[500:], y[500:], o, 500, BLOCK=256)
    assert torch.equal(o[:500], (x + y)[500:])


def test_tensors_of_the_cpu_run_beside():
    x = torch.randn(300)
    o = torch.empty_like(x)
    add[(2,)](x, x, o, 300, BLOCK=256)
    assert torch.equal(o, x + x)
    assert type(automatic.AutomaticDevice("fast").device_for(x)).__name__ == "CpuDevice"


def test_a_product_on_fragments_of_an_apple_gpu():
    x, y = torch.randn(32, 64, device="mps"), torch.randn(64, 32, device="mps")
    o = torch.empty(32, 32, device="mps")
    kernel = matmul[(1,)](x, y, o, 64, BLOCK=32)
    torch.testing.assert_close(o, x @ y, rtol=1e-4, atol=1e-4)
    assert "mma_8x8" in kernel.asm["msl"]


def test_mixed_arguments_are_refused():
    x = torch.zeros(4, device="mps")
    with pytest.raises(InvalidArgument, match=r"argument y: the tensor is on cpu, this kernel runs on mps: pass x.to"):
        add[(1,)](x, torch.zeros(4), x, 4, BLOCK=4)


def test_prints_arrive(capfd: pytest.CaptureFixture[str]):
    shout[(1,)](torch.tensor([42], device="mps"))
    assert "value 42" in capfd.readouterr().out.replace(":", "")


@pytest.mark.parametrize("mode", ["reference", "sanitize"])
def test_modes_of_the_cpu_apply(mode: str):
    x = torch.randn(100, device="mps")
    o = torch.empty_like(x)
    with config.scope(TRITON_ALLOY_MODE=mode):
        add[(1,)](x, x, o, 100, BLOCK=128)
    assert torch.equal(o, x + x)


def test_autotuning_times_kernels_on_the_device():
    tuned = triton.autotune([triton.Config({"BLOCK": block}) for block in (64, 128)], key=["n"])(add)
    x = torch.randn(200, device="mps")
    o = torch.empty_like(x)
    tuned[lambda meta: (triton.cdiv(200, meta["BLOCK"]),)](x, x, o, 200)
    assert torch.equal(o, x + x)


def test_torch_compile_takes_user_kernels_eagerly():
    @torch.library.triton_op("check_kernels::twice", mutates_args={})
    def twice(x: torch.Tensor) -> torch.Tensor:
        o = torch.empty_like(x)
        torch.library.wrap_triton(add)[(1,)](x, x, o, x.numel(), BLOCK=64)
        return o

    x = torch.randn(50, device="mps")
    assert torch.equal(twice(x), x + x)
