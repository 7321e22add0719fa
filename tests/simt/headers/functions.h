// Metal's functions of one thread: maths, bits of integers.
#define M_LOG2E_F 1.44269504088896341f
#define M_LN2_F 0.693147180559945309f
namespace metal {
#define MSL_OF_HALF(function) \
    MSL_INLINE half function(half x) { return half(::function##f(float(x))); } \
    MSL_INLINE float function(float x) { return ::function##f(x); }
MSL_OF_HALF(floor) MSL_OF_HALF(ceil) MSL_OF_HALF(trunc) MSL_OF_HALF(round) MSL_OF_HALF(rint)
MSL_INLINE half fabs(half x) { return half::of(x.bits & 0x7fff); }
MSL_INLINE float fabs(float x) { return ::fabsf(x); }
#define MSL_OF_HALVES2(function) \
    MSL_INLINE half function(half x, half y) { return half(::function##f(float(x), float(y))); } \
    MSL_INLINE float function(float x, float y) { return ::function##f(x, y); }
MSL_OF_HALVES2(fmax) MSL_OF_HALVES2(fmin) MSL_OF_HALVES2(fmod) MSL_OF_HALVES2(copysign)
MSL_INLINE half fma(half x, half y, half z) { return half::of(machine::fma_halves(x.bits, y.bits, z.bits)); }
MSL_INLINE float fma(float x, float y, float z) { return ::fmaf(x, y, z); }
template <class T> MSL_INLINE T min(T x, T y) { return y < x ? y : x; }
template <class T> MSL_INLINE T max(T x, T y) { return x < y ? y : x; }
MSL_INLINE float min(float x, float y) { return ::fminf(x, y); }
MSL_INLINE float max(float x, float y) { return ::fmaxf(x, y); }
template <class T> MSL_INLINE T abs(T x) { return x < T(0) ? T(-x) : x; }
MSL_INLINE float abs(float x) { return ::fabsf(x); }
template <class T> MSL_INLINE T select(T if_false, T if_true, bool condition) { return condition ? if_true : if_false; }
template <class T> MSL_INLINE bool isnan(T x) { return x != x; }
template <class T> MSL_INLINE bool isinf(T x) { return float(x) == INFINITY || float(x) == -INFINITY; }

namespace precise {
#define MSL_PRECISE(function) MSL_INLINE float function(float x) { return ::function##f(x); }
MSL_PRECISE(exp) MSL_PRECISE(exp2) MSL_PRECISE(log) MSL_PRECISE(log2) MSL_PRECISE(sqrt) MSL_PRECISE(rsqrt)
MSL_PRECISE(sin) MSL_PRECISE(cos) MSL_PRECISE(tan) MSL_PRECISE(sinh) MSL_PRECISE(cosh) MSL_PRECISE(tanh)
MSL_PRECISE(asin) MSL_PRECISE(acos) MSL_PRECISE(atan) MSL_PRECISE(asinh) MSL_PRECISE(acosh) MSL_PRECISE(atanh)
MSL_INLINE float atan2(float x, float y) { return ::atan2f(x, y); }
MSL_INLINE float pow(float x, float y) { return ::powf(x, y); }
MSL_INLINE float divide(float x, float y) { return x / y; }
}  // namespace precise
namespace fast {
#define MSL_FAST(function) MSL_INLINE float function(float x) { return machine::fast_##function(x); }
MSL_FAST(exp) MSL_FAST(exp2) MSL_FAST(log) MSL_FAST(log2) MSL_FAST(sin) MSL_FAST(cos) MSL_FAST(tanh) MSL_FAST(sqrt)
MSL_FAST(rsqrt)
MSL_INLINE float divide(float x, float y) { return machine::fast_divide(x, y); }
}  // namespace fast
// Without a namespace Metal takes the fast or the precise ones as the compiler's option says; here the precise ones.
using precise::atan2;
using precise::cos;
using precise::exp;
using precise::exp2;
using precise::log;
using precise::log2;
using precise::pow;
using precise::rsqrt;
using precise::sin;
using precise::sqrt;
using precise::tanh;

// The number of bits of an integer, and its bits as 32 or 64.
template <class T> constexpr int width = 8 * int(sizeof(T));
template <class T> MSL_INLINE uint low_bits(T x) {
    return width<T> < 32 ? uint(x) & ((1u << (width<T> & 31)) - 1) : uint(x);
}
template <class T> MSL_INLINE T popcount(T x) {
    return T(width<T> == 64 ? __popcll((unsigned long long)x) : __popc(low_bits(x)));
}
template <class T> MSL_INLINE T clz(T x) {
    return T(width<T> == 64 ? __clzll((long long)x) : __clz(int(low_bits(x))) - (32 - width<T>));
}
template <class T> MSL_INLINE T ctz(T x) {
    if (x == T(0)) return T(width<T>);
    return T(width<T> == 64 ? __ffsll((long long)x) - 1 : __ffs(int(x)) - 1);
}
template <class T> MSL_INLINE T mulhi(T x, T y) {
    return T(long((long(x) * long(y)) >> width<T>));
}
MSL_INLINE uint mulhi(uint x, uint y) { return uint((ulong(x) * ulong(y)) >> 32); }
MSL_INLINE ulong mulhi(ulong x, ulong y) { return __umul64hi(x, y); }
MSL_INLINE long mulhi(long x, long y) { return __mul64hi(x, y); }
}  // namespace metal
