// Functions of all scalar types and their vectors: <metal_common>, <metal_relational>, parts of <metal_integer>.
#pragma once
#include "limits.h"

namespace msl_cpu {

// Floats: a NaN is dropped. Only y is compared with itself, because x often carries over a loop.
template <class T> MSL_INLINE constexpr T smaller(T x, T y) {
#ifdef __clang__
  if constexpr (metal::is_same_v<T, float>) return __builtin_fminf(y, x);
#endif
  if constexpr (metal::is_floating_point_v<T>) return y != y ? x : (x < y ? x : y);
  else return y < x ? y : x;
}
template <class T> MSL_INLINE constexpr T larger(T x, T y) {
#ifdef __clang__
  if constexpr (metal::is_same_v<T, float>) return __builtin_fmaxf(y, x);
#endif
  if constexpr (metal::is_floating_point_v<T>) return y != y ? x : (x > y ? x : y);
  else return x < y ? y : x;
}

}  // namespace msl_cpu

namespace metal {

template <class T> using if_arithmetic = enable_if_t<is_arithmetic_v<T>>;
template <class T> using if_integral = enable_if_t<is_integral_v<T>>;
template <class T> using if_floating = enable_if_t<is_floating_point_v<T>>;

// The type that two scalars are compared in.
template <class A, class B, bool = is_same_v<A, B>> struct common_type { using type = A; };
template <class A, class B> struct common_type<A, B, false> { using type = decltype(declval<A>() + declval<B>()); };
template <class A, class B> using common_type_t = typename common_type<A, B>::type;

// min and max of floats are fmin and fmax.
template <class A, class B, class = if_arithmetic<A>, class = if_arithmetic<B>>
MSL_INLINE constexpr common_type_t<A, B> min(A a, B b) {
  return msl_cpu::smaller((common_type_t<A, B>)a, (common_type_t<A, B>)b);
}
template <class A, class B, class = if_arithmetic<A>, class = if_arithmetic<B>>
MSL_INLINE constexpr common_type_t<A, B> max(A a, B b) {
  return msl_cpu::larger((common_type_t<A, B>)a, (common_type_t<A, B>)b);
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> min(vec<T, n> a, vec<T, n> b) {
  return map<T>(a, b, [](T p, T q) constexpr { return min(p, q); });
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> min(vec<T, n> a, type_identity_t<T> b) {
  return min(a, vec<T, n>(b));
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> max(vec<T, n> a, vec<T, n> b) {
  return map<T>(a, b, [](T p, T q) constexpr { return max(p, q); });
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> max(vec<T, n> a, type_identity_t<T> b) {
  return max(a, vec<T, n>(b));
}
template <class T> MSL_INLINE constexpr T min3(T a, T b, T c) { return min(a, min(b, c)); }
template <class T> MSL_INLINE constexpr T max3(T a, T b, T c) { return max(a, max(b, c)); }
template <class T> MSL_INLINE constexpr T median3(T a, T b, T c) { return max(min(a, b), min(max(a, b), c)); }

template <class T, class L, class H, class = if_arithmetic<T>, class = if_arithmetic<L>>
MSL_INLINE constexpr auto clamp(T x, L low, H high) {
  return min(max(x, low), high);
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> clamp(vec<T, n> x, vec<T, n> low, vec<T, n> high) {
  return min(max(x, low), high);
}
template <class T, int n>
MSL_INLINE constexpr vec<T, n> clamp(vec<T, n> x, type_identity_t<T> low, type_identity_t<T> high) {
  return min(max(x, vec<T, n>(low)), vec<T, n>(high));
}

template <class T, class = if_arithmetic<T>> MSL_INLINE constexpr T abs(T x) {
  if constexpr (is_same_v<T, bfloat>) return bfloat::from_bits(x.bits & 0x7fff);
  else if constexpr (is_floating_point_v<T>) return (T)__builtin_fabsf((float)x);
  else if constexpr (is_signed_v<T>) return x < 0 ? T(-make_unsigned_t<T>(x)) : x;
  else return x;
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> abs(vec<T, n> a) {
  return map<T>(a, [](T p) constexpr { return abs(p); });
}

template <class T, class = if_arithmetic<T>> MSL_INLINE constexpr T select(T if_false, T if_true, bool condition) {
  return condition ? if_true : if_false;
}
template <class T, int n>
MSL_INLINE constexpr vec<T, n> select(vec<T, n> if_false, vec<T, n> if_true, vec<bool, n> condition) {
  return map<T>(if_false, if_true, condition, [](T p, T q, bool c) constexpr { return c ? q : p; });
}
template <class T, int n>
MSL_INLINE constexpr vec<T, n> select(vec<T, n> if_false, vec<T, n> if_true, bool condition) {
  return condition ? if_true : if_false;
}

MSL_INLINE constexpr bool any(bool v) { return v; }
MSL_INLINE constexpr bool all(bool v) { return v; }
template <int n> MSL_INLINE constexpr bool any(vec<bool, n> v) {
  bool result = false;
  for (int i = 0; i < n; ++i) result |= v[i];
  return result;
}
template <int n> MSL_INLINE constexpr bool all(vec<bool, n> v) {
  bool result = true;
  for (int i = 0; i < n; ++i) result &= v[i];
  return result;
}

#define MSL_CLASSIFY(name, expression)                                                                                \
  template <class T, class = if_floating<T>> MSL_INLINE constexpr bool name(T value) {                                \
    float x = (float)value;                                                                                           \
    return expression;                                                                                                \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<bool, n> name(vec<T, n> a) {                                     \
    return map<bool>(a, [](T p) constexpr { return name(p); });                                                       \
  }
MSL_CLASSIFY(isnan, x != x)
MSL_CLASSIFY(isinf, __builtin_fabsf(x) == __builtin_inff())
MSL_CLASSIFY(isfinite, __builtin_fabsf(x) < __builtin_inff())
MSL_CLASSIFY(signbit, __builtin_signbit(x) != 0)
#undef MSL_CLASSIFY
template <class T, class = if_floating<T>> MSL_INLINE constexpr bool isnormal(T x) {
  return isfinite(x) && __builtin_fabsf((float)x) >= (float)numeric_limits<T>::min();
}
template <class T, int n> MSL_INLINE constexpr vec<bool, n> isnormal(vec<T, n> a) {
  return map<bool>(a, [](T p) constexpr { return isnormal(p); });
}
template <class T, class = if_floating<T>> MSL_INLINE constexpr bool isordered(T a, T b) {
  return !isnan(a) && !isnan(b);
}
template <class T, class = if_floating<T>> MSL_INLINE constexpr bool isunordered(T a, T b) { return !isordered(a, b); }
template <class T, int n> MSL_INLINE constexpr vec<bool, n> isordered(vec<T, n> a, vec<T, n> b) {
  return map<bool>(a, b, [](T p, T q) constexpr { return isordered(p, q); });
}
template <class T, int n> MSL_INLINE constexpr vec<bool, n> isunordered(vec<T, n> a, vec<T, n> b) {
  return !isordered(a, b);
}

template <class T> using uniform = T;
template <class T> MSL_INLINE constexpr T make_uniform(T x) { return x; }

template <class T, size_t n> struct array {
  T elements[n];
  MSL_INLINE constexpr T &operator[](size_t i) { return elements[i]; }
  MSL_INLINE constexpr const T &operator[](size_t i) const { return elements[i]; }
  MSL_INLINE constexpr T *data() { return elements; }
  MSL_INLINE constexpr const T *data() const { return elements; }
  MSL_INLINE constexpr T *begin() { return elements; }
  MSL_INLINE constexpr T *end() { return elements + n; }
  static constexpr size_t size() { return n; }
};

}  // namespace metal
