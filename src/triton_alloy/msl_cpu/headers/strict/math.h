// Strict mode, part 2: floating-point, relational and geometric functions, with the overloads Apple has.
//
// Scalars are plain overloads, so that mixed arguments are as ambiguous as they are for Apple's compiler; vectors are
// templates over the width. `bfloat` has no maths at all: deleted templates name the function in the error, and leave
// the place free for an overload of the user's own.
#pragma once
#include "types.h"

namespace metal {
template <class T>
struct __msl_type {
  typedef T type;
};
template <class T, int N>
using __msl_same_vec = typename __msl_type<vec<T, N>>::type;  // not deduced: a scalar argument is spread
template <int N>
using __msl_bools_of = typename __msl_type<__msl_bools<N>>::type;

#define __MSL_F1(R, name, T) \
  R name(T); \
  template <int N> \
  vec<R, N> name(vec<T, N>);
#define __MSL_F2(name, T) \
  T name(T, T); \
  template <int N> \
  vec<T, N> name(vec<T, N>, __msl_same_vec<T, N>);
#define __MSL_F3(name, T) \
  T name(T, T, T); \
  template <int N> \
  vec<T, N> name(vec<T, N>, __msl_same_vec<T, N>, __msl_same_vec<T, N>);
#define __MSL_FB(name, T) \
  bool name(T); \
  template <int N> \
  __msl_bools_of<N> name(vec<T, N>);
#define __MSL_OUT(name, T, O) \
  T name(T, thread O &); \
  template <int N> \
  vec<T, N> name(vec<T, N>, thread vec<O, N> &);

#define __MSL_UNARY(F) \
  F(acos) F(acosh) F(asin) F(asinh) F(atan) F(atanh) F(ceil) F(cos) F(cospi) F(exp) F(exp10) F(exp2) F(fabs) F(abs) \
  F(floor) F(fract) F(log) F(log10) F(log2) F(rint) F(round) F(rsqrt) F(saturate) F(sign) F(sin) F(sinpi) F(sqrt) \
  F(tan) F(tanpi) F(trunc) F(cosh) F(sinh) F(tanh)
#define __MSL_BINARY(F) \
  F(atan2) F(copysign) F(divide) F(fdim) F(fmax) F(fmin) F(fmod) F(max) F(min) F(pow) F(powr) F(step)
#define __MSL_TERNARY(F) \
  F(clamp) F(fma) F(fmax3) F(fmedian3) F(fmin3) F(max3) F(median3) F(min3) F(mix) F(smoothstep)

#define __MSL_U_FLOAT(name) __MSL_F1(float, name, float)
#define __MSL_U_HALF(name) __MSL_F1(half, name, half)
#define __MSL_U_NONE(name) \
  template <class T> \
  __msl_only<T, bfloat> name(T) = delete;
#define __MSL_B_FLOAT(name) __MSL_F2(name, float)
#define __MSL_B_HALF(name) __MSL_F2(name, half)
#define __MSL_B_NONE(name) \
  template <class T> \
  __msl_only<T, bfloat> name(T, T) = delete;
#define __MSL_T_FLOAT(name) __MSL_F3(name, float)
#define __MSL_T_HALF(name) __MSL_F3(name, half)
#define __MSL_T_NONE(name) \
  template <class T> \
  __msl_only<T, bfloat> name(T, T, T) = delete;

#define __MSL_FLOAT_MATHS \
  __MSL_UNARY(__MSL_U_FLOAT) \
  __MSL_BINARY(__MSL_B_FLOAT) __MSL_TERNARY(__MSL_T_FLOAT) \
  __MSL_OUT(sincos, float, float) __MSL_OUT(modf, float, float) __MSL_OUT(frexp, float, int) \
  float ldexp(float, int); \
  template <int N> \
  vec<float, N> ldexp(vec<float, N>, vec<int, N>);

__MSL_FLOAT_MATHS
__MSL_UNARY(__MSL_U_HALF)
__MSL_BINARY(__MSL_B_HALF)
__MSL_TERNARY(__MSL_T_HALF)
__MSL_OUT(sincos, half, half)
__MSL_OUT(modf, half, half)
__MSL_OUT(frexp, half, int)
half ldexp(half, int);
__MSL_UNARY(__MSL_U_NONE)
__MSL_BINARY(__MSL_B_NONE)
__MSL_TERNARY(__MSL_T_NONE)
__MSL_F1(int, ilogb, float)
__MSL_F1(int, ilogb, half)
__MSL_F2(nextafter, float)
__MSL_F2(nextafter, half)

// `precise::` and `fast::` exist for float only; a half argument widens.
namespace precise {
__MSL_FLOAT_MATHS
__MSL_UNARY(__MSL_U_NONE)
__MSL_BINARY(__MSL_B_NONE)
__MSL_TERNARY(__MSL_T_NONE)
}  // namespace precise
namespace fast {
__MSL_FLOAT_MATHS
__MSL_UNARY(__MSL_U_NONE)
__MSL_BINARY(__MSL_B_NONE)
__MSL_TERNARY(__MSL_T_NONE)
}  // namespace fast

// ---- relational
#define __MSL_CLASSIFY(name) \
  __MSL_FB(name, float) \
  __MSL_FB(name, half) \
  __MSL_U_NONE(name)
__MSL_CLASSIFY(isfinite)
__MSL_CLASSIFY(isinf)
__MSL_CLASSIFY(isnan)
__MSL_CLASSIFY(isnormal)
__MSL_CLASSIFY(signbit)
#define __MSL_ORDER(name) \
  bool name(float, float); \
  bool name(half, half); \
  __MSL_B_NONE(name) \
  template <int N> \
  __msl_bools_of<N> name(vec<float, N>, vec<float, N>); \
  template <int N> \
  __msl_bools_of<N> name(vec<half, N>, vec<half, N>);
__MSL_ORDER(isordered)
__MSL_ORDER(isunordered)
bool all(bool2);
bool all(bool3);
bool all(bool4);
bool any(bool2);
bool any(bool3);
bool any(bool4);
#define __MSL_SELECT(T) T select(T, T, bool);
__MSL_SELECT(char)
__MSL_SELECT(uchar)
__MSL_SELECT(short)
__MSL_SELECT(ushort)
__MSL_SELECT(int)
__MSL_SELECT(uint)
__MSL_SELECT(long)
__MSL_SELECT(ulong)
__MSL_SELECT(half)
__MSL_SELECT(bfloat)
__MSL_SELECT(float)
__MSL_SELECT(bool)
template <class T, int N>
vec<T, N> select(vec<T, N>, __msl_same_vec<T, N>, __msl_bools_of<N>);

// ---- geometric
#define __MSL_GEOMETRIC(T) \
  template <int N> \
  T dot(vec<T, N>, vec<T, N>); \
  template <int N> \
  T distance(vec<T, N>, vec<T, N>); \
  template <int N> \
  T distance_squared(vec<T, N>, vec<T, N>); \
  template <int N> \
  T length(vec<T, N>); \
  template <int N> \
  T length_squared(vec<T, N>); \
  template <int N> \
  vec<T, N> normalize(vec<T, N>); \
  template <int N> \
  vec<T, N> reflect(vec<T, N>, vec<T, N>); \
  template <int N> \
  vec<T, N> refract(vec<T, N>, vec<T, N>, T); \
  template <int N> \
  vec<T, N> faceforward(vec<T, N>, vec<T, N>, vec<T, N>); \
  template <int N> \
  vec<T, N> mix(vec<T, N>, vec<T, N>, T); \
  template <int N> \
  vec<T, N> step(T, vec<T, N>); \
  template <int N> \
  vec<T, N> smoothstep(T, T, vec<T, N>); \
  vec<T, 3> cross(vec<T, 3>, vec<T, 3>);
__MSL_GEOMETRIC(float)
__MSL_GEOMETRIC(half)

// ---- integer
#define __MSL_INTEGER_1(F, T) F(abs, T) F(clz, T) F(ctz, T) F(popcount, T) F(reverse_bits, T)
#define __MSL_INTEGER_2(F, T) \
  F(absdiff, T) F(addsat, T) F(hadd, T) F(max, T) F(min, T) F(mulhi, T) F(rhadd, T) F(rotate, T) F(subsat, T)
#define __MSL_INTEGER_3(F, T) F(clamp, T) F(madhi, T) F(madsat, T) F(max3, T) F(median3, T) F(min3, T)
#define __MSL_I1(name, T) __MSL_F1(T, name, T)
#define __MSL_I2(name, T) __MSL_F2(name, T)
#define __MSL_I3(name, T) __MSL_F3(name, T)
#define __MSL_INTEGER(T) \
  __MSL_INTEGER_1(__MSL_I1, T) \
  __MSL_INTEGER_2(__MSL_I2, T) \
  __MSL_INTEGER_3(__MSL_I3, T) \
  T extract_bits(T, uint, uint); \
  T insert_bits(T, T, uint, uint); \
  template <int N> \
  vec<T, N> extract_bits(vec<T, N>, uint, uint); \
  template <int N> \
  vec<T, N> insert_bits(vec<T, N>, vec<T, N>, uint, uint);
__MSL_INTEGER(char)
__MSL_INTEGER(uchar)
__MSL_INTEGER(short)
__MSL_INTEGER(ushort)
__MSL_INTEGER(int)
__MSL_INTEGER(uint)
__MSL_INTEGER(long)
__MSL_INTEGER(ulong)
__MSL_I2(mul24, int)
__MSL_I2(mul24, uint)
__MSL_I3(mad24, int)
__MSL_I3(mad24, uint)

// ---- packing
#define __MSL_PACK4(T, name) \
  uint pack_##T##_to_##name(vec<T, 4>); \
  vec<T, 4> unpack_##name##_to_##T(uint);
#define __MSL_PACK2(T, name) \
  uint pack_##T##_to_##name(vec<T, 2>); \
  vec<T, 2> unpack_##name##_to_##T(uint);
#define __MSL_PACK(T) \
  __MSL_PACK4(T, unorm4x8) __MSL_PACK4(T, snorm4x8) __MSL_PACK4(T, srgb_unorm4x8) __MSL_PACK4(T, unorm10a2) \
  __MSL_PACK2(T, unorm2x16) __MSL_PACK2(T, snorm2x16) \
  vec<T, 4> unpack_unorm4x8_srgb_to_##T(uint);
__MSL_PACK(float)
__MSL_PACK(half)
}  // namespace metal
