// Elementary functions of doubles: Extended inside, rounded once at the end. Derivations: exp by 2**fraction, log by
// atanh, circular functions by the digits of 2 / pi that matter (Payne and Hanek), atan by eighths.

//: extended_fixed
// Adds x, whose size is below 2**40, to a signed number with 64 bits before the point and 64 behind it.
METAL_FUNC void extended_fixed(Extended x, thread ulong &whole, thread ulong &fraction) {
    int shift = min(max(x.exponent - 1022, -63), 63);
    ulong high = shift > 0 ? x.significand >> (64 - shift) : 0ul;
    ulong low = x.exponent < 959 ? 0ul : shift < 0 ? x.significand >> (-shift) : x.significand << shift;
    if (x.negative) {
        high = ~high + ulong(low == 0ul);
        low = 0ul - low;
    }
    fraction = fraction + low;
    whole = whole + high + ulong(fraction < low);
}

//: extended_power
// 2**(x + rest), where |rest| is small.
METAL_FUNC Extended extended_power(Extended x, Extended rest) {
    if (x.exponent > 1040) return extended(double_sign, x.negative ? -90000 : 90000, false);
    ulong whole = 0ul, fraction = 0ul;
    extended_fixed(x, whole, fraction);
    extended_fixed(rest, whole, fraction);
    return extended(double_series(double_power_terms, 14, fraction, false), 1023 + int(whole), false);
}

//: extended_scaled_power
// 2**(x * scale), where scale has 128 bits: (high + low * 2**-64) * 2**(exponent - 1086).
METAL_FUNC Extended extended_scaled_power(Extended x, ulong high, ulong low, int exponent) {
    Extended rest, product = extended_exact_product(x, extended(high, exponent, false), rest);
    return extended_power(product, extended_sum(rest, extended_product(x, extended(low, exponent - 64, false))));
}

//: extended_exp
METAL_FUNC Extended extended_exp(Extended x) {
    return extended_scaled_power(x, 0xb8aa3b295c17f0bbul, 0xbe87fed0691d3e88ul, 1023);
}

//: extended_expm1
METAL_FUNC Extended extended_expm1(Extended x) {
    if (x.exponent >= 1021) return extended_difference(extended_exp(x), extended_one());
    ulong series = double_series(double_expm1_terms, 15, extended_fraction(x), x.negative);
    return extended_product(x, extended(series, 1023, false));
}

//: extended_log_of_quotient
// log(a / b) of numbers whose quotient is between 0.7 and 1.42, from their difference and their sum.
METAL_FUNC Extended extended_log_of_quotient(Extended difference, Extended sum) {
    Extended x = extended_quotient(difference, sum);
    ulong square = extended_fraction(extended_product(x, x));
    ulong series = double_series(double_odd_terms, 13, square, false);
    return extended_scaled(extended_product(x, extended(series, 1023, false)), 1);
}

//: extended_log
// The logarithm of x * 2**-whole, which is near 1, for x > 0.
METAL_FUNC Extended extended_log(Extended x, thread int &whole) {
    bool upper = x.significand > 0xb504f333f9de6484ul;
    whole = x.exponent - (upper ? 1022 : 1023);
    ulong difference = upper ? 0ul - x.significand : x.significand - double_sign;
    ulong sum = (x.significand >> 1) + (upper ? double_sign : double_sign >> 1);
    return extended_log_of_quotient(extended(difference, upper ? 1022 : 1023, upper),
                                    extended(sum, upper ? 1023 : 1024, false));
}

//: extended_natural_log
METAL_FUNC Extended extended_natural_log(Extended x) {
    int whole;
    Extended part = extended_log(x, whole);
    Extended of_two = extended(0xb17217f7d1cf79acul, 1022, false);
    return extended_sum(extended_product(extended_of(double_from_long(long(whole))), of_two), part);
}

//: extended_log1p
// For x > -1.
METAL_FUNC Extended extended_log1p(Extended x) {
    if (x.exponent >= 1021) return extended_natural_log(extended_sum(x, extended_one()));
    return extended_log_of_quotient(x, extended_sum(x, extended_scaled(extended_one(), 1)));
}

//: double_log_special
// What any logarithm gives of what is not positive and finite; 1 else.
METAL_FUNC ulong double_log_special(ulong bits) {
    if ((bits << 1) == 0ul) return double_sign | double_infinity;
    if (bits > double_infinity) return double_nan;
    return bits == double_infinity ? bits : double_one;
}

//: exp if f64
METAL_FUNC float64 exp(float64 x) {
    if (!isfinite(x)) return as_float64(isnan(x) || !signbit(x) ? x.bits : 0ul);
    return as_float64(extended_rounded(extended_exp(extended_of(x.bits))));
}

//: exp2 if f64
METAL_FUNC float64 exp2(float64 x) {
    if (!isfinite(x)) return as_float64(isnan(x) || !signbit(x) ? x.bits : 0ul);
    return as_float64(extended_rounded(extended_power(extended_of(x.bits), extended(0ul, 0, false))));
}

//: exp10 if f64
METAL_FUNC float64 exp10(float64 x) {
    if (!isfinite(x)) return as_float64(isnan(x) || !signbit(x) ? x.bits : 0ul);
    Extended power = extended_scaled_power(extended_of(x.bits), 0xd49a784bcd1b8afeul, 0x492bf6ff4dafdb4cul, 1024);
    return as_float64(extended_rounded(power));
}

//: expm1 if f64
METAL_FUNC float64 expm1(float64 x) {
    if (!isfinite(x)) return as_float64(isnan(x) || !signbit(x) ? x.bits : double_sign | double_one);
    return as_float64(extended_rounded(extended_expm1(extended_of(x.bits))));
}

//: log if f64
METAL_FUNC float64 log(float64 x) {
    ulong special = double_log_special(x.bits);
    if (special != double_one) return as_float64(special);
    return as_float64(extended_rounded(extended_natural_log(extended_of(x.bits))));
}

//: extended_log2
METAL_FUNC Extended extended_log2(Extended x) {
    int whole;
    Extended part = extended_log(x, whole);
    part = extended_product(part, extended(0xb8aa3b295c17f0bcul, 1023, false));
    return extended_sum(extended_of(double_from_long(long(whole))), part);
}

//: log2 if f64
METAL_FUNC float64 log2(float64 x) {
    ulong special = double_log_special(x.bits);
    return as_float64(special != double_one ? special : extended_rounded(extended_log2(extended_of(x.bits))));
}

//: log10 if f64
METAL_FUNC float64 log10(float64 x) {
    ulong special = double_log_special(x.bits);
    if (special != double_one) return as_float64(special);
    Extended of_two = extended(0x9a209a84fbcff799ul, 1021, false), scale = extended(0xde5bd8a937287195ul, 1021, false);
    int whole;
    Extended part = extended_product(extended_log(extended_of(x.bits), whole), scale);
    Extended rest = extended_product(extended_of(double_from_long(long(whole))), of_two);
    return as_float64(extended_rounded(extended_sum(rest, part)));
}

//: log1p if f64
METAL_FUNC float64 log1p(float64 x) {
    if (x.bits == (double_sign | double_one)) return as_float64(double_sign | double_infinity);
    if (isnan(x) || x < float64(-1)) return as_float64(double_nan);
    return as_float64(isinf(x) ? x.bits : extended_rounded(extended_log1p(extended_of(x.bits))));
}

//: extended_remnant
// Of a signed fraction of a turn in two words what is left of the nearest quarter, as an angle; `quarter` counts these.
METAL_FUNC Extended extended_remnant(ulong high, ulong low, bool negative, thread uint &quarter) {
    quarter = uint((high + 0x2000000000000000ul) >> 62);
    quarter = (negative ? 0u - quarter : quarter) & 3u;
    high = (high << 2) | (low >> 62);
    low = low << 2;
    bool below = (high >> 63) != 0ul;
    if (below) {
        high = ~high + ulong(low == 0ul);
        low = 0ul - low;
    }
    int shift = int(high != 0ul ? clz(high) : 64ul);
    ulong significand = shift == 0 ? high : shift < 64 ? (high << shift) | (low >> (64 - shift)) : low;
    return extended_product(extended(significand, 1022 - shift, below != negative),
                            extended(0xc90fdaa22168c235ul, 1023, false));
}

//: extended_angle
// What is left of a finite x, to the nearest quarter of a turn. Bits of 2 / pi that give whole turns, or too small a
// part, are left out of the product.
METAL_FUNC Extended extended_angle(ulong bits, thread uint &quarter) {
    Extended x = extended_of(bits);
    quarter = 0u;
    if ((bits & ~double_sign) <= 0x3fe921fb54442d18ul) return x;  // pi / 4
    int place = x.exponent - 960, shift = place & 63;
    ulong words[4], digits[3];
    UNROLL for (int i = 0; i < 4; ++i) words[i] = double_two_over_pi[(place >> 6) + i];
    UNROLL for (int i = 0; i < 3; ++i)
        digits[i] = shift == 0 ? words[i] : (words[i] << shift) | (words[i + 1] >> (64 - shift));
    ulong low, lowest, high = double_wide_product(x.significand, digits[1], low);
    ulong carried = double_wide_product(x.significand, digits[2], lowest);
    low += carried;
    high += x.significand * digits[0] + ulong(low < carried);
    return extended_remnant(high, low, x.negative, quarter);
}

//: extended_angle_in_pi
// The same of x * pi.
METAL_FUNC Extended extended_angle_in_pi(ulong bits, thread uint &quarter) {
    Extended x = extended_of(bits);
    quarter = 0u;
    if (x.exponent < 1021) return extended_product(x, extended(0xc90fdaa22168c235ul, 1024, false));
    int shift = x.exponent - 1023;
    ulong turn = shift < 0 ? x.significand >> (-shift) : shift > 63 ? 0ul : x.significand << shift;
    return extended_remnant(turn, 0ul, x.negative, quarter);
}

//: extended_sine
// The sine of a remnant, or its cosine, negated or not.
METAL_FUNC Extended extended_sine(Extended x, uint quarter) {
    ulong square = extended_fraction(extended_product(x, x));
    Extended result = extended(double_series(double_sin_terms, 10, square, true), 1023, false);
    if ((quarter & 1u) != 0u) result = extended(double_series(double_cos_terms, 11, square, true), 1023, false);
    else result = extended_product(x, result);
    result.negative = result.negative != ((quarter & 2u) != 0u);
    return result;
}

//: sin if f64
METAL_FUNC float64 sin(float64 x) {
    uint quarter;
    if (!isfinite(x)) return as_float64(double_nan);
    Extended angle = extended_angle(x.bits, quarter);
    return as_float64(extended_rounded(extended_sine(angle, quarter)));
}

//: cos if f64
METAL_FUNC float64 cos(float64 x) {
    uint quarter;
    if (!isfinite(x)) return as_float64(double_nan);
    Extended angle = extended_angle(x.bits, quarter);
    return as_float64(extended_rounded(extended_sine(angle, quarter + 1u)));
}

//: tan if f64
METAL_FUNC float64 tan(float64 x) {
    uint quarter;
    if (!isfinite(x)) return as_float64(double_nan);
    Extended angle = extended_angle(x.bits, quarter);
    Extended cosine = extended_sine(angle, quarter + 1u);
    return as_float64(extended_rounded(extended_quotient(extended_sine(angle, quarter), cosine)));
}

//: sinpi if f64
METAL_FUNC float64 sinpi(float64 x) {
    uint quarter;
    if (!isfinite(x)) return as_float64(double_nan);
    Extended result = extended_angle_in_pi(x.bits, quarter);
    result = extended_sine(result, quarter);
    if (result.significand == 0ul) result.negative = signbit(x);
    return as_float64(extended_rounded(result));
}

//: cospi if f64
METAL_FUNC float64 cospi(float64 x) {
    uint quarter;
    if (!isfinite(x)) return as_float64(double_nan);
    Extended result = extended_angle_in_pi(x.bits, quarter);
    result = extended_sine(result, quarter + 1u);
    if (result.significand == 0ul) result.negative = false;
    return as_float64(extended_rounded(result));
}

//: extended_atan2
// The angle of (x, y), of which not both are 0: of the smaller of the sizes over the larger one, by the nearest eighth.
METAL_FUNC Extended extended_atan2(Extended y, Extended x) {
    bool steep = y.exponent > x.exponent || (y.exponent == x.exponent && y.significand > x.significand);
    Extended small = steep ? x : y, large = steep ? y : x;
    bool negative = y.negative, back = x.negative;
    small.negative = large.negative = false;
    int distance = min(large.exponent - small.exponent, 20);
    float ratio = float(uint(small.significand >> 32)) / float(uint(large.significand >> 32));
    ulong eighth = ulong(8.0f * ratio / float(1u << uint(distance)) + 0.5f);
    Extended eighths = extended(eighth, 1086, true), sum = extended_scaled(large, 3);
    Extended difference = extended_sum(extended_scaled(small, 3), extended_product(eighths, large));
    sum = extended_difference(sum, extended_product(eighths, small));
    Extended part = extended_quotient(difference, sum);
    ulong square = extended_fraction(extended_product(part, part));
    part = extended_product(part, extended(double_series(double_odd_terms, 9, square, true), 1023, false));
    part = extended_sum(extended(double_atan_values[eighth], 1022, false), part);
    Extended quarter = extended(0xc90fdaa22168c235ul, 1023, false);
    if (steep) part = extended_difference(quarter, part);
    if (back) part = extended_difference(extended_scaled(quarter, 1), part);
    part.negative = negative;
    return part;
}

//: atan if f64
METAL_FUNC float64 atan(float64 x) {
    if (isnan(x)) return x;
    Extended value = isinf(x) ? extended(double_sign, 90000, signbit(x)) : extended_of(x.bits);
    return as_float64(extended_rounded(extended_atan2(value, extended_one())));
}

//: atan2 if f64
METAL_FUNC float64 atan2(float64 y, float64 x) {
    if (isnan(x) || isnan(y)) return as_float64(double_nan);
    Extended height = extended_of(y.bits), width = extended_of(x.bits);
    if (isinf(y)) height = extended(double_sign, 90000, signbit(y));
    if (isinf(x)) width = extended(double_sign, 90000, signbit(x));
    if (height.significand == 0ul && width.significand == 0ul)
        width = extended(double_sign, 1023, width.negative);
    return as_float64(extended_rounded(extended_atan2(height, width)));
}

//: extended_cofactor
// sqrt(1 - x * x) for |x| <= 1.
METAL_FUNC Extended extended_cofactor(Extended x) {
    Extended above = extended_sum(extended_one(), x), below = extended_difference(extended_one(), x);
    Extended square = extended_product(above, below);
    square.negative = false;
    return extended_root(square);
}

//: asin if f64
METAL_FUNC float64 asin(float64 x) {
    if (!(fabs(x) <= float64(1))) return as_float64(double_nan);
    Extended sine = extended_of(x.bits);
    return as_float64(extended_rounded(extended_atan2(sine, extended_cofactor(sine))));
}

//: acos if f64
METAL_FUNC float64 acos(float64 x) {
    if (!(fabs(x) <= float64(1))) return as_float64(double_nan);
    Extended cosine = extended_of(x.bits);
    return as_float64(extended_rounded(extended_atan2(extended_cofactor(cosine), cosine)));
}

//: sinh if f64
METAL_FUNC float64 sinh(float64 x) {
    if (!isfinite(x)) return x;
    Extended value = extended_of(x.bits);
    value.negative = false;
    value = extended_expm1(value);
    value = extended_sum(value, extended_quotient(value, extended_sum(value, extended_one())));
    value.negative = signbit(x);
    return as_float64(extended_rounded(extended_scaled(value, -1)));
}

//: cosh if f64
METAL_FUNC float64 cosh(float64 x) {
    if (!isfinite(x)) return fabs(x);
    Extended power = extended_exp(extended_of(x.bits & ~double_sign));
    power = extended_sum(power, extended_quotient(extended_one(), power));
    return as_float64(extended_rounded(extended_scaled(power, -1)));
}

//: tanh if f64
METAL_FUNC float64 tanh(float64 x) {
    if (isnan(x)) return x;
    Extended value = isinf(x) ? extended(double_sign, 1040, false) : extended_of(x.bits & ~double_sign);
    value = extended_expm1(extended_scaled(value, 1));
    value = extended_quotient(value, extended_sum(value, extended_scaled(extended_one(), 1)));
    value.negative = signbit(x);
    return as_float64(extended_rounded(value));
}

//: asinh if f64
METAL_FUNC float64 asinh(float64 x) {
    if (!isfinite(x)) return x;
    Extended value = extended_of(x.bits & ~double_sign), square = extended_product(value, value);
    Extended root = extended_root(extended_sum(square, extended_one()));
    value = extended_sum(value, extended_quotient(square, extended_sum(root, extended_one())));
    value = extended_log1p(value);
    value.negative = signbit(x);
    return as_float64(extended_rounded(value));
}

//: acosh if f64
METAL_FUNC float64 acosh(float64 x) {
    if (!(x >= float64(1))) return as_float64(double_nan);
    if (isinf(x)) return x;
    Extended value = extended_difference(extended_of(x.bits), extended_one());
    Extended more = extended_sum(value, extended_scaled(extended_one(), 1));
    more = extended_root(extended_product(value, more));
    return as_float64(extended_rounded(extended_log1p(extended_sum(value, more))));
}

//: atanh if f64
METAL_FUNC float64 atanh(float64 x) {
    if (!(fabs(x) <= float64(1))) return as_float64(double_nan);
    if (fabs(x) == float64(1)) return copysign(as_float64(double_infinity), x);
    Extended value = extended_of(x.bits & ~double_sign);
    Extended rest = extended_difference(extended_one(), value);
    value = extended_log1p(extended_scaled(extended_quotient(value, rest), 1));
    value.negative = signbit(x);
    return as_float64(extended_rounded(extended_scaled(value, -1)));
}
