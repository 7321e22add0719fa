"""libtriton's `passes`: each `add_...` appends one of our passes (frontend/passes) to a pass manager.

What belongs to other vendors' hardware, or is no part of the way from Triton's front end to ours, is refused by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ...ir.core import Op
from ...ir.pretty_printer import print_pretty
from ..passes import PASSES
from .absent import AbsentModule
from .pass_manager import pass_manager

# libtriton's function -> (the name in a pipeline's text, the pass)
_COMMON = {
    "add_canonicalizer": ("canonicalize", "canonicalizer"),
    "add_cse": ("cse", "cse"),
    "add_inliner": ("inline", "inliner"),
    "add_licm": ("loop-invariant-code-motion", "licm"),
    "add_symbol_dce": ("symbol-dce", "symbol_dce"),
}
_TTIR = {
    "add_combine": ("triton-combine", "combine"),
    "add_loop_unroll": ("triton-loop-unroll", "loop_unroll"),
    "add_reorder_broadcast": ("triton-reorder-broadcast", "reorder_broadcast"),
    "add_rewrite_tensor_descriptor_to_pointer": (
        "triton-rewrite-tensor-descriptor-to-pointer",
        "rewrite_tensor_descriptor_to_pointer",
    ),
    "add_rewrite_tensor_pointer": ("triton-rewrite-tensor-pointer", "rewrite_tensor_pointer"),
    "add_triton_licm": ("triton-licm", "triton_licm"),
}
_ABSENT = ("analysis", "convert", "gluon", "llvmir", "plugin", "ttgpuir")


Adder = Callable[[pass_manager], None]


def _adder(title: str, name: str) -> Adder:
    def add(manager: pass_manager) -> None:
        manager.add(title, PASSES[name])

    return add


def _print_ir(manager: pass_manager) -> None:
    """Print the module as it is at this point of the pipeline."""

    def show(module: Op) -> None:
        print(print_pretty(module), file=sys.stderr)

    manager.add("print-ir", show)


def _part(name: str, **functions: Adder) -> AbsentModule:
    part = AbsentModule(f"{__name__}.{name}")
    for function, add in functions.items():
        setattr(part, function, add)
    return part


common = _part("common", print_ir=_print_ir, **{name: _adder(*row) for name, row in _COMMON.items()})
ttir = _part("ttir", **{name: _adder(*row) for name, row in _TTIR.items()})
analysis, convert, gluon, llvmir, plugin, ttgpuir = map(_part, _ABSENT)
