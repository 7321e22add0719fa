"""Clean-ups that several stages use: dead code, common subexpressions, loop invariants."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

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


def hoist_invariants(op: Op) -> None:
    """Move pure ops that depend on nothing computed in a loop before it: from inner loops to outer ones."""
    for region in op.regions:
        for block in region.blocks:
            for inner in block:
                if inner.regions:
                    hoist_invariants(inner)
                if inner.name in _LOOPS:
                    _hoist_out_of(inner)


def _hoist_out_of(loop: Op) -> None:
    assert loop.block is not None
    for region in loop.regions:
        for block in region.blocks:
            for op in block:
                if is_terminator(op) or not is_pure(op):
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
