"""Triton kernels on Apple Silicon GPUs, and the same Metal text on any CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .integrations.arrays import array

__version__ = "0.1.0"
__all__ = ["__version__", "array"]


def __getattr__(name: str) -> Any:
    # Triton imports this package at its own import, which must stay quick: NumPy waits until it is asked for.
    if name == "array":
        from .integrations.arrays import array

        return array
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
