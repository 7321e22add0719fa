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

// c = a b for square matrices of `size`, a multiple of 512: 512 x 256 per program. 256 rows of b stay in a near cache
// while rows of a pass by, 8 at a time.
template <class T, class V>
[[kernel]] void matmul(const device T *a [[buffer(0)]], const device T *b [[buffer(1)]], device T *c [[buffer(2)]],
                       constant int &size [[buffer(3)]], uint3 program_id [[threadgroup_position_in_grid]],
                       u32 lane [[thread_index_in_simdgroup]]) {
  const int row = int(program_id.y) * 512, column = int(program_id.x) * 256;
  f32 sum[4096];
  for (int r = 0; r < 4096; ++r) sum[r] = 0.0f;
  for (int k = 0; k < size; k += 256) {
    f32 right[2048];
    for (int r = 0; r < 2048; ++r)
      right[r] = f32(load_contiguous(b, (k + r / 8) * size + column + r % 8 * 32 + i32(lane)));
    for (int m = 0; m < 512; m += 8) {
      f32 left[64];
      for (int r = 0; r < 64; ++r)
        left[r] = f32(load_contiguous(a, (row + m + r / 8) * size + k + r % 8 * 32 + i32(lane)));
      mma_rows<8, 8, 256>(sum + m * 8, left, right);
    }
  }
  for (int r = 0; r < 4096; ++r)
    store_contiguous(c, (row + r / 8) * size + column + r % 8 * 32 + i32(lane), V(sum[r]));
}
template [[host_name("matmul_f32")]] [[kernel]] decltype(matmul<float, f32>) matmul<float, f32>;
template [[host_name("matmul_f16")]] [[kernel]] decltype(matmul<half, f16>) matmul<half, f16>;
