"""scf.for and scf.while: iterations that are known, and carried values that are not needed."""

from __future__ import annotations

from ..ir.core import Block, Builder, Op, Value, constant_of
from ..ir.rewrite import drop_carry
from .driver import Rewriter, Rules
from .values import integer, is_within

RULES = Rules()


def trips(lower: Value, upper: Value, step: Value) -> int | None:
    """How often an scf.for runs, if that is known."""
    if lower is upper:
        return 0
    low, high, by = integer(lower), integer(upper), integer(step)
    if low is None or high is None:
        return None
    if high <= low:
        return 0
    return None if by is None or by <= 0 else -(-(high - low) // by)


@RULES.pattern("scf.for")
def run_known_trips(op: Op, rewriter: Rewriter) -> bool:
    """None: the initial values. One: the body, once."""
    count = trips(*op.operands[:3]) if "unsignedCmp" not in op.attributes else None
    if count == 0:
        rewriter.replace(op, op.operands[3:])
    elif count == 1:
        for argument, value in zip(op.body.arguments, (op.operands[0], *op.operands[3:]), strict=True):
            rewriter.replace_value(argument, value)
        rewriter.inline_before(op.body, op)
        rewriter.replace(op, list(op.body.terminator.operands))
    return count in (0, 1)


@RULES.pattern("scf.for")
def drop_needless_carries(op: Op, rewriter: Rewriter) -> bool:
    """A value that no iteration changes, or nobody looks at, or that is carried twice."""
    changed = False
    known: dict[tuple[Value, Value], int] = {}
    for index in range(len(op.results)):
        pair = (op.operands[index + 3], op.body.terminator.operands[index])
        if known.setdefault(pair, index) != index:
            first = known[pair]
            rewriter.replace_value(op.body.arguments[index + 1], op.body.arguments[first + 1])
            rewriter.replace_value(op.results[index], op.results[first])
    for index in reversed(range(len(op.results))):
        argument, initial = op.body.arguments[index + 1], op.operands[index + 3]
        next_value = op.body.terminator.operands[index]
        if next_value is argument or next_value is initial:
            rewriter.replace_value(argument, initial)
            rewriter.replace_value(op.results[index], initial)
        elif not _is_dead(op, index):
            continue
        for value in (initial, next_value):
            if value.definer is not None:
                rewriter.push(value.definer)
        drop_carry(op, index)
        changed = True
    return changed


def _is_dead(op: Op, index: int) -> bool:
    """Whether neither the result nor the carried value has a use."""
    return not op.results[index].uses and not op.body.arguments[index + 1].uses


@RULES.pattern("scf.while")
def run_never_again(op: Op, rewriter: Rewriter) -> bool:
    """A condition that is false: what decides runs once."""
    before = op.regions[0].blocks[0]
    if constant_of(before.terminator.operands[0]) != 0:
        return False
    for argument, value in zip(before.arguments, op.operands, strict=True):
        rewriter.replace_value(argument, value)
    rewriter.inline_before(before, op)
    rewriter.replace(op, before.terminator.operands[1:])
    return True


@RULES.pattern("scf.while")
def drop_unused_passed_values(op: Op, rewriter: Rewriter) -> bool:
    """Values that scf.condition passes on and neither the body nor the code after looks at; or that are the loop's
    own surroundings', or passed twice."""
    before, after = (region.blocks[0] for region in op.regions)
    changed = False
    known: dict[Value, int] = {}
    for index in range(len(op.results)):
        value = before.terminator.operands[index + 1]
        first = known.setdefault(value, index)
        replaced = not is_within(value, op)
        if replaced or first != index:
            rewriter.replace_value(op.results[index], value if replaced else op.results[first])
            rewriter.replace_value(after.arguments[index], value if replaced else after.arguments[first])
    for index in reversed(range(len(op.results))):
        if op.results[index].uses or after.arguments[index].uses:
            continue
        end = before.terminator
        rewriter.set_operands(end, end.operands[: index + 1] + end.operands[index + 2 :])
        after.erase_argument(index)
        op.erase_result(index)
        changed = True
    return changed


@RULES.pattern("scf.while")
def drop_unchanged_initial_values(op: Op, rewriter: Rewriter) -> bool:
    """What every iteration hands back as it was, or that nothing in the deciding block looks at."""
    before, after = (region.blocks[0] for region in op.regions)
    changed = False
    for index in reversed(range(len(op.operands))):
        initial, argument, again = op.operands[index], before.arguments[index], after.terminator.operands[index]
        if again in (initial, argument) or _passes_itself(op, index):
            rewriter.replace_value(argument, initial)
        if argument.uses:
            continue
        end = after.terminator
        rewriter.set_operands(end, end.operands[:index] + end.operands[index + 1 :])
        rewriter.set_operands(op, op.operands[:index] + op.operands[index + 1 :])
        before.erase_argument(index)
        changed = True
    return changed


def _passes_itself(op: Op, index: int) -> bool:
    """Whether the body hands back what the deciding block passed it, and that is the argument itself."""
    before, after = (region.blocks[0] for region in op.regions)
    again = after.terminator.operands[index]
    if again.owner is not after:
        return False
    return before.terminator.operands[again.index + 1] is before.arguments[index]


@RULES.pattern("scf.while")
def know_condition_within(op: Op, rewriter: Rewriter) -> bool:
    """In the body, the condition that was passed on is true."""
    before, after = (region.blocks[0] for region in op.regions)
    condition, *passed = before.terminator.operands
    changed = False
    for value, argument in zip(passed, after.arguments, strict=True):
        if value is condition and argument.uses:
            rewriter.replace_value(argument, _true(after, argument, rewriter))
            changed = True
    return changed


def _true(block: Block, like: Value, rewriter: Rewriter) -> Value:
    constant = Builder(block, block.first, rewriter.location).constant(1, like.type)
    assert constant.definer is not None
    rewriter.push(constant.definer)
    return constant
