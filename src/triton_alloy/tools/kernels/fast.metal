// What the msl_cpu section of `triton-alloy bench` runs in fast mode: the kernel vocabulary, a simdgroup per program.
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(fast)

[[kernel]] void empty(uint3 program_id [[threadgroup_position_in_grid]]) {}

// 1024 elements per program.
[[kernel]] void add(const device float *x [[buffer(0)]], const device float *y [[buffer(1)]],
                    device float *out [[buffer(2)]], constant int &size [[buffer(3)]],
                    uint3 program_id [[threadgroup_position_in_grid]], u32 lane [[thread_index_in_simdgroup]]) {
  for (int r = 0; r < 32; ++r) {
    const i32 i = int(program_id.x) * 1024 + r * 32 + i32(lane);
    const b1 mask = i < size;
    store_contiguous(out, i, load_contiguous(x, i, mask) + load_contiguous(y, i, mask), mask);
  }
}

// A row of up to 1024 elements per program.
[[kernel]] void softmax(const device float *x [[buffer(0)]], device float *out [[buffer(1)]],
                        constant int &columns [[buffer(2)]], uint3 program_id [[threadgroup_position_in_grid]],
                        u32 lane [[thread_index_in_simdgroup]]) {
  const int start = int(program_id.x) * columns;
  f32 value[32], top = -INFINITY, sum = 0.0f;
  for (int r = 0; r < 32; ++r)
    value[r] = load_contiguous(x, start + r * 32 + i32(lane), r * 32 + i32(lane) < columns, -INFINITY);
  for (int r = 0; r < 32; ++r) top = fmax(top, value[r]);
  const float largest = reduce_max(top);
  for (int r = 0; r < 32; ++r) value[r] = precise::exp(value[r] - largest);
  for (int r = 0; r < 32; ++r) sum += value[r];
  const float inverse = 1.0f / reduce_add(sum);
  for (int r = 0; r < 32; ++r)
    store_contiguous(out, start + r * 32 + i32(lane), value[r] * inverse, r * 32 + i32(lane) < columns);
}

// c = a b for square matrices of `size`, a multiple of 256: 128 x 256 per program, 128 values of k at a time.
template <class T, class V>
[[kernel]] void matmul(const device T *a [[buffer(0)]], const device T *b [[buffer(1)]], device T *c [[buffer(2)]],
                       constant int &size [[buffer(3)]], uint3 program_id [[threadgroup_position_in_grid]],
                       u32 lane [[thread_index_in_simdgroup]]) {
  const int row = int(program_id.y) * 128, column = int(program_id.x) * 256;
  f32 sum[1024];
  for (int r = 0; r < 1024; ++r) sum[r] = 0.0f;
  for (int k = 0; k < size; k += 128) {
    V left[512], right[1024];
    for (int r = 0; r < 512; ++r) left[r] = load_contiguous(a, (row + r / 4) * size + k + r % 4 * 32 + i32(lane));
    for (int r = 0; r < 1024; ++r) right[r] = load_contiguous(b, (k + r / 8) * size + column + r % 8 * 32 + i32(lane));
    mma_rows<128, 8, 128>(sum, left, right);
  }
  for (int r = 0; r < 1024; ++r)
    store_contiguous(c, (row + r / 8) * size + column + r % 8 * 32 + i32(lane), V(sum[r]));
}
template [[host_name("matmul_f32")]] [[kernel]] decltype(matmul<float, f32>) matmul<float, f32>;
template [[host_name("matmul_f16")]] [[kernel]] decltype(matmul<half, f16>) matmul<half, f16>;
