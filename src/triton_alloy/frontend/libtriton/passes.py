"""libtriton's `passes`: each `add_...` appends one of our passes (transforms/ttir) to a pass manager.

`ttir` and `common` are the parts that do not belong to one vendor's hardware; names that are not here are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from ...transforms.ttir import PASSES
from .pass_manager import pass_manager

# libtriton's function -> (the name in a pipeline's text, the pass)
_COMMON = {
    "add_canonicalizer": ("canonicalize", "canonicalizer"),
    "add_cse": ("cse", "cse"),
    "add_inliner": ("inline", "inliner"),
    "add_licm": ("loop-invariant-code-motion", "licm"),
    "add_sccp": ("sccp", "canonicalizer"),
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


def _adder(title: str, name: str) -> Callable[[pass_manager], None]:
    def add(manager: pass_manager) -> None:
        manager.add(title, PASSES[name])

    return add


common = SimpleNamespace(**{name: _adder(*row) for name, row in _COMMON.items()})
ttir = SimpleNamespace(**{name: _adder(*row) for name, row in _TTIR.items()})
