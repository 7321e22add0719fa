// Strict mode, part 3: barriers, simdgroup and quadgroup functions, simdgroup_matrix.
#pragma once
#include "types.h"

namespace metal {
enum class mem_flags : uint {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
  mem_object_data = 16
};
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint(a) | uint(b)); }
constexpr mem_flags operator&(mem_flags a, mem_flags b) { return mem_flags(uint(a) & uint(b)); }
void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);

// ---- permutations: 32 bits or less, never bool, long or bfloat. Those find a deleted template, which names the
// function in the error and leaves the place free for an overload of the user's own.
#define __MSL_MOVABLE(F) F(char) F(uchar) F(short) F(ushort) F(int) F(uint) F(half) F(float)
template <class T>
using __msl_immovable = typename __msl_if<
    __is_same(T, bool) || __is_same(T, long) || __is_same(T, ulong) || __is_same(T, bfloat),
    T>::type;
#define __MSL_EXCHANGES(T, group) \
  T group##_broadcast(T, ushort); \
  T group##_broadcast_first(T); \
  T group##_shuffle(T, ushort); \
  T group##_shuffle_down(T, ushort); \
  T group##_shuffle_up(T, ushort); \
  T group##_shuffle_xor(T, ushort); \
  T group##_shuffle_rotate_down(T, ushort); \
  T group##_shuffle_rotate_up(T, ushort); \
  T group##_shuffle_and_fill_down(T, T, ushort); \
  T group##_shuffle_and_fill_up(T, T, ushort); \
  T group##_shuffle_and_fill_down(T, T, ushort, ushort); \
  T group##_shuffle_and_fill_up(T, T, ushort, ushort);
#define __MSL_NO_1(name) \
  template <class T> \
  __msl_immovable<T> name(T) = delete;
#define __MSL_NO_2(name) \
  template <class T> \
  __msl_immovable<T> name(T, ushort) = delete;
#define __MSL_NO_3(name) \
  template <class T> \
  __msl_immovable<T> name(T, T, ushort) = delete;
#define __MSL_NO_EXCHANGES(group) \
  __MSL_NO_2(group##_broadcast) \
  __MSL_NO_2(group##_shuffle) \
  __MSL_NO_2(group##_shuffle_down) \
  __MSL_NO_2(group##_shuffle_up) \
  __MSL_NO_2(group##_shuffle_xor) \
  __MSL_NO_2(group##_shuffle_rotate_down) \
  __MSL_NO_2(group##_shuffle_rotate_up) \
  __MSL_NO_1(group##_broadcast_first) \
  __MSL_NO_3(group##_shuffle_and_fill_down) \
  __MSL_NO_3(group##_shuffle_and_fill_up)
#define __MSL_VECTOR_EXCHANGES(T, group) \
  template <int N> \
  vec<T, N> group##_broadcast(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_broadcast_first(vec<T, N>); \
  template <int N> \
  vec<T, N> group##_shuffle(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_down(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_up(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_xor(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_rotate_down(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_rotate_up(vec<T, N>, ushort); \
  template <int N> \
  vec<T, N> group##_shuffle_and_fill_down(vec<T, N>, vec<T, N>, ushort, ushort = 32); \
  template <int N> \
  vec<T, N> group##_shuffle_and_fill_up(vec<T, N>, vec<T, N>, ushort, ushort = 32);

// ---- reductions and prefixes
#define __MSL_ARITHMETIC(T, group) \
  T group##_sum(T); \
  T group##_product(T); \
  T group##_min(T); \
  T group##_max(T); \
  T group##_prefix_inclusive_sum(T); \
  T group##_prefix_exclusive_sum(T); \
  T group##_prefix_inclusive_product(T); \
  T group##_prefix_exclusive_product(T);
#define __MSL_NO_REDUCTIONS(group) \
  __MSL_NO_1(group##_sum) \
  __MSL_NO_1(group##_product) \
  __MSL_NO_1(group##_min) \
  __MSL_NO_1(group##_max) \
  __MSL_NO_1(group##_prefix_inclusive_sum) \
  __MSL_NO_1(group##_prefix_exclusive_sum) \
  __MSL_NO_1(group##_prefix_inclusive_product) \
  __MSL_NO_1(group##_prefix_exclusive_product) \
  __MSL_NO_1(group##_and) \
  __MSL_NO_1(group##_or) \
  __MSL_NO_1(group##_xor)
#define __MSL_BITWISE(T, group) \
  T group##_and(T); \
  T group##_or(T); \
  T group##_xor(T);
#define __MSL_VECTOR_ARITHMETIC(T, group) \
  template <int N> \
  vec<T, N> group##_sum(vec<T, N>); \
  template <int N> \
  vec<T, N> group##_product(vec<T, N>); \
  template <int N> \
  vec<T, N> group##_min(vec<T, N>); \
  template <int N> \
  vec<T, N> group##_max(vec<T, N>);

#define __MSL_SIMD(T) __MSL_EXCHANGES(T, simd) __MSL_VECTOR_EXCHANGES(T, simd) __MSL_ARITHMETIC(T, simd) \
  __MSL_VECTOR_ARITHMETIC(T, simd)
#define __MSL_QUAD(T) __MSL_EXCHANGES(T, quad) __MSL_VECTOR_EXCHANGES(T, quad) __MSL_ARITHMETIC(T, quad)
__MSL_MOVABLE(__MSL_SIMD)
__MSL_MOVABLE(__MSL_QUAD)
__MSL_NO_EXCHANGES(simd)
__MSL_NO_REDUCTIONS(simd)
__MSL_NO_EXCHANGES(quad)
__MSL_NO_REDUCTIONS(quad)
#define __MSL_SIMD_BITS(T) __MSL_BITWISE(T, simd) __MSL_BITWISE(T, quad)
__MSL_SIMD_BITS(char)
__MSL_SIMD_BITS(uchar)
__MSL_SIMD_BITS(short)
__MSL_SIMD_BITS(ushort)
__MSL_SIMD_BITS(int)
__MSL_SIMD_BITS(uint)

struct simd_vote {
  typedef ulong vote_t;
  explicit simd_vote(vote_t = 0);
  explicit operator vote_t() const;
  bool all() const;
  bool any() const;
};
struct quad_vote {
  typedef uint vote_t;
  explicit quad_vote(vote_t = 0);
  explicit operator vote_t() const;
  bool all() const;
  bool any() const;
};
bool simd_all(bool);
bool simd_any(bool);
bool simd_is_first();
simd_vote simd_ballot(bool);
simd_vote simd_active_threads_mask();
bool quad_all(bool);
bool quad_any(bool);
bool quad_is_first();
quad_vote quad_ballot(bool);
quad_vote quad_active_threads_mask();

// ---- simdgroup_matrix: 8x8 of half, bfloat or float; no elementwise operators
template <class T>
struct __msl_fragment {
  enum { value = 0 };
};
template <>
struct __msl_fragment<half> {
  enum { value = 1 };
};
template <>
struct __msl_fragment<bfloat> {
  enum { value = 1 };
};
template <>
struct __msl_fragment<float> {
  enum { value = 1 };
};
template <class T, int C, int R>
struct simdgroup_matrix {
  static_assert(C == 8 && R == 8, "simdgroup_matrix: only 8x8 exists");
  static_assert(__msl_fragment<T>::value, "simdgroup_matrix: elements are half, bfloat or float");
  typedef vec<T, 2> storage_type;
  storage_type elements;
  simdgroup_matrix() = default;
  explicit simdgroup_matrix(T);
  thread storage_type &thread_elements() thread;
  const thread storage_type &thread_elements() const thread;
};
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;

template <class T, int C, int R>
simdgroup_matrix<T, C, R> make_filled_simdgroup_matrix(T);
template <class T, int C, int R>
simdgroup_matrix<T, C, R> make_diagonal_simdgroup_matrix(T);
#define __MSL_MATRIX_MEMORY(space, origin) \
  template <class T, int C, int R> \
  void simdgroup_load(thread simdgroup_matrix<T, C, R> &, const space T *, ulong = C, origin = 0, bool = false); \
  template <class T, int C, int R> \
  void simdgroup_load( \
      thread simdgroup_matrix<T, C, R> &, const volatile space T *, ulong = C, origin = 0, bool = false); \
  template <class T, int C, int R> \
  void simdgroup_store(simdgroup_matrix<T, C, R>, space T *, ulong = C, origin = 0, bool = false); \
  template <class T, int C, int R> \
  void simdgroup_store(simdgroup_matrix<T, C, R>, volatile space T *, ulong = C, origin = 0, bool = false);
__MSL_MATRIX_MEMORY(device, ulong2)
__MSL_MATRIX_MEMORY(threadgroup, ulong2)
template <class D, class A, class B>
void simdgroup_multiply(
    thread simdgroup_matrix<D, 8, 8> &, simdgroup_matrix<A, 8, 8>, simdgroup_matrix<B, 8, 8>);
template <class D, class A, class B, class C>
void simdgroup_multiply_accumulate(
    thread simdgroup_matrix<D, 8, 8> &,
    simdgroup_matrix<A, 8, 8>,
    simdgroup_matrix<B, 8, 8>,
    simdgroup_matrix<C, 8, 8>);
}  // namespace metal
