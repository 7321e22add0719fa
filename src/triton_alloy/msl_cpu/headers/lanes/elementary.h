// Elementary functions of vectors of floats of any length: polynomials after Cephes (S. Moshier), erf after N. Juffa.
// Whole range, with infinities, NaN and subnormal results; tests/msl_cpu/headers/lanes/test_math.py asserts the errors.
#pragma once
#include "arithmetic.h"

namespace metal {
namespace lanes {

template <class F> using Bits = decltype(F() < F());  // a vector of int as long as F
template <class F> constexpr uint length = sizeof(F) / sizeof(float);

template <class F> LANES_INLINE Bits<F> bits_of(F x) { return __builtin_bit_cast(Bits<F>, x); }
template <class F> LANES_INLINE F from_bits(Bits<F> x) { return __builtin_bit_cast(F, x); }
template <class F> LANES_INLINE Bits<F> sign_of(F x) { return bits_of(x) & (-__INT_MAX__ - 1); }
template <class F> LANES_INLINE F with_sign(F magnitude, Bits<F> sign) {
  return from_bits<F>(bits_of(magnitude) ^ sign);
}
template <class F> LANES_INLINE F absolute(F x) { return from_bits<F>(bits_of(x) & __INT_MAX__); }

// The polynomial with these coefficients, highest power first.
template <class F> LANES_INLINE F horner(F, F sum) { return sum; }
template <class F, class... Rest> LANES_INLINE F horner(F x, F sum, float next, Rest... rest) {
  return horner(x, multiply_add(sum, x, (F)next), rest...);
}
template <class F, class... Rest> LANES_INLINE F polynomial(F x, float highest, Rest... rest) {
  return horner(x, (F)highest, rest...);
}

// x 2^k for a whole k in -300 .. 300, rounded once.
template <class F> LANES_INLINE F scale(F x, F k) {
#if defined(__AVX512F__)
  if constexpr (length<F> == 32) {
    x.lo = __builtin_ia32_scalefps512_mask(x.lo, k.lo, x.lo, 0xffff, 4);
    x.hi = __builtin_ia32_scalefps512_mask(x.hi, k.hi, x.hi, 0xffff, 4);
    return x;
  }
#endif
  Bits<F> n = __builtin_convertvector(k, Bits<F>), half_n = n >> 1;
  return x * from_bits<F>((half_n + 127) << 23) * from_bits<F>((n - half_n + 127) << 23);
}

// The nearest whole number, for |x| < 2^22.
template <class F> LANES_INLINE F nearest(F x) {
  LANES_EXACT
  return (x + 0x1.8p23f) - 0x1.8p23f;
}

// e^r for |r| <= ln(2) / 2.
template <class F> LANES_INLINE F exp_reduced(F r) {
  LANES_EXACT
  F p = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                   5.0000001201e-1f);
  return multiply_add(multiply_add(p, r, (F)1), r, (F)1);
}

// e^x 2^shift for |x| <= 105, or NaN.
template <class F> LANES_INLINE F exp_within(F x, float shift) {
  LANES_EXACT
  F k = nearest(x * 1.44269504088896341f);
  F r = multiply_add(k, (F)-0x1.62ep-1f, x);
  r = multiply_add(k, (F)-0x1.0bfbe8p-15f, r);
  return scale(exp_reduced(r), k + shift);
}
// For any x. Clamping keeps NaN, since it is compared false.
template <class F> LANES_INLINE F exp_shifted(F x, float shift) {
  x = x > 105 ? (F)105 : x;
  x = x < -105 ? (F)-105 : x;
  return exp_within(x, shift);
}
template <class F> LANES_INLINE F exp(F x) { return exp_shifted(x, 0); }

template <class F> LANES_INLINE F exp2(F x) {
  LANES_EXACT
  x = x > 160 ? (F)160 : x;
  x = x < -160 ? (F)-160 : x;
  F k = nearest(x);
  return scale(exp_reduced((x - k) * 0x1.62e430p-1f), k);
}

// x = 2^k (1 + f) with 1 + f in sqrt(1/2) .. sqrt(2), for a positive finite x.
template <class F> struct Logarithm { F k, f; };
template <class F> LANES_INLINE Logarithm<F> split_exponent(F x) {
  LANES_EXACT
  auto tiny = x < 0x1p-126f;
  x = tiny ? x * 0x1p24f : x;
  Bits<F> shifted = bits_of(x) - 0x3f3504f3;  // sqrt(1/2)
  Bits<F> k = shifted >> 23;
  F mantissa = from_bits<F>(bits_of(x) - (k << 23));
  return {__builtin_convertvector(k, F) - (tiny ? (F)24 : (F)0), mantissa - 1};
}
// log(1 + f) - f
template <class F> LANES_INLINE F log_correction(F f) {
  LANES_EXACT
  F p = polynomial(f, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                   -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f);
  F square = f * f;
  return multiply_add(p * f, square, -0.5f * square);
}
// What any logarithm gives where x is not positive and finite; else `value`.
template <class F> LANES_INLINE F log_special(F x, F value) {
  value = x < __builtin_inff() ? value : x;  // infinity and NaN
  value = x == 0 ? (F)-__builtin_inff() : value;
  return x < 0 ? (F)__builtin_nanf("") : value;
}
template <class F> LANES_INLINE F log(F x) {
  LANES_EXACT
  Logarithm<F> s = split_exponent(x);
  F low = multiply_add(s.k, (F)-2.12194440e-4f, log_correction(s.f));
  return log_special(x, multiply_add(s.k, (F)0.693359375f, s.f + low));
}
template <class F> LANES_INLINE F log2(F x) {
  LANES_EXACT
  Logarithm<F> s = split_exponent(x);
  F low = log_correction(s.f), excess = (F)0.44269504088896340736f;  // log2(e) - 1
  F sum = multiply_add(s.f, excess, multiply_add(low, excess, low));
  return log_special(x, sum + s.f + s.k);
}

// ---------------------------------------------------------------------------------------------------- trigonometry
// |x| = quadrant pi/2 + r, |r| <= pi/4, for |x| < 2^17: the products of the first step are exact.
template <class F> struct Angle { Bits<F> quadrant; F r; };
template <class F> LANES_INLINE Angle<F> reduce_angle(F magnitude) {
  LANES_EXACT
  F k = nearest(magnitude * 0.636619772367581343f);
  F r = __builtin_elementwise_fma(k, (F)-0x1.921fb6p0f, magnitude);
  r = __builtin_elementwise_fma(k, (F)0x1.777a5cp-25f, r);
  r = __builtin_elementwise_fma(k, (F)0x1.ee59dap-50f, r);
  return {__builtin_convertvector(k, Bits<F>), r};
}
template <class F> LANES_INLINE F sin_reduced(F r) {
  F square = r * r;
  F p = polynomial(square, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f);
  return multiply_add(p * square, r, r);
}
template <class F> LANES_INLINE F cos_reduced(F r) {
  LANES_EXACT
  F square = r * r;
  F p = polynomial(square, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f);
  return multiply_add(p * square, square, multiply_add((F)-0.5f, square, (F)1));
}
// libm where the reduction is not exact, one element at a time.
template <class F> LANES_INLINE F for_large(F x, F value, float (*function)(float)) {
  Bits<F> large = absolute(x) >= 0x1p17f;
  if (__builtin_expect(__builtin_reduce_or(large), 0)) {
#pragma clang loop unroll(disable)
    for (uint i = 0; i < length<F>; ++i)
      if (large[i]) value[i] = function(x[i]);
  }
  return value;
}
LANES_INLINE float libm_sin(float x) { return __builtin_sinf(x); }
LANES_INLINE float libm_cos(float x) { return __builtin_cosf(x); }
LANES_INLINE float libm_tan(float x) { return __builtin_tanf(x); }

template <class F> LANES_INLINE F sin(F x) {
  Angle<F> a = reduce_angle(absolute(x));
  F value = (a.quadrant & 1) != 0 ? cos_reduced(a.r) : sin_reduced(a.r);
  return for_large(x, with_sign(value, sign_of(x) ^ (a.quadrant & 2) << 30), libm_sin);
}
template <class F> LANES_INLINE F cos(F x) {
  Angle<F> a = reduce_angle(absolute(x));
  F value = (a.quadrant & 1) != 0 ? sin_reduced(a.r) : cos_reduced(a.r);
  return for_large(x, with_sign(value, (a.quadrant + 1 & 2) << 30), libm_cos);
}
template <class F> LANES_INLINE F tan(F x) {
  Angle<F> a = reduce_angle(absolute(x));
  F s = sin_reduced(a.r), c = cos_reduced(a.r);
  auto odd = (a.quadrant & 1) != 0;
  F value = (odd ? -c : s) / (odd ? s : c);
  return for_large(x, with_sign(value, sign_of(x)), libm_tan);
}

template <class F> LANES_INLINE F asin_of_magnitude(F a) {  // pi/2 - asin(a) and twice it are left to the callers
  LANES_EXACT
  F z = a > 0.5f ? 0.5f * (1 - a) : a * a;
  F x = a > 0.5f ? __builtin_elementwise_sqrt(z) : a;
  F p = polynomial(z, 4.2163199048e-2f, 2.4181311049e-2f, 4.5470025998e-2f, 7.4953002686e-2f, 1.6666752422e-1f);
  return multiply_add(p * z, x, x);
}
template <class F> LANES_INLINE F asin(F x) {
  LANES_EXACT
  F a = absolute(x), p = asin_of_magnitude(a);
  F value = a > 0.5f ? 0x1.921fb6p0f - (2 * p + 0x1.777a5cp-25f) : p;
  return with_sign(value, sign_of(x));
}
template <class F> LANES_INLINE F acos(F x) {
  LANES_EXACT
  F a = absolute(x), p = asin_of_magnitude(a);
  F small = 0x1.921fb6p0f - (with_sign(p, sign_of(x)) + 0x1.777a5cp-25f);
  F large = x < 0 ? 0x1.921fb6p1f - (2 * p + 0x1.777a5cp-24f) : 2 * p;
  return a > 0.5f ? large : small;
}
// atan of 0 .. 1
template <class F> LANES_INLINE F atan_of_ratio(F x) {
  LANES_EXACT
  auto above = x > 0.4142135623730950f;
  F r = above ? (x - 1) / (x + 1) : x, z = r * r;
  F p = polynomial(z, 8.05374449538e-2f, -1.38776856032e-1f, 1.99777106478e-1f, -3.33329491539e-1f);
  r = multiply_add(p * z, r, r);
  return above ? 0x1.921fb6p-1f + (r - 0x1.777a5cp-26f) : r;
}
template <class F> LANES_INLINE F atan(F x) {
  LANES_EXACT
  F a = absolute(x);
  F value = atan_of_ratio(a > 1 ? 1 / a : a);
  return with_sign(a > 1 ? 0x1.921fb6p0f - (value + 0x1.777a5cp-25f) : value, sign_of(x));
}
template <class F> LANES_INLINE F atan2(F y, F x) {
  LANES_EXACT
  F a = absolute(x), b = absolute(y);
  F small = a < b ? a : b, large = a < b ? b : a;
  F ratio = small == large ? (large == 0 ? (F)0 : (F)1) : small / large;
  F value = atan_of_ratio(ratio);
  value = a < b ? 0x1.921fb6p0f - (value + 0x1.777a5cp-25f) : value;
  value = sign_of(x) != 0 ? 0x1.921fb6p1f - (value + 0x1.777a5cp-24f) : value;
  value = with_sign(value, sign_of(y));
  return x != x ? x : y != y ? y : value;
}

// ------------------------------------------------------------------------------------------------------ hyperbolic
template <class F> LANES_INLINE F sinh(F x) {
  LANES_EXACT
  F a = absolute(x), z = x * x, e = exp_shifted(a, -1);
  F p = polynomial(z, 2.03721912945e-4f, 8.33028376239e-3f, 1.66667160211e-1f);
  return a > 1 ? with_sign(e - 0.25f / e, sign_of(x)) : multiply_add(p * z, x, x);
}
template <class F> LANES_INLINE F cosh(F x) {
  LANES_EXACT
  F e = exp_shifted(absolute(x), -1);
  return e + 0.25f / e;
}
template <class F> LANES_INLINE F tanh(F x) {
  LANES_EXACT
  F a = absolute(x), z = x * x, p;
  p = polynomial(z, -5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f);
  F large = 1 - 2 / (exp_shifted(2 * a, 0) + 1);
  return with_sign(a > 0.625f ? large : multiply_add(p * z, a, a), sign_of(x));
}
template <class F> LANES_INLINE F erf(F x) {
  LANES_EXACT
  F a = absolute(x);
  a = a > 4 ? (F)4 : a;  // erf(4) rounds to 1
  F z = a * a;
  F p = multiply_add(polynomial(a, -1.72853470e-5f, 3.83197126e-4f), z, polynomial(a, -3.88396438e-3f, 2.42546219e-2f));
  p = horner(a, p, -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f);
  F large = with_sign(1 - exp_within(multiply_add(p, a, -a), 0), sign_of(x));
  F small = polynomial(z, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f,
                       1.28379166e-1f);
  return a > 0.927734375f ? large : multiply_add(small, x, x);
}

// ----------------------------------------------------------------------------------------------------------- power
// |x|^y = 2^(y log2 |x|) in double, which leaves the float result its last bit. Positive finite x, any y.
template <class F> LANES_INLINE F pow_magnitude(F x, F y) {
  using D = Vector<double, length<F>>;
  Logarithm<F> split = split_exponent(x);
  D f = __builtin_convertvector(split.f, D), s = f / (f + 2), z = s * s;
  D p = z * (1.0 / 13) + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  D logarithm = (s + s * z * p) * 2.88539008177792681472 + __builtin_convertvector(split.k, D);
  D exponent = logarithm * __builtin_convertvector(y, D);
  exponent = exponent > 200 ? (D)200 : exponent;
  exponent = exponent < -200 ? (D)-200 : exponent;
  D k = (exponent + 0x1.8p52) - 0x1.8p52, r = (exponent - k) * 0.69314718055994530942;
  D e = r * (1.0 / 40320) + 1.0 / 5040;
  e = e * r + 1.0 / 720;
  e = e * r + 1.0 / 120;
  e = e * r + 1.0 / 24;
  e = e * r + 1.0 / 6;
  e = e * r + 0.5;
  e = e * r + 1;
  e = e * r + 1;
  using L = Vector<long, length<F>>;
  e *= __builtin_bit_cast(D, (__builtin_convertvector(k, L) + 1023) << 52);
  return __builtin_convertvector(e, F);
}
template <class F> LANES_INLINE F pow(F x, F y) {
  const float infinity = __builtin_inff();
  F a = absolute(x), b = absolute(y);
  F value = pow_magnitude(a, y);
  auto grows = (a > 1) == (y > 0);  // towards infinity where a or b is infinite, or a is 0
  value = ((a == 0) | (a == infinity) | (b == infinity)) ? (grows ? (F)infinity : (F)0) : value;
  F whole = b < 0x1p24f ? __builtin_elementwise_trunc(b) : b, half_whole = b < 0x1p24f ? whole * 0.5f : (F)0;
  auto odd = (whole == b) & (__builtin_elementwise_trunc(half_whole) != half_whole);
  value = with_sign(value, odd ? sign_of(x) : (Bits<F>)0);
  value = ((x < 0) & (whole != b) & (x != -infinity)) ? (F)__builtin_nanf("") : value;
  value = x != x ? x : y != y ? y : value;
  return ((x == 1) | (y == 0) | ((x == -1) & (b == infinity))) ? (F)1 : value;
}

}  // namespace lanes
}  // namespace metal
