"""Early returns become nested scf.if: a function of several blocks gets a single one.

Triton's branches only lead forward, so a function is a directed acyclic graph of blocks. A branch becomes an scf.if of
what only one of its ways leads to, and what both lead to follows:

- where the ways share no later block, each holds everything up to its return:
      if c: return            =>      scf.if c { } else { rest }
      rest
- where both leave for one block, the join, the scf.if yields the arguments of the join, which goes on after it.
- where they leave for several places (a return before the join, two entries into what they share, a block after an
  outer scf.if), the scf.if also yields flags that say which place it is, and new branches on these lead there. A block
  that only returns is no such place: a branch to it is a return.

Every acyclic graph ends so, whatever its shape: each block is moved once, and nothing but a bare return is copied. The
new branches try the places in topological order; so where the ways of one meet again, its first way has a block that
the other does not lead to, and this is moved there. Of n blocks, then, at most 2n branches need new ones, each at most
n: the scf.ifs are at most 2n(n + 1). Of Triton's own graphs they are about as many as the branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from ...dialects.control import branch_operands
from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import I1, FloatType, FunctionType, IntegerType, Location, TextAttribute, Type, element_of

_Way = tuple[Block, Sequence[Value]]
"""To a block, with its arguments."""
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
    blocks = _in_order(region.blocks[0])
    last = next(block.terminator for block in reversed(region.blocks) if _returns(block))
    structurizer = _Structurizer(region, blocks, last.name, _outputs(op))
    first, body = region.blocks[0], Block()
    arguments = [body.add_argument(argument.type, argument.location) for argument in first.arguments]
    builder = Builder(body, location=last.location)
    leaving = structurizer.emit((first, arguments), (), builder)
    builder.build(last.name, leaving.values[None])
    for block in list(region.blocks):
        block.erase()
    region.append(body)


def _move(block: Block, values: Sequence[Value], builder: Builder) -> tuple[list[Value], list[_Way]]:
    """Move what is in a block, whose arguments are `values`, to the builder. The operands of its terminator, and the
    ways that it leads: none from a return."""
    for argument, value in zip(block.arguments, values, strict=True):
        argument.replace_by(value)
    for op in block:
        if op is not block.last:
            builder.insert(op.detach())
    end = block.terminator
    builder.location, operands = end.location, list(end.operands)
    passed = [] if end.name in RETURNS else [list(values) for values in branch_operands(end)]
    end.erase()
    return operands, list(zip(end.successors, passed, strict=True))


def _returns(block: Block) -> bool:
    return block.terminator.name in RETURNS


def _only_returns(block: Block) -> bool:
    return _returns(block) and block.first is block.last


def _in_order(first: Block) -> list[Block]:
    """The blocks that `first` leads to, itself included: each before those that it leads to, and first ways first."""
    finished: dict[Block, None] = {}
    path = {first: reversed(first.terminator.successors)}
    while path:
        block = next(reversed(path))
        following = next((successor for successor in path[block] if successor not in finished), None)
        if following is None:
            finished[block] = None
            del path[block]
        elif following in path:
            raise Unsupported(following.terminator, "a branch leads backwards")
        else:
            path[following] = reversed(following.terminator.successors)
    return list(reversed(finished))


Exit = Block | None
"""Where code may leave for: a block that is emitted later, or None: it returns."""


@dataclass
class _Leaving:
    """How emitted code ends. values: for each exit, in the order in which they are asked for, its arguments or the
    function's results; flags: for each but the last an i1, whether it is this one, if it is none before."""

    values: dict[Exit, Sequence[Value]]
    flags: dict[Exit, Value] = field(default_factory=dict)


class _Structurizer:
    """order: where the blocks are in topological order; later: those that each block leads to, itself included."""

    def __init__(self, region: Region, blocks: list[Block], name: str, outputs: list[Type]):
        self.region = region
        self.name = name
        self.outputs = outputs
        self.later: dict[Block, set[Block]] = {}
        self.order = {block: index for index, block in enumerate(blocks)}
        for block in reversed(blocks):
            self.reach(block)

    def reach(self, block: Block) -> None:
        self.later[block] = {block}.union(*(self.later[successor] for successor in block.terminator.successors))

    def emit(self, way: _Way, exits: Sequence[Block], builder: Builder) -> _Leaving:
        """Move what a way leads to, up to `exits` or a return, to the builder."""
        while True:
            block, values = way
            if block in exits:
                return _Leaving({block: values})
            if _only_returns(block):
                given = dict(zip(block.arguments, values, strict=True))
                builder.location = block.terminator.location
                return _Leaving({None: [given.get(value, value) for value in block.terminator.operands]})
            operands, ways = _move(block, values, builder)
            if not ways:
                return _Leaving({None: operands})
            if len(ways) == 1:
                [way] = ways
                continue
            leaving = self.branch(operands[0], ways, self.places(ways, exits), builder)
            if leaving.values.keys() <= {None, *exits}:
                return leaving
            way = self.dispatch(leaving, builder.location)

    def places(self, ways: Sequence[_Way], exits: Sequence[Block]) -> list[Block]:
        """Where two ways leave for: the blocks that they enter of those that both lead to, and of `exits`.

        Behind the exits they enter no blocks but bare returns, and those are copied."""
        targets = [block for block, _ in ways]
        yes, no = (self.later[block] for block in targets)
        passed = {block for exit_ in exits for block in self.later[exit_]}
        own = (yes ^ no) - passed
        entered = {successor for block in own for successor in block.terminator.successors}.union(targets) - own
        entered -= passed.difference(exits)
        if len(entered) > 1:
            entered = {block for block in entered if not _only_returns(block)}
        return sorted(entered, key=self.rank)

    def branch(self, condition: Value, ways: Sequence[_Way], exits: Sequence[Block], builder: Builder) -> _Leaving:
        """The scf.if of two ways up to `exits`, which gives where it leaves for, and with what."""
        blocks, leavings = [], []
        for way in ways:
            block = Block()
            leavings.append(self.emit(way, exits, Builder(block, location=builder.location)))
            blocks.append(block)
        found = sorted({place for leaving in leavings for place in leaving.values}, key=self.rank)
        types = {place: self.types(place) for place in sorted(found, key=lambda place: place is None)}
        for block, leaving in zip(blocks, leavings, strict=True):
            _yield(block, leaving, found[:-1], types, builder)
        kinds = [I1] * (len(found) - 1) + [type_ for kind in types.values() for type_ in kind]
        regions = [Region([block]) for block in blocks]
        results = iter(builder.build("scf.if", [condition], kinds, regions=regions).results)
        flags = {place: next(results) for place in found[:-1]}
        passed = {place: list(islice(results, len(kind))) for place, kind in types.items()}
        return _Leaving({place: passed[place] for place in found}, flags)

    def rank(self, place: Exit) -> int:
        """A return comes first."""
        return -1 if place is None else self.order[place]

    def types(self, place: Exit) -> list[Type]:
        return self.outputs if place is None else [argument.type for argument in place.arguments]

    def dispatch(self, leaving: _Leaving, location: Location) -> _Way:
        """To the place that `leaving` is for: new branches on its flags if there are several."""
        [*others, last] = [self.way(place, values, location) for place, values in leaving.values.items()]
        for flag, way in reversed(list(zip(leaving.flags.values(), others, strict=True))):
            last = (self.new_branch(flag, way, last, location), [])
        return last

    def way(self, place: Exit, values: Sequence[Value], location: Location) -> _Way:
        return (self.new_block(Op(self.name, values, location=location)), []) if place is None else (place, values)

    def new_branch(self, condition: Value, yes: _Way, no: _Way, location: Location) -> Block:
        sizes = {"operandSegmentSizes": (1, len(yes[1]), len(no[1]))}
        operands = [condition, *yes[1], *no[1]]
        return self.new_block(Op("cf.cond_br", operands, (), sizes, (), location, [yes[0], no[0]]))

    def new_block(self, end: Op) -> Block:
        block = self.region.append(Block())
        block.append(end)
        self.reach(block)
        return block


def _yield(
    block: Block, leaving: _Leaving, flagged: Sequence[Exit], types: dict[Exit, list[Type]], outer: Builder
) -> None:
    """End a way: what it does not give, the code after the scf.if does not look at."""
    builder = Builder(block, location=outer.location)
    values: list[Value] = []
    for place in flagged:
        flag = leaving.flags.get(place)
        values.append(flag if flag is not None else builder.constant(int(place in leaving.values), I1))
    for place, kinds in types.items():
        values += leaving.values[place] if place in leaving.values else [_any(builder, kind) for kind in kinds]
    builder.build("scf.yield", values)


def _any(builder: Builder, type_: Type) -> Value:
    """Some value."""
    if isinstance(element_of(type_), IntegerType | FloatType):
        return builder.constant(0, type_)
    return builder.value("ub.poison", [], type_, {"value": TextAttribute("#ub.poison")})
