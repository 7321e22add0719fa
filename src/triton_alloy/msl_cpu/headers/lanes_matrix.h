// Matrix products of register fragments: a register-blocked kernel on rows of floats in memory.
#pragma once
#include "lanes_crossing.h"

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

// The same for a block of any number of rows, `width` a multiple of tile_width or less than it.
template <uint rows, uint width>
LANES_INLINE void multiply_block(float *c, uint c_stride, const float *a, uint a_stride, const float *b, uint b_stride,
                                 uint depth, bool zero_c) {
  constexpr uint step = width < tile_width ? width : tile_width;
#pragma clang loop unroll(disable)
  for (uint column = 0; column < width; column += step) {
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

template <class T> LANES_INLINE Vector<float> to_float(Lanes<T> x) { return Lanes<float>(x).v; }

}  // namespace lanes

// c[m * N + n] += sum over k of lane k % 32 of a[m * ceil(K / 32) + k / 32] times b[k * N + n]: M rows, N groups of 32
// columns, K scalars.
template <uint M, uint N, uint K>
LANES_INLINE void mma_rows(Lanes<float> *c, const Lanes<float> *a, const Lanes<float> *b) {
  lanes::multiply_block<M, N * 32>((float *)c, N * 32, (const float *)a, (K + 31) / 32 * 32, (const float *)b, N * 32, K,
                                   false);
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

}  // namespace metal
