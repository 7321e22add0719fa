"""Which arrays and loop-carried values of a kernel in loop form may share a variable.

A *resident* is a value that needs storage: an array, or a single value carried around a loop or out of a branch. A
loop's argument and its result are one resident. Two residents interfere when one is written while the other is still to
be read; liveness is computed backwards over the structured control flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...dialects.control import For, While
from ...dialects.msl import Form, count_of, row_of
from ...ir.core import Block, Op, Value
from ...ir.registry import is_terminator
from ...ir.types import RegisterType

Live = frozenset[Value]


def carried_arguments(op: Op) -> list[Value]:
    """The block arguments of a loop that stand for its results."""
    if op.name == "scf.while":
        return While(op).after.arguments
    return For(op).carried if op.name in ("scf.for", "msl.loop") else []


def carried_inits(op: Op) -> list[Value]:
    return For(op).initial if op.name == "scf.for" else op.operands


def owner_of(block: Block) -> Op:
    assert block.region is not None and block.region.owner is not None
    return block.region.owner


def in_place_operands(loop: Op) -> list[Value]:
    """Arrays that an msl.loop reads only at the register it then writes, in the order of their use: its results may
    overwrite them."""
    index = loop.body.arguments[0]
    identity = tuple(range(loop.integer("count")))
    allowed: dict[Value, bool] = {}
    for op in loop.walk():
        if op is loop:
            continue
        for operand in op.operands:
            if isinstance(operand.type, RegisterType) and operand.type.count > 1:
                aligned = op.name == "msl.read" and op.operands[1:] == [index] and op.attributes["map"] == identity
                allowed[operand] = allowed.get(operand, True) and aligned
    return [value for value, aligned in allowed.items() if aligned]


class Interference:
    """The residents of a kernel, which pairs interfere, and which pairs would save a copy by sharing."""

    def __init__(self, kernel: Op):
        self.resident: dict[Value, Value] = {}  # a value -> the resident it is
        self.clashes: dict[Value, set[Value]] = defaultdict(set)
        self.wishes: list[tuple[int, Value, Value]] = []  # (weight, resident, resident)
        self._find(kernel)
        self._used: dict[Op, Live] = {}
        self._block(kernel.body, frozenset(), 1)

    # ---------------------------------------------------------------------------------------------------- residents
    def _find(self, kernel: Op) -> None:
        for op in kernel.walk():
            form = row_of(op).form
            if op.name.startswith("scf.") or op.name == "msl.loop" or form is Form.UPDATED:
                for result in op.results:
                    self.resident[result] = result
            elif form is Form.VECTOR and op.block is not None and owner_of(op.block).name != "msl.loop":
                self.resident.update((result, result) for result in op.results)
            for argument, result in zip(carried_arguments(op), op.results, strict=False):
                self.resident[argument] = self.resident[result]
            if op.name == "scf.while":
                for argument in While(op).before.arguments:
                    self.resident[argument] = argument

    def _residents(self, values: list[Value]) -> Live:
        chunks = (v.definer for v in values if v.definer is not None and v.definer.name == "msl.chunk")
        arrays = [*values, *(chunk.operands[0] for chunk in chunks)]
        return frozenset(self.resident[v] for v in arrays if v in self.resident)

    def _outer_uses(self, op: Op) -> Live:
        """Residents used inside the regions of `op` that are not made there."""
        if op not in self._used:
            used: set[Value] = set()
            made: set[Value] = set()
            for inner in op.walk():
                if inner is not op:
                    used |= self._residents(inner.operands)
                    made |= self._residents(inner.results)
                made |= self._residents([a for b in inner.blocks() for a in b.arguments])
            self._used[op] = frozenset(used - made)
        return self._used[op]

    def _clash(self, value: Value, others: Live) -> None:
        for other in others:
            if other is not value and other.type is value.type:
                self.clashes[value].add(other)
                self.clashes[other].add(value)

    def _define(self, values: list[Value], live: Live) -> Live:
        """`values` are written where `live` are still to be read; what is live before."""
        residents = self._residents(values)
        for resident in residents:
            self._clash(resident, live | residents)
        return live - residents

    def _copy(self, targets: list[Value], values: list[Value], live: Live, weight: int) -> Live:
        """All `targets` receive their values at once. A target may share with its own value."""
        residents = self._residents(targets)
        sources = self._residents(values)
        for target, value in zip(targets, values, strict=True):
            mine, source = self.resident[target], self.resident.get(value)
            self._clash(mine, residents)
            self._clash(mine, (live | sources) - ({source} if source is not None else set()))
            if source is not None:
                self.wishes.append((weight * count_of(target), mine, source))
        return (live - residents) | sources

    # ------------------------------------------------------------------------------------------------------- liveness
    def _block(self, block: Block, live: Live, weight: int) -> Live:
        for op in reversed(list(block)):
            live = self._op(op, live, weight)
        return live

    def _op(self, op: Op, live: Live, weight: int) -> Live:
        if op.name in ("scf.for", "msl.loop"):
            return self._loop(op, live, weight)
        if op.name == "scf.if":
            return self._if(op, live, weight)
        if op.name == "scf.while":
            return self._while(op, live, weight)
        if is_terminator(op):
            return live  # handled with the op it ends
        live = self._define(op.results, live)
        form = row_of(op).form
        if form is Form.UPDATED:
            [result] = op.results
            self._clash(result, self._residents(op.operands[1:]))
            self.wishes += [(weight * 10 * count_of(result), result, r) for r in self._residents(op.operands[:1])]
        elif form is Form.VECTOR:
            self._define(op.results, self._residents(op.operands))
        return live | self._residents(op.operands)

    def _loop(self, op: Op, live: Live, weight: int) -> Live:
        arguments = carried_arguments(op)
        count = len(arguments)
        if op.name == "msl.loop":
            live = self._arrays(op, live, weight)
        carried = self._residents(arguments)
        around = live | self._outer_uses(op) | carried
        yielded = op.body.terminator.operands[:count]
        inside = self._copy(arguments, yielded, around, weight * 10)
        inside = self._block(op.body, inside, weight * 10)
        before = (inside | live | self._outer_uses(op)) | carried
        return self._copy(arguments, carried_inits(op)[:count], before, weight) | self._residents(op.operands)

    def _arrays(self, op: Op, live: Live, weight: int) -> Live:
        """The array results of an msl.loop are written while the loop reads."""
        arrays = op.results[op.integer("carried") :]
        resident = [self.resident[v] for v in in_place_operands(op) if v in self.resident]
        overwritten = list(dict.fromkeys(resident))  # a set has another order in each process, and so had the text
        kept = self._outer_uses(op).difference(overwritten)
        for result, value in zip(arrays, op.body.terminator.operands[op.integer("carried") :], strict=True):
            self._clash(result, kept)
            if value.definer is not None and row_of(value.definer).form is Form.VECTOR:
                self._clash(result, frozenset(overwritten))
            for other in overwritten:
                if other.type is result.type and other.name in ("", result.name):
                    self.wishes.append((weight, result, other))
        return self._define(arrays, live)

    def _if(self, op: Op, live: Live, weight: int) -> Live:
        entry = live - self._residents(op.results)
        for block in op.blocks():
            inside = self._copy(op.results, block.terminator.operands, live, weight)
            entry |= self._block(block, inside, weight)
        return entry | self._residents(op.operands)

    def _while(self, op: Op, live: Live, weight: int) -> Live:
        loop = While(op)
        before, after = loop.before, loop.after
        around = (live - self._residents(op.results)) | self._outer_uses(op)
        again = around | self._residents(before.arguments)
        inside = self._copy(before.arguments, loop.yielded, again, weight * 10)
        inside = self._block(after, inside, weight * 10) | around | live | self._residents(op.results)
        inside = self._copy(op.results, loop.passed, inside, weight * 10)
        inside |= self._residents([loop.condition])
        inside = self._block(before, inside, weight * 10) | around | self._residents(before.arguments)
        return self._copy(before.arguments, loop.initial, inside, weight)

    # ------------------------------------------------------------------------------------------------------- grouping
    def shared(self) -> Iterator[list[Value]]:
        """The residents in groups that may have one variable each; the heaviest copies are avoided first."""
        group = {r: [r] for r in dict.fromkeys(self.resident.values())}
        for _, a, b in sorted(self.wishes, key=lambda wish: -wish[0]):
            one, other = group[a], group[b]
            if one is other or a.type is not b.type or any(self.clashes[v] & set(other) for v in one):
                continue
            one += other
            for member in other:
                group[member] = one
        seen: set[int] = set()
        for members in group.values():
            if id(members) not in seen:
                seen.add(id(members))
                yield members
