// Matrix products of register fragments: a register-blocked kernel on rows of floats in memory.
#pragma once
#include "crossing.h"

namespace metal {
namespace lanes {

// Rows of the product kept in vector registers at once: rows * width / (floats of a vector) accumulators.
#if defined(__AVX512F__)
constexpr uint tile_rows = 12, tile_width = 32;
#elif defined(__aarch64__)
constexpr uint tile_rows = 6, tile_width = 16;
#else
constexpr uint tile_rows = 6, tile_width = 16;
#endif

template <uint width> struct Unaligned {
  typedef Vector<float, width> type __attribute__((aligned(4)));
};

// c[rows x width] += a[rows x depth] b[depth x width]; strides in floats. Also zero_c: c = a b.
template <uint rows, uint width>
LANES_INLINE void multiply_tile(float *c, uint c_stride, const float *a, uint a_stride, const float *b, uint b_stride,
                                uint depth, bool zero_c) {
  using V = typename Unaligned<width>::type;
  Vector<float, width> sum[rows];
#pragma clang loop unroll(full)
  for (uint i = 0; i < rows; ++i) sum[i] = zero_c ? (Vector<float, width>)0 : *(const V *)(c + i * c_stride);
#pragma clang loop unroll(disable)
  for (uint k = 0; k < depth; ++k) {
    Vector<float, width> row = *(const V *)(b + k * b_stride);
#pragma clang loop unroll(full)
    for (uint i = 0; i < rows; ++i) sum[i] = multiply_add((Vector<float, width>)a[i * a_stride + k], row, sum[i]);
  }
#pragma clang loop unroll(full)
  for (uint i = 0; i < rows; ++i) *(V *)(c + i * c_stride) = sum[i];
}

// The same for any number of rows, and columns in steps of a tile's width.
template <uint rows, uint step>
LANES_INLINE void multiply_columns(float *c, uint c_stride, const float *a, uint a_stride, const float *b,
                                   uint b_stride, uint depth, bool zero_c, uint columns) {
#pragma clang loop unroll(disable)
  for (uint column = 0; column < columns; column += step) {
    uint i = 0;
#pragma clang loop unroll(disable)
    for (; i + tile_rows <= rows; i += tile_rows)
      multiply_tile<tile_rows, step>(c + i * c_stride + column, c_stride, a + i * a_stride, a_stride, b + column,
                                     b_stride, depth, zero_c);
    if constexpr (rows % tile_rows != 0)
      multiply_tile<rows % tile_rows, step>(c + i * c_stride + column, c_stride, a + i * a_stride, a_stride, b + column,
                                            b_stride, depth, zero_c);
  }
}

// The same for any width that is a multiple of 8: in wide steps if the rows are few, so that enough sums are under way,
// and in ever narrower ones at the end.
constexpr uint widest_step(uint rows) {
  return tile_width * (rows * 4 <= tile_rows ? 4 : rows * 2 <= tile_rows ? 2 : 1);
}
template <uint rows, uint width, uint step = widest_step(rows)>
LANES_INLINE void multiply_block(float *c, uint c_stride, const float *a, uint a_stride, const float *b, uint b_stride,
                                 uint depth, bool zero_c) {
  constexpr uint done = width / step * step;
  if constexpr (done != 0)
    multiply_columns<rows, step>(c, c_stride, a, a_stride, b, b_stride, depth, zero_c, done);
  if constexpr (done != width)
    multiply_block<rows, width - done, step / 2>(c + done, c_stride, a, a_stride, b + done, b_stride, depth, zero_c);
}

// ------------------------------------------------------------------------------------------------- fragments of 8x8
// The hardware's map: register r of lane l holds row_of(l), column_of(l, r). Back: element i = 8 row + column is in
// 32 r + l = holder_of(i).
constexpr int row_of(int l) { return (l >> 1 & 1) | (l >> 1 & 2) | (l >> 2 & 4); }
constexpr int column_of(int l, int r) { return r | (l & 1) << 1 | (l >> 1 & 4); }
constexpr int place_of(int l, int r) { return row_of(l) * 8 + column_of(l, r); }
constexpr int holder_of(int i, int) {
  return (i & 1) << 5 | (i >> 1 & 1) | (i >> 2 & 1) << 3 | (i >> 3 & 1) << 1 | (i >> 4 & 1) << 2 | (i >> 5 & 1) << 4;
}

template <class T> LANES_INLINE void unpack_fragment(float *to, uint stride, const Lanes<T> *pair) {
  Vector<float> x = Lanes<float>(pair[0]).v, y = Lanes<float>(pair[1]).v;
  float rows[64];
  store_row(rows, __builtin_shufflevector(x, y, LANES_16(holder_of, 0, 0), LANES_16(holder_of, 16, 0)));
  store_row(rows + 32, __builtin_shufflevector(x, y, LANES_16(holder_of, 32, 0), LANES_16(holder_of, 48, 0)));
  for (uint row = 0; row < 8; ++row) __builtin_memcpy(to + row * stride, rows + row * 8, 32);
}
LANES_INLINE void pack_fragment(Lanes<float> *pair, const float *from, uint stride) {
  float rows[64];
  for (uint row = 0; row < 8; ++row) __builtin_memcpy(rows + row * 8, from + row * stride, 32);
  Vector<float> upper = load_row(rows), lower = load_row(rows + 32);
  pair[0].v = __builtin_shufflevector(upper, lower, LANES_16(place_of, 0, 0), LANES_16(place_of, 16, 0));
  pair[1].v = __builtin_shufflevector(upper, lower, LANES_16(place_of, 0, 1), LANES_16(place_of, 16, 1));
}
// rows x columns fragments <-> a row-major matrix.
template <uint rows, uint columns, class T> LANES_INLINE void unpack_fragments(float *to, const Lanes<T> *from) {
#pragma clang loop unroll(disable)
  for (uint i = 0; i < rows * columns; ++i)
    unpack_fragment(to + i / columns * 8 * columns * 8 + i % columns * 8, columns * 8, from + 2 * i);
}

}  // namespace lanes

// c[m * N + n] += sum over k of lane k % 32 of a[m * ceil(K / 32) + k / 32] times b[k * N + n]: M rows, N groups of 32
// columns, K scalars.
template <uint M, uint N, uint K>
LANES_INLINE void mma_rows(Lanes<float> *c, const Lanes<float> *a, const Lanes<float> *b) {
  constexpr uint a_stride = (K + 31) / 32 * 32;
  lanes::multiply_block<M, N * 32>((float *)c, N * 32, (const float *)a, a_stride, (const float *)b, N * 32, K, false);
}

// Narrow inputs are converted to floats 32 values of k at a time. Sums of 32 products of 8-bit integers are exact in
// float.
template <uint M, uint N, uint K, class C, class A, class B>
LANES_INLINE void mma_rows(Lanes<C> *c, const Lanes<A> *a, const Lanes<B> *b) {
  constexpr uint groups = (K + 31) / 32;
  Lanes<float> left[M], right[32], product[M];
#pragma clang loop unroll(disable)
  for (uint group = 0; group < groups; ++group) {
    uint depth = K - group * 32 < 32 ? K - group * 32 : 32;
#pragma clang loop unroll(disable)
    for (uint m = 0; m < M; ++m) left[m] = Lanes<float>(a[m * groups + group]);
#pragma clang loop unroll(disable)
    for (uint n = 0; n < N; ++n) {
#pragma clang loop unroll(disable)
      for (uint k = 0; k < depth; ++k) right[k] = Lanes<float>(b[(group * 32 + k) * N + n]);
      if constexpr (lanes::same<C, float>)
        lanes::multiply_block<M, 32>((float *)(c + n), N * 32, (const float *)left, 32, (const float *)right, 32, depth,
                                     false);
      else {
        lanes::multiply_block<M, 32>((float *)product, 32, (const float *)left, 32, (const float *)right, 32, depth,
                                     true);
#pragma clang loop unroll(disable)
        for (uint m = 0; m < M; ++m) c[m * N + n] += Lanes<C>(product[m]);
      }
    }
  }
}

// c[(m * N + n) * 2 + r] += sum over k of a[(m * K + k) * 2 + r] times b[(k * N + n) * 2 + r], as fragments.
template <uint M, uint N, uint K, class A, class B>
LANES_INLINE void mma_8x8(Lanes<float> *c, const Lanes<A> *a, const Lanes<B> *b) {
  alignas(64) float left[M * 8 * K * 8], right[K * 8 * N * 8], sum[M * 8 * N * 8];
  lanes::unpack_fragments<M, K>(left, a);
  lanes::unpack_fragments<K, N>(right, b);
  lanes::unpack_fragments<M, N>(sum, c);
  lanes::multiply_block<M * 8, N * 8>(sum, N * 8, left, K * 8, right, N * 8, K * 8, false);
#pragma clang loop unroll(disable)
  for (uint i = 0; i < M * N; ++i) lanes::pack_fragment(c + 2 * i, sum + i / N * 8 * N * 8 + i % N * 8, N * 8);
}

}  // namespace metal
