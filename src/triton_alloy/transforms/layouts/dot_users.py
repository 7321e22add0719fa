"""What becomes of the results of dots: which dots must keep their rows in one simdgroup, and which follow another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...dialects import is_elementwise
from ...dialects.control import Carried, Use, carried_through
from ...ir.core import Op, Value
from .layout_rules import is_tensor, shape_of


@dataclass
class DotUsers:
    """by_rows: the dots of which a row must be in one simdgroup; chained: those that have another's result as A."""

    by_rows: set[Op] = field(default_factory=set)
    chained: set[Op] = field(default_factory=set)


class Uses:
    """The uses of values, as long as no op gets other operands."""

    def __init__(self) -> None:
        self._numbers: dict[Op, dict[Value, list[int]]] = {}

    def of(self, value: Value) -> Iterator[Use]:
        """Each use as the user and the operand's number."""
        for op in value.uses:
            for index in self._numbers_of(op)[value]:
                yield op, index

    def _numbers_of(self, op: Op) -> dict[Value, list[int]]:
        """The numbers of the operands that a value is."""
        if op not in self._numbers:
            numbers: dict[Value, list[int]] = defaultdict(list)
            for index, operand in enumerate(op.operands):
                numbers[operand].append(index)
            self._numbers[op] = numbers
        return self._numbers[op]


def dot_users(function: Op) -> DotUsers:
    """Of all dots of a function."""
    found, uses = DotUsers(), Uses()
    carried = {use: item for op in function.walk() for item in carried_tensors(op) for use in item.uses}
    for dot in [op for op in function.walk() if op.name == "tt.dot"]:
        users = list(_users_of_rows(dot, carried, uses))
        chained = {user for user in users if user.name == "tt.dot"}
        found.chained |= chained
        if users:
            found.by_rows |= {dot, *chained}
    return found


def _users_of_rows(dot: Op, carried_by_use: dict[Use, Carried], uses: Uses) -> Iterator[Op]:
    """The ops that want a row of the dot's result, or of what is computed from it by elements, in one simdgroup:
    reductions along rows, and dots that have it as A."""
    pending, seen = [dot.result], {dot.result}
    while pending:
        value = pending.pop()
        for op, index in uses.of(value):
            along_rows = op.name == "tt.reduce" and op.integer("axis") == len(shape_of(value)) - 1
            if along_rows or (op.name == "tt.dot" and index == 0):
                yield op
            carried = carried_by_use.get((op, index))
            passes_on = is_elementwise(op) or op.name == "msl.slice"
            following = carried.targets if carried is not None else op.results if passes_on else ()
            pending += [v for v in following if v not in seen]
            seen.update(following)


def carried_tensors(op: Op) -> Iterator[Carried]:
    """The tensors that a control flow op carries; none for other ops."""
    return (carried for carried in carried_through(op) if is_tensor(carried.targets[0]))
