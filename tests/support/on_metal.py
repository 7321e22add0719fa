"""Puts the double of Metal in the place of the GPU, so that kernels run through the metal runtime on any system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.metal_double import Device, World, double
from triton_alloy.integrations.triton import driver
from triton_alloy.runtime import automatic
from triton_alloy.runtime.metal import MetalDevice


@contextmanager
def metal_double() -> Iterator[World]:
    """Within, ALLOY_RUNTIME=metal means the double. The world records what is called."""
    world = World()
    device = MetalDevice(double(world), Device(world), 18)
    before = automatic._MAKERS["metal"]
    automatic._MAKERS["metal"] = lambda mode, bounds: device
    _forget()
    yield world
    automatic._MAKERS["metal"] = before
    _forget()


def _forget() -> None:
    """The devices that were made before."""
    automatic.device_of.cache_clear()
    driver.device_of.cache_clear()
