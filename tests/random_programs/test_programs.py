"""520 random programs, of fixed seeds: as NumPy computes them, in fast mode and one more variant each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.random_programs.generate import generate
from tests.random_programs.program import Assign, Branch, Program, Return, Statement, walk
from tests.random_programs.run import VARIANTS, Failure, check, shrunk

PROGRAMS, BATCH = 500, 20


@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_as_numpy_computes_them(first):
    seeds = range(first, first + BATCH)
    failures = check([generate(seed) for seed in seeds], [VARIANTS[seed % len(VARIANTS)] for seed in seeds])
    assert not failures, "\n".join(str(shrunk(failure)) for failure in failures)


def test_programs_of_mostly_doubles():
    programs = [generate(seed, "float64") for seed in range(BATCH)]
    assert sum(program.has("float64") for program in programs) > BATCH / 2
    failures = check(programs, [VARIANTS[seed % len(VARIANTS)] for seed in range(BATCH)])
    assert not failures, "\n".join(str(shrunk(failure)) for failure in failures)


def test_a_wrong_result_is_found_and_shrunk():
    """The first program that tells it where the meaning of its products is told wrongly, by one."""
    pairs = ((program, _off_by_one(program)) for program in map(generate, range(200)))
    program, wrong = next(pair for pair in pairs if _differ(*pair))
    [failure] = check([wrong], [VARIANTS[0]])
    small = shrunk(failure)
    assert isinstance(small, Failure) and "wrong" in small.message
    assert len(small.program.source()) < len(program.source())
    assert not check([program], [VARIANTS[0]])


class Ignored(Return):
    """A return that is told wrongly: as if it did nothing."""

    def run(self, environment):
        pass


def _ignoring(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """With the returns in branches told wrongly."""
    return tuple(
        replace(s, bodies=(_told_wrongly(s.bodies[0]), _told_wrongly(s.bodies[1]))) if isinstance(s, Branch) else s
        for s in statements
    )


def _told_wrongly(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    return _ignoring(tuple(Ignored(s.values) if isinstance(s, Return) else s for s in body))


def _of_a_kernel(program: Program) -> Program:
    return replace(program, statements=_ignoring(program.statements))


def _of_functions(program: Program) -> Program:
    functions = [replace(function, statements=_ignoring(function.statements)) for function in program.functions]
    return replace(program, functions=tuple(functions))


@pytest.mark.parametrize("change", [_of_a_kernel, _of_functions])
def test_returns_that_are_told_wrongly_are_found(change):
    """In the first programs where it makes a difference."""
    pairs = [(program, change(program)) for program in map(generate, range(60))]
    [(program, wrong), *_] = [pair for pair in pairs if _differ(*pair)]
    [failure] = check([wrong], [VARIANTS[0]])
    small = shrunk(failure).program
    assert len(small.source()) < len(program.source())
    assert any(isinstance(s, Ignored) for part in (small, *small.functions) for s in walk(part.statements))
    assert not check([program], [VARIANTS[0]])


def _differ(program: Program, other: Program) -> bool:
    return any((a != b).any() for a, b in zip(program.results(), other.results(), strict=True))


def _off_by_one(program: Program) -> Program:
    def shift(statement: Statement) -> Statement:
        if not isinstance(statement, Assign) or "tl.dot" not in statement.text:
            return statement
        return replace(statement, compute=lambda *operands: statement.compute(*operands) + 1)

    return replace(program, statements=tuple(map(shift, program.statements)))
