"""Functions that nothing calls, and that nobody outside may call, go."""

from __future__ import annotations

from ...ir.core import Op
from ...ir.types import SymbolAttribute


def run(module: Op) -> None:
    functions = {op.attributes["sym_name"]: op for op in module.body if op.name == "tt.func"}
    used: set[str] = set()
    work = [op for op in functions.values() if op.attributes.get("sym_visibility") != "private"]
    while work:
        for op in work.pop().walk():
            symbol = op.attributes.get("callee") if op.name == "tt.call" else None
            if isinstance(symbol, SymbolAttribute) and symbol.name not in used:
                used.add(symbol.name)
                work += [functions[symbol.name]] if symbol.name in functions else []
    for name, function in functions.items():
        if name not in used and function.attributes.get("sym_visibility") == "private":
            function.erase()
