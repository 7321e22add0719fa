"""In which layouts a tensor is used, as far as they are decided.

Users are followed to their results' users and so on. Tensors of which nothing was found so are *barren*: they are not
followed again until a layout is decided that is among what follows from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence

from ...dialects.control import Carried
from ...ir.core import Op, Value
from ...layout import LinearLayout
from .dot_users import Uses
from .layout_rules import ELEMENTWISE, LayoutRule


class WantedLayouts:
    """Of the tensors of a function. What is decided is the analysis's (natural_layouts.py), which says when it adds to
    it; carried: what control flow carries."""

    def __init__(
        self,
        natural: dict[Value, LinearLayout],
        required: dict[Op, LinearLayout],
        dots: dict[Op, tuple[LinearLayout, LinearLayout, LinearLayout]],
        rules: dict[Op, LayoutRule],
        carried: Sequence[Carried],
    ):
        self.natural = natural
        self.required = required
        self.dots = dots
        self.rules = rules
        self._carried_by_use = {use: item for item in carried for use in item.uses}
        self._carried_by_target = {target: item for item in carried for target in item.targets}
        self._uses = Uses()
        self._barren: set[Value] = set()

    def of(self, value: Value, users: Container[Op] | None = None) -> list[LinearLayout]:
        """The layouts in which a tensor is used, each once: those of its users' other operands or results, or those in
        which the results of its users are used. users: only what these want."""
        found: dict[LinearLayout, None] = {}
        pending: list[tuple[Value, tuple[tuple[LayoutRule, Op], ...]]] = [(value, ())]
        seen = {value}
        fruitful: list[Value] = []
        before: dict[Value, list[Value]] = defaultdict(list)
        while pending:
            value, path = pending.pop()
            for op, index in self._uses.of(value) if value not in self._barren else ():
                layouts, following = self._wanted_by(op, index)
                fruitful += [value] if layouts else []
                for layout in layouts if users is None or op in users else ():
                    for rule, passed in path:
                        layout = rule.backward(passed, layout)
                    found[layout] = None
                rule = self.rules.get(op, ELEMENTWISE)
                longer = path if rule is ELEMENTWISE else ((rule, op), *path)
                pending += [(v, longer) for v in following if v not in seen]
                seen.update(following)
                for each in following:
                    before[each].append(value)
        self._barren |= seen - _leading_to(fruitful, before)
        return list(found)

    def _wanted_by(self, op: Op, index: int) -> tuple[list[LinearLayout], Sequence[Value]]:
        """The layouts that a user wants of its operand, and the tensors whose layouts would tell more."""
        if op in self.required:
            return [self.required[op]], ()
        if op in self.dots:
            return [self.dots[op][index]], ()
        if op.name == "tt.dot":
            return ([self.natural[op.result]] if index == 2 else []), ()
        if op.name == "tt.gather" and index == 1:
            return self._anchored(op.results), ()
        carried = self._carried_by_use.get((op, index))
        if carried is not None:
            layouts = self._anchored(carried.targets[:1])
            return layouts, () if layouts else carried.targets
        if op not in self.rules:
            return [], ()
        results = self._anchored(op.results[:1])
        if results:
            return [self.rules[op].backward(op, results[0])], ()
        others = [operand for i, operand in enumerate(op.operands) if i != index]
        return self._anchored(others), op.results

    def _anchored(self, values: Iterable[Value]) -> list[LinearLayout]:
        return [self.natural[value] for value in values if value in self.natural]

    # -------------------------------------------------------------------------------------------------- what is new
    def note_operands(self, op: Op) -> None:
        """The layout that an op requires is decided."""
        self._note(op.operands)

    def note_tensor(self, value: Value) -> None:
        """The natural layout of a tensor is decided."""
        self._note(self._followed_by(value))
        for op in value.uses:
            if op in self.rules:
                self._note(op.operands)

    def _note(self, values: Iterable[Value]) -> None:
        """These are barren no more, nor is what they follow from."""
        pending = [value for value in values if value in self._barren]
        while pending:
            value = pending.pop()
            self._barren.discard(value)
            pending += [each for each in self._followed_by(value) if each in self._barren]

    def _followed_by(self, value: Value) -> Sequence[Value]:
        """The tensors of which a user makes this one."""
        carried = self._carried_by_target.get(value)
        if carried is not None:
            return [op.operands[index] for op, index in carried.uses]
        return value.definer.operands if value.definer is not None else ()


def _leading_to(values: Iterable[Value], before: dict[Value, list[Value]]) -> set[Value]:
    """The values, and those that come before them."""
    found = set(values)
    pending = list(found)
    while pending:
        new = [each for each in before.get(pending.pop(), ()) if each not in found]
        found.update(new)
        pending += new
    return found
