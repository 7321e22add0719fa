// Correct kernels: `//// kernel | none | threads of a threadgroup | what might be mistaken for a fault`.
// x and y have 1024 elements, n is 1000, four threadgroups.
#include <metal_stdlib>
using namespace metal;

constant int repeats [[function_constant(0)]];
constant float weights[4] = {1.0f, 2.0f, 3.0f, 4.0f};
struct Pair {
  float a, b;
};
template <typename T> inline T load(const device T *p, uint i, bool mask, T other) { return mask ? p[i] : other; }
inline void store(device float *p, uint i, float v, bool mask) {
  if (mask) p[i] = v;
}

//// copy | none | 256 | each thread its own element
kernel void copy(const device float *x [[buffer(0)]], device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i] = x[i];
}

//// masked | none | 256 | loads and stores behind the end are masked
kernel void masked(const device float *x [[buffer(0)]], device float *y [[buffer(1)]], constant uint &n [[buffer(2)]],
                   uint i [[thread_position_in_grid]]) {
  uint j = i + 100;
  store(y, j, load(x, j, j < n, 0.0f) + 1.0f, j < n);
}

//// early_return | none | 256 | threads leave; nobody waits for them
kernel void early_return(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         constant uint &n [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  if (i >= n) return;
  y[i] = x[i] * weights[i % 4];
}

//// in_place | none | 256 | a thread reads and writes its own element
kernel void in_place(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i] += 1.0f;
  y[i] *= 2.0f;
}

//// all_read_one | none | 128 | many readers of one element
kernel void all_read_one(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) {
  y[i] = x[0] + x[1023];
}

//// reverse | none | 128 | a barrier between write and read
kernel void reverse(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  tile[t] = x[g * 128 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 128 + t] = tile[127 - t];
}

//// rounds | none | 128 | two barriers a round
kernel void rounds(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                   uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  float sum = 0.0f;
  for (int r = 0; r < repeats; ++r) {
    tile[t] = x[(g * 128 + t + r) % 1024];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum += tile[(t + 32) % 128];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  y[g * 128 + t] = sum;
}

//// double_buffered | none | 64 | one barrier a round, two tiles
kernel void double_buffered(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                            uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[2][64];
  float sum = 0.0f;
  for (uint r = 0; r < 6; ++r) {
    tile[r % 2][t] = x[(g * 64 + t + r) % 1024];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum += tile[r % 2][63 - t];
  }
  y[g * 64 + t] = sum;
}

//// block_sum | none | 256 | simd sums, then the slots of the simdgroups
kernel void block_sum(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      uint g [[threadgroup_position_in_grid]], uint i [[thread_position_in_grid]],
                      uint s [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                      uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float slots[8];
  float sum = simd_sum(x[i]);
  if (lane == 0) slots[s] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (s == 0) {
    sum = simd_sum(lane < simdgroups ? slots[lane] : 0.0f);
    if (lane == 0) y[g] = sum;
  }
}

//// softmax | none | 256 | slots used twice, with a barrier before the second use
kernel void softmax(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    uint i [[thread_position_in_grid]], uint s [[simdgroup_index_in_threadgroup]],
                    uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float slots[32];
  float v = x[i];
  float most = simd_max(v);
  if (s == 0) slots[lane] = -INFINITY;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) slots[s] = most;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  most = simd_max(slots[lane]);
  float e = exp(v - most);
  float sum = simd_sum(e);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (s == 0) slots[lane] = 0.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) slots[s] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = e / simd_sum(slots[lane]);
}

//// tree_sum | none | 128 | a tree with a barrier in its loop
kernel void tree_sum(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                     uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float part[128];
  part[t] = x[g * 128 + t];
  for (uint step = 64; step > 0; step /= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t < step) part[t] += part[t + step];
  }
  if (t == 0) y[g] = part[0];
}

//// scan_sum | none | 128 | reads and writes of each step apart
kernel void scan_sum(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                     uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float sum[128];
  sum[t] = x[g * 128 + t];
  for (uint step = 1; step < 128; step *= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float before = t >= step ? sum[t - step] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum[t] += before;
  }
  y[g * 128 + t] = sum[t];
}

//// prefix | none | 128 | simd prefix sums with carries
kernel void prefix(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                   uint i [[thread_position_in_grid]], uint s [[simdgroup_index_in_threadgroup]],
                   uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float carry[4];
  float v = simd_prefix_inclusive_sum(x[i]);
  if (lane == 31) carry[s] = v;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint r = 0; r < s; ++r) v += carry[r];
  y[i] = v;
}

//// lane_exchange | none | 64 | simdgroup_barrier between lanes of one simdgroup
kernel void lane_exchange(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  for (uint r = 1; r < 32; r *= 2) {
    tile[t] = x[i] + float(r);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    float v = tile[t ^ r];
    simdgroup_barrier(mem_flags::mem_threadgroup);
    y[i] += v;
  }
}

//// lane_order | none | 32 | a simd operation orders its lanes too
kernel void lane_order(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float tile[32];
  tile[lane] = x[i];
  float sum = simd_sum(x[i]);
  y[i] = sum + tile[31 - lane];
}

//// shuffles | none | 64 | exchanges without memory
kernel void shuffles(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                     uint i [[thread_position_in_grid]]) {
  float v = x[i];
  for (ushort mask = 16; mask > 0; mask /= 2) v += simd_shuffle_xor(v, mask);
  y[i] = v + simd_shuffle_up(v, 1) + simd_broadcast(v, 3) + quad_sum(v);
}

//// divergent_simd | none | 64 | simd operations of some lanes only
kernel void divergent_simd(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  float v = x[i];
  if (lane < 7) v = simd_sum(v);
  else v = simd_max(v);
  for (uint r = 0; r < lane % 3; ++r) v = simd_min(v) + 1.0f;
  y[i] = v;
}

//// transposed | none | 256 | a tile with a padded row
kernel void transposed(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[16][17];
  tile[t / 16][t % 16] = x[g * 256 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 256 + t] = tile[t % 16][t / 16];
}

//// uniform_branch | none | 128 | a barrier in a branch that the whole threadgroup takes
kernel void uniform_branch(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  if (g % 2) {
    tile[t] = x[g * 128 + t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[g * 128 + t] = tile[t ^ 64];
  } else {
    tile[t] = 1.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[g * 128 + t] = tile[t ^ 32];
  }
}

//// uniform_return | none | 128 | a whole threadgroup leaves before a barrier
kernel void uniform_return(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  if (g == 3) return;
  tile[t] = x[g * 128 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 128 + t] = tile[127 - t];
}

//// uniform_loop | none | 64 | as many barriers for all, though not for all threadgroups
kernel void uniform_loop(device float *y [[buffer(1)]], uint g [[threadgroup_position_in_grid]],
                         uint t [[thread_index_in_threadgroup]]) {
  threadgroup float v[64];
  v[t] = float(t);
  for (uint r = 0; r < g; ++r) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float w = v[(t + 33) % 64];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    v[t] = w + 1.0f;
  }
  y[g * 64 + t] = v[t];
}

//// device_exchange | none | 128 | device memory across a barrier for device memory
kernel void device_exchange(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                            uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  y[g * 128 + t] = x[g * 128 + t];
  threadgroup_barrier(mem_flags::mem_device);
  float v = y[g * 128 + 127 - t];
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  y[g * 128 + t] = v;
}

//// histogram | none | 256 | device atomics from all threadgroups
kernel void histogram(const device float *x [[buffer(0)]], device atomic_uint *count [[buffer(3)]],
                      uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(count + uint(abs(x[i]) * 10.0f), 1u, memory_order_relaxed);
}

//// local_histogram | none | 128 | threadgroup atomics, plain access across barriers
kernel void local_histogram(const device float *x [[buffer(0)]], device atomic_uint *count [[buffer(3)]],
                            uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint bins[64];
  if (t < 64) atomic_store_explicit(&bins[t], 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&bins[min(uint(abs(x[i]) * 10.0f), 63u)], 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 64) atomic_fetch_add_explicit(count + t, ((threadgroup uint *)bins)[t], memory_order_relaxed);
}

//// float_atomics | none | 64 | atomic addition of floats
kernel void float_atomics(device atomic_float *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(y + i % 8, 0.5f, memory_order_relaxed);
}

//// compare_exchange | none | 64 | a loop of compare-exchange
kernel void compare_exchange(device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]]) {
  uint old = atomic_load_explicit(count, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(count, &old, max(old, i * 7 % 64), memory_order_relaxed,
                                                memory_order_relaxed)) {
  }
}

//// bytes_apart | none | 256 | neighbouring bytes, one per thread
kernel void bytes_apart(device uchar *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  y[i] = uchar(i);
  y[i] = uchar(y[i] + 1);
}

//// halves_apart | none | 256 | neighbouring 16-bit elements
kernel void halves_apart(const device float *x [[buffer(0)]], device half *y [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) {
  y[i] = half(x[i]);
}

//// threadgroup_bytes | none | 128 | bytes of threadgroup memory
kernel void threadgroup_bytes(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                              uint t [[thread_index_in_threadgroup]]) {
  threadgroup uchar v[128];
  v[t] = uchar(t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = float(v[127 - t]) + float(v[t ^ 1]);
}

//// wide_and_narrow | none | 64 | words written whole, read by bytes
kernel void wide_and_narrow(device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                            uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint v[64];
  v[t] = t * 0x01010101u;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = float(((const threadgroup uchar *)v)[t * 4 + 2]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  ((threadgroup uchar *)v)[255 - t] = 7;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] += float(v[t] >> 24);
}

//// vectors | none | 64 | four elements at once
kernel void vectors(const device float4 *x [[buffer(0)]], device float4 *y [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  y[i] = x[i].wzyx * 2.0f;
}

//// padded_vectors | none | 64 | the padding of a float3 is never written
kernel void padded_vectors(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float3 v[64];
  v[t].x = x[i];
  v[t].y = 1.0f;
  v[t].z = 2.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float3 w = v[63 - t];
  y[i] = w.x + w.y + w.z;
}

//// structs | none | 64 | structures in threadgroup memory
kernel void structs(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup Pair pairs[64];
  Pair p = {x[i], float(t)};
  pairs[t] = p;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  Pair q = pairs[63 - t];
  y[i] = q.a + q.b;
}

//// arena | none | 64 | one arena, two buffers by casts
kernel void arena(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                  uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup uchar memory[512] __attribute__((aligned(16)));
  threadgroup float *a = (threadgroup float *)memory;
  threadgroup int *b = (threadgroup int *)(memory + 256);
  a[t] = x[i];
  b[t] = int(t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = a[b[t] ^ 1];
}

//// dynamic | none | 32 | threadgroup memory of the launch, to its last byte
kernel void dynamic(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    threadgroup float *shared [[threadgroup(0)]], uint i [[thread_position_in_grid]],
                    uint t [[thread_index_in_threadgroup]]) {
  shared[t] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = shared[31 - t];
}

//// whole_arena | none | 256 | 32 KB of threadgroup memory
kernel void whole_arena(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[8192];
  for (uint r = 0; r < 32; ++r) tile[r * 256 + t] = x[i] + float(r);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[8191 - t * 32];
}

//// sort | none | 128 | a bitonic sort
kernel void sort(const device float *x [[buffer(0)]], device float *y [[buffer(1)]], uint i [[thread_position_in_grid]],
                 uint t [[thread_index_in_threadgroup]]) {
  threadgroup float v[128];
  v[t] = x[i];
  for (uint size = 2; size <= 128; size *= 2)
    for (uint step = size / 2; step > 0; step /= 2) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      uint other = t ^ step;
      if (other > t && (v[t] > v[other]) == ((t & size) == 0)) {
        float swap = v[t];
        v[t] = v[other];
        v[other] = swap;
      }
    }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = v[t];
}

//// matrix | none | 32 | a product of 8x8 matrices, through threadgroup memory
kernel void matrix(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                   uint g [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float tile[64];
  simdgroup_float8x8 a, b, c = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  simdgroup_load(a, x + g * 64, 8);
  simdgroup_load(b, x + g * 64, 8, ulong2(0), true);
  simdgroup_multiply_accumulate(c, a, b, c);
  simdgroup_store(c, tile, 8);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 64 + lane] = tile[63 - lane];
  y[g * 64 + 32 + lane] = tile[31 - lane];
}

//// compaction | none | 64 | positions by a ballot
kernel void compaction(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  bool keep = x[i] > 0.0f;
  uint mask = uint((simd_vote::vote_t)simd_ballot(keep));
  uint place = popcount(mask & ((1u << lane) - 1u));
  if (keep) y[i - lane + place] = x[i];
}

//// stencil | none | 64 | neighbours of a tile with a halo
kernel void stencil(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    uint g [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[66];
  tile[t + 1] = x[g * 64 + t];
  if (t == 0) tile[0] = g ? x[g * 64 - 1] : 0.0f;
  if (t == 63) tile[65] = x[g * 64 + 64];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 64 + t] = tile[t] + tile[t + 1] + tile[t + 2];
}

//// grid_stride | none | 64 | a loop over the whole grid
kernel void grid_stride(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        constant uint &n [[buffer(2)]], uint i [[thread_position_in_grid]],
                        uint threads [[threads_per_grid]]) {
  for (uint j = i; j < n; j += threads) y[j] = x[j] + 1.0f;
}

//// two_dimensions | none | 64 | positions of two components
kernel void two_dimensions(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                           uint2 i [[thread_position_in_grid]], uint2 size [[threads_per_grid]]) {
  y[i.y * size.x + i.x] = x[i.x];
}

//// thread_arrays | none | 64 | arrays of a thread are nobody else's
kernel void thread_arrays(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                          uint i [[thread_position_in_grid]]) {
  float v[16];
  for (uint r = 0; r < 16; ++r) v[(r + i) % 16] = x[(i + r) % 1024];
  float sum = 0.0f;
  for (uint r = 0; r < 16; ++r) sum += v[r] * float(r);
  y[i] = sum;
}

//// one_of_many | none | 96 | a slot written by one thread, read by all behind a barrier
kernel void one_of_many(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                        uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float chosen;
  for (uint r = 0; r < 3; ++r) {
    if (t == r * 40) chosen = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[i] += chosen;
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}

//// uneven | none | 50 | a threadgroup that is no multiple of 32
kernel void uneven(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                   uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[50];
  tile[t] = simd_sum(x[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[49 - t];
}

//// last_block | none | 64 | the last threadgroup reads what all have stored: fence, counter, fence
kernel void last_block(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                       device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                       uint g [[threadgroup_position_in_grid]], uint groups [[threadgroups_per_grid]],
                       uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint ticket;
  y[i] = x[i] + 1.0f;
  threadgroup_barrier(mem_flags::mem_device);
  if (t == 0) {
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
    ticket = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  if (ticket == groups - 1)
    for (uint j = t; j < 256; j += 64) y[512 + j] = y[255 - j];
}

//// last_block_fences | none | 64 | ... every thread with fences of its own, the order of the counter in between
kernel void last_block_fences(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                              device atomic_uint *count [[buffer(3)]], uint i [[thread_position_in_grid]],
                              uint t [[thread_index_in_threadgroup]], uint groups [[threadgroups_per_grid]]) {
  threadgroup atomic_uint last;
  if (t == 0) atomic_store_explicit(&last, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = x[i] * 2.0f;
  atomic_thread_fence(mem_flags::mem_device, memory_order_release, thread_scope_device);
  uint mine = atomic_fetch_add_explicit(count, 1u, memory_order_relaxed);
  if (mine == groups * 64 - 1) atomic_store_explicit(&last, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (atomic_load_explicit(&last, memory_order_relaxed)) {
    atomic_thread_fence(mem_flags::mem_device, memory_order_acquire, thread_scope_device);
    y[512 + t] = y[t] + y[64 + t] + y[128 + t] + y[192 + t];
  }
}

//// handed_on | none | 32 | each threadgroup adds to what the one before has written; a chain of flags
kernel void handed_on(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      device atomic_uint *count [[buffer(3)]], uint g [[threadgroup_position_in_grid]],
                      uint t [[thread_index_in_threadgroup]]) {
  if (t == 0) {
    uint before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device, memory_order_acquire, thread_scope_device);
    for (uint j = 0; j < before; ++j) y[256 + j] += x[j];
    y[256 + before] = x[before];
    atomic_thread_fence(mem_flags::mem_device, memory_order_release, thread_scope_device);
    atomic_store_explicit(count, before + 1, memory_order_relaxed);
  }
}

//// flag_between_simdgroups | none | 64 | threadgroup memory handed over by a flag, where it was seen
kernel void flag_between_simdgroups(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                                    uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint flag;
  threadgroup float value;
  if (t == 0) atomic_store_explicit(&flag, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t == 40) {
    value = x[i];
    atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_release, thread_scope_threadgroup);
    atomic_store_explicit(&flag, 1u, memory_order_relaxed);
  }
  bool seen = atomic_load_explicit(&flag, memory_order_relaxed) == 1;
  atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_acquire, thread_scope_threadgroup);
  float got = seen ? value : 0.0f;
  y[i] = got - got;
}
