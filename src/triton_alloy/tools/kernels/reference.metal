// What the msl_cpu section of `triton-alloy bench` runs in reference mode: ordinary Metal.
#include <metal_stdlib>
using namespace metal;

// A row per threadgroup of 128 threads, 8 elements per thread.
kernel void softmax(const device float *x [[buffer(0)]], device float *out [[buffer(1)]],
                    constant uint &columns [[buffer(2)]], uint row [[threadgroup_position_in_grid]],
                    uint index [[thread_position_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                    uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float largest[4], sums[4];
  x += row * columns;
  out += row * columns;
  float value[8], top = -INFINITY;
  for (uint r = 0; r < 8; ++r) {
    uint i = r * 128 + index;
    value[r] = i < columns ? x[i] : -INFINITY;
    top = max(top, value[r]);
  }
  top = simd_max(top);
  if (lane == 0) largest[simdgroup] = top;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  top = max(max(largest[0], largest[1]), max(largest[2], largest[3]));
  float sum = 0;
  for (uint r = 0; r < 8; ++r) {
    value[r] = exp(value[r] - top);
    sum += value[r];
  }
  sum = simd_sum(sum);
  if (lane == 0) sums[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float inverse = 1.0f / ((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (uint r = 0; r < 8; ++r) {
    uint i = r * 128 + index;
    if (i < columns) out[i] = value[r] * inverse;
  }
}

kernel void barriers(constant uint &count [[buffer(0)]]) {
  for (uint i = 0; i < count; ++i) threadgroup_barrier(mem_flags::mem_threadgroup);
}
