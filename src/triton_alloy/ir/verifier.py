"""Checks a module: every op by its row, every value defined before its uses, every block ended by a terminator."""

from __future__ import annotations

from typing import NoReturn

from ..errors import InvalidIR
from .core import Block, Op, Region, Value
from .registry import Count, OpRule, Trait, find_rule, is_terminator

_NO_TERMINATOR = ("builtin.module",)


def verify(module: Op, *, allow_unregistered: bool = False) -> None:
    """Raise InvalidIR, naming the op, the rule and the place, if `module` or anything in it breaks a rule.

    allow_unregistered: accept ops without a row in the tables; their operands are checked all the same.
    """
    _Verifier(allow_unregistered).operation(module)


def fail(op: Op, problem: str) -> NoReturn:
    place = f" at {op.location}" if str(op.location) else ""
    raise InvalidIR(f"{op.name}{place}: {problem}")


def dominators(region: Region) -> dict[Block, set[Block]]:
    """For each block that the entry reaches, the blocks on every path to it, itself included."""
    entry, *others = region.blocks
    everything = set(region.blocks)
    found = {entry: {entry}} | dict.fromkeys(others, everything)
    sources: dict[Block, list[Block]] = {block: [] for block in region.blocks}
    for block in region.blocks:
        for successor in block.terminator.successors:
            sources[successor].append(block)
    changed = True
    while changed:
        changed = False
        for block in others:
            new = {block}.union(set.intersection(*(found[s] for s in sources[block]))) if sources[block] else everything
            changed |= new != found[block]
            found[block] = new
    return found


def dominator_tree(region: Region) -> dict[Block, list[Block]]:
    """For each block, the blocks that it dominates with none between."""
    above = dominators(region)
    tree: dict[Block, list[Block]] = {block: [] for block in region.blocks}
    for block, found in above.items():
        others = found - {block}
        if others:
            tree[max(others, key=lambda other: len(above[other]))].append(block)
    return tree


class _Verifier:
    def __init__(self, allow_unregistered: bool):
        self.allow_unregistered = allow_unregistered
        self.visible: set[Value] = set()

    def operation(self, op: Op) -> None:
        rule = find_rule(op.name)
        if rule is None and not self.allow_unregistered:
            fail(op, "it is no registered operation")
        for i, operand in enumerate(op.operands):
            if operand not in self.visible:
                fail(op, f"operand {i} is used where it is not defined")
            if operand.uses.get(op) != op.operands.count(operand):
                fail(op, f"the uses of operand {i} are not recorded rightly")
        if rule is not None:
            _check_counts(op, rule)
        self.regions(op, isolated=rule is not None and Trait.ISOLATED in rule.traits)
        if rule is not None and rule.check is not None:
            problem = rule.check(op)
            if problem is not None:
                fail(op, problem)
        self.visible.update(op.results)

    def regions(self, op: Op, isolated: bool) -> None:
        outside = self.visible
        for region in op.regions:
            if not region.blocks:
                continue
            self.visible = set() if isolated else set(outside)
            self.region(op, region)
        self.visible = outside

    def region(self, op: Op, region: Region) -> None:
        for block in region.blocks:
            self.ending(op, block)
        if len(region.blocks) == 1:
            self.block(region.blocks[0])
            return
        outside = self.visible
        dominating = dominators(region)
        defined: dict[Block, set[Value]] = {}
        # A block dominates only blocks that have more dominators than it has.
        for block in sorted(region.blocks, key=lambda block: len(dominating[block])):
            self.visible = outside.union(*(defined.get(other, ()) for other in dominating[block]))
            before = set(self.visible)
            self.block(block)
            defined[block] = self.visible - before

    def block(self, block: Block) -> None:
        self.visible.update(block.arguments)
        for op in block:
            self.operation(op)

    def ending(self, op: Op, block: Block) -> None:
        if op.name in _NO_TERMINATOR:
            return
        if block.last is None or not (is_terminator(block.last) or self._is_unknown(block.last)):
            fail(op, "a block does not end in a terminator")
        for inner in block:
            if inner is not block.last and is_terminator(inner):
                fail(inner, "a terminator is not the last op of its block")

    def _is_unknown(self, op: Op) -> bool:
        return self.allow_unregistered and find_rule(op.name) is None


def _check_counts(op: Op, rule: OpRule) -> None:
    found = {"operands": len(op.operands), "results": len(op.results), "regions": len(op.regions)}
    for what, expected in zip(found, (rule.operands, rule.results, rule.regions), strict=True):
        if not _fits(found[what], expected):
            fail(op, f"it has {found[what]} {what}, not {_spell(expected)}")
    for name in rule.attributes:
        if name not in op.attributes:
            fail(op, f"it has no attribute {name}")


def _fits(found: int, expected: Count) -> bool:
    if isinstance(expected, int):
        return found == expected
    least, most = expected
    return least <= found and (most is None or found <= most)


def _spell(expected: Count) -> str:
    if isinstance(expected, int):
        return str(expected)
    least, most = expected
    return f"{least} or more" if most is None else f"{least} to {most}"
