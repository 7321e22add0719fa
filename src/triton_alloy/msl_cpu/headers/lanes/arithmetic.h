// Functions of vectors of T in stored form: what the operators and functions on Lanes<T> do.
#pragma once
#include "vectors.h"

namespace metal {
namespace lanes {

// Contraction by the compiler would break the exact steps of an algorithm: each such function starts with this.
#define LANES_EXACT _Pragma("clang fp contract(off)")

// a * b + c, rounded once where that is cheap: only for polynomials. MSL's fma is `fused`.
template <class V> LANES_INLINE V multiply_add(V a, V b, V c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

template <class T> LANES_INLINE Stored<T> fused(Stored<T> a, Stored<T> b, Stored<T> c) {
  if constexpr (floating<T>) return close<T>(__builtin_elementwise_fma(open<T>(a), open<T>(b), open<T>(c)));
  else return close<T>(open<T>(a) * open<T>(b) + open<T>(c));
}

// ------------------------------------------------------------------------------------------- minimum and maximum
template <class T> LANES_INLINE Stored<T> min(Stored<T> a, Stored<T> b) {
  static_assert(!floating<T>, "floats: fmin or minimum");
  return __builtin_elementwise_min(a, b);
}
template <class T> LANES_INLINE Stored<T> max(Stored<T> a, Stored<T> b) {
  static_assert(!floating<T>, "floats: fmax or maximum");
  return __builtin_elementwise_max(a, b);
}
// fmin, fmax return the operand that is a number; minimum, maximum return NaN if there is one.
template <class T> LANES_INLINE Stored<T> fmin(Stored<T> a, Stored<T> b) {
  return close<T>(__builtin_elementwise_min(open<T>(a), open<T>(b)));
}
template <class T> LANES_INLINE Stored<T> fmax(Stored<T> a, Stored<T> b) {
  return close<T>(__builtin_elementwise_max(open<T>(a), open<T>(b)));
}
template <class V> LANES_INLINE V propagating_min(V a, V b) { return a != a ? a : a < b ? a : b; }
template <class V> LANES_INLINE V propagating_max(V a, V b) { return a != a ? a : a > b ? a : b; }
template <class T> LANES_INLINE Stored<T> minimum(Stored<T> a, Stored<T> b) {
  return close<T>(propagating_min(open<T>(a), open<T>(b)));
}
template <class T> LANES_INLINE Stored<T> maximum(Stored<T> a, Stored<T> b) {
  return close<T>(propagating_max(open<T>(a), open<T>(b)));
}

// ---------------------------------------------------------------------------------------------- integer division
template <class T> struct Unsigned { using type = T; };
template <> struct Unsigned<char> { using type = uchar; };
template <> struct Unsigned<short> { using type = ushort; };
template <> struct Unsigned<int> { using type = uint; };
template <> struct Unsigned<long> { using type = ulong; };
template <class T> using UnsignedOf = typename Unsigned<T>::type;

// a / b of unsigned T; 0 where b is 0. A quotient of 16-bit integers is exact in float, one of 32-bit integers in
// double: it is further from the next integer than the rounding error.
template <class T> LANES_INLINE Stored<T> divide_unsigned(Stored<T> a, Stored<T> b) {
  if constexpr (sizeof(T) == 8) {
    Array<T> dividend = bit_cast<Array<T>>(a), divisor = bit_cast<Array<T>>(b);
#pragma clang loop unroll(disable)
    for (uint i = 0; i < count; ++i)
      dividend.element[i] = divisor.element[i] ? dividend.element[i] / divisor.element[i] : 0;
    return bit_cast<Stored<T>>(dividend);
  } else {
    using F = Vector<Choose<sizeof(T) == 4, double, float>>;
    a = b == 0 ? (Stored<T>)0 : a;
    b = b == 0 ? (Stored<T>)1 : b;
    return __builtin_convertvector(__builtin_convertvector(a, F) / __builtin_convertvector(b, F), Stored<T>);
  }
}

template <class T> LANES_INLINE Stored<T> divide(Stored<T> a, Stored<T> b) {
  static_assert(!floating<T>, "floats: a / b");
  if constexpr (!is_signed<T>) return divide_unsigned<T>(a, b);
  else {
    using U = UnsignedOf<T>;
    Stored<U> x = (Stored<U>)a, y = (Stored<U>)b;
    Stored<U> quotient = divide_unsigned<U>(a < 0 ? -x : x, b < 0 ? -y : y);  // MIN / -1 wraps to MIN
    return (Stored<T>)((a ^ b) < 0 ? -quotient : quotient);
  }
}
template <class T> LANES_INLINE Stored<T> remainder_of(Stored<T> a, Stored<T> b, Stored<T> quotient) {
  using C = Computed<T>;
  return (Stored<T>)((C)a - (C)quotient * (C)b);
}
template <class T> LANES_INLINE Stored<T> remainder(Stored<T> a, Stored<T> b) {
  return remainder_of<T>(a, b, divide<T>(a, b));
}
// By a constant the compiler multiplies or shifts.
template <class T> LANES_INLINE Stored<T> divide_uniform(Stored<T> a, T b) {
  if (__builtin_constant_p(b) && b > 0) return a / splat<T>(b);
  return divide<T>(a, splat<T>(b));
}
template <class T> LANES_INLINE Stored<T> remainder_uniform(Stored<T> a, T b) {
  return remainder_of<T>(a, splat<T>(b), divide_uniform<T>(a, b));
}

// The upper half of the product of two integers.
template <class T> LANES_INLINE Stored<T> mulhi(Stored<T> a, Stored<T> b) {
  constexpr bool negative = is_signed<T>;
  if constexpr (sizeof(T) < 4) {
    using W = Vector<int>;
    return __builtin_convertvector(__builtin_convertvector(a, W) * __builtin_convertvector(b, W) >> bits<T>, Stored<T>);
  } else if constexpr (sizeof(T) == 4) {
    using W = Vector<Choose<negative, long, ulong>>;
    return __builtin_convertvector(__builtin_convertvector(a, W) * __builtin_convertvector(b, W) >> 32, Stored<T>);
  } else {
    using U = Vector<ulong>;
    U x = (U)a, y = (U)b, x0 = x & 0xffffffff, x1 = x >> 32, y0 = y & 0xffffffff, y1 = y >> 32;
    U middle = x1 * y0 + (x0 * y0 >> 32), carry = x0 * y1 + (middle & 0xffffffff);
    U high = x1 * y1 + (middle >> 32) + (carry >> 32);
    if constexpr (negative) high -= (a < 0 ? y : (U)0) + (b < 0 ? x : (U)0);
    return (Stored<T>)high;
  }
}

// ----------------------------------------------------------------------------------------------------------- bits
template <class T> LANES_INLINE Stored<T> popcount(Stored<T> a) {
#if __has_builtin(__builtin_elementwise_popcount)
  return __builtin_elementwise_popcount(a);
#else
  using U = UnsignedOf<T>;
  constexpr U ones = (U)~(U)0;
  Stored<U> x = (Stored<U>)a;
  x -= x >> 1 & (Stored<U>)(U)(ones / 3);
  x = (x & (Stored<U>)(U)(ones / 5)) + (x >> 2 & (Stored<U>)(U)(ones / 5));
  x = x + (x >> 4) & (Stored<U>)(U)(ones / 17);
  return (Stored<T>)(x * (Stored<U>)(U)(ones / 255) >> (bits<T> - 8));
#endif
}
template <class T> LANES_INLINE Stored<T> clz(Stored<T> a) {
  using U = UnsignedOf<T>;
  Stored<U> x = (Stored<U>)a;
#pragma clang loop unroll(full)
  for (uint shift = 1; shift < bits<T>; shift *= 2) x |= x >> shift;
  return popcount<T>((Stored<T>)~x);
}
template <class T> LANES_INLINE Stored<T> ctz(Stored<T> a) {
  return popcount<T>((Stored<T>)(~(Computed<T>)a & ((Computed<T>)a - 1)));
}
template <class T> LANES_INLINE Stored<T> abs(Stored<T> a) {
  if constexpr (floating<T> && sizeof(T) > 2) return __builtin_elementwise_abs(a);
  else if constexpr (floating<T>) return a & 0x7fff;
  else if constexpr (is_signed<T>) return a < 0 ? (Stored<T>)(-(Computed<T>)a) : a;
  else return a;
}

template <class T> LANES_INLINE Stored<T> fabs(Stored<T> a) { return abs<T>(a); }

// A magnitude with the sign of another number: vectors of floats or doubles.
template <class V> LANES_INLINE V signed_as(V magnitude, V sign) {
  using Bits = Vector<Choose<sizeof(V) == sizeof(Vector<double>), ulong, uint>>;
  constexpr auto mask = Choose<sizeof(V) == sizeof(Vector<double>), ulong, uint>(1) << (sizeof(V) / count * 8 - 1);
  return bit_cast<V>((bit_cast<Bits>(magnitude) & ~mask) | (bit_cast<Bits>(sign) & mask));
}

// -------------------------------------------------------------------------------------------------------- rounding
#define LANES_ROUNDING(name, builtin) \
  template <class T> LANES_INLINE Stored<T> name(Stored<T> a) { return close<T>(builtin(open<T>(a))); }
LANES_ROUNDING(floor, __builtin_elementwise_floor)
LANES_ROUNDING(ceil, __builtin_elementwise_ceil)
LANES_ROUNDING(trunc, __builtin_elementwise_trunc)
LANES_ROUNDING(rint, __builtin_elementwise_roundeven)
#undef LANES_ROUNDING

// Halves away from zero. The addend is the largest number below a half, so that 0.49999997 goes to 0.
template <class T> LANES_INLINE Stored<T> round(Stored<T> a) {
  using C = Computed<T>;
  constexpr typename Element<T>::computed below_half = same<T, double> ? 0x1.fffffffffffffp-2 : 0x1.fffffep-2f;
  C x = open<T>(a);
  return close<T>(signed_as(__builtin_elementwise_trunc(__builtin_elementwise_abs(x) + below_half), x));
}

// x - n y for the whole n next to x / y towards zero; exact, as in C.
template <class T> LANES_INLINE Stored<T> fmod(Stored<T> a, Stored<T> b) {
  LANES_EXACT
  if constexpr (same<T, double>) {
#pragma clang loop unroll(disable)
    for (uint i = 0; i < count; ++i) a[i] = __builtin_fmod(a[i], b[i]);
    return a;
  } else {
    using F = Vector<float>;
    F signed_x = open<T>(a), x = __builtin_elementwise_abs(signed_x), y = __builtin_elementwise_abs(open<T>(b));
    F quotient = x / y, rest;
    if (__builtin_reduce_and((quotient < 0x1p22f) & (y > 0x1p-100f))) {
      // The quotient can only have been rounded up to a whole number, so the rest is exact and at least -y.
      rest = __builtin_elementwise_fma(-__builtin_elementwise_trunc(quotient), y, x);
      rest = rest < 0 ? rest + y : rest;
      rest = x < y ? x : rest;  // also for an infinite y
    } else {
#pragma clang loop unroll(disable)
      for (uint i = 0; i < count; ++i) rest[i] = __builtin_fmodf(x[i], y[i]);
    }
    return close<T>(signed_as(rest, signed_x));
  }
}

}  // namespace lanes
}  // namespace metal
