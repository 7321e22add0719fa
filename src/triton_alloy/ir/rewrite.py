"""Clean-ups that several stages use: dead code, common subexpressions, loop invariants."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

from .core import Block, Op, Value
from .registry import Trait, is_pure, is_removable, is_terminator, traits
from .types import Attribute

_LOOPS = ("scf.for", "scf.while")


def eliminate_dead_code(op: Op) -> None:
    """Remove the ops in `op` that have no effect and no use, and those that this leaves unused."""
    for region in op.regions:
        for block in region.blocks:
            inner = block.last
            while inner is not None:
                before = inner.prev
                if _is_unused(inner) and not is_terminator(inner) and is_removable(inner):
                    inner.erase()
                elif inner.regions:
                    eliminate_dead_code(inner)
                inner = before


def _is_unused(op: Op) -> bool:
    return not any(result.uses for result in op.results)


def eliminate_common_subexpressions(op: Op) -> None:
    """Replace pure ops by an equal one that dominates them. Of names, the first stays."""
    _merge_equal(op, {})


def _merge_equal(op: Op, known: dict[Hashable, Op]) -> None:
    """`known` holds the ops that are visible in `op`'s regions; it is as before on return."""
    if Trait.ISOLATED in traits(op):
        known = {}
    for region in op.regions:
        for block in region.blocks:
            added = []
            for inner in block:
                key = _merge_key(inner)
                if key is None:
                    if inner.regions:
                        _merge_equal(inner, known)
                elif (equal := known.get(key)) is not None:
                    inner.replace_by(equal.results)
                else:
                    known[key] = inner
                    added.append(key)
            for key in added:
                del known[key]


def _merge_key(op: Op) -> Hashable | None:
    """Equal for ops that compute the same; None for ops that must stay."""
    if op.regions or not is_pure(op):
        return None
    attributes = tuple([(name, _frozen(value)) for name, value in op.attributes.items()])
    operands = op.operands
    if len(operands) == 2 and Trait.COMMUTATIVE in traits(op) and id(operands[0]) > id(operands[1]):
        operands = operands[::-1]
    return op.name, tuple(operands), tuple([result.type for result in op.results]), attributes


def _frozen(attribute: Attribute) -> Hashable:
    if isinstance(attribute, dict):
        return tuple((name, _frozen(value)) for name, value in attribute.items())
    if isinstance(attribute, tuple):
        return tuple([_frozen(item) for item in attribute])
    return type(attribute), attribute


def hoist_invariants(op: Op, worthwhile: Callable[[Op], bool] = lambda _: True) -> None:
    """Move pure ops that depend on nothing computed in a loop before it: from inner loops to outer ones.

    Only ops that are `worthwhile`: a result that takes more registers than what it is made of may better stay."""
    for region in op.regions:
        for block in region.blocks:
            for inner in block:
                if inner.regions:
                    hoist_invariants(inner, worthwhile)
                if inner.name in _LOOPS:
                    _hoist_out_of(inner, worthwhile)


def _hoist_out_of(loop: Op, worthwhile: Callable[[Op], bool]) -> None:
    assert loop.block is not None
    for region in loop.regions:
        for block in region.blocks:
            for op in block:
                if is_terminator(op) or not is_pure(op) or not worthwhile(op):
                    continue
                if all(not _is_within(value, loop) for value in _outer_operands(op)):
                    loop.block.insert(op.detach(), loop)


def _outer_operands(op: Op) -> Iterator[Value]:
    """What the op, with the ops in its regions, takes from outside of itself."""
    for inner in op.walk():
        for operand in inner.operands:
            if inner is op or not _is_within(operand, op):
                yield operand


def _is_within(value: Value, ancestor: Op) -> bool:
    """Whether `value` is defined in a region of `ancestor`."""
    owner = value.owner
    block: Block | None = owner if isinstance(owner, Block) else owner.block
    while block is not None and block.region is not None:
        parent = block.region.owner
        if parent is ancestor:
            return True
        block = parent.block if parent is not None else None
    return False


def drop_unchanged_carries(op: Op) -> None:
    """Remove the iteration arguments of scf.for that every iteration passes on as they are."""
    for loop in list(op.walk()):
        if loop.name == "scf.for":
            _drop_unchanged(loop)


def _drop_unchanged(loop: Op) -> None:
    end = loop.body.terminator
    for index in reversed(range(len(loop.results))):
        argument, initial = loop.body.arguments[index + 1], loop.operands[index + 3]
        if end.operands[index] not in (argument, initial):
            continue
        argument.replace_by(initial)
        loop.results[index].replace_by(initial)
        end.set_operands(end.operands[:index] + end.operands[index + 1 :])
        loop.set_operands(loop.operands[: index + 3] + loop.operands[index + 4 :])
        loop.body.erase_argument(index + 1)
        loop.erase_result(index)
