"""Refusals in the form that Triton users know: an error of the compiler with the source line, a lack of resources."""

from __future__ import annotations

import ast
import linecache

from triton.compiler.errors import CompilationError
from triton.runtime import errors as triton_errors

from ...errors import OutOfResources, Unsupported


class KernelOutOfResources(triton_errors.OutOfResources, OutOfResources):
    """Both Triton's `OutOfResources`, at which an autotuner drops the configuration, and ours.

    required, limit, name: as in `OutOfResources`.
    """

    def __init__(self, required: int, limit: int, name: str):
        OutOfResources.__init__(self, required, limit, name)


def as_triton_has_it(error: OutOfResources) -> KernelOutOfResources:
    """The same error, for an autotuner."""
    return KernelOutOfResources(error.required, error.limit, error.name)


class UnsupportedKernel(CompilationError, Unsupported):
    """Both a Triton `CompilationError` and our `Unsupported`, so that either `except` catches it.

    op, reason, location: as in `Unsupported`; the message adds the line of the user's source, where it can be read.
    """

    def __init__(self, op: str, reason: str, location: str = ""):
        Unsupported.__init__(self, op, reason, location)
        file, _, line = location.rpartition(":")
        self.src = linecache.getline(file, int(line)).rstrip() if line.isdigit() else ""
        self.node = ast.Pass(lineno=int(line) if line.isdigit() else 0, col_offset=0)
        self.error_message = f"{op}: {reason}"
        place = f"at {location}:\n{self.src}\n" if location else ""
        self.message = f"{place}{self.error_message}"

    def __reduce__(self):
        return UnsupportedKernel, (self.op, self.reason, self.location)
