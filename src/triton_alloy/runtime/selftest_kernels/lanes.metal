// Functions across the lanes of a simdgroup.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void lanes(const device uint *given [[buffer(0)]], device uint *result [[buffer(1)]],
           uint lane [[thread_index_in_simdgroup]]) {
    uint value = given[lane];
    result[lane] = simd_shuffle_xor(value, ushort(5));
    result[32 + lane] = simd_shuffle(value, ushort(value));
    uint sum = simd_sum(value), largest = simd_max(value);
    bool some = simd_any(value == 31u), all_of_them = simd_all(value == 31u);
    if (lane == 0) {
        result[64] = sum;
        result[65] = largest;
        result[66] = uint(some);
        result[67] = uint(all_of_them);
    }
}
