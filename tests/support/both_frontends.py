"""Builds a kernel's module twice from one source: with native libtriton, and with ours in its place in one process.

Upstream's three files that build modules hold libtriton's `ir` as a global, which is swapped; all else is shared, so
that both see the same constants, even where a test draws them at random.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from triton.compiler import CompilationError, code_generator
from triton.language import core, semantic

from triton_alloy.frontend.libtriton import ir as our_ir

SHOWN_LINES = 12


@dataclass(frozen=True)
class Comparison:
    """same: whether both gave the same text, with names, locations and floats as they are, or the same error.
    failed: whether it was an error. difference: the first lines that differ. lines: of the native text."""

    same: bool
    failed: bool
    difference: tuple[str, ...]
    lines: int


@contextlib.contextmanager
def frontend(ir: ModuleType) -> Iterator[None]:
    """Let upstream's front end build with `ir`."""
    holders = (code_generator, core, semantic)
    before = [holder.ir for holder in holders]
    try:
        for holder in holders:
            holder.ir = ir
        yield
    finally:
        for holder, old in zip(holders, before, strict=True):
            holder.ir = old


def build(ir: ModuleType, source: Any, target: Any, backend: Any, options: Any) -> tuple[str, bool]:
    """(the module's text with locations and that without, or the error's; whether it was an error)."""
    context = ir.context()
    ir.load_dialects(context)
    functions, modules = backend.get_codegen_implementation(options), backend.get_module_map()
    try:
        with frontend(ir):
            module = code_generator.ast_to_ttir(
                source.fn, source, context=context, options=options, codegen_fns=functions, module_map=modules
            )
        return module.str() + module.str_nodebug(), False
    except CompilationError as error:
        return re.sub(r"(?<= at )0x[0-9a-f]+", "an address", f"{type(error).__name__}: {error}"), True


def compare(native: tuple[str, bool], ours: tuple[str, bool]) -> Comparison:
    """What `build` gave with either `ir`."""
    before, after = native[0].splitlines(), ours[0].splitlines()
    changes = [] if before == after else list(difflib.unified_diff(before, after, "native", "ours", n=0, lineterm=""))
    return Comparison(native == ours, native[1], tuple(changes[:SHOWN_LINES]), len(before))


__all__ = ["Comparison", "build", "compare", "frontend", "our_ir"]
