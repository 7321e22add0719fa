// Strict mode, part 1: the types of MSL as C++ for OpenCL. Declarations only; nothing here is ever run.
//
// Address spaces map one to one. A pointer written without one becomes `thread` here; the token checks refuse it.
#pragma once
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#define device __global
#define threadgroup __local
#define constant __constant
#define thread __private
#if __METAL_VERSION__ >= 320
#define coherent(scope)
#endif
#define METAL_FUNC inline
#define METAL_CONST const
#define __METAL__ 1
#define __HAVE_BFLOAT__ 1

// clang predefines these OpenCL names; the Metal ones live in namespace metal.
#define atomic_int __msl_atomic_int
#define atomic_uint __msl_atomic_uint
#define atomic_float __msl_atomic_float
#define atomic_ulong __msl_atomic_ulong
#define atomic_flag __msl_atomic_flag
#define memory_order __msl_memory_order
#define memory_order_relaxed __msl_memory_order_relaxed
#define memory_order_seq_cst __msl_memory_order_seq_cst

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef unsigned long uintptr_t;
typedef long intptr_t;
typedef char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long int64_t;
typedef uchar uint8_t;
typedef ushort uint16_t;
typedef uint uint32_t;
typedef ulong uint64_t;
typedef __bf16 bfloat;

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VALF __builtin_huge_valf()
#define HUGE_VALH ((half)__builtin_inff())
#define MAXFLOAT 3.402823466e+38f
#define MAXHALF ((half)65504.0f)
#define FLT_MAX 3.402823466e+38f
#define FLT_MIN 1.175494351e-38f
#define FLT_EPSILON 1.192092896e-07f
#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define HALF_MAX ((half)65504.0f)
#define HALF_MIN ((half)6.103515625e-05f)
#define HALF_EPSILON ((half)9.765625e-04f)
#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define CHAR_MAX 127
#define CHAR_MIN (-128)
#define UCHAR_MAX 255
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u
#define LONG_MAX 9223372036854775807l
#define LONG_MIN (-9223372036854775807l - 1)
#define ULONG_MAX 18446744073709551615ul
#define M_E_F 2.71828182845904523536f
#define M_LOG2E_F 1.44269504088896340736f
#define M_LOG10E_F 0.434294481903251827651f
#define M_LN2_F 0.693147180559945309417f
#define M_LN10_F 2.30258509299404568402f
#define M_PI_F 3.14159265358979323846f
#define M_PI_2_F 1.57079632679489661923f
#define M_PI_4_F 0.785398163397448309616f
#define M_1_PI_F 0.318309886183790671538f
#define M_2_PI_F 0.636619772367581343076f
#define M_2_SQRTPI_F 1.12837916709551257390f
#define M_SQRT2_F 1.41421356237309504880f
#define M_SQRT1_2_F 0.707106781186547524401f

template <class T, int N>
using __msl_vec = T __attribute__((ext_vector_type(N)));

#define __MSL_VECTORS(T) \
  typedef __msl_vec<T, 2> T##2; \
  typedef __msl_vec<T, 3> T##3; \
  typedef __msl_vec<T, 4> T##4;
__MSL_VECTORS(char)
__MSL_VECTORS(uchar)
__MSL_VECTORS(short)
__MSL_VECTORS(ushort)
__MSL_VECTORS(int)
__MSL_VECTORS(uint)
__MSL_VECTORS(long)
__MSL_VECTORS(ulong)
__MSL_VECTORS(half)
__MSL_VECTORS(bfloat)
__MSL_VECTORS(float)

// clang has no vectors of bool in OpenCL, where a comparison of vectors gives integers: both convert to these.
template <int N>
struct __msl_bools;
#define __MSL_BOOLS(N, swizzles, ...) \
  template <> \
  struct __msl_bools<N> { \
    bool __VA_ARGS__; \
    swizzles; \
    __msl_bools() = default; \
    __msl_bools(bool); \
    template <class T> \
    __msl_bools(__msl_vec<T, N>); \
    template <class... A, class = decltype(char(sizeof...(A) == N ? 1 : -1))> \
    __msl_bools(bool, bool, A...); \
    bool operator[](int) const; \
    thread bool &operator[](int) thread; \
    device bool &operator[](int) device; \
    threadgroup bool &operator[](int) threadgroup; \
    __msl_bools operator!() const; \
    __msl_bools operator&&(__msl_bools) const; \
    __msl_bools operator||(__msl_bools) const; \
    __msl_bools operator&(__msl_bools) const; \
    __msl_bools operator|(__msl_bools) const; \
    __msl_bools operator^(__msl_bools) const; \
    __msl_bools operator==(__msl_bools) const; \
    __msl_bools operator!=(__msl_bools) const; \
  };
#define __MSL_SWIZZLE(name, N) \
  __msl_bools<N> __msl_get_##name() const; \
  void __msl_put_##name(__msl_bools<N>); \
  __declspec(property(get = __msl_get_##name, put = __msl_put_##name)) __msl_bools<N> name;
#define __MSL_SWIZZLE2(name) __MSL_SWIZZLE(name, 2)
#define __MSL_SWIZZLE3(name) __MSL_SWIZZLE(name, 3)
#define __MSL_SWIZZLE4(name) __MSL_SWIZZLE(name, 4)
#define __MSL_LAST2(F, a) F(a##x) F(a##y)
#define __MSL_LAST3(F, a) __MSL_LAST2(F, a) F(a##z)
#define __MSL_LAST4(F, a) __MSL_LAST3(F, a) F(a##w)
#define __MSL_SWIZZLES2 \
  __MSL_LAST2(__MSL_SWIZZLE2, x) __MSL_LAST2(__MSL_SWIZZLE2, y) __MSL_LAST2(__MSL_SWIZZLE3, xx) \
  __MSL_LAST2(__MSL_SWIZZLE3, xy) __MSL_LAST2(__MSL_SWIZZLE3, yx) __MSL_LAST2(__MSL_SWIZZLE3, yy) \
  __MSL_LAST2(__MSL_SWIZZLE4, xxx) __MSL_LAST2(__MSL_SWIZZLE4, xxy) __MSL_LAST2(__MSL_SWIZZLE4, xyx) \
  __MSL_LAST2(__MSL_SWIZZLE4, xyy) __MSL_LAST2(__MSL_SWIZZLE4, yxx) __MSL_LAST2(__MSL_SWIZZLE4, yxy) \
  __MSL_LAST2(__MSL_SWIZZLE4, yyx) __MSL_LAST2(__MSL_SWIZZLE4, yyy)
#define __MSL_SWIZZLES3 \
  __MSL_LAST3(__MSL_SWIZZLE2, x) __MSL_LAST3(__MSL_SWIZZLE2, y) __MSL_LAST3(__MSL_SWIZZLE2, z) \
  __MSL_LAST3(__MSL_SWIZZLE3, xx) __MSL_LAST3(__MSL_SWIZZLE3, xy) __MSL_LAST3(__MSL_SWIZZLE3, xz) \
  __MSL_LAST3(__MSL_SWIZZLE3, yx) __MSL_LAST3(__MSL_SWIZZLE3, yy) __MSL_LAST3(__MSL_SWIZZLE3, yz) \
  __MSL_LAST3(__MSL_SWIZZLE3, zx) __MSL_LAST3(__MSL_SWIZZLE3, zy) __MSL_LAST3(__MSL_SWIZZLE3, zz) \
  __MSL_LAST3(__MSL_SWIZZLE4, xxx) __MSL_LAST3(__MSL_SWIZZLE4, xxy) __MSL_LAST3(__MSL_SWIZZLE4, xxz) \
  __MSL_LAST3(__MSL_SWIZZLE4, xyx) __MSL_LAST3(__MSL_SWIZZLE4, xyy) __MSL_LAST3(__MSL_SWIZZLE4, xyz) \
  __MSL_LAST3(__MSL_SWIZZLE4, xzx) __MSL_LAST3(__MSL_SWIZZLE4, xzy) __MSL_LAST3(__MSL_SWIZZLE4, xzz) \
  __MSL_LAST3(__MSL_SWIZZLE4, yxx) __MSL_LAST3(__MSL_SWIZZLE4, yxy) __MSL_LAST3(__MSL_SWIZZLE4, yxz) \
  __MSL_LAST3(__MSL_SWIZZLE4, yyx) __MSL_LAST3(__MSL_SWIZZLE4, yyy) __MSL_LAST3(__MSL_SWIZZLE4, yyz) \
  __MSL_LAST3(__MSL_SWIZZLE4, yzx) __MSL_LAST3(__MSL_SWIZZLE4, yzy) __MSL_LAST3(__MSL_SWIZZLE4, yzz) \
  __MSL_LAST3(__MSL_SWIZZLE4, zxx) __MSL_LAST3(__MSL_SWIZZLE4, zxy) __MSL_LAST3(__MSL_SWIZZLE4, zxz) \
  __MSL_LAST3(__MSL_SWIZZLE4, zyx) __MSL_LAST3(__MSL_SWIZZLE4, zyy) __MSL_LAST3(__MSL_SWIZZLE4, zyz) \
  __MSL_LAST3(__MSL_SWIZZLE4, zzx) __MSL_LAST3(__MSL_SWIZZLE4, zzy) __MSL_LAST3(__MSL_SWIZZLE4, zzz)
#define __MSL_SWIZZLES4 \
  __MSL_LAST4(__MSL_SWIZZLE2, x) __MSL_LAST4(__MSL_SWIZZLE2, y) __MSL_LAST4(__MSL_SWIZZLE2, z) \
  __MSL_LAST4(__MSL_SWIZZLE2, w) __MSL_LAST4(__MSL_SWIZZLE3, xx) __MSL_LAST4(__MSL_SWIZZLE3, xy) \
  __MSL_LAST4(__MSL_SWIZZLE3, xz) __MSL_LAST4(__MSL_SWIZZLE3, xw) __MSL_LAST4(__MSL_SWIZZLE3, yx) \
  __MSL_LAST4(__MSL_SWIZZLE3, yy) __MSL_LAST4(__MSL_SWIZZLE3, yz) __MSL_LAST4(__MSL_SWIZZLE3, yw) \
  __MSL_LAST4(__MSL_SWIZZLE3, zx) __MSL_LAST4(__MSL_SWIZZLE3, zy) __MSL_LAST4(__MSL_SWIZZLE3, zz) \
  __MSL_LAST4(__MSL_SWIZZLE3, zw) __MSL_LAST4(__MSL_SWIZZLE3, wx) __MSL_LAST4(__MSL_SWIZZLE3, wy) \
  __MSL_LAST4(__MSL_SWIZZLE3, wz) __MSL_LAST4(__MSL_SWIZZLE3, ww) __MSL_LAST4(__MSL_SWIZZLE4, xxx) \
  __MSL_LAST4(__MSL_SWIZZLE4, xxy) __MSL_LAST4(__MSL_SWIZZLE4, xxz) __MSL_LAST4(__MSL_SWIZZLE4, xxw) \
  __MSL_LAST4(__MSL_SWIZZLE4, xyx) __MSL_LAST4(__MSL_SWIZZLE4, xyy) __MSL_LAST4(__MSL_SWIZZLE4, xyz) \
  __MSL_LAST4(__MSL_SWIZZLE4, xyw) __MSL_LAST4(__MSL_SWIZZLE4, xzx) __MSL_LAST4(__MSL_SWIZZLE4, xzy) \
  __MSL_LAST4(__MSL_SWIZZLE4, xzz) __MSL_LAST4(__MSL_SWIZZLE4, xzw) __MSL_LAST4(__MSL_SWIZZLE4, xwx) \
  __MSL_LAST4(__MSL_SWIZZLE4, xwy) __MSL_LAST4(__MSL_SWIZZLE4, xwz) __MSL_LAST4(__MSL_SWIZZLE4, xww) \
  __MSL_LAST4(__MSL_SWIZZLE4, yxx) __MSL_LAST4(__MSL_SWIZZLE4, yxy) __MSL_LAST4(__MSL_SWIZZLE4, yxz) \
  __MSL_LAST4(__MSL_SWIZZLE4, yxw) __MSL_LAST4(__MSL_SWIZZLE4, yyx) __MSL_LAST4(__MSL_SWIZZLE4, yyy) \
  __MSL_LAST4(__MSL_SWIZZLE4, yyz) __MSL_LAST4(__MSL_SWIZZLE4, yyw) __MSL_LAST4(__MSL_SWIZZLE4, yzx) \
  __MSL_LAST4(__MSL_SWIZZLE4, yzy) __MSL_LAST4(__MSL_SWIZZLE4, yzz) __MSL_LAST4(__MSL_SWIZZLE4, yzw) \
  __MSL_LAST4(__MSL_SWIZZLE4, ywx) __MSL_LAST4(__MSL_SWIZZLE4, ywy) __MSL_LAST4(__MSL_SWIZZLE4, ywz) \
  __MSL_LAST4(__MSL_SWIZZLE4, yww) __MSL_LAST4(__MSL_SWIZZLE4, zxx) __MSL_LAST4(__MSL_SWIZZLE4, zxy) \
  __MSL_LAST4(__MSL_SWIZZLE4, zxz) __MSL_LAST4(__MSL_SWIZZLE4, zxw) __MSL_LAST4(__MSL_SWIZZLE4, zyx) \
  __MSL_LAST4(__MSL_SWIZZLE4, zyy) __MSL_LAST4(__MSL_SWIZZLE4, zyz) __MSL_LAST4(__MSL_SWIZZLE4, zyw) \
  __MSL_LAST4(__MSL_SWIZZLE4, zzx) __MSL_LAST4(__MSL_SWIZZLE4, zzy) __MSL_LAST4(__MSL_SWIZZLE4, zzz) \
  __MSL_LAST4(__MSL_SWIZZLE4, zzw) __MSL_LAST4(__MSL_SWIZZLE4, zwx) __MSL_LAST4(__MSL_SWIZZLE4, zwy) \
  __MSL_LAST4(__MSL_SWIZZLE4, zwz) __MSL_LAST4(__MSL_SWIZZLE4, zww) __MSL_LAST4(__MSL_SWIZZLE4, wxx) \
  __MSL_LAST4(__MSL_SWIZZLE4, wxy) __MSL_LAST4(__MSL_SWIZZLE4, wxz) __MSL_LAST4(__MSL_SWIZZLE4, wxw) \
  __MSL_LAST4(__MSL_SWIZZLE4, wyx) __MSL_LAST4(__MSL_SWIZZLE4, wyy) __MSL_LAST4(__MSL_SWIZZLE4, wyz) \
  __MSL_LAST4(__MSL_SWIZZLE4, wyw) __MSL_LAST4(__MSL_SWIZZLE4, wzx) __MSL_LAST4(__MSL_SWIZZLE4, wzy) \
  __MSL_LAST4(__MSL_SWIZZLE4, wzz) __MSL_LAST4(__MSL_SWIZZLE4, wzw) __MSL_LAST4(__MSL_SWIZZLE4, wwx) \
  __MSL_LAST4(__MSL_SWIZZLE4, wwy) __MSL_LAST4(__MSL_SWIZZLE4, wwz) __MSL_LAST4(__MSL_SWIZZLE4, www)
__MSL_BOOLS(2, __MSL_SWIZZLES2, x, y)
__MSL_BOOLS(3, __MSL_SWIZZLES3, x, y, z)
__MSL_BOOLS(4, __MSL_SWIZZLES4, x, y, z, w)
typedef __msl_bools<2> bool2;
typedef __msl_bools<3> bool3;
typedef __msl_bools<4> bool4;

// ---- traits the checks below need
template <bool B, class T = void>
struct __msl_if {};
template <class T>
struct __msl_if<true, T> {
  typedef T type;
};
template <class T, class Only>
using __msl_only = typename __msl_if<__is_same(T, Only), T>::type;
template <class T>
struct __msl_width {
  enum { value = 1 };
};
template <class T, int N>
struct __msl_width<T __attribute__((ext_vector_type(N)))> {
  enum { value = N };
};
template <int N>
struct __msl_width<__msl_bools<N>> {
  enum { value = N };
};
template <class T>
struct __msl_bare {
  typedef T type;
};
#define __MSL_BARE(Q) \
  template <class T> \
  struct __msl_bare<Q T> { \
    typedef typename __msl_bare<T>::type type; \
  };
__MSL_BARE(const)
__MSL_BARE(volatile)
__MSL_BARE(const volatile)
__MSL_BARE(device)
__MSL_BARE(const device)
__MSL_BARE(threadgroup)
__MSL_BARE(const threadgroup)
__MSL_BARE(thread)
__MSL_BARE(const thread)
__MSL_BARE(constant)
__MSL_BARE(const constant)
template <class T>
struct __msl_bare<T &> {
  typedef typename __msl_bare<T>::type type;
};
template <class T>
struct __msl_bare<T &&> {
  typedef typename __msl_bare<T>::type type;
};
// ---- vector construction: `float4(a, b.xy, c)` is rewritten to `__msl_make<float4>(a, b.xy, c)`
template <class... A>
struct __msl_total {
  enum { value = 0 };
};
template <class H, class... A>
struct __msl_total<H, A...> {
  enum { value = int(__msl_width<H>::value) + int(__msl_total<A...>::value) };
};
template <class V, class A>
constexpr typename __msl_if<int(__msl_width<A>::value) == int(__msl_width<V>::value), V>::type __msl_make(A a) {
  return __builtin_convertvector(a, V);
}
template <class V>
constexpr V __msl_make() {
  return V{};
}
template <class V, class A>
constexpr typename __msl_if<int(__msl_width<A>::value) == 1 && __is_convertible_to(A, float), V>::type __msl_make(
    A a) {
  return V(a);
}
template <class V, class A, class B, class... C>
constexpr typename __msl_if<int(__msl_total<A, B, C...>::value) == int(__msl_width<V>::value), V>::type __msl_make(
    A a, B b, C... c) {
  return V{a, b, c...};
}
template <class V, class A>
constexpr typename __msl_if<__is_class(A) && __is_convertible_to(A, V), V>::type __msl_make(A a) {
  return a;
}
#define __MSL_BOOL_MAKE(N, T) \
  template <class V> \
  constexpr typename __msl_if<int(__msl_width<V>::value) == N, V>::type __msl_make(__msl_bools<N> a) { \
    return V{}; \
  }
__MSL_BOOL_MAKE(2, bool2)
__MSL_BOOL_MAKE(3, bool3)
__MSL_BOOL_MAKE(4, bool4)

// `float4 v = {a, b};`: what is left out is 0
template <class V, class... A>
constexpr typename __msl_if<int(__msl_total<A...>::value) <= int(__msl_width<V>::value), V>::type __msl_braces(
    A... a) {
  return V{};
}

// `S s = x;`, whatever memory x is in
template <class S, class A>
constexpr typename __msl_if<__is_same(typename __msl_bare<A>::type, S) || __is_convertible_to(A, S), S>::type
__msl_copy(A &&);

// a pointer moves by an object that converts to a number
#define __MSL_MOVE(space) \
  template <class T, class N> \
  constexpr typename __msl_if<__is_class(N), space T * thread &>::type operator+=(space T *thread &, N); \
  template <class T, class N> \
  constexpr typename __msl_if<__is_class(N), space T * thread &>::type operator-=(space T *thread &, N);
__MSL_MOVE(device)
__MSL_MOVE(threadgroup)
__MSL_MOVE(constant)
__MSL_MOVE(thread)

// ---- `static_cast<T>(x)` also converts vectors of one width
template <class To, class From>
constexpr typename __msl_if<(int(__msl_width<From>::value) > 1 &&
                             int(__msl_width<To>::value) == int(__msl_width<From>::value)),
                            To>::type
__msl_cast(From from) {
  return __msl_make<To>(from);
}
template <class To, class From>
struct __msl_between_halves {
  enum { value = (__is_same(To, bfloat) && __is_same(From, half)) || (__is_same(To, half) && __is_same(From, bfloat)) };
};
template <class To, class From>
constexpr typename __msl_if<int(__msl_width<From>::value) == 1 && !__msl_between_halves<To, From>::value, To>::type
__msl_cast(From from) {
  return static_cast<To>(from);
}
template <class To, class From>
constexpr typename __msl_if<__msl_between_halves<To, From>::value, To>::type __msl_cast(From from) {
  return static_cast<To>(static_cast<float>(from));
}

// `(float4)x` is rewritten to `__msl_cast_to<float4>()->*x`
template <class To>
struct __msl_cast_to {};
template <class To, class From>
constexpr To operator->*(__msl_cast_to<To>, From from) {
  return __msl_make<To>(from);
}

// ---- as_type: same size; not for pointers, not for bool
template <class T>
struct __msl_reinterpretable {
  enum { value = !__is_same(T, bool) && !__is_pointer(T) && !__is_array(T) };
};
template <class To, class From>
constexpr typename __msl_if<sizeof(To) == sizeof(From) && __msl_reinterpretable<To>::value &&
                                __msl_reinterpretable<From>::value,
                            To>::type
as_type(From from) {
  return __builtin_bit_cast(To, from);
}

// The names of <simd/simd.h>.
#define __MSL_OF_SIMD(T, N) \
  typedef T##N vector_##T##N; \
  typedef T##N simd_##T##N; \
  namespace simd { \
  using ::T##N; \
  }
#define __MSL_SIMD_TYPES(T) __MSL_OF_SIMD(T, 2) __MSL_OF_SIMD(T, 3) __MSL_OF_SIMD(T, 4)
__MSL_SIMD_TYPES(char)
__MSL_SIMD_TYPES(uchar)
__MSL_SIMD_TYPES(short)
__MSL_SIMD_TYPES(ushort)
__MSL_SIMD_TYPES(int)
__MSL_SIMD_TYPES(uint)
__MSL_SIMD_TYPES(long)
__MSL_SIMD_TYPES(ulong)
__MSL_SIMD_TYPES(half)
__MSL_SIMD_TYPES(float)

namespace metal {
template <class T, int N>
using vec = T __attribute__((ext_vector_type(N)));
#define __MSL_EXPORT(T) \
  using ::T##2; \
  using ::T##3; \
  using ::T##4;
__MSL_EXPORT(char)
__MSL_EXPORT(uchar)
__MSL_EXPORT(short)
__MSL_EXPORT(ushort)
__MSL_EXPORT(int)
__MSL_EXPORT(uint)
__MSL_EXPORT(long)
__MSL_EXPORT(ulong)
__MSL_EXPORT(half)
__MSL_EXPORT(bfloat)
__MSL_EXPORT(float)
__MSL_EXPORT(bool)
using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::ptrdiff_t;
using ::size_t;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uint8_t;

template <class T, int N>
struct packed_vec {
  T data[N];
  packed_vec() = default;
  packed_vec(const packed_vec &) = default;
  packed_vec(const constant packed_vec &);
  packed_vec &operator=(const packed_vec &) = default;
  packed_vec(vec<T, N>);
  packed_vec(T);
  template <class A, class... B, class = typename __msl_if<sizeof...(B) + 2 == N>::type>
  packed_vec(T, A, B...);
  operator vec<T, N>() const;
  operator vec<T, N>() const constant;
  T operator[](int) const;
  T operator[](int) const constant;
  thread T &operator[](int) thread;
  device T &operator[](int) device;
  threadgroup T &operator[](int) threadgroup;
};
template <class T>
struct packed_vec<T, 3> {
  T x, y, z;
  packed_vec() = default;
  packed_vec(const packed_vec &) = default;
  packed_vec(const constant packed_vec &);
  packed_vec &operator=(const packed_vec &) = default;
  packed_vec(vec<T, 3>);
  packed_vec(T);
  packed_vec(T, T, T);
  operator vec<T, 3>() const;
  operator vec<T, 3>() const constant;
  T operator[](int) const;
  T operator[](int) const constant;
  thread T &operator[](int) thread;
  device T &operator[](int) device;
  threadgroup T &operator[](int) threadgroup;
};
#define __MSL_PACKED(T) \
  typedef packed_vec<T, 2> packed_##T##2; \
  typedef packed_vec<T, 3> packed_##T##3; \
  typedef packed_vec<T, 4> packed_##T##4;
__MSL_PACKED(char)
__MSL_PACKED(uchar)
__MSL_PACKED(short)
__MSL_PACKED(ushort)
__MSL_PACKED(int)
__MSL_PACKED(uint)
__MSL_PACKED(half)
__MSL_PACKED(bfloat)
__MSL_PACKED(float)

template <class T, int C, int R>
struct matrix {
  vec<T, R> columns[C];
  matrix() = default;
  explicit matrix(T);
  template <class A, class... B>
  matrix(A, A, B...);
  vec<T, R> operator[](int) const;
  vec<T, R> operator[](int) const constant;
  thread vec<T, R> &operator[](int) thread;
  device vec<T, R> &operator[](int) device;
  threadgroup vec<T, R> &operator[](int) threadgroup;
};
template <class T, int C, int R>
matrix<T, C, R> operator+(matrix<T, C, R>, matrix<T, C, R>);
template <class T, int C, int R>
matrix<T, C, R> operator-(matrix<T, C, R>, matrix<T, C, R>);
template <class T, int C, int R>
matrix<T, C, R> operator*(T, matrix<T, C, R>);
template <class T, int C, int R>
matrix<T, C, R> operator*(matrix<T, C, R>, T);
template <class T, int C, int R>
vec<T, R> operator*(matrix<T, C, R>, vec<T, C>);
template <class T, int C, int R>
vec<T, C> operator*(vec<T, R>, matrix<T, C, R>);
template <class T, int K, int R, int C>
matrix<T, C, R> operator*(matrix<T, K, R>, matrix<T, C, K>);
template <class T, int C, int R>
matrix<T, R, C> transpose(matrix<T, C, R>);
template <class T, int N>
T determinant(matrix<T, N, N>);
#define __MSL_MATRICES(T, R) \
  typedef matrix<T, 2, R> T##2x##R; \
  typedef matrix<T, 3, R> T##3x##R; \
  typedef matrix<T, 4, R> T##4x##R;
__MSL_MATRICES(float, 2)
__MSL_MATRICES(float, 3)
__MSL_MATRICES(float, 4)
__MSL_MATRICES(half, 2)
__MSL_MATRICES(half, 3)
__MSL_MATRICES(half, 4)
}  // namespace metal
