"""What `triton-alloy bench` makes of times over sizes and tiles: rows with their targets, and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from triton_alloy.tools.plot import Chart, svg

Line = Mapping[str, Any]

SMALL, LARGE = 1 << 16, 1 << 18
TARGETS = {"small": 1.5, "large": 1.2, "mean": 0.9}
"""Our time beyond an empty launch over PyTorch's: below LARGE elements, from there on, and the mean of all."""
SCALING_TARGET = 1.8
"""Of one thread's time over that of two, or PyTorch's own where that is less."""
LEAST = 1e-7
"""Seconds: what is shorter than an empty launch by chance counts as this."""


def beyond(line: Line) -> float:
    """Seconds of our side beyond an empty launch."""
    return max(line["ours"] - line["empty"], LEAST)


def power(number: int) -> str:
    """ "2^12"."""
    return f"2^{number.bit_length() - 1}"


def title(section: str, line: Line) -> str:
    """What the table calls a point."""
    return f"{line['name']} {power(line['elements'])}" if section == "sizes" else f"{line['name']}, tile {line['tile']}"


def rows(section: str, lines: Sequence[Line], alone: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Results as keywords of bench.Result. lines: of a section of operators/sections.py; alone: the same on one
    thread."""
    ratios = []
    for line in lines:
        ours, theirs = beyond(line), line["theirs"]
        ratios.append(ours / theirs)
        target = TARGETS["large" if line["elements"] >= LARGE else "small"]
        row = {"section": section, "name": title(section, line), "value": ratios[-1], "target": target}
        yield row | {"ours": ours, "theirs": theirs, "rival": "PyTorch", "details": {"section": section, **line}}
    mean = {"section": section, "name": "geometric mean", "value": geometric_mean(ratios), "target": TARGETS["mean"]}
    yield mean | {"rival": "PyTorch"}
    for line, single in zip(lines, alone, strict=bool(alone)):
        if line["elements"] >= LARGE:
            yield _scaling(section, line, single)


def _scaling(section: str, line: Line, single: Line) -> dict[str, Any]:
    ours, before = beyond(line), beyond(single)
    target = min(SCALING_TARGET, single["theirs"] / line["theirs"])
    row = {"section": section, "name": title(section, line), "value": before / ours, "target": target}
    return row | {"ours": ours, "theirs": before, "rival": "one thread", "more": True}


SIDES = {"ours": "Alloy", "beyond": "beyond an empty launch", "theirs": "PyTorch", "compiled": "torch.compile"}


def draw(points: Sequence[Line], file: Path) -> None:
    """Write a picture with a chart for each section and operator: times over sizes or tiles. points: the details of
    results."""
    fields = dict.fromkeys((point["section"], point["name"]) for point in points)
    of_field = {field: [point for point in points if (point["section"], point["name"]) == field] for field in fields}
    file.write_text(svg([_chart(*field, chosen) for field, chosen in of_field.items()]))


def _chart(section: str, name: str, points: Sequence[Line]) -> Chart:
    counts, across = ("elements", "elements") if section == "sizes" else ("tile", "elements of a program")
    lines = {}
    for side, label in SIDES.items():
        times = [beyond(point) if side == "beyond" else point[side] for point in points]
        if all(times):
            lines[label] = [(point[counts], time * 1e6) for point, time in zip(points, times, strict=True)]
    return Chart(name, across, "microseconds", lines)
