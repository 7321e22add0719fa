"""The analysis before layouts are assigned: the *natural* layout of each tensor that is worth keeping where it is.

A tensor is *anchored* if it comes from memory, a dot or another op that works across threads, or is computed from such
tensors. All else is *floating*: ranges, splats, addresses, masks, broadcasts are cheap to compute again, and are
computed in whatever layout their users want. The order of decisions:

    1. dots, and what is computed from their results;
    2. loads in program order: each takes the cheapest layout, given those of its operands and those in which its result
       is used; then what follows from them, around loops first, then into loops;
    3. one at a time, what is left: loops that carry floating tensors, reductions of floating tensors, stores.

A decision is final, hence the analysis ends; every tensor that is carried, reduced or accessed has a layout then. What
follows from a layout is looked at again when the layout is decided, in the order of sweeps over the program.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import TypeVar

from ...dialects import is_elementwise
from ...dialects.control import Carried, Use
from ...dialects.tt import ATOMICS
from ...errors import Unsupported
from ...ir.core import Op, Value
from ...layout import LinearLayout
from .dot_users import carried_tensors, dot_users
from .layout_choice import LayoutChoice, uses_fragments
from .layout_rules import ELEMENTWISE, RULES, LayoutRule, is_tensor, rule_of, shape_of
from .sweeps import Sweeps
from .wanted_layouts import WantedLayouts

ACCESSES = frozenset(("tt.load", "tt.store", *(f"tt.{name}" for name in ATOMICS)))
# Ops across threads or with effects that take their operands in any one layout.
WHOLE = frozenset(("tt.reduce", "tt.scan", "tt.assert", "tt.print", "tt.unsplat"))
# Ops whose first operand goes through threadgroup memory: it is taken in any layout, and the result has one of its own.
STAGED = frozenset(("tt.gather", "tt.histogram"))
CONTROL = frozenset(("scf.for", "scf.if", "scf.while", "scf.yield", "scf.condition"))
Item = TypeVar("Item", Op, Carried)


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
        self._whole = deque(op for op in self.ops if op.name in WHOLE or _is_impure_elementwise(op, self.rules))
        self._staged = deque(op for op in self.ops if op.name in STAGED)
        self._stores = deque(op for op in self.ops if op.name in ACCESSES and not any(r.uses for r in op.results))
        following = {*self.ops}.difference(self._stores)
        self._items: list[Op | Carried] = list(self._undecided(function, following))
        self.carried = [item for item in self._items if isinstance(item, Carried)]
        self._floating = deque(self.carried)
        self._wanted = WantedLayouts(self.natural, self.required, self.dots, self.rules, self.carried)
        self._open = set(range(len(self._items)))
        self._sweeps = Sweeps(self._open)
        self._entered: list[int] = []  # a heap of the numbers of what is carried into loops, in layouts that are known
        self._readers = self._find_readers()
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

    def _find_readers(self) -> dict[Value, list[tuple[bool, int]]]:
        """For each tensor what may follow from its layout: an item by its number, and whether by what a loop carries
        from before it."""
        readers: dict[Value, list[tuple[bool, int]]] = defaultdict(list)
        for number, item in enumerate(self._items):
            if isinstance(item, Carried):
                for begins, uses in ((False, item.yields), (True, item.initials)):
                    for op, index in uses:
                        readers[op.operands[index]].append((begins, number))
            else:
                for operand in item.operands:
                    readers[operand].append((False, number))
        return readers

    def _refuse_unknown(self) -> None:
        known = {*self.rules, *self._whole}
        for op in self.ops:
            if op not in known and op.name not in ACCESSES | CONTROL | STAGED | {"tt.dot"}:
                raise Unsupported(op, "this operation on tensors has no rule for layouts yet", op.location)

    def _decide(self, function: Op) -> None:
        self._place_dots(function)
        self._propagate()
        self._decides_loads = True
        self._sweeps.add(*self._open)
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
            self._anchor([dot.result], layout)

    # --------------------------------------------------------------------------------------------------- propagation
    def _anchor(self, values: Iterable[Value], layout: LinearLayout) -> None:
        """Tensors have their natural layout: see what follows from it."""
        for value in values:
            self.natural[value] = layout
            self._wanted.note_tensor(value)
            for begins, number in self._readers.get(value, ()):
                if begins:
                    heappush(self._entered, number)
                else:
                    self._sweeps.add(number)

    def _require(self, op: Op, layout: LinearLayout) -> None:
        self.required[op] = layout
        self._wanted.note_operands(op)

    def _propagate_into_loops(self) -> None:
        self._propagate()
        while self._entered:
            carried = self._items[heappop(self._entered)]
            assert isinstance(carried, Carried)
            if self._carry(carried, carried.initials):
                self._propagate()

    def _propagate(self) -> None:
        for number in self._sweeps:
            if number in self._open and self._visit(self._items[number]):
                self._open.remove(number)

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
        self._anchor(item.results, layout)
        return True

    def _anchored(self, values: Iterable[Value]) -> list[LinearLayout]:
        return [self.natural[value] for value in values if value in self.natural]

    def _place_access(self, op: Op, sources: list[LinearLayout]) -> bool:
        wanted = [layout for result in op.results for layout in self._wanted.of(result)]
        direct = self.dots if not self.choice.target.stages_operands else ()
        operands = [layout for result in op.results for layout in self._wanted.of(result, direct)]
        layout = self.choice.for_access(op, sources, wanted, operands)
        self._require(op, layout)
        self._anchor(op.results, layout)
        return True

    def _place_whole(self, op: Op, layout: LinearLayout) -> bool:
        self._require(op, layout)
        if op.name == "tt.reduce":
            layout = layout.remove(op.integer("axis"))
        self._anchor(filter(is_tensor, op.results), layout)
        return True

    def _place_staged(self, op: Op, sources: list[LinearLayout]) -> bool:
        """A gather's result has the layout of its indices; a histogram's depends on nothing."""
        [result] = op.results
        if op.name == "tt.histogram":
            sources = [self.choice.default(shape_of(result))]
        for layout in sources[:1]:
            self._anchor([result], layout)
        return bool(sources)

    def _carry(self, carried: Carried, uses: Sequence[Use]) -> bool:
        """Take the layout of what is carried from those of `uses`; whether that is news."""
        sources = self._anchored(op.operands[index] for op, index in uses)
        if carried.targets[0] in self.natural or not sources:
            return False
        self._anchor(carried.targets, self.choice.cheapest(sources))
        return True

    # -------------------------------------------------------------------------------------------------- what is left
    def _decide_one(self) -> bool:
        """Decide about one store, or one floating tensor that needs a layout; whether there was one. What has a user
        that wants a certain layout comes first."""
        undecided = self._first_undecided(self._floating)
        for carried in self._floating:
            wanted = [layout for target in carried.targets for layout in self._wanted.of(target)]
            if wanted and not self._is_decided(carried):
                self._anchor(carried.targets, wanted[0])
                return True
        if (op := self._first_undecided(self._whole)) is not None:
            operand = next(filter(is_tensor, op.operands))
            wanted = self._wanted.of(operand)
            return self._place_whole(op, wanted[0] if wanted else self.choice.default(shape_of(operand)))
        if (op := self._first_undecided(self._staged)) is not None:
            wanted = self._wanted.of(op.results[0]) or [self.choice.default(shape_of(op.results[0]))]
            return self._place_staged(op, wanted)
        if (op := self._first_undecided(self._stores)) is not None:
            return self._place_access(op, self._anchored(op.operands))
        if undecided is not None:
            self._anchor(undecided.targets, self.choice.default(shape_of(undecided.targets[0])))
        return undecided is not None

    def _is_decided(self, item: Op | Carried) -> bool:
        if isinstance(item, Carried):
            return item.targets[0] in self.natural
        return item.results[0] in self.natural if item.name in STAGED else item in self.required

    def _first_undecided(self, items: deque[Item]) -> Item | None:
        """The first of `items` that is not decided; those before it are dropped."""
        while items and self._is_decided(items[0]):
            items.popleft()
        return items[0] if items else None


def _is_impure_elementwise(op: Op, rules: dict[Op, LayoutRule]) -> bool:
    return op not in rules and (is_elementwise(op) or RULES.get(op.name) is ELEMENTWISE)
