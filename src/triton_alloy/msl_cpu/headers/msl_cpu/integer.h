// <metal_integer>.
#pragma once
#include "common.h"

namespace metal {

#define MSL_INTEGER1(name)                                                                                            \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> name(vec<T, n> a) {                                        \
    return map<T>(a, [](T p) constexpr { return name(p); });                                                          \
  }
#define MSL_INTEGER2(name)                                                                                            \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> name(vec<T, n> a, vec<T, n> b) {                           \
    return map<T>(a, b, [](T p, T q) constexpr { return name(p, q); });                                               \
  }

template <class T, class = if_integral<T>> MSL_INLINE constexpr T mulhi(T a, T b) {
  if constexpr (sizeof(T) == 8 && is_signed_v<T>) return (T)((__int128)a * b >> 64);
  else if constexpr (sizeof(T) == 8) return (T)((unsigned __int128)a * b >> 64);
  else if constexpr (is_signed_v<T>) return (T)((long)a * b >> 8 * sizeof(T));
  else return (T)((ulong)a * b >> 8 * sizeof(T));
}
MSL_INTEGER2(mulhi)
template <class T> MSL_INLINE constexpr T mad(T a, T b, T c) { return T(a * b + c); }
template <class T> MSL_INLINE constexpr T madhi(T a, T b, T c) { return T(mulhi(a, b) + c); }
template <class T> MSL_INLINE constexpr T mul24(T a, T b) { return T(a * b); }
template <class T> MSL_INLINE constexpr T mad24(T a, T b, T c) { return T(a * b + c); }

template <class T, class = if_integral<T>> MSL_INLINE constexpr T popcount(T x) {
  return (T)__builtin_popcountl((ulong)(make_unsigned_t<T>)x);
}
MSL_INTEGER1(popcount)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T clz(T x) {
  auto bits = (make_unsigned_t<T>)x;
  return bits ? (T)(__builtin_clzl((ulong)bits) - (64 - 8 * (int)sizeof(T))) : (T)(8 * sizeof(T));
}
MSL_INTEGER1(clz)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T ctz(T x) {
  auto bits = (make_unsigned_t<T>)x;
  return bits ? (T)__builtin_ctzl((ulong)bits) : (T)(8 * sizeof(T));
}
MSL_INTEGER1(ctz)

template <class T, class = if_integral<T>> MSL_INLINE constexpr T rotate(T x, type_identity_t<T> count) {
  auto bits = (make_unsigned_t<T>)x;
  uint shift = (uint)count & (8 * sizeof(T) - 1);
  return shift ? (T)(bits << shift | bits >> (8 * sizeof(T) - shift)) : x;
}
MSL_INTEGER2(rotate)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T reverse_bits(T x) {
  auto bits = (make_unsigned_t<T>)x;
  make_unsigned_t<T> result = 0;
  for (uint i = 0; i < 8 * sizeof(T); ++i) {
    result = result << 1 | (bits & 1);
    bits >>= 1;
  }
  return (T)result;
}
MSL_INTEGER1(reverse_bits)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T extract_bits(T x, uint offset, uint count) {
  if (!count) return 0;
  auto bits = (make_unsigned_t<T>)((make_unsigned_t<T>)x << (8 * sizeof(T) - offset - count));
  return (T)((T)bits >> (8 * sizeof(T) - count));
}
template <class T, class = if_integral<T>>
MSL_INLINE constexpr T insert_bits(T base, T insert, uint offset, uint count) {
  using U = make_unsigned_t<T>;
  U mask = U((count >= 8 * sizeof(T) ? U(~U(0)) : U((U(1) << count) - 1)) << offset);
  return (T)(((U)base & ~mask) | ((U)((U)insert << offset) & mask));
}

template <class T, class = if_integral<T>> MSL_INLINE constexpr T addsat(T a, T b) {
  T result = 0;
  if (!__builtin_add_overflow(a, b, &result)) return result;
  return is_signed_v<T> && b < 0 ? numeric_limits<T>::min() : numeric_limits<T>::max();
}
MSL_INTEGER2(addsat)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T subsat(T a, T b) {
  T result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return is_signed_v<T> && b < 0 ? numeric_limits<T>::max() : numeric_limits<T>::min();
}
MSL_INTEGER2(subsat)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T absdiff(T a, T b) {
  using U = make_unsigned_t<T>;
  return (T)(a < b ? U(b) - U(a) : U(a) - U(b));
}
MSL_INTEGER2(absdiff)
// The average without overflow: rounded down (hadd), rounded up (rhadd).
template <class T, class = if_integral<T>> MSL_INLINE constexpr T hadd(T a, T b) { return T((a & b) + ((a ^ b) >> 1)); }
template <class T, class = if_integral<T>> MSL_INLINE constexpr T rhadd(T a, T b) {
  return T((a | b) - ((a ^ b) >> 1));
}

#undef MSL_INTEGER1
#undef MSL_INTEGER2

}  // namespace metal
