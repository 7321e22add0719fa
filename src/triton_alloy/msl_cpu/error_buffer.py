"""The buffer into which texts of PyTorch write errors, such as an index that is out of range: TORCH_REPORT_ERROR."""

from __future__ import annotations

import ctypes

from .errors import LaunchError


class _Message(ctypes.Structure):
    """As in c10/metal/error.h."""

    _fields_ = (
        ("file", ctypes.c_char * 128),
        ("function", ctypes.c_char * 128),
        ("message", ctypes.c_char * 250),
        ("line", ctypes.c_uint32),
    )


class ErrorBuffer(ctypes.Structure):
    """As in c10/metal/error.h; `count` may be more than there is room for."""

    _fields_ = (("count", ctypes.c_uint32), ("messages", _Message * 30))

    def check(self) -> None:
        """Raises LaunchError with the first message that a kernel has left."""
        if self.count:
            first = self.messages[0]
            place = f"{first.file.decode()}:{first.line}: {first.function.decode()}"
            raise LaunchError(f"{place}: {first.message.decode()}")
