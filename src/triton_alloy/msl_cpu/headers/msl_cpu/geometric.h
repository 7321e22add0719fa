// <metal_geometric> and the functions of <metal_math> with mixed or several results, for scalars and vectors.
#pragma once
#include "math.h"

namespace metal {

template <class T, class = if_floating<T>> MSL_INLINE T smoothstep(T low, T high, T x) {
  T t = saturate((x - low) / (high - low));
  return T(t * t * (T(3) - T(2) * t));
}
template <class T, int n> MSL_INLINE vec<T, n> smoothstep(vec<T, n> low, vec<T, n> high, vec<T, n> x) {
  return map<T>(low, high, x, [](T p, T q, T r) { return smoothstep(p, q, r); });
}
template <class T, int n>
MSL_INLINE vec<T, n> smoothstep(type_identity_t<T> low, type_identity_t<T> high, vec<T, n> x) {
  return smoothstep(vec<T, n>(low), vec<T, n>(high), x);
}

template <class T, class = if_floating<T>> MSL_INLINE T ldexp(T x, int exponent) {
  return (T)__builtin_ldexpf((float)x, exponent);
}
template <class T, int n> MSL_INLINE vec<T, n> ldexp(vec<T, n> x, vec<int, n> exponent) {
  return map<T>(x, exponent, [](T p, int e) { return ldexp(p, e); });
}
template <class T, class = if_floating<T>> MSL_INLINE T frexp(T x, int &exponent) {
  return (T)__builtin_frexpf((float)x, &exponent);
}
template <class T, int n> MSL_INLINE vec<T, n> frexp(vec<T, n> x, vec<int, n> &exponent) {
  vec<T, n> result;
  for (int i = 0; i < n; ++i) result[i] = frexp(x[i], exponent[i]);
  return result;
}
template <class T, class = if_floating<T>> MSL_INLINE int ilogb(T x) { return __builtin_ilogbf((float)x); }
template <class T, int n> MSL_INLINE vec<int, n> ilogb(vec<T, n> x) {
  return map<int>(x, [](T p) { return ilogb(p); });
}
template <class T, class = if_floating<T>> MSL_INLINE T modf(T x, T &integral) {
  integral = trunc(x);
  return isinf(x) ? copysign(T(0), x) : copysign(T(x - integral), x);
}
template <class T, int n> MSL_INLINE vec<T, n> modf(vec<T, n> x, vec<T, n> &integral) {
  vec<T, n> result;
  for (int i = 0; i < n; ++i) result[i] = modf(x[i], integral[i]);
  return result;
}
// To the next value of the type: nextafterf would step through floats.
template <class T> MSL_INLINE T next_of_16_bits(T x, T towards) {
  if (isnan(x) || isnan(towards)) return T(__builtin_nanf(""));
  if (x == towards) return towards;
  ushort bits = __builtin_bit_cast(ushort, x);
  if (!(bits & 0x7fff)) return __builtin_bit_cast(T, ushort(signbit(towards) ? 0x8001 : 1));
  return __builtin_bit_cast(T, ushort((x < towards) == !signbit(x) ? bits + 1 : bits - 1));
}
MSL_INLINE half nextafter(half x, half towards) { return next_of_16_bits(x, towards); }
MSL_INLINE bfloat nextafter(bfloat x, bfloat towards) { return next_of_16_bits(x, towards); }
MSL_INLINE float nextafter(float x, float towards) { return __builtin_nextafterf(x, towards); }
template <class T, int n> MSL_INLINE vec<T, n> nextafter(vec<T, n> x, vec<T, n> towards) {
  return map<T>(x, towards, [](T p, T q) { return nextafter(p, q); });
}

template <class T, int n> MSL_INLINE T dot(vec<T, n> a, vec<T, n> b) {
  T sum = a.x * b.x;
  for (int i = 1; i < n; ++i) sum += a[i] * b[i];
  return sum;
}
template <class T> MSL_INLINE vec<T, 3> cross(vec<T, 3> a, vec<T, 3> b) {
  return vec<T, 3>(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
template <class T, int n> MSL_INLINE T length_squared(vec<T, n> a) { return dot(a, a); }
template <class T, int n> MSL_INLINE T length(vec<T, n> a) { return sqrt(dot(a, a)); }
template <class T, int n> MSL_INLINE T distance(vec<T, n> a, vec<T, n> b) { return length(a - b); }
template <class T, int n> MSL_INLINE T distance_squared(vec<T, n> a, vec<T, n> b) { return length_squared(a - b); }
template <class T, int n> MSL_INLINE vec<T, n> normalize(vec<T, n> a) { return a * rsqrt(dot(a, a)); }
template <class T, int n> MSL_INLINE vec<T, n> reflect(vec<T, n> incident, vec<T, n> normal) {
  return incident - T(2) * dot(normal, incident) * normal;
}
template <class T, int n>
MSL_INLINE vec<T, n> refract(vec<T, n> incident, vec<T, n> normal, type_identity_t<T> ratio) {
  T cosine = dot(normal, incident), k = T(1) - ratio * ratio * (T(1) - cosine * cosine);
  return k < T(0) ? vec<T, n>(T(0)) : ratio * incident - T(ratio * cosine + sqrt(k)) * normal;
}
template <class T, int n>
MSL_INLINE vec<T, n> faceforward(vec<T, n> normal, vec<T, n> incident, vec<T, n> reference) {
  return dot(reference, incident) < T(0) ? normal : -normal;
}

#define MSL_SAME_IN_ALL_PRECISIONS                                                                                    \
  using metal::cross;                                                                                                 \
  using metal::distance;                                                                                              \
  using metal::distance_squared;                                                                                      \
  using metal::dot;                                                                                                   \
  using metal::faceforward;                                                                                           \
  using metal::frexp;                                                                                                 \
  using metal::ilogb;                                                                                                 \
  using metal::ldexp;                                                                                                 \
  using metal::length;                                                                                                \
  using metal::length_squared;                                                                                        \
  using metal::max3;                                                                                                  \
  using metal::median3;                                                                                               \
  using metal::min3;                                                                                                  \
  using metal::modf;                                                                                                  \
  using metal::nextafter;                                                                                             \
  using metal::normalize;                                                                                             \
  using metal::reflect;                                                                                               \
  using metal::refract;                                                                                               \
  using metal::smoothstep;
namespace precise {
MSL_SAME_IN_ALL_PRECISIONS
}
namespace fast {
MSL_SAME_IN_ALL_PRECISIONS
}
#undef MSL_SAME_IN_ALL_PRECISIONS

}  // namespace metal
