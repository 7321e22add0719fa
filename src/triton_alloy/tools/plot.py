"""Line charts with logarithmic axes, as SVG: a field for each chart, side by side, under one legend."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

COLUMNS, WIDTH, HEIGHT = 4, 300, 220
"""Fields in a row; pixels of a field with what is written around it."""
LEFT, TOP, RIGHT, BOTTOM, LEGEND = 60, 24, 20, 36, 28
LABEL = 36
"""Pixels from one number below an axis to the next, at least."""
COLOURS = ("#d55e00", "#e69f00", "#0072b2", "#009e73")
"""In the order of the legend: colours that colour-blind people tell apart (Okabe and Ito)."""

Points = Sequence[tuple[float, float]]
Position = Callable[[float], float]


@dataclass(frozen=True)
class Chart:
    """lines: what the legend calls each -> its points, of positive numbers; across, up: what the axes count."""

    title: str
    across: str
    up: str
    lines: Mapping[str, Points]


def svg(charts: Sequence[Chart]) -> str:
    """The picture of all charts."""
    rows = math.ceil(len(charts) / COLUMNS)
    width, height = WIDTH * min(len(charts), COLUMNS), HEIGHT * rows + LEGEND
    style = {"font-family": "sans-serif", "font-size": "11", "viewBox": f"0 0 {width} {height}"}
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", width=str(width), height=str(height), attrib=style)
    ET.SubElement(root, "rect", width="100%", height="100%", fill="white")
    names = list(dict.fromkeys(name for chart in charts for name in chart.lines))
    colours = dict(zip(names, COLOURS, strict=False))
    for number, (name, colour) in enumerate(colours.items()):
        _text(root, LEFT + WIDTH * 0.7 * number, LEGEND - 10, f"\u2014 {name}", "start", fill=colour)
    for number, chart in enumerate(charts):
        down, right = divmod(number, COLUMNS)
        at = f"translate({WIDTH * right + LEFT} {HEIGHT * down + LEGEND + TOP})"
        _draw(ET.SubElement(root, "g", transform=at), chart, colours)
    return ET.tostring(root, encoding="unicode")


def _draw(group: ET.Element, chart: Chart, colours: Mapping[str, str]) -> None:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    across, up = ([point[axis] for line in chart.lines.values() for point in line] for axis in (0, 1))
    ticks_across, ticks_up = powers(2, across), powers(10, up)
    x, y = _scale(ticks_across, 0, width), _scale(ticks_up, height, 0)
    for tick in ticks_across:
        _rule(group, x(tick), 0, x(tick), height)
    for tick in ticks_across[:: math.ceil(len(ticks_across) * LABEL / width)]:
        _text(group, x(tick), height + 14, f"2^{round(math.log2(tick))}")
    for tick in ticks_up:
        _rule(group, 0, y(tick), width, y(tick))
        _text(group, -4, y(tick) + 4, f"{tick:g}", "end")
    for name, line in chart.lines.items():
        places = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        attributes = {"fill": "none", "stroke": colours[name], "stroke-width": "1.5", "points": places}
        ET.SubElement(group, "polyline", attributes)
    _text(group, width / 2, -8, chart.title)
    _text(group, width / 2, height + 30, chart.across)
    _text(group, -46, height / 2, chart.up, transform=f"rotate(-90 -46 {height / 2})")


def powers(base: int, values: Iterable[float]) -> list[float]:
    """The powers of `base` that enclose all values, at least two."""
    logarithms = [math.log(value, base) for value in values]
    first = math.floor(min(logarithms) + 1e-9)
    last = max(math.ceil(max(logarithms) - 1e-9), first + 1)
    return [float(base) ** exponent for exponent in range(first, last + 1)]


def _scale(ticks: Sequence[float], start: float, end: float) -> Position:
    span = math.log(ticks[-1] / ticks[0])
    return lambda value: start + (end - start) * math.log(value / ticks[0]) / span


def _rule(group: ET.Element, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    ET.SubElement(group, "line", {name: f"{value:.1f}" for name, value in ends}, stroke="#ddd")


def _text(group: ET.Element, x: float, y: float, text: str, anchor: str = "middle", **attributes: str) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    ET.SubElement(group, "text", place, **attributes).text = text
