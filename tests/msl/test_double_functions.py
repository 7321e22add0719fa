"""Functions of doubles in integer registers: within CUDA's errors, C's at special values; their tables are computed."""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path

import mpmath
import numpy as np
import pytest

from tests.doubles import bounded, operands, terms
from tests.doubles.bounded import BOUNDED
from tests.doubles.exact import c_function
from tests.doubles.kernels import Kernels
from triton_alloy.msl import vocabulary
from triton_alloy.msl.vocabulary import source_of
from triton_alloy.msl_cpu import strict

COUNT = 400
IN_C = [name for name in BOUNDED if not re.search(r"norm|rhypot|rcbrt|rsqrt|pi$|erfcx|inv|below", name)]


@functools.cache
def kernels() -> Kernels:
    return Kernels(bounded.texts())


def run(name: str, values: list[np.ndarray]) -> np.ndarray:
    return kernels().run(name, [np.asarray(v, np.float64).view(np.uint64) for v in values]).view(np.float64)


def special_operands(count: int) -> list[np.ndarray]:
    """Without signalling NaN, for which C's functions do otherwise."""
    found = [operands.specials()] if count == 1 else list(operands.special_pairs())
    values = [each.view(np.float64) for each in found]
    return [np.where(np.isnan(each), np.nan, each) for each in values]


# --------------------------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("name", BOUNDED)
def test_within_cudas_errors(name: str):
    values = bounded.drawn(name, COUNT, np.random.default_rng(len(name)))
    found = bounded.errors(run(name, values), bounded.exact_values(name, values))
    worst = int(found.argmax())
    assert found[worst] <= BOUNDED[name].ulps, [v[worst] for v in values]


@pytest.mark.parametrize("name", IN_C)
def test_special_values_are_cs(name: str):
    """NaN, infinities and signs of zeros; what is finite may be CUDA's error and one more away."""
    values = special_operands(len(BOUNDED[name].ranges))
    expected = c_function(name, len(values))(*values)
    found = run(name, values)
    with np.errstate(all="ignore"):
        near = np.abs(found - expected) <= (BOUNDED[name].ulps + 1) * np.spacing(np.abs(expected))
        alike = (found == expected) & (np.signbit(found) == np.signbit(expected))
        absolute = np.abs(found - expected) < (1e-15 if name == "lgamma" else 0)  # near the zeros of lgamma
    right = near & (expected != 0) | alike | absolute | (np.isnan(found) & np.isnan(expected))
    assert right.all(), [(*(v[i] for v in values), found[i], expected[i]) for i in np.flatnonzero(~right)[:5]]


INF, NAN = math.inf, math.nan
SPECIAL = {
    "rsqrt": [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-1.0, NAN), (NAN, NAN), (4.0, 0.5)],
    "rcbrt": [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-INF, -0.0), (NAN, NAN), (-8.0, -0.5)],
    "sinpi": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (NAN, NAN), (0.5, 1.0), (-1.0, -0.0), (1.5, -1.0), (1e300, 0.0),
              (-7.0, -0.0), (2.0**52 + 1, 0.0), (5e-324, 1.5e-323)],
    "cospi": [(0.0, 1.0), (0.5, 0.0), (-1.5, 0.0), (INF, NAN), (3.0, -1.0), (1e300, 1.0), (2.0**52 + 1, -1.0)],
    "rhypot": [(0.0, -0.0, INF), (INF, NAN, 0.0), (1.0, NAN, NAN), (3.0, 4.0, 0.2)],
    "norm3d": [(0.0, -0.0, 0.0, 0.0), (INF, NAN, 1.0, INF), (1.0, 1.0, NAN, NAN), (1e-300, 2e-300, 2e-300, 3e-300)],
    "rnorm3d": [(0.0, 0.0, 0.0, INF), (1.0, NAN, -INF, 0.0), (2.0, 3.0, 6.0, 1 / 7)],
    "norm4d": [(0.0, -0.0, 0.0, 0.0), (NAN, 1.0, INF, INF), (1e308, 1e308, 1e308, INF)],
    "rnorm4d": [(0.0, 0.0, 0.0, INF), (1.0, 1.0, INF, 0.0), (1.0, 1.0, 1.0, 0.5)],
    "erfcx": [(INF, 0.0), (-INF, INF), (NAN, NAN), (0.0, 1.0), (-27.0, INF), (-0.0, 1.0)],
    "erfinv": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.1, NAN), (-2.0, NAN), (NAN, NAN), (INF, NAN)],
    "erfcinv": [(0.0, INF), (-0.0, INF), (2.0, -INF), (1.0, 0.0), (2.1, NAN), (-0.1, NAN), (NAN, NAN), (INF, NAN)],
    "normcdfinv": [(0.0, -INF), (-0.0, -INF), (1.0, INF), (0.5, 0.0), (1.1, NAN), (-0.1, NAN), (NAN, NAN)],
    "normcdf": [(INF, 1.0), (-INF, 0.0), (NAN, NAN), (0.0, 0.5), (-40.0, 0.0), (40.0, 1.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str):
    """Of functions that C has not; the last number is the value."""
    for *arguments, expected in SPECIAL[name]:
        [found] = run(name, [np.array([x]) for x in arguments])
        if math.isnan(expected):
            assert math.isnan(found), arguments
        else:
            assert found == pytest.approx(expected, rel=4e-16, abs=0), arguments
            assert math.copysign(1, found) == math.copysign(1, expected), arguments


def test_exact_results_are_exact():
    whole = np.arange(-60, 61, dtype=np.float64)
    assert (run("exp2", [whole]) == np.ldexp(1.0, whole.astype(int))).all()
    assert (run("log2", [np.ldexp(1.0, whole.astype(int))]) == whole).all()
    assert (run("cbrt", [whole**3]) == whole).all()
    assert (run("pow", [whole, np.full(len(whole), 3.0)]) == whole**3).all()
    assert (run("exp10", [np.arange(23.0)]) == np.array([float(10**k) for k in range(23)])).all()
    assert (run("hypot", [3 * whole, 4 * whole]) == np.abs(5 * whole)).all()
    assert (run("tgamma", [np.arange(1.0, 20)]) == np.array([float(math.factorial(k)) for k in range(19)])).all()


def test_large_angles_are_reduced_exactly():
    """The double nearest to a multiple of pi / 2 (Kahan's), the largest, and powers of 2."""
    angles = np.array([6381956970095103.0 * 2.0**797, np.finfo(np.float64).max, *(2.0**k for k in range(0, 1024, 31))])
    with mpmath.workdps(400):
        for name, function in (("sin", mpmath.sin), ("cos", mpmath.cos), ("tan", mpmath.tan)):
            exact = [+function(mpmath.mpf(x)) for x in angles.tolist()]
            assert bounded.errors(run(name, [angles]), exact).max() < 0.52


def test_the_log_of_gamma_between_poles_has_a_small_absolute_error():
    x = np.random.default_rng(3).uniform(-23.0001, -2.2637, 300)
    with mpmath.workdps(40):
        exact = [bounded._log_of_gamma(mpmath.mpf(v)) for v in x.tolist()]
    errors = [abs(float(f - e)) for f, e in zip(run("lgamma", [x]).tolist(), exact, strict=True)]
    assert max(errors) < 4e-15


# ----------------------------------------------------------------------------------------------------------------- text
def test_the_text_is_metal():
    strict.check(kernels().source)


def test_where_every_access_is_checked():
    """Of memory, the tables' too."""
    names = ("exp", "sin", "pow", "atan2", "tgamma", "erfc")
    checked = Kernels({name: bounded.texts()[name] for name in names}, "sanitize")
    for name in names:
        values = [each.view(np.uint64) for each in bounded.drawn(name, 40, np.random.default_rng(1))]
        assert (checked.run(name, values) == kernels().run(name, values)).all()


def test_the_tables_are_what_computes_them():
    page = Path(vocabulary.__file__).with_suffix("") / "9_double_constants.metal"
    assert page.read_text() == terms.page()


def test_polynomials_are_near_their_functions():
    """Their tables as numbers, against the functions at points between those that they go through."""
    tables = terms.tables()
    with mpmath.workdps(40):
        for name, bits, function in (
            ("double_power_terms", 63, lambda t: mpmath.power(2, (1 + t) / 2)),
            ("double_erfcx_terms", 62, terms._scaled_erfc),
            ("double_lgamma1_terms", 62, lambda t: mpmath.loggamma(1 + t / 4) / (t / 4)),
            ("double_lgamma2_terms", 62, lambda t: mpmath.loggamma(2 + t / 2) / (t / 2)),
        ):
            coefficients = [mpmath.mpf(v) / 2**bits for v in tables[name].values][::-1]
            for point in (mpmath.mpf(k) / 37 for k in range(-36, 37, 5)):
                x = (1 + point) / 2 if name == "double_power_terms" else point
                assert abs(mpmath.polyval(coefficients, x) - function(point)) < mpmath.mpf(2) ** -60, (name, point)


def test_a_function_brings_what_it_needs_and_no_more():
    page = source_of(["f64", "exp"])
    assert "double_power_terms[14]" in page and "double_sin_terms" not in page and "double_sum" not in page
    assert source_of(["exp", "float"]) == ""
