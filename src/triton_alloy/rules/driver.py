"""Applies rules until none fits: a worklist of ops, fed by every change.

Two kinds of rules. A value rule is for ops of one result without regions: it builds what it needs and gives the value
that replaces the result, or None; the result itself says that the op was changed in place. A pattern changes what it
likes through the rewriter and says whether it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.core import Block, Builder, Op, Value, constant_of
from ..ir.registry import Trait, is_removable, names_with

ValueRule = Callable[[Op, Builder], "Value | None"]
Pattern = Callable[[Op, "Rewriter"], bool]


class Rules:
    """Tables of rules, by op name; filled by the decorators `value` and `pattern`."""

    def __init__(self, *parts: Rules):
        self.values: dict[str, list[ValueRule]] = {}
        self.patterns: dict[str, list[Pattern]] = {}
        for part in parts:
            for name, values in part.values.items():
                self.values.setdefault(name, []).extend(values)
            for name, patterns in part.patterns.items():
                self.patterns.setdefault(name, []).extend(patterns)

    def value(self, *names: str) -> Callable[[ValueRule], ValueRule]:
        """Enter a value rule for the ops of these names."""

        def enter(rule: ValueRule) -> ValueRule:
            for name in names:
                self.values.setdefault(name, []).append(rule)
            return rule

        return enter

    def pattern(self, *names: str) -> Callable[[Pattern], Pattern]:
        """Enter a pattern for the ops of these names."""

        def enter(rule: Pattern) -> Pattern:
            for name in names:
                self.patterns.setdefault(name, []).append(rule)
            return rule

        return enter

    def only(self, *names: str) -> Rules:
        """The rules for the ops of these names."""
        table = Rules()
        table.values = {name: list(self.values[name]) for name in names if name in self.values}
        table.patterns = {name: list(self.patterns[name]) for name in names if name in self.patterns}
        return table


def rewrite(root: Op, rules: Rules) -> bool:
    """Apply the rules to all ops in `root` until none fits; dead ops go too. Whether anything changed.

    Ops with hints of the user, such as `tt.divisibility`, are not replaced."""
    rewriter = Rewriter(rules)
    rewriter.push_within(root)
    rewriter.work.reverse()
    return rewriter.run()


class Rewriter(Builder):
    """A builder before the op at hand that keeps the worklist."""

    def __init__(self, rules: Rules):
        super().__init__(Block())
        self.rules = rules
        self.work: list[Op] = []
        self.pending: set[Op] = set()
        self.changed = False
        self.commutative = names_with(Trait.COMMUTATIVE)

    # ------------------------------------------------------------------------------------------------------ worklist
    def push(self, op: Op) -> None:
        """Look at the op (again)."""
        if op not in self.pending:
            self.pending.add(op)
            self.work.append(op)

    def push_within(self, op: Op) -> None:
        """Look at the ops in the op's regions."""
        for block in op.blocks():
            for inner in block:
                self.push(inner)
                if inner.regions:
                    self.push_within(inner)

    def push_users(self, value: Value) -> None:
        """Look at what uses a value, and at the op that a terminator among these passes it to."""
        for user in value.uses:
            self.push(user)
            if user.next is None and user.parent is not None:
                self.push(user.parent)

    def run(self) -> bool:
        while self.work:
            op = self.work.pop()
            if op not in self.pending:
                continue
            self.pending.remove(op)
            if _is_unused(op) and is_removable(op):
                self.erase(op)
            else:
                self.visit(op)
        return self.changed

    def visit(self, op: Op) -> None:
        name = op.name
        values, patterns = self.rules.values.get(name), self.rules.patterns.get(name)
        if values is None and patterns is None:
            return
        self.move_before(op)
        if values is not None and not (op.attributes and has_hints(op)):
            if name in self.commutative:
                _put_constant_right(op)
            for rule in values:
                value = rule(op, self)
                if value is not None:
                    self.give(op, value)
                    return
        for pattern in patterns or ():
            if pattern(op, self):
                self.changed = True
                if op.block is not None:
                    self.push(op)
                return

    def give(self, op: Op, value: Value) -> None:
        if value.owner is op:
            self.changed = True
            self.push(op)
            self.push_users(value)
        else:
            self.replace(op, [value])

    # ------------------------------------------------------------------------------------------------------- changes
    def move_before(self, op: Op) -> None:
        """Build before `op`, at its location."""
        assert op.block is not None
        self.block, self.before, self.location = op.block, op, op.location

    def insert(self, op: Op) -> Op:
        super().insert(op)
        self.push(op)
        return op

    def replace(self, op: Op, values: Sequence[Value]) -> None:
        """Give the uses of the op's results to `values` and erase it."""
        for result, value in zip(op.results, values, strict=True):
            self.replace_value(result, value)
        self.erase(op)

    def replace_value(self, old: Value, new: Value) -> None:
        self.push_users(old)
        old.replace_by(new)
        self.changed = True

    def erase(self, op: Op) -> None:
        """Erase an unused op; what it used may be dead now."""
        self.changed = True
        self.forget(op)
        op.erase()

    def forget(self, op: Op) -> None:
        """The op is about to go with all in it; what it uses may be dead then."""
        inner = [inside for block in op.blocks() for inside in block]
        for operand in op.operands:
            owner = operand.owner if isinstance(operand.owner, Op) else operand.owner.parent
            if owner is not None:
                self.push(owner)
        for each in inner:
            self.forget(each)
        self.pending.discard(op)
        self.pending.difference_update(inner)

    def set_operands(self, op: Op, operands: Sequence[Value]) -> None:
        """Change an op's operands; what they were may be dead now."""
        for old in op.operands:
            if isinstance(old.owner, Op):
                self.push(old.owner)
        op.set_operands(operands)
        self.push(op)
        self.changed = True

    def inline_before(self, block: Block, op: Op) -> None:
        """Move the block's ops, all but the terminator, before `op`."""
        assert op.block is not None
        for inner in block:
            if inner is not block.last:
                op.block.insert(inner.detach(), op)
                self.push(inner)

    def inline_before_terminator(self, op: Op) -> None:
        """Replace an op without results by what is in its first block."""
        block = op.body
        self.inline_before(block, op)
        self.erase(op)


def _is_unused(op: Op) -> bool:
    for result in op.results:  # noqa: SIM110  one of the hottest lines: no generator
        if result.uses:
            return False
    return True


def has_hints(op: Op) -> bool:
    """Whether the user attached what an analysis wants to find there, `tl.multiple_of`."""
    return any(name.startswith("tt.") for name in op.attributes)


def _put_constant_right(op: Op) -> None:
    left, right = op.operands[0], op.operands[1]
    if constant_of(left) is not None and constant_of(right) is None:
        op.set_operands([right, left, *op.operands[2:]])
