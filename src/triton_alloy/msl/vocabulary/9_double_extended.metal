// Arithmetic inside of the functions of doubles: significands of 64 bits, not rounded, so that a few operations are
// still right to a small part of a double's last place. There are neither infinities nor NaN.

//: Extended
// significand * 2**(exponent - 1086), negated or not. The significand is normal; or 0, with a very low exponent.
struct Extended {
    ulong significand;
    int exponent;
    bool negative;
};

//: extended
METAL_FUNC Extended extended(ulong significand, int exponent, bool negative) {
    Extended result;
    int shift = int(min(clz(significand), 63ul));
    result.significand = significand << shift;
    result.exponent = significand == 0ul ? -100000 : exponent - shift;
    result.negative = negative;
    return result;
}

//: extended_of
// A finite double.
METAL_FUNC Extended extended_of(ulong bits) {
    int exponent;
    ulong significand = double_normal(bits & ~double_sign, exponent);
    return extended(significand, exponent, (bits >> 63) != 0ul);
}

//: extended_rounded
// To the bits of a double.
METAL_FUNC ulong extended_rounded(Extended x) {
    ulong sign = x.negative ? double_sign : 0ul;
    return x.significand == 0ul ? sign : sign | double_rounded<52, 2047>(x.exponent, x.significand);
}

//: extended_scaled
// x * 2**n.
METAL_FUNC Extended extended_scaled(Extended x, int n) {
    x.exponent += n;
    return x;
}

//: extended_negated
METAL_FUNC Extended extended_negated(Extended x) {
    x.negative = !x.negative;
    return x;
}

//: extended_sum
METAL_FUNC Extended extended_sum(Extended a, Extended b) {
    bool swaps = a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand);
    ulong large = swaps ? b.significand : a.significand, small = swaps ? a.significand : b.significand;
    int exponent = max(a.exponent, b.exponent);
    small = small >> min(exponent - min(a.exponent, b.exponent), 63);
    bool negative = swaps ? b.negative : a.negative;
    if (a.negative != b.negative) return extended(large - small, exponent, negative);
    return extended((large >> 1) + (small >> 1), exponent + 1, negative);
}

//: extended_product
METAL_FUNC Extended extended_product(Extended a, Extended b) {
    ulong low, high = double_wide_product(a.significand, b.significand, low);
    bool is_normal = (high >> 63) != 0ul;
    Extended result;
    result.significand = is_normal ? high : high << 1;
    result.exponent = high == 0ul ? -100000 : a.exponent + b.exponent - 1023 + int(is_normal);
    result.negative = a.negative != b.negative;
    return result;
}

//: extended_exact_product
// Of a product of 128 bits the upper half; `low` becomes the lower one.
METAL_FUNC Extended extended_exact_product(Extended a, Extended b, thread Extended &low) {
    ulong rest, high = double_wide_product(a.significand, b.significand, rest);
    int exponent = a.exponent + b.exponent - 1022;
    bool negative = a.negative != b.negative;
    if (high >> 63 == 0ul) {
        high = (high << 1) | (rest >> 63);
        rest = rest << 1;
        exponent -= 1;
    }
    low = extended(rest, exponent - 64, negative);
    return extended(high, exponent, negative);
}

//: extended_quotient
// Long division by 61 bits of the divisor, which is not 0: the leading 1 and three digits, of which the last one is not
// corrected.
METAL_FUNC Extended extended_quotient(Extended a, Extended b) {
    ulong rest = a.significand, divisor = b.significand, leading, second;
    uint reciprocal = double_reciprocal(divisor);
    bool less = rest < divisor;
    divisor = divisor >> 3;
    rest = min((less ? rest >> 2 : rest >> 3) - divisor, divisor - 1ul);
    rest = double_next_digit<61>(rest, divisor, reciprocal, 28u, leading);
    rest = double_next_digit<61>(rest, divisor, reciprocal, 28u, second);
    ulong third = ulong(mulhi(uint(rest >> 29), reciprocal) >> 23);
    ulong significand = double_sign | (((leading << 28) + second) << 7) | min(third, 127ul);
    Extended result;
    result.significand = a.significand == 0ul ? 0ul : significand;
    result.exponent = a.exponent - b.exponent + 1023 - int(less);
    result.negative = a.negative != b.negative;
    return result;
}

//: extended_root
// Of a number that is not negative.
METAL_FUNC Extended extended_root(Extended x) {
    if (x.significand == 0ul) return x;
    long left;
    ulong root = double_root_of(x.significand >> (x.exponent & 1), left) << 9;
    ulong more = (ulong(left >> 25) * ulong(double_reciprocal(root))) >> 52;
    x.significand = root | min(more, 511ul);
    x.exponent = (x.exponent + 1023) >> 1;
    return x;
}

//: extended_one
METAL_FUNC Extended extended_one() { return extended(double_sign, 1023, false); }

//: extended_difference
METAL_FUNC Extended extended_difference(Extended a, Extended b) { return extended_sum(a, extended_negated(b)); }

//: extended_fraction
// The 64 bits behind the point of a magnitude below 1.
METAL_FUNC ulong extended_fraction(Extended x) {
    int shift = 1022 - x.exponent;
    return shift > 63 ? 0ul : x.significand >> shift;
}

//: double_series
// The sum of terms[i] * x**i for 0 <= x < 1, of which 64 bits are behind the point, or with every second term
// subtracted. Products are too small by at most 2 in the last bit.
METAL_FUNC ulong double_series(constant ulong *terms, int count, ulong x, bool alternates) {
    ulong total = terms[count - 1], low = ulong(uint(x)), high = x >> 32;
    for (int i = count - 2; i >= 0; --i) {
        ulong total_low = ulong(uint(total)), total_high = total >> 32;
        ulong product = high * total_high + ((low * total_high) >> 32) + ((high * total_low) >> 32);
        total = alternates ? terms[i] - product : terms[i] + product;
    }
    return total;
}
