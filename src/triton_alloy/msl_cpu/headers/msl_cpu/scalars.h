// Scalar types of the language, their literals and constants.
#pragma once
#include "abi.h"

typedef __INT8_TYPE__ int8_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __INT16_TYPE__ int16_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __INT32_TYPE__ int32_t;
typedef __UINT32_TYPE__ uint32_t;
typedef long int64_t;  // MSL's long is 64 bits wide
typedef ulong uint64_t;
typedef ulong size_t;
typedef long ptrdiff_t;
typedef ulong uintptr_t;
typedef long intptr_t;

typedef _Float16 half;

// A class rather than the compiler's own type: exact rounding after each operation with every compiler, and
// conversions from and to half, which clang forbids for __bf16.
struct bfloat {
  ushort bits;

  bfloat() = default;
  constexpr bfloat(float value) : bits(round(__builtin_bit_cast(uint, value))) {}
  constexpr bfloat(half value) : bfloat((float)value) {}
  constexpr bfloat(double value) : bits(round(to_odd(value))) {}
  constexpr bfloat(bool value) : bfloat((float)value) {}
  constexpr bfloat(char value) : bfloat((float)value) {}
  constexpr bfloat(signed char value) : bfloat((float)value) {}
  constexpr bfloat(uchar value) : bfloat((float)value) {}
  constexpr bfloat(short value) : bfloat((float)value) {}
  constexpr bfloat(ushort value) : bfloat((float)value) {}
  constexpr bfloat(int value) : bfloat((float)value) {}
  constexpr bfloat(uint value) : bfloat((float)value) {}
  constexpr bfloat(long value) : bfloat((float)value) {}
  constexpr bfloat(ulong value) : bfloat((float)value) {}
  constexpr bfloat(long long value) : bfloat((float)value) {}
  constexpr bfloat(unsigned long long value) : bfloat((float)value) {}
  constexpr operator float() const { return __builtin_bit_cast(float, (uint)bits << 16); }

  // To nearest, ties to even; a NaN stays one and becomes quiet.
  static constexpr ushort round(uint f) {
    if ((f & 0x7fffffffu) > 0x7f800000u) return (ushort)(f >> 16 | 0x40u);
    return (ushort)((f + 0x7fffu + (f >> 16 & 1u)) >> 16);
  }
  // The bits of the float that is the double, else of the one of its neighbours whose last bit is 1, so that rounding
  // again is as if it were the first time.
  static constexpr uint to_odd(double value) {
    float nearest = (float)value;
    double size = value < 0 ? -value : value, back = nearest < 0 ? -(double)nearest : (double)nearest;
    return (__builtin_bit_cast(uint, nearest) - (uint)(back > size)) | (uint)(back != size);
  }
  static constexpr bfloat from_bits(ushort bits) {
    bfloat result(0.0f);
    result.bits = bits;
    return result;
  }
};

namespace msl_cpu {
// Result of an operation between a bfloat and a scalar: float wins over bfloat, bfloat over integers, as in MSL.
template <class T> struct WithBfloat {};
template <> struct WithBfloat<float> { using type = float; };
template <> struct WithBfloat<double> { using type = float; };
template <> struct WithBfloat<half> { using type = float; };
#define MSL_INTEGER(T) template <> struct WithBfloat<T> { using type = bfloat; };
MSL_INTEGER(bool)
MSL_INTEGER(char)
MSL_INTEGER(signed char)
MSL_INTEGER(uchar)
MSL_INTEGER(short)
MSL_INTEGER(ushort)
MSL_INTEGER(int)
MSL_INTEGER(uint)
MSL_INTEGER(long)
MSL_INTEGER(ulong)
#undef MSL_INTEGER
}  // namespace msl_cpu

#define MSL_OPERATOR(op)                                                                                              \
  MSL_INLINE constexpr bfloat operator op(bfloat a, bfloat b) { return bfloat((float)a op(float) b); }                \
  template <class T> MSL_INLINE constexpr typename msl_cpu::WithBfloat<T>::type operator op(bfloat a, T b) {          \
    return typename msl_cpu::WithBfloat<T>::type((float)a op(float) b);                                               \
  }                                                                                                                   \
  template <class T> MSL_INLINE constexpr typename msl_cpu::WithBfloat<T>::type operator op(T a, bfloat b) {          \
    return typename msl_cpu::WithBfloat<T>::type((float)a op(float) b);                                               \
  }                                                                                                                   \
  template <class T> MSL_INLINE constexpr bfloat &operator op##=(bfloat &a, T b) { return a = bfloat(a op b); }       \
  template <class T> MSL_INLINE constexpr auto operator op##=(T &a, bfloat b)->decltype(typename msl_cpu::WithBfloat< \
                                                                                        T>::type(),                   \
                                                                                        a) {                          \
    return a = (T)(a op(float) b);                                                                                    \
  }
MSL_OPERATOR(+)
MSL_OPERATOR(-)
MSL_OPERATOR(*)
MSL_OPERATOR(/)
#undef MSL_OPERATOR
MSL_INLINE constexpr bfloat operator-(bfloat a) { return bfloat::from_bits(a.bits ^ 0x8000); }
MSL_INLINE constexpr bfloat operator+(bfloat a) { return a; }
MSL_INLINE constexpr bfloat &operator++(bfloat &a) { return a = a + 1; }
MSL_INLINE constexpr bfloat &operator--(bfloat &a) { return a = a - 1; }

constexpr half operator""h(long double value) { return (half)value; }
constexpr half operator""h(unsigned long long value) { return (half)value; }
constexpr half operator""_H(long double value) { return (half)value; }
constexpr half operator""_H(unsigned long long value) { return (half)value; }
constexpr bfloat operator""_bf(long double value) { return bfloat((float)value); }
constexpr bfloat operator""_bf(unsigned long long value) { return bfloat((float)value); }
constexpr bfloat operator""_BF(long double value) { return bfloat((float)value); }
constexpr bfloat operator""_BF(unsigned long long value) { return bfloat((float)value); }

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VALF __builtin_inff()
#define MAXFLOAT __FLT_MAX__
#define FLT_MAX __FLT_MAX__
#define FLT_MIN __FLT_MIN__
#define FLT_EPSILON __FLT_EPSILON__
#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define FLT_MAX_EXP 128
#define FLT_MIN_EXP (-125)
#define HALF_MAX ((half)65504.0f)
#define HALF_MIN ((half)6.103515625e-05f)
#define HALF_EPSILON ((half)0.0009765625f)
#define HALF_DIG 2
#define HALF_MANT_DIG 11
#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define CHAR_MAX 127
#define CHAR_MIN (-128)
#define UCHAR_MAX 255
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX 0xffffffffu
#define LONG_MAX 0x7fffffffffffffffl
#define LONG_MIN (-LONG_MAX - 1)
#define ULONG_MAX 0xfffffffffffffffful
#define M_E_F 2.71828182845904523536f
#define M_LOG2E_F 1.44269504088896340736f
#define M_LOG10E_F 0.43429448190325182765f
#define M_LN2_F 0.69314718055994530942f
#define M_LN10_F 2.30258509299404568402f
#define M_PI_F 3.14159265358979323846f
#define M_PI_2_F 1.57079632679489661923f
#define M_PI_4_F 0.78539816339744830962f
#define M_1_PI_F 0.31830988618379067154f
#define M_2_PI_F 0.63661977236758134308f
#define M_2_SQRTPI_F 1.12837916709551257390f
#define M_SQRT2_F 1.41421356237309504880f
#define M_SQRT1_2_F 0.70710678118654752440f
#define M_E_H ((half)M_E_F)
#define M_LOG2E_H ((half)M_LOG2E_F)
#define M_LN2_H ((half)M_LN2_F)
#define M_PI_H ((half)M_PI_F)
#define M_PI_2_H ((half)M_PI_2_F)
#define M_1_PI_H ((half)M_1_PI_F)
#define M_2_SQRTPI_H ((half)M_2_SQRTPI_F)
#define M_SQRT2_H ((half)M_SQRT2_F)
#define M_SQRT1_2_H ((half)M_SQRT1_2_F)

#ifdef MSL_SANITIZE  // calls are told
#define METAL_FUNC inline
#else
#define METAL_FUNC inline __attribute__((always_inline))
#endif
#define METAL_CONST __attribute__((const))
#define METAL_PURE __attribute__((pure))
