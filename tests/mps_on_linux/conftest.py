"""Where the device can be had: tests that need it are skipped elsewhere, with the reason that a user is told."""

from __future__ import annotations

import sys

import pytest

from triton_alloy.mps_on_linux import Unavailable, library


@pytest.fixture(scope="session")
def device_can_be_built() -> None:
    """Skips without Linux, PyTorch or g++. A library that does not build is no reason: it fails."""
    if sys.platform != "linux":
        pytest.skip(f"mps_on_linux needs Linux, this is {sys.platform}")
    try:
        library.find_torch()
        library.find_compiler()
    except Unavailable as error:
        pytest.skip(str(error))
