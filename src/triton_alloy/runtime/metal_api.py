"""The door to Apple's Metal framework: PyObjC's modules, the device, and its facts."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

from ..chips import FAMILIES
from ..errors import InvalidArgument
from .detection import MetalFacts, install_command

INSTALL = install_command("pyobjc-framework-Metal", "Darwin")


@dataclass(frozen=True)
class Api:
    """What is used of PyObjC: the modules Metal, Foundation and objc. Tests put doubles here."""

    metal: Any
    foundation: Any
    objc: Any


def load_api() -> Api:
    """PyObjC's modules. Raises InvalidArgument, with the remedy, where there are none."""
    if sys.platform != "darwin":
        raise InvalidArgument("the metal runtime needs macOS on Apple silicon; on this system kernels run on the CPU")
    try:
        return Api(*map(importlib.import_module, ("Metal", "Foundation", "objc")))
    except ImportError as error:
        needs = f"the metal runtime needs PyObjC ({error}): {INSTALL}"
        raise InvalidArgument(f"{needs}; PyTorch's tensors on mps and MLX's arrays go without") from error


def default_device(api: Api) -> Any:
    """The system's GPU, an MTLDevice. Raises InvalidArgument where there is none."""
    device = api.metal.MTLCreateSystemDefaultDevice()
    if device is None:
        raise InvalidArgument("Metal finds no GPU in this session: log in on the Mac, or run on the CPU")
    return device


def facts_of(api: Api, device: Any) -> MetalFacts:
    """What the device says of itself."""
    architecture = device.architecture() if device.respondsToSelector_("architecture") else None
    return MetalFacts(
        name=str(device.name()),
        families=tuple(family.number for family in FAMILIES if device.supportsFamily_(family.number)),
        architecture=str(architecture.name()) if architecture is not None else "",
        threadgroup_bytes=int(device.maxThreadgroupMemoryLength()),
        threads_per_threadgroup=int(device.maxThreadsPerThreadgroup().width),
        working_set_bytes=int(device.recommendedMaxWorkingSetSize()),
        buffer_bytes=int(device.maxBufferLength()),
        unified_memory=bool(device.hasUnifiedMemory()),
    )
