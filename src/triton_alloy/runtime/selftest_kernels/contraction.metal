// A multiplication and an addition, each rounded.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void contraction(const device float *given [[buffer(0)]], device float *result [[buffer(1)]],
                 uint lane [[thread_index_in_simdgroup]]) {
    if (lane != 0) return;
    float x = given[0], y = given[1], z = given[2];
    result[0] = x * y + z;
    result[1] = fma(x, y, z);
}
