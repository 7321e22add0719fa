"""Calls become the code of the functions, in their simplest form; those that are `noinline` stay calls.

A function of several blocks goes only where blocks may be: into a function or a combiner, not into an scf op.
"""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.core import Block, Op, Region, Value
from ...ir.types import SymbolAttribute
from ..inline import set_caller
from . import canonicalize

_MAY_HAVE_BLOCKS = ("tt.func", "tt.map_elementwise", "tt.reduce", "tt.scan")


def run(module: Op) -> None:
    functions = {op.attributes["sym_name"]: op for op in module.body if op.name == "tt.func"}
    finished: set[Op] = set()
    for function in list(functions.values()):
        if function.attributes.get("sym_visibility") != "private":
            _inline_calls(function, functions, finished, ())
    called = {_callee_name(op) for op in module.walk() if op.name == "tt.call"}
    for name, function in functions.items():
        if function.attributes.get("sym_visibility") == "private" and name not in called:
            function.erase()


def _callee_name(call: Op) -> str:
    symbol = call.attributes["callee"]
    assert isinstance(symbol, SymbolAttribute)
    return symbol.name


def _inline_calls(function: Op, functions: dict[str, Op], finished: set[Op], callers: tuple[Op, ...]) -> None:
    """Callees first, so that each body is copied with no calls in it."""
    if function in finished:
        return
    finished.add(function)
    for call in [op for op in function.walk() if op.name == "tt.call"]:
        callee = functions.get(_callee_name(call))
        if callee is None or not callee.regions[0].blocks:
            continue
        if callee is function or callee in callers:
            raise Unsupported(call, "a recursive call: Metal has no stack")
        if callee not in finished:
            _inline_calls(callee, functions, finished, (*callers, function))
            canonicalize.run_on(callee)
        if callee.attributes.get("noinline") is not True:
            _inline(call, callee)


def _inline(call: Op, callee: Op) -> None:
    mapping: dict[Value, Value] = dict(zip(callee.regions[0].blocks[0].arguments, call.operands, strict=True))
    if len(callee.regions[0].blocks) == 1:
        _inline_block(call, callee.body, mapping)
    elif call.parent is not None and call.parent.name in _MAY_HAVE_BLOCKS:
        _inline_blocks(call, callee.regions[0], mapping)


def _inline_block(call: Op, body: Block, mapping: dict[Value, Value]) -> None:
    assert call.block is not None
    for op in body:
        if op is body.last:
            call.replace_by([mapping.get(value, value) for value in op.operands])
            return
        copy = op.clone(mapping)
        set_caller(copy, call.location)
        call.block.insert(copy, call)


def _inline_blocks(call: Op, body: Region, mapping: dict[Value, Value]) -> None:
    """What follows the call becomes a block of its own, with the results as its arguments."""
    block = call.block
    assert block is not None and block.region is not None
    rest = Block()
    results = [rest.add_argument(result.type, result.location) for result in call.results]
    while call.next is not None:
        rest.append(call.next.detach())
    copies = {old: Block() for old in body.blocks}
    copies[body.blocks[0]] = block
    for old, copy in list(copies.items())[1:]:
        for argument in old.arguments:
            mapping[argument] = copy.add_argument(argument.type, argument.location)
    for old, copy in copies.items():
        _copy_block(old, copy, mapping, copies, rest, call)
    call.replace_by(results)
    place = block.region.blocks.index(block) + 1
    for copy in (*list(copies.values())[1:], rest):
        copy.region = block.region
    block.region.blocks[place:place] = [*list(copies.values())[1:], rest]


def _copy_block(
    old: Block, copy: Block, mapping: dict[Value, Value], copies: dict[Block, Block], rest: Block, call: Op
) -> None:
    for op in old:
        if op is old.last and op.name == "tt.return":
            values = [mapping.get(value, value) for value in op.operands]
            new = Op("cf.br", values, location=op.location, successors=[rest])
        else:
            new = op.clone(mapping)
            new.successors = [copies.get(successor, successor) for successor in new.successors]
        set_caller(new, call.location)
        copy.insert(new, call if copy is call.block else None)
