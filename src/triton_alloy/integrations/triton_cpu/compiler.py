"""The compiler interface for GPUTarget("cpu", family, 32)."""

from __future__ import annotations

from ..triton import compiler


class CpuBackend(compiler.MetalBackend):
    """Prints the same texts; they run on the CPU."""

    names = ("cpu",)
