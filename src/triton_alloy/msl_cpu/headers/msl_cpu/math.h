// <metal_math>: floating-point functions; half and bfloat compute in float and round once.
#pragma once
#include "common.h"
#include "fast_errors.h"

namespace msl_cpu {

MSL_INLINE float scale_by_power_of_two(float value, int exponent) {
  // In two steps, since 2**exponent alone may lie outside the range of float.
  int first = exponent >> 1, second = exponent - first;
  return value * __builtin_bit_cast(float, (uint)(first + 127) << 23) *
         __builtin_bit_cast(float, (uint)(second + 127) << 23);
}

// e**f for |f| <= ln(2) / 2 (Cephes expf).
MSL_INLINE float exp_reduced(float f) {
  float p = __builtin_fmaf(1.9875691500e-4f, f, 1.3981999507e-3f);
  p = __builtin_fmaf(p, f, 8.3334519073e-3f);
  p = __builtin_fmaf(p, f, 4.1665795894e-2f);
  p = __builtin_fmaf(p, f, 1.6666665459e-1f);
  p = __builtin_fmaf(p, f, 5.0000001201e-1f);
  return __builtin_fmaf(p, f * f, f) + 1.0f;
}

constexpr float round_bias = 12582912.0f;  // 1.5 * 2**23: adding it rounds to an integer, kept in the low bits

MSL_INLINE int rounded_integer(float biased) { return (int)__builtin_bit_cast(uint, biased) - 0x4b400000; }

// Within 1 ulp, without branches: loops over it become vector code.
MSL_INLINE float exp(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  float biased = __builtin_fmaf(x, 1.44269504f, round_bias), n = biased - round_bias;
  float f = __builtin_fmaf(n, 2.12194440e-4f, __builtin_fmaf(n, -0.693359375f, x));
  return scale_by_power_of_two(exp_reduced(f), rounded_integer(biased));
}

MSL_INLINE float exp2(float x) {
  x = x < -151.0f ? -151.0f : x;
  x = x > 128.0f ? 128.0f : x;
  float biased = x + round_bias;
  return scale_by_power_of_two(exp_reduced((x - (biased - round_bias)) * 0.69314718f), rounded_integer(biased));
}

// Exact reduction to a quarter turn or less from where the result is small: there the product with pi does no harm.
MSL_INLINE float sinpi(float x) {
  float r = x - 2.0f * __builtin_roundf(x * 0.5f);  // in -1 .. 1
  r = __builtin_fabsf(r) > 0.5f ? __builtin_copysignf(1.0f, r) - r : r;
  return __builtin_sinf(r * M_PI_F);
}
MSL_INLINE float cospi(float x) {
  float r = __builtin_fabsf(x - 2.0f * __builtin_roundf(x * 0.5f));
  return r < 0.25f ? __builtin_cosf(r * M_PI_F) : sinpi(0.5f - r);
}

}  // namespace msl_cpu

namespace metal {

// Of bfloat there are templates, which leave room for overloads of the user's own: Apple's library has none.
template <class T> using if_bfloat = enable_if_t<is_same_v<T, bfloat>, T>;

#define MSL_MATH1(name, expression)                                                                                   \
  MSL_INLINE float name(float x) { return expression; }                                                               \
  MSL_INLINE half name(half value) {                                                                                  \
    float x = value;                                                                                                  \
    return (half)(expression);                                                                                        \
  }                                                                                                                   \
  template <class T> MSL_INLINE if_bfloat<T> name(T value) {                                                          \
    float x = value;                                                                                                  \
    return bfloat(expression);                                                                                        \
  }                                                                                                                   \
  template <class T, class = if_integral<T>> MSL_INLINE float name(T value) { return name((float)value); }            \
  template <class T, int n> MSL_INLINE enable_if_t<is_floating_point_v<T>, vec<T, n>> name(vec<T, n> a) {             \
    return map<T>(a, [](T p) { return name(p); });                                                                    \
  }
// A vector function calls the scalar one by component, never the other vector one: the compiler would find that of
// the enclosing namespace too.
#define MSL_MATH2(name, expression)                                                                                   \
  MSL_INLINE float name(float x, float y) { return expression; }                                                      \
  MSL_INLINE half name(half a, half b) {                                                                              \
    float x = a, y = b;                                                                                               \
    return (half)(expression);                                                                                        \
  }                                                                                                                   \
  template <class T> MSL_INLINE if_bfloat<T> name(T a, T b) {                                                         \
    float x = a, y = b;                                                                                               \
    return bfloat(expression);                                                                                        \
  }                                                                                                                   \
  template <class A, class B, class = enable_if_t<is_arithmetic_v<A> && is_arithmetic_v<B> && !is_same_v<A, B>>>      \
  MSL_INLINE float name(A a, B b) {                                                                                   \
    return name((float)a, (float)b);                                                                                  \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE vec<T, n> name(vec<T, n> a, vec<T, n> b) {                                     \
    return map<T>(a, b, [](T p, T q) { return name(p, q); });                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE vec<T, n> name(vec<T, n> a, type_identity_t<T> b) {                            \
    return map<T>(a, vec<T, n>(b), [](T p, T q) { return name(p, q); });                                              \
  }
#define MSL_MATH3(name, expression)                                                                                   \
  MSL_INLINE float name(float x, float y, float z) { return expression; }                                             \
  MSL_INLINE half name(half a, half b, half c) {                                                                      \
    float x = a, y = b, z = c;                                                                                        \
    return (half)(expression);                                                                                        \
  }                                                                                                                   \
  template <class T> MSL_INLINE if_bfloat<T> name(T a, T b, T c) {                                                    \
    float x = a, y = b, z = c;                                                                                        \
    return bfloat(expression);                                                                                        \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE vec<T, n> name(vec<T, n> a, vec<T, n> b, vec<T, n> c) {                        \
    return map<T>(a, b, c, [](T p, T q, T r) { return name(p, q, r); });                                              \
  }

// What exists plain, in fast:: and in precise::. On the CPU the three are one, unless the fast ones are to err.
#define MSL_PRECISE                                                                                                   \
  MSL_MATH1(sin, __builtin_sinf(x))                                                                                   \
  MSL_MATH1(cos, __builtin_cosf(x))                                                                                   \
  MSL_MATH1(exp, msl_cpu::exp(x))                                                                                     \
  MSL_MATH1(exp2, msl_cpu::exp2(x))                                                                                   \
  MSL_MATH1(log, __builtin_logf(x))                                                                                   \
  MSL_MATH1(log2, __builtin_log2f(x))                                                                                 \
  MSL_MATH1(rsqrt, 1.0f / __builtin_sqrtf(x))                                                                         \
  MSL_MATH2(divide, x / y)
#define MSL_FAST_ONES                                                                                                 \
  MSL_MATH1(sin, msl_cpu::fast_wave(__builtin_sinf(x), x))                                                            \
  MSL_MATH1(cos, msl_cpu::fast_wave(__builtin_cosf(x), x))                                                            \
  MSL_MATH1(exp, msl_cpu::fast_power(msl_cpu::exp(x), x))                                                             \
  MSL_MATH1(exp2, msl_cpu::fast_power(msl_cpu::exp2(x), x))                                                           \
  MSL_MATH1(log, msl_cpu::fast_logarithm(__builtin_logf(x), x, 0x1p-21f, 2))                                          \
  MSL_MATH1(log2, msl_cpu::fast_logarithm(__builtin_log2f(x), x, 0x1p-22f, 1))                                        \
  MSL_MATH1(rsqrt, msl_cpu::fast_inverse_root(x))                                                                     \
  MSL_MATH2(divide, msl_cpu::fast_quotient(x, y))
#define MSL_ALL_PRECISIONS                                                                                            \
  MSL_MATH1(tan, __builtin_tanf(x))                                                                                   \
  MSL_MATH1(asin, __builtin_asinf(x))                                                                                 \
  MSL_MATH1(acos, __builtin_acosf(x))                                                                                 \
  MSL_MATH1(atan, __builtin_atanf(x))                                                                                 \
  MSL_MATH1(sinh, __builtin_sinhf(x))                                                                                 \
  MSL_MATH1(cosh, __builtin_coshf(x))                                                                                 \
  MSL_MATH1(tanh, __builtin_tanhf(x))                                                                                 \
  MSL_MATH1(asinh, __builtin_asinhf(x))                                                                               \
  MSL_MATH1(acosh, __builtin_acoshf(x))                                                                               \
  MSL_MATH1(atanh, __builtin_atanhf(x))                                                                               \
  MSL_MATH1(sinpi, msl_cpu::sinpi(x))                                                                                 \
  MSL_MATH1(cospi, msl_cpu::cospi(x))                                                                                 \
  MSL_MATH1(tanpi, msl_cpu::sinpi(x) / msl_cpu::cospi(x))                                                             \
  MSL_MATH1(exp10, __builtin_powf(10.0f, x))                                                                          \
  MSL_MATH1(log10, __builtin_log10f(x))                                                                               \
  MSL_MATH1(sqrt, __builtin_sqrtf(x))                                                                                 \
  MSL_MATH1(floor, __builtin_floorf(x))                                                                               \
  MSL_MATH1(ceil, __builtin_ceilf(x))                                                                                 \
  MSL_MATH1(trunc, __builtin_truncf(x))                                                                               \
  MSL_MATH1(rint, __builtin_rintf(x))                                                                                 \
  MSL_MATH1(round, __builtin_roundf(x))                                                                               \
  MSL_MATH1(fabs, __builtin_fabsf(x))                                                                                 \
  MSL_MATH1(fract, __builtin_fminf(x - __builtin_floorf(x), 0x1.fffffep-1f))                                          \
  MSL_MATH1(saturate, __builtin_fminf(__builtin_fmaxf(x, 0.0f), 1.0f))                                                \
  MSL_MATH1(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == 0.0f ? x : 0.0f)                                          \
  MSL_MATH2(pow, __builtin_powf(x, y))                                                                                \
  MSL_MATH2(powr, __builtin_powf(x, y))                                                                               \
  MSL_MATH2(atan2, __builtin_atan2f(x, y))                                                                            \
  MSL_MATH2(fmod, __builtin_fmodf(x, y))                                                                              \
  MSL_MATH2(fmin, __builtin_fminf(x, y))                                                                              \
  MSL_MATH2(fmax, __builtin_fmaxf(x, y))                                                                              \
  MSL_MATH2(fdim, __builtin_fdimf(x, y))                                                                              \
  MSL_MATH2(copysign, __builtin_copysignf(x, y))                                                                      \
  MSL_MATH2(step, y < x ? 0.0f : 1.0f)                                                                                \
  MSL_MATH3(fma, __builtin_fmaf(x, y, z))                                                                             \
  MSL_MATH3(mix, x + (y - x) * z)                                                                                     \
  MSL_MATH3(fmin3, __builtin_fminf(x, __builtin_fminf(y, z)))                                                         \
  MSL_MATH3(fmax3, __builtin_fmaxf(x, __builtin_fmaxf(y, z)))                                                         \
  MSL_MATH3(fmedian3, median3(x, y, z))                                                                               \
  template <class T, int n> MSL_INLINE vec<T, n> mix(vec<T, n> a, vec<T, n> b, type_identity_t<T> t) {                \
    return map<T>(a, b, [=](T p, T q) { return mix(p, q, t); });                                                      \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE vec<T, n> step(type_identity_t<T> edge, vec<T, n> x) {                         \
    return map<T>(x, [=](T p) { return step(edge, p); });                                                             \
  }                                                                                                                   \
  template <class T, class = if_floating<T>> MSL_INLINE T sincos(T x, T &cosine) {                                    \
    cosine = cos(x);                                                                                                  \
    return sin(x);                                                                                                    \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE vec<T, n> sincos(vec<T, n> x, vec<T, n> &cosine) {                             \
    cosine = cos(x);                                                                                                  \
    return sin(x);                                                                                                    \
  }

MSL_PRECISE
MSL_ALL_PRECISIONS

namespace precise {
MSL_PRECISE
MSL_ALL_PRECISIONS
using metal::abs;
using metal::clamp;
using metal::max;
using metal::min;
}  // namespace precise

namespace fast {
MSL_FAST_ONES
MSL_ALL_PRECISIONS
using metal::abs;
using metal::clamp;
using metal::max;
using metal::min;
}  // namespace fast

#undef MSL_PRECISE
#undef MSL_FAST_ONES
#undef MSL_ALL_PRECISIONS

}  // namespace metal
