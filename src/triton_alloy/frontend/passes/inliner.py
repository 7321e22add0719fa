"""Calls become the code of the functions, in their simplest form; those that are `noinline` stay calls.

A function of several blocks goes only where blocks may be: into a function or a combiner, not into an scf op.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...errors import Unsupported
from ...ir.call_sites import Caller
from ...ir.core import Block, Op, Region, Value
from ...ir.types import SymbolAttribute
from . import canonicalize

_MAY_HAVE_BLOCKS = ("tt.func", "tt.map_elementwise", "tt.reduce", "tt.scan")


def run(module: Op) -> None:
    _Inliner(module).run()


def _callee_name(call: Op) -> str:
    symbol = call.attributes["callee"]
    assert isinstance(symbol, SymbolAttribute)
    return symbol.name


class _Inliner:
    """`calls` is how many calls of each function are still there."""

    def __init__(self, module: Op):
        self.module = module
        self.functions = {op.attributes["sym_name"]: op for op in module.body if op.name == "tt.func"}
        self.calls = Counter(_callee_name(op) for op in module.walk() if op.name == "tt.call")
        self.finished: set[Op] = set()

    def run(self) -> None:
        for function in list(self.functions.values()):
            if not _is_private(function):
                self.inline_calls(function, ())
        called = {_callee_name(op) for op in self.module.walk() if op.name == "tt.call"}
        for name, function in self.functions.items():
            if _is_private(function) and name not in called:
                function.erase()

    def inline_calls(self, function: Op, callers: tuple[Op, ...]) -> None:
        """Callees first, so that each body is taken with no calls in it but those that stay."""
        self.finished.add(function)
        for call in [op for op in function.walk() if op.name == "tt.call"]:
            name = _callee_name(call)
            callee = self.functions.get(name)
            if callee is None or not callee.regions[0].blocks:
                continue
            if callee is function or callee in callers:
                raise Unsupported(call, "a recursive call: Metal has no stack")
            if callee not in self.finished:
                self.inline_calls(callee, (*callers, function))
                canonicalize.run_on(callee)
            if callee.attributes.get("noinline") is not True:
                self.calls[name] -= 1
                _inline(call, callee, is_last=not self.calls[name] and _is_private(callee))


def _is_private(function: Op) -> bool:
    return function.attributes.get("sym_visibility") == "private"


def _inline(call: Op, callee: Op, is_last: bool) -> None:
    """is_last: nobody needs the callee's own code after this."""
    arguments = callee.regions[0].blocks[0].arguments
    if len(callee.regions[0].blocks) == 1 and is_last:
        _move_block(call, callee.body)
    elif len(callee.regions[0].blocks) == 1:
        _copy_body(call, callee.body, dict(zip(arguments, call.operands, strict=True)))
    elif call.parent is not None and call.parent.name in _MAY_HAVE_BLOCKS:
        _inline_blocks(call, callee.regions[0], dict(zip(arguments, call.operands, strict=True)))


def _move_block(call: Op, body: Block) -> None:
    assert call.block is not None
    caller = Caller(call.location)
    for argument, value in zip(body.arguments, call.operands, strict=True):
        argument.replace_by(value)
    for op in body:
        if op is not body.last:
            caller.mark(call.block.insert(op.detach(), call))
    results = body.terminator.operands
    body.terminator.erase()
    call.replace_by(results)


def _copy_body(call: Op, body: Block, mapping: dict[Value, Value]) -> None:
    assert call.block is not None
    caller = Caller(call.location)
    for op in body:
        if op is not body.last:
            caller.mark(call.block.insert(op.clone(mapping), call))
    call.replace_by([mapping.get(value, value) for value in body.terminator.operands])


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
    caller = Caller(call.location)
    for old, copy in copies.items():
        for new in _copied(old, mapping, copies, rest):
            caller.mark(copy.insert(new, call if copy is block else None))
    call.replace_by(results)
    place = block.region.blocks.index(block) + 1
    for copy in (*list(copies.values())[1:], rest):
        copy.region = block.region
    block.region.blocks[place:place] = [*list(copies.values())[1:], rest]


def _copied(old: Block, mapping: dict[Value, Value], copies: dict[Block, Block], rest: Block) -> Iterator[Op]:
    """The ops of a block for its copy; a return goes on with the rest."""
    for op in old:
        if op is old.last and op.name == "tt.return":
            values = [mapping.get(value, value) for value in op.operands]
            yield Op("cf.br", values, location=op.location, successors=[rest])
        else:
            new = op.clone(mapping)
            new.successors = [copies.get(successor, successor) for successor in new.successors]
            yield new
