"""Values that are one tensor in different places: what scf.for, scf.while and scf.if carry in, around and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..ir.core import Op, Value
from .layout_rules import is_tensor

Use = tuple[Op, int]
"""An op and the number of one of its operands."""


@dataclass(frozen=True)
class Carried:
    """`targets`: block arguments and results that must have one layout. `yields` and `initials`: the uses that give
    them their value, every time around and at the start."""

    targets: tuple[Value, ...]
    yields: tuple[Use, ...]
    initials: tuple[Use, ...] = ()

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.yields + self.initials


def carried_by(op: Op) -> Iterator[Carried]:
    """The tensors that a control flow op carries; none for other ops."""
    return (carried for carried in carried_through(op) if is_tensor(carried.targets[0]))


def carried_through(op: Op) -> Iterator[Carried]:
    """All that a control flow op carries."""
    return _KINDS[op.name](op) if op.name in _KINDS else iter(())


def _for(op: Op) -> Iterator[Carried]:
    for i, result in enumerate(op.results):
        yield Carried((op.body.arguments[i + 1], result), ((op.body.terminator, i),), ((op, i + 3),))


def _if(op: Op) -> Iterator[Carried]:
    ends = [region.blocks[0].terminator for region in op.regions if region.blocks]
    for i, result in enumerate(op.results):
        yield Carried((result,), tuple((end, i) for end in ends))


def _while(op: Op) -> Iterator[Carried]:
    before, after = (region.blocks[0] for region in op.regions)
    for i, argument in enumerate(before.arguments):
        yield Carried((argument,), ((after.terminator, i),), ((op, i),))
    for i, result in enumerate(op.results):
        yield Carried((after.arguments[i], result), ((before.terminator, i + 1),))


_KINDS = {"scf.for": _for, "scf.if": _if, "scf.while": _while}
