"""Error functions, the normal distribution and Bessel functions of f32, for libdevice (see functions.py)."""

from __future__ import annotations

from ..terms import Term
from .functions import (
    INFINITY,
    NAN,
    exponential,
    fma,
    log_special,
    magnitude,
    polynomial,
    sign_bit,
    two_product,
    unless_nan,
    with_sign,
)

SQRT_HALF = (0.70710676908493042, 1.2101617e-08)
SQRT_2 = 1.4142135623730951


# -------------------------------------------------------------------------------------------------- error functions
def _scaled_complement(a: Term) -> Term:
    """exp(a*a) erfc(a), a >= 0, after M. Shepherd and J. Laframboise (1981), in the form of N. Juffa."""
    r = a.lift(1.0) / (a + 2.0)
    q = (a - 2.0) * r
    q = fma(r, fma(q, -a, fma(q + 1.0, -2.0, a)), q)
    p = polynomial(
        q, -4.01139259e-4, -1.23075210e-3, 1.31355342e-3, 8.63227434e-3, -8.05991981e-3, -5.42046614e-2, 1.64055392e-1,
        -1.66031361e-1, -9.27639827e-2, 2.76978403e-1,
    )  # fmt: skip
    r = a.lift(1.0) / fma(a, 2.0, 1.0)
    quotient = fma(p, r, r)
    residual = fma(fma(quotient, -a, 0.5), 2.0, p - quotient)
    near = fma(residual, r, quotient)
    inverse = a.lift(1.0) / a
    square = inverse * inverse
    far = inverse * 0.56418958354775629 * polynomial(square, 6.5625, -1.875, 0.75, -0.5, 1.0)
    return a.compare("<", 10.0546875).where(near, far)


def erfc(x: Term) -> Term:
    a = magnitude(x)
    bounded = a.op("arith.minnumf", 10.5)
    square, rest = two_product(bounded, bounded)
    value = _scaled_complement(bounded) * exponential(-square, -rest)
    return unless_nan(x, x.compare("<", 0.0).where(value.lift(2.0) - value, value))


def erfcx(x: Term) -> Term:
    a = magnitude(x)
    square, rest = two_product(a, a)
    growth = exponential(square.op("arith.minnumf", 90.0), square.compare("<", 90.0).where(rest, 0.0))
    tail = _scaled_complement(a)
    negative = a.compare(">", 9.4).where(INFINITY, growth - tail + growth)
    return unless_nan(x, x.compare("<", 0.0).where(negative, tail))


def normcdf(x: Term) -> Term:
    """erfc(-x / sqrt(2)) / 2, with x*x / 2 to twice the precision."""
    bounded = x.op("arith.maxnumf", -14.5).op("arith.minnumf", 14.5)
    a = magnitude(bounded)
    z = a * SQRT_HALF[0]
    missing = fma(a, SQRT_HALF[1], fma(a, SQRT_HALF[0], -z))
    scaled = _scaled_complement(z)
    slope = fma(scaled * z, 2.0, -1.1283791670955126)
    scaled = fma(slope, missing, scaled)
    square, rest = two_product(a, a)
    tail = scaled * exponential(square * -0.5, rest * -0.5) * 0.5
    return unless_nan(x, x.compare(">", 0.0).where(tail.lift(1.0) - tail, tail))


def erfinv(x: Term) -> Term:
    """N. Juffa's polynomials in log(1 - x*x)."""
    square, rest = two_product(x, x)
    t = (fma(square, -1.0, 1.0) - rest).op("math.log")
    far = polynomial(
        t, 3.03697567e-10, 2.93243101e-8, 1.22150334e-6, 2.84108955e-5, 3.93552968e-4, 3.02698812e-3, 4.83185798e-3,
        -2.64646143e-1, 8.40016484e-1,
    )  # fmt: skip
    near = polynomial(
        t, 5.43877832e-9, 1.43285448e-7, 1.22774793e-6, 1.12963626e-7, -5.61530760e-5, -1.47697632e-4, 2.31468678e-3,
        1.15392581e-2, -2.32015476e-1, 8.86226892e-1,
    )  # fmt: skip
    value = x * t.compare("<", -6.125).where(far, near)
    value = magnitude(x).compare("==", 1.0).where(with_sign(x.lift(INFINITY), sign_bit(x)), value)
    return magnitude(x).compare(">", 1.0).where(NAN, unless_nan(x, value))


def _tail_inverse(x: Term) -> Term:
    """y with erfc(y) = x, for x below 1/2: a rational estimate, then two steps of Halley on the scaled function."""
    bounded = x.op("arith.maxnumf", 2.0**-149).op("arith.minnumf", 0.5)
    t = (bounded.op("math.log") * -2.0 + 1.3862943611).op("tt.precise_sqrt")
    top = polynomial(t, 0.010328, 0.802853, 2.515517)
    y = (t - top / polynomial(t, 0.001308, 0.189269, 1.432788, 1.0)) * SQRT_HALF[0]
    for _ in range(2):
        square, rest = two_product(y, y)
        error = _scaled_complement(y) - bounded * exponential(square * 0.5, rest * 0.5) * exponential(
            square * 0.5, rest * 0.5
        )
        step = error * 0.88622692545275801
        y = y + step / fma(y, step, 1.0)
    return y


def erfcinv(x: Term) -> Term:
    upper = x.compare(">", 1.5)
    tail = _tail_inverse(upper.where(x.lift(2.0) - x, x))
    tail = upper.where(-tail, tail)
    value = (x.compare("<", 0.5) | upper).where(tail, erfinv(x.lift(1.0) - x))
    value = x.compare("==", 0.0).where(INFINITY, x.compare("==", 2.0).where(-INFINITY, value))
    outside = x.compare("<", 0.0) | x.compare(">", 2.0)
    return outside.where(NAN, unless_nan(x, value))


def normcdfinv(x: Term) -> Term:
    return erfcinv(x + x) * -SQRT_2


# ------------------------------------------------------------------------------------------------ Bessel functions
# Below 8: their zeros there as factors, times a polynomial
# in x**2 / 32 - 1 (the modified functions, which have no zeros: in x**2 / 64). Above: amplitude and phase, in 1 / x**2.
_ZEROS = {
    0: (
        (2.404825448989868, 1.0870590460455913e-07), (5.520078182220459, -7.19341483347784e-08),
        (8.653727531433105, 3.814779067482042e-07),
    ),
    1: (
        (3.8317060470581055, -7.685059315313556e-08), (7.015586853027344, -1.8321172499646294e-07),
        (10.173468589782715, -4.547199927665643e-07),
    ),
}  # fmt: skip
_NEAR = {
    0: (
        1.1083149439e-09, -1.3238165877e-08, 1.1899413816e-07, -8.2719503065e-07, 4.1966045951e-06, -1.4423695863e-05,
        2.9532961490e-05, -2.6662941679e-05,
    ),
    1: (
        4.8736242105e-11, -6.2998727329e-10, 6.2414040855e-09, -4.8215021955e-08, 2.7482906737e-07, -1.0759325714e-06,
        2.5522383543e-06, -2.7271448672e-06,
    ),
}  # fmt: skip
_AMPLITUDE = {
    0: (-4.1021161900e-01, 1.0236117984e-01, -6.2496617014e-02, 1.0),
    1: (6.2656242241e-01, -1.9179267248e-01, 1.8749539070e-01, 1.0),
}
_PHASE = {
    0: (1.1400990078e00, -2.0534555657e-01, 6.5091959561e-02, -1.2499999440e-01),
    1: (-1.7066649591e00, 3.6523048755e-01, -1.6404604879e-01, 3.7499999243e-01),
}
_REGULAR = {
    0: (
        -7.3850560853e-05,
        8.2086942819e-04,
        -7.0244338540e-03,
        4.6352313573e-02,
        -2.1895822691e-01,
        6.7218352856e-01,
        -1.0775475328e00,
        1.4412517163e-01,
        1.6470964589e00,
        -8.2843583276e-01,
        -3.8225065413e-01,
    ),
    1: (
        -3.6440976030e-06,
        4.5331842113e-05,
        -4.4376395428e-04,
        3.4218323872e-03,
        -1.9628787710e-02,
        7.8548157384e-02,
        -1.9639839039e-01,
        2.3507204060e-01,
        2.3367570904e-02,
        -2.4337742822e-01,
        7.0759858835e-02,
    ),
}  # fmt: skip
_MODIFIED_NEAR = {
    0: (
        1.9778817669e-02, 6.1694319967e-02, 5.5122756978e-01, 2.6177521190e00, 1.0580372258e01, 3.2359141107e01,
        7.2818706694e01, 1.1377765651e02, 1.1377778663e02, 6.3999999688e01, 1.6000000004e01, 1.0,
    ),
    1: (
        8.0100331399e-04, 2.9196870596e-03, 2.7314988744e-02, 1.4572473697e-01, 6.6105796038e-01, 2.3114671677e00,
        6.0681961644e00, 1.1377770973e01, 1.4222222771e01, 1.0666666645e01, 4.0000000003e00, 0.5,
    ),
}  # fmt: skip
_MODIFIED_FAR = {
    0: (3.9255025323e-01, -1.5453102887e-02, 3.3989834609e-02, 2.7887274888e-02, 4.9869854311e-02, 3.9894227517e-01),
    1: (
        -4.5755476741e-01,
        1.1514119608e-02,
        -4.6389084527e-02,
        -4.6562600555e-02,
        -1.4960575587e-01,
        3.9894228651e-01,
    ),
}


def _first_kind_near(a: Term, order: int) -> Term:
    value = polynomial(fma(a, a * 0.03125, -1.0), *_NEAR[order])
    for high, low in _ZEROS[order]:
        value = value * ((a - high - low) * (a + high))
    return value * a if order else value


def _far(a: Term, order: int, quarter: float) -> Term:
    """sqrt(2 / (pi a)) amplitude cos(a + phase - quarter pi); 0 for infinity."""
    bounded = a.op("arith.maxnumf", 8.0).op("arith.minnumf", 3.0e38)
    inverse = bounded.lift(1.0) / bounded
    square = inverse * inverse
    shift = fma(inverse, polynomial(square, *_PHASE[order]), -quarter * 3.141592653589793)
    rotated = bounded.op("math.cos") * shift.op("math.cos") - bounded.op("math.sin") * shift.op("math.sin")
    size = (inverse * 0.63661977236758134).op("tt.precise_sqrt") * polynomial(square, *_AMPLITUDE[order])
    return a.compare("==", INFINITY).where(0.0, size * rotated)


def first_kind(x: Term, order: int) -> Term:
    a = magnitude(x)
    value = a.compare("<", 8.0).where(_first_kind_near(a, order), _far(a, order, 0.25 + 0.5 * order))
    if order:
        value = x.compare("<", 0.0).where(-value, value)
    return unless_nan(x, value)


def second_kind(x: Term, order: int) -> Term:
    """Near its zeros only the absolute error is small."""
    log = log_special(x, x.op("math.log"))
    regular = polynomial(fma(x, x * 0.03125, -1.0), *_REGULAR[order])
    near = fma(log * 0.63661977236758134, _first_kind_near(x, order), regular * x if order else regular)
    near = near - x.lift(0.63661977236758134) / x if order else near
    value = x.compare("<", 8.0).where(near, _far(x, order, 0.75 + 0.5 * order))
    value = x.compare("==", 0.0).where(-INFINITY, value)
    return x.compare("<", 0.0).where(NAN, unless_nan(x, value))


def modified(x: Term, order: int) -> Term:
    """The modified Bessel function I of order 0 or 1."""
    a = magnitude(x)
    near = polynomial(a * a * 0.015625, *_MODIFIED_NEAR[order])
    near = near * a if order else near
    bounded = a.op("arith.maxnumf", 8.0).op("arith.minnumf", 100.0)
    root = exponential(bounded * 0.5)
    inverse = bounded.lift(1.0) / bounded
    far = root * (polynomial(inverse, *_MODIFIED_FAR[order]) / bounded.op("tt.precise_sqrt")) * root
    value = unless_nan(x, a.compare("<=", 8.0).where(near, far))
    return x.compare("<", 0.0).where(-value, value) if order else value
