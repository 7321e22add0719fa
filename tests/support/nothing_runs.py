"""Tests without their kernels: what a test would compile is built, nothing is launched, and every comparison holds, so
that a test goes on to its next kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def expect_no_gpu() -> None:
    """Upstream's tests ask for a capability when they are imported; later ones import a function that 3.9 lacks."""
    import torch
    import triton._internal_testing as testing

    torch.cuda.get_device_capability = lambda device=None: (0, 0)
    if not hasattr(testing, "get_arch"):
        testing.get_arch = lambda: str(testing.get_current_target().arch)


def launch_nothing(see: Callable[[Any, Any], None] = lambda module, options: None) -> None:
    """A compilation ends before the first pass with `see(module, options)`, and a launch does nothing."""
    from triton_alloy.integrations.triton.compiler import MetalBackend
    from triton_alloy.integrations.triton.driver import MetalDriver, Utilities

    def add_stages(self: Any, stages: dict, options: Any, *rest: Any) -> None:
        def finish(module: Any, metadata: dict) -> bytes:
            metadata.update(name=module.get_entry_func_name(), shared=1)
            see(module, options)
            return b""

        stages["ttir"] = lambda module, metadata: module
        stages["alloy"] = finish

    MetalBackend.add_stages = add_stages
    Utilities.load_binary = lambda self, *arguments: (None, None, 0, 0, 1024)
    MetalDriver.launcher_cls = lambda self, source, metadata: lambda *arguments, **options: None


def compare_nothing() -> None:
    """Every comparison of results holds: nothing was computed."""
    import numpy as np
    import torch

    torch.allclose = torch.equal = lambda *arguments, **options: True
    torch.testing.assert_close = lambda *arguments, **options: None
    for name in ("assert_allclose", "assert_equal", "assert_array_equal", "assert_array_almost_equal"):
        setattr(np.testing, name, lambda *arguments, **options: None)
