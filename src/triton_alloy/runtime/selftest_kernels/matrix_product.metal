// Products of 8x8 matrices, exact in their operands.
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
[[kernel, max_total_threads_per_threadgroup(32)]]
void matrix_product(const device float *given [[buffer(0)]], device float *result [[buffer(1)]],
                    uint lane [[thread_index_in_simdgroup]]) {
    simdgroup_matrix<float, 8, 8> left;
    simdgroup_matrix<float, 8, 8> right;
    simdgroup_load(left, given, 8);
    simdgroup_load(right, given + 64, 8);
    simdgroup_matrix<float, 8, 8> sum = make_filled_simdgroup_matrix<float, 8, 8>(1.0f);
    simdgroup_multiply_accumulate(sum, left, right, sum);
    simdgroup_store(sum, result, 8);
}
