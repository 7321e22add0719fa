"""Mathematical functions of f32 as arithmetic: what neither Metal nor the vocabulary has, for libdevice.

Each is a straight line of f32 operations, the same on every device, within the error that CUDA publishes for its
function of that name (tests/kernels/test_kernel_libdevice.py). A pair (high, low) is their unevaluated sum. Nothing
relies on subnormal numbers, which Apple GPUs flush. Polynomials are least-squares fits iterated towards minimax.
"""

from __future__ import annotations

import math

from ....ir.types import F32, I32
from ..terms import Term

INFINITY, NAN = float("inf"), float("nan")
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4  # products of the first with exponents are exact
HALF_LN2PI = 0.918938533204672742
SQRT_2PI = 2.50662827463100050
Pair = tuple[Term, Term]


# ------------------------------------------------------------------------------------------------------------ notation
def fma(a: Term, b: Term | float, c: Term | float) -> Term:
    return a.op("math.fma", b, c)


def magnitude(x: Term) -> Term:
    return x.op("math.absf")


def polynomial(x: Term, *coefficients: float) -> Term:
    """Highest power first."""
    total = x.lift(coefficients[0])
    for coefficient in coefficients[1:]:
        total = fma(total, x, coefficient)
    return total


def sign_bit(x: Term) -> Term:
    return x.bitcast(I32) & -(2**31)


def with_sign(size: Term, sign: Term) -> Term:
    """`size` (not negative) with a sign bit."""
    return (size.bitcast(I32) | sign).bitcast(F32)


def unless_nan(x: Term, value: Term) -> Term:
    return x.compare("!=", x).where(x, value)


def nearest(x: Term) -> Term:
    return x.op("math.roundeven")


def two_sum(a: Term, b: Term | float) -> Pair:
    """a + b exactly."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (part.lift(b) - part)


def two_product(a: Term, b: Term) -> Pair:
    """a * b exactly, where nothing underflows.

    The choice keeps compilers from contracting a later addition with the rounded product, whose error this is."""
    product = a.compare("==", a).where(a * b, a)
    return product, fma(a, b, -product)


def power_of_two(k: Term) -> Term:
    """2**k of an i32 in -126 .. 127."""
    return ((k + 127) << 23).bitcast(F32)


def scale(x: Term, k: Term) -> Term:
    """x * 2**k of a whole f32 in -252 .. 254, rounded once."""
    whole = k.cast("fptosi", I32)
    half = whole.op("arith.shrsi", 1)
    return x * power_of_two(half) * power_of_two(whole - half)


# ------------------------------------------------------------------------------------------ exponentials and logarithms
def _expm1_reduced(high: Term, low: Term) -> Term:
    """e**(high + low) - 1 for |high| <= ln(2) / 2 and a tiny `low`."""
    tail = polynomial(
        high, 1.9907606431e-04, 1.3933668189e-03, 8.3332859759e-03, 4.1666464755e-02, 1.6666666757e-01, 0.5
    )
    square = high * high
    carried = fma(low, fma(tail, square, high), low)  # low e**high
    return fma(tail, square, carried) + high


def _reduced(high: Term, low: Term | float) -> tuple[Term, Term, Term]:
    """high + low = k ln(2) + r + rest: (k, r, rest)."""
    k = nearest(high * 1.4426950408889634)
    coarse = fma(k, -LN2_HIGH, high)
    r = fma(k, -LN2_LOW, coarse)
    return k, r, fma(k, -LN2_LOW, coarse - r) + low


def exponential(high: Term, low: Term | float = 0.0) -> Term:
    """e**(high + low), |high| <= 150."""
    k, r, rest = _reduced(high, low)
    return scale(_expm1_reduced(r, rest) + 1.0, k)


def clamp(x: Term, low: float, high: float) -> Term:
    """NaN becomes a bound."""
    return x.op("arith.maxnumf", low).op("arith.minnumf", high)


def expm1(x: Term) -> Term:
    bounded = clamp(x, -20.0, 88.73)
    k, r, rest = _reduced(bounded, 0.0)
    reduced = _expm1_reduced(r, rest)
    half = power_of_two(k.cast("fptosi", I32) - 1)  # 2**k itself may overflow
    doubled = k.compare(">", 23.0).where(fma(reduced, half, -0.5) + half, fma(reduced, half, half - 0.5))
    result = k.compare("==", 0.0).where(reduced, doubled + doubled)
    result = x.compare(">", 88.722839).where(INFINITY, result)
    return x.compare("==", 0.0).where(x, unless_nan(x, result))


def exp10(x: Term) -> Term:
    bounded = clamp(x, -46.0, 39.0)
    k = nearest(bounded * 3.3219280948873623)
    r = fma(k, 1.4320988897e-08, fma(k, -0.30103000998497009, bounded))
    high = r * 2.3025850929940457
    low = fma(r, -3.1975436e-08, fma(r, 2.3025851249694824, -high))
    return unless_nan(x, scale(_expm1_reduced(high, low) + 1.0, k))


def log_pair(x: Term) -> Pair:
    """The natural logarithm of a positive finite number, to about 2**-29."""
    tiny = x.compare("<", 2.0**-126)
    bits = tiny.where(x * 2.0**24, x).bitcast(I32)
    exponent = (bits - 0x3F3504F3) & -(2**23)
    m = (bits - exponent).bitcast(F32) - 1.0
    e = exponent.cast("sitofp", F32) * 2.0**-23 - tiny.where(x.lift(24.0), 0.0)
    r = m.lift(1.0) / (m + 2.0)
    q = m * r
    low_q = r * fma(q, -m, fma(q, -2.0, m))
    square = q * q
    tail = polynomial(square, 2.3332763846e-01, 2.8550723088e-01, 4.0000122878e-01, 6.6666666553e-01)
    base, twice = e * LN2_HIGH, q + q
    high = base + twice
    error = twice - (high - base)
    low = fma(e, LN2_LOW, error + fma(q * square, tail, low_q + low_q))
    total = high + low
    return total, low - (total - high)


def log_special(x: Term, value: Term) -> Term:
    """What any logarithm gives where x is not positive and finite; else `value`."""
    value = x.compare("<", INFINITY).where(value, x)
    value = x.compare("==", 0.0).where(-INFINITY, value)
    return x.compare("<", 0.0).where(NAN, value)


def log10(x: Term) -> Term:
    high, low = log_pair(x)
    tail = fma(high, -1.01030501e-08, low * 0.4342944819032518)
    return log_special(x, fma(high, 0.43429449200630188, tail))


def log1p(x: Term) -> Term:
    total, rest = two_sum(x, 1.0)
    high, low = log_pair(total)
    value = high + (low + rest / total)
    value = x.compare("<", INFINITY).where(value, x)
    value = x.compare("==", -1.0).where(-INFINITY, value)
    value = x.compare("<", -1.0).where(NAN, value)
    return x.compare("==", 0.0).where(x, value)


# ---------------------------------------------------------------------------------------------- powers and lengths
def cube_root(x: Term) -> Term:
    """One Newton step from an estimate, with the exact residual."""
    a = magnitude(x)
    small = a.compare("<", 2.0**-60)
    scaled = small.where(a * 2.0**90, a)
    t = (scaled.op("math.log2") * (1.0 / 3)).op("math.exp2")
    square, rest = two_product(t, t)
    residual = fma(rest, t, fma(square, t, -scaled))
    root = t - residual / (square * 3.0)
    root = small.where(root * 2.0**-30, root)
    plain = a.compare("==", 0.0).where(a, root)
    return with_sign(a.compare("<", INFINITY).where(plain, a), sign_bit(x))


def reciprocal_cube_root(x: Term) -> Term:
    a = magnitude(x)
    small, large = a.compare("<", 2.0**-60), a.compare(">", 2.0**60)
    scaled = small.where(a * 2.0**90, large.where(a * 2.0**-90, a))
    y = (scaled.op("math.log2") * (-1.0 / 3)).op("math.exp2")
    square, rest = two_product(y, y)
    product, low = two_product(scaled, y)
    residual = fma(-product, square, 1.0) - fma(product, rest, low * square)
    root = fma(y * residual, 1.0 / 3, y)
    root = small.where(root * 2.0**30, large.where(root * 2.0**-30, root))
    root = a.compare("==", 0.0).where(INFINITY, a.compare("==", INFINITY).where(0.0, root))
    return with_sign(unless_nan(a, root), sign_bit(x))


def _sum_of_squares(values: tuple[Term, ...]) -> tuple[Term, Term, Term]:
    """(the sum of squares times f*f, f, the largest magnitude), with a power of two f that keeps it in range."""
    sizes = [magnitude(v) for v in values]
    largest = sizes[0]
    for size in sizes[1:]:
        largest = largest.op("arith.maximumf", size)
    factor = largest.compare(">", 2.0**60).where(
        2.0**-70, largest.compare("<", 2.0**-40).where(2.0**80, largest.lift(1.0))
    )
    total, rest = two_product(sizes[0] * factor, sizes[0] * factor)
    for size in sizes[1:]:
        square, low = two_product(size * factor, size * factor)
        total, error = two_sum(total, square)
        rest = rest + (low + error)
    return total + rest, factor, largest


def _any_infinite(values: tuple[Term, ...]) -> Term:
    found = magnitude(values[0]).compare("==", INFINITY)
    for value in values[1:]:
        found = found | magnitude(value).compare("==", INFINITY)
    return found


def norm(*values: Term) -> Term:
    """The length of a vector; infinite if a component is, even beside NaN."""
    total, factor, _ = _sum_of_squares(values)
    return _any_infinite(values).where(INFINITY, total.op("tt.precise_sqrt") * (factor.lift(1.0) / factor))


def reciprocal_norm(*values: Term) -> Term:
    total, factor, largest = _sum_of_squares(values)
    value = factor / total.op("tt.precise_sqrt")
    value = largest.compare("==", 0.0).where(INFINITY, value)
    return _any_infinite(values).where(0.0, value)


def power_of_integer(x: Term, n: Term) -> Term:
    """x**n of an i32 n, by the power of |x|: n as an f32 may lose its last bit, which decides the sign."""
    size = magnitude(x).op("math.powf", n.cast("sitofp", F32))
    return with_sign(size, sign_bit(x) & (n << 31))


# --------------------------------------------------------------------------------------------------- trigonometric
def _quadrants(x: Term) -> tuple[Term, Term, Term]:
    """x = n / 2 + r with |r| <= 1/4: n modulo 4 as i32, sin(pi r), cos(pi r)."""
    turn = fma(nearest(x * 0.5), -2.0, x)
    n = nearest(turn + turn)
    r = fma(n, -0.5, turn)
    square = r * r
    tail = polynomial(square, 8.1229800038e-02, -5.9922881719e-01, 2.5501635940e00, -5.1677127792e00)
    sine = fma(r, 3.1415927410125732, r * fma(square, tail, -8.7422777e-08))
    tail = polynomial(square, -2.5507107144e-02, 2.3531426871e-01, -1.3352624040e00, 4.0587121236e00, -4.9348022005e00)
    return n.cast("fptosi", I32), sine, fma(tail, square, 1.0)


def sinpi(x: Term) -> Term:
    finite = _only_finite(x)
    n, sine, cosine = _quadrants(finite)
    value = (n & 1).compare("==", 0).where(sine, cosine)
    value = (value.bitcast(I32) ^ ((n & 2) << 30)).bitcast(F32)
    whole = finite.op("math.trunc").compare("==", finite)
    value = whole.where(with_sign(x.lift(0.0), sign_bit(x)), value)
    return finite.compare("!=", x).where(NAN, value)


def cospi(x: Term) -> Term:
    finite = _only_finite(x)
    n, sine, cosine = _quadrants(finite)
    odd = (n & 1).compare("==", 0).where(cosine, sine)
    value = (odd.bitcast(I32) ^ (((n + 1) & 2) << 30)).bitcast(F32)
    return finite.compare("!=", x).where(NAN, value + 0.0)


def _only_finite(x: Term) -> Term:
    """0 for infinities and NaN."""
    return magnitude(x).compare("<", INFINITY).where(x, 0.0)


# ------------------------------------------------------------------------------------------------------- hyperbolic
def asinh(x: Term) -> Term:
    a = magnitude(x)
    large = a.compare(">", 2.0**30)
    root = fma(a, a, 1.0).op("tt.precise_sqrt")
    shifted = a + a * a / (root + 1.0)
    value = log1p(large.where(a, shifted)) + large.where(a.lift(0.69314718056), 0.0)
    return with_sign(magnitude(value), sign_bit(x))


def acosh(x: Term) -> Term:
    t = x - 1.0
    large = x.compare(">", 2.0**30)
    shifted = t + fma(t, t, t + t).op("tt.precise_sqrt")
    value = log1p(large.where(t, shifted)) + large.where(t.lift(0.69314718056), 0.0)
    return x.compare("<", 1.0).where(NAN, value)


def atanh(x: Term) -> Term:
    a = magnitude(x)
    value = log1p((a + a) / (a.lift(1.0) - a)) * 0.5
    return with_sign(magnitude(value), sign_bit(x))


# ------------------------------------------------------------------------------------------------------------- gamma
def _stirling(x: Term) -> tuple[Pair, Term]:
    """Gamma(x) = sqrt(2 pi) e**(the pair) * the series, x >= 1."""
    high, low = log_pair(x)
    t = x - 0.5
    product, rest = two_product(t, high)
    total, error = two_sum(product, -x)
    series = polynomial(
        x.lift(1.0) / x, -2.8085456812e-05, 2.3133079013e-04, -7.5899453948e-04, 1.2017477246e-03, -3.5114878649e-04,
        -2.6612190394e-03, 3.4705321523e-03, 8.3333389187e-02, 1.0,
    )  # fmt: skip
    return (total, fma(t, low, rest + error)), series


def tgamma(x: Term) -> Term:
    a = magnitude(x).op("arith.minnumf", 45.0)
    below_one = a.compare("<", 1.0)
    (high, low), series = _stirling(below_one.where(a + 1.0, a))
    root = exponential(high * 0.5, low * 0.5)  # e**high itself may overflow, or its inverse be subnormal
    positive = root * (series * SQRT_2PI) * root
    positive = below_one.where(positive / a, positive)
    inverse = exponential(high * -0.5, low * -0.5)
    reflected = inverse * (x.lift(math.pi) / (sinpi(x) * series * SQRT_2PI)) * inverse
    negative = below_one.where(reflected, reflected / a)
    value = x.compare("<", 0.0).where(negative, positive)
    whole = x.op("math.floor").compare("==", x) & x.compare("<", 0.0)
    value = whole.where(NAN, x.compare(">", 36.0).where(INFINITY, value))
    value = magnitude(x).compare("<", 2.0**-126).where(with_sign(x.lift(INFINITY), sign_bit(x)), value)
    return unless_nan(x, value)


def lgamma(x: Term) -> Term:
    """Of |Gamma(x)|. Near its zeros on the negative axis only the absolute error is small, as with CUDA."""
    a = magnitude(x)
    positive = _lgamma_of_positive(a)
    log_reflected = (x.lift(math.pi) / (a * magnitude(sinpi(x)))).op("math.log")
    value = x.compare("<", 0.0).where(log_reflected - positive, positive)
    tiny = a.compare("<", 2.0**-20).where(-log_special(a, _log(a)), value)
    whole = x.op("math.floor").compare("==", x) & x.compare("<=", 0.0)
    value = (whole | a.compare("==", INFINITY)).where(INFINITY, tiny)
    return unless_nan(x, value)


def _log(x: Term) -> Term:
    high, low = log_pair(x)
    return high + low


def _lgamma_of_positive(a: Term) -> Term:
    from_one = a.compare("<", 0.5).where(a, a - 1.0)
    near_one = from_one * polynomial(
        from_one, 1.5696690354e-01, -1.7789641578e-01, 5.2915622383e-02, -5.0397434341e-02, 1.0467751763e-01,
        -1.1878740845e-01, 1.2523807846e-01, -1.4336910844e-01, 1.6955733945e-01, -2.0741465847e-01, 2.7058123728e-01,
        -4.0068517293e-01, 8.2246702669e-01, -5.7721566609e-01,
    )  # fmt: skip
    near_one = a.compare("<", 0.5).where(near_one - _log(a), near_one)
    from_two = a - 2.0
    near_two = from_two * polynomial(
        from_two, -2.0516152903e-05, 9.5822472079e-05, -2.3864952040e-04, 5.1770088424e-04, -1.1898210930e-03,
        2.8883275288e-03, -7.3857647339e-03, 2.0581011323e-02, -6.7352294089e-02, 3.2246702838e-01, 4.2278433502e-01,
    )  # fmt: skip
    inverse = a.lift(1.0) / a
    tail = polynomial(inverse * inverse, -4.1352040704e-04, 7.7789951009e-04, -2.7773123797e-03, 8.3333331152e-02)
    large = fma(a - 0.5, _log(a) - 1.0, fma(inverse, tail, HALF_LN2PI - 0.5))
    return a.compare("<", 1.5).where(near_one, a.compare("<", 3.0).where(near_two, large))
