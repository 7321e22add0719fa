"""Clean-ups that several stages use: dead code, common subexpressions, loop invariants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator

from .core import Block, Op, Region, Value
from .registry import Trait, is_pure, is_removable, is_terminator, traits
from .types import Attribute
from .verifier import dominator_tree

LOOPS = ("scf.for", "scf.while")


def eliminate_dead_code(op: Op) -> None:
    """Remove the ops in `op` that have no effect and no use, and those that this leaves unused."""
    for block in op.blocks():
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


def eliminate_common_subexpressions(op: Op, loads: Collection[str] = ()) -> None:
    """Replace pure ops by an equal one that dominates them; of names, the first stays.

    Ops named in `loads` also become one, where nothing between them in their block writes."""
    _merge_equal(op, {}, loads)


def _merge_equal(op: Op, known: dict[Hashable, Op], loads: Collection[str]) -> None:
    """`known` holds the ops that are visible in `op`'s regions; it is as before on return."""
    if Trait.ISOLATED in traits(op):
        known = {}
    for region in op.regions:
        if len(region.blocks) == 1:
            for key in _merge_in_block(region.blocks[0], known, loads):
                del known[key]
        elif region.blocks:
            _merge_below(region.blocks[0], dominator_tree(region), known, loads)


def _merge_below(
    block: Block, tree: dict[Block, list[Block]], known: dict[Hashable, Op], loads: Collection[str]
) -> None:
    """In a block and those that it dominates."""
    added = _merge_in_block(block, known, loads)
    for child in tree[block]:
        _merge_below(child, tree, known, loads)
    for key in added:
        del known[key]


def _merge_in_block(block: Block, known: dict[Hashable, Op], loads: Collection[str]) -> list[Hashable]:
    """The keys that this adds to `known`."""
    added: list[Hashable] = []
    loaded: dict[Hashable, Op] = {}
    for op in block:
        if op.regions:
            _merge_equal(op, known, loads)
        key = _merge_key(op)
        table = known
        if key is None:
            if loaded and not is_removable(op) and not is_terminator(op):
                loaded.clear()
            if op.name not in loads or op.attributes.get("isVolatile") is True:
                continue
            key, table = _shape_key(op, {}), loaded
        if (equal := table.get(key)) is not None:
            op.replace_by(equal.results)
        else:
            table[key] = op
            if table is known:
                added.append(key)
    return added


def _merge_key(op: Op) -> Hashable | None:
    """Equal for ops that compute the same; None for ops that must stay."""
    if not is_pure(op) or any(len(region.blocks) > 1 for region in op.regions):
        return None
    return _shape_key(op, {})


def _shape_key(op: Op, numbers: dict[Value, int]) -> Hashable:
    """What an op is: equal for two ops that differ in their place alone. `numbers` are those of values within."""
    attributes = tuple([(name, frozen(value)) for name, value in op.attributes.items()])
    operands: list = [numbers.get(operand, operand) for operand in op.operands] if numbers else op.operands
    if len(operands) == 2 and Trait.COMMUTATIVE in traits(op) and id(operands[0]) > id(operands[1]):
        operands = operands[::-1]
    types = tuple([result.type for result in op.results])
    if not op.regions:
        return op.name, tuple(operands), types, attributes
    return op.name, tuple(operands), types, attributes, tuple([_region_key(r, numbers) for r in op.regions])


def _region_key(region: Region, numbers: dict[Value, int]) -> Hashable:
    """Of a region of one block or none."""
    if not region.blocks:
        return None
    [block] = region.blocks
    inner = dict(numbers)
    for argument in block.arguments:
        inner[argument] = len(inner)
    keys: list[Hashable] = [argument.type for argument in block.arguments]
    for op in block:
        keys.append(_shape_key(op, inner))
        for result in op.results:
            inner[result] = len(inner)
    return tuple(keys)


def frozen(attribute: Attribute) -> Hashable:
    """An attribute as a key: equal for equal attributes."""
    if isinstance(attribute, dict):
        return tuple((name, frozen(value)) for name, value in attribute.items())
    if isinstance(attribute, tuple):
        return tuple([frozen(item) for item in attribute])
    return type(attribute), attribute


def hoist_invariants(op: Op, worthwhile: Callable[[Op], bool] = lambda _: True) -> None:
    """Move pure ops that depend on nothing computed in a loop before it: from inner loops to outer ones.

    Only ops that are `worthwhile`: a result that takes more registers than what it is made of may better stay."""
    for block in op.blocks():
        for inner in block:
            if inner.regions:
                hoist_invariants(inner, worthwhile)
            if inner.name in LOOPS:
                _hoist_out_of(inner, worthwhile)


def _hoist_out_of(loop: Op, worthwhile: Callable[[Op], bool]) -> None:
    assert loop.block is not None
    for block in loop.blocks():
        for op in block:
            if is_terminator(op) or not is_pure(op) or not worthwhile(op):
                continue
            if all(not value.is_within(loop) for value in _outer_operands(op)):
                loop.block.insert(op.detach(), loop)


def _outer_operands(op: Op) -> Iterator[Value]:
    """What the op, with the ops in its regions, takes from outside of itself."""
    for inner in op.walk():
        for operand in inner.operands:
            if inner is op or not operand.is_within(op):
                yield operand
