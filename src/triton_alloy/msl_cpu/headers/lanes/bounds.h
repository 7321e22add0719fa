// What the lanes of a simdgroup access, against the memory of the launch (msl_cpu/bounds.h); nothing where bounds are
// not checked. A row is checked as a whole, lanes with offsets of their own by the least and the greatest.
#pragma once
#include "crossing.h"

namespace metal {
namespace lanes {

constexpr auto reads = msl_cpu::access_read, writes = msl_cpu::access_write;
using Access = msl_cpu::AccessKind;

#ifdef MSL_BOUNDS

// `n` elements of consecutive addresses from p on.
template <Access access, uint n, class C> LANES_INLINE void admit_block(const C *p, const void *base) {
  if (__builtin_expect(msl_cpu::range_of((ulong)base).takes((ulong)p, n * sizeof(C)), 1)) return;
  msl_cpu::look_up<n, sizeof(C), access>(msl_cpu::InRow<sizeof(C)>{(ulong)p}, (ulong)base, ~0u);
}

// The elements p[lane] of the mask.
template <Access access, class C> LANES_INLINE void admit_row(const C *p, const void *base, uint mask = ~0u) {
  if (__builtin_expect(msl_cpu::range_of((ulong)base).takes((ulong)p, count * sizeof(C)), 1)) return;
  msl_cpu::look_up<count, sizeof(C), access>(msl_cpu::InRow<sizeof(C)>{(ulong)p}, (ulong)base, mask);
}

// The elements of C at p + scale * offset[lane] of the mask, p and scale in bytes.
template <Access access, class C, uint scale, class I>
LANES_INLINE void admit_scattered(const void *p, Lanes<I> offset, uint mask) {
  msl_cpu::Range range = msl_cpu::range_of((ulong)p);
  if (!mask) return;
  Lanes<I> touched = offset;
  if (mask != ~0u) touched = select(Lanes<I>(I(offset.v[__builtin_ctz(mask)])), offset, b1::of(bit_cast<Mask>(mask)));
  ulong least = (ulong)(long)reduce_min(touched), greatest = (ulong)(long)reduce_max(touched);
  bool wraps = sizeof(I) == 8 && greatest - least >= 1ul << 48;
  bool inside = range.holds((ulong)p + (ulong)scale * least, (ulong)p + (ulong)scale * greatest + sizeof(C) - 1);
  if (__builtin_expect(inside && !wraps, 1)) return;
  Array<I> index = bit_cast<Array<I>>(offset.v);
  msl_cpu::Scattered<scale, I> addresses{(ulong)p, index.element};
  msl_cpu::look_up<count, sizeof(C), access>(addresses, (ulong)p, mask);
}

template <Access access, class C> LANES_INLINE void admit_one(const C *p, const void *base) {
  msl_cpu::admit<sizeof(C), access>((ulong)p, (ulong)base);
}
template <class C> LANES_INLINE void admit_atomic(const C *p, const void *base) {
  msl_cpu::admit<sizeof(C), msl_cpu::access_atomic>((ulong)p, (ulong)base);
}

#else

template <Access access, uint n, class C> LANES_INLINE void admit_block(const C *, const void *) {}
template <Access access, class C> LANES_INLINE void admit_row(const C *, const void *, uint = ~0u) {}
template <Access access, class C, uint scale, class I>
LANES_INLINE void admit_scattered(const void *, Lanes<I>, uint) {}
template <Access access, class C> LANES_INLINE void admit_one(const C *, const void *) {}
template <class C> LANES_INLINE void admit_atomic(const C *, const void *) {}

#endif

}  // namespace lanes
}  // namespace metal
