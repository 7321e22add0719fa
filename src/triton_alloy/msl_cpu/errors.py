"""Every error that a user of msl_cpu can see."""

from __future__ import annotations

from dataclasses import dataclass


class MslError(Exception):
    """The base of all errors raised on purpose by this package."""


class NoCompiler(MslError):
    """No usable C++ compiler was found; the message says what was looked for and how to install one."""


@dataclass(frozen=True)
class Diagnostic:
    """One message of the compiler about the user's text. line and column count from 1; 0 where unknown."""

    line: int
    column: int
    severity: str  # "error", "warning" or "note"
    message: str
    source: str = ""  # the user's line
    file: str = "program_source"  # or a file that the text includes

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"
        if not self.source:
            return head
        return f"{head}\n{self.source}\n{' ' * max(self.column - 1, 0)}^"


class CompileError(MslError, SyntaxError):
    """The text is not a valid Metal program (or not one this package can run).

    `diagnostics` holds positions in the user's text; the message prints them as Apple's compiler does.
    A SyntaxError, because torch.mps.compile_shader raises one.
    """

    def __init__(self, diagnostics: list[Diagnostic] | str):
        if isinstance(diagnostics, str):
            diagnostics = [Diagnostic(0, 0, "error", diagnostics)]
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))

    def __reduce__(self):
        return CompileError, (self.diagnostics,)


class FrameTooLarge(CompileError):
    """A function's variables take more stack than a thread can have. required, limit: bytes."""

    def __init__(self, required: int, limit: int):
        self.required, self.limit = required, limit
        super().__init__(f"a thread of this program needs {required} bytes of stack: at most {limit} are supported")

    def __reduce__(self):
        return FrameTooLarge, (self.required, self.limit)


class CompilerCrash(MslError):
    """The C++ compiler died or printed nothing that concerns the user's text; the message holds what it said."""


class LaunchError(MslError, ValueError):
    """A launch was asked for that cannot be right (a missing buffer, too many threads...); nothing was run."""


@dataclass(frozen=True)
class Fault:
    """Why and where a launch was stopped.

    failure: of FAILURES in launch/plan.py; threadgroup: None where unknown; line: in the user's text, 0 where unknown;
    access: "read", "write", "atomic access" outside of the buffers of a launch that checks them, else ""; bytes: that
    it took; address: of the memory; buffer: index of the one that it was meant for, None where unknown; offset: from
    the first of its `size` bytes.
    """

    failure: int
    reason: str
    kernel: str
    threadgroup: tuple[int, ...] | None = None
    line: int = 0
    source: str = ""
    access: str = ""
    bytes: int = 0
    address: int = 0
    buffer: int | None = None
    offset: int = 0
    size: int = 0

    def __str__(self) -> str:
        head = f"program_source:{self.line}: " if self.line else ""
        where = f", threadgroup {self.threadgroup}" if self.threadgroup else ""
        text = f"{head}kernel '{self.kernel}'{where}: {self.reason}"
        if self.access:
            text += f": {self.access} of {self.bytes} bytes"
        if self.access and self.buffer is not None:
            text += f" at offset {self.offset} of buffer {self.buffer}, which has {self.size} bytes"
        return f"{text}\n    {self.source}" if self.source else text


class KernelFailure(MslError, RuntimeError):
    """A kernel started and was stopped: past its deadline, a wild address. Buffers may be half written.

    fault: where, as far as that is known.
    """

    def __init__(self, message: str, fault: Fault | None = None):
        self.fault = fault
        super().__init__(message)

    def __reduce__(self):
        return type(self), (self.args[0], self.fault)


class OutOfStack(KernelFailure):
    """A thread used up its stack, or the system has no memory for the stacks of all threads."""
