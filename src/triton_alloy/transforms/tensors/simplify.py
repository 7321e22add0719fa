"""Folds what is known: constants, neutral operands, views of splats, branches. The rules are in `rules/`.

Triton's passes have done most of it on the module; but the later stages count on these forms after their neighbours'
changes, too, and on uniform values being scalars that are splat as late as possible.
"""

from __future__ import annotations

from functools import lru_cache

from ...ir.core import Op
from ...ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from ...rules import branches, floats, integers, memory, selects, shapes
from ...rules.driver import Rewriter, Rules, rewrite
from ...rules.elementwise import broadcast_last, elementwise, splat_integers_last

_OWN = Rules()


def run(module: Op) -> None:
    """In place, on all functions of the module."""
    rewrite(module, _rules())
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)


@lru_cache
def _rules() -> Rules:
    everywhere = elementwise(splat_integers_last, broadcast_last)
    parts = (integers, floats, selects, shapes, memory, branches)
    return Rules(_OWN, *(part.RULES for part in parts), everywhere)


@_OWN.pattern("llvm.intr.assume")
def drop_promise(op: Op, rewriter: Rewriter) -> bool:
    """Nothing here makes use of the user's promises."""
    rewriter.erase(op)
    return True
