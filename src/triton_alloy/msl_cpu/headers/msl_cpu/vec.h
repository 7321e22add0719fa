// vec<T, n>: the vector types of the language. Classes, for MSL's constructors and for deduction through vec<T, n>.
#pragma once
#include "traits.h"

// What the compiler makes of `{a, b, c}`: a vector's components in order, 0 for those left out.
namespace std {
template <class T> class initializer_list {
  const T *first;
  size_t count;
  constexpr initializer_list(const T *first, size_t count) : first(first), count(count) {}

 public:
  constexpr initializer_list() : first(nullptr), count(0) {}
  constexpr size_t size() const { return count; }
  constexpr const T *begin() const { return first; }
  constexpr const T *end() const { return first + count; }
  constexpr T operator[](size_t i) const { return i < count ? first[i] : T(); }
};
}  // namespace std

namespace metal {

template <class T, int n> struct vec;

// A swizzle is a property: `v.zx` has the type vec<T, 2> and can be assigned to. Bodies are compiled only where used.
// Swizzles by colour have become x, y, z, w in the text (text/rewrite.py).
#if defined(__clang__)
#define MSL_PROPERTY(name, size, get_expression, put_statements)                                                      \
  MSL_INLINE constexpr vec<T, size> get_##name() const { return vec<T, size> get_expression; }                        \
  MSL_INLINE constexpr vec<T, size> put_##name(vec<T, size> v) {                                                      \
    put_statements;                                                                                                   \
    return v;                                                                                                         \
  }                                                                                                                   \
  __declspec(property(get = get_##name, put = put_##name)) vec<T, size> name;
#define MSL_ALIAS(name, member)                                                                                       \
  MSL_INLINE constexpr T get_##name() const { return member; }                                                        \
  MSL_INLINE constexpr T put_##name(T v) { return member = v; }                                                       \
  __declspec(property(get = get_##name, put = put_##name)) T name;
#define MSL_SWIZZLE2(a, b) MSL_PROPERTY(a##b, 2, (a, b), (a = v.x, b = v.y))
#define MSL_SWIZZLE3(a, b, c) MSL_PROPERTY(a##b##c, 3, (a, b, c), (a = v.x, b = v.y, c = v.z))
#define MSL_SWIZZLE4(a, b, c, d) MSL_PROPERTY(a##b##c##d, 4, (a, b, c, d), (a = v.x, b = v.y, c = v.z, d = v.w))
#else
#define MSL_ALIAS(name, member)
#define MSL_SWIZZLE2(a, b)
#define MSL_SWIZZLE3(a, b, c)
#define MSL_SWIZZLE4(a, b, c, d)
#endif

// MSL_<m>_OF_<n>: all swizzles of m components of a vec of n, component lists built from the right.
#define MSL_2_OF(each, last) MSL_SWIZZLE2(each, last)
#define MSL_EACH2(macro, ...) macro(__VA_ARGS__, x) macro(__VA_ARGS__, y)
#define MSL_EACH3(macro, ...) MSL_EACH2(macro, __VA_ARGS__) macro(__VA_ARGS__, z)
#define MSL_EACH4(macro, ...) MSL_EACH3(macro, __VA_ARGS__) macro(__VA_ARGS__, w)

#define MSL_LAST2_OF2(a, b, c) MSL_EACH2(MSL_SWIZZLE4, a, b, c)
#define MSL_LAST2_OF3(a, b, c) MSL_EACH3(MSL_SWIZZLE4, a, b, c)
#define MSL_LAST2_OF4(a, b, c) MSL_EACH4(MSL_SWIZZLE4, a, b, c)

#define MSL_PAIR_2(a, b) MSL_SWIZZLE2(a, b) \
  MSL_SWIZZLE3(a, b, x) MSL_SWIZZLE3(a, b, y) MSL_LAST2_OF2(a, b, x) MSL_LAST2_OF2(a, b, y)
#define MSL_PAIR_3(a, b) MSL_SWIZZLE2(a, b) \
  MSL_SWIZZLE3(a, b, x) MSL_SWIZZLE3(a, b, y) MSL_SWIZZLE3(a, b, z) \
  MSL_LAST2_OF3(a, b, x) MSL_LAST2_OF3(a, b, y) MSL_LAST2_OF3(a, b, z)
#define MSL_PAIR_4(a, b) MSL_SWIZZLE2(a, b) \
  MSL_SWIZZLE3(a, b, x) MSL_SWIZZLE3(a, b, y) MSL_SWIZZLE3(a, b, z) MSL_SWIZZLE3(a, b, w) \
  MSL_LAST2_OF4(a, b, x) MSL_LAST2_OF4(a, b, y) MSL_LAST2_OF4(a, b, z) MSL_LAST2_OF4(a, b, w)

#ifdef MSL_FAST  // generated text uses single components only
#define MSL_SWIZZLES_2
#define MSL_SWIZZLES_3
#define MSL_SWIZZLES_4
#else
#define MSL_SWIZZLES_2 MSL_PAIR_2(x, x) MSL_PAIR_2(x, y) MSL_PAIR_2(y, x) MSL_PAIR_2(y, y) \
  MSL_ALIAS(r, x) MSL_ALIAS(g, y)
#define MSL_SWIZZLES_3 \
  MSL_PAIR_3(x, x) MSL_PAIR_3(x, y) MSL_PAIR_3(x, z) MSL_PAIR_3(y, x) MSL_PAIR_3(y, y) MSL_PAIR_3(y, z) \
  MSL_PAIR_3(z, x) MSL_PAIR_3(z, y) MSL_PAIR_3(z, z) \
  MSL_ALIAS(r, x) MSL_ALIAS(g, y) MSL_ALIAS(b, z)
#define MSL_SWIZZLES_4 \
  MSL_PAIR_4(x, x) MSL_PAIR_4(x, y) MSL_PAIR_4(x, z) MSL_PAIR_4(x, w) \
  MSL_PAIR_4(y, x) MSL_PAIR_4(y, y) MSL_PAIR_4(y, z) MSL_PAIR_4(y, w) \
  MSL_PAIR_4(z, x) MSL_PAIR_4(z, y) MSL_PAIR_4(z, z) MSL_PAIR_4(z, w) \
  MSL_PAIR_4(w, x) MSL_PAIR_4(w, y) MSL_PAIR_4(w, z) MSL_PAIR_4(w, w) \
  MSL_ALIAS(r, x) MSL_ALIAS(g, y) MSL_ALIAS(b, z) MSL_ALIAS(a, w)
#endif

#define MSL_VEC_COMMON(n)                                                                                             \
  using value_type = T;                                                                                               \
  vec() = default;                                                                                                    \
  constexpr T &operator[](int i) { return (&x)[i]; }                                                                  \
  constexpr const T &operator[](int i) const { return (&x)[i]; }

template <class T> struct alignas(2 * sizeof(T)) vec<T, 2> {
  T x, y;
  MSL_VEC_COMMON(2)
  constexpr vec(T a) : x(a), y(a) {}
  constexpr vec(T a, T b) : x(a), y(b) {}
  constexpr vec(std::initializer_list<T> all) : x(all[0]), y(all[1]) {}
  template <class U> constexpr explicit vec(vec<U, 2> v) : x((T)v.x), y((T)v.y) {}
  MSL_SWIZZLES_2
};

template <class T> struct alignas(4 * sizeof(T)) vec<T, 3> {
  T x, y, z;
  MSL_VEC_COMMON(3)
  constexpr vec(T a) : x(a), y(a), z(a) {}
  constexpr vec(T a, T b, T c) : x(a), y(b), z(c) {}
  constexpr vec(std::initializer_list<T> all) : x(all[0]), y(all[1]), z(all[2]) {}
  constexpr vec(vec<T, 2> ab, T c) : x(ab.x), y(ab.y), z(c) {}
  constexpr vec(T a, vec<T, 2> bc) : x(a), y(bc.x), z(bc.y) {}
  template <class U> constexpr explicit vec(vec<U, 3> v) : x((T)v.x), y((T)v.y), z((T)v.z) {}
  MSL_SWIZZLES_3
};

template <class T> struct alignas(4 * sizeof(T)) vec<T, 4> {
  T x, y, z, w;
  MSL_VEC_COMMON(4)
  constexpr vec(T a) : x(a), y(a), z(a), w(a) {}
  constexpr vec(T a, T b, T c, T d) : x(a), y(b), z(c), w(d) {}
  constexpr vec(std::initializer_list<T> all) : x(all[0]), y(all[1]), z(all[2]), w(all[3]) {}
  constexpr vec(vec<T, 2> ab, vec<T, 2> cd) : x(ab.x), y(ab.y), z(cd.x), w(cd.y) {}
  constexpr vec(vec<T, 3> abc, T d) : x(abc.x), y(abc.y), z(abc.z), w(d) {}
  constexpr vec(T a, vec<T, 3> bcd) : x(a), y(bcd.x), z(bcd.y), w(bcd.z) {}
  constexpr vec(vec<T, 2> ab, T c, T d) : x(ab.x), y(ab.y), z(c), w(d) {}
  constexpr vec(T a, T b, vec<T, 2> cd) : x(a), y(b), z(cd.x), w(cd.y) {}
  constexpr vec(T a, vec<T, 2> bc, T d) : x(a), y(bc.x), z(bc.y), w(d) {}
  template <class U> constexpr explicit vec(vec<U, 4> v) : x((T)v.x), y((T)v.y), z((T)v.z), w((T)v.w) {}
  MSL_SWIZZLES_4
};

// n packed elements, aligned as one. Arithmetic is that of vec.
template <class T, int n> struct packed_vec;
#define MSL_PACKED(n, ...)                                                                                            \
  template <class T> struct packed_vec<T, n> {                                                                        \
    T __VA_ARGS__;                                                                                                    \
    packed_vec() = default;                                                                                           \
    constexpr packed_vec(T a) : packed_vec(vec<T, n>(a)) {}                                                           \
    template <class A, class B, class... Rest>                                                                        \
    constexpr packed_vec(A a, B b, Rest... rest) : packed_vec(vec<T, n>(a, b, rest...)) {}                            \
    constexpr packed_vec(vec<T, n> v) {                                                                               \
      for (int i = 0; i < n; ++i) (&x)[i] = v[i];                                                                     \
    }                                                                                                                 \
    MSL_INLINE constexpr operator vec<T, n>() const {                                                                 \
      vec<T, n> v(x);                                                                                                 \
      for (int i = 1; i < n; ++i) v[i] = (&x)[i];                                                                     \
      return v;                                                                                                       \
    }                                                                                                                 \
    MSL_INLINE constexpr T &operator[](int i) { return (&x)[i]; }                                                     \
    MSL_INLINE constexpr const T &operator[](int i) const { return (&x)[i]; }                                         \
    MSL_SWIZZLES_##n                                                                                                  \
  };
MSL_PACKED(2, x, y)
MSL_PACKED(3, x, y, z)
MSL_PACKED(4, x, y, z, w)
#undef MSL_PACKED

// f applied to each component.
template <class R, class T, int n, class F> MSL_INLINE constexpr vec<R, n> map(vec<T, n> a, F f) {
  if constexpr (n == 2) return vec<R, 2>(f(a.x), f(a.y));
  else if constexpr (n == 3) return vec<R, 3>(f(a.x), f(a.y), f(a.z));
  else return vec<R, 4>(f(a.x), f(a.y), f(a.z), f(a.w));
}
template <class R, class T, class U, int n, class F>
MSL_INLINE constexpr vec<R, n> map(vec<T, n> a, vec<U, n> b, F f) {
  if constexpr (n == 2) return vec<R, 2>(f(a.x, b.x), f(a.y, b.y));
  else if constexpr (n == 3) return vec<R, 3>(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z));
  else return vec<R, 4>(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w));
}
template <class R, class T, class U, class V, int n, class F>
MSL_INLINE constexpr vec<R, n> map(vec<T, n> a, vec<U, n> b, vec<V, n> c, F f) {
  if constexpr (n == 2) return vec<R, 2>(f(a.x, b.x, c.x), f(a.y, b.y, c.y));
  else if constexpr (n == 3) return vec<R, 3>(f(a.x, b.x, c.x), f(a.y, b.y, c.y), f(a.z, b.z, c.z));
  else return vec<R, 4>(f(a.x, b.x, c.x), f(a.y, b.y, c.y), f(a.z, b.z, c.z), f(a.w, b.w, c.w));
}

#define MSL_BINARY(op)                                                                                                \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(vec<T, n> a, vec<T, n> b) {                    \
    return map<T>(a, b, [](T p, T q) constexpr { return T(p op q); });                                                \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(vec<T, n> a, type_identity_t<T> b) {           \
    return a op vec<T, n>(b);                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(type_identity_t<T> a, vec<T, n> b) {           \
    return vec<T, n>(a) op b;                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> &operator op##=(vec<T, n> &a, vec<T, n> b) {               \
    return a = a op b;                                                                                                \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> &operator op##=(vec<T, n> &a, type_identity_t<T> b) {      \
    return a = a op vec<T, n>(b);                                                                                     \
  }
MSL_BINARY(+)
MSL_BINARY(-)
MSL_BINARY(*)
MSL_BINARY(/)
MSL_BINARY(%)
MSL_BINARY(&)
MSL_BINARY(|)
MSL_BINARY(^)
MSL_BINARY(<<)
MSL_BINARY(>>)
#undef MSL_BINARY

#define MSL_PACKED_BINARY(op)                                                                                         \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(packed_vec<T, n> a, packed_vec<T, n> b) {      \
    return vec<T, n>(a) op vec<T, n>(b);                                                                              \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(packed_vec<T, n> a, vec<T, n> b) {             \
    return vec<T, n>(a) op b;                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(vec<T, n> a, packed_vec<T, n> b) {             \
    return a op vec<T, n>(b);                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(packed_vec<T, n> a, type_identity_t<T> b) {    \
    return vec<T, n>(a) op b;                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<T, n> operator op(type_identity_t<T> a, packed_vec<T, n> b) {    \
    return a op vec<T, n>(b);                                                                                         \
  }                                                                                                                   \
  template <class T, int n, class B> MSL_INLINE constexpr packed_vec<T, n> &operator op##=(packed_vec<T, n> &a, B b) { \
    return a = a op b;                                                                                                \
  }
MSL_PACKED_BINARY(+)
MSL_PACKED_BINARY(-)
MSL_PACKED_BINARY(*)
MSL_PACKED_BINARY(/)
#undef MSL_PACKED_BINARY
template <class T, int n> MSL_INLINE constexpr vec<T, n> operator-(packed_vec<T, n> a) { return -vec<T, n>(a); }

#define MSL_COMPARE(op)                                                                                               \
  template <class T, int n> MSL_INLINE constexpr vec<bool, n> operator op(vec<T, n> a, vec<T, n> b) {                 \
    return map<bool>(a, b, [](T p, T q) constexpr { return p op q; });                                                \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<bool, n> operator op(vec<T, n> a, type_identity_t<T> b) {        \
    return a op vec<T, n>(b);                                                                                         \
  }                                                                                                                   \
  template <class T, int n> MSL_INLINE constexpr vec<bool, n> operator op(type_identity_t<T> a, vec<T, n> b) {        \
    return vec<T, n>(a) op b;                                                                                         \
  }
MSL_COMPARE(==)
MSL_COMPARE(!=)
MSL_COMPARE(<)
MSL_COMPARE(>)
MSL_COMPARE(<=)
MSL_COMPARE(>=)
MSL_COMPARE(&&)
MSL_COMPARE(||)
#undef MSL_COMPARE

template <class T, int n> MSL_INLINE constexpr vec<T, n> operator-(vec<T, n> a) {
  return map<T>(a, [](T p) constexpr { return T(-p); });
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> operator+(vec<T, n> a) { return a; }
template <class T, int n> MSL_INLINE constexpr vec<T, n> operator~(vec<T, n> a) {
  return map<T>(a, [](T p) constexpr { return T(~p); });
}
template <class T, int n> MSL_INLINE constexpr vec<bool, n> operator!(vec<T, n> a) {
  return map<bool>(a, [](T p) constexpr { return !p; });
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> &operator++(vec<T, n> &a) { return a = a + T(1); }
template <class T, int n> MSL_INLINE constexpr vec<T, n> &operator--(vec<T, n> &a) { return a = a - T(1); }
template <class T, int n> MSL_INLINE constexpr vec<T, n> operator++(vec<T, n> &a, int) {
  vec<T, n> before = a;
  ++a;
  return before;
}
template <class T, int n> MSL_INLINE constexpr vec<T, n> operator--(vec<T, n> &a, int) {
  vec<T, n> before = a;
  --a;
  return before;
}

#define MSL_VECTOR_TYPES(T)                                                                                           \
  typedef vec<T, 2> T##2;                                                                                             \
  typedef vec<T, 3> T##3;                                                                                             \
  typedef vec<T, 4> T##4;                                                                                             \
  typedef packed_vec<T, 2> packed_##T##2;                                                                             \
  typedef packed_vec<T, 3> packed_##T##3;                                                                             \
  typedef packed_vec<T, 4> packed_##T##4;
MSL_VECTOR_TYPES(float)
MSL_VECTOR_TYPES(half)
MSL_VECTOR_TYPES(bfloat)
MSL_VECTOR_TYPES(char)
MSL_VECTOR_TYPES(uchar)
MSL_VECTOR_TYPES(short)
MSL_VECTOR_TYPES(ushort)
MSL_VECTOR_TYPES(int)
MSL_VECTOR_TYPES(uint)
MSL_VECTOR_TYPES(long)
MSL_VECTOR_TYPES(ulong)
MSL_VECTOR_TYPES(bool)
#undef MSL_VECTOR_TYPES

}  // namespace metal

// The types are known without `using namespace metal`, and by the names of <simd/simd.h>.
using metal::packed_vec;
using metal::vec;
#define MSL_OF_SIMD(T, n)                                                                                             \
  typedef metal::T##n vector_##T##n;                                                                                  \
  typedef metal::T##n simd_##T##n;                                                                                    \
  namespace simd {                                                                                                    \
  using metal::T##n;                                                                                                  \
  }
#define MSL_GLOBAL(T)                                                                                                 \
  MSL_OF_SIMD(T, 2) MSL_OF_SIMD(T, 3) MSL_OF_SIMD(T, 4)                                                               \
  using metal::T##2;                                                                                                  \
  using metal::T##3;                                                                                                  \
  using metal::T##4;                                                                                                  \
  using metal::packed_##T##2;                                                                                         \
  using metal::packed_##T##3;                                                                                         \
  using metal::packed_##T##4;
MSL_GLOBAL(float)
MSL_GLOBAL(half)
MSL_GLOBAL(bfloat)
MSL_GLOBAL(char)
MSL_GLOBAL(uchar)
MSL_GLOBAL(short)
MSL_GLOBAL(ushort)
MSL_GLOBAL(int)
MSL_GLOBAL(uint)
MSL_GLOBAL(long)
MSL_GLOBAL(ulong)
MSL_GLOBAL(bool)
#undef MSL_GLOBAL
#undef MSL_OF_SIMD

// Same bits, another type of the same size.
template <class To, class From> MSL_INLINE constexpr To as_type(From value) {
  static_assert(sizeof(To) == sizeof(From), "as_type needs types of the same size");
  return __builtin_bit_cast(To, value);
}
