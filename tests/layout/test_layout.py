"""Layouts against brute force over all places."""

import pickle
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.layouts import layouts, places, register_map, shapes
from triton_alloy.errors import InvalidIR
from triton_alloy.layout import LinearLayout, blocked, tiled


def naive(layout, register, lane, simdgroup):
    """The definition, dimension by dimension."""
    point = [0] * layout.rank
    for bases, index in zip(
        (layout.registers, layout.lanes, layout.simdgroups), (register, lane, simdgroup), strict=True
    ):
        for bit, basis in enumerate(bases):
            if index & (1 << bit):
                point = [x ^ y for x, y in zip(point, basis, strict=True)]
    return tuple(point)


@given(layouts())
def test_the_first_register_with_an_element_is_found_by_its_offset(layout):
    registers = layout.registers_by_offset()
    offsets = [int(offset) for offset in layout.offset_table()[0, 0]]
    assert registers == {offset: offsets.index(offset) for offset in offsets}


@given(layouts())
def test_points(layout):
    table = layout.table()
    assert table.shape == (layout.simdgroup_count, layout.lane_count, layout.register_count, layout.rank)
    reached = set()
    for r, lane, s in places(layout):
        point = naive(layout, r, lane, s)
        assert layout.apply(r, lane, s) == point == tuple(table[s, lane, r])
        assert layout.offset(r, lane, s) == layout.offset_table()[s, lane, r]
        reached.add(point)
    assert len(reached) == prod(layout.shape)


@given(layouts())
def test_owners_hold_every_element_once(layout):
    masks = layout.free_bits()
    owners = [layout.apply(*p) for p in places(layout) if not any(x & m for x, m in zip(p, masks, strict=True))]
    assert len(owners) == len(set(owners)) == prod(layout.shape)
    assert any(masks) == (len(list(places(layout))) > prod(layout.shape))


@given(layouts())
def test_interning_text_and_pickle(layout):
    assert LinearLayout(layout.shape, *layout.bases) is layout
    assert pickle.loads(pickle.dumps(layout)) is layout


def test_text():
    layout = LinearLayout((4, 4), [(0, 1)], [(0, 2), (1, 0)], [(2, 0)])
    assert str(layout) == "#linear<{register = [[0, 1]], lane = [[0, 2], [1, 0]], simdgroup = [[2, 0]]}>"
    assert layout.apply(1, 3, 1) == (3, 3)


@pytest.mark.parametrize(
    "shape, bases, message",
    [
        ((4,), [(1,)], "does not reach"),
        ((3,), [], "powers of two"),
        ((4,), [(4,)], "does not fit"),
        ((2,), [(0, 1)], "fit"),
    ],
)
def test_wrong_layouts_are_refused(shape, bases, message):
    with pytest.raises(InvalidIR, match=message):
        LinearLayout(shape, bases)


# ------------------------------------------------------------------------------------------------------ shape algebra
@given(layouts(), st.data())
def test_reshape_transpose_and_expand_dims(layout, data):
    elements = np.arange(prod(layout.shape)).reshape(layout.shape)
    order = data.draw(st.permutations(range(layout.rank)))
    axis = data.draw(st.integers(0, layout.rank))
    flat = (prod(layout.shape),)
    cases = [
        (layout.transpose(order), elements.transpose(order)),
        (layout.reshape(flat), elements.reshape(flat)),
        (layout.expand_dims(axis), np.expand_dims(elements, axis)),
    ]
    for result, expected in cases:
        assert result.shape == expected.shape
        assert all(expected[result.apply(*p)] == elements[layout.apply(*p)] for p in places(layout))
    assert layout.transpose(order).transpose_inverse(order) is layout


@given(layouts(), st.data())
def test_remove_and_restrict(layout, data):
    axis = data.draw(st.integers(0, layout.rank - 1))
    removed, restricted = layout.remove(axis), layout.restrict(axis)
    assert restricted.shape == tuple(1 if a == axis else n for a, n in enumerate(layout.shape))
    for lane, s in product(range(layout.lane_count), range(layout.simdgroup_count)):
        cut = {
            layout.apply(r, lane, s)[:axis] + layout.apply(r, lane, s)[axis + 1 :] for r in range(layout.register_count)
        }
        kept = [removed.apply(r, lane, s) for r in range(removed.register_count)]
        assert set(kept) == cut and len(kept) == len(cut)
    assert restricted.reshape(removed.shape) is removed
    names = register_map(restricted, layout)
    if names is not None:
        for r, lane, s in places(layout):
            point = layout.apply(r, lane, s)
            assert restricted.apply(names[r], lane, s) == point[:axis] + (0,) + point[axis + 1 :]


@given(layouts())
def test_join_split_cat(layout):
    joined, cat = layout.join(), layout.cat()
    count = layout.register_count
    for (r, lane, s), half in product(places(layout), (0, 1)):
        point = layout.apply(r, lane, s)
        assert joined.apply(2 * r + half, lane, s) == (*point, half)
        assert cat.apply(half * count + r, lane, s) == (point[0] + half * layout.shape[0], *point[1:])
    if layout.remove(layout.rank - 1).register_count == count:
        assert joined.remove(layout.rank) is layout and cat.clip(layout.shape) is layout


@given(layouts(), st.data())
def test_clip(layout, data):
    shape = tuple(data.draw(st.sampled_from([s for s in (1, 2, 4, 8) if s <= size])) for size in layout.shape)
    clipped = layout.clip(shape)
    for lane, s in product(range(layout.lane_count), range(layout.simdgroup_count)):
        held = {
            tuple(x % n for x, n in zip(layout.apply(r, lane, s), shape, strict=True))
            for r in range(layout.register_count)
        }
        kept = [clipped.apply(r, lane, s) for r in range(clipped.register_count)]
        assert set(kept) == held and len(kept) == len(held)


# ------------------------------------------------------------------------------------------------------- construction
@given(shapes(), st.sampled_from([1, 2, 4]), st.sampled_from([1, 4]), st.sampled_from([1, 2, 8]), st.data())
def test_blocked(shape, vector, lanes, simdgroups, data):
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    vector = min(vector, prod(shape))
    layout = blocked(shape, order, vector, lanes, simdgroups)
    assert (layout.lane_count, layout.simdgroup_count) == (lanes, simdgroups)
    assert layout.register_count == max(vector, prod(shape) // (lanes * simdgroups))
    # Count the elements in `order`, and read the registers, lanes, further registers, simdgroups as one number.
    strides = {}
    step = 1
    for axis in order:
        strides[axis] = step
        step *= shape[axis]
    rest = layout.register_count // vector
    for r, lane, s in places(layout):
        number = r % vector + vector * (lane + lanes * (r // vector + rest * s))
        found = sum(x * strides[axis] for axis, x in enumerate(layout.apply(r, lane, s)))
        assert found == number % prod(shape)


FRAGMENT = LinearLayout((8, 8), [(0, 1)], [(0, 2), (1, 0), (2, 0), (0, 4), (4, 0)])


def test_tile_of_fragments():
    """32x32 over 2 (rows) x 2 (columns) simdgroups: each has 2x2 fragments of two registers, in row-major order."""
    layout = tiled(FRAGMENT, (32, 32), (1, 0))
    assert layout.register_count == 8
    for r, lane, s in places(layout):
        m, n, inner = r >> 2 & 1, r >> 1 & 1, r & 1
        row, column = FRAGMENT.apply(inner, lane)
        assert layout.apply(r, lane, s) == ((s >> 1) * 16 + m * 8 + row, (s & 1) * 16 + n * 8 + column)


def test_tiles_of_operands_batches_and_small_tiles():
    left = tiled(FRAGMENT, (32, 16), (None, 0))
    assert left.simdgroups == ((0, 0), (16, 0))
    batched = tiled(FRAGMENT, (4, 8, 16), (0, 2))
    assert batched.simdgroups == ((2, 0, 0), (0, 0, 8))
    assert batched.registers == ((0, 0, 1), (1, 0, 0))
    assert tiled(FRAGMENT, (8, 8), (0, None, 1)).simdgroups == ((0, 0),) * 3
    small = tiled(LinearLayout((1, 32), lanes=[(0, 1 << bit) for bit in range(5)]), (4, 16), (0,))
    assert small.lanes == ((0, 1), (0, 2), (0, 4), (0, 8), (0, 0))
    assert (small.registers, small.simdgroups) == (((1, 0),), ((2, 0),))
    narrow = tiled(FRAGMENT, (8, 1), ())
    assert narrow.registers == () and narrow.lanes == ((0, 0), (1, 0), (2, 0), (0, 0), (4, 0))


@pytest.mark.parametrize("simdgroups", [(), (1, 0), (None, 1), (0, 0, 1)])
@pytest.mark.parametrize(
    "turns", [((0, 0), (1, 1)), ((0, 1), (1, 1)), ((0, 1), (0, 0)), ((1, 2), (2, 1)), ((0, 5), (1, 9))]
)
def test_fragments_that_take_turns(turns, simdgroups):
    """Along each dimension runs of 2**run elements of 2**turn fragments alternate; what a simdgroup has limits that."""
    layout = tiled(FRAGMENT, (32, 64), simdgroups, turns)
    plain = tiled(FRAGMENT, (32, 64), simdgroups)
    assert layout.simdgroups == plain.simdgroups

    def place(x: int, run: int, turn: int, own: int) -> int:
        turn = min(turn, own.bit_length() - 4)  # of fragments of 8
        group, inside = divmod(x, 8 << turn)
        fragment, element = divmod(inside, 8)
        return group * (8 << turn) + ((element >> run << turn) + fragment << run) + (element & (1 << run) - 1)

    own = [size >> sum(axis == a for axis in simdgroups) for a, size in enumerate((32, 64))]
    for r, lane, s in places(layout):
        block = [c // o * o for c, o in zip(plain.apply(0, 0, s), own, strict=True)]
        inside = [c - b for c, b in zip(plain.apply(r, lane, s), block, strict=True)]
        wanted = [b + place(x, run, turn, o) for b, x, (run, turn), o in zip(block, inside, turns, own, strict=True)]
        assert layout.apply(r, lane, s) == tuple(wanted)


def test_turns_make_longer_runs_of_a_lane():
    plain, turned = (tiled(FRAGMENT, (8, 32), (), turns) for turns in (None, ((0, 0), (1, 1))))
    assert (plain.contiguous_registers(1), turned.contiguous_registers(1)) == (2, 4)
    small = tiled(FRAGMENT, (8, 4), (), ((0, 0), (1, 1)))
    assert small is tiled(FRAGMENT, (8, 4), ())


@given(layouts(), st.data())
def test_registers_in_order(layout, data):
    """The same elements for each lane, and no shorter runs."""
    axis = data.draw(st.integers(0, layout.rank - 1))
    ordered = layout.in_order(axis)
    assert (ordered.lanes, ordered.simdgroups) == (layout.lanes, layout.simdgroups)
    for lane, s in product(range(layout.lane_count), range(layout.simdgroup_count)):
        held = [sorted(each.apply(r, lane, s) for r in range(each.register_count)) for each in (layout, ordered)]
        assert held[0] == held[1]
    assert ordered.contiguous_registers(axis) >= layout.contiguous_registers(axis)
    assert ordered.in_order(axis) is ordered


def test_registers_in_order_by_hand():
    layout = LinearLayout((4, 16), registers=[(1, 0), (0, 4), (2, 0), (0, 2), (0, 1)], lanes=[(0, 8)])
    assert layout.in_order(1).registers == ((0, 1), (0, 2), (0, 4), (1, 0), (2, 0))
    assert layout.in_order(0).registers == ((1, 0), (2, 0), (0, 4), (0, 2), (0, 1))
    gap = LinearLayout((16,), registers=[(4,), (1,)], lanes=[(2,), (8,)])
    assert gap.in_order(0).registers == ((1,), (4,))  # 2 is a lane's


@given(layouts(), st.data())
def test_a_layout_of_slices(layout, data):
    """Each slice of the larger tensor is held as the layout says, in registers of its own."""
    axis = data.draw(st.integers(0, layout.rank - 1))
    count = data.draw(st.sampled_from([1, 2, 4]))
    shape = tuple(size * count if a == axis else size for a, size in enumerate(layout.shape))
    whole = layout.extend(shape)
    assert whole.shape == shape and whole.register_count == layout.register_count * count
    for r, lane, s in places(whole):
        number, register = divmod(r, layout.register_count)
        point = list(layout.apply(register, lane, s))
        point[axis] += number * layout.shape[axis]
        assert whole.apply(r, lane, s) == tuple(point)


# ------------------------------------------------------------------------------------------------------- memory facts
@given(layouts(), st.data())
def test_contiguous_registers(layout, data):
    axis = data.draw(st.integers(0, layout.rank - 1))

    def holds(width):
        for r, lane, s in places(layout):
            base = list(layout.apply(r - r % width, lane, s))
            if base[axis] % width:
                return False
            base[axis] += r % width
            if tuple(base) != layout.apply(r, lane, s):
                return False
        return True

    width = layout.contiguous_registers(axis)
    assert holds(width)
    assert 2 * width > layout.register_count or not holds(2 * width)


@given(layouts(), st.data())
def test_lane_run(layout, data):
    axis = data.draw(st.integers(0, layout.rank - 1))

    def are_consecutive(run: int) -> bool:
        for r, lane, s in places(layout):
            point = list(layout.apply(r, lane - lane % run, s))
            point[axis] += lane % run
            if tuple(point) != layout.apply(r, lane, s):
                return False
        return True

    runs = [1 << i for i in range(layout.lane_count.bit_length())]
    assert layout.lane_run(axis) == max(filter(are_consecutive, runs))
    assert layout.lanes_contiguous(axis) == are_consecutive(layout.lane_count)


def test_lane_run_of_a_narrow_tile():
    assert blocked((8, 16), (1, 0), 1, 32, 1).lane_run(1) == 16
    assert blocked((8, 16), (1, 0), 1, 32, 1).lane_run(0) == 1


def test_lanes_contiguous_of_usual_layouts():
    assert blocked((64,), (0,), 1, 32, 1).lanes_contiguous(0)
    assert not blocked((64,), (0,), 2, 32, 1).lanes_contiguous(0)
    assert blocked((8, 64), (1, 0), 1, 32, 2).lanes_contiguous(1)


@given(layouts(), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), st.data())
def test_segments(layout, elements, vector, data):
    axis = data.draw(st.integers(0, layout.rank - 1))
    vector = min(vector, layout.register_count)
    counts = []
    for first, s in product(range(0, layout.register_count, vector), range(layout.simdgroup_count)):
        touched = set()
        for r, lane in product(range(first, first + vector), range(layout.lane_count)):
            point = list(layout.apply(r, lane, s))
            point[axis] //= elements
            touched.add(tuple(point))
        counts.append(len(touched))
    assert set(counts) == {layout.segments(axis, elements, vector)}


settings.register_profile("layout", deadline=None)
settings.load_profile("layout")
