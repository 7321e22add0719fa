// <metal_type_traits>: what user code and these headers ask about types.
#pragma once
#include "scalars.h"

namespace metal {

template <class T, T v> struct integral_constant {
  static constexpr T value = v;
  using value_type = T;
  using type = integral_constant;
  constexpr operator T() const { return v; }
};
template <bool b> using bool_constant = integral_constant<bool, b>;
using true_type = bool_constant<true>;
using false_type = bool_constant<false>;

template <bool condition, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> {
  using type = T;
};
template <bool condition, class T = void> using enable_if_t = typename enable_if<condition, T>::type;

template <bool condition, class A, class B> struct conditional {
  using type = A;
};
template <class A, class B> struct conditional<false, A, B> {
  using type = B;
};
template <bool condition, class A, class B> using conditional_t = typename conditional<condition, A, B>::type;

template <class T> struct remove_const { using type = T; };
template <class T> struct remove_const<const T> { using type = T; };
template <class T> using remove_const_t = typename remove_const<T>::type;
template <class T> struct remove_volatile { using type = T; };
template <class T> struct remove_volatile<volatile T> { using type = T; };
template <class T> using remove_volatile_t = typename remove_volatile<T>::type;
template <class T> struct remove_cv { using type = remove_const_t<remove_volatile_t<T>>; };
template <class T> using remove_cv_t = typename remove_cv<T>::type;
template <class T> struct remove_reference { using type = T; };
template <class T> struct remove_reference<T &> { using type = T; };
template <class T> struct remove_reference<T &&> { using type = T; };
template <class T> using remove_reference_t = typename remove_reference<T>::type;
template <class T> struct remove_pointer { using type = T; };
template <class T> struct remove_pointer<T *> { using type = T; };
template <class T> using remove_pointer_t = typename remove_pointer<T>::type;
template <class T> using remove_addrspace_t = remove_cv_t<T>;
template <class T> using remove_cvref_t = remove_cv_t<remove_reference_t<T>>;
template <class T> using decay_t = remove_cvref_t<T>;
template <class T> struct decay { using type = decay_t<T>; };
template <class T> struct type_identity { using type = T; };
template <class T> using type_identity_t = typename type_identity<T>::type;

template <class A, class B> struct is_same : false_type {};
template <class A> struct is_same<A, A> : true_type {};
template <class A, class B> constexpr bool is_same_v = is_same<A, B>::value;
template <class T, class... U> constexpr bool is_one_of_v = (is_same_v<T, U> || ...);

template <class T> struct is_const : false_type {};
template <class T> struct is_const<const T> : true_type {};
template <class T> constexpr bool is_const_v = is_const<T>::value;
template <class T> struct is_pointer : false_type {};
template <class T> struct is_pointer<T *> : true_type {};
template <class T> constexpr bool is_pointer_v = is_pointer<T>::value;
template <class T> struct is_reference : bool_constant<!is_same_v<T, remove_reference_t<T>>> {};
template <class T> constexpr bool is_reference_v = is_reference<T>::value;
template <class T> struct is_void : is_same<remove_cv_t<T>, void> {};
template <class T> constexpr bool is_void_v = is_void<T>::value;
template <class T> struct is_array : false_type {};
template <class T, size_t n> struct is_array<T[n]> : true_type {};
template <class T> constexpr bool is_array_v = is_array<T>::value;
template <class T> struct is_enum : bool_constant<__is_enum(T)> {};
template <class T> constexpr bool is_enum_v = is_enum<T>::value;
template <class T> struct is_class : bool_constant<__is_class(T)> {};
template <class T> constexpr bool is_class_v = is_class<T>::value;
template <class T> constexpr bool is_trivially_copyable_v = __is_trivially_copyable(T);
template <class T> struct is_trivially_copyable : bool_constant<__is_trivially_copyable(T)> {};
template <class A, class B> struct is_base_of : bool_constant<__is_base_of(A, B)> {};
template <class A, class B> constexpr bool is_base_of_v = is_base_of<A, B>::value;

template <class T>
struct is_integral : bool_constant<is_one_of_v<remove_cv_t<T>, bool, char, signed char, uchar, short, ushort, int, uint,
                                               long, ulong, long long, unsigned long long>> {};
template <class T> constexpr bool is_integral_v = is_integral<T>::value;
template <class T>
struct is_floating_point : bool_constant<is_one_of_v<remove_cv_t<T>, float, half, bfloat>> {};
template <class T> constexpr bool is_floating_point_v = is_floating_point<T>::value;
template <class T> struct is_arithmetic : bool_constant<is_integral_v<T> || is_floating_point_v<T>> {};
template <class T> constexpr bool is_arithmetic_v = is_arithmetic<T>::value;
template <class T> struct is_scalar : bool_constant<is_arithmetic_v<T> || __is_enum(T) || is_pointer_v<T>> {};
template <class T> constexpr bool is_scalar_v = is_scalar<T>::value;
template <class T, bool = is_arithmetic_v<T>> struct is_signed : false_type {};
template <class T> struct is_signed<T, true> : bool_constant<is_floating_point_v<T> || (T(-1) < T(0))> {};
template <class T> constexpr bool is_signed_v = is_signed<T>::value;
template <class T> struct is_unsigned : bool_constant<is_integral_v<T> && !is_signed_v<T>> {};
template <class T> constexpr bool is_unsigned_v = is_unsigned<T>::value;

template <class T> T &&declval() noexcept;
template <class From, class To> struct is_convertible {
  static void accept(To);
  template <class F, class = decltype(accept(declval<F>()))> static true_type test(int);
  template <class> static false_type test(...);
  static constexpr bool value = decltype(test<From>(0))::value;
};
template <class From, class To> constexpr bool is_convertible_v = is_convertible<From, To>::value;

template <class...> struct disjunction : false_type {};
template <class A, class... B> struct disjunction<A, B...> : conditional_t<bool(A::value), A, disjunction<B...>> {};
template <class... A> constexpr bool disjunction_v = disjunction<A...>::value;
template <class...> struct conjunction : true_type {};
template <class A> struct conjunction<A> : A {};
template <class A, class... B> struct conjunction<A, B...> : conditional_t<bool(A::value), conjunction<B...>, A> {};
template <class... A> constexpr bool conjunction_v = conjunction<A...>::value;
template <class A> struct negation : bool_constant<!bool(A::value)> {};
template <class... A> using _disjunction = disjunction<A...>;
template <class... A> using _conjunction = conjunction<A...>;

template <uint bytes> struct sized_unsigned;
template <> struct sized_unsigned<1> { using type = uchar; };
template <> struct sized_unsigned<2> { using type = ushort; };
template <> struct sized_unsigned<4> { using type = uint; };
template <> struct sized_unsigned<8> { using type = ulong; };
template <uint bytes> struct sized_signed;
template <> struct sized_signed<1> { using type = signed char; };
template <> struct sized_signed<2> { using type = short; };
template <> struct sized_signed<4> { using type = int; };
template <> struct sized_signed<8> { using type = long; };
template <class T> struct make_unsigned : sized_unsigned<sizeof(T)> {};
template <class T> using make_unsigned_t = typename make_unsigned<T>::type;
template <class T> struct make_signed : sized_signed<sizeof(T)> {};
template <> struct make_signed<char> { using type = char; };
template <> struct make_signed<uchar> { using type = char; };
template <class T> using make_signed_t = typename make_signed<T>::type;

}  // namespace metal
