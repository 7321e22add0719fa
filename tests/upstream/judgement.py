"""Outcomes of tests against a list of expected failures: which are as the list says, and which are not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True)
class Expected:
    """Tests that cannot pass. tests: a regular expression that their whole names match, as `test_core.py::test_a.*`;
    error: one that is found in the failure's text; where: one that matches `target-mode`; may_pass: on some machines.
    """

    reason: str
    error: str
    tests: str
    where: str = ".*"
    may_pass: bool = False

    def names(self, test: str, where: str) -> bool:
        """Whether this line is about `test` under `where`."""
        return bool(re.fullmatch(self.tests, test, re.DOTALL) and re.fullmatch(self.where, where))


@dataclass(frozen=True)
class Row:
    """The outcome of one test: "passed", "skipped" or "failed"."""

    id: str
    outcome: str
    error: str
    seconds: float


@dataclass(frozen=True)
class Count:
    """What came of a file's tests. skipped: by the tests' own rules; listed: failed as the list says."""

    collected: int = 0
    passed: int = 0
    skipped: int = 0
    listed: int = 0
    failed: int = 0

    NAMES: ClassVar = ("collected", "passed", "skipped", "listed", "failed")

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def cells(self) -> list[str]:
        """The numbers as text, in the order of NAMES."""
        return [f"{getattr(self, name):,}" for name in self.NAMES]


def judge(rows: Sequence[Row], collected: int, expected: Sequence[Expected], where: str) -> tuple[Count, list[str]]:
    """The count of `rows`, and a line for each outcome that is not as the list says."""
    verdicts = [verdict(row, [line for line in expected if line.names(row.id, where)]) for row in rows]
    kinds = [kind for kind, _ in verdicts]
    problems = [problem for _, problem in verdicts if problem]
    if missing := max(collected, len(rows)) - len(rows):
        problems.append(f"{missing} tests were collected and have no outcome")
    count = Count(
        max(collected, len(rows)),
        *(kinds.count(kind) for kind in ("passed", "skipped", "listed")),
        kinds.count("failed") + missing,
    )
    return count, problems


def verdict(row: Row, lines: Sequence[Expected]) -> tuple[str, str]:
    """("passed", "skipped", "listed" or "failed", what is wrong with that or "")."""
    if row.outcome == "passed" and any(not line.may_pass for line in lines):
        return "failed", f"{row.id}: passes, but is listed: {lines[0].reason}"
    if row.outcome != "failed":
        return row.outcome, ""
    if any(re.search(line.error, row.error) for line in lines):
        return "listed", ""
    if lines:
        return "failed", f"{row.id}: listed for another reason ({lines[0].reason}): {row.error}"
    return "failed", f"{row.id}: {row.error}"


def unmatched(file: str, rows: Sequence[Row], expected: Sequence[Expected], where: str) -> list[str]:
    """The lines of the list about `file` that no failure of a whole run needs."""
    failures = [row for row in rows if row.outcome == "failed"]
    certain = [line for line in expected if line.tests.startswith(re.escape(file)) and not line.may_pass]
    lines = [line for line in certain if re.fullmatch(line.where, where)]
    return [
        f"the list names no failure with {line.tests!r}: {line.reason}"
        for line in lines
        if not any(line.names(row.id, where) and re.search(line.error, row.error) for row in failures)
    ]
