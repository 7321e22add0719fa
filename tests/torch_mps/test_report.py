"""docs/torch_compile.md says what docs/torch_compile.json holds, and that what the census must be."""

from __future__ import annotations

import json

import pytest

from . import report


def record() -> dict:
    return json.loads(report.RECORD.read_text())


def test_the_page_shows_the_record():
    page = report.PAGE.read_text()
    assert report.with_tables(page, record()) == page


def test_every_program_on_mps_is_right():
    found = record()["runs"]["mps"]
    assert len(found) >= 80
    assert [each["name"] for each in found if each["failure"]] == []
    assert sum(each["configurations"] for each in found) > 200


def test_cold_runs_were_right():
    cold = record()["cold"]
    assert cold["runs"] >= 3 and cold["wrong"] == [] and cold["programs"] > 50


def test_a_page_without_the_place_is_refused():
    with pytest.raises(LookupError, match="no place for the table 'census'"):
        report.with_tables("<!-- census -->", {"runs": {"mps": []}})
