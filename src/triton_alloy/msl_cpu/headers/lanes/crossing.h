// What crosses lanes: votes, shuffles, exchanges, reductions.
#pragma once
#include "types.h"

namespace metal {
namespace lanes {

// ------------------------------------------------------------------------------------------------ constant patterns
#define LANES_4(F, l, d) F(l, d), F((l) + 1, d), F((l) + 2, d), F((l) + 3, d)
#define LANES_16(F, l, d) LANES_4(F, l, d), LANES_4(F, (l) + 4, d), LANES_4(F, (l) + 8, d), LANES_4(F, (l) + 12, d)
#define LANES_32(F, d) LANES_16(F, 0, d), LANES_16(F, 16, d)
#define LANES_FLIP(l, d) ((l) ^ (d))
#define LANES_HALF(l, d) ((l) & (d))
#define LANES_LOW(l, d) ((l) & (d) ? 32 + ((l) ^ (d)) : (l))
#define LANES_HIGH(l, d) ((l) & (d) ? 32 + (l) : ((l) ^ (d)))

// Lane l becomes lane l ^ distance.
template <int distance, class V> LANES_INLINE V flip(V v) {
  return __builtin_shufflevector(v, v, LANES_32(LANES_FLIP, distance));
}
// The register of the pair (a, b) trades places with the lane bit of value `distance`.
template <int distance, class V> LANES_INLINE void transpose(V &a, V &b) {
  V low = __builtin_shufflevector(a, b, LANES_32(LANES_LOW, distance));
  b = __builtin_shufflevector(a, b, LANES_32(LANES_HIGH, distance));
  a = low;
}

// Lane l becomes lane source[l]; 32-bit elements.
LANES_INLINE Vector<uint> permute(Vector<uint> v, Vector<uint> source) {
#if defined(__AVX512F__)
  using I = Vector<int, 16>;
  I low = __builtin_ia32_vpermi2vard512((I)v.lo, (I)source.lo, (I)v.hi);
  I high = __builtin_ia32_vpermi2vard512((I)v.lo, (I)source.hi, (I)v.hi);
  Vector<uint> result;
  result.lo = (Vector<uint, 16>)low;
  result.hi = (Vector<uint, 16>)high;
  return result;
#else
  Array<uint> from = bit_cast<Array<uint>>(v), index = bit_cast<Array<uint>>(source & 31), to;
  for (uint i = 0; i < count; ++i) to.element[i] = from.element[index.element[i]];
  return bit_cast<Vector<uint>>(to);
#endif
}

// -------------------------------------------------------------------------------------------------------- reduction
// combine() of all elements by halves: V is a vector, in the end of one element.
template <class Combine, class V> LANES_INLINE auto fold(V v) {
  auto a = Combine::of(v.lo, v.hi);
  auto b = Combine::of(a.lo, a.hi);
  auto c = Combine::of(b.lo, b.hi);
  auto d = Combine::of(c.lo, c.hi);
  return Combine::of(d.lo, d.hi);
}
#define LANES_COMBINE(Name, expression)                               \
  struct Name {                                                       \
    template <class V> static LANES_INLINE V of(V a, V b) { return expression; } \
  };
LANES_COMBINE(Add, a + b)
LANES_COMBINE(Multiply, a *b)
LANES_COMBINE(And, a &b)
LANES_COMBINE(Or, a | b)
LANES_COMBINE(Xor, a ^ b)
LANES_COMBINE(Min, __builtin_elementwise_min(a, b))
LANES_COMBINE(Max, __builtin_elementwise_max(a, b))
LANES_COMBINE(Minimum, propagating_min(a, b))
LANES_COMBINE(Maximum, propagating_max(a, b))
#undef LANES_COMBINE

// A scalar T from its stored or computed form.
template <class T, class S> LANES_INLINE T scalar(S value) {
  if constexpr (same<T, half> || same<T, bfloat>) {
    if constexpr (same<S, float>) return bit_cast<T>((ushort)close<T>((Vector<float, 4>)value)[0]);
    else return bit_cast<T>(value);
  } else return (T)value;
}

}  // namespace lanes

// ------------------------------------------------------------------------------------------------------------- votes
LANES_INLINE bool simd_any(b1 x) { return __builtin_bit_cast(uint, x.v) != 0; }
LANES_INLINE bool simd_all(b1 x) { return __builtin_bit_cast(uint, x.v) == ~0u; }

// The value of lane 0.
template <class T> LANES_INLINE T first(Lanes<T> x) { return lanes::scalar<T>(x.v[0]); }
LANES_INLINE bool first(b1 x) { return __builtin_bit_cast(uint, x.v) & 1; }
template <class T> LANES_INLINE T broadcast(Lanes<T> x, uint lane) { return lanes::scalar<T>(x.v[lane & 31]); }
LANES_INLINE bool broadcast(b1 x, uint lane) { return __builtin_bit_cast(uint, x.v) >> (lane & 31) & 1; }

// ---------------------------------------------------------------------------------------------------------- shuffles
// Lane l gets the value of lane l ^ mask.
template <class T> LANES_INLINE Lanes<T> shuffle_xor(Lanes<T> x, uint mask) {
  auto v = x.v;
  if (mask & 1) v = lanes::flip<1>(v);
  if (mask & 2) v = lanes::flip<2>(v);
  if (mask & 4) v = lanes::flip<4>(v);
  if (mask & 8) v = lanes::flip<8>(v);
  if (mask & 16) v = lanes::flip<16>(v);
  return Lanes<T>::of(v);
}
LANES_INLINE b1 shuffle_xor(b1 x, uint mask) { return b1(shuffle_xor(u8(x), mask)); }

// Lane l gets the value of lane source[l] (modulo 32).
template <class T> LANES_INLINE Lanes<T> shuffle(Lanes<T> x, u32 source) {
  using namespace lanes;
  if constexpr (sizeof(T) == 8) {
    auto v = (Vector<ulong>)x.v;
    auto low = permute(__builtin_convertvector(v, Vector<uint>), source.v);
    auto high = permute(__builtin_convertvector(v >> 32, Vector<uint>), source.v);
    return Lanes<T>::of((Stored<T>)(__builtin_convertvector(low, Vector<ulong>) |
                                    __builtin_convertvector(high, Vector<ulong>) << 32));
  } else if constexpr (sizeof(T) == 4) return Lanes<T>::of((Stored<T>)permute((Vector<uint>)x.v, source.v));
  else {
    auto moved = permute(__builtin_convertvector(x.v, Vector<uint>), source.v);
    return Lanes<T>::of(__builtin_convertvector(moved, Stored<T>));
  }
}
LANES_INLINE b1 shuffle(b1 x, u32 source) { return b1(shuffle(u8(x), source)); }

// Transposes the register of the pair (a, b) with a bit of the lane: what was in register j of a lane whose bit is t
// is afterwards in register t of the lane whose bit is j. The last argument is the lane's index.
template <class T> LANES_INLINE void exchange(Lanes<T> &a, Lanes<T> &b, uint bit, u32) {
  switch (bit) {
    case 0: return lanes::transpose<1>(a.v, b.v);
    case 1: return lanes::transpose<2>(a.v, b.v);
    case 2: return lanes::transpose<4>(a.v, b.v);
    case 3: return lanes::transpose<8>(a.v, b.v);
    default: return lanes::transpose<16>(a.v, b.v);
  }
}
LANES_INLINE void exchange(b1 &a, b1 &b, uint bit, u32 lane) {
  u8 x(a), y(b);
  exchange(x, y, bit, lane);
  a = b1(x);
  b = b1(y);
}

// -------------------------------------------------------------------------------------------------------- reductions
// Over the 32 lanes, as a tree; half and bfloat in float, rounded at the end. reduce_min and reduce_max drop NaN,
// reduce_minimum and reduce_maximum keep it.
#define LANES_REDUCE(name, Combine, form) \
  template <class T> LANES_INLINE T name(Lanes<T> x) { return lanes::scalar<T>(lanes::fold<lanes::Combine>(form)); }
LANES_REDUCE(reduce_add, Add, x.open())
LANES_REDUCE(reduce_mul, Multiply, x.open())
LANES_REDUCE(reduce_and, And, x.v)
LANES_REDUCE(reduce_or, Or, x.v)
LANES_REDUCE(reduce_xor, Xor, x.v)
LANES_REDUCE(reduce_min, Min, lanes::ordered<T>(x.v))
LANES_REDUCE(reduce_max, Max, lanes::ordered<T>(x.v))
LANES_REDUCE(reduce_minimum, Minimum, lanes::ordered<T>(x.v))
LANES_REDUCE(reduce_maximum, Maximum, lanes::ordered<T>(x.v))
#undef LANES_REDUCE
LANES_INLINE bool reduce_and(b1 x) { return simd_all(x); }
LANES_INLINE bool reduce_or(b1 x) { return simd_any(x); }
LANES_INLINE bool reduce_xor(b1 x) { return __builtin_parity(__builtin_bit_cast(uint, x.v)); }

}  // namespace metal
