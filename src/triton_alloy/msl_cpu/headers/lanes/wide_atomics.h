// Atomics on 64-bit numbers, which processors have: the table of locks that Metal needs is not touched.
#pragma once
#include "atomic.h"

namespace metal {

#define LANES_WIDE(kind, name)                                                                                  \
  struct kind {                                                                                                 \
    template <class P, class I, class V, class M> static LANES_INLINE V lanes(P p, I offset, V value, M mask) { \
      return atomic_##name(p, offset, value, mask);                                                             \
    }                                                                                                           \
    template <class T, class I> static LANES_INLINE T uniform(T *p, I offset, T value, bool mask) {             \
      return uniform_atomic_##name(p, offset, value, mask);                                                     \
    }                                                                                                           \
  };
LANES_WIDE(Add64, add)
LANES_WIDE(And64, and)
LANES_WIDE(Or64, or)
LANES_WIDE(Xor64, xor)
LANES_WIDE(Max64, max)
LANES_WIDE(Min64, min)
LANES_WIDE(Umax64, umax)
LANES_WIDE(Umin64, umin)
LANES_WIDE(Exchange64, exchange)
LANES_WIDE(AddF64, add)
#undef LANES_WIDE

template <class Kind, class T, class I>
LANES_INLINE Lanes<T> locked_atomic(uint *, T *p, I offset, lanes::NotDeduced<Lanes<T>> values, b1 mask = true) {
  return Kind::lanes(p, offset, Lanes<T>(values), mask);
}
template <class T, class I>
LANES_INLINE Lanes<T> locked_cas(uint *, T *p, I offset, lanes::NotDeduced<Lanes<T>> expected,
                                 lanes::NotDeduced<Lanes<T>> values, b1 mask = true) {
  return atomic_cas(p, offset, expected, values, mask);
}
template <class T, class I> LANES_INLINE Lanes<T> locked_load(uint *, T *p, I offset, b1 mask = true) {
  return atomic_load(p, offset, mask);
}
template <class T, class I>
LANES_INLINE Lanes<T> locked_poll(uint *, T *p, I offset, lanes::NotDeduced<Lanes<T>> expected, b1 mask = true) {
  return atomic_poll(p, offset, expected, mask);
}

template <class Kind, class T, class I>
LANES_INLINE T uniform_locked_atomic(uint *, T *p, I offset, lanes::NotDeduced<T> value, bool mask = true) {
  return Kind::uniform(p, offset, value, mask);
}
template <class T, class I>
LANES_INLINE T uniform_locked_cas(uint *, T *p, I offset, lanes::NotDeduced<T> expected, lanes::NotDeduced<T> value,
                                  bool mask = true) {
  return uniform_atomic_cas(p, offset, expected, value, mask);
}
template <class T, class I> LANES_INLINE T uniform_locked_load(uint *, T *p, I offset, bool mask = true) {
  return uniform_atomic_load(p, offset, mask);
}

template <class T, class I>
LANES_INLINE T uniform_locked_poll(uint *, T *p, I offset, lanes::NotDeduced<T> expected, bool mask = true) {
  return uniform_atomic_poll(p, offset, expected, mask);
}

template <class I> LANES_INLINE void wide_umax(long *p, I offset, Lanes<long> values, b1 mask = true) {
  atomic_umax(p, offset, values, mask);
}
template <class I> LANES_INLINE void wide_umin(long *p, I offset, Lanes<long> values, b1 mask = true) {
  atomic_umin(p, offset, values, mask);
}
template <class I> LANES_INLINE void uniform_wide_umax(long *p, I offset, long value, bool mask = true) {
  uniform_atomic_umax(p, offset, value, mask);
}
template <class I> LANES_INLINE void uniform_wide_umin(long *p, I offset, long value, bool mask = true) {
  uniform_atomic_umin(p, offset, value, mask);
}

}  // namespace metal
