"""The error of a device that cannot be had."""

from __future__ import annotations

from ..errors import AlloyError


class Unavailable(AlloyError, RuntimeError):
    """The device mps cannot be had in this process; the message says why, and what to do."""
