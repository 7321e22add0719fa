// Barriers in a threadgroup of one simdgroup.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void small_threadgroup(const device uint *given [[buffer(0)]], device uint *result [[buffer(1)]],
                       uint lane [[thread_index_in_simdgroup]]) {
    threadgroup uint values[32];
    values[lane] = given[lane];
    threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
    uint mirrored = values[31 - lane];
    simdgroup_barrier(mem_flags::mem_threadgroup);
    values[(lane + 32 - 9) % 32] = given[lane];
    simdgroup_barrier(mem_flags::mem_threadgroup);
    result[lane] = mirrored + values[lane];
}
