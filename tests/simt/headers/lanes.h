// What Metal's threads do together: values of other lanes, reductions, barriers; built-in arguments of a kernel.
// MSL_PRODUCT 1 renumbers the lanes, so that Metal's fragment of 8x8 is the tensor core's: a permutation of the bits of
// the lane's index, which maps XOR masks as well.
namespace metal {
#if MSL_PRODUCT == 1
MSL_INLINE uint metal_lane(uint h) {
    return (h & 17) | (h >> 1 & 1) << 3 | (h >> 2 & 1) << 1 | (h >> 3 & 1) << 2;
}
MSL_INLINE uint machine_lane(uint l) {
    return (l & 17) | (l >> 3 & 1) << 1 | (l >> 1 & 1) << 2 | (l >> 2 & 1) << 3;
}
#else
MSL_INLINE uint metal_lane(uint h) { return h; }
MSL_INLINE uint machine_lane(uint l) { return l; }
#endif
MSL_INLINE uint this_lane() { return metal_lane(machine::thread() & 31); }

// x with f applied to each 32-bit word of it; narrower values are in the low bits of a word.
template <class T, class F> MSL_INLINE T by_words(T x, F f) {
    if constexpr (sizeof(T) == 8) {
        uint2 words = as_type<uint2>(x);
        return as_type<T>(uint2(f(words.x), f(words.y)));
    } else if constexpr (sizeof(T) == 4) {
        return as_type<T>(f(as_type<uint>(x)));
    } else if constexpr (sizeof(T) == 2) {
        return as_type<T>(ushort(f(uint(as_type<ushort>(x)))));
    } else {
        return as_type<T>(uchar(f(uint(as_type<uchar>(x)))));
    }
}
template <class T> MSL_INLINE T simd_shuffle(T x, ushort source) {
    return by_words(x, [=](uint word) { return machine::shuffle(word, machine_lane(source)); });
}
template <class T> MSL_INLINE T simd_broadcast(T x, ushort source) { return simd_shuffle(x, source); }
template <class T> MSL_INLINE T simd_broadcast_first(T x) { return simd_shuffle(x, ushort(0)); }
template <class T> MSL_INLINE T simd_shuffle_xor(T x, ushort mask) {
    return by_words(x, [=](uint word) { return machine::shuffle_xor(word, machine_lane(mask)); });
}
template <class T> MSL_INLINE T simd_shuffle_down(T x, ushort delta) {
    return simd_shuffle(x, ushort((this_lane() + delta) & 31));
}
template <class T> MSL_INLINE T simd_shuffle_up(T x, ushort delta) {
    return simd_shuffle(x, ushort((this_lane() - delta) & 31));
}
template <class T> MSL_INLINE T simd_shuffle_and_fill_up(T x, T filling, ushort delta) {
    T filled = simd_shuffle(filling, ushort((this_lane() - delta) & 31)), moved = simd_shuffle_up(x, delta);
    return this_lane() < delta ? filled : moved;
}
MSL_INLINE bool simd_any(bool x) { return machine::any_lane(x); }
MSL_INLINE bool simd_all(bool x) { return machine::all_lanes(x); }
MSL_INLINE bool simd_is_first() { return this_lane() == 0; }

// Each lane gets f of the values of the lanes up to its own.
template <class T, class F> MSL_INLINE T scanned(T x, F f) {
#pragma unroll
    for (uint step = 1; step < 32; step *= 2) {
        T before = simd_shuffle_up(x, ushort(step));
        if (this_lane() >= step) x = f(before, x);
    }
    return x;
}
template <class T> MSL_INLINE T simd_prefix_inclusive_sum(T x) {
    return scanned(x, [](T a, T b) { return T(a + b); });
}
template <class T, class F> MSL_INLINE T butterfly(T x, F f) {
#pragma unroll
    for (uint step = 16; step > 0; step /= 2)
        x = f(x, by_words(x, [=](uint word) { return machine::shuffle_xor(word, step); }));
    return x;
}
template <class T> MSL_INLINE T simd_sum(T x) {
    return butterfly(x, [](T a, T b) { return T(a + b); });
}
template <class T> MSL_INLINE T simd_product(T x) {
    return butterfly(x, [](T a, T b) { return T(a * b); });
}
template <class T> MSL_INLINE T simd_min(T x) {
    return butterfly(x, [](T a, T b) { return b < a || a != a ? b : a; });
}
template <class T> MSL_INLINE T simd_max(T x) {
    return butterfly(x, [](T a, T b) { return b > a || a != a ? b : a; });
}
template <class T> MSL_INLINE T simd_and(T x) {
    return butterfly(x, [](T a, T b) { return T(a & b); });
}
template <class T> MSL_INLINE T simd_or(T x) {
    return butterfly(x, [](T a, T b) { return T(a | b); });
}
template <class T> MSL_INLINE T simd_xor(T x) {
    return butterfly(x, [](T a, T b) { return T(a ^ b); });
}
MSL_INLINE int simd_sum(int x) { return machine::sum(x); }
MSL_INLINE uint simd_sum(uint x) { return uint(machine::sum(int(x))); }
MSL_INLINE int simd_min(int x) { return machine::least(x); }
MSL_INLINE int simd_max(int x) { return machine::largest(x); }
MSL_INLINE float simd_min(float x) {
    return butterfly(x, [](float a, float b) { return ::fminf(a, b); });
}
MSL_INLINE float simd_max(float x) {
    return butterfly(x, [](float a, float b) { return ::fmaxf(a, b); });
}

// The namespace of a text. What other people's texts overload is found there beside their overloads, not behind them.
namespace text {
namespace metal {
using namespace ::metal;  // a text may add to the library's namespace
}
using metal::abs;
using metal::atan2;
using metal::ceil;
using metal::copysign;
using metal::cos;
using metal::exp;
using metal::exp2;
using metal::fabs;
using metal::floor;
using metal::fma;
using metal::fmax;
using metal::fmin;
using metal::fmod;
using metal::isnan;
using metal::log;
using metal::log2;
using metal::max;
using metal::min;
using metal::pow;
using metal::rint;
using metal::round;
using metal::rsqrt;
using metal::sin;
using metal::sqrt;
using metal::tanh;
using metal::trunc;
using metal::simd_max;
using metal::simd_min;
using metal::simd_product;
using metal::simd_shuffle;
using metal::simd_shuffle_and_fill_up;
using metal::simd_shuffle_down;
using metal::simd_shuffle_up;
using metal::simd_shuffle_xor;
using metal::simd_sum;
}  // namespace text

enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
MSL_INLINE mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
MSL_INLINE void threadgroup_barrier(mem_flags) { machine::threads_barrier(); }
MSL_INLINE void simdgroup_barrier(mem_flags) { machine::lanes_barrier(); }

// ------------------------------------------------------------------------------- what a kernel's parameters are given
namespace built_in {
// One dimension of threads in a group: its first dimension is the only one longer than 1.
MSL_INLINE uint3 by_axis(uint (*of)(uint)) { return uint3(of(0), of(1), of(2)); }
MSL_INLINE uint3 threadgroup_position_in_grid() { return by_axis(machine::program); }
MSL_INLINE uint3 threadgroups_per_grid() { return by_axis(machine::programs); }
MSL_INLINE uint3 thread_index_in_simdgroup() { return uint3(this_lane(), 0, 0); }
MSL_INLINE uint3 simdgroup_index_in_threadgroup() { return uint3(machine::thread() >> 5, 0, 0); }
MSL_INLINE uint3 thread_index_in_threadgroup() { return uint3((machine::thread() & ~31u) + this_lane(), 0, 0); }
MSL_INLINE uint3 thread_position_in_threadgroup() { return thread_index_in_threadgroup(); }
}  // namespace built_in
template <class T> struct as_built_in {
    MSL_INLINE static T of(uint3 x) { return T(x.x); }
};
template <class T> struct as_built_in<vec<T, 2>> {
    MSL_INLINE static vec<T, 2> of(uint3 x) { return vec<T, 2>(T(x.x), T(x.y)); }
};
template <class T> struct as_built_in<vec<T, 3>> {
    MSL_INLINE static vec<T, 3> of(uint3 x) { return vec<T, 3>(x); }
};
template <class T> struct held { typedef T type; };
template <class T> struct held<T &> { typedef T type; };
template <class T> struct held<const T> { typedef T type; };
template <class T> struct held<const T &> { typedef T type; };
// The type of a function's parameter number I, as a kernel of CUDA takes it: what a reference refers to.
template <uint I, class F> struct parameter;
template <class R, class First, class... Rest> struct parameter<0, R(First, Rest...)> {
    typedef typename held<First>::type type;
};
template <uint I, class R, class First, class... Rest>
struct parameter<I, R(First, Rest...)> : parameter<I - 1, R(Rest...)> {};
}  // namespace metal
