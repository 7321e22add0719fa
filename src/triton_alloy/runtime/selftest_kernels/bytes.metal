// Stores of bytes by two threadgroups.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void bytes(const device uchar *given [[buffer(0)]], device uchar *result [[buffer(1)]],
           uint3 program_id [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
    uint place = program_id.x * 32 + lane;
    result[place] = uchar(given[place] * 3 + 1);
}
