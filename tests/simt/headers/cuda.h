// What the other headers take of CUDA: scalar types, conversions, lanes, the tensor cores. opaque.h declares the same.
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
#define MSL_INLINE __forceinline__

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fc00000)
#endif

namespace machine {
constexpr uint EVERY_LANE = 0xffffffffu;
typedef ::uint2 Words2;
typedef ::uint4 Words4;

MSL_INLINE uint thread() { return threadIdx.x; }
MSL_INLINE uint program(uint axis) { return axis == 0 ? blockIdx.x : axis == 1 ? blockIdx.y : blockIdx.z; }
MSL_INLINE uint programs(uint axis) { return axis == 0 ? gridDim.x : axis == 1 ? gridDim.y : gridDim.z; }

MSL_INLINE ushort to_half(float x) {
    ushort bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
MSL_INLINE float from_half(ushort bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
MSL_INLINE ushort to_bfloat(float x) {
    ushort bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
#define MSL_OF_HALVES(name, instruction)                                            \
    MSL_INLINE ushort name(ushort a, ushort b) {                                    \
        ushort bits;                                                                \
        asm(instruction ".rn.f16 %0, %1, %2;" : "=h"(bits) : "h"(a), "h"(b));       \
        return bits;                                                                \
    }
MSL_OF_HALVES(add_halves, "add")
MSL_OF_HALVES(subtract_halves, "sub")
MSL_OF_HALVES(multiply_halves, "mul")
MSL_INLINE ushort fma_halves(ushort a, ushort b, ushort c) {
    ushort bits;
    asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(bits) : "h"(a), "h"(b), "h"(c));
    return bits;
}

MSL_INLINE float fast_exp(float x) { return ::__expf(x); }
MSL_INLINE float fast_exp2(float x) {
    float power;
    asm("ex2.approx.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}
MSL_INLINE float fast_log(float x) { return ::__logf(x); }
MSL_INLINE float fast_log2(float x) { return ::__log2f(x); }
MSL_INLINE float fast_sin(float x) { return ::__sinf(x); }
MSL_INLINE float fast_cos(float x) { return ::__cosf(x); }
MSL_INLINE float fast_tanh(float x) {
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
MSL_INLINE float fast_divide(float x, float y) {
    float quotient;
    asm("div.full.f32 %0, %1, %2;" : "=f"(quotient) : "f"(x), "f"(y));
    return quotient;
}
MSL_INLINE float fast_rsqrt(float x) {
    float root;
    asm("rsqrt.approx.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}
MSL_INLINE float fast_sqrt(float x) {
    float root;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}

MSL_INLINE uint shuffle(uint word, uint lane) { return __shfl_sync(EVERY_LANE, word, lane); }
MSL_INLINE uint shuffle_xor(uint word, uint mask) { return __shfl_xor_sync(EVERY_LANE, word, mask); }
MSL_INLINE bool any_lane(bool x) { return __any_sync(EVERY_LANE, x); }
MSL_INLINE bool all_lanes(bool x) { return __all_sync(EVERY_LANE, x); }
MSL_INLINE int sum(int x) { return __reduce_add_sync(EVERY_LANE, x); }
MSL_INLINE int least(int x) { return __reduce_min_sync(EVERY_LANE, x); }
MSL_INLINE int largest(int x) { return __reduce_max_sync(EVERY_LANE, x); }
MSL_INLINE void threads_barrier() { __syncthreads(); }
MSL_INLINE void lanes_barrier() { __syncwarp(); }
MSL_INLINE void fence() { __threadfence(); }

// d += a b for two fragments of 8x8 below each other, of which a lane holds 2 elements of each in each operand.
MSL_INLINE void mma_tf32(float *d, float *below, const uint *a, const uint *a_below, const uint *b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(below[0]), "+f"(below[1])
        : "r"(a[0]), "r"(a_below[0]), "r"(a[1]), "r"(a_below[1]), "r"(b[0]), "r"(b[1]));
}
MSL_INLINE void mma_half(float *d, float *below, uint a, uint a_below, uint b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(below[0]), "+f"(below[1]) : "r"(a), "r"(a_below), "r"(b));
}
MSL_INLINE void mma_bfloat(float *d, float *below, uint a, uint a_below, uint b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(below[0]), "+f"(below[1]) : "r"(a), "r"(a_below), "r"(b));
}
// One instruction with the registers of an 8x8 product on an Apple GPU: two of c, one word of a and one of b. Its
// numbers mean nothing.
MSL_INLINE void mma_footprint(float *d, uint a, uint b) {
    uint x = __float_as_uint(d[0]), y = __float_as_uint(d[1]);
    asm("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
        : "+r"(x), "+r"(y) : "r"(a), "r"(b));
    d[0] = __uint_as_float(x);
    d[1] = __uint_as_float(y);
}
MSL_INLINE uint transposed(uint pair) {
    uint other;
    asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(other) : "r"(pair));
    return other;
}
MSL_INLINE uint to_tf32(float x) {
    uint bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}
MSL_INLINE uint low_halves(uint x, uint y) { return __byte_perm(x, y, 0x5410); }
MSL_INLINE uint high_halves(uint x, uint y) { return __byte_perm(x, y, 0x7632); }
}  // namespace machine
