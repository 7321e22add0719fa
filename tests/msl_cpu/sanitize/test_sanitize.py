"""The sanitizer finds every seeded fault, at its line, and reports nothing on correct kernels."""

from __future__ import annotations

import ctypes
import functools
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library
from triton_alloy.msl_cpu.sanitize import SanitizerError

SEEDS = range(int(os.environ.get("MSL_CPU_TEST_SEEDS", "3")))
GROUPS = 4
_HEAD = re.compile(r"^//// (\w+) \| ([\w ]+) \| (\d+) \| (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    kernel: str
    fault: str
    threads: int
    lines: frozenset[int]  # marked `// here`


def source(kind: str) -> str:
    return (Path(__file__).parent / f"{kind}.metal").read_text()


def cases(kind: str) -> list[Case]:
    text = source(kind)
    heads = list(_HEAD.finditer(text))
    found = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        end = following.start() if following else len(text)
        first = text.count("\n", 0, head.start()) + 1
        body = text[head.start() : end].split("\n")
        lines = frozenset(first + i for i, line in enumerate(body) if line.endswith("// here"))
        found.append(Case(head[1], head[2], int(head[3]), lines))
    return found


@functools.cache
def library(kind: str, mode: str, seed: int = 0) -> Library:
    return Library(source(kind), mode=mode, seed=seed, function_constants={0: 3})


def launch(kind: str, mode: str, case: Case, seed: int = 0) -> list[np.ndarray]:
    """Run; returns y and the counters."""
    x = np.random.default_rng(7).standard_normal(1024).astype(np.float32)
    y = np.zeros(1024, np.float32)
    n = np.array([1000], np.uint32)
    count = np.zeros(1024, np.uint32)
    kernel = library(kind, mode, seed)[case.kernel]
    dynamic = dict.fromkeys(kernel.threadgroup_buffers, 128)
    kernel.launch({0: x, 1: y, 2: n, 3: count}, GROUPS, case.threads, threadgroup_memory=dynamic)
    return [y, count]


WRONG, RIGHT = cases("wrong"), cases("right")


def name(case: Case) -> str:
    return case.kernel


def test_sets_are_large():
    assert len(WRONG) >= 25 and len(RIGHT) >= 40
    assert len({case.kernel for case in WRONG + RIGHT}) == len(WRONG) + len(RIGHT)


@pytest.mark.parametrize("case", WRONG, ids=name)
@pytest.mark.parametrize("seed", SEEDS)
def test_finds(case: Case, seed: int):
    with pytest.raises(SanitizerError) as caught:
        launch("wrong", "sanitize", case, seed)
    # A read that comes too early, in the order of this seed, may find nothing written yet.
    allowed = {case.fault} | ({"uninitialised read"} if case.fault == "race" else set())
    faults = {report.fault for report in caught.value.reports}
    assert case.fault in faults <= allowed, str(caught.value)
    for report in caught.value.reports:
        assert report.kernel == case.kernel
        assert report.line in case.lines, str(report)
        if report.other and report.other.line:
            assert report.other.line in case.lines, str(report)


@pytest.mark.parametrize("case", RIGHT, ids=name)
def test_reports_nothing(case: Case):
    """... and computes what reference mode computes, in every order."""
    expected = launch("right", "reference", case)
    for seed in SEEDS:
        for found, wanted in zip(launch("right", "sanitize", case, seed), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=f"seed {seed}")


def first_report(kernel: str):
    case = next(case for case in WRONG if case.kernel == kernel)
    with pytest.raises(SanitizerError) as caught:
        launch("wrong", "sanitize", case)
    return caught.value.reports[0]


def test_report_of_a_race_says_who_and_where():
    report = first_report("halved_index")
    assert (report.space, report.buffer, report.bytes) == ("device", 1, 4)
    assert report.offset % 4 == 0 and 0 <= report.offset < 4096
    assert report.party.access == report.other.access == "write"
    assert report.party.threadgroup == report.other.threadgroup == (0, 0, 0)
    # The two threads that write one element.
    assert report.party.thread ^ report.other.thread == 1
    assert report.offset == report.party.thread // 2 * 4
    assert "y[i / 2] = x[i];" in report.source
    assert f"program_source:{report.line}: race: kernel 'halved_index'" in str(report)


def test_report_says_whether_the_writes_were_of_one_value():
    report = first_report("same_value")
    assert report.same_value and "of the same value" in str(report)
    assert not first_report("halved_index").same_value
    assert not first_report("groups_sum").same_value
    assert not first_report("last_block_unfenced").same_value


def test_report_between_threadgroups_names_both():
    report = first_report("groups_sum")
    assert report.party.threadgroup != report.other.threadgroup
    assert report.party.thread == report.other.thread == 0


def test_report_out_of_bounds_has_the_offset():
    report = first_report("read_past_end")
    assert (report.space, report.buffer, report.offset, report.bytes) == ("device", 0, 4096, 4)
    assert report.party.access == "read" and report.other is None
    assert (report.party.thread, report.party.threadgroup) == (255, (3, 0, 0))
    assert first_report("before_start").offset == -4


def test_report_of_threadgroup_memory_counts_from_its_start():
    report = first_report("threadgroup_index")
    assert (report.space, report.offset, report.party.access) == ("threadgroup", 256, "write")


def test_report_in_a_function_lists_the_calls():
    report = first_report("helper")
    text = source("wrong").split("\n")
    assert [text[line - 1].strip().split("(")[0] for line in report.party.lines] == ["p[i] = v; // here", "put"]


def test_faults_do_not_touch_the_buffers_beside():
    """Stray writes go to a gap; what the kernel wrote rightly arrives."""
    memory = np.zeros(1024 + 256, np.float32)
    kernel = library("wrong", "sanitize")["write_past_end"]
    with pytest.raises(SanitizerError):
        kernel.launch({1: memory[:1024]}, GROUPS, 256)
    assert memory[64:1024].all() and not memory[1024:].any()


def test_buffers_that_share_memory_are_one():
    text = """#include <metal_stdlib>
    using namespace metal;
    kernel void twice(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
      y[i] = x[i] * 2.0f;
    }"""
    data = np.arange(128, dtype=np.float32)
    Library(text, mode="sanitize")["twice"].launch([data, data], 2, 64)
    np.testing.assert_array_equal(data, np.arange(128) * 2)
    with pytest.raises(SanitizerError, match="race"):
        Library(text, mode="sanitize")["twice"].launch([data[:-1], data[1:]], 1, 64)


TICKETS = """#include <metal_stdlib>
using namespace metal;
kernel void tickets(device uint *y [[buffer(0)]], device atomic_uint *next [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  y[i] = atomic_fetch_add_explicit(next, 1u, memory_order_relaxed);
}
"""


def test_seeds_give_other_orders_and_one_seed_the_same():
    def order(seed: int) -> tuple[int, ...]:
        y = np.zeros(32, np.uint32)
        Library(TICKETS, mode="sanitize", seed=seed)["tickets"].launch([y, np.zeros(1, np.uint32)], 1, 32)
        return tuple(y.tolist())

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(5)}) == 5
    assert all(sorted(order(seed)) == list(range(32)) for seed in range(5))


def test_errors_travel():
    case = WRONG[0]
    with pytest.raises(SanitizerError) as caught:
        launch("wrong", "sanitize", case)
    assert pickle.loads(pickle.dumps(caught.value)).reports == caught.value.reports


@pytest.mark.parametrize("kernel", ["write_read", "halved_index", "groups_sum", "never_written", "barrier_in_if"])
def test_launchers_find_what_needs_no_sizes(kernel: str):
    """A prepared launch is given pointers alone: nothing is out of bounds, the rest is found."""
    case = next(case for case in WRONG if case.kernel == kernel)
    x, y = np.ones(1024, np.float32), np.zeros(1024, np.float32)
    pointers = (ctypes.c_void_p * 2)(x.ctypes.data, y.ctypes.data)
    launcher = library("wrong", "sanitize")[kernel].launcher(2, case.threads)
    with pytest.raises(SanitizerError) as caught:
        launcher(pointers, GROUPS)
    assert case.fault in {report.fault for report in caught.value.reports}
    for report in caught.value.reports:
        assert report.line in case.lines
        assert report.space != "device" or (report.buffer == 1 and 0 <= report.offset < 4096)
    library("right", "sanitize")["copy"].launcher(2, 256)(pointers, GROUPS)
    np.testing.assert_array_equal(x, y)


def test_next_launch_is_unaffected():
    right = next(case for case in RIGHT if case.kernel == "copy")
    for _ in range(3):
        with pytest.raises(SanitizerError):
            launch("wrong", "sanitize", next(case for case in WRONG if case.kernel == "wrong_stride"))
        launch("right", "sanitize", right)
        launch("right", "reference", right)
