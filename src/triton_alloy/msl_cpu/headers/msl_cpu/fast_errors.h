// Errors of fast:: functions, where they are wanted: as large as Metal allows (its specification, table 8.2)
#pragma once
#include "vec.h"

namespace msl_cpu {

#ifdef MSL_FAST_ERRORS
constexpr bool fast_errors = true;
#else
constexpr bool fast_errors = false;
#endif

MSL_INLINE float of_bits(uint bits) { return __builtin_bit_cast(float, bits); }
MSL_INLINE uint bits_of(float x) { return __builtin_bit_cast(uint, x); }

// Whether the error goes up in size: by the operands' bits, so that equal operands give equal results.
MSL_INLINE bool errs_upwards(uint bits) {
  bits *= 0x9e3779b1u;
  return (bits ^ bits >> 15) >> 11 & 1;
}

// y, `ulps` floats away from where it is. What is 0, infinite, NaN, or would become one of these, stays.
MSL_INLINE float off_by_ulps(float y, uint ulps, uint operands) {
  uint size = bits_of(y) & 0x7fffffffu, least = 0x00800000u, largest = 0x7f7fffffu;
  if (size < least + ulps || size > largest - ulps) return y;
  return of_bits(errs_upwards(operands) ? bits_of(y) + ulps : bits_of(y) - ulps);
}
MSL_INLINE float off_by(float y, float error, uint operands) { return errs_upwards(operands) ? y + error : y - error; }

// 2.5 ulp, of which rounding takes half a one, for a divisor from 2^-126 to 2^126; x times its reciprocal for others,
// where a number that has none in the normal range counts as 0 and infinity.
MSL_INLINE float fast_quotient(float x, float y) {
  if (!fast_errors) return x / y;
  float size = __builtin_fabsf(y), sign = __builtin_copysignf(1.0f, y);
  if (size < 0x1p-126f) return x * (sign * __builtin_inff());
  if (size > 0x1p126f) return x * (sign * 0.0f);
  return off_by_ulps(x / y, 2, bits_of(x) * 31u + bits_of(y));
}
// 3 + floor(|2 x|) ulp
MSL_INLINE float fast_power(float power, float x) {
  float twice = __builtin_fminf(__builtin_fabsf(2.0f * x), 1000.0f);
  return fast_errors ? off_by_ulps(power, 2 + (uint)twice, bits_of(x)) : power;
}
// `near`: the absolute error from 0.5 to 2; `ulps` elsewhere
MSL_INLINE float fast_logarithm(float logarithm, float x, float near, uint ulps) {
  if (!fast_errors) return logarithm;
  return x >= 0.5f && x <= 2.0f ? off_by(logarithm, near, bits_of(x)) : off_by_ulps(logarithm, ulps, bits_of(x));
}
// 2^-13, from -pi to pi
MSL_INLINE float fast_wave(float wave, float x) { return fast_errors ? off_by(wave, 0x1p-13f, bits_of(x)) : wave; }
// 2 ulp
MSL_INLINE float fast_inverse_root(float x) {
  if (!fast_errors) return 1.0f / __builtin_sqrtf(x);
  return off_by_ulps((float)(1.0 / __builtin_sqrt((double)x)), 1, bits_of(x));
}

}  // namespace msl_cpu
