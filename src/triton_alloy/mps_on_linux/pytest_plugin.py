"""A pytest plugin: tests find PyTorch's device "mps", on a Mac its own, on Linux one in host memory.

    pytest -p triton_alloy.mps_on_linux.pytest_plugin

It must be loaded before anything imports PyTorch, as `-p` does; the processes of pytest-xdist load it by themselves.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from triton_alloy.mps_on_linux import Unavailable, activate, is_active

PLUGINS = "PYTEST_PLUGINS"
"""The variable by which pytest loads plugins before any conftest.py, in child processes too."""


def _activate() -> None:
    try:
        activate()
    except Unavailable as error:
        raise pytest.UsageError(f"mps_on_linux: {error}") from error
    known = [name for name in os.environ.get(PLUGINS, "").split(",") if name]
    if __name__ not in known:
        os.environ[PLUGINS] = ",".join([*known, __name__])


_activate()  # here, as every hook comes after the first conftest.py


def pytest_report_header() -> str:
    """Which device the tests have."""
    return f"mps: {'in host memory, by triton_alloy.mps_on_linux' if is_active() else 'of this machine'}"


@pytest.fixture(scope="session")
def mps_device() -> Any:
    """torch.device("mps")."""
    import torch

    return torch.device("mps")
