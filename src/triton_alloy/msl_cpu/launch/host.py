"""What a launch that takes long asks of Python: to run the handlers of signals, and for its deadline."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

_LONGEST = 10**9  # seconds: more would not fit into 64 bits of nanoseconds

# In the order of `Host` in runtime/watcher.h.
_FUNCTIONS = (
    *("PyGILState_Ensure", "PyGILState_Release", "PyErr_CheckSignals"),
    *("PyErr_Fetch", "PyErr_Restore", "PyErr_Occurred"),
    *("PyObject_CallObject", "PyLong_AsUnsignedLong", "Py_DecRef"),
)


class Host(ctypes.Structure):
    """Python's functions by address, and its main thread; mirrors runtime/watcher.h."""

    _fields_ = [*((name, ctypes.c_void_p) for name in _FUNCTIONS), ("main_thread", ctypes.c_ulong)]

    @classmethod
    def of_this_process(cls) -> Host:
        """The interpreter that runs this."""
        functions = (ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p) for name in _FUNCTIONS)
        return cls(*(function.value for function in functions), threading.main_thread().ident)


class Deadline:
    """How long a launch may take; it may change from launch to launch.

    seconds: a function of it, whose result is 0 for no limit; remedy: for the error of a launch that was stopped.
    """

    def __init__(self, seconds: Callable[[], float], remedy: str):
        self.seconds = seconds
        self.remedy = remedy

    @classmethod
    def of(cls, value: float | Deadline | None) -> Deadline | None:
        """A limit from a number of seconds; None where that is 0 or None."""
        if isinstance(value, Deadline):
            return value
        return cls(lambda: value, "pass a longer `deadline`, or none") if value else None

    def nanoseconds(self) -> int:
        """The limit now, 0 for none. The runtime calls it in launches that take longer than a moment."""
        return int(min(self.seconds(), _LONGEST) * 1e9)

    def exceeded(self) -> str:
        """What an error says of a launch that was stopped."""
        return f"the kernel ran past its deadline of {self.seconds():g} s and was stopped; {self.remedy}"
