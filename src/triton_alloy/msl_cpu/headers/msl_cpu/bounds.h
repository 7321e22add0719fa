// Accesses against the memory of a launch, in `fast` mode with -DMSL_BOUNDS. An access outside of it stops the launch.
//
// A launch lists its buffers as ranges of addresses, and an access is looked up by its address alone, whatever
// expression gave the pointer. The range of the pointer that it goes by is tried first. That one the compiler finds
// outside of loops in which the pointer does not change: to it the list is constant, and finding it only arithmetic.
#pragma once
#include "context_switch.h"

#ifdef MSL_BOUNDS

extern "C" __attribute__((visibility("default"))) const msl_cpu::Bounds msl_cpu_bounds;

namespace msl_cpu {

typedef ulong Ranges __attribute__((ext_vector_type(ranges_at_once)));
typedef bool Found __attribute__((ext_vector_type(ranges_at_once)));

struct Range {
  ulong low, high;
  // Whether all bytes from `first` to `last` are in it.
  MSL_INLINE bool holds(ulong first, ulong last) const { return first >= low && last < high; }
  // Whether `bytes` from `first` on are: one comparison with what changes only where the range or `bytes` does. A range
  // that is too small takes one address, which is never mapped.
  MSL_INLINE bool takes(ulong first, ulong bytes) const {
    bool fits = high - low >= bytes;
    return first - (fits ? low : 1) <= (fits ? high - low - bytes : 0);
  }
};

MSL_INLINE Ranges ranges(const ulong *bounds, uint group) {
  return *(const Ranges *)(bounds + group * ranges_at_once);
}

// The range that a pointer points into, one of the first; any where it points elsewhere.
MSL_INLINE Range range_of(ulong pointer) {
  Ranges low = ranges(msl_cpu_bounds.low, 0), high = ranges(msl_cpu_bounds.high, 0);
  auto found = (low <= pointer) & (high > pointer);
  Ranges none = 0;
  return {__builtin_reduce_max(found ? low : none), __builtin_reduce_max(found ? high : none)};
}

// Whether all bytes from `first` to `last` lie in one range, or in the threadgroup's memory.
MSL_INLINE bool is_inside(ulong first, ulong last) {
  ulong arena = (ulong)current_worker() + arena_offset;
  if (first - arena < arena_bytes && last - arena < arena_bytes) return true;
  for (uint group = 0; group < msl_cpu_bounds.groups; ++group) {
    auto found = (ranges(msl_cpu_bounds.low, group) <= first) & (ranges(msl_cpu_bounds.high, group) > last);
    if (__builtin_bit_cast(unsigned char, __builtin_convertvector(found, Found))) return true;
  }
  return false;
}

// What follows is called where an access is not in the range of its pointer, and is kept out of the loops of kernels:
// it changes no register and no memory.
#define MSL_ELSEWHERE __attribute__((noinline, cold, pure, preserve_all)) MSL_UNWATCHED inline
// Two calls are never made one, so that the return address tells the line.
#define MSL_STOPS __attribute__((noinline, cold, noreturn, nomerge)) MSL_UNWATCHED inline
#define MSL_PLACE ((ulong)__builtin_return_address(0) - 1)

// Addresses of elements, lane by lane: `bytes` apart, or `scale` times an offset of its own.
template <uint bytes> struct InRow {
  ulong first;
  MSL_INLINE ulong operator[](uint i) const { return first + (ulong)i * bytes; }
  // Whether one range holds all elements from the first of the mask to the last.
  MSL_INLINE bool are_together(uint count, uint mask) const {
    uint low = count > simd_width || !mask ? 0 : __builtin_ctz(mask);
    uint high = count > simd_width || !mask ? count - 1 : simd_width - 1 - __builtin_clz(mask);
    return is_inside((*this)[low], (*this)[high] + bytes - 1);
  }
};
template <uint scale, class I> struct Scattered {
  ulong base;
  const I *offset;
  MSL_INLINE ulong operator[](uint i) const { return base + scale * (ulong)(long)offset[i]; }
  MSL_INLINE bool are_together(uint, uint) const { return false; }
};

// The first of `count` elements of the mask that is outside; `count` if there is none.
template <uint count, uint bytes, class Addresses> MSL_INLINE uint first_outside(Addresses addresses, uint mask) {
  for (uint i = 0; i < count; ++i)
    if ((mask >> i % simd_width & 1) && !is_inside(addresses[i], addresses[i] + bytes - 1)) return i;
  return count;
}
template <uint count, uint bytes, class Addresses> MSL_ELSEWHERE bool are_inside(Addresses addresses, uint mask) {
  return addresses.are_together(count, mask) || first_outside<count, bytes>(addresses, mask) == count;
}
template <uint count, uint bytes, AccessKind access, class Addresses>
MSL_STOPS void stop_at(Addresses addresses, ulong base, uint mask) {
  ulong address = addresses[first_outside<count, bytes>(addresses, mask)];
  fail(Stop{failure_bounds, {}, MSL_PLACE, address, base, bytes, access});
}

// `count` elements of `bytes`, of the mask only. base: the pointer that their addresses were computed from.
template <uint count, uint bytes, AccessKind access, class Addresses>
MSL_INLINE void look_up(Addresses addresses, ulong base, uint mask) {
  if (!are_inside<count, bytes>(addresses, mask)) stop_at<count, bytes, access>(addresses, base, mask);
}

// An element of `bytes` at an address that was computed from `base`.
template <uint bytes, AccessKind access> MSL_INLINE void admit(ulong address, ulong base) {
  if (__builtin_expect(range_of(base).takes(address, bytes), 1)) return;
  look_up<1, bytes, access>(InRow<bytes>{address}, base, 1);
}

// A device pointer whose elements are accessed one by one: the rewriter (text/guards.py) puts it in the place of p in
// p[i] and *p. base: the pointer that it was computed from.
template <class T, AccessKind access> struct Guarded {
  T *pointer, *base;
  template <class I> MSL_INLINE T &operator[](I index) const { return *at(pointer + index); }
  MSL_INLINE T &operator*() const { return *at(pointer); }
  MSL_INLINE T *operator->() const { return at(pointer); }
  MSL_INLINE T *at(T *place) const {
    admit<sizeof(T), access>((ulong)place, (ulong)base);
    return place;
  }
};

}  // namespace msl_cpu

template <class T> MSL_INLINE msl_cpu::Guarded<T, msl_cpu::access_read> msl_cpu_read(T *p) { return {p, p}; }
template <class T> MSL_INLINE msl_cpu::Guarded<T, msl_cpu::access_read> msl_cpu_read(T *base, T *p) {
  return {p, base};
}
template <class T> MSL_INLINE msl_cpu::Guarded<T, msl_cpu::access_write> msl_cpu_write(T *p) { return {p, p}; }
template <class T> MSL_INLINE msl_cpu::Guarded<T, msl_cpu::access_write> msl_cpu_write(T *base, T *p) {
  return {p, base};
}

#endif
