// Kernels with one fault each: `//// kernel | fault | threads of a threadgroup | rule`. Four threadgroups, unless told.
// `// here` marks the lines that a report may name. x and y have 1024 elements, n is 1000.
#include <metal_stdlib>
using namespace metal;

//// write_read | race | 128 | a barrier between a write and the read of another simdgroup
kernel void write_read(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  tile[t] = x[g * 128 + t]; // here
  y[g * 128 + t] = tile[127 - t]; // here
}

//// read_write | race | 128 | a barrier between a read and the next write
kernel void read_write(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  float sum = 0.0f;
  for (uint r = 0; r < 2; ++r) {
    tile[t] = x[(g * 128 + t + r) % 1024]; // here
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum += tile[(t + 32) % 128]; // here
  }
  y[g * 128 + t] = sum;
}

//// reduction_slots | race | 128 | partial sums used again before all have read them
kernel void reduction_slots(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                            uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]],
                            uint s [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float slots[4];
  float v = x[g * 128 + t];
  float sum = simd_sum(v);
  if (lane == 0) slots[s] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float total = slots[0] + slots[1] + slots[2] + slots[3]; // here
  float largest = simd_max(v);
  if (lane == 0) slots[s] = largest; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 128 + t] = total + max(max(slots[0], slots[1]), max(slots[2], slots[3]));
}

//// reduction_read | race | 128 | partial sums read without a barrier
kernel void reduction_read(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]],
                           uint s [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float slots[4];
  if (t < 4) slots[t] = 0.0f; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = simd_sum(x[g * 128 + t]);
  if (lane == 0) slots[s] = sum; // here
  y[g * 128 + t] = slots[0] + slots[1] + slots[2] + slots[3]; // here
}

//// lanes | race | 32 | lanes of a simdgroup exchange through memory without simdgroup_barrier
kernel void lanes(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                  uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[32];
  tile[t] = x[g * 32 + t]; // here
  y[g * 32 + t] = tile[t ^ 1]; // here
}

//// partial_meeting | race | 32 | a simd operation orders only the lanes that take part
kernel void partial_meeting(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                            uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[32];
  tile[t] = x[g * 32 + t]; // here
  float sum = 0.0f;
  if (t < 16) sum = simd_sum(tile[t]);
  y[g * 32 + t] = sum + tile[t ^ 16]; // here
}

//// wrong_flag | race | 128 | a barrier for device memory does not order threadgroup memory
kernel void wrong_flag(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  tile[t] = x[g * 128 + t]; // here
  threadgroup_barrier(mem_flags::mem_device);
  y[g * 128 + t] = tile[127 - t]; // here
}

//// device_flag | race | 128 | nor does one for threadgroup memory order device memory
kernel void device_flag(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  y[g * 128 + t] = x[g * 128 + t]; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float v = y[g * 128 + 127 - t]; // here
  threadgroup_barrier(mem_flags::mem_device);
  y[g * 128 + t] = v;
}

//// same_element | race | 64 | all threads write one element
kernel void same_element(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[0] = float(i); // here
}

//// halved_index | race | 64 | two threads write one element
kernel void halved_index(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) {
  y[i / 2] = x[i]; // here
}

//// groups_neighbour | race | 64 | a threadgroup reads what another writes
kernel void groups_neighbour(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                             uint i [[thread_position_in_grid]]) {
  y[i] = x[i]; // here
  threadgroup_barrier(mem_flags::mem_device);
  y[i + 512] = y[(i + 64) % 256]; // here
}

//// groups_sum | race | 32 | threadgroups add to one element without atomics
kernel void groups_sum(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  float sum = simd_sum(x[i]);
  if (t == 0) y[0] += sum; // here
}

//// groups_overlap | race | 64 | tiles of neighbouring threadgroups overlap by one
kernel void groups_overlap(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  y[g * 63 + t] = x[g * 64 + t]; // here
}

//// atomic_and_plain | race | 64 | a counter updated by atomics is read plainly
kernel void atomic_and_plain(device float *y [[buffer(1)]], device atomic_uint *count [[buffer(3)]],
                             uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(count, 1u, memory_order_relaxed); // here
  y[i] = float(*(const device uint *)count); // here
}

//// counter | race | 64 | a threadgroup counter without atomics
kernel void counter(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint count;
  if (t == 0) count = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  count += 1; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = float(count);
}

//// bytes | race | 64 | neighbours write one byte
kernel void bytes(device uchar *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i - uint(i % 4 == 1)] = uchar(i); // here
}

//// half_pairs | race | 64 | stores of two elements overlap by one
kernel void half_pairs(device half *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i] = half(1.0f); // here
  y[i + 1] = half(2.0f); // here
}

//// uniform_store | race | 64 | all lanes write a slot that one should write
kernel void uniform_store(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint i [[thread_position_in_grid]], uint s [[simdgroup_index_in_threadgroup]]) {
  threadgroup float slots[2];
  slots[s] = simd_sum(x[i]); // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = slots[0] + slots[1];
}

//// tree | race | 128 | a tree of partial sums without a barrier in its loop
kernel void tree(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                 uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float part[128];
  part[t] = x[g * 128 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint step = 64; step > 0; step /= 2)
    if (t < step) part[t] += part[t + step]; // here
  if (t == 0) y[g] = part[0];
}

//// scan | race | 128 | a prefix sum in place, its reads and writes not separated
kernel void scan(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                 uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float sum[128];
  sum[t] = x[g * 128 + t];
  for (uint step = 1; step < 128; step *= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float before = t >= step ? sum[t - step] : 0.0f; // here
    sum[t] += before; // here
  }
  y[g * 128 + t] = sum[t];
}

//// transpose | race | 256 | a tile is read by columns before it is complete
kernel void transpose(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[16][17];
  tile[t / 16][t % 16] = x[g * 256 + t]; // here
  y[g * 256 + t] = tile[t % 16][t / 16]; // here
}

//// double_buffer | race | 64 | both halves of a double buffer used in one round
kernel void double_buffer(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[2][64];
  float sum = 0.0f;
  tile[0][t] = x[g * 64 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint r = 0; r < 3; ++r) {
    tile[r % 2][t] = x[(g * 64 + t + r) % 1024]; // here
    sum += tile[r % 2][63 - t]; // here
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  y[g * 64 + t] = sum;
}

//// matrix_store | race | 32 | a stored matrix is read without simdgroup_barrier
kernel void matrix_store(device float *y [[buffer(1)]], uint g [[threadgroup_position_in_grid]],
                         uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float tile[64];
  simdgroup_float8x8 m = make_filled_simdgroup_matrix<float, 8, 8>(2.0f);
  simdgroup_store(m, tile, 8); // here
  y[g * 32 + lane] = tile[lane]; // here
}

//// helper | race | 64 | the fault lies in a function, called from two places
inline void put(threadgroup float *p, uint i, float v) {
  p[i] = v; // here
}
kernel void helper(const device float *x [[buffer(0)]], device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                   uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  put(tile, t, x[i]);
  put(tile, 63 - t, x[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[t];
}

//// read_past_end | out of bounds | 256 | one element behind the end
kernel void read_past_end(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint i [[thread_position_in_grid]]) {
  y[i] = x[i + 1]; // here
}

//// write_past_end | out of bounds | 256 | a row too many
kernel void write_past_end(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i + 64] = 1.0f; // here
}

//// before_start | out of bounds | 64 | one element before the start
kernel void before_start(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) {
  y[i] = x[int(i) - 1]; // here
}

//// vector_tail | out of bounds | 64 | a vector load across the end
kernel void vector_tail(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        uint i [[thread_position_in_grid]]) {
  y[i] = x[i + 4];
  if (i == 255) y[i] += ((const device packed_float4 *)(x + 1022))[0][3]; // here
}

//// atomic_out_of_bounds | out of bounds | 64 | an atomic operation behind the end
kernel void atomic_out_of_bounds(device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(count + i * 8, 1u, memory_order_relaxed); // here
}

//// wrong_stride | wild access | 64 | an address far outside
kernel void wrong_stride(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[ulong(i) * 100000000ul] = 1.0f; // here
}

//// threadgroup_index | out of bounds | 64 | an index behind a threadgroup array
kernel void threadgroup_index(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                              uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t + 1] = x[i]; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = t ? tile[t] : 0.0f;
}

//// threadgroup_neighbour | out of bounds | 64 | one threadgroup array runs into the next
kernel void threadgroup_neighbour(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                                  uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float a[60];
  threadgroup float b[64];
  b[t] = x[i];
  a[t] = x[i]; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = b[t];
}

//// dynamic_length | out of bounds | 64 | more threadgroup memory than the launch gives (128 bytes)
kernel void dynamic_length(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           threadgroup float *shared [[threadgroup(0)]], uint i [[thread_position_in_grid]],
                           uint t [[thread_index_in_threadgroup]]) {
  shared[t] = x[i]; // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = t < 32 ? shared[t] : 0.0f;
}

//// never_written | uninitialised read | 64 | threadgroup memory that nobody wrote
kernel void never_written(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                          uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  y[i] = tile[t]; // here
}

//// half_written | uninitialised read | 64 | only every other element is written
kernel void half_written(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  if (t % 2) tile[t] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[63 - t]; // here
}

//// accumulated | uninitialised read | 64 | a sum that does not start from zero
kernel void accumulated(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] += x[i]; // here
  y[i] = tile[t];
}

//// previous_group | uninitialised read | 64 | what the previous threadgroup left is gone
kernel void previous_group(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  if (i < 64) tile[t] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[t]; // here
}

//// atomic_uninitialised | uninitialised read | 64 | a counter that nobody set to zero
kernel void atomic_uninitialised(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  threadgroup atomic_uint count;
  atomic_fetch_add_explicit(&count, 1u, memory_order_relaxed); // here
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = float(atomic_load_explicit(&count, memory_order_relaxed));
}

//// barrier_in_if | divergent barrier | 64 | a barrier that some threads skip
kernel void barrier_in_if(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (t < 16) threadgroup_barrier(mem_flags::mem_threadgroup); // here
  y[i] = x[i];
}

//// barrier_after_return | divergent barrier | 256 | threads that leave early
kernel void barrier_after_return(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                                 constant uint &n [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  if (i >= n) return;
  threadgroup_barrier(mem_flags::mem_threadgroup); // here
  y[i] = x[i];
}

//// barrier_in_loop | divergent barrier | 64 | a loop that runs for each thread as often as it likes
kernel void barrier_in_loop(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                            uint t [[thread_index_in_threadgroup]]) {
  for (uint r = 0; r < t % 3; ++r) threadgroup_barrier(mem_flags::mem_threadgroup); // here
  y[i] = 1.0f;
}

//// barriers_apart | divergent barrier | 64 | different barriers on the two sides of an if
kernel void barriers_apart(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                           uint t [[thread_index_in_threadgroup]]) {
  if (t < 32)
    threadgroup_barrier(mem_flags::mem_threadgroup); // here
  else
    threadgroup_barrier(mem_flags::mem_threadgroup); // here
  y[i] = 1.0f;
}

//// misaligned | misaligned access | 64 | 8 bytes at once at an address that is no multiple of 8
kernel void misaligned(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint i [[thread_position_in_grid]]) {
  ulong v = *(const device ulong *)(x + 2 * i + 1); // here
  y[i] = float(v >> 40);
}

//// misaligned_vector | misaligned access | 64 | a vector of 16 bytes at an address that is no multiple of 16
struct Four { float4 all; };
kernel void misaligned_vector(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                              uint i [[thread_position_in_grid]]) {
  float4 v = ((const device Four *)(x + 2 * i))->all; // here
  y[i] = v.x + v.w;
}

//// misaligned_vector_write | misaligned access | 64 | the same, written
kernel void misaligned_vector_write(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  if (i < 200) ((device Four *)(y + 4 * i + 1))->all = float4(1.0f); // here
}

//// last_block_unfenced | race | 64 | the last threadgroup reads what all have stored, without a fence
kernel void last_block_unfenced(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                                device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                                uint groups [[threadgroups_per_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f; // here
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0) ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j]; // here
}

//// late_release | race | 64 | ... with a fence behind the counter instead of before it
kernel void late_release(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                         uint groups [[threadgroups_per_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f; // here
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0) {
    ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j]; // here
}

//// narrow_scope | race | 64 | ... with fences that order the threadgroup alone
kernel void narrow_scope(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                         uint groups [[threadgroups_per_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f; // here
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0) {
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_threadgroup);
    ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_threadgroup);
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j]; // here
}

//// other_memory | race | 64 | ... with fences for threadgroup memory
kernel void other_memory(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                         uint groups [[threadgroups_per_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f; // here
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0) {
    atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_seq_cst, thread_scope_device);
    ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_seq_cst, thread_scope_device);
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j]; // here
}

//// unordered_block | race | 64 | ... without a barrier between the stores and the fence of one thread
kernel void unordered_block(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                            device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                            uint groups [[threadgroups_per_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f; // here
  if (t == 0) {
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
    ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j]; // here
}

//// stored_after_release | race | 32 | what a thread stores behind its fence is not handed on
kernel void stored_after_release(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                                 device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                                 uint t [[thread_index_in_threadgroup]]) {
  if (t == 0) {
    uint before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
    float last = before ? y[before - 1] : 0.0f; // here
    y[before] = last + x[i]; // here
    atomic_store_explicit(count, before + 1, memory_order_relaxed);
  }
}

//// same_value | race | 64 | every thread stores one value: a race in the language, whatever the value
kernel void same_value(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint t [[thread_index_in_threadgroup]]) {
  y[3] = x[5]; // here
}
