"""Which layout suits an op best: accesses of memory by their addresses, dots by the matrix unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from ...conversion import ConversionCosts
from ...ir.core import Op, Value
from ...ir.types import Attribute, PointerType, element_of
from ...layout import LinearLayout, bits, blocked, tiled
from ...target import Target
from .axis import AxisAnalysis
from .layout_rules import is_tensor, rule_of, shape_of


class LayoutChoice:
    """The choices for one kernel. `simdgroups`: how many run a program. `axis`: what is known of its addresses."""

    def __init__(self, target: Target, simdgroups: int, axis: AxisAnalysis):
        self.target = target
        self.simdgroups = simdgroups
        self.axis = axis

    def default(self, shape: tuple[int, ...]) -> LinearLayout:
        """Consecutive lanes hold consecutive elements in row-major order."""
        return self._blocked(shape, tuple(reversed(range(len(shape)))), 1)

    def _blocked(self, shape: tuple[int, ...], order: tuple[int, ...], vector: int) -> LinearLayout:
        return blocked(shape, order, vector, self.target.threads_per_simdgroup, self.simdgroups)

    # --------------------------------------------------------------------------------------------------------- memory
    def coalesced(self, op: Op) -> LinearLayout:
        """Each lane has a vector along the dimension where addresses are consecutive, consecutive lanes what follows.
        Vectors are no longer than it takes to give every lane an element."""
        pointer = op.operands[0]
        shape, contiguity = shape_of(pointer), self.axis.of(pointer).contiguity
        order = tuple(sorted(range(len(shape)), key=lambda axis: (-contiguity[axis], -axis)))
        share = max(1, prod(shape) // (self.target.threads_per_simdgroup * self.simdgroups))
        return self._blocked(shape, order, min(self._vector(op, order[0]), share))

    def _vector(self, op: Op, axis: int) -> int:
        """The most consecutive elements along `axis` that the addresses and the mask let one lane access at once."""
        if op.name not in ("tt.load", "tt.store"):
            return 1
        pointer, size = op.operands[0], _element_bytes(op)
        info = self.axis.of(pointer)
        limits = [self.target.vector(size), info.contiguity[axis], max(1, info.divisibility[axis] // size)]
        mask = op.operands[1:2] if op.name == "tt.load" else op.operands[2:3]
        limits += [self.axis.of(value).constancy[axis] for value in mask]
        return 1 << bits(min(limits))

    def access(self, op: Op, layout: LinearLayout) -> dict[str, Attribute]:
        """How a load or store with its tensors in `layout` is done, as the op's attributes: `width` consecutive
        elements of each lane at once; `contiguous`: the lanes' addresses rise by one element."""
        axis, run, width = self._run_of(op, layout)
        lanes = self.target.threads_per_simdgroup
        return {"width": width, "contiguous": run >= lanes and layout.lanes_contiguous(axis)}

    def _run_of(self, op: Op, layout: LinearLayout) -> tuple[int, int, int]:
        """The axis along which most addresses are consecutive, how many are, and how many a lane accesses at once."""
        axis, contiguity = self._axis(op), self.axis.of(op.operands[0]).contiguity
        return axis, contiguity[axis], min(self._vector(op, axis), layout.contiguous_registers(axis))

    def access_cost(self, op: Op, layout: LinearLayout) -> float:
        """What the access costs one simdgroup, on average, with its tensors in `layout`. Copies are not stored."""
        axis, run, vector = self._run_of(op, layout)
        cost = self.target.memory_cost(layout, axis, _element_bytes(op), run, vector)
        return cost if op.name == "tt.load" else cost / (1 << layout.free_bits()[2].bit_count())

    def _axis(self, op: Op) -> int:
        """The dimension along which the addresses of an access are consecutive for longest."""
        contiguity = self.axis.of(op.operands[0]).contiguity
        return max(range(len(contiguity)), key=lambda a: contiguity[a])

    def for_access(
        self,
        op: Op,
        sources: Sequence[LinearLayout],
        wanted: Sequence[LinearLayout],
        operands: Sequence[LinearLayout],
    ) -> LinearLayout:
        """The cheapest layout of a load, store or atomic whose operands come in the layouts `sources` and whose results
        are used in the layouts `wanted`, conversions included. Of equally cheap ones that of a user comes first.

        operands: those of the wanted layouts that are of the matrix unit's operands and must not go through threadgroup
        memory: one of them is taken, its registers in any order."""
        axis = self._axis(op)
        known = operands or (*wanted, *sources, self.coalesced(op))
        candidates = dict.fromkeys((*known, *(layout.in_order(axis) for layout in known)))
        costs = self.target.conversion

        def cost(layout: LinearLayout) -> float:
            converting = _total(costs, ((s, layout) for s in sources)) + _total(costs, ((layout, w) for w in wanted))
            return self.access_cost(op, layout) + converting

        return min(candidates, key=cost)

    def cheapest(self, layouts: Sequence[LinearLayout]) -> LinearLayout:
        """The one of `layouts` to which it is cheapest to convert the others; the first of equals."""
        candidates = list(dict.fromkeys(layouts))
        if len(candidates) == 1:
            return candidates[0]
        return min(
            candidates, key=lambda layout: _total(self.target.conversion, ((other, layout) for other in layouts))
        )

    # ----------------------------------------------------------------------------------------------------------- dots
    def for_dot(self, dot: Op, rows_only: bool, chained: bool) -> tuple[LinearLayout, LinearLayout, LinearLayout]:
        """The layouts of A, B and C on the matrix unit. `rows_only`: divide M, not N, among the simdgroups while
        there are rows, so that a row of the result stays in one simdgroup; `chained`: A is computed from another dot's
        result, whose columns are in order."""
        fragment = self.target.fragment
        a, b, c = (shape_of(value) for value in dot.operands)
        divided = divide(c, (fragment.m, fragment.n), self.simdgroups, rows_only)
        rows, columns = len(c) - 2, len(c) - 1
        of_a = tuple(None if axis == columns else axis for axis in divided)
        of_b = tuple(None if axis == rows else axis for axis in divided)
        along_k, along_n = self._turns(dot, chained)
        none = ((0, 0),) * rows
        return (
            tiled(fragment.a, a, of_a, (*none, (0, 0), along_k)),
            tiled(fragment.b, b, of_b, (*none, along_k, along_n)),
            tiled(fragment.c, c, divided, (*none, (0, 0), along_n)),
        )

    def _turns(self, dot: Op, chained: bool) -> tuple[tuple[int, int], tuple[int, int]]:
        """How fragments take turns along k and along n (layout.tiled), so that what is loaded has longer runs."""
        fragment = self.target.fragment
        rows = len(shape_of(dot.result)) - 2
        run_k, run_n = (bits(each.contiguous_registers(1)) for each in (fragment.a, fragment.c))
        if self._memory_axis(dot.operands[1]) == rows:  # a lane's run of B along k is all from turns
            return (0, 0 if chained else fragment.interleaved), (0, 0)
        return (run_k, 0 if chained else fragment.interleaved), (run_n, fragment.interleaved)

    def _memory_axis(self, value: Value) -> int | None:
        """The dimension of a loaded tensor along which memory runs; None where it is not loaded for this use."""
        known: dict[Value, int | None] = {}
        pending = [value]
        while pending:
            made_of = _tensors_behind(latest := pending[-1])
            unknown = [operand for operand in made_of if operand not in known]
            pending += unknown
            if not unknown:
                known[latest] = self._axis_through(latest, [known[operand] for operand in made_of])
                pending.pop()
        return known[value]

    def _axis_through(self, value: Value, behind: list[int | None]) -> int | None:
        """The same where it is known of what the tensor is made of."""
        op = value.definer
        if op is not None and op.name == "tt.load":
            return self._axis(op)
        axes = [axis for axis in behind if axis is not None]
        if op is None or not axes or len(shape_of(op.operands[0])) != len(shape_of(value)):
            return None
        return list(op.attributes["order"]).index(axes[0]) if op.name == "tt.trans" else axes[0]


def _tensors_behind(value: Value) -> list[Value]:
    """What a tensor is made of by the rules of layouts, if it is not loaded."""
    op = value.definer
    if op is None or op.name == "tt.load" or rule_of(op) is None:
        return []
    return [operand for operand in op.operands if is_tensor(operand)]


def uses_fragments(target: Target, dot: Op) -> bool:
    """Whether the target's matrix unit can do the dot."""
    left, right, result = (str(element_of(value.type)) for value in dot.operands)
    m, n = shape_of(dot.result)[-2:]
    return target.fragment.takes(left, right, result, (m, n, shape_of(dot.operands[0])[-1]))


def divide(shape: tuple[int, ...], step: tuple[int, int], simdgroups: int, rows_only: bool) -> tuple[int | None, ...]:
    """For each bit of the simdgroup index the dimension of a dot's result that it halves: batches first, then the
    longer side of what one simdgroup has, or M. step: what is left undivided."""
    sizes = list(shape)
    least = [1] * (len(shape) - 2) + list(step)
    rows, columns = len(shape) - 2, len(shape) - 1
    divided: list[int | None] = []
    for _ in range(bits(simdgroups)):
        longer = rows if rows_only or sizes[rows] >= sizes[columns] else columns
        choices = (*range(rows), longer, rows + columns - longer)
        axis = next((a for a in choices if sizes[a] > least[a]), None)
        if axis is not None:
            sizes[axis] //= 2
        divided.append(axis)
    return tuple(reversed(divided))


def _element_bytes(op: Op) -> int:
    pointee = element_of(op.operands[0].type)
    assert isinstance(pointee, PointerType)
    return max(1, pointee.pointee.width // 8)  # type: ignore[attr-defined]


def _total(costs: ConversionCosts, pairs: Iterable[tuple[LinearLayout, LinearLayout]]) -> float:
    return sum(costs.of(source, destination) for source, destination in pairs)
