// A pointer for each lane, `p + offset`, and accesses that go by it. What is added for all lanes moves the pointer;
// where bounds are checked it moves the offsets instead, so that an access is known by the pointer it began with.
#pragma once
#include "vector_memory.h"

namespace metal {
namespace lanes {

template <class T, class I> struct Pointers {
  T *base;
  Lanes<I> offset;

  template <class J, class = IfScalar<J>> LANES_INLINE Pointers operator+(J number) const {
#ifdef MSL_BOUNDS
    return {base, offset + Lanes<I>(I(number))};
#else
    return {base + number, offset};
#endif
  }
};

#ifdef MSL_BOUNDS
template <class I> using OfPointer = long;
#else
template <class I> using OfPointer = I;
#endif

}  // namespace lanes

template <class T, class I>
LANES_INLINE lanes::Pointers<T, lanes::OfPointer<I>> operator+(T *p, Lanes<I> offset) {
  return {p, Lanes<lanes::OfPointer<I>>(offset)};
}

// The function of a pointer and offsets, for pointers of the lanes and a number that they share.
#define LANES_BY_POINTER(name) \
  template <class T, class I, class J, class... Rest> \
  LANES_INLINE auto name(lanes::Pointers<T, I> p, J number, const Rest &...rest) { \
    auto moved = p + number; \
    return name(moved.base, moved.offset, rest...); \
  }
LANES_BY_POINTER(load)
LANES_BY_POINTER(load_contiguous)
LANES_BY_POINTER(store)
LANES_BY_POINTER(store_contiguous)
LANES_BY_POINTER(write_contiguous)
#undef LANES_BY_POINTER

template <uint width, class V, class T, class I, class J, class... Rest>
LANES_INLINE void load_vector(V *out, lanes::Pointers<T, I> p, J number, const Rest &...rest) {
  auto moved = p + number;
  load_vector<width>(out, moved.base, moved.offset, rest...);
}
template <uint width, class T, class I, class J, class... Rest>
LANES_INLINE void store_vector(lanes::Pointers<T, I> p, J number, const Rest &...rest) {
  auto moved = p + number;
  store_vector<width>(moved.base, moved.offset, rest...);
}

}  // namespace metal
