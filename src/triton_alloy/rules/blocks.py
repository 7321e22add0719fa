"""cf: branches with known conditions, blocks that nothing reaches, blocks that could be one."""

from __future__ import annotations

from collections.abc import Hashable

from ..dialects.control import branch_operands
from ..ir.core import Block, Builder, Op, Region, Value, constant_of
from ..ir.rewrite import frozen


def tidy(region: Region) -> bool:
    """Simplify the branches between the blocks of a region. Whether anything changed."""
    changed = False
    while len(region.blocks) > 1 and _tidy_once(region):
        changed = True
    return changed


def _tidy_once(region: Region) -> bool:
    changed = _erase_unreachable(region)
    for block in region.blocks:
        changed |= _take_known_branch(block) or _skip_empty_targets(block)
    sources = predecessors(region)
    for block in region.blocks:
        if block.terminator.successors:
            changed |= _choose_values(block, sources[block.terminator.successors[0]])
    for block in region.blocks[1:]:
        changed |= _drop_arguments(block, sources[block])
    return _merge_pairs(region) or _merge_equal(region) or changed


def predecessors(region: Region) -> dict[Block, list[Block]]:
    """For each block, those that branch to it; one that does so twice is there twice."""
    found: dict[Block, list[Block]] = {block: [] for block in region.blocks}
    for block in region.blocks:
        for successor in block.terminator.successors:
            found[successor].append(block)
    return found


def _erase_unreachable(region: Region) -> bool:
    reached = {region.blocks[0]}
    work = [region.blocks[0]]
    while work:
        for successor in work.pop().terminator.successors:
            if successor not in reached:
                reached.add(successor)
                work.append(successor)
    dead = [block for block in region.blocks if block not in reached]
    inner = [each for block in dead for op in block for each in op.walk()]
    for op in inner:
        op.set_operands([])
    for block in dead:
        for op in block:
            op.erase()
    region.blocks = [block for block in region.blocks if block in reached]
    return bool(dead)


def _branch(block: Block, target: Block, values: list[Value]) -> None:
    """Replace the block's terminator by a branch."""
    old = block.terminator
    block.insert(Op("cf.br", values, location=old.location, successors=[target]), old)
    old.erase()


def _take_known_branch(block: Block) -> bool:
    """A known condition, or two ways to the same place with the same values."""
    end = block.terminator
    if end.name != "cf.cond_br":
        return False
    ways = list(zip(end.successors, branch_operands(end), strict=True))
    known = constant_of(end.operands[0])
    if known is None and not (ways[0][0] is ways[1][0] and ways[0][1] == ways[1][1]):
        return False
    target, values = ways[0 if known is None or known else 1]
    _branch(block, target, list(values))
    return True


def _choose_values(block: Block, sources: list[Block]) -> bool:
    """A branch both ways to a block that nothing else leads to chooses between the values it passes."""
    end = block.terminator
    if end.name != "cf.cond_br" or end.successors[0] is not end.successors[1] or len(sources) != 2:
        return False
    builder = Builder.before_op(end)
    pairs = zip(*branch_operands(end), strict=True)
    values = [yes if yes is no else _select(builder, end, yes, no) for yes, no in pairs]
    _branch(block, end.successors[0], values)
    return True


def _select(builder: Builder, end: Op, yes: Value, no: Value) -> Value:
    return builder.value("arith.select", [end.operands[0], yes, no], yes.type)


def _skip_empty_targets(block: Block) -> bool:
    """A branch to a block that only branches on goes where that one goes."""
    end = block.terminator
    if not end.successors:
        return False
    changed = False
    for index, target in enumerate(end.successors):
        only = target.terminator
        if target.first is not only or only.name != "cf.br" or only.successors[0] is target:
            continue
        if any(user is not only for argument in target.arguments for user in argument.uses):
            continue
        given = dict(zip(target.arguments, branch_operands(end)[index], strict=True))
        set_way(end, index, only.successors[0], [given.get(value, value) for value in only.operands])
        changed = True
    return changed


def set_way(end: Op, index: int, target: Block, values: list[Value]) -> None:
    """Let a branch's successor `index` be `target`, with these values."""
    ways = [list(operands) for operands in branch_operands(end)]
    ways[index] = values
    end.successors[index] = target
    condition = end.operands[:1] if end.name == "cf.cond_br" else []
    end.set_operands([*condition, *(value for way in ways for value in way)])
    if end.name == "cf.cond_br":
        end.attributes["operandSegmentSizes"] = (1, *(len(way) for way in ways))


def _ways_to(block: Block, sources: list[Block]) -> list[tuple[Op, int]]:
    """The (branch, number of its successor) that lead to a block."""
    ends = [source.terminator for source in dict.fromkeys(sources)]
    return [(end, i) for end in ends for i, successor in enumerate(end.successors) if successor is block]


def _drop_arguments(block: Block, sources: list[Block]) -> bool:
    """Arguments that nobody uses, or that get the same value on every way."""
    changed = False
    ways = _ways_to(block, sources)
    for index in reversed(range(len(block.arguments))):
        argument = block.arguments[index]
        values = {branch_operands(end)[i][index] for end, i in ways} - {argument}
        if argument.uses and len(values) == 1:
            argument.replace_by(values.pop())
        if argument.uses:
            continue
        for end, i in ways:
            kept = list(branch_operands(end)[i])
            del kept[index]
            set_way(end, i, block, kept)
        block.erase_argument(index)
        changed = True
    return changed


def _merge_pairs(region: Region) -> bool:
    """A block that only one branch leads to continues the block of that branch."""
    sources = predecessors(region)
    for block in region.blocks:
        end = block.terminator
        if end.name != "cf.br":
            continue
        target = end.successors[0]
        if target is block or target is region.blocks[0] or len(sources[target]) != 1:
            continue
        for argument, value in zip(target.arguments, end.operands, strict=True):
            argument.replace_by(value)
        end.erase()
        for op in target:
            block.append(op.detach())
        region.blocks.remove(target)
        return True
    return False


# -------------------------------------------------------------------------------------------------------- equal blocks
def _merge_equal(region: Region) -> bool:
    """Two blocks that do the same, but for values from outside, become one that gets these values as arguments."""
    found: dict[Hashable, Block] = {}
    for block in region.blocks[1:]:
        shape = _shape(block)
        first = found.setdefault(shape, block) if shape is not None else block
        if first is not block and _merge_into(first, block, predecessors(region)):
            return True
    return False


def _shape(block: Block) -> Hashable | None:
    """Equal for blocks that differ in values from outside only; None for blocks whose values others use."""
    inside: dict[Value, int] = {argument: index for index, argument in enumerate(block.arguments)}
    keys: list[Hashable] = [argument.type for argument in block.arguments]
    for op in block:
        if op.regions or any(user.block is not block for result in op.results for user in result.uses):
            return None
        operands = tuple([inside.get(value, value.type) for value in op.operands])
        types = tuple([result.type for result in op.results])
        attributes = tuple([(name, frozen(value)) for name, value in op.attributes.items()])
        keys.append((op.name, operands, types, attributes, tuple(op.successors)))
        for result in op.results:
            inside[result] = len(inside)
    return tuple(keys)


def _outer_values(block: Block) -> list[tuple[Op, int]]:
    """The operands that are defined outside of the block, in order."""
    return [(op, i) for op in block for i, value in enumerate(op.operands) if value.block is not block]


def _merge_into(first: Block, second: Block, sources: dict[Block, list[Block]]) -> bool:
    """Let what leads to `second` lead to `first`."""
    pairs = list(zip(_outer_values(first), _outer_values(second), strict=True))
    differing = [(a, b) for a, b in pairs if a[0].operands[a[1]] is not b[0].operands[b[1]]]
    to_first, to_second = _ways_to(first, sources[first]), _ways_to(second, sources[second])
    given = [(a[0].operands[a[1]], b[0].operands[b[1]]) for a, b in differing]
    for (op, index), (value, _) in zip([a for a, _ in differing], given, strict=True):
        op.set_operand(index, first.add_argument(value.type, value.location))
    for end, index in to_first:
        set_way(end, index, first, [*branch_operands(end)[index], *(a for a, _ in given)])
    for end, index in to_second:
        set_way(end, index, first, [*branch_operands(end)[index], *(b for _, b in given)])
    return bool(to_second)
