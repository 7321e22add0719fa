"""The analysis before layouts are assigned: the *natural* layout of each tensor that is worth keeping where it is.

A tensor is *anchored* if it comes from memory, a dot or another op that works across threads, or is computed from such
tensors. All else is *floating*: ranges, splats, addresses, masks, broadcasts are cheap to compute again, and are
computed in whatever layout their users want. The order of decisions:

    1. dots, and what is computed from their results;
    2. loads in program order: each takes the cheapest layout, given those of its operands and those in which its result
       is used; then what follows from them, around loops first, then into loops;
    3. one at a time, what is left: loops that carry floating tensors, reductions of floating tensors, stores.

A decision is final, hence the analysis ends; every tensor that is carried, reduced or accessed has a layout then.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from ...dialects import is_elementwise
from ...dialects.control import Carried, Use
from ...dialects.tt import ATOMICS
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...layout import LinearLayout
from .dot_users import carried_tensors, dot_users, uses_of
from .layout_choice import LayoutChoice, uses_fragments
from .layout_rules import ELEMENTWISE, RULES, LayoutRule, is_tensor, rule_of, shape_of

ACCESSES = frozenset(("tt.load", "tt.store", *(f"tt.{name}" for name in ATOMICS)))
# Ops across threads or with effects that take their operands in any one layout.
WHOLE = frozenset(("tt.reduce", "tt.scan", "tt.assert", "tt.print", "tt.unsplat"))
# Ops whose first operand goes through threadgroup memory: it is taken in any layout, and the result has one of its own.
STAGED = frozenset(("tt.gather", "tt.histogram"))
CONTROL = frozenset(("scf.for", "scf.if", "scf.while", "scf.yield", "scf.condition"))


class NaturalLayouts:
    """`natural`: the layouts of the anchored tensors. `required`: of all tensor operands of the ops in ACCESSES and
    WHOLE and of impure elementwise ops. `dots`: of A, B and C of the dots that the matrix unit does."""

    def __init__(self, function: Op, choice: LayoutChoice):
        self.choice = choice
        self.natural: dict[Value, LinearLayout] = {}
        self.required: dict[Op, LinearLayout] = {}
        self.dots: dict[Op, tuple[LinearLayout, LinearLayout, LinearLayout]] = {}
        self.ops = [op for op in function.walk() if any(map(is_tensor, (*op.operands, *op.results)))]
        self.rules: dict[Op, LayoutRule] = {op: rule for op in self.ops if (rule := rule_of(op)) is not None}
        self._whole = [op for op in self.ops if op.name in WHOLE or _is_impure_elementwise(op, self.rules)]
        self._staged = [op for op in self.ops if op.name in STAGED]
        self._stores = [op for op in self.ops if op.name in ACCESSES and not any(r.uses for r in op.results)]
        following = {*self.ops}.difference(self._stores)
        self._open: list[Op | Carried] = list(self._undecided(function, following))
        self.carried = [item for item in self._open if isinstance(item, Carried)]
        self._carried_by_use = {use: carried for carried in self.carried for use in carried.uses}
        self._decides_loads = False
        self._refuse_unknown()
        self._decide(function)

    def _undecided(self, parent: Op, following: set[Op]) -> Iterator[Op | Carried]:
        """Those of `following` that a rule decides, in program order; what an op carries comes after its regions."""
        for region in parent.regions:
            for block in region.blocks:
                for op in block:
                    yield from self._undecided(op, following)
                    yield from carried_tensors(op)
                    if op in following and op.name not in CONTROL and op.name != "tt.dot":
                        yield op

    def _refuse_unknown(self) -> None:
        known = {*self.rules, *self._whole}
        for op in self.ops:
            if op not in known and op.name not in ACCESSES | CONTROL | STAGED | {"tt.dot"}:
                raise Unsupported(op, "this operation on tensors has no rule for layouts yet", op.location)

    def _decide(self, function: Op) -> None:
        self._place_dots(function)
        self._propagate()
        self._decides_loads = True
        self._propagate_into_loops()
        while self._decide_one():
            self._propagate_into_loops()

    # ----------------------------------------------------------------------------------------------------------- dots
    def _place_dots(self, function: Op) -> None:
        users = dot_users(function)
        for dot in [op for op in self.ops if op.name == "tt.dot"]:
            layout = self.choice.default(shape_of(dot.result))
            if uses_fragments(self.choice.target, dot):
                self.dots[dot] = self.choice.for_dot(dot, dot in users.by_rows, dot in users.chained)
                layout = self.dots[dot][2]
            self.natural[dot.result] = layout

    # --------------------------------------------------------------------------------------------------- propagation
    def _propagate_into_loops(self) -> None:
        self._propagate()
        while any(self._carry(carried, carried.initials) for carried in self.carried):
            self._propagate()

    def _propagate(self) -> None:
        changed = True
        while changed:
            still_open = [item for item in self._open if not self._visit(item)]
            changed = len(still_open) < len(self._open)
            self._open = still_open

    def _visit(self, item: Op | Carried) -> bool:
        """Whether the layouts of an op, or of what is carried, are decided, now or before."""
        if isinstance(item, Carried):
            return self._carry(item, item.yields) or item.targets[0] in self.natural
        if item in self.required:
            return True
        sources = self._anchored(item.operands[1:] if item.name in STAGED else item.operands)
        if item.name in STAGED:
            return item.results[0] in self.natural or self._place_staged(item, sources)
        if item.name in ACCESSES:
            return self._decides_loads and self._place_access(item, sources)
        if item not in self.rules:
            return bool(sources) and self._place_whole(item, self.choice.cheapest(sources))
        forward = self.rules[item].forward
        if not sources or forward is None:
            return False
        layout = forward(item, self.choice.cheapest(sources))
        self.natural.update((result, layout) for result in item.results)
        return True

    def _anchored(self, values: Iterable[Value]) -> list[LinearLayout]:
        return [self.natural[value] for value in values if value in self.natural]

    def _place_access(self, op: Op, sources: list[LinearLayout]) -> bool:
        wanted = [layout for result in op.results for layout in self._wanted(result)]
        direct = self.dots if not self.choice.target.stages_operands else ()
        operands = [layout for result in op.results for layout in self._wanted(result, direct)]
        self.required[op] = layout = self.choice.for_access(op, sources, wanted, operands)
        self.natural.update((result, layout) for result in op.results)
        return True

    def _place_whole(self, op: Op, layout: LinearLayout) -> bool:
        self.required[op] = layout
        if op.name == "tt.reduce":
            layout = layout.remove(op.integer("axis"))
        self.natural.update((result, layout) for result in op.results if is_tensor(result))
        return True

    def _place_staged(self, op: Op, sources: list[LinearLayout]) -> bool:
        """A gather's result has the layout of its indices; a histogram's depends on nothing."""
        [result] = op.results
        if op.name == "tt.histogram":
            sources = [self.choice.default(shape_of(result))]
        self.natural.update((result, layout) for layout in sources[:1])
        return bool(sources)

    def _carry(self, carried: Carried, uses: Sequence[Use]) -> bool:
        """Take the layout of what is carried from those of `uses`; whether that is news."""
        sources = self._anchored(op.operands[index] for op, index in uses)
        if carried.targets[0] in self.natural or not sources:
            return False
        self._place_carried(carried, self.choice.cheapest(sources))
        return True

    def _place_carried(self, carried: Carried, layout: LinearLayout) -> None:
        self.natural.update((target, layout) for target in carried.targets)

    # -------------------------------------------------------------------------------------------------- what is left
    def _decide_one(self) -> bool:
        """Decide about one store, or one floating tensor that needs a layout; whether there was one. What has a user
        that wants a certain layout comes first."""
        floating = [carried for carried in self.carried if carried.targets[0] not in self.natural]
        for carried in floating:
            wanted = [layout for target in carried.targets for layout in self._wanted(target)]
            if wanted:
                self._place_carried(carried, wanted[0])
                return True
        for op in self._whole:
            if op not in self.required:
                operand = next(filter(is_tensor, op.operands))
                wanted = self._wanted(operand)
                return self._place_whole(op, wanted[0] if wanted else self.choice.default(shape_of(operand)))
        for op in self._staged:
            if op.results[0] not in self.natural:
                wanted = self._wanted(op.results[0]) or [self.choice.default(shape_of(op.results[0]))]
                return self._place_staged(op, wanted)
        for op in self._stores:
            if op not in self.required:
                return self._place_access(op, self._anchored(op.operands))
        for carried in floating[:1]:
            self._place_carried(carried, self.choice.default(shape_of(carried.targets[0])))
        return bool(floating)

    def _wanted(self, value: Value, users: Container[Op] | None = None) -> list[LinearLayout]:
        """The layouts in which a tensor is used, as far as is known, each once: those of its users' other operands or
        results, or those in which the results of its users are used. users: only what these want."""
        found: dict[LinearLayout, None] = {}
        pending: list[tuple[Value, tuple[tuple[LayoutRule, Op], ...]]] = [(value, ())]
        seen = {value}
        while pending:
            value, path = pending.pop()
            for op, index in uses_of(value):
                layouts, following = self._wanted_by(op, index)
                for layout in layouts if users is None or op in users else ():
                    for rule, passed in path:
                        layout = rule.backward(passed, layout)
                    found[layout] = None
                rule = self.rules.get(op, ELEMENTWISE)
                longer = path if rule is ELEMENTWISE else ((rule, op), *path)
                pending += [(v, longer) for v in following if v not in seen]
                seen.update(following)
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


def _is_impure_elementwise(op: Op, rules: dict[Op, LayoutRule]) -> bool:
    return op not in rules and (is_elementwise(op) or RULES.get(op.name) is ELEMENTWISE)
