"""What `make doubles` records, and that its page shows it."""

from __future__ import annotations

import json

import pytest

from tests.doubles import run
from tests.doubles.bounded import BOUNDED
from tests.doubles.exact import EXACT
from tests.support.recorded import page_with


def recorded() -> dict[str, dict]:
    return json.loads(run.RESULTS.read_text())


def test_all_functions_are_recorded_within_their_bounds():
    exact, bounded = recorded()["exact"], recorded()["bounded"]
    assert set(exact) == set(EXACT) and set(bounded) == set(BOUNDED)
    assert [name for name, row in exact.items() if row["wrong"] or row["tried"] < run.COUNT] == []
    assert [name for name, row in bounded.items() if max(row["ulps"], row["lanes"]) > BOUNDED[name].ulps] == []


def test_the_page_shows_what_is_recorded():
    rows = {name: run.BoundedRow(**row) for name, row in recorded()["bounded"].items()}
    assert run.PAGE.read_text() == page_with(run.PAGE, "doubles", run.markdown(rows))


def test_a_small_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["run", "--count", "1000", "fabs(x)", "exp"])
    assert run.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fabs(x)") and "0 wrong of 41,000" in lines[0]
    assert "ulp of 1 in 2,000" in lines[1] and lines[-1] == "all are within their bounds"


def test_what_is_wrong_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(EXACT, "fabs(x)", EXACT["fabs(x)"].__class__("as_ulong(fabs(x))", 1, lambda x: -abs(x)))
    monkeypatch.setattr("sys.argv", ["run", "--count", "1000", "fabs(x)"])
    assert run.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "wrong: fabs(x)"
