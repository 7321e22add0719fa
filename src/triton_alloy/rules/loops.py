"""scf.for and scf.while: iterations that are known, and carried values that are not needed."""

from __future__ import annotations

from ..dialects.control import For, While
from ..ir.core import Block, Builder, Op, Value, constant_of
from .driver import Rewriter, Rules
from .values import integer

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
    loop = For(op)
    count = trips(*loop.bounds) if "unsignedCmp" not in op.attributes else None
    if count == 0:
        rewriter.replace(op, loop.initial)
    elif count == 1:
        for argument, value in zip(op.body.arguments, (loop.bounds[0], *loop.initial), strict=True):
            rewriter.replace_value(argument, value)
        rewriter.inline_before(op.body, op)
        rewriter.replace(op, list(loop.yielded))
    return count in (0, 1)


@RULES.pattern("scf.for")
def drop_needless_carries(op: Op, rewriter: Rewriter) -> bool:
    """A value that no iteration changes, or nobody looks at, or that is carried twice."""
    loop, changed = For(op), False
    known: dict[tuple[Value, Value], int] = {}
    for index in range(len(op.results)):
        first = known.setdefault((loop.initial[index], loop.yielded[index]), index)
        if first != index:
            rewriter.replace_value(loop.carried[index], loop.carried[first])
            rewriter.replace_value(op.results[index], op.results[first])
    for index in reversed(range(len(op.results))):
        argument, initial, next_value = loop.carried[index], loop.initial[index], loop.yielded[index]
        if next_value is argument or next_value is initial:
            rewriter.replace_value(argument, initial)
            rewriter.replace_value(op.results[index], initial)
        elif op.results[index].uses or argument.uses:  # neither may have one
            continue
        for value in (initial, next_value):
            if value.definer is not None:
                rewriter.push(value.definer)
        loop.drop(index)
        changed = True
    return changed


@RULES.pattern("scf.while")
def run_never_again(op: Op, rewriter: Rewriter) -> bool:
    """A condition that is false: what decides runs once."""
    loop = While(op)
    before = loop.before
    if constant_of(loop.condition) != 0:
        return False
    for argument, value in zip(before.arguments, op.operands, strict=True):
        rewriter.replace_value(argument, value)
    rewriter.inline_before(before, op)
    rewriter.replace(op, loop.passed)
    return True


@RULES.pattern("scf.while")
def drop_unused_passed_values(op: Op, rewriter: Rewriter) -> bool:
    """Values that scf.condition passes on and neither the body nor the code after looks at; or that are the loop's
    own surroundings', or passed twice."""
    loop, changed = While(op), False
    before, after = op.blocks()
    known: dict[Value, int] = {}
    for index in range(len(op.results)):
        value = loop.passed[index]
        first = known.setdefault(value, index)
        replaced = not value.is_within(op)
        if replaced or first != index:
            rewriter.replace_value(op.results[index], value if replaced else op.results[first])
            rewriter.replace_value(after.arguments[index], value if replaced else after.arguments[first])
    for index in reversed(range(len(op.results))):
        if op.results[index].uses or after.arguments[index].uses:
            continue
        passed = loop.passed
        rewriter.set_operands(before.terminator, [loop.condition, *passed[:index], *passed[index + 1 :]])
        after.erase_argument(index)
        op.erase_result(index)
        changed = True
    return changed


@RULES.pattern("scf.while")
def drop_unchanged_initial_values(op: Op, rewriter: Rewriter) -> bool:
    """What every iteration hands back as it was, or that nothing in the deciding block looks at."""
    before, after = op.blocks()
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
    loop = While(op)
    again = loop.yielded[index]
    return again.owner is loop.after and loop.passed[again.index] is loop.before.arguments[index]


@RULES.pattern("scf.while")
def know_condition_within(op: Op, rewriter: Rewriter) -> bool:
    """In the body, the condition that was passed on is true."""
    before, after = op.blocks()
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
