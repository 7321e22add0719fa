"""Elementwise ops before the splats and broadcasts of their operands."""

from __future__ import annotations

from functools import lru_cache

from ...ir.core import Op
from ...rules import shapes
from ...rules.driver import Rules, rewrite
from ...rules.elementwise import broadcast_last, elementwise, splat_last


def run(module: Op) -> None:
    rewrite(module, _rules())


@lru_cache
def _rules() -> Rules:
    return Rules(elementwise(broadcast_last, splat_last), shapes.RULES)
