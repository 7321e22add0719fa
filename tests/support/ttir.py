"""Passes on modules in pretty form."""

from __future__ import annotations

from collections.abc import Callable

from triton_alloy.ir.core import Op
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.pretty_printer import print_pretty
from triton_alloy.ir.verifier import verify


def run_pass(run: Callable[[Op], None], text: str) -> Op:
    """The module after the pass; both sides verify."""
    module = parse_pretty(text)
    verify(module)
    run(module)
    verify(module)
    return module


def text_after(run: Callable[[Op], None], text: str) -> str:
    """The same, as pretty text."""
    return print_pretty(run_pass(run, text))


def function(body: str, arguments: str, results: str = "") -> str:
    """A module of one public function `f`; `body` ends in a terminator."""
    arrow = f" -> {results}" if results else ""
    return f"module {{\n  tt.func public @f({arguments}){arrow} {{\n{body}\n  }}\n}}\n"
