"""Headers that clang reads once: precompiled, in the cache of compiled kernels.

Reading metal_stdlib.h takes a third of the time in which a kernel is compiled, its precompiled form a fifth of that.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import CompilerCrash
from . import cache
from .build import Compiler, processor, run_compiler
from .fingerprint import package_fingerprint
from .workspace import workspace

PATIENCE = 2.0
"""Seconds after which a user at a terminal is told what takes so long."""


@contextlib.contextmanager
def _announced(words: str) -> Iterator[None]:
    """A line on stderr where that is a terminal, if what follows takes long."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(PATIENCE, print, [words], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def including(compiler: Compiler, flags: Sequence[str], header: Path) -> list[str]:
    """Arguments for the compiler that include a header of this package, as it reads under just these flags."""
    if compiler.family == "gcc":
        return ["-include", str(header)]

    def build() -> tuple[bytes, dict[str, str]]:
        with workspace() as directory:
            emit = ("-fsyntax-only", "-Xclang", "-emit-pch", "-Xclang", "-o", "-Xclang", "header.pch")
            with _announced("msl_cpu: preparing its headers for this compiler and these settings, once ..."):
                done = run_compiler(compiler, [*flags, *emit, str(header)], directory)
            if done.returncode:
                raise CompilerCrash(f"the headers of msl_cpu do not compile:\n{done.stderr[-4000:]}")
            return Path(directory, "header.pch").read_bytes(), {"what": f"headers: {header.name}"}

    key = cache.make_key("header", package_fingerprint(), compiler.identity, processor(), str(header), *flags)
    # The key is of the headers' content: that they were installed again since does not matter.
    return ["-Xclang", "-fno-validate-pch", "-include-pch", str(cache.fetch(key, build)[0])]
