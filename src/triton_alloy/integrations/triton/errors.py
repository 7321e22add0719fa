"""A refusal in the form that Triton users know: an error of the compiler that shows the source line."""

from __future__ import annotations

import ast
import linecache

from triton.compiler.errors import CompilationError

from ...errors import Unsupported


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
