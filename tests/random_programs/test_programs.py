"""500 random programs, of fixed seeds: as NumPy computes them, in fast mode and one more variant each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.random_programs.generate import generate
from tests.random_programs.program import Assign, Program, Statement
from tests.random_programs.run import VARIANTS, Failure, check, shrunk

PROGRAMS, BATCH = 500, 20


@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_as_numpy_computes_them(first):
    seeds = range(first, first + BATCH)
    failures = check([generate(seed) for seed in seeds], [VARIANTS[seed % len(VARIANTS)] for seed in seeds])
    assert not failures, "\n".join(str(shrunk(failure)) for failure in failures)


def test_a_wrong_result_is_found_and_shrunk():
    """A program whose meaning is told wrongly: one statement's is off by one."""
    program = generate(3)
    wrong = _off_by_one(program)
    [failure] = check([wrong], [VARIANTS[0]])
    small = shrunk(failure)
    assert isinstance(small, Failure) and "wrong" in small.message
    assert len(small.program.source()) < len(program.source())
    assert not check([program], [VARIANTS[0]])


def _off_by_one(program: Program) -> Program:
    def shift(statement: Statement) -> Statement:
        if not isinstance(statement, Assign) or "tl.dot" not in statement.text:
            return statement
        return replace(statement, compute=lambda *operands: statement.compute(*operands) + 1)

    return replace(program, statements=tuple(map(shift, program.statements)))
