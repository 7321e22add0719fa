"""scf.if: known conditions, branches that only choose between values, branches that meet."""

from __future__ import annotations

from ..dialects.control import If
from ..ir.core import Block, Op, Region, Value, constant_of
from ..ir.types import I1
from .driver import Rewriter, Rules
from .values import integer, made_by

RULES = Rules()


def _branches(op: Op) -> list[Block | None]:
    return [If(op).then, If(op).otherwise]


def _yielded(block: Block | None) -> list[Value]:
    return block.terminator.operands if block is not None else []


@RULES.pattern("scf.if")
def take_known_branch(op: Op, rewriter: Rewriter) -> bool:
    known = constant_of(If(op).condition)
    if known is None:
        return False
    block = _branches(op)[0 if known else 1]
    if block is not None:
        rewriter.inline_before(block, op)
    rewriter.replace(op, list(_yielded(block)))
    return True


@RULES.pattern("scf.if")
def drop_unused_results(op: Op, rewriter: Rewriter) -> bool:
    unused = [index for index, result in enumerate(op.results) if not result.uses]
    if unused:
        _drop_results(op, unused, rewriter)
    return bool(unused)


def _drop_results(op: Op, indices: list[int], rewriter: Rewriter) -> None:
    """The results must be unused."""
    for block in _branches(op):
        if block is not None:
            kept = [value for i, value in enumerate(block.terminator.operands) if i not in indices]
            rewriter.set_operands(block.terminator, kept)
    for index in reversed(indices):
        op.erase_result(index)


@RULES.pattern("scf.if")
def choose_instead(op: Op, rewriter: Rewriter) -> bool:
    """A result whose values are there before the branch is a choice between them."""
    yes, no = _branches(op)
    if not op.results or yes is None or no is None:
        return False
    pairs = list(zip(_yielded(yes), _yielded(no), strict=True))
    chosen = []
    for index, (result, pair) in enumerate(zip(op.results, pairs, strict=True)):
        if all(_is_before(value, op, rewriter) for value in pair):
            rewriter.replace_value(result, _choice(op, pair, rewriter))
            chosen.append(index)
    if chosen:
        _drop_results(op, chosen, rewriter)
    return bool(chosen)


def _is_before(value: Value, op: Op, rewriter: Rewriter) -> bool:
    """Whether the value is, or can be, defined before `op`: constants are moved."""
    if not value.is_within(op):
        return True
    constant = made_by(value, "arith.constant")
    if constant is None or op.block is None:
        return False
    op.block.insert(constant.detach(), op)
    return True


def _choice(op: Op, pair: tuple[Value, Value], rewriter: Rewriter) -> Value:
    yes, no = pair
    return yes if yes is no else rewriter.value("arith.select", [If(op).condition, yes, no], yes.type)


@RULES.pattern("scf.if")
def drop_empty_else(op: Op, rewriter: Rewriter) -> bool:
    yes, no = _branches(op)
    if op.results or no is None or no.first is not no.last:
        return False
    rewriter.erase(no.terminator)
    op.regions[1].blocks = []
    return True


@RULES.pattern("scf.if")
def know_condition_within(op: Op, rewriter: Rewriter) -> bool:
    """In a branch the condition is known."""
    condition = If(op).condition
    if len(condition.uses) == 1 and condition.uses[op] == 1:
        return False
    changed = False
    for known, block in zip((1, 0), _branches(op), strict=True):
        for user in list(condition.uses):
            if block is not None and user is not op and _is_in(user, block):
                constant = rewriter.constant(known, I1)
                operands = [constant if operand is condition else operand for operand in user.operands]
                rewriter.set_operands(user, operands)
                if user.next is None and user.parent is not None:
                    rewriter.push(user.parent)
                changed = True
    return changed


def _is_in(op: Op, block: Block) -> bool:
    at: Op | None = op
    while at is not None:
        if at.block is block:
            return True
        at = at.parent
    return False


@RULES.pattern("scf.if")
def ask_once_for_both(op: Op, rewriter: Rewriter) -> bool:
    """if a: if b: x  =>  if a and b: x."""
    yes, no = _branches(op)
    inner = yes.first if yes is not None and no is None else None
    if inner is None or inner.name != "scf.if" or inner.next is not yes.terminator or inner.results:  # type: ignore
        return False
    if _branches(inner)[1] is not None or inner.operands[0].is_within(op):
        return False
    both = rewriter.value("arith.andi", [op.operands[0], inner.operands[0]], I1)
    rewriter.inline_before_terminator(inner)
    rewriter.set_operands(op, [both])
    return True


@RULES.pattern("scf.if")
def join_equal_conditions(op: Op, rewriter: Rewriter) -> bool:
    """if a: x; if a: y  =>  if a: x, y."""
    first = op.prev
    while first is not None and first.name == "arith.constant":
        first = first.prev
    if first is None or first.name != "scf.if":
        return False
    swapped = _is_negation(first.operands[0], op.operands[0])
    if first.operands[0] is not op.operands[0] and not swapped:
        return False
    second = _branches(op)[::-1] if swapped else _branches(op)
    pairs = list(zip(_branches(first), second, strict=True))
    if any(value.owner is first for block in second if block is not None for value in _used_from(block, first)):
        _pass_results_on(first, pairs, rewriter)
    blocks = [_join(a, b, rewriter) for a, b in pairs]
    types = [result.type for result in (*first.results, *op.results)]
    regions = [Region([block] if block is not None else []) for block in blocks]
    for old in (first, op):
        for region in old.regions:
            region.blocks = []
    joined = rewriter.build("scf.if", first.operands, types, {**op.attributes, **first.attributes}, regions)
    count = len(first.results)
    rewriter.replace(op, joined.results[count:])
    rewriter.replace(first, joined.results[:count])
    rewriter.push_within(joined)
    if joined.next is not None:
        rewriter.push(joined.next)
    return True


def _is_negation(one: Value, other: Value) -> bool:
    for value, base in ((one, other), (other, one)):
        negation = made_by(value, "arith.xori")
        if negation is not None and negation.operands[0] is base and integer(negation.operands[1]) == 1:
            return True
    return False


def _used_from(block: Block, maker: Op) -> list[Value]:
    return [result for result in maker.results if any(_is_in(user, block) for user in result.uses)]


def _pass_results_on(first: Op, pairs: list[tuple[Block | None, Block | None]], rewriter: Rewriter) -> None:
    """In the second branches, the first op's results are what the first branch of the same side yields."""
    for source, target in pairs:
        if source is None or target is None:
            continue
        for result, value in zip(first.results, _yielded(source), strict=True):
            for user in list(result.uses):
                if _is_in(user, target):
                    rewriter.set_operands(user, [value if operand is result else operand for operand in user.operands])


def _join(first: Block | None, second: Block | None, rewriter: Rewriter) -> Block | None:
    """All of both blocks' ops, yielding what both yield."""
    if first is None or second is None:
        return first if second is None else second
    values = [*_yielded(first), *_yielded(second)]
    rewriter.erase(first.terminator)
    end = second.terminator.detach()
    for inner in second:
        first.append(inner.detach())
    first.append(end)
    rewriter.set_operands(end, values)
    return first
