"""Triton kernels on Apple Silicon GPUs, and the same Metal text on any CPU."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .integrations.arrays import array
    from .integrations.shared import asarray, batch, empty
    from .integrations.triton.bound import bind
    from .runtime.probes import device_info

__version__ = "0.1.0"
__all__ = ["__version__", "array", "asarray", "batch", "bind", "device_info", "empty"]

_PLACES = {
    "array": "integrations.arrays",
    "asarray": "integrations.shared",
    "batch": "integrations.shared",
    "bind": "integrations.triton.bound",
    "device_info": "runtime.probes",
    "empty": "integrations.shared",
}


def __getattr__(name: str) -> Any:
    # Triton imports this package at its own import, which must stay quick: NumPy waits until it is asked for.
    if name in _PLACES:
        return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
