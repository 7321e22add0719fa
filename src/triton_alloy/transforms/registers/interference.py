"""Which arrays and loop-carried values of a kernel in loop form may share a variable.

A *resident* is a value that needs storage: an array, or a single value carried around a loop or out of a branch. A
loop's argument and its result are one resident. Two residents interfere when one is written while the other is still to
be read; liveness is computed backwards over the structured control flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ...dialects.control import For, While
from ...dialects.msl import Form, count_of, row_of
from ...ir.core import Block, Op, Value
from ...ir.registry import is_terminator
from ...ir.types import RegisterType, Type

Live = int  # a set of residents: bit n is the resident of number n


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
        self.wishes: list[tuple[int, Value, Value]] = []  # (weight, resident, resident)
        self._find(kernel)
        self.bit = {resident: 1 << n for n, resident in enumerate(dict.fromkeys(self.resident.values()))}
        self.clashes: dict[Value, Live] = dict.fromkeys(self.bit, 0)  # each pair under one of the two at least
        self._used: dict[Op, Live] = {}
        self._block(kernel.body, 0, 1)

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

    def _residents(self, values: Sequence[Value]) -> list[Value]:
        chunks = (v.definer for v in values if v.definer is not None and v.definer.name == "msl.chunk")
        arrays = [*values, *(chunk.operands[0] for chunk in chunks)]
        return [self.resident[v] for v in arrays if v in self.resident]

    def _set(self, values: Sequence[Value]) -> Live:
        """The residents among values, and those that chunks among them are of."""
        found = 0
        for resident in self._residents(values):
            found |= self.bit[resident]
        return found

    def _outer_uses(self, op: Op) -> Live:
        """Residents used inside the regions of `op` that are not made there."""
        if op not in self._used:
            used = made = 0
            for inner in op.walk():
                if inner is not op:
                    used |= self._set(inner.operands)
                    made |= self._set(inner.results)
                made |= self._set([a for b in inner.blocks() for a in b.arguments])
            self._used[op] = used & ~made
        return self._used[op]

    def _clash(self, value: Value, others: Live) -> None:
        self.clashes[value] |= others & ~self.bit[value]

    def _define(self, values: list[Value], live: Live) -> Live:
        """`values` are written where `live` are still to be read; what is live before."""
        residents = self._set(values)
        for resident in self._residents(values):
            self._clash(resident, live | residents)
        return live & ~residents

    def _copy(self, targets: list[Value], values: list[Value], live: Live, weight: int) -> Live:
        """All `targets` receive their values at once. A target may share with its own value."""
        residents, sources = self._set(targets), self._set(values)
        for target, value in zip(targets, values, strict=True):
            mine, source = self.resident[target], self.resident.get(value)
            self._clash(mine, residents)
            others = live | sources
            if source is not None:
                others &= ~self.bit[source]
                self.wishes.append((weight * count_of(target), mine, source))
            self._clash(mine, others)
        return (live & ~residents) | sources

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
            self._clash(result, self._set(op.operands[1:]))
            self.wishes += [(weight * 10 * count_of(result), result, r) for r in self._residents(op.operands[:1])]
        elif form is Form.VECTOR:
            self._define(op.results, self._set(op.operands))
        return live | self._set(op.operands)

    def _loop(self, op: Op, live: Live, weight: int) -> Live:
        arguments = carried_arguments(op)
        count = len(arguments)
        if op.name == "msl.loop":
            live = self._arrays(op, live, weight)
        carried = self._set(arguments)
        around = live | self._outer_uses(op) | carried
        yielded = op.body.terminator.operands[:count]
        inside = self._copy(arguments, yielded, around, weight * 10)
        inside = self._block(op.body, inside, weight * 10)
        before = (inside | live | self._outer_uses(op)) | carried
        return self._copy(arguments, carried_inits(op)[:count], before, weight) | self._set(op.operands)

    def _arrays(self, op: Op, live: Live, weight: int) -> Live:
        """The array results of an msl.loop are written while the loop reads."""
        arrays = op.results[op.integer("carried") :]
        resident = [self.resident[v] for v in in_place_operands(op) if v in self.resident]
        overwritten = list(dict.fromkeys(resident))
        kept = self._outer_uses(op) & ~self._set(overwritten)
        alike: dict[tuple[Type, str], list[tuple[int, Value]]] = defaultdict(list)
        for number, other in enumerate(overwritten):
            alike[other.type, other.name].append((number, other))
        for result, value in zip(arrays, op.body.terminator.operands[op.integer("carried") :], strict=True):
            self._clash(result, kept)
            if value.definer is not None and row_of(value.definer).form is Form.VECTOR:
                self._clash(result, self._set(overwritten))
            wished = [each for name in {"", result.name} for each in alike.get((result.type, name), ())]
            self.wishes += [(weight, result, other) for _, other in sorted(wished, key=itemgetter(0))]
        return self._define(arrays, live)

    def _if(self, op: Op, live: Live, weight: int) -> Live:
        entry = live & ~self._set(op.results)
        for block in op.blocks():
            inside = self._copy(op.results, block.terminator.operands, live, weight)
            entry |= self._block(block, inside, weight)
        return entry | self._set(op.operands)

    def _while(self, op: Op, live: Live, weight: int) -> Live:
        loop = While(op)
        before, after = loop.before, loop.after
        around = (live & ~self._set(op.results)) | self._outer_uses(op)
        again = around | self._set(before.arguments)
        inside = self._copy(before.arguments, loop.yielded, again, weight * 10)
        inside = self._block(after, inside, weight * 10) | around | live | self._set(op.results)
        inside = self._copy(op.results, loop.passed, inside, weight * 10)
        inside |= self._set([loop.condition])
        inside = self._block(before, inside, weight * 10) | around | self._set(before.arguments)
        return self._copy(before.arguments, loop.initial, inside, weight)

    # ------------------------------------------------------------------------------------------------------- grouping
    def shared(self) -> Iterator[list[Value]]:
        """The residents in groups that may have one variable each; the heaviest copies are avoided first."""
        group = {r: _Group([r], bit, self.clashes[r]) for r, bit in self.bit.items()}
        for _, a, b in sorted(self.wishes, key=lambda wish: -wish[0]):
            large, small = sorted((group[a], group[b]), key=lambda each: -len(each.members))
            if large is small or a.type is not b.type or large.interferes(small) or small.interferes(large):
                continue
            large.members += small.members
            large.bits |= small.bits
            large.clashes |= small.clashes
            group.update(dict.fromkeys(small.members, large))
        for each in dict.fromkeys(group.values()):
            yield each.members


@dataclass(eq=False)
class _Group:
    """Residents of one variable, and those that interfere with one of them."""

    members: list[Value]
    bits: Live
    clashes: Live

    def interferes(self, other: _Group) -> bool:
        return self.clashes & other.bits != 0
