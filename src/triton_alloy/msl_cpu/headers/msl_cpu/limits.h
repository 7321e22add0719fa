// <metal_limits>: numeric_limits.
#pragma once
#include "vec.h"

namespace metal {

template <class T> struct numeric_limits {
  static constexpr bool is_specialized = is_arithmetic_v<T>;
  static constexpr bool is_signed = is_signed_v<T>, is_integer = true, is_exact = true;
  static constexpr bool has_infinity = false, has_quiet_NaN = false;
  static constexpr int radix = 2, digits = is_same_v<T, bool> ? 1 : (int)sizeof(T) * 8 - is_signed;
  static constexpr T min() { return is_signed ? T(T(1) << (sizeof(T) * 8 - 1)) : T(0); }
  static constexpr T max() { return is_same_v<T, bool> ? T(1) : T(~min()); }
  static constexpr T lowest() { return min(); }
  static constexpr T infinity() { return T(0); }
  static constexpr T quiet_NaN() { return T(0); }
  static constexpr T epsilon() { return T(0); }
};
template <class T> struct numeric_limits<const T> : numeric_limits<T> {};

template <class T, int mantissa_digits, int smallest_exponent, int largest_exponent> struct floating_limits {
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false;
  static constexpr bool has_infinity = true, has_quiet_NaN = true;
  static constexpr int radix = 2, digits = mantissa_digits;
  static constexpr int min_exponent = smallest_exponent, max_exponent = largest_exponent;
  static constexpr T infinity() { return T(__builtin_inff()); }
  static constexpr T quiet_NaN() { return T(__builtin_nanf("")); }
  static constexpr T signaling_NaN() { return T(__builtin_nanf("")); }
  static constexpr T round_error() { return T(0.5f); }
};
template <> struct numeric_limits<float> : floating_limits<float, 24, -125, 128> {
  static constexpr float min() { return __FLT_MIN__; }
  static constexpr float max() { return __FLT_MAX__; }
  static constexpr float lowest() { return -__FLT_MAX__; }
  static constexpr float epsilon() { return __FLT_EPSILON__; }
  static constexpr float denorm_min() { return __FLT_DENORM_MIN__; }
};
template <> struct numeric_limits<half> : floating_limits<half, 11, -13, 16> {
  static constexpr half min() { return (half)6.103515625e-05f; }
  static constexpr half max() { return (half)65504.0f; }
  static constexpr half lowest() { return (half)-65504.0f; }
  static constexpr half epsilon() { return (half)0.0009765625f; }
  static constexpr half denorm_min() { return (half)5.9604644775390625e-08f; }
};
template <> struct numeric_limits<bfloat> : floating_limits<bfloat, 8, -125, 128> {
  static constexpr bfloat min() { return bfloat::from_bits(0x0080); }
  static constexpr bfloat max() { return bfloat::from_bits(0x7f7f); }
  static constexpr bfloat lowest() { return bfloat::from_bits(0xff7f); }
  static constexpr bfloat epsilon() { return bfloat::from_bits(0x3c00); }
  static constexpr bfloat denorm_min() { return bfloat::from_bits(0x0001); }
};

}  // namespace metal
