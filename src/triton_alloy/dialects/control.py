"""`scf`, structured control flow, and `cf`, branches between blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..ir.core import Block, Op, Value
from ..ir.registry import OpRule, Trait, register
from ..ir.types import I1, IndexType, IntegerType
from .types import block_takes, first_problem, terminator_gives, types_of

_ANY = (0, None)
Use = tuple[Op, int]
"""An op and the number of one of its operands."""


@dataclass(frozen=True, slots=True)
class For:
    """The parts of an scf.for, as they are whenever one is asked for."""

    op: Op

    @property
    def bounds(self) -> list[Value]:
        """Lower bound, upper bound, step."""
        return self.op.operands[:3]

    @property
    def initial(self) -> list[Value]:
        """What the first iteration gets."""
        return self.op.operands[3:]

    @property
    def index(self) -> Value:
        return self.op.body.arguments[0]

    @property
    def carried(self) -> list[Value]:
        """What an iteration gets, as arguments of the body."""
        return self.op.body.arguments[1:]

    @property
    def yielded(self) -> list[Value]:
        """What an iteration hands on."""
        return self.op.body.terminator.operands

    def initial_use(self, number: int) -> Use:
        return self.op, 3 + number

    def set_operands(self, bounds: Sequence[Value], initial: Sequence[Value]) -> None:
        self.op.set_operands([*bounds, *initial])

    def drop(self, number: int) -> None:
        """Carry one value less. Neither its argument nor its result may have a use, but its own yield."""
        initial, end = self.initial, self.op.body.terminator
        end.set_operands(end.operands[:number] + end.operands[number + 1 :])
        self.set_operands(self.bounds, initial[:number] + initial[number + 1 :])
        self.op.body.erase_argument(1 + number)
        self.op.erase_result(number)


@dataclass(frozen=True, slots=True)
class While:
    """The parts of an scf.while. `before` gets what is carried, decides, and passes values on to `after`, the body, and
    to the code after the loop; `after` hands on what is carried."""

    op: Op

    @property
    def initial(self) -> list[Value]:
        return self.op.operands

    @property
    def before(self) -> Block:
        return self.op.regions[0].blocks[0]

    @property
    def after(self) -> Block:
        return self.op.regions[1].blocks[0]

    @property
    def condition(self) -> Value:
        return self.before.terminator.operands[0]

    @property
    def passed(self) -> list[Value]:
        return self.before.terminator.operands[1:]

    @property
    def yielded(self) -> list[Value]:
        return self.after.terminator.operands

    def passed_use(self, number: int) -> Use:
        return self.before.terminator, 1 + number


@dataclass(frozen=True, slots=True)
class If:
    """The parts of an scf.if, which may have no else."""

    op: Op

    @property
    def condition(self) -> Value:
        return self.op.operands[0]

    @property
    def then(self) -> Block:
        return self.op.regions[0].blocks[0]

    @property
    def otherwise(self) -> Block | None:
        return next(iter(self.op.regions[1].blocks), None)


def _for(op: Op) -> str | None:
    """Operands: lower bound, upper bound, step, initial values. Body: induction variable, carried values."""
    bounds, initial = For(op).bounds, types_of(For(op).initial)
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
    if results and If(op).otherwise is None:
        return "it has results but no else"
    return first_problem(*(terminator_gives(block, results, "a branch") for block in op.blocks()))


def _while(op: Op) -> str | None:
    """First region: decides, and passes values on; second region: the body, gives the next initial values."""
    before, after = op.blocks()
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
    loop = For(op)
    for i, (argument, result) in enumerate(zip(loop.carried, op.results, strict=True)):
        yield Carried((argument, result), ((op.body.terminator, i),), (loop.initial_use(i),))


def _if_carries(op: Op) -> Iterator[Carried]:
    ends = [block.terminator for block in op.blocks()]
    for i, result in enumerate(op.results):
        yield Carried((result,), tuple((end, i) for end in ends))


def _while_carries(op: Op) -> Iterator[Carried]:
    loop = While(op)
    for i, argument in enumerate(loop.before.arguments):
        yield Carried((argument,), ((loop.after.terminator, i),), ((op, i),))
    for i, (argument, result) in enumerate(zip(loop.after.arguments, op.results, strict=True)):
        yield Carried((argument, result), (loop.passed_use(i),))


CARRYING = {"scf.for": _for_carries, "scf.if": _if_carries, "scf.while": _while_carries}
