"""Inlines every call, also of `noinline` functions, and drops the private functions. Every function is structured."""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.call_sites import Caller
from ...ir.core import Builder, Op, Value
from ...ir.types import SymbolAttribute


def run(module: Op) -> None:
    functions = {op.attributes["sym_name"]: op for op in module.body if op.name == "tt.func"}
    finished: set[Op] = set()
    for function in functions.values():
        _inline_calls(function, functions, finished, ())
    for function in functions.values():
        if function.attributes.get("sym_visibility") == "private":
            function.erase()


def _inline_calls(function: Op, functions: dict[str, Op], finished: set[Op], callers: tuple[Op, ...]) -> None:
    """Callees first, so that each body is copied with no calls in it."""
    if function in finished:
        return
    calls = [op for op in function.walk() if op.name == "tt.call"]
    for call in calls:
        callee = _callee(call, functions)
        if callee is function or callee in callers:
            raise Unsupported(call, "a recursive call: Metal has no stack")
        _inline_calls(callee, functions, finished, (*callers, function))
        _inline(call, callee)
    finished.add(function)


def _callee(call: Op, functions: dict[str, Op]) -> Op:
    symbol = call.attributes["callee"]
    callee = functions.get(symbol.name) if isinstance(symbol, SymbolAttribute) else None
    if callee is None or not callee.regions[0].blocks:
        raise Unsupported(call, f"{symbol} is not defined in the module")
    return callee


def _inline(call: Op, callee: Op) -> None:
    mapping: dict[Value, Value] = dict(zip(callee.body.arguments, call.operands, strict=True))
    builder, caller = Builder.before_op(call), Caller(call.location)
    for op in callee.body:
        if op.name == "tt.return":
            call.replace_by([mapping.get(value, value) for value in op.operands])
            return
        caller.mark(builder.insert(op.clone(mapping)))
