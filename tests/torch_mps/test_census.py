"""The census's own judgement: what counts as an error, and that a wrong program is not called right."""

from __future__ import annotations

import pytest
import torch

from . import census
from .program import Program, numbers


@pytest.mark.parametrize(
    ("got", "wanted", "error"),
    [
        (torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0], dtype=torch.float64), 0.5 / 3),
        (torch.tensor([float("nan"), float("inf")]), torch.tensor([float("nan"), float("inf")]), 0.0),
        (torch.tensor([float("nan")]), torch.tensor([1.0]), float("inf")),
        (torch.tensor([1, 2]), torch.tensor([1, 2], dtype=torch.int32), 0.0),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), float("inf")),
        (torch.tensor([1.0]), torch.tensor([[1.0]]), float("inf")),
        (torch.tensor([1.0]), torch.tensor([1]), float("inf")),
    ],
)
def test_errors(got: torch.Tensor, wanted: torch.Tensor, error: float):
    assert census._error(got, wanted) == pytest.approx(error)


def test_results_hold_gradients_or_what_was_written():
    x = numbers(3)
    assert [each.tolist() for each in census.results(lambda x: x.mul_(2), [x.clone()], False)] == [(x * 2).tolist()] * 2
    _, gradient = census.results(lambda x: x * 3, [x.clone()], True)
    torch.testing.assert_close(gradient, 3 * torch.cos(torch.arange(3.0)))


def test_a_wrong_program_is_called_wrong(monkeypatch: pytest.MonkeyPatch):
    """Compiled, it adds 1, as a faulty compiler might."""
    faulty = Program(lambda x: x * 2, lambda: [numbers(5)])
    monkeypatch.setitem(census.GROUPS["pointwise"], "pointwise", faulty)
    monkeypatch.setattr(torch, "compile", lambda function, **options: lambda *x: function(*x) + 1)
    assert "where 2e-05 is allowed" in census.run("pointwise", "cpu").failure


def test_a_program_that_raises_is_called_wrong(monkeypatch: pytest.MonkeyPatch):
    def refuse(*x: torch.Tensor) -> None:
        raise RuntimeError("no file /somewhere/else.py in <c10/metal/a.h>\nmore")

    monkeypatch.setattr(torch, "compile", lambda function, **options: refuse)
    assert census.run("pointwise", "cpu").failure == "RuntimeError: no file else.py in <c10/metal/a.h>"


def test_there_are_enough_programs_of_every_kind():
    assert len(census.NAMES) >= 80
    assert all(len(programs) >= 3 for programs in census.GROUPS.values())
    assert sum(program.trains for programs in census.GROUPS.values() for program in programs.values()) >= 40
