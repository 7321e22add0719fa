// More functions of doubles: powers and roots, lengths, the error function and its relatives, the gamma function, parts
// of numbers.

//: double_parity
// 0 if a finite number is not whole, 1 if it is odd, 2 if even.
METAL_FUNC uint double_parity(ulong bits) {
    int exponent = int((bits >> 52) & 2047ul);
    if (exponent >= 1076 || (bits << 1) == 0ul) return 2u;
    if (exponent < 1023) return 0u;
    ulong significand = (bits << 11) | double_sign;
    int whole = exponent - 1022;  // its leading bits
    if (whole < 64 && (significand << whole) != 0ul) return 0u;
    return ((significand >> (64 - whole)) & 1ul) != 0ul ? 1u : 2u;
}

//: extended_precise_log2
// Of x > 0, to a relative error below 2**-68: the quotient has 128 bits, and so has its product with log2(e). `rest`
// becomes what the result lacks.
METAL_FUNC Extended extended_precise_log2(Extended x, thread Extended &rest) {
    bool upper = x.significand > 0xb504f333f9de6484ul;
    Extended whole = extended_of(double_from_long(long(x.exponent - (upper ? 1022 : 1023))));
    ulong numerator = upper ? 0ul - x.significand : x.significand - double_sign;
    Extended difference = extended(numerator, upper ? 1022 : 1023, upper);
    ulong sum_of_both = (x.significand >> 1) + (upper ? double_sign : double_sign >> 1);
    Extended sum = extended(sum_of_both, upper ? 1023 : 1024, false);
    Extended low, ratio = extended_quotient(difference, sum), product = extended_exact_product(ratio, sum, low);
    low = extended_quotient(extended_difference(extended_difference(difference, product), low), sum);
    Extended squared = extended_product(ratio, ratio);
    ulong series = double_series(double_odd_terms + 1, 12, extended_fraction(squared), false);
    low = extended_sum(low, extended_product(ratio, extended_product(squared, extended(series, 1023, false))));
    Extended scale = extended(0xb8aa3b295c17f0bbul, 1024, false);  // 2 log2(e)
    Extended scale_low = extended(0xbe87fed0691d3e88ul, 960, false);
    product = extended_exact_product(ratio, scale, rest);
    rest = extended_sum(extended_sum(rest, extended_product(ratio, scale_low)), extended_product(low, scale));
    Extended total = extended_sum(whole, product);
    Extended lost = extended_difference(product, extended_difference(total, whole));
    if (whole.significand != 0ul) rest = extended_sum(rest, lost);
    return total;
}

//: pow if f64
// C's. 2**(y * log2(x)).
METAL_FUNC float64 pow(float64 x, float64 y) {
    ulong size = x.bits & ~double_sign, power = y.bits & ~double_sign;
    if (x.bits == double_one || power == 0ul) return as_float64(double_one);
    if (size > double_infinity || power > double_infinity) return as_float64(double_nan);
    uint parity = power == double_infinity ? 2u : double_parity(y.bits);
    ulong sign = parity == 1u ? x.bits & double_sign : 0ul;
    if (size == 0ul || size == double_infinity)
        return as_float64(sign | ((size == 0ul) == signbit(y) ? double_infinity : 0ul));
    if (power == double_infinity) {
        if (size == double_one) return as_float64(double_one);
        return as_float64((size < double_one) == signbit(y) ? double_infinity : 0ul);
    }
    if (signbit(x) && parity == 0u) return as_float64(double_nan);
    Extended rest, low, factor = extended_of(y.bits), exponent = extended_precise_log2(extended_of(size), rest);
    exponent = extended_exact_product(exponent, factor, low);
    low = extended_sum(low, extended_product(rest, factor));
    return as_float64(sign | extended_rounded(extended_power(exponent, low)));
}

//: extended_cube_root
// Of a number x > 0, or its inverse.
METAL_FUNC Extended extended_cube_root(Extended x, bool inverse) {
    int third = (x.exponent + 2049) / 3 - 1024;
    Extended power = extended_log2(extended_scaled(x, -3 * third));
    power.negative = inverse;
    Extended root = extended_scaled_power(power, 0xaaaaaaaaaaaaaaaaul, 0xaaaaaaaaaaaaaaaaul, 1021);
    return extended_scaled(root, inverse ? -third : third);
}

//: cbrt if f64
METAL_FUNC float64 cbrt(float64 x) {
    ulong size = x.bits & ~double_sign;
    if (size == 0ul || size >= double_infinity) return x;
    return as_float64((x.bits ^ size) | extended_rounded(extended_cube_root(extended_of(size), false)));
}

//: rcbrt
METAL_FUNC float64 rcbrt(float64 x) {
    ulong size = x.bits & ~double_sign;
    if (size > double_infinity) return x;
    if (size == 0ul || size == double_infinity) return as_float64(x.bits ^ double_infinity);
    return as_float64((x.bits ^ size) | extended_rounded(extended_cube_root(extended_of(size), true)));
}

//: rsqrt if f64
METAL_FUNC float64 rsqrt(float64 x) {
    if ((x.bits << 1) == 0ul) return as_float64(x.bits ^ double_infinity);
    if (x.bits > double_infinity) return as_float64(double_nan);
    if (x.bits == double_infinity) return as_float64(0ul);
    return as_float64(extended_rounded(extended_quotient(extended_one(), extended_root(extended_of(x.bits)))));
}

//: double_length
// sqrt(a*a + b*b + c*c + d*d), or its inverse.
METAL_FUNC ulong double_length(ulong a, ulong b, ulong c, ulong d, bool inverse) {
    ulong sizes[4] = {a & ~double_sign, b & ~double_sign, c & ~double_sign, d & ~double_sign};
    ulong largest = 0ul;
    bool infinite = false;
    Extended sum = extended(0ul, 0, false);
    UNROLL for (int i = 0; i < 4; ++i) {
        largest = max(largest, sizes[i]);
        infinite = infinite || sizes[i] == double_infinity;
        Extended size = extended_of(sizes[i]);
        sum = extended_sum(sum, extended_product(size, size));
    }
    if (infinite) return inverse ? 0ul : double_infinity;
    if (largest > double_infinity) return double_nan;
    if (largest == 0ul) return inverse ? double_infinity : 0ul;
    sum = extended_root(sum);
    if (inverse) sum = extended_quotient(extended_one(), sum);
    return extended_rounded(sum);
}

//: hypot
METAL_FUNC float64 hypot(float64 x, float64 y) { return as_float64(double_length(x.bits, y.bits, 0ul, 0ul, false)); }

//: rhypot
METAL_FUNC float64 rhypot(float64 x, float64 y) { return as_float64(double_length(x.bits, y.bits, 0ul, 0ul, true)); }

//: norm3d
METAL_FUNC float64 norm3d(float64 x, float64 y, float64 z) {
    return as_float64(double_length(x.bits, y.bits, z.bits, 0ul, false));
}

//: rnorm3d
METAL_FUNC float64 rnorm3d(float64 x, float64 y, float64 z) {
    return as_float64(double_length(x.bits, y.bits, z.bits, 0ul, true));
}

//: norm4d
METAL_FUNC float64 norm4d(float64 x, float64 y, float64 z, float64 w) {
    return as_float64(double_length(x.bits, y.bits, z.bits, w.bits, false));
}

//: rnorm4d
METAL_FUNC float64 rnorm4d(float64 x, float64 y, float64 z, float64 w) {
    return as_float64(double_length(x.bits, y.bits, z.bits, w.bits, true));
}

//: double_signed_series
// The sum of terms[i] * x**i for -1 < x < 1, where 62 bits are behind the point of terms and sum.
METAL_FUNC Extended double_signed_series(constant long *terms, int count, Extended x) {
    long fraction = long(extended_fraction(x) >> 1), total = terms[count - 1];
    fraction = x.negative ? -fraction : fraction;
    for (int i = count - 2; i >= 0; --i) total = terms[i] + 2l * mulhi(fraction, total);
    return extended(total < 0l ? 0ul - ulong(total) : ulong(total), 1024, total < 0l);
}

//: extended_erf
// For |x| < 1/2.
METAL_FUNC Extended extended_erf(Extended x) {
    ulong square = extended_fraction(extended_product(x, x));
    return extended_product(x, extended(double_series(double_erf_terms, 14, square, true), 1023, false));
}

//: extended_erfcx
// erfc(x) * exp(x * x) for x > 0.
METAL_FUNC Extended extended_erfcx(Extended x) {
    Extended four = extended(double_sign, 1025, false);
    Extended place = extended_quotient(extended_difference(x, four), extended_sum(x, four));
    Extended below = extended_sum(extended_scaled(x, 1), extended_one());
    return extended_quotient(double_signed_series(double_erfcx_terms, 29, place), below);
}

//: extended_erfc
METAL_FUNC Extended extended_erfc(Extended x, bool scaled) {
    Extended square = extended_product(x, x);
    square.negative = !scaled;
    if (x.exponent < 1022) {
        Extended rest = extended_difference(extended_one(), extended_erf(x));
        if (scaled) rest = extended_product(rest, extended_exp(square));
        return rest;
    }
    Extended size = x;
    size.negative = false;
    Extended tail = extended_erfcx(size);
    if (!scaled) tail = extended_product(tail, extended_exp(square));
    if (!x.negative) return tail;
    Extended two = extended(double_sign, 1024, false);
    if (scaled) two = extended_product(two, extended_exp(square));
    return extended_difference(two, tail);
}

//: erf if f64
METAL_FUNC float64 erf(float64 x) {
    if (!isfinite(x)) return as_float64(isnan(x) ? x.bits : (x.bits & double_sign) | double_one);
    Extended value = extended_of(x.bits & ~double_sign);
    if (value.exponent < 1022) value = extended_erf(value);
    else value = extended_difference(extended_one(), extended_erfc(value, false));
    return as_float64((x.bits & double_sign) | extended_rounded(value));
}

//: erfc if f64
METAL_FUNC float64 erfc(float64 x) {
    if (isnan(x)) return x;
    if (isinf(x)) return as_float64(signbit(x) ? 0x4000000000000000ul : 0ul);
    return as_float64(extended_rounded(extended_erfc(extended_of(x.bits), false)));
}

//: erfcx
METAL_FUNC float64 erfcx(float64 x) {
    if (isnan(x)) return x;
    if (isinf(x)) return as_float64(signbit(x) ? double_infinity : 0ul);
    return as_float64(extended_rounded(extended_erfc(extended_of(x.bits), true)));
}

//: normcdf
METAL_FUNC float64 normcdf(float64 x) {
    if (isnan(x)) return x;
    if (isinf(x)) return as_float64(signbit(x) ? 0ul : double_one);
    Extended value = extended_product(extended_of(x.bits), extended(0xb504f333f9de6484ul, 1022, true));
    return as_float64(extended_rounded(extended_scaled(extended_erfc(value, false), -1)));
}

//: extended_erfcinv
// For 0 < x <= 1/2: Winitzki's approximation by floats, and Newton's steps for log(erfc), which is almost a parabola.
METAL_FUNC Extended extended_erfcinv(Extended x) {
    Extended target = extended_natural_log(x), half_root_of_pi = extended(0xe2dfc48da77b553dul, 1022, false);
    float log_of_tail = double_to<float>(extended_rounded(target));
    float log_of_both = log_of_tail + precise::log(2.0f - double_to<float>(extended_rounded(x)));
    float middle = 4.3307467508f + 0.5f * log_of_both;
    float guess = precise::sqrt(precise::sqrt(middle * middle - log_of_both / 0.147f) - middle);
    Extended result = extended_of(float64(guess).bits);
    for (int i = 0; i < 3; ++i) {
        Extended tail = extended_erfcx(result), square = extended_product(result, result);
        Extended error = extended_difference(extended_difference(extended_natural_log(tail), square), target);
        result = extended_sum(result, extended_product(error, extended_product(tail, half_root_of_pi)));
    }
    return result;
}

//: extended_erfinv
// For -1 < x < 1; near 0 by the first terms of its series, and Halley's steps.
METAL_FUNC Extended extended_erfinv(Extended x) {
    Extended half_root_of_pi = extended(0xe2dfc48da77b553dul, 1022, false), size = x;
    size.negative = false;
    if (x.exponent >= 1022) {
        size = extended_erfcinv(extended_difference(extended_one(), size));
        size.negative = x.negative;
        return size;
    }
    Extended square = extended_product(size, size), result = extended_product(size, half_root_of_pi);
    Extended more = extended_product(square, extended(0x860a91c16b9b2c23ul, 1021, false));  // pi / 12
    result = extended_product(result, extended_sum(extended_one(), more));
    for (int i = 0; i < 3; ++i) {
        Extended error = extended_difference(extended_erf(result), size);
        Extended growth = extended_exp(extended_product(result, result));
        error = extended_product(error, extended_product(half_root_of_pi, growth));
        Extended slope = extended_sum(extended_one(), extended_product(result, error));
        result = extended_difference(result, extended_quotient(error, slope));
    }
    result.negative = x.negative;
    return result;
}

//: extended_erfcinv_of
// For 0 < x < 2.
METAL_FUNC Extended extended_erfcinv_of(Extended x) {
    if (x.exponent < 1022) return extended_erfcinv(x);
    return extended_erfinv(extended_difference(extended_one(), x));
}

//: erfinv
METAL_FUNC float64 erfinv(float64 x) {
    ulong size = x.bits & ~double_sign;
    if (size > double_one) return as_float64(double_nan);
    if (size == double_one) return as_float64(x.bits | double_infinity);
    return as_float64(size == 0ul ? x.bits : extended_rounded(extended_erfinv(extended_of(x.bits))));
}

//: erfcinv
METAL_FUNC float64 erfcinv(float64 x) {
    const ulong two = 0x4000000000000000ul;
    if ((x.bits << 1) == 0ul) return as_float64(double_infinity);
    if (x.bits > two) return as_float64(double_nan);
    if (x.bits == two) return as_float64(double_sign | double_infinity);
    if (x.bits == double_one) return as_float64(0ul);
    return as_float64(extended_rounded(extended_erfcinv_of(extended_of(x.bits))));
}

//: normcdfinv
METAL_FUNC float64 normcdfinv(float64 x) {
    if ((x.bits << 1) == 0ul) return as_float64(double_sign | double_infinity);
    if (x.bits > double_one) return as_float64(double_nan);
    if (x.bits == double_one) return as_float64(double_infinity);
    if (x.bits == 0x3fe0000000000000ul) return as_float64(0ul);
    Extended value = extended_erfcinv_of(extended_scaled(extended_of(x.bits), 1));
    return as_float64(extended_rounded(extended_product(value, extended(0xb504f333f9de6484ul, 1023, true))));
}

//: extended_lgamma
// log(Gamma(x)) by Stirling's series for x >= 20; for less of x + n, whose gamma function is that of x times a product.
METAL_FUNC Extended extended_lgamma(Extended x, thread Extended &product) {
    product = extended_one();
    Extended one = extended_one();
    for (int i = 0; i < 20 && x.exponent < 1028; ++i) {
        product = extended_product(product, x);
        x = extended_sum(x, one);
    }
    Extended inverse = extended_quotient(one, x);
    ulong square = extended_fraction(extended_product(inverse, inverse));
    ulong series = double_series(double_stirling_terms, 9, square, true);
    Extended tail = extended_product(inverse, extended(series, 1023, false));
    tail = extended_sum(tail, extended(0xd67f1c864beb4a69ul, 1021, false));  // (log(2 pi) - 1) / 2
    Extended less = extended_sum(x, extended(double_sign, 1022, true));
    Extended log_less_one = extended_difference(extended_natural_log(x), one);
    return extended_sum(extended_product(less, log_less_one), tail);
}

//: tgamma
METAL_FUNC float64 tgamma(float64 x) {
    ulong size = x.bits & ~double_sign;
    if (size == 0ul) return as_float64(x.bits | double_infinity);
    if (isnan(x) || (signbit(x) && (isinf(x) || double_parity(x.bits) != 0u))) return as_float64(double_nan);
    if (isinf(x)) return x;
    Extended value = extended_of(x.bits), product;
    if (!signbit(x)) {
        value = extended_exp(extended_lgamma(value, product));
        return as_float64(extended_rounded(extended_quotient(value, product)));
    }
    uint quarter;
    Extended angle = extended_angle_in_pi(x.bits, quarter);
    Extended sine = extended_sine(angle, quarter), pi = extended(0xc90fdaa22168c235ul, 1024, false);
    value = extended_lgamma(extended_difference(extended_one(), value), product);
    value = extended_product(extended_exp(extended_negated(value)), extended_product(product, pi));
    return as_float64(extended_rounded(extended_quotient(value, sine)));
}

//: extended_lgamma_positive
// With a small relative error where it is 0, at 1 and 2.
METAL_FUNC Extended extended_lgamma_positive(Extended x) {
    Extended from_one = extended_difference(x, extended_one());
    Extended from_two = extended_difference(from_one, extended_one()), product;
    if (from_one.exponent < 1021)
        return extended_product(from_one, double_signed_series(double_lgamma1_terms, 24, extended_scaled(from_one, 2)));
    if (from_two.exponent < 1022)
        return extended_product(from_two, double_signed_series(double_lgamma2_terms, 24, extended_scaled(from_two, 1)));
    Extended value = extended_lgamma(x, product);
    return extended_difference(value, extended_natural_log(product));
}

//: lgamma
// Of |Gamma(x)|. Near its zeros on the negative axis only the absolute error is small.
METAL_FUNC float64 lgamma(float64 x) {
    if (isnan(x)) return x;
    if (isinf(x) || (x.bits << 1) == 0ul || (signbit(x) && double_parity(x.bits) != 0u))
        return as_float64(double_infinity);
    Extended value = extended_of(x.bits & ~double_sign);
    if (!signbit(x)) return as_float64(extended_rounded(extended_lgamma_positive(value)));
    uint quarter;
    Extended angle = extended_angle_in_pi(x.bits, quarter);
    Extended sine = extended_product(extended_sine(angle, quarter), value);
    sine.negative = false;
    Extended reflected = extended_natural_log(extended_quotient(extended(0xc90fdaa22168c235ul, 1024, false), sine));
    return as_float64(extended_rounded(extended_difference(reflected, extended_lgamma_positive(value))));
}

//: ldexp if f64
METAL_FUNC float64 ldexp(float64 x, int n) {
    if (!isfinite(x)) return x;
    return as_float64(extended_rounded(extended_scaled(extended_of(x.bits), min(max(n, -4000), 4000))));
}

//: ilogb if f64
// The exponent: of 0 and NaN the least int, of infinity the largest one, as CUDA has it.
METAL_FUNC int ilogb(float64 x) {
    if ((x.bits << 1) == 0ul || isnan(x)) return int(0x80000000u);
    return isinf(x) ? 0x7fffffff : extended_of(x.bits).exponent - 1023;
}

//: logb if f64
METAL_FUNC float64 logb(float64 x) {
    if (!isfinite(x)) return as_float64(x.bits & (isnan(x) ? ~0ul : ~double_sign));
    if ((x.bits << 1) == 0ul) return as_float64(double_sign | double_infinity);
    return float64(extended_of(x.bits).exponent - 1023);
}

//: nextafter if f64
// The number next to x in the direction of y.
METAL_FUNC float64 nextafter(float64 x, float64 y) {
    if (isnan(x) || isnan(y)) return as_float64(double_nan);
    if (x == y) return y;
    if ((x.bits << 1) == 0ul) return as_float64((y.bits & double_sign) | 1ul);
    return as_float64((x < y) == signbit(x) ? x.bits - 1ul : x.bits + 1ul);
}

//: fdim if f64
METAL_FUNC float64 fdim(float64 x, float64 y) {
    return as_float64(x <= y ? 0ul : double_sum(x.bits, y.bits ^ double_sign));
}
