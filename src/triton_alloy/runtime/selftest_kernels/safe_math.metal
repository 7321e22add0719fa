// Floats with NaN, infinity and correct rounding.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void safe_math(const device float *given [[buffer(0)]], device uint *result [[buffer(1)]],
               uint lane [[thread_index_in_simdgroup]]) {
    if (lane != 0) return;
    float nan = given[0], infinity = given[1], fraction = given[2], negative_zero = given[3];
    result[0] = uint(isnan(nan));
    result[1] = uint(nan != nan);
    result[2] = uint(isnan(infinity - infinity));
    result[3] = as_type<uint>((fraction + 8388608.0f) - 8388608.0f);
    result[4] = as_type<uint>(negative_zero + 0.0f + negative_zero);
    result[5] = as_type<uint>(negative_zero);
    result[6] = as_type<uint>(given[4] / given[5]);
    result[7] = as_type<uint>(precise::sqrt(given[6]));
    result[8] = as_type<uint>(fmax(nan, fraction));
}
