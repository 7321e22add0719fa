"""tl.extra.libdevice against exact values: mpmath for the functions, Python's fractions for directed rounding.

The limits are the errors that CUDA's documentation gives for its functions (CUDA C++ Programming Guide, Mathematical
Functions), in units of the last place; where it gives an absolute one, or none, so does the row.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from tests.support.kernels import ulps

mpmath.mp.dps = 40
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3e38, -3e38, 1.2e-38, -1.2e-38]


@triton.jit
def unary_kernel(x_ptr, out_ptr, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, i < n)
    tl.store(out_ptr + i, getattr(libdevice, FUNCTION)(x), i < n)


@triton.jit
def binary_kernel(x_ptr, y_ptr, out_ptr, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y = tl.load(x_ptr + i, i < n), tl.load(y_ptr + i, i < n)
    tl.store(out_ptr + i, getattr(libdevice, FUNCTION)(x, y), i < n)


@triton.jit
def ternary_kernel(x_ptr, y_ptr, z_ptr, out_ptr, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y, z = tl.load(x_ptr + i, i < n), tl.load(y_ptr + i, i < n), tl.load(z_ptr + i, i < n)
    tl.store(out_ptr + i, getattr(libdevice, FUNCTION)(x, y, z), i < n)


KERNELS = {1: unary_kernel, 2: binary_kernel, 3: ternary_kernel}


def run(name: str, *operands: torch.Tensor, dtype: torch.dtype = torch.float32) -> np.ndarray:
    out = torch.zeros(len(operands[0]), dtype=dtype)
    KERNELS[len(operands)][(triton.cdiv(len(out), 512),)](*operands, out, len(out), name, BLOCK=512)
    return out.numpy()


def exactly(function, *arrays: np.ndarray) -> np.ndarray:
    """The mpmath function of every element; NaN where it has no real value."""

    def one(*values: float) -> float:
        if any(np.isnan(v) for v in values):
            return np.nan
        try:
            result = function(*(mpmath.mpf(float(v)) for v in values))
        except (ValueError, ZeroDivisionError):
            return np.nan
        return float(result) if not isinstance(result, mpmath.mpc) or result.imag == 0 else np.nan

    return np.array([one(*values) for values in zip(*arrays, strict=True)])


def spread(low: float, high: float, count: int = 500) -> np.ndarray:
    """Numbers of every magnitude in an interval, its ends included."""
    rng = np.random.default_rng(1)
    flat = rng.uniform(low, high, count)
    scaled = flat * 10.0 ** rng.uniform(-8, 0, count)
    values = np.concatenate([[low, high], flat, scaled])
    return values[(values >= low) & (values <= high)].astype(np.float32)


def bessel_j(n):
    return lambda x: mpmath.besselj(n, x)


def bessel_y(n):
    return lambda x: mpmath.bessely(n, x)


def inverse_complement(x):
    """erfcinv, by mpmath's erfinv at twice the digits."""
    with mpmath.workdps(120):
        return mpmath.erfinv(1 - x)


ACCURATE = [  # function, exact, interval, ulps, absolute error
    ("expm1", mpmath.expm1, (-30, 88.7), 1.01, 0),
    ("exp10", lambda x: mpmath.power(10, x), (-37, 38.5), 2, 0),
    ("log1p", mpmath.log1p, (-0.99999, 1e6), 1, 0),
    ("log10", mpmath.log10, (1e-37, 3e38), 2, 0),
    ("cbrt", mpmath.cbrt, (1e-37, 3e38), 1, 0),
    ("rcbrt", lambda x: 1 / mpmath.cbrt(x), (1e-37, 3e38), 1, 0),
    ("sinpi", mpmath.sinpi, (-1000, 1000), 1, 0),
    ("cospi", mpmath.cospi, (-1000, 1000), 1, 0),
    ("asinh", mpmath.asinh, (-3e38, 3e38), 3, 0),
    ("asinh", mpmath.asinh, (-30, 30), 3, 0),
    ("acosh", mpmath.acosh, (1, 3e38), 4, 0),
    ("acosh", mpmath.acosh, (1, 3), 4, 0),
    ("atanh", mpmath.atanh, (-0.999999, 0.999999), 3, 0),
    ("erfc", mpmath.erfc, (-4, 9.19), 4, 0),
    ("erfcx", lambda x: mpmath.erfc(x) * mpmath.exp(x * x), (-9, 80), 4, 0),
    ("erfinv", mpmath.erfinv, (-0.9999999, 0.9999999), 2.5, 0),
    ("erfcinv", inverse_complement, (1e-37, 1.99), 4, 0),
    ("normcdf", mpmath.ncdf, (-12.9, 6), 5, 0),
    ("normcdfinv", lambda x: -mpmath.sqrt(2) * inverse_complement(2 * x), (1e-37, 0.99), 5, 0),
    ("lgamma", lambda x: mpmath.log(abs(mpmath.gamma(x))), (1e-30, 100), 6, 0),
    ("lgamma", lambda x: mpmath.log(abs(mpmath.gamma(x))), (-2.2, -1e-30), 6, 0),
    ("lgamma", mpmath.loggamma, (100, 3e36), 6, 0),
    ("tgamma", mpmath.gamma, (1e-37, 35.04), 5, 0),
    ("tgamma", mpmath.gamma, (-33.9, -1e-37), 5, 0),
    ("j0", bessel_j(0), (-8, 8), 9, 0),
    ("j1", bessel_j(1), (-8, 8), 9, 0),
    ("j0", bessel_j(0), (8, 5000), 0, 2.2e-6),
    ("j1", bessel_j(1), (-5000, -8), 0, 2.2e-6),
    ("y0", bessel_y(0), (1e-30, 5000), 9, 2.2e-6),
    ("y1", bessel_y(1), (1e-30, 5000), 9, 2.2e-6),
    ("cyl_bessel_i0", lambda x: mpmath.besseli(0, x), (-90, 90), 6, 0),
    ("cyl_bessel_i1", lambda x: mpmath.besseli(1, x), (-90, 90), 6, 0),
]


@pytest.mark.parametrize("name, exact, interval, limit, absolute", ACCURATE)
def test_accuracy(device, name, exact, interval, limit, absolute):
    x = spread(*interval)
    wanted, got = exactly(exact, x), run(name, torch.from_numpy(x)).astype(np.float64)
    error = ulps(got, wanted, "float32")
    bad = (error > limit) & ~(np.abs(got - wanted) <= absolute) & ~(np.abs(wanted) < 2.0**-126)
    i = int(np.argmax(np.where(bad, error, 0)))
    assert not bad.any(), (
        f"{bad.sum()} wrong, worst {error[i]:.3g} ulp: {name}({x[i]!r}) is {got[i]!r}, not {wanted[i]!r}"
    )


SPECIAL = {
    "expm1": torch.expm1, "log1p": torch.log1p, "log10": torch.log10, "asinh": torch.asinh, "acosh": torch.acosh,
    "atanh": torch.atanh, "erfc": torch.special.erfc, "erfcx": torch.special.erfcx, "erfinv": torch.special.erfinv,
    "lgamma": torch.lgamma, "j0": torch.special.bessel_j0, "exp10": lambda x: 10.0**x, "tanh": torch.tanh,
    "y0": torch.special.bessel_y0, "y1": torch.special.bessel_y1, "cyl_bessel_i0": torch.special.i0,
    "cyl_bessel_i1": torch.special.i1, "normcdf": torch.special.ndtr, "normcdfinv": torch.special.ndtri,
    "cbrt": lambda x: torch.from_numpy(np.cbrt(x.numpy())), "rint": torch.round, "nearbyint": torch.round,
    "logb": lambda x: torch.from_numpy(np.where(x == 0, -np.inf, np.floor(np.log2(np.abs(x.numpy()))))),
    "rsqrt": torch.rsqrt, "trunc": torch.trunc,
}  # fmt: skip


BESSEL = ("j0", "y0", "y1", "cyl_bessel_i0", "cyl_bessel_i1")


@pytest.mark.parametrize("name", SPECIAL)
def test_edges(device, name):
    """Zeros with their signs, infinities, NaN, the ends of the range."""
    x = torch.tensor(EDGES)
    with np.errstate(all="ignore"):
        wanted = SPECIAL[name](x.double()).float().numpy()
    got = run(name, x)
    error = ulps(got.astype(np.float64), wanted.astype(np.float64), "float32")
    is_zero = (wanted == 0) & (np.array(EDGES) == 0)
    small = 2.2e-6 if name in ("j0", "y0", "y1") else 1e-37
    if name in BESSEL:  # PyTorch has no limits
        error[np.isinf(EDGES)] = 0
    bad = ((error > 6) & ~(np.abs(got - wanted) <= small)) | (is_zero & (np.signbit(got) != np.signbit(wanted)))
    assert not bad.any(), [(EDGES[i], got[i], wanted[i]) for i in np.flatnonzero(bad)]


def test_bessel_functions_at_infinity(device):
    x = torch.tensor([np.inf, -np.inf])
    assert [list(run(name, x)) for name in ("j0", "j1", "cyl_bessel_i0", "cyl_bessel_i1")] == [
        [0, 0], [0, 0], [np.inf, np.inf], [np.inf, -np.inf]
    ]  # fmt: skip
    assert run("y0", x)[0] == 0 and np.isnan(run("y1", x)[1])


def test_gamma_at_its_poles(device):
    x = torch.tensor([0.0, -0.0, -1.0, -30.0, np.inf, -np.inf, 36.0, -45.5])
    got = run("tgamma", x)
    assert np.array_equal(got[[0, 1, 4, 6]], [np.inf, -np.inf, np.inf, np.inf])
    assert np.isnan(got[[2, 3, 5]]).all() and got[7] == 0


PAIRS = [
    ("hypot", lambda x, y: np.hypot(x, y), 3), ("rhypot", lambda x, y: 1 / np.hypot(x, y), 2),
    ("copysign", np.copysign, 0), ("fdim", lambda x, y: np.where(x > y, x - y, np.where(x <= y, 0.0, np.nan)), 0.5),
    ("fmod", np.fmod, 0), ("remainder", lambda x, y: [ieee_remainder(a, b) for a, b in zip(x, y, strict=True)], 0),
    ("pow", np.power, 9), ("atan2", np.arctan2, 3),
]  # fmt: skip


def ieee_remainder(x: float, y: float) -> float:
    return np.nan if np.isnan(x) or np.isnan(y) or np.isinf(x) or y == 0 else math.remainder(x, y)


def float_pairs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x, y = (side.ravel() for side in np.meshgrid(EDGES, EDGES))
    random = rng.standard_normal((2, 1000)) * 10.0 ** rng.integers(-15, 15, (2, 1000))
    close = rng.integers(-40, 40, (2, 500)) / 2.0
    return tuple(
        np.concatenate(parts).astype(np.float32) for parts in ((x, *random[:1], close[0]), (y, random[1], close[1]))
    )


@pytest.mark.parametrize("name, exact, limit", PAIRS, ids=[row[0] for row in PAIRS])
def test_pairs(device, name, exact, limit):
    x, y = float_pairs()
    with np.errstate(all="ignore"):
        wanted = np.asarray(exact(x.astype(np.float64), y.astype(np.float64)), np.float64)
    got = run(name, torch.from_numpy(x), torch.from_numpy(y)).astype(np.float64)
    bad = (ulps(got, wanted, "float32") > limit) & ~(np.abs(wanted) < 2.0**-126)
    assert not bad.any(), [(x[i], y[i], got[i], wanted[i]) for i in np.flatnonzero(bad)[:5]]


def test_nextafter(device):
    x, y = float_pairs()
    got = run("nextafter", torch.from_numpy(x), torch.from_numpy(y))
    with np.errstate(all="ignore"):
        wanted = np.nextafter(x, y)
    assert np.array_equal(got.view(np.int32)[~np.isnan(wanted)], wanted.view(np.int32)[~np.isnan(wanted)])
    assert np.isnan(got[np.isnan(wanted)]).all()


def test_norms_of_more_components(device):
    rng = np.random.default_rng(3)
    values = (rng.standard_normal((3, 500)) * 10.0 ** rng.integers(-25, 25, 500)).astype(np.float32)
    exact = np.sqrt((values.astype(np.float64) ** 2).sum(0))
    operands = [torch.from_numpy(v) for v in values]
    assert ulps(run("norm3d", *operands).astype(np.float64), exact, "float32").max() <= 3
    assert ulps(run("rnorm3d", *operands).astype(np.float64), 1 / exact, "float32").max() <= 2


def test_powers_of_two(device):
    x = torch.from_numpy(np.repeat(np.array([1.5, -1.0, 3e38, 1e-38, np.inf, np.nan, 0.0], np.float32), 9))
    n = torch.tensor([0, 1, -1, 30, -30, 127, -126, 400, -400] * 7, dtype=torch.int32)
    with np.errstate(all="ignore"):
        wanted = np.ldexp(x.numpy(), n.numpy())
    for name in ("ldexp", "scalbn"):
        got = run(name, x, n)
        normal = ~((np.abs(wanted) < 2.0**-126) & (wanted != 0))
        assert np.array_equal(got[normal], wanted[normal], equal_nan=True)


DIRECTIONS = {"rn": 0, "rd": -1, "ru": 1, "rz": 2}


def directed(exact: Fraction, mode: str, dtype: type[np.floating] = np.float32) -> np.floating:
    """The number that `mode` gives for a fraction that is not 0 and in the range of normal numbers."""
    nearest = dtype(float(exact))  # the double may have been rounded: corrected below
    below = nearest if Fraction(float(nearest)) <= exact else np.nextafter(nearest, dtype(-np.inf))
    if Fraction(float(np.nextafter(below, dtype(np.inf)))) <= exact:
        below = np.nextafter(below, dtype(np.inf))
    if Fraction(float(below)) == exact:
        return below
    above = np.nextafter(below, dtype(np.inf))
    if mode == "rn":
        low, high = exact - Fraction(float(below)), Fraction(float(above)) - exact
        even = below if below.view(f"int{below.itemsize * 8}") % 2 == 0 else above
        return below if low < high else above if high < low else even
    upwards = mode == "ru" or (mode == "rz" and exact < 0)
    return above if upwards else below


OPERATIONS = {
    "add": (2, lambda a, b: a + b), "sub": (2, lambda a, b: a - b), "mul": (2, lambda a, b: a * b),
    "div": (2, lambda a, b: a / b), "rcp": (1, lambda a: 1 / a), "fma": (3, lambda a, b, c: a * b + c),
}  # fmt: skip


@pytest.mark.parametrize("mode", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_directed_rounding(device, operation, mode):
    count, exact = OPERATIONS[operation]
    rng = np.random.default_rng(4)
    values = (rng.standard_normal((count, 400)) * 2.0 ** rng.integers(-12, 12, (count, 400))).astype(np.float32)
    values[:, :60] = np.round(values[:, :60]) + 1.0
    values[values == 0] = 3.0
    name = f"{operation}_{mode}"
    got = run(name, *(torch.from_numpy(v) for v in values))
    fractions = [exact(*(Fraction(float(v)) for v in column)) for column in values.T]
    for fraction, result, column in zip(fractions, got, values.T, strict=True):
        if fraction != 0:
            assert result == directed(fraction, mode), (name, column, result)


def extremes(operation: str, rng: np.random.Generator, dtype: type[np.floating]) -> np.ndarray:
    """Operands whose results, or their errors, are near the ends of the range of a type, or far from each other."""
    limits, count = np.finfo(dtype), OPERATIONS[operation][0]
    least, most = limits.minexp - limits.nmant, limits.maxexp - 1
    exponents = rng.integers(least, most, (count, 300))
    if count > 1:
        near_least = [least + bits * limits.nmant // 2 for bits in range(5)]
        results = np.resize([*near_least, most - 12, most - 1], 300) + rng.integers(-3, 4, 300)
        other = exponents[0] - results if operation == "div" else results - exponents[0]
        exponents[1] = np.clip(other, least, most)
    if count > 2:
        exponents[2] = np.where(rng.random(300) < 0.5, results, exponents[2])
    short = rng.integers(-8, 8, (count, 300)) + 0.5
    significands = np.where(rng.random((count, 300)) < 0.3, short, rng.standard_normal((count, 300)))
    with np.errstate(over="ignore"):
        return np.ldexp(significands.astype(dtype), exponents.astype(np.int32))


@pytest.mark.parametrize("mode", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_directed_rounding_of_extremes(device, rng, operation, mode):
    """Of numbers and results that a GPU does not flush to 0."""
    values = extremes(operation, rng, np.float32)
    normal = (np.isfinite(values) & (np.abs(values) >= 2.0**-126)).all(axis=0)
    values = np.ascontiguousarray(values[:, normal])
    fractions = [OPERATIONS[operation][1](*map(Fraction, column)) for column in values.T.tolist()]
    inside = [2**-125 < abs(fraction) < 2**127 for fraction in fractions]
    assert sum(inside) > 50
    found = run(f"{operation}_{mode}", *map(torch.from_numpy, values))
    for i in np.flatnonzero(inside):
        assert found[i] == directed(fractions[i], mode), (values[:, i].tolist(), found[i])


@pytest.mark.parametrize("mode", DIRECTIONS)
def test_float_to_integer_saturates(device, mode):
    x = np.concatenate([np.array(EDGES, np.float32), spread(-300, 300, 100), spread(-1e10, 1e10, 100)])
    rounding = {"rn": np.rint, "rd": np.floor, "ru": np.ceil, "rz": np.trunc}[mode]
    whole = rounding(np.nan_to_num(x.astype(np.float64), posinf=1e300, neginf=-1e300))
    got = run(f"float2int_{mode}", torch.from_numpy(x), dtype=torch.int32)
    assert np.array_equal(got, np.clip(whole, -(2**31), 2**31 - 1).astype(np.int32))
    got = run(f"float2ll_{mode}", torch.from_numpy(x), dtype=torch.int64)
    fits = np.abs(whole) < 2.0**63
    assert np.array_equal(got[fits & ~np.isnan(x)], whole[fits & ~np.isnan(x)].astype(np.int64))


@pytest.mark.parametrize("mode", DIRECTIONS)
@pytest.mark.parametrize("name, dtype", [("int", np.int32), ("ll", np.int64)])
def test_integer_to_float(device, name, dtype, mode):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(5)
    x = np.concatenate([[info.min, info.max, 1, -1, 2**24 + 1, -(2**24) - 1], rng.integers(info.min, info.max, 200)])
    x = x.astype(dtype)
    got = run(f"{name}2float_{mode}", torch.from_numpy(x))
    assert [float(v) for v in got] == [float(directed(Fraction(int(v)), mode)) for v in x]


def test_integers(device):
    rng = np.random.default_rng(6)
    x, y, z = rng.integers(-(2**31), 2**31, (3, 300)).astype(np.int32)
    x[:3] = [0, -(2**31), 1]
    tensors = [torch.from_numpy(v) for v in (x, y, z)]
    a, b = (v.astype(object) for v in (x, y))
    text = [f"{int(v) & 0xFFFFFFFF:032b}" for v in x]
    wrap = lambda v: np.array([(int(n) + 2**31) % 2**32 - 2**31 for n in v], np.int32)  # noqa: E731
    assert np.array_equal(run("brev", tensors[0], dtype=torch.int32), wrap([int(t[::-1], 2) for t in text]))
    assert np.array_equal(run("clz", tensors[0], dtype=torch.int32), [(t + "1").index("1") for t in text])
    assert np.array_equal(run("ffs", tensors[0], dtype=torch.int32), [t[::-1].find("1") + 1 for t in text])
    assert np.array_equal(run("popc", tensors[0], dtype=torch.int32), [t.count("1") for t in text])
    assert np.array_equal(run("mulhi", *tensors[:2], dtype=torch.int32), wrap((a * b) >> 32))
    assert np.array_equal(run("hadd", *tensors[:2], dtype=torch.int32), wrap((a + b) >> 1))
    assert np.array_equal(run("rhadd", *tensors[:2], dtype=torch.int32), wrap((a + b + 1) >> 1))
    unsigned = tensors[2].view(torch.uint32)
    assert np.array_equal(run("sad", *tensors[:2], unsigned, dtype=torch.int32), wrap(abs(a - b) + z.astype(object)))
    selected = [
        sum(
            ((int(p) & 0xFFFFFFFF | (int(q) & 0xFFFFFFFF) << 32) >> 8 * (int(s) >> 4 * i & 7) & 255) << 8 * i
            for i in range(4)
        )
        for p, q, s in zip(x, y, z, strict=True)
    ]
    assert np.array_equal(run("byte_perm", *tensors, dtype=torch.int32), wrap(selected))


def test_classes(device):
    x = torch.tensor([*EDGES, 1e-40])
    host = x.numpy()
    for name, wanted in (("isnan", np.isnan(host)), ("isinf", np.isinf(host)), ("finitef", np.isfinite(host))):
        assert np.array_equal(run(name, x, dtype=torch.int32) != 0, wanted), name
    signs = run("signbit", x, dtype=torch.int32) != 0
    assert np.array_equal(signs[~np.isnan(host)], np.signbit(host)[~np.isnan(host)])
    exponents = run("ilogb", x, dtype=torch.int32)
    assert list(exponents[5:11]) == [0, 0, 1, 1, -1, -1] and exponents[0] == -(2**31) and exponents[2] == 2**31 - 1
