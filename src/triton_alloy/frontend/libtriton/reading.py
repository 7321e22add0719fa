"""Modules from files of MLIR text, for `triton.compile("kernel.ttir")` and Triton's overrides."""

from __future__ import annotations

from pathlib import Path

from ...errors import InvalidIR
from ...ir.parser import parse
from .handles import module

_GENERIC_OP = '"builtin.module"('


def read_module(path: str) -> module:
    """The module in a file, in MLIR's generic or pretty form. Raises RuntimeError with the place and the problem."""
    text = Path(path).read_text("utf-8")
    try:
        if _GENERIC_OP in text:
            return module(parse(text))
        from ...ir.pretty_parser import parse_pretty

        return module(parse_pretty(text))
    except InvalidIR as problem:
        raise RuntimeError(f"Parse MLIR file failed. {path}: {problem}") from problem
