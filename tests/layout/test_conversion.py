"""Conversion plans, simulated on arrays: every place of the destination must get its element."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.layouts import layouts, places, register_map, shapes
from triton_alloy.conversion import Exchange, Permute, Select, classify, exchanges, plan
from triton_alloy.errors import InvalidArgument
from triton_alloy.layout import LinearLayout, blocked, tiled
from triton_alloy.target import MMA_8X8, MMA_ROWS, target_for


def parity(x):
    return bin(x).count("1") % 2


def linear(bases, index):
    result = 0
    for bit, basis in enumerate(bases):
        result ^= basis * (index >> bit & 1)
    return result


def traded(step, lane, register):
    """The (lane, register) whose element comes to this place."""
    differ = (lane >> step.lane_bit ^ register >> step.register_bit) & 1
    return lane ^ differ << step.lane_bit, register ^ differ << step.register_bit


def simulate(step, values):
    """The meaning of a step on values[simdgroup][lane][register]."""
    simdgroups, lanes, _ = values.shape
    result = []
    for s in range(simdgroups):
        for lane in range(lanes):
            if isinstance(step, Permute):
                row = values[s, lane, list(step.registers)]
            elif isinstance(step, Select):
                odd = parity(lane & step.lanes) ^ parity(s & step.simdgroups)
                row = values[s, lane, list(step.odd if odd else step.even)]
            elif isinstance(step, Exchange):
                assert values.shape[2] == step.registers
                row = [values[s, *traded(step, lane, r)] for r in range(step.registers)]
            else:
                base = linear(step.lanes, lane) ^ linear(step.simdgroups, s)
                row = [values[s, base ^ o, r] for r, o in zip(step.registers, step.offsets, strict=True)]
            result.append(row)
    return np.array(result).reshape(simdgroups, lanes, -1)


def in_simdgroup(source, destination):
    for s in range(source.simdgroup_count):
        held = {source.apply(r, lane, s) for r, lane, t in places(source) if t == s}
        if not held >= {destination.apply(r, lane, s) for r, lane, t in places(destination) if t == s}:
            return False
    return True


@st.composite
def pairs(draw):
    shape = draw(shapes())
    return draw(layouts(shape)), draw(layouts(shape))


@st.composite
def local_pairs(draw):
    """Pairs within one simdgroup, where a random pair seldom is."""
    shape = draw(shapes())
    return draw(layouts(shape, simdgroups=0)), draw(layouts(shape, simdgroups=0))


@settings(max_examples=400, deadline=None)
@given(st.one_of(pairs(), local_pairs()))
def test_plans(pair):
    source, destination = pair
    steps = plan(source, destination)
    assert (steps is not None) == in_simdgroup(source, destination)
    conversion = classify(source, destination)
    if steps is None:
        assert conversion.kind == "threadgroup" and not conversion.local
        return
    values = source.offset_table()
    for step in steps:
        values = simulate(step, values)
    assert np.array_equal(values, destination.offset_table())
    assert (conversion.kind in ("none", "registers")) == (register_map(source, destination) is not None)


@settings(max_examples=400, deadline=None)
@given(local_pairs())
def test_chains_of_exchanges(pair):
    source, destination = pair
    steps = exchanges(source, destination)
    if steps is None:
        return
    values = source.offset_table()
    for step in steps:
        values = simulate(step, values)
    assert np.array_equal(values, destination.offset_table())


def transposed(registers):
    """A tensor of 32 times so many columns whose rows are lanes, and the same with 32 columns in lanes."""
    rows, columns = [(1 << bit, 0) for bit in range(5)], [(0, 1 << bit) for bit in range(registers)]
    shape = (32, 1 << registers)
    return LinearLayout(shape, columns, rows), LinearLayout(shape, columns[5:] + rows, columns[:5])


@pytest.mark.parametrize("registers", (5, 6))
def test_a_transposition_is_an_exchange_for_each_bit_where_that_is_cheaper(registers):
    source, destination = transposed(registers)
    costs = target_for("cpu").conversion
    steps = classify(source, destination, costs).steps
    assert [(step.register_bit, step.lane_bit) for step in steps if isinstance(step, Exchange)] == [
        (bit, bit) for bit in range(5)
    ]
    assert costs.of(source, destination) == 5 * costs.exchange * (1 << registers) / 2
    on_apple = classify(source, destination, target_for("apple9").conversion)
    assert not any(isinstance(step, Exchange) for step in on_apple.steps)


def test_exchanges_take_sums_of_registers_and_lanes_that_another_lane_had():
    source = LinearLayout((16,), [(1,), (2,)], [(4,), (8,), (0,), (0,), (0,)])
    destination = LinearLayout((16,), [(8,), (1,)], [(3,), (4,), (0,), (0,), (0,)])
    steps = exchanges(source, destination)
    assert [type(step) for step in steps] == [Permute, Exchange, Exchange, Permute]
    values = source.offset_table()
    for step in steps:
        values = simulate(step, values)
    assert np.array_equal(values, destination.offset_table())


def test_no_exchanges_where_lanes_get_copies_or_what_no_register_holds():
    lanes = [(1,), (2,), (4,), (8,), (16,)]
    source = LinearLayout((64,), [(32,)], lanes)
    assert exchanges(source, LinearLayout((64,), [(32,)], lanes[::-1])) is None
    assert exchanges(source, LinearLayout((64,), [(32,), (16,)], [*lanes[:4], (0,)])) is None


def test_swap_of_a_register_and_a_lane_bit_is_one_shuffle_of_half_the_registers():
    source = LinearLayout((64,), [(32,)], [(1 << bit,) for bit in range(5)])
    destination = LinearLayout((64,), [(1,)], [(32,), (2,), (4,), (8,), (16,)])
    conversion = classify(source, destination)
    assert conversion.kind == "shuffles"
    [shuffle] = [step for step in conversion.steps if not isinstance(step, Select)]
    assert shuffle.is_xor and sum(map(bool, shuffle.offsets)) == 1


def test_each_lane_picks_its_register_without_shuffles():
    source = LinearLayout((32,), [(1 << bit,) for bit in range(5)], [(0,)] * 5)
    destination = LinearLayout((32,), [], [(1 << bit,) for bit in range(5)])
    steps = classify(source, destination).steps
    assert all(isinstance(step, Select) for step in steps)
    assert sum(len(step.even) for step in steps) == 31


def test_costs_prefer_threadgroup_memory_to_many_arbitrary_shuffles():
    source = LinearLayout((4096,), [(1 << bit,) for bit in range(5, 12)], [(1 << bit,) for bit in range(5)])
    reverse = LinearLayout((4096,), source.registers, source.lanes[::-1])
    costs = target_for("apple9").conversion
    assert classify(source, reverse).kind == "shuffles"
    assert classify(source, reverse, costs).kind == "threadgroup" and classify(source, reverse, costs).local
    assert costs.of(source, reverse) < costs.of_steps(plan(source, reverse))
    assert costs.of(source, source) == 0


# ------------------------------------------------------------------------------------------------------------- targets
def test_the_result_of_a_dot_is_an_operand_of_the_next():
    result = tiled(MMA_8X8.c, (64, 32), (0, 0))
    assert result is tiled(MMA_8X8.a, (64, 32), (0, 0))
    assert tiled(MMA_ROWS.c, (4, 64), ()) is tiled(MMA_ROWS.a, (4, 64), ())


def test_operands_of_mma_rows_as_the_vocabulary_numbers_them():
    """b[k * N + n] with N groups of 32 columns."""
    layout = tiled(MMA_ROWS.b, (4, 64), ())
    assert [layout.apply(r, 3) for r in range(8)] == [(r // 2, 32 * (r % 2) + 3) for r in range(8)]


def test_targets():
    assert target_for("cpu").max_simdgroups == 1 and target_for("cpu").vector(4) == 1
    assert target_for("apple7").vector(2) == 8 and target_for("apple7").fragment is MMA_8X8
    with pytest.raises(InvalidArgument, match=r"apple11.*apple7.*cpu"):
        target_for("apple11")


def test_memory_costs_prefer_consecutive_lanes_on_the_cpu_and_rows_on_apple():
    rows, columns = blocked((64, 64), (1, 0), 1, 32, 1), blocked((64, 64), (0, 1), 1, 32, 1)
    for arch in ("cpu", "apple9"):
        target = target_for(arch)
        assert target.memory_cost(rows, 1, 4, 64, 1) < target.memory_cost(columns, 1, 4, 64, 1)
