"""Every item of work is done once, whatever becomes of a process."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from tests.random_programs.processes import in_processes


def squares(item: int) -> list[str]:
    if item == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return [str(item**2)]


@pytest.mark.parametrize("processes", [1, 3])
def test_every_item_is_done_once_and_a_death_is_named(processes: int):
    expected = {i: [str(i**2)] for i in range(7)} | {3: ["the process ended with status -11"]}
    found = list(in_processes(squares, range(7), processes))
    assert len(found) == 7 and dict(found) == expected
    assert not multiprocessing.active_children()


def test_more_processes_than_items_and_none():
    assert list(in_processes(squares, [2], 4)) == [(2, ["4"])]
    assert list(in_processes(squares, [], 2)) == []


def test_processes_end_with_the_iteration():
    found = in_processes(squares, range(100), 2)
    next(found)
    found.close()
    for process in multiprocessing.active_children():
        process.join(10)
    assert not multiprocessing.active_children()
