"""What PyTorch's Python lacks where it was not built for a Mac: the names of torch._C that torch.mps calls.

The names are given to torch._C; torch.mps, torch.backends.mps and torch.accelerator are PyTorch's own and stay as they
are. What has no meaning in host memory is there too, and refuses. One constructor, of storages, is completed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..chips import STAND_IN
from ..msl_cpu import compile_shader

SUFFIX = "(mps_on_linux)"
"""Ends the name of the device, so that nobody takes it for a Mac's."""


def _refusing(name: str, reason: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"{name}: {reason}")

    return refuse


def _host_alias(storage: Any) -> Any:
    """A storage of the CPU over the memory of one on mps, which it keeps."""
    import torch

    tensor = torch.empty(0, dtype=torch.uint8, device="mps").set_(storage)
    return torch.ops.mps_on_linux.host_view(tensor).untyped_storage()


_NO_METALLIB = "a .metallib holds code for Apple's GPUs only; give the text to torch.mps.compile_shader"
_NO_CAPTURE = "there is no Metal whose commands could be captured"

NAMES: dict[str, Any] = {
    "_has_mps": True,
    "_mps_get_name": lambda: f"Apple {STAND_IN.name} {SUFFIX}",
    "_mps_get_core_count": lambda: STAND_IN.cores,
    "_mps_compileShader": compile_shader,
    "_mps_host_alias_storage": _host_alias,
    "_mps_loadMetalllib": _refusing("torch.mps.load_metallib", _NO_METALLIB),
    "_mps_loadMetallibFromPath": _refusing("torch.mps.load_metallib", _NO_METALLIB),
    "_mps_isCaptureEnabled": lambda: False,
    "_mps_startCapture": _refusing("torch.mps.profiler.metal_capture", _NO_CAPTURE),
    "_mps_stopCapture": _refusing("torch.mps.profiler.metal_capture", _NO_CAPTURE),
}
"""Name of torch._C -> what it is here."""


def _storages_on_mps(torch: Any) -> Callable[..., Any]:
    """`torch.UntypedStorage.__new__` that knows mps, for which PyTorch asks at its own build."""
    original = torch.UntypedStorage.__new__

    def new(cls: Any, *content: Any, device: Any = None, **options: Any) -> Any:
        if device is None or torch.device(device).type != "mps":
            placed = {} if device is None else {"device": device}
            return original(cls, *content, **placed, **options)
        values = content[0] if content else 0
        if isinstance(values, int):
            return torch.empty(values, dtype=torch.uint8, device="mps").untyped_storage()
        return torch.tensor(values, dtype=torch.uint8, device="mps").untyped_storage()

    return new


def complete(torch: Any) -> None:
    """Give torch._C the names, and storages their device."""
    for name, value in NAMES.items():
        setattr(torch._C, name, value)
    torch.UntypedStorage.__new__ = staticmethod(_storages_on_mps(torch))
