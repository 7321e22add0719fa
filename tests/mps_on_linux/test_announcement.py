"""That tensors on mps lie in host memory is read from one place: by the runtime, by msl_cpu, by Triton's driver."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.msl_cpu.errors import LaunchError
from triton_alloy.msl_cpu.launch.buffers import buffer_of
from triton_alloy.runtime import automatic


class FakeTensor:
    """What a tensor of PyTorch shows of itself. kind: of its device."""

    shape = (4,)
    dtype = "torch.float32"

    def __init__(self, kind: str):
        self.device = type("device", (), {"type": kind, "__str__": lambda self: f"{kind}:0"})()

    def untyped_storage(self):
        return type("storage", (), {"nbytes": lambda self: 16})()

    def storage_offset(self):
        return 1

    def element_size(self):
        return 4

    def data_ptr(self):
        return 4096


def test_without_the_word_a_tensor_on_mps_is_refused():
    with pytest.raises(LaunchError, match="a tensor on device 'mps:0' cannot be bound: the kernel runs on the CPU"):
        buffer_of(FakeTensor("mps"))
    assert not automatic.has_mps() and automatic.family_of("auto") == "cpu"


def test_with_it_kernels_take_it():
    with config.scope(MSL_CPU_HOST_DEVICES="cpu,mps"):
        buffer = buffer_of(FakeTensor("mps"))
        assert (buffer.address, buffer.bytes) == (4096, 12)
        with pytest.raises(LaunchError, match="'cuda:0' cannot be bound"):
            buffer_of(FakeTensor("cuda"))
        assert automatic.has_mps() and automatic.has_mps_in_host_memory()
        families = {runtime: automatic.family_of(runtime) for runtime in config.RUNTIMES}
        assert families == {"auto": "apple9", "torch_mps": "apple9", "cpu": "cpu", "metal": "cpu", "mlx": "cpu"}


def test_a_mac_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(automatic, "has_apple_gpu", lambda: True)
    with config.scope(MSL_CPU_HOST_DEVICES="cpu,mps"):
        assert automatic.has_mps() and not automatic.has_mps_in_host_memory()


def test_a_child_process_compiles_for_the_device_without_having_it():
    """As PyTorch's compile workers do, which are told a target and touch no tensor."""
    pytest.importorskip("triton")
    text = "import triton; print(triton.runtime.driver.active.get_current_target())"
    environment = os.environ | {"MSL_CPU_HOST_DEVICES": "cpu,mps"}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment)
    assert done.stdout == "GPUTarget(backend='mps', arch='apple9', warp_size=32)\n", done.stderr


@pytest.mark.parametrize("text", ["mps", "cpu,", "cpu,,mps"])
def test_a_wrong_list_is_refused(text: str):
    with (
        config.scope(MSL_CPU_HOST_DEVICES=text),
        pytest.raises(InvalidArgument, match=r"MSL_CPU_HOST_DEVICES=.*expected cpu and other types of PyTorch's"),
    ):
        automatic.has_mps()
