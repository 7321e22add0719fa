"""Which layout suits an op best: accesses of memory by their addresses, dots by the matrix unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from ...conversion import ConversionCosts
from ...ir.core import Op
from ...ir.types import Attribute, PointerType, element_of
from ...layout import LinearLayout, bits, blocked, tiled
from ...target import Target
from .axis import AxisAnalysis
from .layout_rules import shape_of


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
        contiguity = self.axis.of(op.operands[0]).contiguity
        axis = max(range(len(contiguity)), key=lambda a: contiguity[a])
        return axis, contiguity[axis], min(self._vector(op, axis), layout.contiguous_registers(axis))

    def access_cost(self, op: Op, layout: LinearLayout) -> float:
        """What the access costs one simdgroup, on average, with its tensors in `layout`. Copies are not stored."""
        axis, run, vector = self._run_of(op, layout)
        cost = self.target.memory_cost(layout, axis, _element_bytes(op), run, vector)
        return cost if op.name == "tt.load" else cost / (1 << layout.free_bits()[2].bit_count())

    def for_access(self, op: Op, sources: Sequence[LinearLayout], wanted: Sequence[LinearLayout]) -> LinearLayout:
        """The cheapest layout of a load, store or atomic whose operands come in the layouts `sources` and whose results
        are used in the layouts `wanted`, conversions included. Of equally cheap ones that of a user comes first."""
        candidates = dict.fromkeys((*wanted, *sources, self.coalesced(op)))
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
    def uses_fragments(self, dot: Op) -> bool:
        """Whether the target's matrix unit can do the dot."""
        left, right, result = (str(element_of(value.type)) for value in dot.operands)
        m, n = shape_of(dot.result)[-2:]
        return self.target.fragment.takes(left, right, result, (m, n, shape_of(dot.operands[0])[-1]))

    def for_dot(self, dot: Op, rows_only: bool) -> tuple[LinearLayout, LinearLayout, LinearLayout]:
        """The layouts of A, B and C on the matrix unit. `rows_only`: divide M, not N, among the simdgroups while
        there are rows, so that a row of the result stays in one simdgroup."""
        fragment = self.target.fragment
        a, b, c = (shape_of(value) for value in dot.operands)
        divided = self._divide(c, (fragment.m, fragment.n), rows_only)
        rows, columns = len(c) - 2, len(c) - 1
        of_a = tuple(None if axis == columns else axis for axis in divided)
        of_b = tuple(None if axis == rows else axis for axis in divided)
        return tiled(fragment.a, a, of_a), tiled(fragment.b, b, of_b), tiled(fragment.c, c, divided)

    def _divide(self, shape: tuple[int, ...], step: tuple[int, int], rows_only: bool) -> tuple[int | None, ...]:
        """For each bit of the simdgroup index the dimension of the result that it halves: batches first, then the
        longer side of what one simdgroup has, or M."""
        sizes = list(shape)
        least = [1] * (len(shape) - 2) + list(step)
        rows, columns = len(shape) - 2, len(shape) - 1
        divided: list[int | None] = []
        for _ in range(bits(self.simdgroups)):
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
