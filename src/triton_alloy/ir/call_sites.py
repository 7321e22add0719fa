"""Where inlined code was called from: locations of callees with their callers."""

from __future__ import annotations

from .core import Op
from .types import Location


def called(callee: Location, caller: Location) -> Location:
    """`callsite(callee at caller)`, inlined code. The variable is the callee's, or the one assigned from the call."""
    if not callee.file:
        return caller.named(callee.name) if callee.name else caller
    if callee.caller is not None:
        caller = called(callee.caller, caller)
    name = callee.name or caller.name
    return Location(callee.file, callee.line, callee.column, name, caller, callee.former)


class Caller:
    """The place of a call, with the locations of inlined code that were already made of it."""

    def __init__(self, place: Location):
        self.place = place
        self.known: dict[int, tuple[Location, Location]] = {}

    def mark(self, op: Op) -> None:
        """Say of an op, and of what is in it, that it was called from here."""
        op.location = self.called(op.location)
        for result in op.results:
            result.location = self.called(result.location)
        for block in op.blocks():
            for argument in block.arguments:
                argument.location = self.called(argument.location)
            for inner in block:
                self.mark(inner)

    def called(self, callee: Location) -> Location:
        """By identity: a location's hash is that of its whole chain. The key's owner is kept, so that it stays."""
        found = self.known.get(id(callee))
        if found is None:
            found = self.known[id(callee)] = (callee, called(callee, self.place))
        return found[1]
