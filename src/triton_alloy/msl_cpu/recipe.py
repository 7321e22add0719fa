"""How a text becomes a loaded library: the key under which it is kept, and what is compiled where it is not there."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .compile import cache
from .compile.build import STDLIB, compile_library, find_compiler, processor
from .compile.fingerprint import package_fingerprint
from .errors import FrameTooLarge, LaunchError, NoCompiler
from .launch.plan import open_library, runtime

if TYPE_CHECKING:
    from .text.rewrite import CppProgram
    from .text.signatures import ConstantValue

# A kernel from the cache is loaded without the rewriter and sanitize: their import takes longer than the loading.
_OPTIMISATION = {"fast": "-O3", "reference": "-O2", "sanitize": "-O1"}
_STACKS_LOG2 = range(16, 21)
_STACK_LOG2_OF_LOGS = 17  # formatting a message takes several kilobytes


def fast_math() -> str:
    """$MSL_CPU_FAST_MATH: "exact", or "worst", in which fast:: functions err as far as Metal lets them."""
    chosen = os.environ.get("MSL_CPU_FAST_MATH") or "exact"
    if chosen not in ("exact", "worst"):
        raise LaunchError(f"MSL_CPU_FAST_MATH={chosen!r}: expected exact or worst")
    return chosen


@dataclass(frozen=True)
class Recipe:
    """source: Metal text that the rewriter takes as it is; mode: "fast", "reference" or "sanitize"; constants: values
    of function constants by index or name; bounds: every access of fast mode is checked."""

    source: str
    mode: str
    constants: Mapping[int | str, ConstantValue]
    bounds: bool

    def load(self) -> tuple[ctypes.CDLL, dict[str, Any]]:
        """The library and what the host must know of it: "stack_log2", and "entries" as `_description` makes them.

        Raises CompileError, NoCompiler, FrameTooLarge.
        """
        if self.mode in ("fast", "sanitize") and find_compiler().family == "gcc":
            remedy = "install clang >= 17 or the ziglang wheel (`pip install ziglang`)"
            raise NoCompiler(f"{self.mode} mode cannot be had from g++: {remedy}")
        if self.mode == "sanitize":
            from . import sanitize

            sanitize.runtime()
        if self.bounds:
            runtime()  # has the list of ranges
        path, description = cache.fetch(self.key, self.build)
        if self.mode == "sanitize":
            from .launch.places import line_table

            line_table(str(path))
        return open_library(path), description

    @property
    def key(self) -> str:
        """Changes with all that the library depends on."""
        return cache.make_key(
            self.source,
            self.mode,
            repr(sorted(self.constants.items(), key=str)),
            _OPTIMISATION[self.mode],
            fast_math(),
            str(self.bounds),
            package_fingerprint(),
            find_compiler().identity,
            processor(),
        )

    def flags(self) -> tuple[str, ...]:
        """The compiler's flags that no text asks for."""
        flags: tuple[str, ...] = ("-DMSL_FAST_ERRORS",) if fast_math() == "worst" else ()
        if find_compiler().family != "gcc":
            from .launch.places import FLAGS as LINES

            flags += LINES
        if self.mode == "sanitize":
            from .sanitize import FLAGS as CHECKS

            flags += CHECKS
        return flags

    def build(self) -> tuple[bytes, dict[str, Any]]:
        """Compile for the smallest stacks; again for larger ones where a function's frame does not fit."""
        from .text.rewrite import rewrite

        compiler = find_compiler()
        columns = compiler.family != "gcc"
        program = rewrite(self.source, self.mode, self.constants, columns=columns, bounds=self.bounds)
        watched = self.mode == "reference" and program.fibers and compiler.family != "gcc"
        log2 = _STACK_LOG2_OF_LOGS if "os_log" in self.source else _STACKS_LOG2.start
        while True:
            flags = (*self.flags(), f"-DMSL_STACK_LOG2={log2}")
            if watched:
                flags += ("-finstrument-function-entry-bare", f"-DMSL_STACK_MARGIN={_stack_margin(log2)}")
            content, frame = self._compile(program, flags)
            if frame <= _largest_frame(log2, self.mode):
                return content, _description(program, log2)
            # Compiled for another stack, the frame may be a little larger.
            log2 = next((wider for wider in _STACKS_LOG2 if frame <= _largest_frame(wider, self.mode) * 4 // 5), 0)
            if not log2:
                raise FrameTooLarge(frame, _largest_frame(_STACKS_LOG2[-1], self.mode) * 4 // 5)

    def _compile(self, program: CppProgram, flags: tuple[str, ...]) -> tuple[bytes, int]:
        """The content of the library, and bytes of stack of its hungriest function."""
        from .compile.precompiled import including

        compiler = find_compiler()
        translation = [*compiler.flags(program.contract, _OPTIMISATION[self.mode]), *program.flags, *flags]
        head = including(compiler, [*translation, "-x", "c++"], STDLIB)
        compiled = compile_library(program.text, self.source, [*translation, *head], program.scale)
        return compiled.content, compiled.largest_frame


def _stack_margin(log2: int) -> int:
    """Bytes that a thread of reference mode must have left where a function begins: no frame may be larger."""
    return 2 ** (log2 - 1) * 3 // 8


def _largest_frame(log2: int, mode: str) -> int:
    """Bytes that one frame may take. The tops of the stacks of threads are spread over half a stack."""
    if mode == "fast":
        return 2 ** (log2 + 4)
    return _stack_margin(log2) - 1024 if mode == "reference" else 2 ** (log2 - 1) - 1024


def _description(program: CppProgram, stack_log2: int) -> dict[str, Any]:
    return {
        "stack_log2": stack_log2,
        "entries": [
            (entry.name, entry.symbol, [p.index for p in entry.parameters if p.optional], entry.max_threads)
            for entry in program.entries
        ],
    }
