// Which lane holds which elements of a simdgroup_matrix.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
// Which elements of an 8x8 matrix each lane holds, for each type of element.
template <class T> void elements(const device float *given, threadgroup T *tile, device float *result, uint lane) {
    tile[lane] = T(given[lane]);
    tile[lane + 32] = T(given[lane + 32]);
    threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
    simdgroup_matrix<T, 8, 8> matrix;
    simdgroup_load(matrix, tile, 8);
    result[2 * lane] = float(matrix.thread_elements()[0]);
    result[2 * lane + 1] = float(matrix.thread_elements()[1]);
}

[[kernel, max_total_threads_per_threadgroup(32)]]
void lane_map(const device float *given [[buffer(0)]], device float *result [[buffer(1)]],
              uint lane [[thread_index_in_simdgroup]]) {
    threadgroup float floats[64];
    threadgroup half halves[64];
    threadgroup bfloat brain_floats[64];
    elements(given, floats, result, lane);
    elements(given, halves, result + 64, lane);
    elements(given, brain_floats, result + 128, lane);
}
