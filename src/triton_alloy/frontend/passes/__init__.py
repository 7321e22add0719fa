"""Triton's own target-independent passes, on this IR: for where there is no native libtriton.

PASSES names them as libtriton does, in the order in which the backend runs them; each is `run(module)`, in place.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ir.core import Op
from ...ir.rewrite import hoist_invariants
from . import (
    block_pointer,
    canonicalize,
    combine,
    cse,
    inliner,
    licm,
    loop_unroll,
    reorder_broadcast,
    symbol_dce,
    tensor_descriptor,
)

Pass = Callable[[Op], None]
PASSES: dict[str, Pass] = {
    "inliner": inliner.run,
    "rewrite_tensor_pointer": block_pointer.run,
    "rewrite_tensor_descriptor_to_pointer": tensor_descriptor.run,
    "canonicalizer": canonicalize.run,
    "combine": combine.run,
    "reorder_broadcast": reorder_broadcast.run,
    "cse": cse.run,
    "triton_licm": licm.run,
    "symbol_dce": symbol_dce.run,
    "loop_unroll": loop_unroll.run,
    "licm": hoist_invariants,
}
PIPELINE = tuple(name for name in PASSES if name != "licm")


def optimise(module: Op) -> None:
    """What the backend runs on a freshly built module, in place."""
    for name in PIPELINE:
        PASSES[name](module)
