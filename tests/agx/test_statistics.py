"""Statistics of machine code, read from JSON, and what a row says of them."""

from __future__ import annotations

import pytest

from tests.agx import report
from tests.agx.statistics import Kernel, kernels_of
from tests.simt.workloads import WORKLOADS
from tests.support.recorded import as_json, page_with


def region(parent: int, opcodes: dict[str, int], loads: dict[str, int] | None = None) -> dict:
    nothing = {name: {} for name in ("device_stores", "threadgroup_loads", "threadgroup_stores")}
    return {"parent": parent, "opcodes": opcodes, "device_loads": loads or {}} | nothing


def kernel(*regions: dict) -> Kernel:
    numbers = {"registers": 174, "threads": 576, "scratch_bytes": 0, "threadgroup_bytes": 16, "code_bytes": 3860}
    return kernels_of({"kernels": [{"name": "k", "regions": [*regions]} | numbers]})[0]


OUTSIDE = region(-1, {"iadd": 7, "stack_store": 2, "device_load": 1}, {"4": 1})
FAST = region(0, {"simd_mma": 64, "device_load": 32, "mov": 93, "wait": 8, "iadd": 20}, {"8": 32})
SLOW = region(0, {"simd_mma": 64, "device_load": 32, "if_icmp": 300, "stack_load": 4}, {"8": 32})


def test_the_loop_that_counts_is_the_fastest_of_those_with_products():
    found = kernel(OUTSIDE, SLOW, FAST, region(0, {"iadd": 2}))
    assert found.loop and found.loop.instructions == 217 and found.loop.net == 116
    assert found.instructions == 10 + 400 + 217 + 2
    assert (found.count("stack_store"), found.count("stack_load")) == (2, 4)


def test_products_around_an_inner_loop_count_without_it():
    found = kernel(OUTSIDE, FAST, region(1, {"iadd": 500}))
    assert found.loop and found.loop.instructions == 217


def test_without_products_the_longest_inner_loop_counts():
    around, inner, other = region(0, {"iadd": 90}), region(1, {"fadd": 30}), region(1, {"fadd": 20})
    found = kernel(OUTSIDE, around, inner, other)
    assert found.loop and found.loop.instructions == 30


def test_a_kernel_without_loops_has_no_loop():
    found = kernel(OUTSIDE)
    assert found.loop is None
    assert report.cells(report.row_of(found)) == [
        *("174", "576", "2/0", "10", "3860", "-", "-", "-"),
        *("-", "4x1", "-", "-"),
    ]


def test_accesses_are_summed_and_the_widest_come_first():
    assert list(kernel(OUTSIDE, FAST, SLOW).accesses("device_loads").items()) == [(8, 64), (4, 1)]


def test_a_row_says_what_64_products_cost():
    half = region(0, {"simd_mma": 32, "device_load": 8, "mov": 60}, {"16": 8})
    cells = dict(zip(report.HEADINGS, report.cells(report.row_of(kernel(OUTSIDE, half))), strict=True))
    assert (cells["loop (net)"], cells["products"], cells["per 64"]) == ("100 (40)", "32", "200")
    assert (cells["loop's loads"], cells["loads"], cells["spills/fills"]) == ("16x8", "16x8 4x1", "2/0")


def test_every_loop_gets_a_line():
    found = kernel(OUTSIDE, FAST, region(1, {"iadd": 5}), SLOW)
    assert list(report.loops(found)) == [
        "  loop: 217 (116) instructions, 64 products, 0/0 spills/fills, loads 8x32\n",
        "    loop: 5 (5) instructions, 0 products, 0/0 spills/fills, loads -\n",
        "  loop: 400 (396) instructions, 64 products, 0/4 spills/fills, loads 8x32\n",
    ]


def test_what_is_missing_is_an_error():
    with pytest.raises(KeyError, match="device_stores"):
        kernels_of(
            {
                "kernels": [
                    {"name": "k", "regions": [{"parent": -1, "opcodes": {}, "device_loads": {}}]}
                    | dict.fromkeys(("registers", "threads", "scratch_bytes", "threadgroup_bytes", "code_bytes"), 1)
                ]
            }
        )


def test_the_record_has_every_workload_and_the_page_is_its_table():
    recorded = report.recorded()
    assert set(recorded["apple7"]) == {workload.name for workload in WORKLOADS}
    assert any(row.products for row in recorded["mlx"].values())
    assert as_json(recorded) == report.RESULTS.read_text()
    assert page_with(report.PAGE, "agx", report.markdown(recorded)) == report.PAGE.read_text()
