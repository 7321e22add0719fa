// What cuda.h declares, for a compiler that is only asked what it keeps in registers: functions that it cannot look into.
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef unsigned long size_t;
#define MSL_INLINE inline __attribute__((always_inline))
#define __shared__ static
#define __global__
#define __grid_constant__
#define __launch_bounds__(threads)
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

extern "C" {
void *memcpy(void *, const void *, size_t);
float expf(float), exp2f(float), logf(float), log2f(float), sqrtf(float), rsqrtf(float), sinf(float), cosf(float);
float tanf(float), sinhf(float), coshf(float), tanhf(float), asinf(float), acosf(float), atanf(float), asinhf(float);
float acoshf(float), atanhf(float), atan2f(float, float), powf(float, float), fmodf(float, float), fabsf(float);
float floorf(float), ceilf(float), truncf(float), roundf(float), rintf(float), fmaf(float, float, float);
float fmaxf(float, float), fminf(float, float), copysignf(float, float);
int __popc(uint), __popcll(unsigned long long), __clz(int), __clzll(long long), __ffs(int), __ffsll(long long);
long __mul64hi(long, long);
ulong __umul64hi(ulong, ulong);
}
template <class T, class S> T atomicExch(T *, S);
template <class T, class S> T atomicAdd(T *, S);
template <class T, class S> T atomicAnd(T *, S);
template <class T, class S> T atomicOr(T *, S);
template <class T, class S> T atomicXor(T *, S);
template <class T, class S> T atomicMax(T *, S);
template <class T, class S> T atomicMin(T *, S);
template <class T, class S> T atomicCAS(T *, T, S);

namespace machine {
struct Words2 {
    uint x, y;
};
struct Words4 {
    uint x, y, z, w;
};
uint thread(), program(uint axis), programs(uint axis);
ushort to_half(float), to_bfloat(float), add_halves(ushort, ushort), subtract_halves(ushort, ushort);
ushort multiply_halves(ushort, ushort), fma_halves(ushort, ushort, ushort);
float from_half(ushort), fast_exp(float), fast_exp2(float), fast_log(float), fast_log2(float), fast_sin(float);
float fast_cos(float), fast_tanh(float), fast_divide(float, float), fast_rsqrt(float), fast_sqrt(float);
uint shuffle(uint word, uint lane), shuffle_xor(uint word, uint mask);
bool any_lane(bool), all_lanes(bool);
int sum(int), least(int), largest(int);
void threads_barrier(), lanes_barrier(), fence();
float first_of_product(float, uint, uint), second_of_product(float, uint, uint);
MSL_INLINE void mma_footprint(float *d, uint a, uint b) {
    d[0] = first_of_product(d[0], a, b);
    d[1] = second_of_product(d[1], a, b);
}
}  // namespace machine
