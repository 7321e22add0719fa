// <metal_matrix>: float4x3, half2x2...; columns of vectors, arithmetic of linear algebra.
#pragma once
#include "geometric.h"

namespace metal {

template <class T, int C, int R> struct matrix {
  vec<T, R> columns[C];

  matrix() = default;
  // The diagonal, 0 elsewhere.
  constexpr explicit matrix(T diagonal) : columns{} {
    for (int i = 0; i < C; ++i) {
      columns[i] = vec<T, R>(T(0));
      if (i < R) columns[i][i] = diagonal;
    }
  }
  template <class... Rest, class = enable_if_t<sizeof...(Rest) + 1 == C>>
  constexpr matrix(vec<T, R> first, Rest... rest) : columns{first, vec<T, R>(rest)...} {}
  // All elements, by columns.
  template <class... Rest, class = enable_if_t<sizeof...(Rest) + 2 == C * R>, class = void>
  constexpr matrix(T first, type_identity_t<T> second, Rest... rest) : columns{} {
    T all[C * R] = {first, second, T(rest)...};
    for (int c = 0; c < C; ++c)
      for (int r = 0; r < R; ++r) columns[c][r] = all[c * R + r];
  }
  template <class U> constexpr explicit matrix(matrix<U, C, R> m) : columns{} {
    for (int c = 0; c < C; ++c) columns[c] = vec<T, R>(m.columns[c]);
  }
  MSL_INLINE constexpr vec<T, R> &operator[](int i) { return columns[i]; }
  MSL_INLINE constexpr const vec<T, R> &operator[](int i) const { return columns[i]; }
};

#define MSL_ELEMENTWISE(op)                                                                                           \
  template <class T, int C, int R>                                                                                    \
  MSL_INLINE matrix<T, C, R> operator op(matrix<T, C, R> a, const matrix<T, C, R> &b) {                               \
    for (int c = 0; c < C; ++c) a[c] = a[c] op b[c];                                                                  \
    return a;                                                                                                         \
  }
MSL_ELEMENTWISE(+)
MSL_ELEMENTWISE(-)
#undef MSL_ELEMENTWISE
template <class T, int C, int R> MSL_INLINE matrix<T, C, R> operator-(matrix<T, C, R> a) {
  for (int c = 0; c < C; ++c) a[c] = -a[c];
  return a;
}
template <class T, int C, int R> MSL_INLINE matrix<T, C, R> operator*(matrix<T, C, R> a, type_identity_t<T> b) {
  for (int c = 0; c < C; ++c) a[c] = a[c] * b;
  return a;
}
template <class T, int C, int R> MSL_INLINE matrix<T, C, R> operator*(type_identity_t<T> a, matrix<T, C, R> b) {
  return b * a;
}
template <class T, int C, int R> MSL_INLINE vec<T, R> operator*(const matrix<T, C, R> &a, vec<T, C> b) {
  vec<T, R> sum = a[0] * b[0];
  for (int c = 1; c < C; ++c) sum = sum + a[c] * b[c];
  return sum;
}
template <class T, int C, int R> MSL_INLINE vec<T, C> operator*(vec<T, R> a, const matrix<T, C, R> &b) {
  vec<T, C> result;
  for (int c = 0; c < C; ++c) result[c] = dot(a, b[c]);
  return result;
}
template <class T, int K, int R, int C>
MSL_INLINE matrix<T, C, R> operator*(const matrix<T, K, R> &a, const matrix<T, C, K> &b) {
  matrix<T, C, R> result;
  for (int c = 0; c < C; ++c) result[c] = a * b[c];
  return result;
}
template <class A, int C, int R, class B> MSL_INLINE matrix<A, C, R> &operator+=(matrix<A, C, R> &a, const B &b) {
  return a = a + b;
}
template <class A, int C, int R, class B> MSL_INLINE matrix<A, C, R> &operator-=(matrix<A, C, R> &a, const B &b) {
  return a = a - b;
}
template <class A, int C, int R, class B> MSL_INLINE matrix<A, C, R> &operator*=(matrix<A, C, R> &a, const B &b) {
  return a = a * b;
}
template <class T, int C, int R> MSL_INLINE bool operator==(const matrix<T, C, R> &a, const matrix<T, C, R> &b) {
  bool same = true;
  for (int c = 0; c < C; ++c) same &= all(a[c] == b[c]);
  return same;
}
template <class T, int C, int R> MSL_INLINE bool operator!=(const matrix<T, C, R> &a, const matrix<T, C, R> &b) {
  return !(a == b);
}
template <class T, int C, int R> MSL_INLINE matrix<T, R, C> transpose(const matrix<T, C, R> &a) {
  matrix<T, R, C> result;
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < R; ++r) result[r][c] = a[c][r];
  return result;
}
template <class T> MSL_INLINE T determinant(const matrix<T, 2, 2> &m) { return m[0].x * m[1].y - m[1].x * m[0].y; }
template <class T> MSL_INLINE T determinant(const matrix<T, 3, 3> &m) { return dot(m[0], cross(m[1], m[2])); }
template <class T> MSL_INLINE T determinant(const matrix<T, 4, 4> &m) {
  T sum = T(0), sign = T(1);
  for (int skipped = 0; skipped < 4; ++skipped, sign = -sign) {
    matrix<T, 3, 3> minor;
    for (int c = 1; c < 4; ++c)
      for (int r = 0, to = 0; r < 4; ++r)
        if (r != skipped) minor[c - 1][to++] = m[c][r];
    sum += sign * m[0][skipped] * determinant(minor);
  }
  return sum;
}

#define MSL_MATRICES(T, R)                                                                                            \
  typedef matrix<T, 2, R> T##2x##R;                                                                                   \
  typedef matrix<T, 3, R> T##3x##R;                                                                                   \
  typedef matrix<T, 4, R> T##4x##R;
MSL_MATRICES(float, 2)
MSL_MATRICES(float, 3)
MSL_MATRICES(float, 4)
MSL_MATRICES(half, 2)
MSL_MATRICES(half, 3)
MSL_MATRICES(half, 4)
#undef MSL_MATRICES

}  // namespace metal

// By the names of <simd/simd.h>.
#define MSL_OF_SIMD(C, R)                                                                                             \
  typedef metal::float##C##x##R matrix_float##C##x##R;                                                                \
  typedef metal::float##C##x##R simd_float##C##x##R;                                                                  \
  namespace simd {                                                                                                    \
  using metal::float##C##x##R;                                                                                        \
  }
MSL_OF_SIMD(2, 2) MSL_OF_SIMD(2, 3) MSL_OF_SIMD(2, 4)
MSL_OF_SIMD(3, 2) MSL_OF_SIMD(3, 3) MSL_OF_SIMD(3, 4)
MSL_OF_SIMD(4, 2) MSL_OF_SIMD(4, 3) MSL_OF_SIMD(4, 4)
#undef MSL_OF_SIMD
