// Unsigned divisions of large numbers.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void integer_division(const device uint *given [[buffer(0)]], device uint *result [[buffer(1)]],
                      uint lane [[thread_index_in_simdgroup]]) {
    if (lane >= 3) return;
    result[2 * lane] = given[2 * lane] / given[2 * lane + 1];
    result[2 * lane + 1] = given[2 * lane] % given[2 * lane + 1];
}
