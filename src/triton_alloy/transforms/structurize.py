"""Early returns become nested scf.if: a function of several blocks gets a single one.

Triton's branches only lead forward, so a function is a directed acyclic graph of blocks. Each block is moved, once:

- where the two ways of a branch share no later block, each way holds everything up to its return:
      if c: return            =>      scf.if c { } else { rest }
      rest
- where they share some, all paths into these go through one, the join. If no way can return before it, the scf.if
  yields the join's arguments; else it also yields whether it has returned, and what, and the join is guarded by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dialects.control import branch_operands
from ..errors import Unsupported
from ..ir.core import Block, Builder, Op, Region, Value
from ..ir.types import I1, FunctionType, PointerType, TextAttribute, Type, element_of

RETURNS = ("tt.return", "tt.map_elementwise.return", "tt.reduce.return", "tt.scan.return")


def run(module: Op) -> None:
    """In place, on functions and on those that ops apply to single elements."""
    for op in list(module.walk()):
        for region in op.regions:
            if len(region.blocks) > 1:
                _structurize(op, region)


def _outputs(op: Op) -> list[Type]:
    """The types that the function in the op's region returns."""
    type_ = op.attributes.get("function_type")
    if isinstance(type_, FunctionType):
        return list(type_.outputs)
    return [element_of(result.type) for result in op.results for _ in range(op.integer("pack", 1))]


def _structurize(op: Op, region: Region) -> None:
    structurizer = _Structurizer(region, _outputs(op))
    body = Block()
    for argument in region.blocks[0].arguments:
        argument.replace_by(body.add_argument(argument.type, argument.location))
    region.blocks[0].arguments = []
    last = next(block.terminator for block in reversed(region.blocks) if block.terminator.name in RETURNS)
    builder, name = Builder(body, location=last.location), last.name
    leaving = structurizer.emit(region.blocks[0], None, builder)
    assert leaving.returned is True and leaving.result is not None, "every path ends in a tt.return"
    builder.build(name, leaving.result)
    region.blocks = []
    region.append(body)


@dataclass
class _Leaving:
    """How emitted code ends. returned: whether by a return: known, or an i1. arguments: of the block at which the code
    was to stop, None if it always returns; result: of the function, None if it never returns."""

    returned: bool | Value
    arguments: Sequence[Value] | None
    result: Sequence[Value] | None


class _Structurizer:
    def __init__(self, region: Region, outputs: Sequence[Type]):
        self.outputs = outputs
        self.later: dict[Block, set[Block]] = {}
        for block in region.blocks:
            self._reach(block, ())

    def _reach(self, block: Block, path: tuple[Block, ...]) -> set[Block]:
        """The blocks that `block` leads to, itself included."""
        if block in path:
            raise Unsupported(block.terminator, "a branch leads backwards")
        if block not in self.later:
            following = [self._reach(successor, (*path, block)) for successor in block.terminator.successors]
            self.later[block] = {block}.union(*following)
        return self.later[block]

    def emit(self, block: Block, stop: Block | None, builder: Builder) -> _Leaving:
        """Move `block` and what follows, up to `stop` or a return, to the builder."""
        for op in block:
            if op is not block.last:
                builder.insert(op.detach())
        end = block.terminator
        builder.location = end.location
        if end.name in RETURNS:
            operands = list(end.operands)
            end.erase()
            return _Leaving(True, None, operands)
        ways = list(zip(end.successors, [list(values) for values in branch_operands(end)], strict=True))
        condition = end.operands[0] if len(ways) == 2 else None
        end.erase()
        if condition is None:
            return self.follow(*ways[0], stop, builder)
        join = self.join(ways[0][0], ways[1][0], stop)
        leaving = self.branch(condition, ways, join, builder)
        return leaving if join is stop or join is None else self.resume(leaving, join, stop, builder)

    def follow(self, target: Block, values: Sequence[Value], stop: Block | None, builder: Builder) -> _Leaving:
        if target is stop:
            return _Leaving(False, values, None)
        for argument, value in zip(target.arguments, values, strict=True):
            argument.replace_by(value)
        return self.emit(target, stop, builder)

    def join(self, yes: Block, no: Block, stop: Block | None) -> Block | None:
        """Where two ways meet again, at the latest at `stop`."""
        passed = self.later[stop] if stop is not None else set()
        shared = (self.later[yes] & self.later[no]) - passed
        if not shared:
            return stop
        first = max(shared, key=lambda block: len(self.later[block]))
        own = (self.later[yes] | self.later[no]) - passed - shared
        if any(successor in shared - {first} for block in own for successor in block.terminator.successors):
            raise Unsupported(first.terminator, "branches that meet in two places")
        return first

    def branch(self, condition: Value, ways: list, join: Block | None, builder: Builder) -> _Leaving:
        """The scf.if of the two ways to `join`."""
        blocks, leavings = [], []
        for target, values in ways:
            block = Block()
            leavings.append(self.follow(target, values, join, Builder(block, location=builder.location)))
            blocks.append(block)
        return self.merge(condition, blocks, leavings, join, builder)

    def resume(self, leaving: _Leaving, join: Block, stop: Block | None, builder: Builder) -> _Leaving:
        """Go on from `join`, unless the code before has returned."""
        if leaving.returned is True:
            return leaving
        assert leaving.arguments is not None
        if leaving.returned is False:
            return self.follow(join, leaving.arguments, stop, builder)
        done, rest = Block(), Block()
        after = self.follow(join, leaving.arguments, stop, Builder(rest, location=builder.location))
        before = _Leaving(True, None, leaving.result)
        return self.merge(leaving.returned, [done, rest], [before, after], stop, builder)

    def merge(
        self, condition: Value, blocks: list[Block], leavings: list[_Leaving], stop: Block | None, builder: Builder
    ) -> _Leaving:
        """An scf.if of `blocks`, which gives what distinguishes how they leave."""
        first, second = (leaving.returned for leaving in leavings)
        is_known = isinstance(first, bool) and first is second
        kinds: list[Sequence[Type]] = [[] if is_known else [I1], [], []]
        if any(leaving.returned is not True for leaving in leavings):
            assert stop is not None
            kinds[1] = [argument.type for argument in stop.arguments]
        if any(leaving.returned is not False for leaving in leavings):
            kinds[2] = self.outputs
        for block, leaving in zip(blocks, leavings, strict=True):
            _yield(block, leaving, kinds, builder)
        regions = [Region([block]) for block in blocks]
        results = builder.build("scf.if", [condition], [t for types in kinds for t in types], regions=regions).results
        returned, rest = (first, results) if is_known else (results[0], results[1:])
        count = len(kinds[1])
        return _Leaving(returned, rest[:count], rest[count:])


def _yield(block: Block, leaving: _Leaving, kinds: list[Sequence[Type]], outer: Builder) -> None:
    """End a way: what it does not give, the code after the scf.if does not look at."""
    builder = Builder(block, location=outer.location)
    values: list[Value] = []
    if kinds[0]:
        flag = leaving.returned
        values.append(builder.constant(int(flag), I1) if isinstance(flag, bool) else flag)
    for types, given in ((kinds[1], leaving.arguments), (kinds[2], leaving.result)):
        values += given if given is not None and len(given) == len(types) else [_any(builder, t) for t in types]
    builder.build("scf.yield", values)


def _any(builder: Builder, type_: Type) -> Value:
    """Some value."""
    if isinstance(element_of(type_), PointerType):
        return builder.value("ub.poison", [], type_, {"value": TextAttribute("#ub.poison")})
    return builder.constant(0, type_)
