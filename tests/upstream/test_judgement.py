"""The judge of Triton's suite: the list is checked both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.upstream.expected_failures import EXPECTED
from tests.upstream.judgement import Count, Expected, Row, judge, unmatched

NO_DOUBLES = Expected("Metal has no float64", "no 64-bit floating point", r"test_core\.py::test_a\[.*float64.*\]")
ON_GPUS = Expected("needs 64 KiB", "threadgroup memory", r"test_core\.py::test_b", where="apple9-.*")
BY_PROCESSOR = Expected("sums cancel", "not close", r"test_core\.py::test_e", may_pass=True)
LIST = [NO_DOUBLES, ON_GPUS, BY_PROCESSOR]
REFUSED = "Unsupported: Metal has no 64-bit floating point"


def row(name: str, outcome: str, error: str = "") -> Row:
    return Row(f"test_core.py::{name}", outcome, error, 0.1)


def problems(*rows: Row, where: str = "cpu-fast") -> list[str]:
    return judge(rows, len(rows), LIST, where)[1]


def test_counts():
    rows = [row("test_c", "passed"), row("test_d", "skipped", "Skipped: no"), row("test_a[float64]", "failed", REFUSED)]
    count, found = judge(rows, 3, LIST, "cpu-fast")
    assert (count, found) == (Count(collected=3, passed=1, skipped=1, listed=1, failed=0), [])


def test_a_failure_outside_the_list():
    assert problems(row("test_c", "failed", "wrong")) == ["test_core.py::test_c: wrong"]


def test_a_listed_test_that_passes():
    [found] = problems(row("test_a[float64]", "passed"))
    assert "passes, but is listed" in found


def test_a_listed_test_that_fails_for_another_reason():
    [found] = problems(row("test_a[float64]", "failed", "AssertionError: 1 != 2"))
    assert "listed for another reason" in found


def test_a_test_that_fails_on_some_machines():
    assert problems(row("test_e", "passed")) == []
    assert problems(row("test_e", "failed", "AssertionError: not close")) == []
    assert problems(row("test_e", "failed", "a crash")) != []
    assert unmatched("test_core.py", [], [BY_PROCESSOR], "cpu-fast") == []


def test_a_listed_test_may_be_skipped():
    assert problems(row("test_a[float64]", "skipped")) == []


def test_a_pattern_means_the_whole_name():
    assert problems(row("test_a[float64]x", "failed", REFUSED)) != []


def test_a_line_may_be_about_one_target():
    failure = row("test_b", "failed", "out of threadgroup memory")
    assert problems(failure, where="apple9-reference") == []
    assert problems(failure) != []
    assert problems(row("test_b", "passed")) == []


def test_tests_without_an_outcome_are_failures():
    count, found = judge([row("test_c", "passed")], 3, LIST, "cpu-fast")
    assert (count.failed, found) == (2, ["2 tests were collected and have no outcome"])


def test_a_line_that_no_failure_needs():
    assert unmatched("test_core.py", [row("test_a[float64]", "failed", REFUSED)], LIST, "cpu-fast") == []
    [found] = unmatched("test_core.py", [row("test_a[float64]", "skipped")], LIST, "cpu-fast")
    assert found.endswith(NO_DOUBLES.reason)
    assert unmatched("test_random.py", [], LIST, "cpu-fast") == []


@pytest.mark.parametrize("line", EXPECTED, ids=lambda line: line.tests)
def test_the_list_is_well_formed(line: Expected):
    for pattern in (line.tests, line.error, line.where):
        re.compile(pattern)
    assert re.match(r"test_\w+\\\.py::", line.tests), "a pattern begins with the name of its file"
    assert line.error not in ("", ".*"), "an expected error says something"
    assert line.reason


def test_every_reason_is_documented():
    text = " ".join((Path(__file__).parents[2] / "docs" / "upstream.md").read_text().split())
    assert [line.reason for line in EXPECTED if line.reason not in text] == []
