"""Functions of doubles on lanes, by the oracles of those that GPUs have in integer registers; uniform ones alike."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.doubles import bounded, operands
from tests.doubles.bounded import BOUNDED
from tests.doubles.exact import EXACT, differences, expected_bits
from tests.doubles.kernels import on_lanes, spelled_for_lanes
from tests.support.lanes import LANES, Operand, evaluate

ALL = {**EXACT, **BOUNDED}
ABSENT = ("isnan(x)", "isinf(x)", "isfinite(x)", "signbit(x)")
"""What printed texts ask of no value."""
TO_INTEGERS = ("int(x)", "uint(x)", "long(x)", "ulong(x)")
EXTREMES = ("fmin(x, y)", "fmax(x, y)")


def cases(name: str, count: int) -> list[list[np.ndarray]]:
    """Operands by their bits: special ones, and random ones."""
    row, generator = EXACT[name], np.random.default_rng(len(name))
    pairs = [*operands.special_pairs()]
    if row.operands == 3:
        third = generator.permutation(np.resize(operands.specials(), len(pairs[0])))
        return [[*pairs, third], operands.random_triples(count, generator)]
    return [pairs[: row.operands], operands.random_tuples(count, row.operands, generator)]


def defined(name: str, values: list[np.ndarray]) -> np.ndarray:
    """Where C++ says what the result is: not of a number that is no integer's, nor which of two zeros is less."""
    numbers = [each.view(np.float64) for each in values]
    if name in EXTREMES:
        return (numbers[0] != 0) | (numbers[1] != 0)
    if name not in TO_INTEGERS:
        return np.full(len(values[0]), True)
    limits = np.iinfo({"int(x)": "int32", "uint(x)": "uint32", "long(x)": "int64", "ulong(x)": "uint64"}[name])
    with np.errstate(invalid="ignore"):
        whole = np.trunc(numbers[0])
    return (whole >= float(limits.min)) & (whole < float(limits.max // 2 + 1) * 2)


@pytest.mark.parametrize("name", [name for name in EXACT if name not in ABSENT])
def test_exact(name: str):
    for values in cases(name, 20_000):
        values = [each[defined(name, values)] for each in values]
        found = on_lanes(EXACT[name].text, values)
        wrong = differences(EXACT[name], values, found)
        given = [hex(int(each[i])) for i in wrong[:1] for each in values]
        expected = expected_bits(EXACT[name], values)
        assert not len(wrong), f"{given}: {found[wrong[0]]:#x}, not {expected[wrong[0]]:#x}; {len(wrong)} wrong"


@pytest.mark.parametrize("name", BOUNDED)
def test_within_cudas_errors(name: str):
    values = bounded.drawn(name, 4096 if BOUNDED[name].wide else 416, np.random.default_rng(len(name)))
    found = on_lanes(bounded.texts()[name], [v.view(np.uint64) for v in values]).view(np.float64)
    if BOUNDED[name].wide:
        error = bounded.wide_errors(name, values, found)
    else:
        error = bounded.errors(found, bounded.exact_values(name, values))
    worst = int(error.argmax())
    assert error[worst] <= BOUNDED[name].ulps, [v[worst] for v in values]


UNIFORM_CONVERSIONS = re.compile(r"\b(half|bfloat|float|int|uint|long|ulong|bool|char|uchar|short|ushort)\(")


@pytest.mark.parametrize("name", [n for n in ALL if n not in ABSENT and not UNIFORM_CONVERSIONS.search(n)])
def test_uniform_values_have_the_bits_of_lanes(name: str):
    text = {**{n: row.text for n, row in EXACT.items()}, **bounded.texts()}[name]
    if name in EXACT:
        values = [each[: 3 * LANES] for each in cases(name, 3 * LANES)[1]]
    else:
        values = [v.view(np.uint64) for v in bounded.drawn(name, 3 * LANES, np.random.default_rng(1))]
    given = [Operand(n, "f64", each.view(np.float64), True) for n, each in zip("xyz", values, strict=False)]
    given.append(Operand("n", "u64", values[0], True))
    [found] = evaluate([(text, "u64")], given, "fast")
    lanes = on_lanes(text, values)
    nan = [np.isnan(each.view(np.float64)) for each in (found, lanes)]
    assert ((found == lanes) | nan[0] & nan[1]).all()


def test_texts_are_spelled_for_lanes():
    assert spelled_for_lanes("ulong(as_type<uint>(float(x)))") == "u64(as_type<u32>(f32(x)))"
    assert spelled_for_lanes("as_ulong(f64(ulong(n)))") == "as_ulong(f64(u64(n)))"
