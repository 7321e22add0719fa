"""Inlines every call, also of `noinline` functions, and drops the private functions. Every function is structured."""

from __future__ import annotations

from ..errors import Unsupported
from ..ir.core import Builder, Op, Value
from ..ir.syntax import called
from ..ir.types import Location, SymbolAttribute


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
    builder = Builder.before_op(call)
    for op in callee.body:
        if op.name == "tt.return":
            call.replace_by([mapping.get(value, value) for value in op.operands])
            return
        set_caller(builder.insert(op.clone(mapping)), call.location)


def set_caller(copy: Op, caller: Location) -> None:
    """Say of an op, and of what is in it, that it was called from `caller`."""
    for op in copy.walk():
        op.location = called(op.location, caller)
        values = [*op.results, *(a for region in op.regions for block in region.blocks for a in block.arguments)]
        for value in values:
            value.location = called(value.location, caller)
