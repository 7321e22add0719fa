"""Charts are pictures in which points lie where their logarithms say."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from triton_alloy.tools import plot


def drawn(*charts: plot.Chart) -> ElementTree.Element:
    return ElementTree.fromstring(plot.svg(charts))


def test_points_lie_where_their_logarithms_say():
    lines = {"a <b>": [(4, 1), (8, 10), (16, 100)], "c": [(4, 100), (16, 1)]}
    picture = drawn(plot.Chart("title", "elements", "seconds", lines))
    width, height = plot.WIDTH - plot.LEFT - plot.RIGHT, plot.HEIGHT - plot.TOP - plot.BOTTOM
    first, second = (
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in picture.findall(".//{*}polyline")
    )
    assert first == [(0, height), (width / 2, height / 2), (width, 0)]
    assert second == [(0, 0), (width, height)]
    texts = [text.text for text in picture.findall(".//{*}text")]
    assert texts[:2] == ["\u2014 a <b>", "\u2014 c"]
    assert texts[2:] == ["2^2", "2^3", "2^4", "1", "10", "100", "title", "elements", "seconds"]


def test_a_line_has_one_colour_in_every_chart():
    one, both = ({name: [(1, 1), (2, 2)] for name in names} for names in (("b",), ("a", "b")))
    charts = [plot.Chart("", "", "", lines) for lines in (both, one)]
    colours = [line.get("stroke") for line in drawn(*charts).findall(".//{*}polyline")]
    assert colours[1] == colours[2] != colours[0]


@pytest.mark.parametrize(
    ("base", "values", "expected"),
    [(2, [4, 16], [4, 8, 16]), (2, [4], [4, 8]), (10, [0.5, 11], [0.1, 1, 10, 100]), (10, [1000], [1000, 10000])],
)
def test_the_axes_enclose_all_values(base, values, expected):
    assert plot.powers(base, values) == pytest.approx(expected)


def test_charts_stand_side_by_side_and_then_below():
    charts = [plot.Chart("", "", "", {"a": [(1, 1), (2, 2)]})] * (plot.COLUMNS + 1)
    places = [group.get("transform") for group in drawn(*charts).findall(".//{*}g")]
    assert len(set(places)) == len(charts)
    assert places[-1] == f"translate({plot.LEFT} {plot.HEIGHT + plot.LEGEND + plot.TOP})"
