"""Every error a user of the compiler can see; a refusal is a feature and says what, why and where."""

from __future__ import annotations

from typing import Any


class AlloyError(Exception):
    """The base of all errors raised on purpose by this package."""


class Unsupported(AlloyError):
    """The compiler cannot translate `op` rightly, hence does not translate it at all.

    op: the operation's name, as in the IR ("tt.gather"); reason: one clause; location: "file.py:12" or "".
    """

    def __init__(self, op: Any, reason: str, location: Any = None):
        self.op = op if isinstance(op, str) else op.name
        self.reason = reason
        where = location if location is not None else getattr(op, "location", None)
        self.location = str(where) if where is not None else ""
        place = f" at {self.location}" if self.location else ""
        super().__init__(f"{self.op}{place}: {reason}")

    def __reduce__(self):
        return Unsupported, (self.op, self.reason, self.location)


class InvalidIR(AlloyError):
    """IR text or an IR module breaks a rule; the message names the op and the rule."""


class InvalidArgument(AlloyError, ValueError):
    """A launch or an API call was given a value that cannot be right; nothing was run."""


class DeviceAssertion(AlloyError, RuntimeError):
    """A tl.device_assert failed, or an overflow check of TRITON_DEBUG, while a kernel ran."""


class OutOfResources(AlloyError):
    """A kernel needs more of something than the device has. An autotuner drops the configuration.

    required, limit: amounts of `name` ("threads", "threadgroup memory").
    """

    def __init__(self, required: int, limit: int, name: str):
        self.required, self.limit, self.name = required, limit, name
        super().__init__(
            f"out of resource: {name}, required: {required}, limit: {limit}; reduce block sizes or num_warps"
        )

    def __reduce__(self):
        return OutOfResources, (self.required, self.limit, self.name)


class RejectedText(AlloyError):
    """The device's compiler rejected a kernel's Metal text, which the compiler should never have printed.

    kernel: its name; messages: of Metal, with lines of the text.
    """

    def __init__(self, kernel: str, messages: str):
        self.kernel, self.messages = kernel, messages
        super().__init__(
            f"Metal rejects the text of {kernel}; please report this as a bug of triton-alloy:\n{messages}"
        )

    def __reduce__(self):
        return RejectedText, (self.kernel, self.messages)


class DeviceFailure(AlloyError, RuntimeError):
    """A device or its driver failed, or stopped a kernel that had begun; the message is its own. Memory that the kernel
    writes may be half written."""
