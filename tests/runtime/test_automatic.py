"""The choice of a runtime on a Mac that has PyTorch and no PyObjC: kernels run, and nothing asks for Metal itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from tests.support.machines import mac
from triton_alloy.errors import InvalidArgument
from triton_alloy.integrations.triton import driver
from triton_alloy.msl_cpu import compile_shader
from triton_alloy.runtime import automatic, metal_api, probes


class OnGpu(torch.Tensor):
    """A tensor of the CPU that says it is on mps."""

    device: Any = property(lambda self: torch.device("mps", 0))
    is_cpu: Any = False


class Shader:
    """What torch.mps.compile_shader returns, with msl_cpu in the place of the GPU."""

    def __init__(self, text: str):
        self._library = compile_shader(text, mode="reference")

    def __getattr__(self, name: str) -> Any:
        return Function(getattr(self._library, name))


class Function:
    max_threads_per_threadgroup = 1024

    def __init__(self, kernel: Any):
        self.kernel = kernel

    def __call__(self, *arguments: Any, **sizes: Any) -> None:
        assert all(type(each) is OnGpu for each in arguments if isinstance(each, torch.Tensor))
        on_cpu = [each.as_subclass(torch.Tensor) if isinstance(each, OnGpu) else each for each in arguments]
        self.kernel(*on_cpu, **sizes)


def forget() -> None:
    """All that was found out about another machine."""
    for cached in (automatic.machine, automatic.device_of, driver.device_of, driver.device_number):
        cached.cache_clear()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """This machine is a Mac with an M3 Pro and PyTorch, by what its commands print and PyTorch says. The calls of
    torch.mps.synchronize."""
    calls: list[str] = []
    recorded = mac("M3 Pro", 14)
    printed = {"sysctl": recorded.sysctl, "ioreg": recorded.ioreg, "sw_vers": recorded.sw_vers}
    for module in ("Metal", "Foundation", "objc", "mlx", "mlx.core"):
        monkeypatch.setitem(sys.modules, module, None)  # cannot be imported
    monkeypatch.setattr(metal_api, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(probes, "platform", SimpleNamespace(system=lambda: "Darwin", machine=lambda: "arm64"))
    monkeypatch.setattr(probes, "_output", lambda command, *_: printed[command])
    monkeypatch.setattr(automatic, "has_apple_gpu", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "get_name", lambda: "Apple M3 Pro", raising=False)
    monkeypatch.setattr(torch.backends.mps, "get_core_count", lambda: 14, raising=False)
    monkeypatch.setattr(torch.mps, "compile_shader", Shader)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: calls.append("synchronize"))
    for variable in ("ALLOY_RUNTIME", "TRITON_ALLOY_TARGET", "TRITON_BACKEND", "TRITON_DEFAULT_BACKEND"):
        monkeypatch.delenv(variable, raising=False)
    forget()
    triton.runtime.driver.set_active(driver.MetalDriver())
    yield calls
    monkeypatch.undo()
    triton.runtime.driver.reset_active()
    forget()


@triton.jit
def scale_kernel(x_ptr, out_ptr, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


def test_a_kernel_runs_on_pytorchs_tensors(calls: list[str]):
    x = torch.randn(1000)
    out = torch.zeros(1000)
    kernel = scale_kernel[(4,)](x.as_subclass(OnGpu), out.as_subclass(OnGpu), 1000, 3.0, BLOCK=256)
    assert torch.equal(out, x * 3)
    assert kernel.metadata.target.backend == "mps" and kernel.metadata.target.arch == "apple9"
    assert kernel.n_max_threads == 1024
    assert calls == []
    driver.DeviceInterface.synchronize()
    assert calls == ["synchronize"]


def test_the_gpu_is_described_by_the_system(calls: list[str]):
    properties = triton.runtime.driver.active.utils.get_device_properties(None)
    assert properties["multiprocessor_count"] == 14 and properties["warpSize"] == 32
    assert (properties["max_shared_mem"], properties["max_threads_per_sm"]) == (32768, 1024)
    found = driver.device_of(driver.current_device()).properties
    assert found.name == "Apple M3 Pro"
    assert found == automatic.device_of("torch_mps", "fast").properties


def test_times_are_taken_by_the_clock(calls: list[str]):
    start, end = driver.Event(), driver.Event()
    start.record()
    end.record()
    assert calls == ["synchronize"] * 2
    assert start.elapsed_time(end) == pytest.approx((end.time - start.time) * 1e3)


def test_memory_of_the_cpu_needs_pyobjc_and_says_so(calls: list[str]):
    x = torch.zeros(8)
    remedy = r'the metal runtime needs PyObjC .*pip install "pyobjc-framework-Metal>=11"; PyTorch\'s tensors on mps'
    with pytest.raises(InvalidArgument, match=remedy):
        scale_kernel[(1,)](x, x, 8, 3.0, BLOCK=8)


def test_a_first_use_of_the_cpus_memory_counts_from_then_on(monkeypatch: pytest.MonkeyPatch):
    home = SimpleNamespace(worked_seconds=5.0, synchronize=lambda: None)
    monkeypatch.setattr(automatic, "device_of", lambda *_: home)
    device = automatic.AutomaticDevice("fast")
    assert device.worked_seconds == 0
    assert device.device_for(None) is home
    home.worked_seconds = 7.5
    assert device.worked_seconds == 2.5
