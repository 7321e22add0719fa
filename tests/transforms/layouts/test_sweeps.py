"""Sweeps against sweeps that look at every number."""

from hypothesis import given
from hypothesis import strategies as st

from triton_alloy.transforms.layouts.sweeps import Sweeps

COUNT = 8
numbers = st.lists(st.integers(0, COUNT - 1), max_size=4)


def naive(first, between, wakes):
    """The visits of sweeps over all numbers; visit n adds wakes[n], and `between` are added when none is left."""
    waiting, visits = set(first), []
    for added in [(), *between]:
        waiting |= set(added)
        while waiting:
            for number in range(COUNT):
                if number in waiting:
                    waiting.remove(number)
                    waiting |= set(wakes[len(visits)]) if len(visits) < len(wakes) else set()
                    visits.append(number)
    return visits


@given(numbers, st.lists(numbers, max_size=3), st.lists(numbers, max_size=12))
def test_what_is_added_is_visited_as_sweeps_over_all_would(first, between, wakes):
    sweeps, visits = Sweeps(first), []
    for added in [(), *between]:
        sweeps.add(*added)
        for number in sweeps:
            sweeps.add(*(wakes[len(visits)] if len(visits) < len(wakes) else ()))
            visits.append(number)
    assert visits == naive(first, between, wakes)
