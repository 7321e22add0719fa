// Strict mode: what `#include <metal_stdlib>` declares. Type traits, limits and small classes here.
#pragma once
#include "types.h"
#include "math.h"
#include "simd.h"
#include "atomic.h"

namespace metal {
template <class T, T V>
struct integral_constant {
  static constant constexpr T value = V;
  typedef T value_type;
  constexpr operator T() const { return V; }
};
template <bool B>
using bool_constant = integral_constant<bool, B>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;

template <bool B, class T = void>
using enable_if = __msl_if<B, T>;
template <bool B, class T = void>
using enable_if_t = typename __msl_if<B, T>::type;
template <bool B, class T, class F>
struct conditional {
  typedef T type;
};
template <class T, class F>
struct conditional<false, T, F> {
  typedef F type;
};
template <bool B, class T, class F>
using conditional_t = typename conditional<B, T, F>::type;
template <class...>
struct _disjunction : false_type {};
template <class A, class... B>
struct _disjunction<A, B...> : bool_constant<A::value || _disjunction<B...>::value> {};
template <class...>
struct _conjunction : true_type {};
template <class A, class... B>
struct _conjunction<A, B...> : bool_constant<A::value && _conjunction<B...>::value> {};

template <class T>
struct remove_const : __msl_type<T> {};
template <class T>
struct remove_const<const T> : __msl_type<T> {};
template <class T>
struct remove_volatile : __msl_type<T> {};
template <class T>
struct remove_volatile<volatile T> : __msl_type<T> {};
template <class T>
struct remove_cv : remove_const<typename remove_volatile<T>::type> {};
template <class T>
struct remove_reference : __msl_type<T> {};
template <class T>
struct remove_reference<T &> : __msl_type<T> {};
template <class T>
struct remove_reference<T &&> : __msl_type<T> {};
template <class T>
struct remove_pointer : __msl_type<T> {};
template <class T>
struct remove_pointer<T *> : __msl_type<T> {};
template <class T>
struct remove_addrspace : __msl_bare<T> {};
template <class T>
using remove_const_t = typename remove_const<T>::type;
template <class T>
using remove_volatile_t = typename remove_volatile<T>::type;
template <class T>
using remove_cv_t = typename remove_cv<T>::type;
template <class T>
using remove_reference_t = typename remove_reference<T>::type;
template <class T>
using remove_pointer_t = typename remove_pointer<T>::type;
template <class T>
using remove_addrspace_t = typename remove_addrspace<T>::type;
template <class T>
struct make_signed : __msl_type<__make_signed(T)> {};
template <class T>
struct make_unsigned : __msl_type<__make_unsigned(T)> {};
template <class T>
using make_signed_t = typename make_signed<T>::type;
template <class T>
using make_unsigned_t = typename make_unsigned<T>::type;

#define __MSL_TRAIT(name, builtin) \
  template <class T> \
  struct name : bool_constant<builtin(T)> {}; \
  template <class T> \
  constant constexpr bool name##_v = builtin(T);
__MSL_TRAIT(is_arithmetic, __is_arithmetic)
__MSL_TRAIT(is_array, __is_array)
__MSL_TRAIT(is_class, __is_class)
__MSL_TRAIT(is_const, __is_const)
__MSL_TRAIT(is_enum, __is_enum)
__MSL_TRAIT(is_floating_point, __is_floating_point)
__MSL_TRAIT(is_integral, __is_integral)
__MSL_TRAIT(is_pointer, __is_pointer)
__MSL_TRAIT(is_reference, __is_reference)
__MSL_TRAIT(is_signed, __is_signed)
__MSL_TRAIT(is_trivially_copyable, __is_trivially_copyable)
__MSL_TRAIT(is_unsigned, __is_unsigned)
__MSL_TRAIT(is_void, __is_void)
template <class A, class B>
struct is_same : bool_constant<__is_same(A, B)> {};
template <class A, class B>
constant constexpr bool is_same_v = __is_same(A, B);
template <class A, class B>
struct is_convertible : bool_constant<__is_convertible_to(A, B)> {};
template <class A, class B>
constant constexpr bool is_convertible_v = __is_convertible_to(A, B);
template <class A, class B>
struct is_base_of : bool_constant<__is_base_of(A, B)> {};

template <class T>
struct numeric_limits;
#define __MSL_LIMITS(T, integer, sign, bits, low, high) \
  template <> \
  struct numeric_limits<T> { \
    static constant constexpr bool is_specialized = true; \
    static constant constexpr bool is_signed = sign; \
    static constant constexpr bool is_integer = integer; \
    static constant constexpr int digits = bits; \
    static constexpr T lowest() { return T(low); } \
    static constexpr T max() { return T(high); }
#define __MSL_INTEGER_LIMITS(T, sign, bits, low, high) \
  __MSL_LIMITS(T, true, sign, bits, low, high) \
    static constexpr T min() { return T(low); } \
  };
#define __MSL_FLOAT_LIMITS(T, bits, high, smallest, step) \
  __MSL_LIMITS(T, false, true, bits, -high, high) \
    static constexpr T min() { return T(smallest); } \
    static constexpr T epsilon() { return T(step); } \
    static constexpr T denorm_min() { return T(smallest * step); } \
    static constexpr T infinity() { return T(__builtin_inff()); } \
    static constexpr T quiet_NaN() { return T(__builtin_nanf("")); } \
    static constexpr T signaling_NaN() { return T(__builtin_nanf("")); } \
  };
__MSL_INTEGER_LIMITS(bool, false, 1, 0, 1)
__MSL_INTEGER_LIMITS(char, true, 7, -128, 127)
__MSL_INTEGER_LIMITS(uchar, false, 8, 0, 255)
__MSL_INTEGER_LIMITS(short, true, 15, -32768, 32767)
__MSL_INTEGER_LIMITS(ushort, false, 16, 0, 65535)
__MSL_INTEGER_LIMITS(int, true, 31, INT_MIN, INT_MAX)
__MSL_INTEGER_LIMITS(uint, false, 32, 0, UINT_MAX)
__MSL_INTEGER_LIMITS(long, true, 63, LONG_MIN, LONG_MAX)
__MSL_INTEGER_LIMITS(ulong, false, 64, 0, ULONG_MAX)
__MSL_FLOAT_LIMITS(half, 11, 65504.0f, 6.103515625e-05f, 9.765625e-04f)
__MSL_FLOAT_LIMITS(bfloat, 8, 3.38953139e+38f, 1.175494351e-38f, 7.8125e-03f)
__MSL_FLOAT_LIMITS(float, 24, 3.402823466e+38f, 1.175494351e-38f, 1.192092896e-07f)

template <class T, size_t N>
struct array {
  T data_[N];
  T operator[](size_t) const;
  T operator[](size_t) const constant;
  thread T &operator[](size_t) thread;
  device T &operator[](size_t) device;
  threadgroup T &operator[](size_t) threadgroup;
  static constexpr size_t size() { return N; }
};

// A value that is the same in all threads.
template <class T>
struct uniform {
  T value;
  constexpr uniform(T v) : value(v) {}
  constexpr operator T() const { return value; }
};
template <class T>
constexpr uniform<T> make_uniform(T v) {
  return uniform<T>(v);
}

#if __METAL_VERSION__ >= 320
struct os_log {
  constexpr os_log() constant {}
  constexpr os_log(constant const char *, constant const char *) constant {}
  template <class... A>
  void log(__constant const char *, A...) const constant;
  template <class... A>
  void log_debug(__constant const char *, A...) const constant;
  template <class... A>
  void log_info(__constant const char *, A...) const constant;
  template <class... A>
  void log_error(__constant const char *, A...) const constant;
  template <class... A>
  void log_fault(__constant const char *, A...) const constant;
};
constant os_log os_log_default;
#endif
}  // namespace metal

#define is_function_constant_defined(name) (sizeof(name) != 0)

// ---- what the rewritten kernels call; a message starts with the place in the user's text
template <class T>
struct __msl_scalar_of {
  typedef T type;
};
template <class T, int N>
struct __msl_scalar_of<T __attribute__((ext_vector_type(N)))> {
  typedef T type;
};
// A built-in: ushort or uint, `most` components at most (position attributes may be 1, 2 or 3 wide).
template <class T>
constexpr bool __msl_is_builtin(int most) {
  typedef typename __msl_bare<T>::type bare;
  typedef typename __msl_scalar_of<bare>::type scalar;
  return (__is_same(scalar, ushort) || __is_same(scalar, uint)) && int(__msl_width<bare>::value) <= most;
}
template <class T>
constexpr int __msl_components() {
  return __msl_width<typename __msl_bare<T>::type>::value;
}
template <class T>
threadgroup T &__msl_threadgroup();
