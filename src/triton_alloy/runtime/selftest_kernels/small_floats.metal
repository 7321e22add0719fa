// 16-bit floats: subnormal numbers, rounding to the nearest even.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void small_floats(const device uint *given [[buffer(0)]], device uint *result [[buffer(1)]],
                  uint lane [[thread_index_in_simdgroup]]) {
    if (lane >= 5) return;
    half small = as_type<half>(ushort(given[0]));
    bfloat rounded = bfloat(as_type<float>(given[lane]));
    result[lane] = lane == 0 ? uint(as_type<ushort>(half(small + small))) : uint(as_type<ushort>(rounded));
}
