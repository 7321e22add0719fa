"""`scf`, structured control flow, and `cf`, branches between blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..ir.core import Op, Value
from ..ir.registry import OpRule, Trait, register
from ..ir.types import I1, IndexType, IntegerType
from .types import block_takes, first_problem, terminator_gives, types_of

_ANY = (0, None)


def _for(op: Op) -> str | None:
    """Operands: lower bound, upper bound, step, initial values. Body: induction variable, carried values."""
    bounds, initial = op.operands[:3], types_of(op.operands[3:])
    counter = bounds[0].type
    if any(value.type is not counter for value in bounds) or not isinstance(counter, IntegerType | IndexType):
        return "its bounds and step are no integers of one type"
    if types_of(op.results) != initial:
        return "its results have other types than its initial values"
    return first_problem(
        block_takes(op.body, [counter, *initial], "its body"), terminator_gives(op.body, initial, "its body")
    )


def _if(op: Op) -> str | None:
    if op.operands[0].type is not I1:
        return f"its condition is {op.operands[0].type}"
    results = types_of(op.results)
    if results and not op.regions[1].blocks:
        return "it has results but no else"
    blocks = [region.blocks[0] for region in op.regions if region.blocks]
    return first_problem(*(terminator_gives(block, results, "a branch") for block in blocks))


def _while(op: Op) -> str | None:
    """First region: decides, and passes values on; second region: the body, gives the next initial values."""
    [before], [after] = (region.blocks for region in op.regions)
    initial, passed = types_of(op.operands), types_of(op.results)
    if before.terminator.name != "scf.condition":
        return "its first region does not end in scf.condition"
    return first_problem(
        block_takes(before, initial, "its condition"),
        terminator_gives(before, passed, "its condition", skip=1),
        block_takes(after, passed, "its body"),
        terminator_gives(after, initial, "its body"),
    )


def _condition(op: Op) -> str | None:
    return None if op.operands[0].type is I1 else f"its condition is {op.operands[0].type}"


def _branch(op: Op) -> str | None:
    return block_takes(op.successors[0], types_of(op.operands), "its target") if op.successors else "it has no target"


def branch_operands(op: Op) -> list[list]:
    """The values that a cf.br or cf.cond_br passes to each of its successors."""
    if op.name == "cf.br":
        return [op.operands]
    _, to_first, _ = op.attributes["operandSegmentSizes"]
    return [op.operands[1 : 1 + to_first], op.operands[1 + to_first :]]


def _conditional_branch(op: Op) -> str | None:
    if len(op.successors) != 2:
        return "it has not two targets"
    if op.operands[0].type is not I1:
        return f"its condition is {op.operands[0].type}"
    pairs = zip(op.successors, branch_operands(op), strict=True)
    return first_problem(*(block_takes(block, types_of(values), "a target") for block, values in pairs))


SCF = {
    "for": OpRule((3, None), _ANY, _for, Trait.RECURSIVE, regions=1),
    "if": OpRule(1, _ANY, _if, Trait.RECURSIVE, regions=2),
    "while": OpRule(_ANY, _ANY, _while, regions=2),  # not RECURSIVE: it may never end
    "yield": OpRule(_ANY, 0, traits=Trait.TERMINATOR),
    "condition": OpRule((1, None), 0, _condition, Trait.TERMINATOR),
}
CF = {
    "br": OpRule(_ANY, 0, _branch, Trait.TERMINATOR),
    "cond_br": OpRule((1, None), 0, _conditional_branch, Trait.TERMINATOR, ("operandSegmentSizes",)),
}
register("scf", SCF)
register("cf", CF)


# ------------------------------------------------------------------------------------------------ what is carried
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


def carried_through(op: Op) -> Iterator[Carried]:
    """All that a control flow op carries."""
    return CARRYING[op.name](op) if op.name in CARRYING else iter(())


def _for_carries(op: Op) -> Iterator[Carried]:
    for i, result in enumerate(op.results):
        yield Carried((op.body.arguments[i + 1], result), ((op.body.terminator, i),), ((op, i + 3),))


def _if_carries(op: Op) -> Iterator[Carried]:
    ends = [region.blocks[0].terminator for region in op.regions if region.blocks]
    for i, result in enumerate(op.results):
        yield Carried((result,), tuple((end, i) for end in ends))


def _while_carries(op: Op) -> Iterator[Carried]:
    before, after = (region.blocks[0] for region in op.regions)
    for i, argument in enumerate(before.arguments):
        yield Carried((argument,), ((after.terminator, i),), ((op, i),))
    for i, result in enumerate(op.results):
        yield Carried((after.arguments[i], result), ((before.terminator, i + 1),))


CARRYING = {"scf.for": _for_carries, "scf.if": _if_carries, "scf.while": _while_carries}
