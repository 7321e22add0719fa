"""Doubles in integer registers are hardware's to the last bit, in the text that a GPU gets, and are printed as used."""

from __future__ import annotations

import numpy as np
import pytest

from tests.doubles import operands
from tests.doubles.exact import EXACT, bfloat_bits, differences, expected_bits
from tests.doubles.kernels import Kernels, exact_kernels
from triton_alloy.msl.vocabulary import ENTRIES, source_of, words_of
from triton_alloy.msl_cpu import strict

COUNT = 100_000


def cases(name: str, count: int) -> list[list[np.ndarray]]:
    """Lists of operands for a function: pairs of special values, or these alone, and random ones."""
    generator = np.random.default_rng(sum(map(ord, name)))
    row = EXACT[name]
    if row.operands == 1:
        return [[operands.specials()], operands.random_tuples(count, 1, generator)]
    pairs = [*operands.special_pairs()]
    if row.operands == 2:
        return [pairs, operands.random_tuples(count, 2, generator)]
    third = generator.permutation(np.resize(operands.specials(), len(pairs[0])))
    return [[*pairs, third], operands.random_triples(count, generator)]


def assert_exact(name: str, values: list[np.ndarray], kernels: Kernels) -> None:
    found = kernels.run(name, values)
    wrong = differences(EXACT[name], values, found)
    if len(wrong):
        i = wrong[0]
        given = ", ".join(hex(int(each[i])) for each in values)
        expected = expected_bits(EXACT[name], values)[i]
        pytest.fail(f"{name} of {given}: {int(found[i]):#x}, not {int(expected):#x}; {len(wrong)} of {len(found)}")


def test_special_values():
    values = operands.specials()
    assert len(set(values.tolist())) == len(values) == operands.SPECIAL_COUNT


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str):
    for values in cases(name, COUNT):
        assert_exact(name, values, exact_kernels())


CHECKED = ("x + y", "x / y", "fma(x, y, z)", "sqrt(x)", "fmod(x, y)", "half(x)", "long(x)", "float64(int)")


@pytest.mark.parametrize("name", CHECKED)
def test_exact_where_every_access_is_checked(name: str):
    for values in cases(name, 200):
        some = [each[:: max(1, len(each) // 200)] for each in values]
        assert_exact(name, some, exact_kernels("sanitize", CHECKED))


def test_the_oracle_rounds_to_bfloat_once():
    """Between two bfloats, above and below the middle by less than a float's last place."""
    middle = 1.0 + 2.0**-8
    values = np.array([middle, middle + 2.0**-40, middle - 2.0**-40, -middle - 2.0**-40, 3.4e38, 1e39, -0.0])
    expected = [0x3F80, 0x3F81, 0x3F80, 0xBF81, 0x7F80, 0x7F80, 0x8000]
    assert bfloat_bits(values).tolist() == expected


def test_wrong_bits_are_found():
    values = [np.array([0x3FF0000000000000, 0x7FF8000000000001], np.uint64)]
    assert differences(EXACT["fabs(x)"], values, values[0]).tolist() == []
    assert differences(EXACT["fabs(x)"], values, values[0] + np.uint64(1)).tolist() == [0]
    assert differences(EXACT["fabs(x)"], values, values[0] - np.uint64(1 << 52)).tolist() == [0, 1]


def test_the_text_is_metal():
    strict.check(exact_kernels().source)


# ------------------------------------------------------------------------------------------------- as far as it is used
@pytest.mark.parametrize(
    ("symbol", "function"),
    [("+", "double_sum"), ("-", "double_sum"), ("*", "double_product"), ("/", "double_quotient")],
)
def test_operators_come_with_their_symbols(symbol: str, function: str):
    text = f"f64 z = x {symbol} y;"
    assert f"operator{symbol}(float64 a, float64 b)" in source_of(words_of(text))
    assert f"ulong {function}(" in source_of(words_of(text))
    assert f"ulong {function}(" not in source_of(words_of("device float64 *p, f64 y = -x; // x * y + x / y"))
    assert function not in source_of(words_of(text.replace("f64", "f32")))


def test_functions_come_with_their_type():
    for name in ("sqrt", "fma", "floor", "fmod"):
        assert f"float64 {name}(" in source_of([name, "f64"]) and f"float64 {name}(" in source_of([name, "float64"])
        assert source_of([name, "float"]) == ""


def test_what_lies_in_memory_needs_no_arithmetic():
    page = source_of(words_of("device float64 *p; p[1] = p[0];"))
    assert not any(f"{name}(" in page for name in ("double_sum", "double_product", "double_quotient", "double_fma"))


def test_the_pages_use_nothing_of_others():
    """A local variable that were called like a function of another page would bring it into every text."""
    of_doubles = {entry.name for entry in ENTRIES if entry.section.startswith("double")}
    found = {(e.name, need) for e in ENTRIES if e.name in of_doubles for need in e.requires if need not in of_doubles}
    assert {need for _, need in found} <= {"UNROLL"}, found
