"""Random layouts, and what they mean by brute force over all places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from hypothesis import strategies as st

from triton_alloy.layout import LinearLayout

SIZES = st.sampled_from([1, 2, 4, 8])


@st.composite
def shapes(draw, maximum_rank=4, maximum_elements=128):
    shape = draw(st.lists(SIZES, min_size=1, max_size=maximum_rank))
    while prod(shape) > maximum_elements:
        shape[shape.index(max(shape))] //= 2
    return tuple(shape)


@st.composite
def layouts(draw, shape=None, lanes=3, simdgroups=2):
    """A random layout: the unit bases dealt out at random, plus sums and zeros."""
    shape = draw(shapes()) if shape is None else shape
    offsets = [1 << bit for bit in range(prod(shape).bit_length() - 1)]
    offsets = draw(st.permutations(offsets))
    mixed = []
    for index, offset in enumerate(offsets):
        for other in offsets[:index]:
            offset ^= other * draw(st.sampled_from([0, 0, 0, 1]))
        mixed.append(offset)
    fill = st.one_of(st.just(0), st.integers(0, prod(shape) - 1))
    parts = [[], [], []]
    for offset in mixed:
        part = draw(st.sampled_from([0, 1, 2]))
        parts[part if part == 0 or len(parts[part]) < (lanes, simdgroups)[part - 1] else 0].append(offset)
    parts[1] += [draw(fill) for _ in range(lanes - len(parts[1]))]
    parts[2] += [draw(fill) for _ in range(simdgroups - len(parts[2]))]
    return LinearLayout.from_offsets(shape, *parts)


def places(layout: LinearLayout) -> Iterator[tuple[int, int, int]]:
    """Every (register, lane, simdgroup)."""
    return product(range(layout.register_count), range(layout.lane_count), range(layout.simdgroup_count))


def register_map(source: LinearLayout, destination: LinearLayout) -> tuple[int, ...] | None:
    """For every register of `destination` one of `source` that holds its elements in the same lanes and simdgroups;
    None if there is none. Dimensions of size 1 in `source` may be larger in `destination`, as in a broadcast."""

    def element(register: int, lane: int, simdgroup: int) -> tuple[int, ...]:
        point = destination.apply(register, lane, simdgroup)
        return tuple(0 if size == 1 else x for x, size in zip(point, source.shape, strict=True))

    threads = list(product(range(source.lane_count), range(source.simdgroup_count)))
    found = []
    for r in range(destination.register_count):
        alike = (o for o in range(source.register_count) if all(source.apply(o, *t) == element(r, *t) for t in threads))
        found.append(next(alike, None))
    return None if None in found else tuple(found)  # type: ignore[arg-type]
