"""Triton's driver interface."""

from __future__ import annotations

from triton.backends.driver import DriverBase


class MetalDriver(DriverBase):
    """Not active yet."""

    @classmethod
    def is_active(cls) -> bool:
        return False

    def map_python_to_cpp_type(self, ty: str) -> str:
        raise NotImplementedError

    def get_current_target(self):
        raise NotImplementedError

    def get_active_torch_device(self):
        raise NotImplementedError

    def get_benchmarker(self):
        raise NotImplementedError
