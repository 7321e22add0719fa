//// copy | Kernel functions: pointers to device memory, an index
kernel void copy(const device float *in [[buffer(0)]], device float *out [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  out[i] = in[i];
}
//// attribute_kernel | Kernel functions: the attribute in place of the keyword
[[kernel, max_total_threads_per_threadgroup(128)]]
void k(device float *out [[buffer(0)]], uint lane [[thread_index_in_simdgroup]],
       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  out[simdgroup * 32 + lane] = 1.0f;
}
//// scalars_struct | Arguments: a structure by constant reference
struct k_scalars { int n; float a; };
[[kernel]] void k(device float *x [[buffer(0)]], constant k_scalars &scalars [[buffer(1)]],
                  uint3 program_id [[threadgroup_position_in_grid]], uint3 program_count [[threadgroups_per_grid]]) {
  int n = scalars.n;
  float a = scalars.a;
  if (int(program_id.x) < n) x[program_id.x] = a * float(program_count.x);
}
//// scalar_reference | Arguments: scalars by constant reference
kernel void k(device int *x [[buffer(0)]], constant int &n [[buffer(1)]], constant float &a [[buffer(2)]]) {
  x[0] = n + int(a);
}
//// implicit_indices | Arguments: without an index, the next free one
kernel void k(device float *a, device float *b, uint i [[thread_position_in_grid]]) { a[i] = b[i]; }
//// buffer_thirty | Arguments: 30 is the last index
kernel void k(device float *a [[buffer(30)]], uint i [[thread_position_in_grid]]) { a[i] = 1.0f; }
//// all_positions | Attributes: all built-ins of a compute kernel
kernel void k(device uint *x [[buffer(0)]], uint3 a [[thread_position_in_grid]], uint3 b [[threads_per_grid]],
              uint3 c [[thread_position_in_threadgroup]], uint3 d [[threads_per_threadgroup]],
              uint3 e [[threadgroup_position_in_grid]], uint3 f [[threadgroups_per_grid]],
              uint g [[thread_index_in_threadgroup]], uint h [[thread_index_in_simdgroup]],
              uint i [[simdgroup_index_in_threadgroup]], uint j [[simdgroups_per_threadgroup]],
              uint l [[threads_per_simdgroup]], uint m [[thread_execution_width]]) {
  x[a.x] = b.y + c.z + d.x + e.x + f.x + g + h + i + j + l + m;
}
//// ushort_builtins | Attributes: ushort is as good as uint
kernel void k(device uint *x [[buffer(0)]], ushort2 i [[thread_position_in_threadgroup]],
              ushort lane [[thread_index_in_simdgroup]]) {
  x[i.x] = lane;
}
//// typedef_builtin | Attributes: a typedef of uint is uint
typedef uint u32;
kernel void k(device uint *x [[buffer(0)]], u32 lane [[thread_index_in_simdgroup]]) { x[lane] = 1; }
//// arena | threadgroup Address Space: one arena, buffers by casts
kernel void k(device float *x [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup uchar arena[32768] __attribute__((aligned(16)));
  threadgroup float *scratch = (threadgroup float *)(arena + 128);
  scratch[lane] = x[lane];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[lane] = scratch[31 - lane];
}
//// threadgroup_argument | threadgroup Address Space: memory given by the launch
kernel void k(device float *x [[buffer(0)]], threadgroup float *shared [[threadgroup(0)]],
              uint i [[thread_index_in_threadgroup]]) {
  shared[i] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  x[i] = shared[i ^ 1];
}
//// threadgroup_nested | threadgroup Address Space: in an inner block of a kernel
template <bool sorted>
kernel void k(device float *x [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  threadgroup float a[64];
  a[i] = x[i];
  if (sorted) {
    threadgroup uint index[64];
    index[i] = i;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    x[i] = a[index[63 - i]];
  }
}
template [[host_name("k_sorted")]] kernel void k<true>(device float *x [[buffer(0)]], uint i [[thread_index_in_threadgroup]]);
//// template_decltype | Templates: instantiation through decltype
template <typename T, int N>
[[kernel]] void fill(device T *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = T(N); }
template [[host_name("fill_float")]] [[kernel]] decltype(fill<float, 3>) fill<float, 3>;
template [[host_name("fill_int")]] [[kernel]] decltype(fill<int, 4>) fill<int, 4>;
//// template_functions | Templates: helpers over element type and address space
template <typename T> inline T load(const device T *p, int i, bool mask, T other) { return mask ? p[i] : other; }
template <typename T> inline T load(const threadgroup T *p, uint i) { return p[i]; }
template <int N, typename T> inline void load_vector(thread T *out, const device T *p, int i) {
  for (int r = 0; r < N; ++r) out[r] = p[i + r];
}
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  threadgroup float tile[32];
  float v[4];
  load_vector<4>(v, x, int(i) * 4);
  tile[i & 31] = load(x, int(i), i < 100, 0.0f) + v[3];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  x[i] = load(tile, i & 31);
}
//// pragmas | Pragmas: floating-point mode
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
kernel void k(device float *x [[buffer(0)]]) { x[0] = x[0] * x[1] + x[2]; }
//// unroll | Pragmas: loop hints
kernel void k(device float *x [[buffer(0)]]) {
  float sum = 0.0f;
  _Pragma("clang loop unroll(full)")
  for (uint r = 0; r < 8; ++r) sum += x[r];
#pragma clang loop unroll(disable)
  for (uint r = 0; r < 80; ++r) sum += x[r];
  x[0] = sum;
}
//// swizzles | Vector types: reading and writing components
kernel void k(device float4 *x [[buffer(0)]]) {
  float4 v = x[0];
  v.xy = v.zw;
  v.rgb = v.bgr;
  v.wz = float2(1.0f, 2.0f);
  x[0] = v.xxyy;
  x[1].x = v[2];
}
//// constructors | Vector types: from scalars, vectors and other vectors
kernel void k(device float4 *x [[buffer(0)]], device int4 *y [[buffer(1)]], device half4 *z [[buffer(2)]]) {
  float2 a = float2(1.0f, 2.0f);
  float4 b = float4(a, a), c = float4(0.0f), d = float4(a.x, float3(b.xyz)), e = float4(y[0]), f = float4(z[0]);
  float4 g = static_cast<float4>(y[1]) + (float4)y[2];
  x[0] = b + c + d + e + f * 2.0f + g;
  y[0] = int4(x[1]) + vec<int, 4>(x[2]) + int4(uint4(1u, 2u, 3u, 4u));
  z[0] = half4(x[0]) + half4{1.0h, 2.0h, 3.0h, 4.0h};
}
//// bool_vectors | Vector types: comparisons, any, all, select
kernel void k(device float4 *x [[buffer(0)]]) {
  bool4 m = x[0] < x[1];
  bool2 n = bool2(true, false);
  if (any(m) && all(x[0] == x[1]) && !all(n)) x[2] = select(x[0], x[1], m);
  x[3] = select(x[0], x[1], isnan(x[0]));
}
//// packed | Packed types: three components without padding
kernel void k(device packed_float3 *x [[buffer(0)]], constant packed_float3 *y [[buffer(1)]]) {
  float3 v = x[0];
  v += float3(y[1]);
  x[1] = v;
  x[2].x = x[2][1];
}
//// half_arithmetic | Scalar types: half with its literals
kernel void k(device half *x [[buffer(0)]]) {
  half a = x[0] * 2.0h + half(1.5f);
  float b = a;
  x[1] = b;
  x[2] = exp(a) + max(a, 0.0h) + fma(a, a, a);
}
//// bfloat_arithmetic | Scalar types: bfloat converts explicitly
kernel void k(device bfloat *x [[buffer(0)]]) {
  bfloat a = x[0] * x[1] + bfloat(2.0f);
  float b = float(a) + exp(float(a));
  x[2] = bfloat(b);
  x[3] = 1.5bf;
  if (a < x[1] && a != bfloat(0.0f)) x[4] = -a;
  x[5] = static_cast<bfloat>(1.5h);
}
//// bfloat_vectors | Vector types: of bfloat, by templates
template <typename T> void twice(device T *x) {
  vec<T, 4> v = *(device const vec<T, 4> *)(x);
  *(device vec<T, 4> *)(x + 4) = v;
}
kernel void k(device bfloat *x [[buffer(0)]]) { twice(x); }
//// long_arithmetic | Scalar types: 64 bits
kernel void k(device long *x [[buffer(0)]], device ulong *y [[buffer(1)]]) {
  x[0] = x[1] * 3 + (x[2] >> 5) + abs(x[3]) + max(x[4], 7l) + clz(x[5]);
  y[0] = mulhi(y[1], y[2]) + popcount(y[3]) + (ulong)x[0];
}
//// casts | Implicit conversions: scalars convert
kernel void k(device float *x [[buffer(0)]], device int *y [[buffer(1)]], device uchar *z [[buffer(2)]]) {
  x[0] = y[0];
  y[1] = x[1];
  z[0] = y[2];
  half h = x[2];
  x[3] = h + static_cast<float>(y[3]) + float(z[1]) + (float)z[2];
}
//// as_type | as_type: between types of one size
kernel void k(device float *x [[buffer(0)]], device uint *y [[buffer(1)]]) {
  y[0] = as_type<uint>(x[0]);
  x[1] = as_type<float>(0x7f800000u);
  half h = as_type<half>(ushort(0x3c00));
  half2 p = as_type<half2>(y[1]);
  bfloat b = as_type<bfloat>(ushort(0x3f80));
  x[2] = h + p.x + float(b);
  ulong w = as_type<ulong>(uint2(y[2], y[3]));
  y[4] = uint(w >> 32);
}
//// maths | Math functions: the common ones, precise and fast
kernel void k(device float *x [[buffer(0)]]) {
  float v = x[0];
  v = exp(v) + exp2(v) + log(v) + log2(v) + sin(v) + cos(v) + tan(v) + sqrt(v) + rsqrt(v) + tanh(v) + atan2(v, v);
  v += precise::exp(v) + precise::divide(v, 2.0f) + precise::pow(v, v) + fast::exp2(v) + fast::divide(v, 3.0f);
  v += fma(v, v, v) + fmod(v, 2.0f) + floor(v) + ceil(v) + trunc(v) + rint(v) + round(v) + fmin(v, 1.0f) + fmax(v, 0.0f);
  v += clamp(v, 0.0f, 1.0f) + mix(v, 1.0f, 0.5f) + step(0.0f, v) + saturate(v) + sign(v) + copysign(v, 1.0f) + fabs(v) + abs(v);
  int e;
  v += frexp(v, e) + ldexp(v, e) + pow(v, 2);
  float c;
  v += sincos(v, c);
  x[0] = isnan(v) || isinf(v) || !isfinite(v) || signbit(v) ? INFINITY : v * M_PI_F;
}
//// vector_maths | Math functions: on vectors, with a scalar spread
kernel void k(device float4 *x [[buffer(0)]]) {
  float4 v = exp(x[0]) + max(x[1], 0.0f) + clamp(x[2], 0.0f, 1.0f) + fma(x[3], x[4], x[5]);
  float3 n = normalize(cross(v.xyz, v.yzw));
  x[0] = v * dot(v, v) + length(n);
}
//// integers | Integer functions
kernel void k(device int *x [[buffer(0)]], device uint *y [[buffer(1)]]) {
  x[0] = min(x[1], x[2]) + max(x[3], 5) + abs(x[4]) + clamp(x[5], 0, 7) + mulhi(x[6], x[7]) + rotate(x[8], 3);
  y[0] = popcount(y[1]) + clz(y[2]) + ctz(y[3]) + min(y[4], 5u) + mul24(y[5], y[6]) + extract_bits(y[7], 3u, 4u);
  y[1] = absdiff(y[2], y[3]) + addsat(y[4], y[5]) + hadd(y[6], y[7]) + reverse_bits(y[8]) + select(y[0], 1u, y[0] > 3u);
  short s = min(short(1), short(2));
  x[9] = s;
}
//// simd_reductions | SIMD-group functions: reductions and prefixes of 32-bit types and less
kernel void k(device float *x [[buffer(0)]], device int *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  x[i] = simd_sum(x[i]) + simd_max(x[i]) + simd_product(x[i]) + simd_prefix_exclusive_sum(x[i]);
  y[i] = simd_sum(y[i]) + simd_and(y[i]) + simd_or(y[i]) + simd_xor(y[i]) + simd_min(y[i]);
  half h = simd_sum(half(x[i]));
  uchar c = simd_max(uchar(y[i]));
  x[i] += h + c + simd_sum(float2(x[i])).x;
}
//// simd_shuffles | SIMD-group functions: permutations
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  float v = x[i];
  v += simd_shuffle_xor(v, 16) + simd_shuffle_down(v, 1) + simd_shuffle_up(v, ushort(2)) + simd_shuffle(v, i ^ 1);
  v += simd_broadcast(v, 0) + simd_broadcast_first(v) + simd_shuffle_rotate_up(v, 1);
  v += simd_shuffle_and_fill_up(v, 0.0f, 1);
  bool b = simd_any(v > 0.0f) && simd_all(v < 9.0f);
  ulong mask = (simd_vote::vote_t)simd_ballot(b);
  x[i] = b ? v : float(uint(mask));
}
//// shuffle_long | SIMD-group functions: 64 bits in two halves
long shuffle_xor(long v, uint mask) {
  return as_type<long>(simd_shuffle_xor(as_type<uint2>(v), ushort(mask)));
}
kernel void k(device long *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = shuffle_xor(x[i], 4); }
//// shuffle_bool | SIMD-group functions: bool as uint, bfloat by its bits
bool shuffle_xor(bool v, uint mask) { return bool(simd_shuffle_xor(uint(v), ushort(mask))); }
bfloat shuffle_xor(bfloat v, uint mask) { return as_type<bfloat>(simd_shuffle_xor(as_type<ushort>(v), ushort(mask))); }
kernel void k(device bool *x [[buffer(0)]], device bfloat *y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  x[i] = shuffle_xor(x[i], 4);
  y[i] = shuffle_xor(y[i], 4);
}
//// quads | Quad-group functions
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]], uint q [[thread_index_in_quadgroup]]) {
  x[i] = quad_sum(x[i]) + quad_broadcast(x[i], 2) + quad_shuffle_xor(x[i], 1) + float(q);
}
//// matrices | SIMD-group matrices: load, multiply, store
kernel void k(const device half *a [[buffer(0)]], const device half *b [[buffer(1)]], device float *c [[buffer(2)]]) {
  threadgroup float tile[64];
  simdgroup_half8x8 ma, mb;
  simdgroup_float8x8 mc = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  simdgroup_load(ma, a, 64);
  simdgroup_load(mb, b, 64, ulong2(8, 0), true);
  simdgroup_multiply_accumulate(mc, ma, mb, mc);
  simdgroup_store(mc, tile, 8);
  simdgroup_store(mc, c, 64);
}
//// matrix_elements | SIMD-group matrices: two elements per thread
inline void mma(thread float *c, const thread half *a, const thread half *b) {
  simdgroup_matrix<half, 8, 8> ma, mb;
  simdgroup_matrix<float, 8, 8> mc;
  ma.thread_elements()[0] = a[0];
  ma.thread_elements()[1] = a[1];
  mb.thread_elements() = vec<half, 2>(b[0], b[1]);
  mc.thread_elements() = *(const thread float2 *)(c);
  simdgroup_multiply_accumulate(mc, ma, mb, mc);
  c[0] = mc.thread_elements()[0];
  c[1] = mc.thread_elements().y;
}
kernel void k(device float *x [[buffer(0)]], device half *y [[buffer(1)]]) {
  float c[2] = {0.0f, 0.0f};
  half a[2] = {y[0], y[1]};
  mma(c, a, a);
  x[0] = c[0];
}
//// atomics | Atomic functions: integers anywhere, float in device memory
kernel void k(device atomic_uint *x [[buffer(0)]], device atomic_float *y [[buffer(1)]], device int *z [[buffer(2)]]) {
  threadgroup atomic_int count;
  atomic_store_explicit(&count, 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  atomic_fetch_max_explicit(x, 3u, memory_order_relaxed);
  atomic_fetch_add_explicit(y, 1.5f, memory_order_relaxed);
  atomic_fetch_or_explicit((device atomic_uint *)z, 1u, memory_order_relaxed);
  uint expected = atomic_load_explicit(x, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(x, &expected, expected + 1u, memory_order_relaxed, memory_order_relaxed)) {
  }
  z[1] = atomic_exchange_explicit(&count, 5, memory_order_relaxed);
}
//// atomic_64 | Atomic functions: minimum of ulong without a result
kernel void k(device atomic_ulong *x [[buffer(0)]]) { atomic_min_explicit(x, 17ul, memory_order_relaxed); }
//// constant_table | constant Address Space: tables at program scope
constant float table[4] = {1.0f, 2.0f, 3.0f, 4.0f};
constant constexpr int size = 4;
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = table[i % size]; }
//// function_constants | Function constants: specialised at pipeline creation
constant bool transposed [[function_constant(0)]];
constant int width [[function_constant(1)]];
kernel void k(device float *x [[buffer(0)]], device float *y [[buffer(1), function_constant(transposed)]],
              uint i [[thread_position_in_grid]]) {
  if (is_function_constant_defined(width) && transposed) x[i * width] = y[i];
}
//// structs | Types: structures with methods, copies through device memory
struct Pair {
  float a, b;
  float sum() const { return a + b; }
};
struct Sum {
  template <typename T> T operator()(T x, T y) const { return x + y; }
};
kernel void k(device Pair *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  Pair p = x[i];
  p.a = Sum()(p.a, p.b) + p.sum();
  x[i + 1] = p;
  Pair q = {1.0f, 2.0f};
  x[i + 2] = q;
}
//// address_space_overloads | Functions: overloads by address space
float head(const device float *p) { return p[0]; }
float head(const threadgroup float *p) { return p[0]; }
float head(const thread float *p) { return p[0]; }
float head(constant float *p) { return p[0]; }
kernel void k(device float *x [[buffer(0)]], constant float *y [[buffer(1)]]) {
  threadgroup float tile[4];
  float v[2] = {1.0f, 2.0f};
  x[0] = head(x) + head(tile) + head(v) + head(y);
}
//// overload_chain | Restrictions: an overload calling another is no recursion
float f(float4 v);
float f(float v) { return v * 2.0f; }
float f(float2 v) { return f(v.x) + f(v.y); }
float f(float4 v) { return f(v.xy) + f(v.zw); }
kernel void k(device float4 *x [[buffer(0)]]) { x[0].x = f(x[1]); }
//// references | Address Spaces: references with one, auto deduces it
void exchange(thread float &a, thread float &b) {
  float t = a;
  a = b;
  b = t;
}
kernel void k(device float *x [[buffer(0)]]) {
  float v[2] = {x[0], x[1]};
  exchange(v[0], v[1]);
  device float &r = x[2];
  r = v[0];
  auto &s = x[3];
  s = v[1];
  const thread float *p = v;
  x[4] = p[0];
}
//// control_flow | Statements: loops, switch, early return, conditional
kernel void k(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  if (i >= 100) return;
  int sum = 0;
  for (uint r = 0; r < 8; ++r) {
    if (r == 3) continue;
    sum += x[r];
  }
  do {
    sum -= 1;
  } while (sum > 10);
  switch (sum) {
    case 0: x[i] = 1; break;
    default: x[i] = sum > 5 ? 2 : 3;
  }
}
//// lambda | Functions: lambdas, if constexpr
template <typename T> T widen(T x) {
  if constexpr (sizeof(T) == 4) return x;
  else return T(x + T(1));
}
kernel void k(device float *x [[buffer(0)]]) {
  auto square = [](float v) { return v * v; };
  x[0] = square(widen(x[1]));
}
//// traits | Type traits and limits
template <typename T, typename = enable_if_t<is_integral_v<T>>> T lowest() { return numeric_limits<T>::lowest(); }
kernel void k(device int *x [[buffer(0)]], device float *y [[buffer(1)]]) {
  static_assert(is_same_v<make_unsigned_t<int>, uint>, "");
  x[0] = lowest<int>() + numeric_limits<int>::max();
  y[0] = conditional_t<true, float, int>(2) + numeric_limits<float>::infinity() - FLT_MAX;
}
//// opencl_words | Names: what only OpenCL reserves
kernel void k(device float *x [[buffer(0)]]) {
  float local = x[0], global = x[1];
  x[2] = local + global;
}
//// qualified_names | Names: metal:: written out
#include <metal_stdlib>
kernel void k(device metal::float4 *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  x[i] = metal::max(x[i], metal::float4(0.0f)) + metal::vec<float, 4>(1.0f);
  threadgroup_barrier(metal::mem_flags::mem_none);
}
//// comments | Text: comments may hold any character
// résumé: goto, double, float *p = 1.0;
kernel void k(device float *x [[buffer(0)]]) { x[0] = 1.0f; /* naïve */ }
//// threads_1024 | Attributes: 1024 threads
constant constexpr int threads = 1024;
kernel void k [[max_total_threads_per_threadgroup(threads)]] (device float *x [[buffer(0)]]) { x[0] = 1.0f; }
//// volatile | Types: volatile device memory
kernel void k(volatile device int *x [[buffer(0)]]) { x[0] = x[1] + 1; }
//// attribute_on_helper | Attributes: of a function's parameters mean nothing, and are allowed
float scaled(device float *x, uint i [[thread_position_in_grid]]) { return x[i] * 2.0f; }
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = scaled(x, i); }
//// array_argument | Arguments: an array is a pointer
kernel void k(device float *x [[buffer(0)]], constant const long strides[2] [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  x[i * strides[0]] = 1.0f;
}
//// reference_to_pointer | Address Spaces: a reference to a pointer needs none of its own
inline void advance(const device float *&p, uint by) { p += by; }
kernel void k(const device float *x [[buffer(0)]], device float *y [[buffer(1)]]) {
  advance(x, 4);
  y[0] = x[0];
}
//// own_overloads | Functions: overloads for what Metal leaves out
namespace metal {
inline bfloat exp(bfloat x) { return bfloat(exp(float(x))); }
}
inline bool simd_shuffle_down(bool x, ushort delta) { return simd_shuffle_down(uint(x), delta); }
inline long simd_sum(long x) { return x + long(simd_sum(int(x))); }
kernel void k(device bfloat *x [[buffer(0)]], device bool *y [[buffer(1)]], device long *z [[buffer(2)]]) {
  x[0] = exp(x[0]);
  y[0] = simd_shuffle_down(y[0], 1);
  z[0] = simd_sum(z[0]);
}
//// method_of_a_kernels_name | Names: a method may be called as a kernel is
struct Sorter {
  static float sort(float x) { return x; }
};
kernel void sort(device float *x [[buffer(0)]]) { x[0] = Sorter::sort(x[0]); }
//// vector_variables | Vector types: variables with constructor arguments
float2 pair(float a) { float2 v(a, a); return v; }
kernel void k(device float2 *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  short2 offset(i % 4, i / 4);
  float2 v(1.0f);
  x[offset.x] = v + pair(2.0f);
}
//// qualified_constructors | Functions: constructors of one address space
struct Complex {
  float re, im;
  constexpr Complex(float r, float i) thread : re(r), im(i) {}
  constexpr Complex(float r) thread : re(r), im(0.0f) {}
  float norm() const thread { return re * re + im * im; }
};
Complex twice(Complex z) { return {z.re * 2.0f, z.im * 2.0f}; }
kernel void k(device float *x [[buffer(0)]]) {
  Complex z(x[0], x[1]);
  x[2] = twice(z).norm() + Complex(3.0f).re;
}

//// half_hyperbolic | Math functions: T is half or float in all of them
kernel void k(device half *x [[buffer(0)]], device half4 *y [[buffer(1)]]) {
  x[0] = tanh(x[0]) + sinh(x[1]) + cosh(x[2]) + atan2(x[3], x[4]);
  y[0] = tanh(y[0]) + atan2(y[1], y[2]);
}

//// bool_swizzles | Vector components: vectors of bool have swizzles as others do
kernel void k(device float4 *x [[buffer(0)]], device int *out [[buffer(1)]]) {
  bool4 m = x[0] > x[1];
  m.x = true;
  m[1] = m.w;
  bool2 low = m.xy, crossed = m.wz;
  bool3 three = m.xyz;
  out[0] = (low.x && crossed.y) || any(three.zyx.xy) || all(m.xxyy);
}

//// constant_structs | Address spaces: a structure is copied out of constant memory
struct Sizes {
  int rows;
  float4 scale;
};
struct Both {
  Sizes first, second;
};
inline int rows_of(Sizes s = Sizes()) { return s.rows; }
constant Sizes fixed = {3, float4(1.0f)};
kernel void k(device float *x [[buffer(0)]], constant Sizes &sizes [[buffer(1)]], constant Both *both [[buffer(2)]]) {
  Sizes mine = sizes, other = {1, float4(2.0f)};
  const Sizes third = both[1].second;
  other = sizes;
  other = fixed;
  threadgroup Sizes shared;
  shared = mine;
  Sizes back = shared;
  x[0] = float(rows_of() + mine.rows + third.rows + other.rows + back.rows);
}

//// template_recursion | Restrictions: a template that calls another of its instances is no recursion
template <int n>
float sum(const device float *x) {
  if constexpr (n == 1) return x[0];
  else return x[n - 1] + sum<n - 1>(x);
}
template <typename T, typename... Rest>
T total(T first, Rest... rest) {
  if constexpr (sizeof...(rest) == 0) return first;
  else return first + total(rest...);
}
kernel void k(device float *x [[buffer(0)]]) { x[0] = sum<4>(x) + total(1.0f, 2.0f, 3.0f); }

//// vector_references | Address spaces: references to vectors of a thread, constants bound to references
template <typename T>
struct Fragment {
  vec<T, 2> parts[4];
  thread vec<T, 2> &part(short i) { return parts[i]; }
  const thread vec<T, 2> &part(short i) const { return parts[i]; }
  thread T *elements() { return reinterpret_cast<thread T *>(parts); }
  void clear() {
    for (short i = 0; i < 4; ++i) part(i) = vec<T, 2>(0);
  }
};
inline void scale(thread float2 &v, const thread short &by) { v *= float(by); }
kernel void k(device float *x [[buffer(0)]]) {
  Fragment<float> f;
  f.clear();
  f.part(1) = float2(x[0], x[1]);
  scale(f.part(1), 3);
  const short two = 2;
  scale(f.part(2), two);
  f.elements()[3] += 1.0f;
  x[0] = f.part(1).x + f.elements()[2];
}

//// strings | Strings: literals are in constant memory
constant char name[] = "kernel";
inline constant const char *named() { return "function"; }
kernel void k(device char *x [[buffer(0)]]) {
  constant const char *local_name = "other";
  x[1] = named()[0];
  x[0] = name[0] + local_name[1] + "abc"[2];
}

//// braced_vectors | Vectors: components in braces, what is left out is 0
kernel void k(device uint4 *x [[buffer(0)]]) {
  uint4 v = {1u, 2u, 3u};
  uint4 w = {x[0].xy, 1u};
  x[0] = v + w;
}

//// zeroed_threadgroup | threadgroup Address Space: an empty initialiser writes nothing
kernel void k(device float *x [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[32] = {0};
  tile[t % 32] = x[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[t] = tile[31 - t % 32];
}

//// simd_types | Headers: the names of <simd/simd.h>
#include <metal_stdlib>
#include <simd/simd.h>
kernel void k(device vector_float4 *x [[buffer(0)]], constant simd_uint2 &n [[buffer(1)]]) {
  x[0] = simd::float4(float(n.x)) + x[1].wzyx;
}

//// names_that_mean_something_elsewhere | Names: a template's parameter, words of OpenCL, an attribute of clang
template <class T, class I> inline T element(const device T *p, I i) { return p[i] + T(1); }
kernel void T(device int *x [[buffer(0)]], constant int &I [[buffer(1)]]) {
  const int read_only = I * 2, image2d_t = element(x, I), cl_khr_fp16 = 3;
  int vector_size = image2d_t * read_only, event_t = I & cl_khr_fp16;
  x[I * event_t] = vector_size;
}
