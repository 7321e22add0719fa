// Atomics in device memory: one update per lane, in the order of the lanes; masked lanes touch nothing and get 0. The
// uniform_ forms update once for the whole simdgroup.
#pragma once
#include "memory.h"

namespace metal {
namespace lanes {

template <ulong bytes> struct Word;
template <> struct Word<1> { using type = uchar; };
template <> struct Word<2> { using type = ushort; };
template <> struct Word<4> { using type = uint; };
template <> struct Word<8> { using type = ulong; };
template <class T> using WordOf = typename Word<sizeof(T)>::type;

// Replaces the number at p by next(number), by its bits; the old number.
template <class T, class Next> LANES_INLINE T update(T *p, Next next) {
  using W = WordOf<T>;
  W *word = reinterpret_cast<W *>(p);
  W old = __atomic_load_n(word, __ATOMIC_RELAXED), changed;
  do changed = bit_cast<W>(T(next(bit_cast<T>(old))));
  while (!__atomic_compare_exchange_n(word, &old, changed, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return bit_cast<T>(old);
}

// Integers wrap around.
template <class T> LANES_INLINE T sum(T a, T b) {
  if constexpr (floating<T>) return T(a + b);
  else return T(WordOf<T>(a) + WordOf<T>(b));
}

template <class I> LANES_INLINE ulong offset_of(Lanes<I> offset, uint lane) { return (ulong)(long)offset.v[lane]; }
template <class I, class = IfScalar<I>> LANES_INLINE ulong offset_of(I offset, uint) { return (ulong)(long)offset; }

// one(offset, lane) for the lanes of the mask; their results as lanes.
template <class T, class I, class One> LANES_INLINE Lanes<T> each_lane(I offset, b1 mask, One one) {
  Array<Cell<T>> old{};
#pragma clang loop unroll(disable)
  for (uint bits = mask_bits(mask); bits; bits &= bits - 1) {
    uint lane = __builtin_ctz(bits);
    old.element[lane] = bit_cast<Cell<T>>(one(offset_of(offset, lane), lane));
  }
  return from_row<T>(bit_cast<Row<T>>(old));
}
template <class T> LANES_INLINE T element(const Array<Cell<T>> &cells, uint lane) {
  return bit_cast<T>(cells.element[lane]);
}

}  // namespace lanes

#define LANES_ATOMIC(name, expression)                                                                            \
  template <class T, class I>                                                                                     \
  LANES_INLINE T uniform_atomic_##name(T *p, I offset, lanes::NotDeduced<T> value, bool mask = true) {            \
    if (!mask) return T(0);                                                                                       \
    lanes::admit_atomic(p + offset, p);                                                                           \
    return lanes::update(p + offset, [=](T old) LANES_LAMBDA { return expression; });                             \
  }                                                                                                               \
  template <class T, class I>                                                                                     \
  LANES_INLINE Lanes<T> atomic_##name(T *p, I offset, lanes::NotDeduced<Lanes<T>> values, b1 mask = true) {       \
    auto cells = lanes::bit_cast<lanes::Array<lanes::Cell<T>>>(lanes::to_row(values));                            \
    return lanes::each_lane<T>(offset, mask, [&](ulong place, uint lane) LANES_LAMBDA {                           \
      return uniform_atomic_##name(p, place, lanes::element<T>(cells, lane));                                     \
    });                                                                                                           \
  }
LANES_ATOMIC(add, lanes::sum(old, value))
LANES_ATOMIC(and, T(old & value))
LANES_ATOMIC(or, T(old | value))
LANES_ATOMIC(xor, T(old ^ value))
LANES_ATOMIC(max, old < value ? value : old)
LANES_ATOMIC(min, value < old ? value : old)
LANES_ATOMIC(umax, lanes::WordOf<T>(old) < lanes::WordOf<T>(value) ? value : old)
LANES_ATOMIC(umin, lanes::WordOf<T>(value) < lanes::WordOf<T>(old) ? value : old)
LANES_ATOMIC(exchange, (void(old), value))
#undef LANES_ATOMIC

// Stores `value` where the bits are those of `expected`; the old number.
template <class T, class I>
LANES_INLINE T uniform_atomic_cas(T *p, I offset, lanes::NotDeduced<T> expected, lanes::NotDeduced<T> value,
                                  bool mask = true) {
  using W = lanes::WordOf<T>;
  if (!mask) return T(0);
  lanes::admit_atomic(p + offset, p);
  W found = lanes::bit_cast<W>(T(expected)), wanted = lanes::bit_cast<W>(T(value));
  __atomic_compare_exchange_n(reinterpret_cast<W *>(p + offset), &found, wanted, false, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
  return lanes::bit_cast<T>(found);
}
template <class T, class I>
LANES_INLINE Lanes<T> atomic_cas(T *p, I offset, lanes::NotDeduced<Lanes<T>> expected,
                                 lanes::NotDeduced<Lanes<T>> values, b1 mask = true) {
  auto old = lanes::bit_cast<lanes::Array<lanes::Cell<T>>>(lanes::to_row(expected));
  auto cells = lanes::bit_cast<lanes::Array<lanes::Cell<T>>>(lanes::to_row(values));
  return lanes::each_lane<T>(offset, mask, [&](ulong place, uint lane) LANES_LAMBDA {
    return uniform_atomic_cas(p, place, lanes::element<T>(old, lane), lanes::element<T>(cells, lane));
  });
}

template <class T, class I> LANES_INLINE T uniform_atomic_load(const T *p, I offset, bool mask = true) {
  using W = lanes::WordOf<T>;
  if (!mask) return T(0);
  lanes::admit_atomic(p + offset, p);
  return lanes::bit_cast<T>(__atomic_load_n(reinterpret_cast<const W *>(p + offset), __ATOMIC_RELAXED));
}
template <class T, class I> LANES_INLINE Lanes<T> atomic_load(const T *p, I offset, b1 mask = true) {
  return lanes::each_lane<T>(offset, mask, [&](ulong place, uint) LANES_LAMBDA {
    return uniform_atomic_load(p, place);
  });
}

// Loads and stores of memory that other programs access meanwhile.
template <class T, class I>
LANES_INLINE Lanes<T> load_coherent(const T *p, I offset, b1 mask = true, lanes::NotDeduced<Lanes<T>> other = T(0)) {
  return select(other, atomic_load(p, offset, mask), mask);
}
template <class T, class I>
LANES_INLINE T uniform_load_coherent(const T *p, I offset, bool mask = true, lanes::NotDeduced<T> other = T(0)) {
  return mask ? uniform_atomic_load(p, offset) : other;
}
template <class T, class I>
LANES_INLINE void store_coherent(T *p, I offset, lanes::NotDeduced<Lanes<T>> values, b1 mask = true) {
  atomic_exchange(p, offset, values, mask);
}
template <class T, class I>
LANES_INLINE void uniform_store_coherent(T *p, I offset, lanes::NotDeduced<T> value, bool mask = true) {
  uniform_atomic_exchange(p, offset, value, mask);
}

// Waits until the number is the expected one.
template <class T, class I>
LANES_INLINE T uniform_atomic_poll(const T *p, I offset, lanes::NotDeduced<T> expected, bool mask = true) {
  while (mask && uniform_atomic_load(p, offset) != expected)
    ;
  return expected;
}
template <class T, class I>
LANES_INLINE Lanes<T> atomic_poll(const T *p, I offset, lanes::NotDeduced<Lanes<T>> expected, b1 mask = true) {
  auto cells = lanes::bit_cast<lanes::Array<lanes::Cell<T>>>(lanes::to_row(expected));
  return lanes::each_lane<T>(offset, mask, [&](ulong place, uint lane) LANES_LAMBDA {
    return uniform_atomic_poll(p, place, lanes::element<T>(cells, lane));
  });
}

LANES_INLINE void device_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

}  // namespace metal
