// Metal's types: 16-bit floats with the conversions and operators of the language, and vectors that move as one access.
#define METAL_FUNC MSL_INLINE
#define __METAL_VERSION__ 320
namespace metal {
struct half;
struct bfloat;
template <bool B, class T = int> struct when {};
template <class T> struct when<true, T> { typedef T type; };
template <class T> struct is_number { static constexpr bool value = false; };
#define MSL_NUMBER(T) template <> struct is_number<T> { static constexpr bool value = true; };
MSL_NUMBER(bool) MSL_NUMBER(char) MSL_NUMBER(signed char) MSL_NUMBER(uchar) MSL_NUMBER(short) MSL_NUMBER(ushort)
MSL_NUMBER(int) MSL_NUMBER(uint) MSL_NUMBER(long) MSL_NUMBER(ulong) MSL_NUMBER(long long)
MSL_NUMBER(unsigned long long) MSL_NUMBER(float) MSL_NUMBER(double)
// A type without its address space: the spaces are erased here.
template <class T> struct without_space { typedef T type; };
template <class T> constexpr T of_bits(ushort bits) { return T::of(bits); }
// What an operator on a 16-bit float S and a number T gives: with a float a float, with an integer an S.
template <class T, class S> struct mixed { typedef S type; };
template <class S> struct mixed<float, S> { typedef float type; };
template <class S> struct mixed<double, S> { typedef float type; };

// Conversions at compile time, where no instruction can be asked: to nearest even.
constexpr ushort half_of(float x) {
    uint word = __builtin_bit_cast(uint, x), sign = word >> 16 & 0x8000, size = word & 0x7fffffff;
    if (size >= 0x47800000) return ushort(sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00));
    if (size < 0x38800000) {  // below the least normal number: a multiple of 2^-24
        float multiple = __builtin_bit_cast(float, size) * 16777216.0f;
        uint whole = uint(multiple);
        float rest = multiple - float(whole);
        return ushort(sign | (whole + uint(rest > 0.5f || (rest == 0.5f && (whole & 1)))));
    }
    uint moved = size - 0x38000000;
    return ushort(sign | (moved + 0xfff + (moved >> 13 & 1)) >> 13);
}
constexpr float float_of_half(ushort bits) {
    uint exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float sign = bits & 0x8000 ? -1.0f : 1.0f;
    if (exponent == 0) return sign * float(mantissa) * 5.9604644775390625e-8f;
    uint size = exponent == 31 ? 0x7f800000 | mantissa << 13 : (exponent + 112) << 23 | mantissa << 13;
    return sign * __builtin_bit_cast(float, size);
}
constexpr ushort bfloat_of(float x) {
    uint word = __builtin_bit_cast(uint, x);
    return (word & 0x7fffffff) > 0x7f800000 ? ushort(0x7fff) : ushort((word + 0x7fff + (word >> 16 & 1)) >> 16);
}
#define MSL_CONSTANT __builtin_is_constant_evaluated()
struct Bits {};
struct half {
    ushort bits;
    half() = default;
    MSL_INLINE constexpr half(ushort bits, Bits) : bits(bits) {}
    template <class T, typename when<is_number<T>::value>::type = 0>
    MSL_INLINE constexpr half(T x) : bits(MSL_CONSTANT ? half_of(float(x)) : machine::to_half(float(x))) {}
    MSL_INLINE constexpr explicit half(bfloat x);
    MSL_INLINE constexpr operator float() const { return MSL_CONSTANT ? float_of_half(bits) : machine::from_half(bits); }
    MSL_INLINE static constexpr half of(ushort bits) { return half(bits, Bits()); }
};
struct bfloat {
    ushort bits;
    bfloat() = default;
    MSL_INLINE constexpr bfloat(ushort bits, Bits) : bits(bits) {}
    template <class T, typename when<is_number<T>::value>::type = 0>
    MSL_INLINE constexpr bfloat(T x) : bits(MSL_CONSTANT ? bfloat_of(float(x)) : machine::to_bfloat(float(x))) {}
    MSL_INLINE constexpr explicit bfloat(half x) : bfloat(float(x)) {}
    MSL_INLINE constexpr operator float() const { return __builtin_bit_cast(float, uint(bits) << 16); }
    MSL_INLINE static constexpr bfloat of(ushort bits) { return bfloat(bits, Bits()); }
};
MSL_INLINE constexpr half::half(bfloat x) : half(float(x)) {}
MSL_INLINE constexpr half operator""h(long double x) { return half(float(x)); }

#define MSL_HALF_OPERATOR(op, function)                                                                     \
    MSL_INLINE constexpr half operator op(half a, half b) {                                                 \
        return MSL_CONSTANT ? half(float(a) op float(b)) : half::of(machine::function(a.bits, b.bits));     \
    }
MSL_HALF_OPERATOR(+, add_halves)
MSL_HALF_OPERATOR(-, subtract_halves)
MSL_HALF_OPERATOR(*, multiply_halves)
#define MSL_ROUNDED_OPERATOR(S, op) \
    MSL_INLINE constexpr S operator op(S a, S b) { return S(float(a) op float(b)); }
MSL_ROUNDED_OPERATOR(half, /)
MSL_ROUNDED_OPERATOR(bfloat, +)
MSL_ROUNDED_OPERATOR(bfloat, -)
MSL_ROUNDED_OPERATOR(bfloat, *)
MSL_ROUNDED_OPERATOR(bfloat, /)
MSL_INLINE constexpr half operator-(half a) { return half::of(a.bits ^ 0x8000); }
MSL_INLINE constexpr bfloat operator-(bfloat a) { return bfloat::of(a.bits ^ 0x8000); }
#define MSL_MIXED(S, op)                                                             \
    template <class T, typename when<is_number<T>::value>::type = 0>                 \
    MSL_INLINE constexpr typename mixed<T, S>::type operator op(S a, T b) {                    \
        typedef typename mixed<T, S>::type R;                                        \
        return R(a) op R(b);                                                         \
    }                                                                                \
    template <class T, typename when<is_number<T>::value>::type = 0>                 \
    MSL_INLINE constexpr typename mixed<T, S>::type operator op(T a, S b) {                    \
        typedef typename mixed<T, S>::type R;                                        \
        return R(a) op R(b);                                                         \
    }                                                                                \
    template <class T> MSL_INLINE constexpr S &operator op##=(S &a, T b) {                     \
        a = S(a op b);                                                               \
        return a;                                                                    \
    }
#define MSL_COMPARE(S, op)                                                           \
    MSL_INLINE constexpr bool operator op(S a, S b) { return float(a) op float(b); }           \
    template <class T, typename when<is_number<T>::value>::type = 0>                 \
    MSL_INLINE constexpr bool operator op(S a, T b) {                                          \
        return float(a) op float(b);                                                 \
    }                                                                                \
    template <class T, typename when<is_number<T>::value>::type = 0>                 \
    MSL_INLINE constexpr bool operator op(T a, S b) {                                          \
        return float(a) op float(b);                                                 \
    }
#define MSL_OPERATORS(S)                                                                                     \
    MSL_MIXED(S, +) MSL_MIXED(S, -) MSL_MIXED(S, *) MSL_MIXED(S, /)                                          \
    MSL_COMPARE(S, <) MSL_COMPARE(S, >) MSL_COMPARE(S, <=) MSL_COMPARE(S, >=) MSL_COMPARE(S, ==) MSL_COMPARE(S, !=)
MSL_OPERATORS(half)
MSL_OPERATORS(bfloat)

// ---------------------------------------------------------------------------------------------------------- vectors
// What the machine moves at once: an object of a power of two up to 16 bytes.
template <uint Bytes> struct word { typedef machine::Words4 type; };
template <> struct word<1> { typedef uchar type; };
template <> struct word<2> { typedef ushort type; };
template <> struct word<4> { typedef uint type; };
template <> struct word<8> { typedef machine::Words2 type; };
template <class V> MSL_INLINE void move(V &to, const V &from) {
    typedef typename word<sizeof(V)>::type Word;
#pragma unroll
    for (uint i = 0; i < sizeof(V) / sizeof(Word); ++i)
        reinterpret_cast<Word *>(&to)[i] = reinterpret_cast<const Word *>(&from)[i];
}
template <class T, int N> struct vec;
#define MSL_VECTOR(N, BYTES, MEMBERS, PARAMETERS, ARGUMENTS)                                                     \
    template <class T> struct alignas(BYTES * sizeof(T)) vec<T, N> {                                             \
        T MEMBERS;                                                                                               \
        vec() = default;                                                                                         \
        MSL_INLINE vec(const vec &other) { move(*this, other); }                                                 \
        MSL_INLINE vec &operator=(const vec &other) {                                                            \
            move(*this, other);                                                                                  \
            return *this;                                                                                        \
        }                                                                                                        \
        MSL_INLINE vec PARAMETERS : ARGUMENTS {}                                                                 \
        template <class S> MSL_INLINE explicit vec(S all) {                                                      \
            for (int i = 0; i < N; ++i) (*this)[i] = T(all);                                                     \
        }                                                                                                        \
        template <class S> MSL_INLINE explicit vec(const vec<S, N> &other) {                                     \
            for (int i = 0; i < N; ++i) (*this)[i] = T(other[i]);                                                \
        }                                                                                                        \
        MSL_INLINE T &operator[](int i) { return (&x)[i]; }                                                      \
        MSL_INLINE const T &operator[](int i) const { return (&x)[i]; }                                          \
    };
#define MSL_LIST(...) __VA_ARGS__
MSL_VECTOR(2, 2, MSL_LIST(x, y), (T x, T y), MSL_LIST(x(x), y(y)))
MSL_VECTOR(3, 4, MSL_LIST(x, y, z), (T x, T y, T z), MSL_LIST(x(x), y(y), z(z)))
MSL_VECTOR(4, 4, MSL_LIST(x, y, z, w), (T x, T y, T z, T w), MSL_LIST(x(x), y(y), z(z), w(w)))
#define MSL_VECTORS(T) typedef vec<T, 2> T##2; typedef vec<T, 3> T##3; typedef vec<T, 4> T##4;
MSL_VECTORS(bool) MSL_VECTORS(char) MSL_VECTORS(uchar) MSL_VECTORS(short) MSL_VECTORS(ushort) MSL_VECTORS(int)
MSL_VECTORS(uint) MSL_VECTORS(long) MSL_VECTORS(ulong) MSL_VECTORS(half) MSL_VECTORS(bfloat) MSL_VECTORS(float)

#define MSL_VECTOR_OPERATOR(op)                                                                             \
    template <class T, int N> MSL_INLINE vec<T, N> operator op(vec<T, N> a, vec<T, N> b) {                  \
        for (int i = 0; i < N; ++i) a[i] = T(a[i] op b[i]);                                                 \
        return a;                                                                                           \
    }                                                                                                       \
    template <class T, int N> MSL_INLINE vec<T, N> operator op(vec<T, N> a, T b) { return a op vec<T, N>(b); } \
    template <class T, int N> MSL_INLINE vec<T, N> operator op(T a, vec<T, N> b) { return vec<T, N>(a) op b; } \
    template <class T, int N, class S> MSL_INLINE vec<T, N> &operator op##=(vec<T, N> &a, S b) {            \
        return a = a op b;                                                                                  \
    }
MSL_VECTOR_OPERATOR(+)
MSL_VECTOR_OPERATOR(-)
MSL_VECTOR_OPERATOR(*)
MSL_VECTOR_OPERATOR(/)

// A vector without its alignment.
template <class T, int N> struct packed_vec {
    T elements[N];
    MSL_INLINE T &operator[](int i) { return elements[i]; }
    MSL_INLINE const T &operator[](int i) const { return elements[i]; }
};

template <class T, class S> MSL_INLINE T as_type(S x) {
    static_assert(sizeof(T) == sizeof(S), "as_type");
    T y;
    memcpy((void *)&y, (const void *)&x, sizeof(T));
    return y;
}
}  // namespace metal
