"""PyTorch's Inductor writes Triton for tensors on `mps`, and Alloy runs it: torch.compile on a Mac.

Inductor registers its own Metal code generator for `mps` and has a few places that hard-code what `mps` can do. Where a
registry takes ours instead, ours is registered; the other names are replaced, here and nowhere else, and each does what
it did for every device but `mps`. `import triton` is enough; TRITON_ALLOY_INDUCTOR=0 leaves PyTorch's own.

imports         what is done when a module of PyTorch has been imported
hooks           the table: every name that is replaced, every registration, for each release of PyTorch
device          what Inductor asks of the device: properties, streams, times
templates       block sizes of matrix products and convolutions, for max-autotune
configurations  which configurations of a kernel are worth compiling
builds          builds them at the same time
"""

from types import ModuleType

from ... import config
from .imports import after_import


def install() -> None:
    """Wait for PyTorch's compiler; called where `import triton` looks for drivers, so nothing else is imported here."""
    after_import({"torch._inductor": _found})


def _found(module: ModuleType) -> None:
    """Where there can be tensors on `mps`, and nobody has asked for PyTorch's own code, take care of them."""
    from ...runtime.automatic import has_mps

    if has_mps() and config.INDUCTOR.value == "1":
        from . import hooks

        hooks.install()
