"""Modules, and the small dialects that Triton's IR borrows a few ops from."""

from __future__ import annotations

from ..ir.registry import OpRule, Trait, register

BUILTIN = {
    "module": OpRule(results=0, regions=1, traits=Trait.ISOLATED),
}
UB = {
    "poison": OpRule(traits=Trait.PURE, attributes=("value",)),
}
LLVM = {
    "intr.assume": OpRule(operands=1, results=0),
}
GPU = {
    "barrier": OpRule(results=0),
}
register("builtin", BUILTIN)
register("ub", UB)
register("llvm", LLVM)
register("gpu", GPU)
