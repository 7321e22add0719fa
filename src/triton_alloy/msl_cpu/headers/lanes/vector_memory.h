// Loads and stores of several elements per lane, and by address.
#pragma once
#include "memory.h"

namespace metal {
namespace lanes {

// Element l of the result is an even (or odd) one of the 64 in a and b; element l is from a or b by l's parity.
#define LANES_EVERY_OTHER(l, first) (2 * (l) + (first))
#define LANES_ALTERNATE(l, first) ((l) / 2 + ((l) & 1 ? 32 : 0) + (first))

// out[j] lane l = the `width` rows' element l * width + j; width is a power of 2.
template <uint width, class V> LANES_INLINE void deinterleave(V *out, const V *rows) {
  if constexpr (width == 1) out[0] = rows[0];
  else {
    constexpr uint half = width / 2;
    V even[half], odd[half], even_out[half], odd_out[half];
#pragma clang loop unroll(full)
    for (uint i = 0; i < half; ++i) {
      even[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], LANES_32(LANES_EVERY_OTHER, 0));
      odd[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], LANES_32(LANES_EVERY_OTHER, 1));
    }
    deinterleave<half>(even_out, even);
    deinterleave<half>(odd_out, odd);
#pragma clang loop unroll(full)
    for (uint j = 0; j < width; ++j) out[j] = j & 1 ? odd_out[j / 2] : even_out[j / 2];
  }
}
template <uint width, class V> LANES_INLINE void interleave(V *rows, const V *in) {
  if constexpr (width == 1) rows[0] = in[0];
  else {
    constexpr uint half = width / 2;
    V even[half], odd[half], even_in[half], odd_in[half];
#pragma clang loop unroll(full)
    for (uint j = 0; j < half; ++j) {
      even_in[j] = in[2 * j];
      odd_in[j] = in[2 * j + 1];
    }
    interleave<half>(even, even_in);
    interleave<half>(odd, odd_in);
#pragma clang loop unroll(full)
    for (uint i = 0; i < half; ++i) {
      rows[2 * i] = __builtin_shufflevector(even[i], odd[i], LANES_32(LANES_ALTERNATE, 0));
      rows[2 * i + 1] = __builtin_shufflevector(even[i], odd[i], LANES_32(LANES_ALTERNATE, 16));
    }
  }
}

template <uint width> constexpr bool is_interleavable = width <= 16 && (width & (width - 1)) == 0;

template <uint width, class T> LANES_INLINE void load_interleaved(Lanes<T> *out, const T *p, const T *base) {
  admit_block<reads, count * width>(source(p), base);
  Row<T> rows[width], columns[width];
#pragma clang loop unroll(full)
  for (uint j = 0; j < width; ++j) rows[j] = load_row(source(p) + 32 * j);
  deinterleave<width>(columns, rows);
#pragma clang loop unroll(full)
  for (uint j = 0; j < width; ++j) out[j] = from_row<T>(columns[j]);
}
template <uint width, class T> LANES_INLINE void store_interleaved(T *p, const T *base, const Lanes<T> *values) {
  admit_block<writes, count * width>(target(p), base);
  Row<T> rows[width], columns[width];
#pragma clang loop unroll(full)
  for (uint j = 0; j < width; ++j) columns[j] = to_row(values[j]);
  interleave<width>(rows, columns);
#pragma clang loop unroll(full)
  for (uint j = 0; j < width; ++j) store_row(target(p) + 32 * j, rows[j]);
}

}  // namespace lanes

// `width` consecutive elements per lane from its offset: out[j] is element j. Where masked, other[j], or `other`.
template <uint width, class T, class I>
LANES_INLINE void load_vector(Lanes<T> *out, const T *p, Lanes<I> offset, b1 mask, const Lanes<T> *other) {
  if constexpr (lanes::is_interleavable<width>)
    if (simd_all(mask) && lanes::has_step(offset, width))
      return lanes::load_interleaved<width>(out, p + offset.v[0], p);
#pragma clang loop unroll(disable)
  for (uint j = 0; j < width; ++j) out[j] = load(p + j, offset, mask, other[j]);
}
template <uint width, class T, class I>
LANES_INLINE void load_vector(Lanes<T> *out, const T *p, Lanes<I> offset, b1 mask = true,
                              lanes::NotDeduced<Lanes<T>> other = T(0)) {
  if constexpr (lanes::is_interleavable<width>)
    if (simd_all(mask) && lanes::has_step(offset, width))
      return lanes::load_interleaved<width>(out, p + offset.v[0], p);
#pragma clang loop unroll(disable)
  for (uint j = 0; j < width; ++j) out[j] = load(p + j, offset, mask, other);
}
template <uint width, class T, class I>
LANES_INLINE void store_vector(T *p, Lanes<I> offset, const Lanes<T> *values, b1 mask = true) {
  if constexpr (lanes::is_interleavable<width>)
    if (simd_all(mask) && lanes::has_step(offset, width))
      return lanes::store_interleaved<width>(p + offset.v[0], p, values);
#pragma clang loop unroll(disable)
  for (uint j = 0; j < width; ++j) store(p + j, offset, values[j], mask);
}

// --------------------------------------------------------------------------------------------------------- addresses
template <class T> LANES_INLINE ulong address_of(T *p) { return (ulong)p; }

// The element of T at each lane's address.
template <class T> LANES_INLINE Lanes<T> load_address(u64 address, b1 mask = true, Lanes<T> other = T(0)) {
  using Cell = lanes::Cell<T>;
  if (lanes::has_step(address, sizeof(T)))
    return load_contiguous((const T *)address.v[0], i32(0), mask, other);
  lanes::admit_scattered<lanes::reads, Cell, 1>(nullptr, address, lanes::mask_bits(mask));
  auto row = lanes::to_row(other);
  lanes::Array<Cell> cells = lanes::bit_cast<lanes::Array<Cell>>(row);
  lanes::Array<ulong> from = lanes::bit_cast<lanes::Array<ulong>>(address.v);
#pragma clang loop unroll(disable)
  for (uint rest = lanes::mask_bits(mask); rest; rest &= rest - 1) {
    uint lane = __builtin_ctz(rest);
    cells.element[lane] = *(const Cell *)from.element[lane];
  }
  return lanes::from_row<T>(lanes::bit_cast<lanes::Row<T>>(cells));
}
template <class T> LANES_INLINE void store_address(u64 address, Lanes<T> value, b1 mask = true) {
  using Cell = lanes::Cell<T>;
  if (lanes::has_step(address, sizeof(T))) return store_contiguous((T *)address.v[0], i32(0), value, mask);
  lanes::admit_scattered<lanes::writes, Cell, 1>(nullptr, address, lanes::mask_bits(mask));
  lanes::Array<Cell> cells = lanes::bit_cast<lanes::Array<Cell>>(lanes::to_row(value));
  lanes::Array<ulong> to = lanes::bit_cast<lanes::Array<ulong>>(address.v);
#pragma clang loop unroll(disable)
  for (uint rest = lanes::mask_bits(mask); rest; rest &= rest - 1) {
    uint lane = __builtin_ctz(rest);
    *(Cell *)to.element[lane] = cells.element[lane];
  }
}

}  // namespace metal
