// Metal's type traits and limits, as far as other people's kernels use them; fixed-width names of integers.
namespace metal {
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;

template <class T, T x> struct integral_constant {
    static constexpr T value = x;
    typedef T value_type;
    typedef integral_constant type;
    constexpr operator T() const { return x; }
};
template <bool x> using bool_constant = integral_constant<bool, x>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;
template <bool B, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> { typedef T type; };
template <bool B, class T = void> using enable_if_t = typename enable_if<B, T>::type;
template <bool B, class T, class F> struct conditional { typedef T type; };
template <class T, class F> struct conditional<false, T, F> { typedef F type; };
template <bool B, class T, class F> using conditional_t = typename conditional<B, T, F>::type;
template <class A, class B> struct is_same : false_type {};
template <class A> struct is_same<A, A> : true_type {};
template <class A, class B> constexpr bool is_same_v = is_same<A, B>::value;
template <class T> struct remove_const { typedef T type; };
template <class T> struct remove_const<const T> { typedef T type; };
template <class T> struct remove_reference { typedef T type; };
template <class T> struct remove_reference<T &> { typedef T type; };
template <class T> struct remove_volatile { typedef T type; };
template <class T> struct remove_volatile<volatile T> { typedef T type; };
template <class T> using remove_cv_t = typename remove_const<typename remove_volatile<T>::type>::type;
template <class T> using remove_const_t = typename remove_const<T>::type;
template <class T> using remove_addrspace_t = remove_const_t<typename without_space<T>::type>;
template <class T> using remove_reference_t = typename remove_reference<T>::type;
template <class T> struct remove_pointer { typedef T type; };
template <class T> struct remove_pointer<T *> { typedef T type; };
template <class T> using remove_pointer_t = typename remove_pointer<T>::type;
template <class From, class To> constexpr bool is_convertible_v = __is_convertible_to(From, To);
template <class From, class To> struct is_convertible : bool_constant<is_convertible_v<From, To>> {};
template <class B, class D> constexpr bool is_base_of_v = __is_base_of(B, D);
template <class T> constexpr bool is_empty_v = __is_empty(T);
template <class T> struct is_empty : bool_constant<is_empty_v<T>> {};
template <class T> struct is_floating_point : bool_constant<is_same_v<remove_cv_t<T>, float>> {};
template <> struct is_floating_point<half> : true_type {};
template <> struct is_floating_point<bfloat> : true_type {};
template <class T> constexpr bool is_floating_point_v = is_floating_point<T>::value;
template <class T> struct is_integral : bool_constant<is_number<remove_cv_t<T>>::value && !is_floating_point_v<T>> {};
template <class T> constexpr bool is_integral_v = is_integral<T>::value;
template <class T> constexpr bool is_arithmetic_v = is_integral_v<T> || is_floating_point_v<T>;
template <class T> struct is_arithmetic : bool_constant<is_arithmetic_v<T>> {};
template <class T> constexpr bool is_signed_v = is_floating_point_v<T> || T(-1) < T(0);
template <class T> constexpr bool is_unsigned_v = is_integral_v<T> && !is_signed_v<T>;
template <class T> constexpr bool is_pointer_v = !is_same_v<remove_pointer_t<T>, T>;
template <class... T> struct disjunction : bool_constant<(false || ... || bool(T::value))> {};
template <class... T> struct conjunction : bool_constant<(true && ... && bool(T::value))> {};
template <class T> struct negation : bool_constant<!bool(T::value)> {};
template <class... T> constexpr bool disjunction_v = disjunction<T...>::value;
template <class... T> constexpr bool conjunction_v = conjunction<T...>::value;
template <class T> T declval();

// What a kernel writes to it is not read.
struct os_log {
    constexpr os_log(const char *, const char *) {}
    template <class... T> MSL_INLINE void log_debug(const char *, T...) const {}
};

template <class T> struct numeric_limits {
    static constexpr bool is_signed = T(-1) < T(0);
    static constexpr T max() { return is_signed ? T(~(1ull << (8 * sizeof(T) - 1))) : T(-1); }
    static constexpr T min() { return is_signed ? T(1ull << (8 * sizeof(T) - 1)) : T(0); }
    static constexpr T lowest() { return min(); }
};
template <> struct numeric_limits<float> {
    static constexpr float max() { return 3.402823466e38f; }
    static constexpr float lowest() { return -3.402823466e38f; }
    static constexpr float min() { return 1.175494351e-38f; }
    static constexpr float infinity() { return __builtin_bit_cast(float, 0x7f800000u); }
    static constexpr float quiet_NaN() { return __builtin_bit_cast(float, 0x7fc00000u); }
};
#define MSL_LIMITS(T, MAX, MIN, INFINITE)                                    \
    template <> struct numeric_limits<T> {                                   \
        MSL_INLINE static constexpr T max() { return of_bits<T>(MAX); }                \
        MSL_INLINE static constexpr T lowest() { return of_bits<T>(MAX | 0x8000); }    \
        MSL_INLINE static constexpr T min() { return of_bits<T>(MIN); }                \
        MSL_INLINE static constexpr T infinity() { return of_bits<T>(INFINITE); }      \
        MSL_INLINE static constexpr T quiet_NaN() { return of_bits<T>(0x7fff); }       \
    };
MSL_LIMITS(half, 0x7bff, 0x0400, 0x7c00)
MSL_LIMITS(bfloat, 0x7f7f, 0x0080, 0x7f80)
}  // namespace metal
