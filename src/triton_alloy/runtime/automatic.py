"""The choice of a runtime: by what a kernel is called with, or by ALLOY_RUNTIME.

A tensor of PyTorch on an Apple GPU goes to torch_mps, an array of MLX to mlx, and memory of the CPU (NumPy arrays,
PyTorch's CPU tensors, a kernel without arrays) to metal where there is a GPU, else to the CPU.
"""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import chips, config
from ..errors import InvalidArgument
from ..kernel import Device, Kernel, Properties
from . import limits

if TYPE_CHECKING:
    from .detection import DeviceInfo


@functools.cache
def has_apple_gpu() -> bool:
    """Whether this is a Mac with Apple Silicon, whose GPU runs kernels."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def has_mps_in_host_memory() -> bool:
    """Whether PyTorch's device mps is that of mps_on_linux, which the CPU's kernels can take."""
    return not has_apple_gpu() and "mps" in config.HOST_DEVICES.value


def has_mps() -> bool:
    """Whether there can be tensors on mps."""
    return has_apple_gpu() or has_mps_in_host_memory()


@functools.cache
def machine() -> DeviceInfo:
    """This machine, as `triton-alloy info` shows it: by what its system tells, and Metal where there is PyObjC."""
    from .probes import device_info

    return device_info()


def gpu_family() -> str:
    """The family of this Mac's GPU."""
    return machine().family


def family_of(runtime: str) -> str:
    """The target family of the text that `runtime` runs best on this machine."""
    if has_apple_gpu() and runtime != "cpu":
        return gpu_family()
    if has_mps_in_host_memory() and runtime in ("auto", "torch_mps"):
        return chips.family_of_chip(chips.STAND_IN.name) or "cpu"
    return "cpu"


@functools.cache
def device_of(runtime: str, mode: str, bounds: str = "0") -> Device:
    """The device of a runtime by name: "cpu", "metal", "torch_mps" or "mlx".

    mode: how the CPU runs kernels; it also runs those of torch_mps and mlx where there is no Apple GPU. bounds: which
    accesses the CPU takes for wrong, see TRITON_ALLOY_BOUNDS. Raises InvalidArgument, with the remedy, where the
    runtime cannot be had.
    """
    return _MAKERS[runtime](mode, bounds)


def _cpu(mode: str, bounds: str) -> Device:
    from .cpu import cpu_device

    return cpu_device(mode, bounds)


def _metal(mode: str, bounds: str) -> Device:
    if not has_apple_gpu():
        raise InvalidArgument("ALLOY_RUNTIME=metal needs a Mac with an Apple GPU; this machine has none: use cpu")
    from .metal import metal_device

    return metal_device()


def _torch_mps(mode: str, bounds: str) -> Device:
    from . import torch_mps

    if has_apple_gpu():
        return torch_mps.TorchMpsDevice(torch_mps.mps_host())
    place = "mps" if has_mps_in_host_memory() else "cpu"
    return torch_mps.TorchMpsDevice(torch_mps.stand_in(mode, place))


def _mlx(mode: str, bounds: str) -> Device:
    from . import mlx

    return mlx.MlxDevice(mlx.mlx_host() if has_apple_gpu() else mlx.stand_in(mode))


_MAKERS: dict[str, Callable[[str, str], Device]] = {
    "cpu": _cpu,
    "metal": _metal,
    "torch_mps": _torch_mps,
    "mlx": _mlx,
}


@dataclass(frozen=True)
class AutomaticExecutable:
    """A kernel that waits for its first launch, which tells where it is to be built."""

    kernel: Kernel
    max_threads: int


class AutomaticDevice:
    """Takes a kernel without building it, and tells for an argument which device takes that.

    No runtime is asked for before an argument needs it: a Mac has those of the frameworks that are installed.
    """

    def __init__(self, mode: str, bounds: str = "0"):
        self.mode, self.bounds = mode, bounds
        self._of_class: dict[type, Device] = {}
        self._used_home: Device | None = None
        self._worked_before = 0.0

    @property
    def home(self) -> Device:
        """The device of the CPU's memory."""
        return device_of("metal" if has_apple_gpu() else "cpu", self.mode, self.bounds)

    @property
    def properties(self) -> Properties:
        """Those of the GPU, the same for all runtimes; without one, of the device of the CPU's memory."""
        if not has_apple_gpu():
            return self.home.properties
        return limits.properties(machine().processor, machine().cores)

    @property
    def worked_seconds(self) -> float:
        """Of the device of the CPU's memory, since it was first used here: the frameworks do not tell."""
        return self._used_home.worked_seconds - self._worked_before if self._used_home is not None else 0.0

    def compile(self, kernel: Kernel) -> AutomaticExecutable:
        """Nothing yet."""
        return AutomaticExecutable(kernel, self.properties.threads_per_threadgroup)

    def device_for(self, value: Any) -> Device:
        """The device for a kernel whose first array is `value`."""
        found = self._of_class.get(value.__class__)
        if found is not None:
            return found
        value = getattr(value, "base", value)
        runtime = runtime_of(value)
        device = self._use_home() if runtime == "cpu" else device_of(runtime, self.mode, self.bounds)
        if not has_mps() or not _is_tensor(value):  # a tensor's class does not tell where it is
            self._of_class[value.__class__] = device
        return device

    def synchronize(self) -> None:
        """Return when the launches on all runtimes in use are complete, and what PyTorch does on the GPU."""
        for device in {*self._homes(), *self._of_class.values(), *self._tensors()}:
            device.synchronize()

    def _use_home(self) -> Device:
        home = self.home
        if self._used_home is not home:
            self._used_home, self._worked_before = home, home.worked_seconds
        return home

    def _homes(self) -> list[Device]:
        return [self._used_home] if self._used_home is not None else []

    def _tensors(self) -> list[Device]:
        return [device_of("torch_mps", self.mode, self.bounds)] if has_mps() and "torch" in sys.modules else []


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "untyped_storage")


def runtime_of(value: Any) -> str:
    """The runtime for an argument: "mlx", "torch_mps", or "cpu" for what lies in the CPU's memory."""
    if type(value).__module__.partition(".")[0] == "mlx" or getattr(value, "runtime", "") == "mlx":
        return "mlx"
    if _is_tensor(value) and value.device.type == "mps":
        return "torch_mps"
    return "cpu"
