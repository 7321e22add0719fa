// IEEE binary64 in integer registers, for GPUs that have none: rounded to nearest even, with subnormal numbers, signed
// zeros, infinities and NaN. Functions double_* work on the 64 bits, float64 is what kernels see. Significands are
// normal if bit 63 is 1; exponents are biased: a significand s with exponent e means s * 2**(e - 1086).

//: double_sign
constant ulong double_sign = 0x8000000000000000ul;

//: double_infinity
constant ulong double_infinity = 0x7ff0000000000000ul;

//: double_nan
constant ulong double_nan = 0x7ff8000000000000ul;

//: double_one
constant ulong double_one = 0x3ff0000000000000ul;

//: double_shifted
// x / 2**n. The last bit is 1 if any that was lost is, which is all that rounding needs to know of these.
METAL_FUNC ulong double_shifted(ulong x, uint n) {
    uint shift = min(n, 63u);
    return (x >> shift) | ulong(uint(ctz(x)) < shift);
}

//: double_packed
// A number with `field` bits of fraction and exponents below `top`, rounded; exponent > 0. A significand that is not
// normal is right where exponent is 1. The leading bit, and a carry of rounding, add to the exponent's field.
template <uint field, int top> METAL_FUNC ulong double_packed(int exponent, ulong significand) {
    const uint lost = 63u - field;
    ulong kept = significand >> lost, rest = significand & ((1ul << (lost - 1u)) - 1ul);
    ulong up = (significand >> (lost - 1u)) & ulong((rest | (kept & 1ul)) != 0ul);
    return min((ulong(min(exponent, top) - 1) << field) + kept + up, ulong(top) << field);
}

//: double_rounded
// The same for any exponent.
template <uint field, int top> METAL_FUNC ulong double_rounded(int exponent, ulong significand) {
    if (exponent < 1) significand = double_shifted(significand, uint(1 - exponent));
    return double_packed<field, top>(max(exponent, 1), significand);
}

//: double_normal
// The normal significand and the exponent of a finite magnitude; of 0 it is 0.
METAL_FUNC ulong double_normal(ulong magnitude, thread int &exponent) {
    exponent = int(magnitude >> 52);
    if (exponent != 0) return (magnitude << 11) | double_sign;
    uint shift = min(uint(clz(magnitude)), 63u);
    exponent = 12 - int(shift);
    return magnitude << shift;
}

//: double_wide_product
// The upper half of a product of 128 bits; `low` becomes the lower one. By products of 32 bits: cheaper than mulhi.
METAL_FUNC ulong double_wide_product(ulong a, ulong b, thread ulong &low) {
    ulong a_low = ulong(uint(a)), a_high = a >> 32, b_low = ulong(uint(b)), b_high = b >> 32;
    ulong lowest = a_low * b_low, upper = a_low * b_high;
    ulong middle = (lowest >> 32) + ulong(uint(upper)) + a_high * b_low;
    low = (middle << 32) | ulong(uint(lowest));
    return a_high * b_high + (upper >> 32) + (middle >> 32);
}

//: double_sum
METAL_FUNC ulong double_sum(ulong a, ulong b) {
    bool swaps = (a << 1) < (b << 1), subtracts = ((a ^ b) >> 63) != 0ul;
    ulong larger = swaps ? b : a, x = larger & ~double_sign, y = (swaps ? a : b) & ~double_sign;
    if (x >= double_infinity)
        return x > double_infinity || (subtracts && y == double_infinity) ? double_nan : larger;
    const ulong fraction = 0x000ffffffffffffful;
    int exponent = int(x >> 52), other = int(y >> 52);
    ulong m = ((x & fraction) << 10) | (ulong(exponent != 0) << 62);
    ulong n = ((y & fraction) << 10) | (ulong(other != 0) << 62);
    exponent = max(exponent, 1);
    n = double_shifted(n, uint(exponent - max(other, 1)));
    ulong total = subtracts ? m - n : m + n;
    if (total == 0ul) return a & b & double_sign;
    int shift = min(int(clz(total)), exponent);  // a subnormal sum is exact
    return (larger & double_sign) | double_packed<52, 2047>(exponent + 1 - shift, total << shift);
}

//: double_product
METAL_FUNC ulong double_product(ulong a, ulong b) {
    ulong sign = (a ^ b) & double_sign, x = a & ~double_sign, y = b & ~double_sign;
    ulong large = max(x, y), small = min(x, y);
    if (large >= double_infinity)
        return large > double_infinity || small == 0ul ? double_nan : sign | double_infinity;
    if (small == 0ul) return sign;
    int exponent, other;
    ulong m = double_normal(x, exponent), n = double_normal(y, other), low, high = double_wide_product(m, n, low);
    bool is_normal = (high >> 63) != 0ul;
    ulong significand = (is_normal ? high : high << 1) | ulong(low != 0ul);
    return sign | double_rounded<52, 2047>(exponent + other - 1023 + int(is_normal), significand);
}

//: double_fma
// Both the product and what is added have 128 bits, of which bit 126 belongs to their exponent.
METAL_FUNC ulong double_fma(ulong a, ulong b, ulong c) {
    ulong sign = (a ^ b) & double_sign, x = a & ~double_sign, y = b & ~double_sign, z = c & ~double_sign;
    bool subtracts = ((sign ^ c) >> 63) != 0ul;
    ulong large = max(x, y), small = min(x, y);
    if (max(large, z) >= double_infinity) {
        bool undefined = large == double_infinity && (small == 0ul || (subtracts && z == double_infinity));
        if (max(large, z) > double_infinity || undefined) return double_nan;
        return z == double_infinity ? c : sign | double_infinity;
    }
    if (small == 0ul) return z == 0ul ? sign & c : c;
    int exponent, other, added;
    ulong m = double_normal(x, exponent), n = double_normal(y, other), low, high = double_wide_product(m, n, low);
    exponent += other - 1022;
    low = (high << 63) | (low >> 1);
    high = high >> 1;
    ulong more = double_normal(z, added), more_low = more << 63;
    more = more >> 1;
    // The one with the lower exponent is shifted. Where that loses bits the other one is larger.
    bool swaps = added > exponent;
    ulong rest = swaps ? high : more, rest_low = swaps ? low : more_low;
    high = swaps ? more : high;
    low = swaps ? more_low : low;
    int distance = swaps ? added - exponent : exponent - added;
    if (distance >= 64) {
        rest_low = rest | ulong(rest_low != 0ul);
        rest = 0ul;
        distance = min(distance - 64, 63);
    }
    if (distance > 0) {
        rest_low = (rest << (64 - distance)) | double_shifted(rest_low, uint(distance));
        rest = rest >> distance;
    }
    sign = swaps && subtracts ? sign ^ double_sign : sign;
    high = subtracts ? high - rest - ulong(low < rest_low) : high + rest + ulong(low + rest_low < low);
    low = subtracts ? low - rest_low : low + rest_low;
    if (subtracts && (high >> 63) != 0ul) {
        high = ~high + ulong(low == 0ul);
        low = 0ul - low;
        sign ^= double_sign;
    }
    exponent = max(exponent, added) + 1;
    if (high == 0ul) {
        if (low == 0ul) return 0ul;
        high = low;
        low = 0ul;
        exponent -= 64;
    }
    int shift = int(clz(high));
    if (shift > 0) high = (high << shift) | (low >> (64 - shift));
    return sign | double_rounded<52, 2047>(exponent - shift, high | ulong((low << shift) != 0ul));
}

//: double_reciprocal
// 2**94 / divisor for a normal divisor, too small by 2 to 8 in the last of its 31 bits: a quotient of floats, in which
// errors below 2**-18 do no harm, and Newton's step.
METAL_FUNC uint double_reciprocal(ulong divisor) {
    uint top = uint(divisor >> 32);
    long estimate = long(min(4.6116860e18f / float(top), 2147483520.0f));
    long error = long(1ul << 62) - long(top) * estimate;
    return uint(estimate + ((estimate * (error >> 16)) >> 46)) - 4u;
}

//: double_next_digit
// rest * 2**bits modulo the divisor, both of `width` bits and bits <= 28; `digit` becomes the quotient.
template <uint width>
METAL_FUNC ulong double_next_digit(ulong rest, ulong divisor, uint reciprocal, uint bits, thread ulong &digit) {
    digit = ulong(mulhi(uint(rest >> (width - 32u)), reciprocal) >> (30u - bits));
    rest = (rest << bits) - digit * divisor;  // less than four divisors
    bool twice = rest >= 2ul * divisor;
    rest = twice ? rest - 2ul * divisor : rest;
    bool once = rest >= divisor;
    digit += (twice ? 2ul : 0ul) + ulong(once);
    return once ? rest - divisor : rest;
}

//: double_quotient
// Long division: the leading 1 and two digits of 28 bits.
METAL_FUNC ulong double_quotient(ulong a, ulong b) {
    ulong sign = (a ^ b) & double_sign, x = a & ~double_sign, y = b & ~double_sign;
    if (max(x, y) >= double_infinity) {
        if (max(x, y) > double_infinity || x == y) return double_nan;
        return x == double_infinity ? sign | x : sign;
    }
    if (y == 0ul) return x == 0ul ? double_nan : sign | double_infinity;
    if (x == 0ul) return sign;
    int exponent, other;
    ulong rest = double_normal(x, exponent), divisor = double_normal(y, other), leading, trailing;
    uint reciprocal = double_reciprocal(divisor);
    int shift = int(rest < divisor);
    divisor = divisor >> 11;
    rest = (shift != 0 ? rest >> 10 : rest >> 11) - divisor;
    rest = double_next_digit<53>(rest, divisor, reciprocal, 28u, leading);
    rest = double_next_digit<53>(rest, divisor, reciprocal, 28u, trailing);
    ulong significand = double_sign | (leading << 35) | (trailing << 7) | ulong(rest != 0ul);
    return sign | double_rounded<52, 2047>(exponent - other + 1023 - shift, significand);
}

//: double_remainder
// a - n * b, exact, for the whole number n next to a / b towards 0, or the nearest one, of two the even one.
METAL_FUNC ulong double_remainder(ulong a, ulong b, bool nearest) {
    ulong sign = a & double_sign, x = a & ~double_sign, y = b & ~double_sign;
    if (max(x, y) >= double_infinity) return x < double_infinity && y == double_infinity ? a : double_nan;
    if (y == 0ul) return double_nan;
    int exponent, other;
    ulong rest = double_normal(x, exponent) >> 11, divisor = double_normal(y, other);
    int distance = exponent - other;
    if (x == 0ul || distance < -1) return a;
    uint reciprocal = double_reciprocal(divisor);
    divisor = divisor >> 11;
    ulong digit = ulong(distance >= 0 && rest >= divisor);
    if (digit != 0ul) rest -= divisor;
    for (; distance > 0; distance -= 28)
        rest = double_next_digit<53>(rest, divisor, reciprocal, uint(min(distance, 28)), digit);
    ulong twice = distance == -1 && exponent < other ? rest : rest << 1;
    if (nearest && (twice > divisor || (twice == divisor && (digit & 1ul) != 0ul))) {
        twice = 2ul * divisor - twice;
        sign ^= double_sign;
    }
    if (twice == 0ul) return a & double_sign;
    int shift = int(clz(twice));
    return sign | double_rounded<52, 2047>(other + 10 - shift, twice << shift);
}

//: double_root_of
// The integer square root of square * 2**46 for 2**62 <= square: 32 bits by a float's reciprocal root and Newton's
// step, as many from what is left, and corrections of the last one. `left` is what the root's square lacks.
METAL_FUNC ulong double_root_of(ulong square, thread long &left) {
    uint top = uint(square >> 32);
    long estimate = long(min(1.4073749e14f * precise::rsqrt(float(top)), 4294967040.0f));
    long error = long(1ul << 62) - long(top) * long(ulong(estimate * estimate) >> 32);
    ulong inverse = ulong(estimate + ((estimate * (error >> 16)) >> 47)) - 4ul;
    ulong high = (ulong(top) * inverse) >> 31, rest = square - high * high, low = ((rest >> 7) * inverse) >> 34;
    ulong root = (high << 23) + low;
    left = long((rest << 46) - ((high * low) << 24) - low * low);
    for (; left < 0l; left += long(2ul * root + 1ul)) root -= 1ul;
    for (; left > long(2ul * root); left -= long(2ul * root - 1ul)) root += 1ul;
    return root;
}

//: double_root
METAL_FUNC ulong double_root(ulong a) {
    if ((a << 1) == 0ul || a == double_infinity) return a;
    if (a > double_infinity) return double_nan;
    int exponent;
    long left;
    ulong square = double_normal(a, exponent), root = double_root_of(square >> (exponent & 1), left);
    return double_packed<52, 2047>((exponent + 1023) >> 1, (root << 9) | ulong(left != 0l));
}

//: double_from_ulong
METAL_FUNC ulong double_from_ulong(ulong x) {
    int shift = int(min(clz(x), 63ul));
    return x == 0ul ? 0ul : double_packed<52, 2047>(1086 - shift, x << shift);
}

//: double_from_long
METAL_FUNC ulong double_from_long(long x) {
    return x < 0l ? double_sign | double_from_ulong(0ul - ulong(x)) : double_from_ulong(ulong(x));
}

//: double_widened
// Of the bits of a narrower format of `width` bits, since arithmetic may flush its subnormal numbers.
template <uint field, int top, uint width> METAL_FUNC ulong double_widened(ulong bits) {
    ulong magnitude = bits & ((1ul << (width - 1u)) - 1ul), limit = ulong(top) << field;
    ulong sign = (bits >> (width - 1u)) << 63;
    if (magnitude >= limit) return magnitude > limit ? double_nan : sign | double_infinity;
    if (magnitude >= 1ul << field) return sign | ((magnitude << (52u - field)) + (ulong(1023 - top / 2) << 52));
    return sign | (magnitude == 0ul ? 0ul : double_from_ulong(magnitude) - (ulong(top / 2 - 1 + int(field)) << 52));
}

//: double_narrowed
// The bits of a narrower format, without the sign; what is as small as a subnormal double becomes 0.
template <uint field, int top> METAL_FUNC ulong double_narrowed(ulong bits) {
    ulong magnitude = bits & ~double_sign;
    if (magnitude > double_infinity) return (ulong(top) << field) | (1ul << (field - 1u));
    int exponent = int(magnitude >> 52) - 1023 + top / 2;
    return double_rounded<field, top>(exponent, (magnitude << 11) | double_sign);
}

//: double_to
// An integer: towards 0, to the nearest that there is; NaN becomes 0. A float: rounded once.
template <class T> METAL_FUNC T double_to(ulong bits) {
    ulong magnitude = bits & ~double_sign, limit = ~0ul;
    bool negative = bits != magnitude, has_sign = T(-1) < T(0);
    int exponent = int(magnitude >> 52) - 1075;
    ulong significand = (magnitude & 0x000ffffffffffffful) | 0x0010000000000000ul;
    ulong whole = exponent >= 12 ? ~0ul : exponent >= 0 ? significand << exponent : significand >> min(-exponent, 63);
    if (has_sign) limit = (1ul << (8u * sizeof(T) - 1u)) - ulong(!negative);
    else limit = negative ? 0ul : limit >> (64u - 8u * sizeof(T));
    whole = magnitude > double_infinity ? 0ul : min(whole, limit);
    return T(negative ? 0ul - whole : whole);
}
template <> METAL_FUNC bool double_to<bool>(ulong bits) { return (bits << 1) != 0ul; }
template <> METAL_FUNC float double_to<float>(ulong bits) {
    return as_type<float>((uint(bits >> 32) & 0x80000000u) | uint(double_narrowed<23, 255>(bits)));
}
template <> METAL_FUNC half double_to<half>(ulong bits) {
    return as_type<half>(ushort((uint(bits >> 48) & 0x8000u) | uint(double_narrowed<10, 31>(bits))));
}
template <> METAL_FUNC bfloat double_to<bfloat>(ulong bits) {
    return as_type<bfloat>(ushort((uint(bits >> 48) & 0x8000u) | uint(double_narrowed<7, 255>(bits))));
}

//: double_order
// Bits as a number that is ordered as the doubles are; -0 is as large as 0.
METAL_FUNC long double_order(ulong bits) { return (bits >> 63) != 0ul ? long(double_sign - bits) : long(bits); }

//: double_is_nan
METAL_FUNC bool double_is_nan(ulong bits) { return (bits & ~double_sign) > double_infinity; }

//: float64
// A double. An int becomes one where nothing is said, as in x != 0.
struct float64 {
    ulong bits;
    float64() = default;
    METAL_FUNC float64(int value) { bits = double_from_long(long(value)); }
    METAL_FUNC explicit float64(uint value) { bits = double_from_ulong(ulong(value)); }
    METAL_FUNC explicit float64(long value) { bits = double_from_long(value); }
    METAL_FUNC explicit float64(ulong value) { bits = double_from_ulong(value); }
    METAL_FUNC explicit float64(half value) { bits = double_widened<10, 31, 16>(ulong(as_type<ushort>(value))); }
    METAL_FUNC explicit float64(bfloat value) { bits = double_widened<7, 255, 16>(ulong(as_type<ushort>(value))); }
    METAL_FUNC explicit float64(float value) { bits = double_widened<23, 255, 32>(ulong(as_type<uint>(value))); }
    template <class T> METAL_FUNC explicit operator T() const thread { return double_to<T>(bits); }
    template <class T> METAL_FUNC explicit operator T() const device { return double_to<T>(bits); }
    template <class T> METAL_FUNC explicit operator T() const constant { return double_to<T>(bits); }
    template <class T> METAL_FUNC explicit operator T() const threadgroup { return double_to<T>(bits); }
};

//: as_float64
// The number that has these bits.
METAL_FUNC float64 as_float64(ulong bits) {
    float64 result;
    result.bits = bits;
    return result;
}

//: as_ulong
METAL_FUNC ulong as_ulong(float64 x) { return x.bits; }

//: float64 if float64
METAL_FUNC float64 operator-(float64 a) { return as_float64(a.bits ^ double_sign); }
METAL_FUNC bool operator==(float64 a, float64 b) {
    return double_order(a.bits) == double_order(b.bits) && !double_is_nan(a.bits);
}
METAL_FUNC bool operator!=(float64 a, float64 b) { return !(a == b); }
METAL_FUNC bool operator<(float64 a, float64 b) {
    return double_order(a.bits) < double_order(b.bits) && !double_is_nan(a.bits) && !double_is_nan(b.bits);
}
METAL_FUNC bool operator<=(float64 a, float64 b) {
    return double_order(a.bits) <= double_order(b.bits) && !double_is_nan(a.bits) && !double_is_nan(b.bits);
}
METAL_FUNC bool operator>(float64 a, float64 b) { return b < a; }
METAL_FUNC bool operator>=(float64 a, float64 b) { return b <= a; }

//: float64 if +
METAL_FUNC float64 operator+(float64 a, float64 b) { return as_float64(double_sum(a.bits, b.bits)); }

//: float64 if -
METAL_FUNC float64 operator-(float64 a, float64 b) { return as_float64(double_sum(a.bits, b.bits ^ double_sign)); }

//: float64 if *
METAL_FUNC float64 operator*(float64 a, float64 b) { return as_float64(double_product(a.bits, b.bits)); }

//: float64 if /
METAL_FUNC float64 operator/(float64 a, float64 b) { return as_float64(double_quotient(a.bits, b.bits)); }

//: f64
typedef float64 f64;

//: double_whole
// A whole number next to a double: towards 0, away from it, the nearest, of two the even or the larger one.
METAL_FUNC ulong double_whole(ulong bits, bool up, bool nearest, bool even) {
    ulong magnitude = bits & ~double_sign;
    int exponent = int(magnitude >> 52);
    if (exponent >= 1075) return magnitude > double_infinity ? double_nan : bits;
    ulong fraction = (1ul << min(1075 - exponent, 53)) - 1ul, half_way = (fraction >> 1) + 1ul;
    if (exponent < 1023) {
        bool one = nearest ? magnitude > 0x3fe0000000000000ul - ulong(!even) : up && magnitude != 0ul;
        return (bits ^ magnitude) | (one ? double_one : 0ul);
    }
    ulong odd = exponent == 1023 ? 1ul : (magnitude >> (1075 - exponent)) & 1ul;
    ulong added = nearest ? half_way - ulong(even && odd == 0ul) : up ? fraction : 0ul;
    return (bits ^ magnitude) | ((magnitude + added) & ~fraction);
}

//: trunc if f64
METAL_FUNC float64 trunc(float64 x) { return as_float64(double_whole(x.bits, false, false, false)); }

//: floor if f64
METAL_FUNC float64 floor(float64 x) { return as_float64(double_whole(x.bits, (x.bits >> 63) != 0ul, false, false)); }

//: ceil if f64
METAL_FUNC float64 ceil(float64 x) { return as_float64(double_whole(x.bits, (x.bits >> 63) == 0ul, false, false)); }

//: rint if f64
METAL_FUNC float64 rint(float64 x) { return as_float64(double_whole(x.bits, false, true, true)); }

//: round if f64
METAL_FUNC float64 round(float64 x) { return as_float64(double_whole(x.bits, false, true, false)); }

//: fma if f64
METAL_FUNC float64 fma(float64 a, float64 b, float64 c) { return as_float64(double_fma(a.bits, b.bits, c.bits)); }

//: sqrt if f64
METAL_FUNC float64 sqrt(float64 x) { return as_float64(double_root(x.bits)); }

//: fmod if f64
METAL_FUNC float64 fmod(float64 a, float64 b) { return as_float64(double_remainder(a.bits, b.bits, false)); }

//: ieee_remainder
METAL_FUNC float64 ieee_remainder(float64 a, float64 b) {
    return as_float64(double_remainder(a.bits, b.bits, true));
}

//: fabs if f64
METAL_FUNC float64 fabs(float64 x) { return as_float64(x.bits & ~double_sign); }

//: copysign if f64
METAL_FUNC float64 copysign(float64 size, float64 sign) {
    return as_float64((size.bits & ~double_sign) | (sign.bits & double_sign));
}

//: fmin if f64
// -0 is less than 0 here.
METAL_FUNC float64 fmin(float64 a, float64 b) {
    if (double_is_nan(a.bits) || double_is_nan(b.bits)) return double_is_nan(a.bits) ? b : a;
    long x = double_order(a.bits), y = double_order(b.bits);
    return x < y || (x == y && a.bits > b.bits) ? a : b;
}

//: fmax if f64
METAL_FUNC float64 fmax(float64 a, float64 b) {
    if (double_is_nan(a.bits) || double_is_nan(b.bits)) return double_is_nan(a.bits) ? b : a;
    long x = double_order(a.bits), y = double_order(b.bits);
    return x > y || (x == y && a.bits < b.bits) ? a : b;
}

//: isnan if f64
METAL_FUNC bool isnan(float64 x) { return double_is_nan(x.bits); }

//: isinf if f64
METAL_FUNC bool isinf(float64 x) { return (x.bits & ~double_sign) == double_infinity; }

//: isfinite if f64
METAL_FUNC bool isfinite(float64 x) { return (x.bits & ~double_sign) < double_infinity; }

//: signbit if f64
METAL_FUNC bool signbit(float64 x) { return (x.bits >> 63) != 0ul; }
