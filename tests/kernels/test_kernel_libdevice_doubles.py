"""tl.extra.libdevice of float64: within CUDA's errors of mpmath's values, the same as NumPy's where that is exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from tests.doubles import bounded
from tests.kernels.test_kernel_libdevice import DIRECTIONS, KERNELS, OPERATIONS, directed, extremes
from tests.support.kernels import tensor
from triton_alloy.errors import Unsupported

NUMBERS = 200


@triton.jit
def norm4d_kernel(x_ptr, y_ptr, z_ptr, out_ptr, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y, z = tl.load(x_ptr + i, i < n), tl.load(y_ptr + i, i < n), tl.load(z_ptr + i, i < n)
    tl.store(out_ptr + i, getattr(libdevice, FUNCTION)(x, y, z, x), i < n)


def run(name: str, *operands: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    out = np.zeros(len(operands[0]), dtype)
    kernel = norm4d_kernel if name.endswith("norm4d") else KERNELS[len(operands)]
    kernel[(triton.cdiv(len(out), 512),)](*map(tensor, operands), tensor(out), len(out), name, BLOCK=512)
    return out


MISSING = ("j0", "j1", "y0", "y1", "cyl_bessel_i0", "cyl_bessel_i1", "rcp64h")
"""What kernels may not call."""


@pytest.mark.parametrize("name", bounded.BOUNDED)
def test_bounded_functions(device, rng, name):
    operands = bounded.drawn(name, NUMBERS, rng)
    found = run(name.split()[0], *operands)
    error = bounded.errors(found, bounded.exact_values(name, operands))
    worst = int(error.argmax())
    assert error[worst] <= bounded.BOUNDED[name].ulps, (
        f"{error[worst]} ulp: {[o[worst] for o in operands]} -> {found[worst]}"
    )


X = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1e300, 2.0**52 + 0.5, -7.0, 0.1])
Y = np.roll(X, 5)
WITH_NAN = {
    "remainder": lambda: run("remainder", X, Y), "fdim": lambda: run("fdim", X, Y),
    "nextafter": lambda: run("nextafter", X, Y), "copysign": lambda: run("copysign", X, Y),
}  # fmt: skip


def _remainder(x: float, y: float) -> float:
    import math

    return math.nan if math.isinf(x) or y == 0 or x != x or y != y else math.remainder(x, y)


def test_exact_functions(device):
    with np.errstate(all="ignore"):
        expected = {
            "remainder": np.array([_remainder(x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)]),
            "fdim": np.where(X <= Y, 0.0, X - Y), "nextafter": np.nextafter(X, Y), "copysign": np.copysign(X, Y),
        }  # fmt: skip
    for name, wanted in expected.items():
        np.testing.assert_array_equal(WITH_NAN[name](), wanted, err_msg=name)
    flags = {"isnan": np.isnan(X), "isinf": np.isinf(X), "finitef": np.isfinite(X), "signbit": np.signbit(X)}
    for name in ("isnan", "isinf", "signbit"):
        assert (run(name, X, dtype=np.int32).astype(bool) == flags[name]).all(), name
    finite = X[np.isfinite(X) & (X != 0)]
    assert (run("ilogb", finite, dtype=np.int32) == np.frexp(finite)[1] - 1).all()
    assert (run("logb", finite) == np.frexp(finite)[1] - 1).all()
    powers = np.arange(len(X), dtype=np.int32) * 97 - 500
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run("ldexp", X, powers), np.ldexp(X, powers))
    assert (run("double_as_longlong", X, dtype=np.int64) == X.view(np.int64)).all()


def test_conversions(device):
    whole = np.array([2.5, -2.5, 3.5, -0.1, 1e10, 2147483647.5])
    assert run("double2int_rn", whole, dtype=np.int32).tolist() == [2, -2, 4, 0, 2**31 - 1, 2**31 - 1]
    assert run("double2ll_rd", whole, dtype=np.int64).tolist() == [2, -3, 3, -1, 10**10, 2**31 - 1]
    assert (run("double2float_rn", X, dtype=np.float32)[:4] == np.float32(X[:4])).all()
    assert run("double2float_rz", np.array([0.1, -0.1, 1e300]), dtype=np.float32).tolist() == [
        np.nextafter(np.float32(0.1), np.float32(0)), -np.nextafter(np.float32(0.1), np.float32(0)),
        np.finfo(np.float32).max,
    ]  # fmt: skip


@pytest.mark.parametrize("mode", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_directed_rounding(device, rng, operation, mode):
    count, exact = OPERATIONS[operation]
    values = rng.standard_normal((count, 200)) * 2.0 ** rng.integers(-30, 30, (count, 200))
    values[:, :40] = np.round(values[:, :40]) + 1.0
    values[values == 0] = 3.0
    fractions = [exact(*map(Fraction, column)) for column in values.T.tolist()]
    for fraction, found in zip(fractions, run(f"{operation}_{mode}", *values), strict=True):
        assert fraction == 0 or found == directed(fraction, mode, np.float64)


TINY, LARGEST = 5e-324, np.finfo(np.float64).max
SUMS_OF_EXTREMES = np.array(
    [(TINY, TINY, 1.0), (TINY, -TINY, 1.0), (TINY, TINY, -TINY), (TINY, 0.25, 1e300), (2.0**512, 2.0**511, TINY)]
    + [(1e200, 1e110, -LARGEST), (2.0**600, 2.0**424, -(2.0**1023)), (2.0**512, 2.0**511, -LARGEST)]
)
"""a, b and c of a * b + c."""


@pytest.mark.parametrize("mode", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_directed_rounding_of_extremes(device, rng, operation, mode):
    values = extremes(operation, rng, np.float64)
    if operation == "fma":
        values = np.concatenate([values, SUMS_OF_EXTREMES.T], axis=1)
    values = np.ascontiguousarray(values[:, np.isfinite(values).all(axis=0) & (values != 0).all(axis=0)])
    fractions = [OPERATIONS[operation][1](*map(Fraction, column)) for column in values.T.tolist()]
    inside = [0 < abs(fraction) < 2**1023 for fraction in fractions]
    assert sum(inside) > 50
    found = run(f"{operation}_{mode}", *values)
    for i in np.flatnonzero(inside):
        assert found[i] == directed(fractions[i], mode, np.float64), (values[:, i].tolist(), found[i])


def test_directed_roots(device, rng):
    """No number between a root and the next one has the root's square."""
    x = np.concatenate([[4.0, 2.0, 1e300, 0.0, 5e-324, 1e-310], rng.uniform(0, 1e3, 200), 1e-300 * rng.random(20)])
    low, high, toward_zero = (run(f"sqrt_{mode}", x) for mode in ("rd", "ru", "rz"))
    assert (low == toward_zero).all()
    for number, below, above in zip(x.tolist(), low.tolist(), high.tolist(), strict=True):
        exact = Fraction(below) ** 2 == number
        assert Fraction(below) ** 2 <= number <= Fraction(above) ** 2
        assert above == (below if exact else np.nextafter(below, np.inf))


def test_results_beyond_the_largest_number(device):
    """Rounded towards zero they are the largest number; sums of a number and its negative are -0 rounded down."""
    largest, x = np.finfo(np.float64).max, np.array([1.7e308, -1.7e308])
    assert run("add_rz", x, x).tolist() == [largest, -largest]
    assert run("mul_ru", x, np.abs(x)).tolist() == [np.inf, -largest]
    assert run("div_rd", x, np.full(2, 1e-10)).tolist() == [largest, -np.inf]
    assert np.signbit(run("add_rd", x, -x)).all() and not np.signbit(run("add_ru", x, -x)).any()


@pytest.mark.parametrize("mode", DIRECTIONS)
def test_conversions_in_a_direction(device, rng, mode):
    whole = rng.integers(-(2**63), 2**63, 200)
    for found, number in zip(run(f"ll2double_{mode}", whole), whole.tolist(), strict=True):
        assert found == directed(Fraction(number), mode, np.float64)
    for found, number in zip(run(f"ull2double_{mode}", whole.astype(np.uint64)), whole.tolist(), strict=True):
        assert found == directed(Fraction(number % 2**64), mode, np.float64)
    x = np.concatenate([rng.standard_normal(200) * 2.0 ** rng.integers(-90, 90, 200), [0.5, 1e300, -1e300]])
    *narrow, half, high, low = run(f"double2float_{mode}", x, dtype=np.float32)
    assert narrow == [directed(Fraction(number), mode) for number in x[:200].tolist()]
    largest = np.finfo(np.float32).max
    assert half == 0.5
    assert high == (np.inf if mode in ("rn", "ru") else largest)
    assert low == (-np.inf if mode in ("rn", "rd") else -largest)


def test_halves(device):
    high, low = (X.view(np.int32).reshape(-1, 2)[:, i].copy() for i in (1, 0))
    assert (run("hiloint2double", high, low).view(np.int64) == X.view(np.int64)).all()


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_refused_by_name(device, name):
    x = torch.ones(4, dtype=torch.float64)
    with pytest.raises(Unsupported, match=f"the external function __nv_{name} has no counterpart for Metal"):
        KERNELS[1][(1,)](x, x, 4, name, BLOCK=4)
