// <metal_simdgroup_matrix>, 8 x 8. Two forms, chosen by the text:
//  - leader: lane 0 owns all 64 elements, the other lanes skip; no meeting at all.
//  - distributed (the text uses thread_elements): 2 elements per lane, placed as on the hardware.
#pragma once
#include "simd.h"

namespace msl_cpu {

// d = a * b + c on row-major 8 x 8 matrices, in float.
template <class D, class A, class B, class C>
MSL_UNINSTRUMENTED MSL_INLINE void multiply_8x8(D *d, const A *a, const B *b, const C *c) {
  typedef float Row __attribute__((vector_size(32)));
  Row rows_of_b[8];
  for (int k = 0; k < 8; ++k)
    for (int j = 0; j < 8; ++j) rows_of_b[k][j] = (float)b[k * 8 + j];
  D result[64];
  for (int i = 0; i < 8; ++i) {
    Row sum;
    for (int j = 0; j < 8; ++j) sum[j] = (float)c[i * 8 + j];
    for (int k = 0; k < 8; ++k) sum += (float)a[i * 8 + k] * rows_of_b[k];
    for (int j = 0; j < 8; ++j) result[i * 8 + j] = (D)sum[j];
  }
  __builtin_memcpy(d, result, sizeof result);
}

// Element (row, column) and (row, column + 1) belong to this lane.
struct Place {
  uint row, column;
  MSL_INLINE explicit Place(uint lane = current_lane()) {
    uint quad = lane / 4;
    row = (quad & 4) + lane / 2 % 4;
    column = (quad & 2) * 2 + lane % 2 * 2;
  }
};

// What a lane brings to a product: its elements of A, B and C.
struct Factors {
  float a[2], b[2], c[2];
};

MSL_UNINSTRUMENTED inline void combine_matrices(Simdgroup *simdgroup, uint parity, uint) {
  const Factors *lanes = slots<Factors>(*simdgroup, parity);
  float a[64], b[64], c[64], d[64];
  for (uint lane = 0; lane < simd_width; ++lane) {
    Place place(lane);
    for (uint i = 0; i < 2; ++i) {
      uint element = place.row * 8 + place.column + i;
      a[element] = lanes[lane].a[i];
      b[element] = lanes[lane].b[i];
      c[element] = lanes[lane].c[i];
    }
  }
  multiply_8x8(d, a, b, c);
  for (uint lane = 0; lane < simd_width; ++lane) {
    Place place(lane);
    __builtin_memcpy(results<float2>(*simdgroup, parity) + lane, d + place.row * 8 + place.column, sizeof(float2));
  }
}

}  // namespace msl_cpu

namespace metal {

template <class T, int rows, int columns> struct simdgroup_matrix {
  static_assert(rows == 8 && columns == 8, "simdgroup_matrix is 8 x 8");
  typedef T element_type;
#ifdef MSL_DISTRIBUTED_MATRIX
  typedef vec<T, 2> storage_type;
  vec<T, 2> elements;
  MSL_INLINE vec<T, 2> &thread_elements() { return elements; }
  MSL_INLINE const vec<T, 2> &thread_elements() const { return elements; }
  MSL_INLINE void fill(T value) { elements = vec<T, 2>(value); }
  // The diagonal matrix of `value`.
  MSL_INLINE explicit simdgroup_matrix(T value) {
    msl_cpu::Place place;
    elements = vec<T, 2>(place.row == place.column ? value : T(0), place.row == place.column + 1 ? value : T(0));
  }
#else
  T elements[64];
  MSL_INLINE void fill(T value) {
    if (msl_cpu::current_lane() != 0) return;
    for (int i = 0; i < 64; ++i) elements[i] = value;
  }
  MSL_INLINE explicit simdgroup_matrix(T value) {
    if (msl_cpu::current_lane() != 0) return;
    for (int i = 0; i < 64; ++i) elements[i] = i % 9 ? T(0) : value;
  }
#endif
  simdgroup_matrix() = default;
};

typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <class T, int rows, int columns = rows>
MSL_INLINE simdgroup_matrix<T, rows, columns> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, rows, columns> result;
  result.fill(value);
  return result;
}
template <class T> MSL_INLINE simdgroup_matrix<T, 8, 8> make_filled_simdgroup_matrix(T value) {
  return make_filled_simdgroup_matrix<T, 8, 8>(value);
}
template <class T, int rows, int columns = rows>
MSL_INLINE simdgroup_matrix<T, rows, columns> make_diagonal_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, rows, columns>(value);
}

// p points to element (0, 0) of an array with `stride` elements per row; `origin` is (column, row).
template <class T, class P>
MSL_INLINE void simdgroup_load(simdgroup_matrix<T, 8, 8> &matrix, const P *p, ulong stride = 8,
                               ulong2 origin = ulong2(0), bool transpose = false) {
  static_assert(is_same_v<remove_cv_t<P>, T>, "the pointer's type must be the matrix's element type");
  ulong row_step = transpose ? 1 : stride, column_step = transpose ? stride : 1;
  p += origin.y * stride + origin.x;
#ifdef MSL_DISTRIBUTED_MATRIX
  msl_cpu::Place place;
  p += place.row * row_step + place.column * column_step;
  matrix.elements = vec<T, 2>(p[0], p[column_step]);
#else
  if (msl_cpu::current_lane() != 0) return;
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) matrix.elements[i * 8 + j] = p[i * row_step + j * column_step];
#endif
}

template <class T, class P>
MSL_INLINE void simdgroup_store(const simdgroup_matrix<T, 8, 8> &matrix, P *p, ulong stride = 8,
                                ulong2 origin = ulong2(0), bool transpose = false) {
  static_assert(is_same_v<remove_cv_t<P>, T>, "the pointer's type must be the matrix's element type");
  ulong row_step = transpose ? 1 : stride, column_step = transpose ? stride : 1;
  p += origin.y * stride + origin.x;
#ifdef MSL_DISTRIBUTED_MATRIX
  msl_cpu::Place place;
  p += place.row * row_step + place.column * column_step;
  p[0] = matrix.elements.x;
  p[column_step] = matrix.elements.y;
#else
  if (msl_cpu::current_lane() != 0) return;
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) p[i * row_step + j * column_step] = matrix.elements[i * 8 + j];
#endif
}

template <class D, class A, class B, class C>
MSL_INLINE void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8> &d, const simdgroup_matrix<A, 8, 8> &a,
                                              const simdgroup_matrix<B, 8, 8> &b, const simdgroup_matrix<C, 8, 8> &c,
                                              int site = MSL_SITE) {
#ifdef MSL_DISTRIBUTED_MATRIX
  msl_cpu::Self self;
  msl_cpu::Factors factors = {{(float)a.elements.x, (float)a.elements.y},
                              {(float)b.elements.x, (float)b.elements.y},
                              {(float)c.elements.x, (float)c.elements.y}};
  uint parity = msl_cpu::meet_with(self, factors, site, msl_cpu::combine_matrices);
  float2 result = msl_cpu::results<float2>(self.simdgroup, parity)[self.lane];
  d.elements = vec<D, 2>((D)result.x, (D)result.y);
#else
  if (msl_cpu::current_lane() == 0) msl_cpu::multiply_8x8(d.elements, a.elements, b.elements, c.elements);
#endif
}

template <class D, class A, class B>
MSL_INLINE void simdgroup_multiply(simdgroup_matrix<D, 8, 8> &d, const simdgroup_matrix<A, 8, 8> &a,
                                   const simdgroup_matrix<B, 8, 8> &b, int site = MSL_SITE) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<float, 8, 8>(0.0f), site);
}
template <class T>
MSL_INLINE simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8> &a,
                                               const simdgroup_matrix<T, 8, 8> &b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

}  // namespace metal
