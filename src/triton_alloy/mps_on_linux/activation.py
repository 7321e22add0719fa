"""The activation of the device in this process."""

from __future__ import annotations

import importlib
import os
import sys

from ..config import HOST_DEVICES
from ..msl_cpu import MslError
from . import library
from .errors import Unavailable


def is_active() -> bool:
    """Whether this process has PyTorch's device mps from here: it is in host memory."""
    return _STATE.active


def activate() -> None:
    """Give this process PyTorch's device mps, in host memory, and import PyTorch.

    It must come before the first `import torch`. On a Mac it does nothing: that has a device mps of its own. A second
    call does nothing. Raises Unavailable.
    """
    if sys.platform == "darwin" or is_active():
        return
    if sys.platform != "linux":
        raise Unavailable(f"mps_on_linux needs Linux, this is {sys.platform}")
    if "torch" in sys.modules:
        raise Unavailable(
            "PyTorch is imported already, and mps_on_linux must come first: call activate() above the first "
            "`import torch`, run `python -m triton_alloy.mps_on_linux program.py`, or give pytest "
            "`-p triton_alloy.mps_on_linux.pytest_plugin`"
        )
    try:
        path = library.library()
    except MslError as error:
        raise Unavailable(f"the library of mps_on_linux cannot be kept: {error}") from error
    library.load(path)
    _complete()
    _announce()
    _STATE.active = True


class _State:
    """Of this process."""

    active = False


_STATE = _State()


def _complete() -> None:
    torch = importlib.import_module("torch")
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or accelerator.type != "mps":
        raise Unavailable(f"PyTorch {torch.__version__} takes {accelerator} for its accelerator in the place of mps")
    if torch.cuda.is_available():
        raise Unavailable(
            "PyTorch finds a GPU for its device cuda, beside which it takes no mps: set CUDA_VISIBLE_DEVICES to nothing"
        )
    from .torch_facts import complete

    complete(torch)


def _announce() -> None:
    """Tell the rest of this package, and child processes, that tensors on mps lie in host memory."""
    known = HOST_DEVICES.value
    if "mps" not in known:
        os.environ[HOST_DEVICES.name] = ",".join([*known, "mps"])
