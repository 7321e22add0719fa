"""Triton's driver interface: which device runs kernels, how they are loaded, launched and timed.

A Triton device number stands for (target family, runtime, CPU mode, bounds), so that a change of TRITON_ALLOY_TARGET,
ALLOY_RUNTIME, TRITON_ALLOY_MODE or TRITON_ALLOY_BOUNDS takes effect at the next launch: Triton keeps kernels apart by
device number.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from typing import TYPE_CHECKING, Any

from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from ... import config
from ...chips import THREADS_PER_SIMDGROUP
from ...errors import OutOfResources
from ..inductor import install as install_inductor

if TYPE_CHECKING:
    from ...kernel import Device, Executable, Kernel
    from ...runtime.automatic import AutomaticDevice

DEVICES: list[tuple[str, str, str, str]] = list(
    itertools.product(config.FAMILIES, config.RUNTIMES, config.MODES, config.BOUNDS_CHECKED)
)

FLUSH_BYTES = 1 << 25
"""Written between two timed runs, so that the second finds no data of the first in the caches of a core."""

# Triton knows TRITON_DEFAULT_BACKEND only. Setting it here, before any driver is chosen, is what lets
# TRITON_BACKEND=metal win over a GPU without changing anything in Triton.
if config.BACKEND.text in ("metal", "cpu"):
    os.environ.setdefault(config.DEFAULT_BACKEND.name, config.BACKEND.text)

install_inductor()


@functools.cache
def device_of(number: int) -> Device | AutomaticDevice:
    """What runs kernels on a device number. Raises InvalidArgument where the runtime cannot be had."""
    from ...runtime import automatic

    _, runtime, mode, bounds = DEVICES[number]
    if runtime != "auto":
        return automatic.device_of(runtime, mode, bounds)
    return automatic.AutomaticDevice(mode, bounds)


def finds_other_gpu() -> bool:
    """Whether a backend that is not ours finds its GPU."""
    from triton.backends import backends

    others = [backend.driver for backend in backends.values() if not issubclass(backend.driver, MetalDriver)]
    return any(driver.is_active() for driver in others)


class MetalDriver(DriverBase):
    """An Apple GPU; asked for by name where there is none, the CPU as a device that runs Metal kernels.

    backend: the name of the entry point.
    """

    backend = "metal"

    def __init__(self) -> None:
        super().__init__()
        self.utils = Utilities()

    @classmethod
    def is_active(cls) -> bool:
        """Whether Triton should choose us: when asked by name, else when our device is there."""
        wanted = config.DEFAULT_BACKEND.text or config.BACKEND.text
        return wanted == cls.backend if wanted else cls.has_device()

    @classmethod
    def has_device(cls) -> bool:
        """Whether there is an Apple GPU, or PyTorch's device mps in host memory."""
        from ...runtime.automatic import has_mps

        return has_mps()

    def launcher_cls(self, source: Any, metadata: Any) -> Any:
        """A launcher for one compiled kernel; called by Triton as a class."""
        from .launcher import Launcher

        return Launcher(source, metadata, device_of(current_device()))

    def get_current_device(self) -> int:
        """The number of (TRITON_ALLOY_TARGET, ALLOY_RUNTIME, TRITON_ALLOY_MODE, TRITON_ALLOY_BOUNDS)."""
        return current_device()

    def set_current_device(self, device: int) -> None:
        """The environment alone selects the device."""

    def get_current_stream(self, device: int) -> int:
        """There is one stream: a framework's own current stream, or ours."""
        return 0

    def get_current_target(self) -> GPUTarget:
        """What kernels are compiled for now. Its name is that of the PyTorch device, as libraries expect."""
        name = "mps" if self.has_device() and self.backend == "metal" else self.backend
        return GPUTarget(name, DEVICES[current_device()][0], THREADS_PER_SIMDGROUP)

    def get_active_torch_device(self) -> Any:
        """Where PyTorch tensors for our kernels live."""
        import torch

        from ...runtime.automatic import has_mps

        on_gpu = has_mps() and DEVICES[current_device()][1] in ("auto", "torch_mps")
        return torch.device("mps", 0) if on_gpu else torch.device("cpu")

    def get_device_interface(self) -> type[DeviceInterface]:
        """What `triton.testing` times with."""
        return DeviceInterface

    def get_benchmarker(self) -> Any:
        """How the autotuner times a kernel."""
        from triton.testing import do_bench

        return do_bench

    def get_empty_cache_for_benchmark(self) -> Any:
        """A buffer for `clear_cache`."""
        import numpy as np

        return np.empty(FLUSH_BYTES, np.uint8)

    def clear_cache(self, cache: Any) -> None:
        """Push data of an earlier run out of the caches."""
        cache.fill(0)

    def map_python_to_cpp_type(self, ty: str) -> str:
        """Triton's name of a type -> the MSL type of a kernel parameter."""
        return f"device {CPP_TYPES.get(ty.lstrip('*k'), 'void')}*" if ty.startswith("*") else CPP_TYPES[ty]


CPP_TYPES = {
    **dict.fromkeys(("i1", "u1"), "bool"),
    "i8": "char",
    "i16": "short",
    "i32": "int",
    "i64": "long",
    "u8": "uchar",
    "u16": "ushort",
    "u32": "uint",
    "u64": "ulong",
    "fp16": "half",
    "bf16": "bfloat",
    "fp32": "float",
}


_SELECTING = (config.TARGET, config.RUNTIME, config.MODE, config.BOUNDS)
_TARGET, _RUNTIME, _MODE, _BOUNDS = (os.environ.encodekey(variable.name) for variable in _SELECTING)


def current_device() -> int:
    """The number of the device that the environment names."""
    # What os.environ keeps: its own `get` takes a microsecond to encode and decode, and every launch asks for all four.
    written = os.environ._data.get  # pyright: ignore[reportAttributeAccessIssue]
    return device_number(written(_TARGET), written(_RUNTIME), written(_MODE), written(_BOUNDS))


@functools.cache
def device_number(*written: bytes | None) -> int:
    """The index in DEVICES. written: what the environment has for each variable, which this is kept by.

    Raises InvalidArgument where it names no family, runtime, mode or bounds.
    """
    from ...runtime.automatic import family_of

    runtime, family = config.RUNTIME.value, config.TARGET.value
    family = family_of(runtime) if family == "auto" else family
    return DEVICES.index((family, runtime, config.MODE.value, config.BOUNDS.value))


class Utilities:
    """What Triton's `CompiledKernel` calls to ask about a device and to load a kernel on it."""

    def get_device_properties(self, device: int | None) -> dict[str, int]:
        """The properties that Triton, its tutorials and its tests read; None, PyTorch's index of "cpu", is the current
        device. Clocks and bus are nominal."""
        found = device_of(current_device() if device is None else device).properties
        return {
            "max_shared_mem": found.threadgroup_bytes,
            "multiprocessor_count": found.cores,
            "max_num_regs": REGISTERS_PER_CORE,
            "max_threads_per_sm": found.threads_per_threadgroup,
            "warpSize": found.threads_per_simdgroup,
            "sm_clock_rate": 1,
            "mem_clock_rate": 1,
            "mem_bus_width": 128,
        }

    def load_binary(
        self, name: str, binary: bytes, shared: int, device: int
    ) -> tuple[Executable, Executable, int, int, int]:
        """The Kernel's JSON -> (module, function, registers of a thread, spills, threads of a program at most)."""
        from ...kernel import Kernel
        from .launcher import load

        kernel = Kernel.from_json(binary)
        executable = load(device_of(device), kernel)
        return executable, executable, *_registers_of(kernel), executable.max_threads

    def unload_module(self, module: Executable) -> None:
        """Nothing to do: the library goes with its last reference."""


REGISTERS_PER_CORE = 65536
REGISTERS_PER_THREAD = 32
"""Nominal, as neither Metal nor the CPU tells; persistent kernels divide one by the other to size their grid."""


def _registers_of(kernel: Kernel) -> tuple[int, int]:
    """Registers of a thread, and those it needs beyond what there are, as estimated; one program always has enough."""
    from ...target import target_for

    most = target_for(kernel.family).registers
    if most is None or not kernel.registers:
        return REGISTERS_PER_THREAD, 0
    used = min(kernel.registers, most, REGISTERS_PER_CORE // kernel.threads)
    return used, max(0, kernel.registers - most)


class Event:
    """A point in time, as `torch.cuda.Event`. time: of the clock, worked: by the device, both in seconds."""

    def __init__(self, enable_timing: bool = True):
        self.time = self.worked = 0.0

    def record(self, stream: Any = None) -> None:
        """Take the time when the launches before it are complete."""
        DeviceInterface.synchronize()
        self.time, self.worked = time.perf_counter(), device_of(current_device()).worked_seconds

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds that the device has worked between this event and `end`; by the clock if it does not tell."""
        return (end.worked - self.worked or end.time - self.time) * 1e3

    def synchronize(self) -> None:
        """The event has been reached when it has been recorded."""

    def query(self) -> bool:
        """Whether the event has been reached."""
        return True


class DeviceInterface:
    """What `torch.cuda` is to NVIDIA's driver."""

    Event = Event

    @staticmethod
    def synchronize(device: Any = None) -> None:
        """Return when all launches are complete. Raises KernelOutOfResources for one that only then was built."""
        try:
            device_of(current_device()).synchronize()
        except OutOfResources as error:
            from .errors import as_triton_has_it

            raise as_triton_has_it(error) from error

    @staticmethod
    def current_device() -> int:
        """The device in use."""
        return current_device()
