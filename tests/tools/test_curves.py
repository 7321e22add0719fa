"""Times over sizes become ratios and a plot."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from triton_alloy.tools import curves
from triton_alloy.tools.bench import Result


def line(elements: int, ours: float, theirs: float, threads: int = 2, tile: int = 1024) -> dict:
    point = {"name": "add", "elements": elements, "tile": tile, "threads": threads, "empty": 1e-5}
    return point | {"ours": ours, "theirs": theirs, "compiled": None}


def test_times_count_beyond_an_empty_launch():
    lines = [line(1 << 16, 4e-5, 2e-5), line(1 << 20, 11e-5, 1e-4), line(1 << 12, 0.9e-5, 1e-6)]
    found = [Result(**row) for row in curves.rows("sizes", lines, [])]
    assert [(row.name, round(row.value, 6), row.target) for row in found] == [
        *(("add 2^16", 1.5, 1.5), ("add 2^20", 1.0, 1.2), ("add 2^12", 0.1, 1.5)),
        ("geometric mean", round((1.5 * 1.0 * 0.1) ** (1 / 3), 6), 0.9),
    ]
    assert found[0].details["ours"] == 4e-5 and found[0].ours == pytest.approx(3e-5)


def test_two_threads_are_compared_with_one_from_the_large_sizes_on():
    lines = [line(1 << 16, 4e-5, 2e-5), line(1 << 20, 11e-5, 1e-4), line(1 << 22, 5e-4, 4e-4)]
    alone = [line(1 << 16, 5e-5, 2e-5, 1), line(1 << 20, 16e-5, 1.2e-4, 1), line(1 << 22, 9.9e-4, 9e-4, 1)]
    scaling = [Result(**row) for row in curves.rows("sizes", lines, alone)][-2:]
    assert [(row.name, round(row.value, 6), round(row.target, 6), row.reached) for row in scaling] == [
        ("add 2^20", 1.5, 1.2, True),  # PyTorch's own scaling is less than the target
        ("add 2^22", 2.0, 1.8, True),
    ]


def test_tiles_have_names_of_their_own():
    assert curves.title("tiles", line(1 << 20, 1, 1, tile=256)) == "add, tile 256"


def test_every_operator_has_a_chart_of_its_sides(tmp_path):
    points = [line(1 << bits, 1e-5 * bits, 1e-6 * bits) | {"section": "sizes"} for bits in (12, 14)]
    points += [line(1 << 20, 1e-4, 1e-4, tile=tile) | {"section": "tiles", "compiled": 1e-3} for tile in (128, 256)]
    curves.draw(points, tmp_path / "plot.svg")
    charts = ElementTree.parse(tmp_path / "plot.svg").findall("./{*}g")
    assert [len(chart.findall("{*}polyline")) for chart in charts] == [3, 4]  # the first has no torch.compile
