// Vectors of 32 elements: how each scalar type is stored, computed, converted.
#pragma once

namespace metal {
namespace lanes {

constexpr uint count = 32;

// ------------------------------------------------------------------------------------------------ element types
// How an element is stored, and the type it computes in: integers unsigned, so that they wrap; half and bfloat are
// kept as bits and compute in float, each operation rounding its result.
template <class T> struct Element;
#define LANES_ELEMENT(T, Stored, Computed, is_floating) \
  template <> struct Element<T> {                       \
    using stored = Stored;                              \
    using computed = Computed;                          \
    static constexpr bool floating = is_floating;       \
  };
LANES_ELEMENT(char, signed char, uchar, false)
LANES_ELEMENT(short, short, ushort, false)
LANES_ELEMENT(int, int, uint, false)
LANES_ELEMENT(long, long, ulong, false)
LANES_ELEMENT(uchar, uchar, uchar, false)
LANES_ELEMENT(ushort, ushort, ushort, false)
LANES_ELEMENT(uint, uint, uint, false)
LANES_ELEMENT(ulong, ulong, ulong, false)
LANES_ELEMENT(half, ushort, float, true)
LANES_ELEMENT(bfloat, ushort, float, true)
LANES_ELEMENT(float, float, float, true)
LANES_ELEMENT(double, double, double, true)
LANES_ELEMENT(bool, bool, bool, false)
#undef LANES_ELEMENT

template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;
template <class T> struct Identity { using type = T; };
template <class T> using NotDeduced = typename Identity<T>::type;
template <bool condition, class A, class B> struct Choice { using type = A; };
template <class A, class B> struct Choice<false, A, B> { using type = B; };
template <bool condition, class A, class B> using Choose = typename Choice<condition, A, B>::type;
template <bool condition> struct Condition {};
template <> struct Condition<true> { using type = int; };
template <bool condition> using If = typename Condition<condition>::type;
template <class S> using IfScalar = typename Element<S>::stored;

template <class T> constexpr bool floating = Element<T>::floating;
template <class T> constexpr bool is_signed = T(-1) < T(0) || same<T, char>;
template <class T> constexpr uint bits = sizeof(T) * 8;

// Whether a uniform S becomes Lanes<T> without being asked to: never when it would lose a fraction or high bits.
template <class S, class T> constexpr bool implicit =
    same<S, T> || (!same<S, bool> && !same<T, bool> &&
                   (floating<T> ? !floating<S> || same<T, float>
                                : !floating<S> && sizeof(S) <= (sizeof(T) < 4 ? 4 : sizeof(T))));

template <class T, class S> constexpr bool mixed = (same<T, int> && same<S, uint>) || (same<T, long> && same<S, ulong>);

// ------------------------------------------------------------------------------------------------------ vectors
template <class T, uint n = count> using Vector = T __attribute__((ext_vector_type(n)));
template <class T> using Stored = Vector<typename Element<T>::stored>;
template <class T> using Computed = Vector<typename Element<T>::computed>;
using Mask = Vector<bool>;

// The same bytes, for access by a lane that is not a constant.
template <class C> struct Array { alignas(Vector<C>) C element[count]; };

template <class To, class From> LANES_INLINE To bit_cast(From v) { return __builtin_bit_cast(To, v); }

// A mask as 0 / -1 in integers of the size of T: the condition that ?: wants for vectors of T.
template <class T> LANES_INLINE auto wide(Mask m) {
  if constexpr (sizeof(T) == 1) return -__builtin_convertvector(m, Vector<signed char>);
  else if constexpr (sizeof(T) == 2) return -__builtin_convertvector(m, Vector<short>);
  else if constexpr (sizeof(T) == 4) return -__builtin_convertvector(m, Vector<int>);
  else return -__builtin_convertvector(m, Vector<long>);
}

#if defined(__F16C__) || defined(__aarch64__)
template <uint n> LANES_INLINE Vector<float, n> from_half(Vector<ushort, n> v) {
  return __builtin_convertvector(bit_cast<Vector<_Float16, n>>(v), Vector<float, n>);
}
template <uint n> LANES_INLINE Vector<ushort, n> to_half(Vector<float, n> v) {
  return bit_cast<Vector<ushort, n>>(__builtin_convertvector(v, Vector<_Float16, n>));
}
#else
template <uint n> LANES_INLINE Vector<float, n> from_half(Vector<ushort, n> v) {
  using U = Vector<uint, n>;
  U x = __builtin_convertvector(v, U), magnitude = (x & 0x7fff) << 13, sign = (x & 0x8000) << 16;
  U small = bit_cast<U>(__builtin_convertvector(x & 0x7fff, Vector<float, n>) * 0x1p-24f);
  U big = magnitude + (magnitude >= (0x7c00u << 13) ? (U)(224u << 23) : (U)(112u << 23));
  U quiet = magnitude > (0x7c00u << 13) ? (U)0x400000 : (U)0;
  return bit_cast<Vector<float, n>>((magnitude < (0x400u << 13) ? small : big | quiet) | sign);
}
template <uint n> LANES_INLINE Vector<ushort, n> to_half(Vector<float, n> v) {
  using U = Vector<uint, n>;
  using F = Vector<float, n>;
  U x = bit_cast<U>(v), magnitude = x & 0x7fffffff, sign = x >> 16 & 0x8000;
  U small = bit_cast<U>(bit_cast<F>(magnitude) + 0.5f) - 0x3f000000;  // the addition rounds to multiples of 2^-24
  U big = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
  U special = magnitude > 0x7f800000 ? 0x7e00 | (magnitude >> 13 & 0x3ff) : (U)0x7c00;
  U result = magnitude < (113u << 23) ? small : magnitude >= (143u << 23) ? special : big;
  return __builtin_convertvector(result | sign, Vector<ushort, n>);
}
#endif

template <uint n> LANES_INLINE Vector<float, n> from_bfloat(Vector<ushort, n> v) {
  return bit_cast<Vector<float, n>>(__builtin_convertvector(v, Vector<uint, n>) << 16);
}
template <uint n> LANES_INLINE Vector<ushort, n> to_bfloat(Vector<float, n> v) {
  using U = Vector<uint, n>;
  U x = bit_cast<U>(v), even = x + 0x7fff + (x >> 16 & 1);
  return __builtin_convertvector((v != v ? x | 0x400000 : even) >> 16, Vector<ushort, n>);
}

// The float that a double is, else that of its two neighbours whose last bit is 1: rounded again, to fewer bits, it
// becomes what the double would.
template <uint n> LANES_INLINE Vector<float, n> to_odd(Vector<double, n> v) {
  using D = Vector<double, n>;
  using U = Vector<uint, n>;
  Vector<float, n> nearest = __builtin_convertvector(v, decltype(nearest));
  D back = __builtin_convertvector(nearest, D);
  auto beyond = __builtin_convertvector(__builtin_elementwise_abs(back) > __builtin_elementwise_abs(v), U) & 1;
  auto inexact = __builtin_convertvector(back != v, U) & 1;
  return bit_cast<Vector<float, n>>((bit_cast<U>(nearest) - beyond) | inexact);
}

// Stored <-> computed form of a vector of T of any length.
template <class T, class V> LANES_INLINE auto open(V v) {
  constexpr uint n = sizeof(V) / sizeof(typename Element<T>::stored);
  if constexpr (same<T, half>) return from_half<n>(v);
  else if constexpr (same<T, bfloat>) return from_bfloat<n>(v);
  else return (Vector<typename Element<T>::computed, n>)v;
}
template <class T, class V> LANES_INLINE auto close(V v) {
  constexpr uint n = sizeof(V) / sizeof(typename Element<T>::computed);
  if constexpr (same<T, half>) return to_half<n>(v);
  else if constexpr (same<T, bfloat>) return to_bfloat<n>(v);
  else return (Vector<typename Element<T>::stored, n>)v;
}

// The form in which < is the order of T.
template <class T> LANES_INLINE auto ordered(Stored<T> v) {
  if constexpr (floating<T>) return open<T>(v);
  else return v;
}

template <class T, class S> LANES_INLINE Stored<T> splat(S uniform) {
  T value = (T)uniform;
  return (Stored<T>)bit_cast<typename Element<T>::stored>(value);
}

// T(x) for each lane of U.
template <class T, class U> LANES_INLINE Stored<T> convert(Stored<U> v) {
  if constexpr (same<T, bool>) return __builtin_convertvector(ordered<U>(v) != 0, Mask);
  else if constexpr (same<U, double> && sizeof(T) == 2 && floating<T>) return close<T>(to_odd(v));
  else if constexpr (floating<T> && floating<U>) return close<T>(__builtin_convertvector(open<U>(v), Computed<T>));
  else if constexpr (floating<T>) return close<T>(__builtin_convertvector(v, Computed<T>));
  else if constexpr (floating<U>) return __builtin_convertvector(open<U>(v), Stored<T>);
  else return __builtin_convertvector(v, Stored<T>);
}

}  // namespace lanes
}  // namespace metal
