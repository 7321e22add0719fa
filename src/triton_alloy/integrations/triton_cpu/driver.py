"""The driver where kernels run on the CPU."""

from __future__ import annotations

from ..triton import driver


class CpuDriver(driver.MetalDriver):
    """Active where no GPU is: neither Apple's nor one of another backend."""

    backend = "cpu"

    @classmethod
    def has_device(cls) -> bool:
        """Whether the CPU is all there is."""
        return not super().has_device() and not driver.finds_other_gpu()
