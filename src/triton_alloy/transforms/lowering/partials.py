"""What the simdgroups along an axis tell each other in tt.reduce and tt.scan: partial results in threadgroup memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...ir.core import Value
from ...ir.types import SharedType, Type
from . import places
from .context import Held, Lowering, first, from_memory, memory_element, to_memory

Weights = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # of the register's, lane's and simdgroup's bits


@dataclass
class Partials:
    """Tensors of which each simdgroup has `size` elements, for those that differ in the bits `run` of their index.

    weights: of the index bits, in the place of an element among those of its simdgroup. Copies of an element differ in
    bits of weight 0.
    """

    lowering: Lowering
    size: int
    weights: Weights
    run: list[int]
    buffers: list[tuple[Value, Type]] = field(default_factory=list)

    def store(self, tensors: list[Held]) -> None:
        """Put each of `tensors` into a buffer of its own, by the owners of its elements."""
        lowering, (registers, lanes, simdgroups) = self.lowering, self.weights
        ranks = tuple(self.size << self.run.index(i) if i in self.run else w for i, w in enumerate(simdgroups))
        owner = places.elect(lowering, _unweighed(lanes) if any(lanes) else 0, _unweighed(ranks))
        masks = [] if owner is None else [Held(owner)]
        if not any(lanes):  # a uniform store elects its lane itself
            tensors = [Held(first(lowering, held.value), held.map) for held in tensors]
        slot = places.position(lowering, registers, lanes, ranks)
        for held in tensors:
            stored = to_memory(lowering, held)
            type_ = SharedType(self.size << len(self.run), stored.element)
            buffer = lowering.builder.value("msl.shared_alloc", [], type_)
            operands, _ = lowering.join_maps([slot, stored, *masks], 1 << len(registers))
            lowering.builder.build("msl.shared_store", [buffer, *operands])
            self.buffers.append((buffer, held.element))

    def rank(self) -> Value:
        """The number of this simdgroup in the run."""
        count = len(self.weights[places.SIMDGROUPS])
        bases = tuple(1 << self.run.index(i) if i in self.run else 0 for i in range(count))
        return places.bits_to_number(self.lowering, places.simdgroup(self.lowering), bases)

    def place(self) -> Held:
        """Where the elements of each register are among those of a simdgroup."""
        return places.position(self.lowering, *self.weights)

    def load(self, place: Held, rank: int) -> list[Held]:
        """What the simdgroup of number `rank` in the run has stored at `place`."""
        lowering, index = self.lowering, place.value
        loaded = []
        for buffer, element in self.buffers:
            if rank:
                index = lowering.emit("arith.addi", [place.value, lowering.constant(rank * self.size)], place.element)
            value = lowering.emit("msl.shared_load", [buffer, index], memory_element(element))
            loaded.append(from_memory(lowering, Held(value, place.map), element))
        return loaded


def _unweighed(weights: tuple[int, ...]) -> int:
    """The bits of weight 0."""
    return sum(1 << bit for bit, weight in enumerate(weights) if not weight)
