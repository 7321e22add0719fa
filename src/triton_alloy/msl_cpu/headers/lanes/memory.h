// Loads and stores. A lane whose mask is false touches no memory; pointers are aligned to their element only.
#pragma once
#include "bounds.h"

namespace metal {
namespace lanes {

LANES_INLINE uint mask_bits(b1 mask) { return bit_cast<uint>(mask.v); }

// Memory holds T; bool is a byte.
template <class T> struct InMemory { using type = typename Element<T>::stored; };
template <> struct InMemory<bool> { using type = uchar; };
template <class T> using Cell = typename InMemory<T>::type;
template <class T> using Row = Vector<Cell<T>>;

template <class T> LANES_INLINE Row<T> to_row(Lanes<T> x) {
  if constexpr (same<T, bool>) return u8(x).v;
  else return x.v;
}
template <class T> LANES_INLINE Lanes<T> from_row(Row<T> row) {
  if constexpr (same<T, bool>) return b1(u8::of(row));
  else return Lanes<T>::of(row);
}
template <class T> LANES_INLINE const Cell<T> *source(const T *p) { return reinterpret_cast<const Cell<T> *>(p); }
template <class T> LANES_INLINE Cell<T> *target(T *p) { return reinterpret_cast<Cell<T> *>(p); }

// ------------------------------------------------------------------------------------------------------- contiguous
template <class C> LANES_INLINE Vector<C> load_row(const C *p) {
  Vector<C> row;
  __builtin_memcpy(&row, p, sizeof row);
  return row;
}
template <class C> LANES_INLINE void store_row(C *p, Vector<C> row) { __builtin_memcpy(p, &row, sizeof row); }

// To an output, which the kernel does not read. NumPy aligns arrays to 16 bytes; the processor joins stores to lines.
template <class C> LANES_INLINE void write_row(C *p, Vector<C> row) {
  typedef C Piece __attribute__((vector_size(16)));
  struct Pieces { Piece piece[sizeof row / sizeof(Piece)]; } all = bit_cast<Pieces>(row);
  if (__builtin_expect(msl_cpu::goes_past_caches(sizeof row) && (ulong)p % sizeof(Piece) == 0, 0))
    for (uint i = 0; i < sizeof row / sizeof(Piece); ++i) __builtin_nontemporal_store(all.piece[i], (Piece *)p + i);
  else store_row(p, row);
}

// Only the elements whose mask bit is set are touched.
#if defined(__AVX512BW__) && defined(__AVX512VL__)
template <class C> LANES_INLINE Vector<C> load_masked(const C *p, uint mask, Vector<C> other) {
  if constexpr (sizeof(C) == 1) {
    using V = Vector<char>;
    return (Vector<C>)__builtin_ia32_loaddquqi256_mask((const V *)p, (V)other, mask);
  } else if constexpr (sizeof(C) == 2) {
    using V = Vector<short>;
    return (Vector<C>)__builtin_ia32_loaddquhi512_mask((const V *)p, (V)other, mask);
  } else if constexpr (sizeof(C) == 4) {
    Vector<int> v = (Vector<int>)other;
    v.lo = __builtin_ia32_loaddqusi512_mask((const int *)p, v.lo, (ushort)mask);
    v.hi = __builtin_ia32_loaddqusi512_mask((const int *)(p + 16), v.hi, (ushort)(mask >> 16));
    return (Vector<C>)v;
  } else {
    Vector<long long> v = (Vector<long long>)other;
    v.lo.lo = __builtin_ia32_loaddqudi512_mask((const long long *)p, v.lo.lo, (uchar)mask);
    v.lo.hi = __builtin_ia32_loaddqudi512_mask((const long long *)(p + 8), v.lo.hi, (uchar)(mask >> 8));
    v.hi.lo = __builtin_ia32_loaddqudi512_mask((const long long *)(p + 16), v.hi.lo, (uchar)(mask >> 16));
    v.hi.hi = __builtin_ia32_loaddqudi512_mask((const long long *)(p + 24), v.hi.hi, (uchar)(mask >> 24));
    return (Vector<C>)v;
  }
}
template <class C> LANES_INLINE void store_masked(C *p, Vector<C> row, uint mask) {
  if constexpr (sizeof(C) == 1) {
    using V = Vector<char>;
    __builtin_ia32_storedquqi256_mask((V *)p, (V)row, mask);
  } else if constexpr (sizeof(C) == 2) {
    using V = Vector<short>;
    __builtin_ia32_storedquhi512_mask((V *)p, (V)row, mask);
  } else if constexpr (sizeof(C) == 4) {
    Vector<int> v = (Vector<int>)row;
    __builtin_ia32_storedqusi512_mask((int *)p, v.lo, (ushort)mask);
    __builtin_ia32_storedqusi512_mask((int *)(p + 16), v.hi, (ushort)(mask >> 16));
  } else {
    Vector<long long> v = (Vector<long long>)row;
    __builtin_ia32_storedqudi512_mask((long long *)p, v.lo.lo, (uchar)mask);
    __builtin_ia32_storedqudi512_mask((long long *)(p + 8), v.lo.hi, (uchar)(mask >> 8));
    __builtin_ia32_storedqudi512_mask((long long *)(p + 16), v.hi.lo, (uchar)(mask >> 16));
    __builtin_ia32_storedqudi512_mask((long long *)(p + 24), v.hi.hi, (uchar)(mask >> 24));
  }
}
#else
template <class C> LANES_INLINE Vector<C> load_masked(const C *p, uint mask, Vector<C> other) {
  Array<C> cells = bit_cast<Array<C>>(other);
  for (; mask; mask &= mask - 1) cells.element[__builtin_ctz(mask)] = p[__builtin_ctz(mask)];
  return bit_cast<Vector<C>>(cells);
}
template <class C> LANES_INLINE void store_masked(C *p, Vector<C> row, uint mask) {
  Array<C> cells = bit_cast<Array<C>>(row);
  for (; mask; mask &= mask - 1) p[__builtin_ctz(mask)] = cells.element[__builtin_ctz(mask)];
}
#endif

template <bool output, class C>
LANES_INLINE void store_row_masked(C *p, Vector<C> row, uint mask, const void *base) {
  admit_row<writes>(p, base, mask);
  if (__builtin_expect(mask != ~0u, 0)) store_masked(p, row, mask);
  else if constexpr (output) write_row(p, row);
  else store_row(p, row);
}

// -------------------------------------------------------------------------------------------------------- scattered
// One scalar move per set bit of the mask. Byte offsets are 64-bit: any offset type, and addresses, come down to them.
template <class C, class I> LANES_INLINE Vector<C> gather(const C *p, Lanes<I> offset, uint mask, Vector<C> other) {
  admit_scattered<reads, C, sizeof(C)>(p, offset, mask);
  Array<C> cells = bit_cast<Array<C>>(other);
  Array<I> index = bit_cast<Array<I>>(offset.v);
  if (mask == ~0u) {
#pragma clang loop unroll_count(4)
    for (uint lane = 0; lane < count; ++lane) cells.element[lane] = p[index.element[lane]];
  } else
    for (; mask; mask &= mask - 1) {
      uint lane = __builtin_ctz(mask);
      cells.element[lane] = p[index.element[lane]];
    }
  return bit_cast<Vector<C>>(cells);
}
template <class C, class I> LANES_INLINE void scatter(C *p, Lanes<I> offset, uint mask, Vector<C> row) {
  admit_scattered<writes, C, sizeof(C)>(p, offset, mask);
  Array<C> cells = bit_cast<Array<C>>(row);
  Array<I> index = bit_cast<Array<I>>(offset.v);
#pragma clang loop unroll(disable)
  for (; mask; mask &= mask - 1) {
    uint lane = __builtin_ctz(mask);
    p[index.element[lane]] = cells.element[lane];
  }
}

// Whether the offsets are offset[0] + step * lane.
template <class I> LANES_INLINE bool has_step(Lanes<I> offset, int step) {
  return simd_all(offset == Lanes<I>(first(offset)) + index<I>() * Lanes<I>(step));
}

// Whether all lanes are wanted and their offsets rise by one in each half of them, as those of a tile with rows of 16
// do. Random offsets hardly ever begin so: nothing more is looked at.
template <class I> LANES_INLINE bool has_halves(Lanes<I> offset, uint mask) {
  if (__builtin_expect(offset.v[1] - offset.v[0] != 1, 1) || mask != ~0u) return false;
  auto start = Lanes<I>::of(__builtin_shufflevector(offset.v, offset.v, LANES_32(LANES_HALF, 16)));
  return simd_all(offset == start + (index<I>() & Lanes<I>(count / 2 - 1)));
}
template <class C> struct Halves {
  typedef C Half __attribute__((vector_size(count / 2 * sizeof(C))));
  Half half[2];
};
template <class C, class I> LANES_INLINE Vector<C> load_halves(const C *p, Lanes<I> offset) {
  Halves<C> row;
  for (uint i = 0; i < 2; ++i) __builtin_memcpy(&row.half[i], p + offset.v[i * count / 2], sizeof row.half[i]);
  return bit_cast<Vector<C>>(row);
}
template <class C, class I> LANES_INLINE void store_halves(C *p, Lanes<I> offset, Vector<C> values) {
  Halves<C> row = bit_cast<Halves<C>>(values);
  for (uint i = 0; i < 2; ++i) __builtin_memcpy(p + offset.v[i * count / 2], &row.half[i], sizeof row.half[i]);
}

// From offset[0] - lane.
template <class C, class I>
LANES_INLINE Vector<C> load_backwards(const C *p, Lanes<I> offset, uint mask, Vector<C> other) {
  const C *from = p + offset.v[0] - (count - 1);
  uint bits = __builtin_bitreverse32(mask);
  admit_row<reads>(from, p, bits);
  return flip<count - 1>(bits == ~0u ? load_row(from) : load_masked(from, bits, flip<count - 1>(other)));
}
template <class C, class I>
LANES_INLINE Vector<C> load_scattered(const C *p, Lanes<I> offset, uint mask, Vector<C> other) {
  if (__builtin_expect(I(offset.v[1] - offset.v[0]) == I(-1), 0) && has_step(offset, -1))
    return load_backwards(p, offset, mask, other);
  if (has_halves(offset, mask)) {
    admit_scattered<reads, C, sizeof(C)>(p, offset, mask);
    return load_halves(p, offset);
  }
  return gather(p, offset, mask, other);
}
template <class C, class I> LANES_INLINE void store_scattered(C *p, Lanes<I> offset, uint mask, Vector<C> row) {
  if (has_halves(offset, mask)) {
    admit_scattered<writes, C, sizeof(C)>(p, offset, mask);
    return store_halves(p, offset, row);
  }
  scatter(p, offset, mask, row);
}

}  // namespace lanes

// ------------------------------------------------------------------------------------------------------------- loads
// The offsets are known to be offset[0] + lane: only lane 0's is computed.
template <class T, class I> LANES_INLINE Lanes<T> load_contiguous(const T *p, Lanes<I> offset) {
  const auto *from = lanes::source(p + offset.v[0]);
  lanes::admit_row<lanes::reads>(from, p);
  return lanes::from_row<T>(lanes::load_row(from));
}
template <class T, class I>
LANES_INLINE Lanes<T> load_contiguous(const T *p, Lanes<I> offset, b1 mask, lanes::NotDeduced<Lanes<T>> other = T(0)) {
  const auto *from = lanes::source(p + offset.v[0]);
  uint bits = lanes::mask_bits(mask);
  lanes::admit_row<lanes::reads>(from, p, bits);
  if (__builtin_expect(bits == ~0u, 1)) return lanes::from_row<T>(lanes::load_row(from));
  return lanes::from_row<T>(lanes::load_masked(from, bits, lanes::to_row(other)));
}

template <class T, class I> LANES_INLINE Lanes<T> load(const T *p, Lanes<I> offset) {
  if (lanes::has_step(offset, 1)) return load_contiguous(p, offset);
  return lanes::from_row<T>(lanes::load_scattered(lanes::source(p), offset, ~0u, lanes::Row<T>(0)));
}
template <class T, class I>
LANES_INLINE Lanes<T> load(const T *p, Lanes<I> offset, b1 mask, lanes::NotDeduced<Lanes<T>> other = T(0)) {
  if (lanes::has_step(offset, 1)) return load_contiguous(p, offset, mask, other);
  auto row = lanes::load_scattered(lanes::source(p), offset, lanes::mask_bits(mask), lanes::to_row(other));
  return lanes::from_row<T>(row);
}

// At a uniform offset the value is uniform, unless the mask or `other` varies.
template <class T, class I, class = lanes::IfScalar<I>> LANES_INLINE T load(const T *p, I offset) {
  lanes::admit_one<lanes::reads>(p + offset, p);
  return p[offset];
}
template <class T, class I, class = lanes::IfScalar<I>>
LANES_INLINE T load(const T *p, I offset, bool mask, lanes::NotDeduced<T> other = T(0)) {
  return mask ? load(p, offset) : other;
}
template <class T, class I, class = lanes::IfScalar<I>>
LANES_INLINE Lanes<T> load(const T *p, I offset, b1 mask, lanes::NotDeduced<Lanes<T>> other = T(0)) {
  return simd_any(mask) ? select(other, Lanes<T>(load(p, offset)), mask) : other;
}

// ------------------------------------------------------------------------------------------------------------ stores
template <class T, class I>
LANES_INLINE void store_contiguous(T *p, Lanes<I> offset, lanes::NotDeduced<Lanes<T>> value, b1 mask = true) {
  lanes::store_row_masked<false>(lanes::target(p + offset.v[0]), lanes::to_row(value), lanes::mask_bits(mask), p);
}
// store_contiguous to an output; the name is that long so that columns stay, see text/outputs.py.
template <class T, class I>
LANES_INLINE void write_contiguous(T *p, Lanes<I> offset, lanes::NotDeduced<Lanes<T>> value, b1 mask = true) {
  lanes::store_row_masked<true>(lanes::target(p + offset.v[0]), lanes::to_row(value), lanes::mask_bits(mask), p);
}
template <class T, class I> LANES_INLINE void store(T *p, Lanes<I> offset, lanes::NotDeduced<Lanes<T>> value) {
  if (lanes::has_step(offset, 1)) store_contiguous(p, offset, value);
  else lanes::store_scattered(lanes::target(p), offset, ~0u, lanes::to_row(value));
}
template <class T, class I> LANES_INLINE void store(T *p, Lanes<I> offset, lanes::NotDeduced<Lanes<T>> value, b1 mask) {
  if (lanes::has_step(offset, 1)) store_contiguous(p, offset, value, mask);
  else lanes::store_scattered(lanes::target(p), offset, lanes::mask_bits(mask), lanes::to_row(value));
}

template <class T, class I, class = lanes::IfScalar<I>>
LANES_INLINE void store(T *p, I offset, lanes::NotDeduced<T> value, bool mask = true) {
  if (!mask) return;
  lanes::admit_one<lanes::writes>(p + offset, p);
  p[offset] = value;
}
template <class T, class I, class = lanes::IfScalar<I>>
LANES_INLINE void store(T *p, I offset, lanes::NotDeduced<Lanes<T>> value, b1 mask) {
  lanes::scatter(lanes::target(p), i64(offset), lanes::mask_bits(mask), lanes::to_row(value));
}
// Once for the whole simdgroup.
template <class T, class I, class = lanes::IfScalar<I>>
LANES_INLINE void store_uniform(T *p, I offset, lanes::NotDeduced<T> value, bool mask = true) {
  store(p, offset, value, mask);
}

// Adds to threadgroup memory, lane by lane: offsets may be equal. No other thread is in the threadgroup's memory.
template <class I> LANES_INLINE void accumulate(int *p, Lanes<I> offset, i32 value, b1 mask = true) {
  lanes::admit_scattered<lanes::writes, int, sizeof(int)>(p, offset, lanes::mask_bits(mask));
  lanes::Array<I> index = lanes::bit_cast<lanes::Array<I>>(offset.v);
  lanes::Array<int> addend = lanes::bit_cast<lanes::Array<int>>(value.v);
#pragma clang loop unroll(disable)
  for (uint bits = lanes::mask_bits(mask); bits; bits &= bits - 1) {
    uint lane = __builtin_ctz(bits);
    p[index.element[lane]] += addend.element[lane];
  }
}

}  // namespace metal
