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

#define MSL_INTEGER3(name)                                                                                            \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> name(vec<T, n> a, vec<T, n> b, vec<T, n> c) {              \
    return map<T>(a, b, c, [](T p, T q, T r) constexpr { return name(p, q, r); });                                    \
  }

template <class T, class = if_integral<T>> MSL_INLINE constexpr T mulhi(T a, T b) {
  if constexpr (sizeof(T) == 8 && is_signed_v<T>) return (T)((__int128)a * b >> 64);
  else if constexpr (sizeof(T) == 8) return (T)((unsigned __int128)a * b >> 64);
  else if constexpr (is_signed_v<T>) return (T)((long)a * b >> 8 * sizeof(T));
  else return (T)((ulong)a * b >> 8 * sizeof(T));
}
MSL_INTEGER2(mulhi)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T madhi(T a, T b, T c) { return T(mulhi(a, b) + c); }
MSL_INTEGER3(madhi)
// Of 24-bit factors: the low 32 bits of the product.
template <class T, class = if_integral<T>> MSL_INLINE constexpr T mul24(T a, T b) { return T(a * b); }
MSL_INTEGER2(mul24)
template <class T, class = if_integral<T>> MSL_INLINE constexpr T mad24(T a, T b, T c) { return T(a * b + c); }
MSL_INTEGER3(mad24)

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
// a * b + c, of which only the end is clamped.
template <class T, class = if_integral<T>> MSL_INLINE constexpr T madsat(T a, T b, T c) {
  if constexpr (is_signed_v<T>) {
    __int128 result = (__int128)a * b + c, low = numeric_limits<T>::min(), high = numeric_limits<T>::max();
    return (T)(result < low ? low : result > high ? high : result);
  } else {
    unsigned __int128 result = (unsigned __int128)a * b + c, high = numeric_limits<T>::max();
    return (T)(result > high ? high : result);
  }
}
MSL_INTEGER3(madsat)
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
MSL_INTEGER2(hadd)
MSL_INTEGER2(rhadd)
template <class T, int n> MSL_INLINE constexpr vec<T, n> extract_bits(vec<T, n> a, uint offset, uint count) {
  return map<T>(a, [=](T p) constexpr { return extract_bits(p, offset, count); });
}
template <class T, int n>
MSL_INLINE constexpr vec<T, n> insert_bits(vec<T, n> base, vec<T, n> insert, uint offset, uint count) {
  return map<T>(base, insert, [=](T p, T q) constexpr { return insert_bits(p, q, offset, count); });
}

#undef MSL_INTEGER1
#undef MSL_INTEGER2
#undef MSL_INTEGER3

}  // namespace metal
