// Metal's library in C++ for OpenCL: what printed texts and MLX's kernels use of it. Functions called nir_* are
// instructions of the compiler that agx_stat runs; the product of two matrices borrows one that its machine lacks.
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define METAL_FUNC inline __attribute__((always_inline))
#define INSTRUCTION __attribute__((convergent, const))

extern "C" {
INSTRUCTION float nir_shuffle__f(float, uint);
INSTRUCTION half nir_shuffle__h(half, uint);
INSTRUCTION uint nir_shuffle__u(uint, uint);
INSTRUCTION float nir_shuffle_xor__f(float, uint);
INSTRUCTION half nir_shuffle_xor__h(half, uint);
INSTRUCTION uint nir_shuffle_xor__u(uint, uint);
INSTRUCTION float nir_shuffle_up__f(float, uint);
INSTRUCTION half nir_shuffle_up__h(half, uint);
INSTRUCTION uint nir_shuffle_up__u(uint, uint);
INSTRUCTION float nir_shuffle_down__f(float, uint);
INSTRUCTION half nir_shuffle_down__h(half, uint);
INSTRUCTION uint nir_shuffle_down__u(uint, uint);
INSTRUCTION float nir_read_invocation__f(float, uint);
INSTRUCTION half nir_read_invocation__h(half, uint);
INSTRUCTION uint nir_read_invocation__u(uint, uint);
__attribute__((const)) uint nir_load_subgroup_id(void);
__attribute__((const)) uint nir_load_subgroup_invocation(void);
INSTRUCTION float2 nir_dpas_intel__f(float2, float2, float2, uint, uint, uint, uint, uint);
INSTRUCTION float2 nir_dpas_intel__h(float2, half2, half2, uint, uint, uint, uint, uint);
INSTRUCTION half2 nir_dpas_intel__hh(half2, half2, half2, uint, uint, uint, uint, uint);
}

// ---- what a kernel is told about its place; `threads`: of a threadgroup, which has one row
METAL_FUNC uint3 triple(ulong x, ulong y, ulong z) { return (uint3)(uint(x), uint(y), uint(z)); }
#define PLACE(name, x, y, z) METAL_FUNC uint3 name(uint threads) { return triple(x, y, z); }
PLACE(threadgroup_position_in_grid, get_group_id(0), get_group_id(1), get_group_id(2))
PLACE(threadgroups_per_grid, get_num_groups(0), get_num_groups(1), get_num_groups(2))
PLACE(thread_position_in_threadgroup, get_local_id(0), get_local_id(1), get_local_id(2))
PLACE(thread_position_in_grid, get_global_id(0), get_global_id(1), get_global_id(2))
PLACE(threads_per_grid, get_global_size(0), get_global_size(1), get_global_size(2))
PLACE(threads_per_threadgroup, threads, 1, 1)
PLACE(dispatch_threads_per_threadgroup, threads, 1, 1)
PLACE(thread_index_in_threadgroup, get_local_linear_id(), 0, 0)
PLACE(thread_index_in_simdgroup, nir_load_subgroup_invocation(), 0, 0)
PLACE(simdgroup_index_in_threadgroup, nir_load_subgroup_id(), 0, 0)
PLACE(simdgroups_per_threadgroup, threads / 32, 0, 0)
PLACE(threads_per_simdgroup, 32, 0, 0)
template <class T> struct built_in {
    static METAL_FUNC T of(uint3 place) { return T(place.x); }
};
#define BUILT_IN(T, value) \
    template <> struct built_in<T> { static METAL_FUNC T of(uint3 place) { return value; } };
BUILT_IN(uint2, place.xy) BUILT_IN(uint3, place)
BUILT_IN(ushort2, convert_ushort2(place.xy)) BUILT_IN(ushort3, convert_ushort3(place))

// ---- types
#define MSL_INLINE METAL_FUNC
// Of the width of a bfloat, and no more: no instruction of the M1 computes with it.
struct bfloat {
    ushort bits;
    bfloat() = default;
    METAL_FUNC constexpr bfloat(float x) : bits(__builtin_bit_cast(uint, x) >> 16) {}
    METAL_FUNC constexpr operator float() const { return __builtin_bit_cast(float, uint(bits) << 16); }
};
namespace metal {
template <class T, int N> using vec = T __attribute__((ext_vector_type(N)));
template <class To, class From> METAL_FUNC To as_type(From x) { return __builtin_astype(x, To); }

template <class T> struct without_space { typedef T type; };
#define SPACE(space) \
    template <class T> struct without_space<space T> { typedef T type; }; \
    template <class T> struct without_space<const space T> { typedef T type; };
SPACE(__global) SPACE(__local) SPACE(__constant) SPACE(__private)
template <class T> struct is_number { static constexpr bool value = __is_arithmetic(T); };
template <> struct is_number<half> { static constexpr bool value = true; };
template <class T> constexpr T of_bits(ushort bits) { return __builtin_bit_cast(T, bits); }
}  // namespace metal
#include "traits.h"

namespace metal {
// A pointer moves by an object that stands for a number.
#define MOVE(space, op) \
    template <class T, class N, class = enable_if_t<__is_class(N)>> \
    METAL_FUNC space T *__private &operator op##=(space T *__private &p, N n) { return p = p op long(N::value); }
MOVE(__global, +) MOVE(__global, -) MOVE(__local, +) MOVE(__local, -)

// ---- synchronisation
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
METAL_FUNC constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
METAL_FUNC void threadgroup_barrier(mem_flags) { barrier(CLK_LOCAL_MEM_FENCE); }
METAL_FUNC void simdgroup_barrier(mem_flags) {}

// ---- lanes
#define ACROSS(metal_name, instruction) \
    METAL_FUNC float metal_name(float x, ushort by) { return instruction##__f(x, by); } \
    METAL_FUNC half metal_name(half x, ushort by) { return instruction##__h(x, by); } \
    METAL_FUNC uint metal_name(uint x, ushort by) { return instruction##__u(x, by); } \
    METAL_FUNC int metal_name(int x, ushort by) { return int(instruction##__u(uint(x), by)); } \
    METAL_FUNC uint2 metal_name(uint2 x, ushort by) { \
        return (uint2)(instruction##__u(x.x, by), instruction##__u(x.y, by)); \
    } \
    METAL_FUNC float2 metal_name(float2 x, ushort by) { \
        return (float2)(instruction##__f(x.x, by), instruction##__f(x.y, by)); \
    }
ACROSS(simd_shuffle, nir_shuffle)
ACROSS(simd_shuffle_xor, nir_shuffle_xor)
ACROSS(simd_shuffle_up, nir_shuffle_up)
ACROSS(simd_shuffle_down, nir_shuffle_down)
ACROSS(simd_broadcast, nir_read_invocation)
template <class T> METAL_FUNC T simd_shuffle_and_fill_up(T x, T filling, ushort by) {
    return nir_load_subgroup_invocation() < by ? filling : simd_shuffle_up(x, by);
}
template <class T> METAL_FUNC T simd_shuffle_and_fill_down(T x, T filling, ushort by) {
    return nir_load_subgroup_invocation() + by > 31 ? filling : simd_shuffle_down(x, by);
}
#define OVER_LANES(metal_name, name) \
    METAL_FUNC float metal_name(float x) { return name(x); } \
    METAL_FUNC half metal_name(half x) { return name(x); } \
    METAL_FUNC int metal_name(int x) { return name(x); } \
    METAL_FUNC uint metal_name(uint x) { return name(x); }
OVER_LANES(simd_sum, sub_group_reduce_add)
OVER_LANES(simd_max, sub_group_reduce_max)
OVER_LANES(simd_min, sub_group_reduce_min)
OVER_LANES(simd_prefix_inclusive_sum, sub_group_scan_inclusive_add)
OVER_LANES(simd_prefix_exclusive_sum, sub_group_scan_exclusive_add)
METAL_FUNC bool simd_is_first() { return sub_group_elect(); }
METAL_FUNC bool simd_any(bool x) { return sub_group_any(x); }
METAL_FUNC bool simd_all(bool x) { return sub_group_all(x); }

// ---- maths: the hardware's own functions, precise ones too, which on Apple's machine are longer
#define MATHS \
    METAL_FUNC float exp(float x) { return native_exp2(x * 1.44269504088896f); } \
    METAL_FUNC float exp2(float x) { return native_exp2(x); } \
    METAL_FUNC float log(float x) { return native_log2(x) * 0.6931471805599453f; } \
    METAL_FUNC float log2(float x) { return native_log2(x); } \
    METAL_FUNC float sqrt(float x) { return native_sqrt(x); } \
    METAL_FUNC float rsqrt(float x) { return native_rsqrt(x); } \
    METAL_FUNC float sin(float x) { return native_sin(x); } \
    METAL_FUNC float cos(float x) { return native_cos(x); } \
    METAL_FUNC float tanh(float x) { \
        float power = native_exp2(x * 2.885390081777927f); \
        return (power - 1.0f) / (power + 1.0f); \
    } \
    METAL_FUNC float divide(float x, float y) { return x / y; }
namespace precise { MATHS }
namespace fast { MATHS }
using precise::exp; using precise::exp2; using precise::log; using precise::log2; using precise::sqrt;
using precise::rsqrt; using precise::sin; using precise::cos; using precise::tanh;
// OpenCL's are called like Metal's.
using ::atan2; using ::ceil; using ::clamp; using ::clz; using ::copysign; using ::ctz; using ::fabs; using ::floor;
using ::fmax; using ::fmin; using ::fmod; using ::isfinite; using ::isinf; using ::isnan; using ::mix;
 using ::popcount; using ::pow; using ::rint; using ::round; using ::sign; using ::trunc;
// Of two types the one that C++ computes in.
#define OF_TWO(name) \
    template <class T> METAL_FUNC T name(T x, T y) { return ::name(x, y); } \
    template <class A, class B> METAL_FUNC auto name(A x, B y) -> decltype(x + y) { \
        typedef decltype(x + y) Common; \
        return ::name(Common(x), Common(y)); \
    }
OF_TWO(max) OF_TWO(min)
template <class T> METAL_FUNC T mulhi(T x, T y) { return ::mul_hi(x, y); }
template <class T> METAL_FUNC T abs(T x) { return x < T(0) ? T(-x) : x; }
METAL_FUNC float fma(float x, float y, float z) { return ::mad(x, y, z); }
METAL_FUNC half fma(half x, half y, half z) { return ::mad(x, y, z); }
template <class T> METAL_FUNC T select(T if_false, T if_true, bool condition) { return condition ? if_true : if_false; }

// ---- matrices: two numbers in a lane
template <class T, int Rows = 8, int Columns = 8> struct simdgroup_matrix {
    typedef vec<T, 2> Pair;
    Pair elements;
    simdgroup_matrix() = default;
    METAL_FUNC explicit simdgroup_matrix(T all) : elements(all) {}
    METAL_FUNC Pair &thread_elements() { return elements; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
template <class T, int R, int C> METAL_FUNC simdgroup_matrix<T, R, C> make_filled_simdgroup_matrix(T all) {
    return simdgroup_matrix<T, R, C>(all);
}
METAL_FUNC float2 product(float2 sum, float2 a, float2 b) { return nir_dpas_intel__f(sum, a, b, 0, 0, 0, 0, 0); }
METAL_FUNC float2 product(float2 sum, half2 a, half2 b) { return nir_dpas_intel__h(sum, a, b, 0, 0, 0, 0, 0); }
METAL_FUNC half2 product(half2 sum, half2 a, half2 b) { return nir_dpas_intel__hh(sum, a, b, 0, 0, 0, 0, 0); }
template <class A, class B, class C>
METAL_FUNC void simdgroup_multiply_accumulate(simdgroup_matrix<C> &d, simdgroup_matrix<A> &a, simdgroup_matrix<B> &b,
                                              simdgroup_matrix<C> &c) {
    d.elements = product(c.elements, a.elements, b.elements);
}
template <class A, class B, class C>
METAL_FUNC void simdgroup_multiply(simdgroup_matrix<C> &d, simdgroup_matrix<A> &a, simdgroup_matrix<B> &b) {
    d.elements = product(vec<C, 2>(0), a.elements, b.elements);
}
// The text stands in a namespace in here: what it declares hides what is called alike here, in its `metal` too.
namespace text {
namespace metal { using namespace ::metal; }
using metal::operator+=; using metal::operator-=;
using metal::simd_max; using metal::simd_min; using metal::simd_sum;
using metal::simd_shuffle; using metal::simd_shuffle_and_fill_down; using metal::simd_shuffle_and_fill_up;
using metal::simd_shuffle_down; using metal::simd_shuffle_up; using metal::simd_shuffle_xor;
}  // namespace text
}  // namespace metal
// What a text asserts of Metal's own types is for others to check.
#define static_assert(...)
