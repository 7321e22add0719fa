// What the vocabulary's pages 9_double*.metal define of doubles, by the processor's own and by libm.
#pragma once
#include "double_functions.h"
#include "math.h"

namespace metal {
namespace lanes {

// function(x, y ...) of each lane.
template <class Function, class... Rest> LANES_INLINE f64 each(Function function, f64 x, Rest... rest) {
  Array<double> values = bit_cast<Array<double>>(x.v);
#pragma clang loop unroll(disable)
  for (uint i = 0; i < count; ++i) values.element[i] = function(values.element[i], rest.v[i]...);
  return f64::of(bit_cast<Vector<double>>(values));
}

}  // namespace lanes

LANES_INLINE double as_float64(ulong bits) { return lanes::bit_cast<double>(bits); }
LANES_INLINE f64 as_float64(u64 bits) { return f64::of(lanes::bit_cast<lanes::Vector<double>>(bits.v)); }
LANES_INLINE ulong as_ulong(double x) { return lanes::bit_cast<ulong>(x); }
LANES_INLINE u64 as_ulong(f64 x) { return u64::of(lanes::bit_cast<lanes::Vector<ulong>>(x.v)); }

LANES_INLINE double choice(double if_false, double if_true, bool condition) { return condition ? if_true : if_false; }
LANES_INLINE f64 choice(f64 if_false, f64 if_true, b1 condition) { return select(if_false, if_true, condition); }

// -------------------------------------------------------------------------------------------------- uniform arithmetic
// More exact than the templates of uniform.h, which compute in float.
LANES_INLINE double fabs(double x) { return __builtin_fabs(x); }
LANES_INLINE double floor(double x) { return __builtin_floor(x); }
LANES_INLINE double ceil(double x) { return __builtin_ceil(x); }
LANES_INLINE double trunc(double x) { return __builtin_trunc(x); }
LANES_INLINE double round(double x) { return __builtin_round(x); }
LANES_INLINE double rint(double x) { return __builtin_rint(x); }
LANES_INLINE double fmin(double x, double y) { return __builtin_fmin(x, y); }
LANES_INLINE double fmax(double x, double y) { return __builtin_fmax(x, y); }
LANES_INLINE double minimum(double x, double y) { return x != x ? x : y != y ? y : x < y ? x : y; }
LANES_INLINE double maximum(double x, double y) { return x != x ? x : y != y ? y : x > y ? x : y; }
LANES_INLINE double fmod(double x, double y) { return __builtin_fmod(x, y); }
LANES_INLINE double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }

// ----------------------------------------------------------------------------------------------------------- functions
LANES_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
LANES_INLINE f64 sqrt(f64 x) { return f64::of(__builtin_elementwise_sqrt(x.v)); }

#define LANES_DOUBLE1(name, value)                                               \
  LANES_INLINE double name(double x) { return value; }                           \
  LANES_INLINE f64 name(f64 lanes_of_x) {                                        \
    return lanes::each([](double x) LANES_LAMBDA { return value; }, lanes_of_x); \
  }
#define LANES_DOUBLE2(name, value)                                                                     \
  LANES_INLINE double name(double x, double y) { return value; }                                       \
  LANES_INLINE f64 name(f64 lanes_of_x, f64 lanes_of_y) {                                              \
    return lanes::each([](double x, double y) LANES_LAMBDA { return value; }, lanes_of_x, lanes_of_y); \
  }
#define LANES_DOUBLE3(name, value)                                                                          \
  LANES_INLINE double name(double x, double y, double z) { return value; }                                  \
  LANES_INLINE f64 name(f64 a, f64 b, f64 c) {                                                              \
    return lanes::each([](double x, double y, double z) LANES_LAMBDA { return value; }, a, b, c);           \
  }
#define LANES_DOUBLE4(name, value)                                                                          \
  LANES_INLINE double name(double x, double y, double z, double w) { return value; }                        \
  LANES_INLINE f64 name(f64 a, f64 b, f64 c, f64 d) {                                                       \
    return lanes::each([](double x, double y, double z, double w) LANES_LAMBDA { return value; }, a, b, c, d); \
  }
LANES_DOUBLE1(exp, __builtin_exp(x))
LANES_DOUBLE1(exp2, __builtin_exp2(x))
LANES_DOUBLE1(log, __builtin_log(x))
LANES_DOUBLE1(log2, __builtin_log2(x))
LANES_DOUBLE1(sin, __builtin_sin(x))
LANES_DOUBLE1(cos, __builtin_cos(x))
LANES_DOUBLE1(tan, __builtin_tan(x))
LANES_DOUBLE1(asin, __builtin_asin(x))
LANES_DOUBLE1(acos, __builtin_acos(x))
LANES_DOUBLE1(atan, __builtin_atan(x))
LANES_DOUBLE1(sinh, __builtin_sinh(x))
LANES_DOUBLE1(cosh, lanes::hyperbolic_cosine(x))
LANES_DOUBLE1(tanh, lanes::hyperbolic_tangent(x))
LANES_DOUBLE1(erf, __builtin_erf(x))
LANES_DOUBLE1(acosh, __builtin_acosh(x))
LANES_DOUBLE1(asinh, __builtin_asinh(x))
LANES_DOUBLE1(atanh, __builtin_atanh(x))
LANES_DOUBLE1(erfc, __builtin_erfc(x))
LANES_DOUBLE1(expm1, __builtin_expm1(x))
LANES_DOUBLE1(log10, lanes::decimal_logarithm(x))
LANES_DOUBLE1(log1p, __builtin_log1p(x))
LANES_DOUBLE1(tgamma, __builtin_tgamma(x))
LANES_DOUBLE1(lgamma, __builtin_lgamma(x))
LANES_DOUBLE1(logb, __builtin_logb(x))
LANES_DOUBLE1(exp10, __builtin_pow(10.0, x))
LANES_DOUBLE1(sinpi, lanes::sine_of_half_turns(x))
LANES_DOUBLE1(cospi, lanes::cosine_of_half_turns(x))
LANES_DOUBLE1(erfcx, lanes::scaled_erfc(x))
LANES_DOUBLE1(normcdf, lanes::normal_distribution(x))
LANES_DOUBLE1(rsqrt, lanes::inverse_root(x))
LANES_DOUBLE1(erfinv, lanes::inverse_of_erf(x))
LANES_DOUBLE1(erfcinv, lanes::inverse_of_any_erfc(x))
LANES_DOUBLE1(normcdfinv, lanes::inverse_of_normal_distribution(x))
LANES_DOUBLE1(cbrt, lanes::cube_root(x, false))
LANES_DOUBLE1(rcbrt, lanes::cube_root(x, true))
LANES_DOUBLE2(atan2, __builtin_atan2(x, y))
LANES_DOUBLE2(pow, __builtin_pow(x, y))
LANES_DOUBLE2(copysign, __builtin_copysign(x, y))
LANES_DOUBLE2(hypot, lanes::root_of_squares(x, y, 0, 0, false))
LANES_DOUBLE2(rhypot, lanes::root_of_squares(x, y, 0, 0, true))
LANES_DOUBLE2(fdim, __builtin_fdim(x, y))
LANES_DOUBLE2(nextafter, __builtin_nextafter(x, y))
LANES_DOUBLE2(ieee_remainder, lanes::ieee_remainder(x, y))
LANES_DOUBLE3(norm3d, lanes::root_of_squares(x, y, z, 0, false))
LANES_DOUBLE3(rnorm3d, lanes::root_of_squares(x, y, z, 0, true))
LANES_DOUBLE4(norm4d, lanes::root_of_squares(x, y, z, w, false))
LANES_DOUBLE4(rnorm4d, lanes::root_of_squares(x, y, z, w, true))
#undef LANES_DOUBLE1
#undef LANES_DOUBLE2
#undef LANES_DOUBLE3
#undef LANES_DOUBLE4

LANES_INLINE double ldexp(double x, int n) { return __builtin_ldexp(x, n); }
LANES_INLINE f64 ldexp(f64 x, i32 n) {
  return lanes::each([](double x, int n) LANES_LAMBDA { return __builtin_ldexp(x, n); }, x, n);
}
LANES_INLINE int ilogb(double x) { return lanes::exponent_of(x); }
LANES_INLINE i32 ilogb(f64 x) {
  i32 result;
  for (uint i = 0; i < lanes::count; ++i) result.v[i] = lanes::exponent_of(x.v[i]);
  return result;
}

}  // namespace metal
