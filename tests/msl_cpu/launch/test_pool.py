"""The pool of workers: every threadgroup runs once, whatever the numbers of workers and threadgroups are."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from triton_alloy import config
from triton_alloy.msl_cpu import Library

COUNT = """#include <metal_stdlib>
using namespace metal;
kernel void count(device int* runs [[buffer(0)]], uint3 group [[threadgroup_position_in_grid]],
                  uint3 groups [[threadgroups_per_grid]], uint index [[thread_index_in_threadgroup]]) {
  if (index == 0) runs[group.x + group.y * groups.x] += 1;
}
"""
WAIT = """#include <metal_stdlib>
using namespace metal;
kernel void wait(device atomic_int* arrived [[buffer(0)]], constant int& groups [[buffer(1)]],
                 uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  if (index) return;
  atomic_fetch_add_explicit(arrived, 1, memory_order_relaxed);
  if (group == 0)
    while (atomic_load_explicit(arrived, memory_order_relaxed) < groups) {}
}
"""


def _count(library: Library, grid: tuple[int, int]) -> np.ndarray:
    runs = np.zeros(grid[0] * grid[1], np.int32)
    library.count.launch([runs], grid, 32)
    return runs


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8, 9, 33])
def test_every_threadgroup_runs_once(workers: int):
    library = Library(COUNT, "reference")
    with config.scope(MSL_CPU_THREADS=str(workers)):
        for grid in ((1, 1), (2, 1), (3, 1), (workers, 1), (workers + 1, 1), (16, 33), (7919, 1), (0, 4)):
            assert np.all(_count(library, grid) == 1), grid


def test_the_number_of_workers_may_change_between_launches():
    library = Library(COUNT, "reference")
    for workers in (4, 1, 7, 2, 3, 7):
        with config.scope(MSL_CPU_THREADS=str(workers)):
            assert np.all(_count(library, (101, 3)) == 1)


def test_a_worker_that_is_done_takes_of_the_parts_of_others():
    """The first threadgroup waits for all others, of which some are in the part of whoever runs it."""
    library = Library(WAIT, "reference", deadline=30)
    with config.scope(MSL_CPU_THREADS="2"):
        for _ in range(20):
            arrived = np.zeros(1, np.int32)
            library.wait.launch([arrived, np.array([8], np.int32)], 8, 32)
            assert arrived[0] == 8


ASLEEP = f"""
import os, time
import numpy as np
from triton_alloy import config
from triton_alloy.msl_cpu import Library
def launch(workers, times):
    library = Library({COUNT!r}, "reference")
    with config.scope(MSL_CPU_THREADS=str(workers)):
        for _ in range(times):
            library.count.launch([np.zeros(64, np.int32)], 64, 32)
def switches():
    counts = {{}}
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{{thread}}/status") as status:
            counts[thread] = [line for line in status if "ctxt_switches" in line]
    return counts
launch(2, 10)
few = len(switches())
launch(9, 10)
time.sleep(0.2)
before = switches()
launch(2, 1000)
after = switches()
print(len(before) - few, sum(after[thread] != before[thread] for thread in before) <= few)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of threads")
def test_who_is_not_wanted_stays_asleep():
    """Seven of the nine workers of an earlier launch do not run at all during launches that want two."""
    done = subprocess.run([sys.executable, "-c", ASLEEP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7 True\n"), done.stderr


def test_threads_that_launch_at_once_each_have_their_own_grid():
    library = Library(COUNT, "reference")
    wrong: list[tuple[int, int]] = []

    def launch(size: int) -> None:
        wrong.extend((size, turn) for turn in range(100) if not np.all(_count(library, (size, 1)) == 1))

    with config.scope(MSL_CPU_THREADS="3"):
        threads = [threading.Thread(target=launch, args=(size,)) for size in (1, 2, 5, 64, 1001)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
