//// pointer_local | Address Spaces: a pointer type names the address space of what it points to
kernel void k(device float *out [[buffer(0)]]) {
  float v = 1.0f;
  float *p = &v; // error: pointer type must have explicit address space
  out[0] = *p;
}
//// pointer_parameter | Address Spaces: the pointer parameters of functions too
float head(const float *p) { return p[0]; } // error: pointer type must have explicit address space
//// pointer_field | Address Spaces: pointers inside structures too
struct View { float *data; }; // error: pointer type must have explicit address space
//// pointer_cast | Address Spaces: the type of a cast too
kernel void k(device float *out [[buffer(0)]]) { out[0] = *(float *)out; } // error: pointer type must have explicit
//// pointer_template | Address Spaces: pointers to a template's type too
template <typename T> T head(const T *p) { return p[0]; } // error: pointer type must have explicit address space
//// pointer_to_pointer | Address Spaces: each level of indirection has its own
float head(device float **p) { return p[0][0]; } // error: pointer type must have explicit address space
//// pointer_kernel | Function arguments: a kernel's pointers name their address space
kernel void k(float *out [[buffer(0)]]) { out[0] = 1.0f; } // error: (pointer type|must point)
//// reference_parameter | Address Spaces: a reference type names the address space
void set(float &x) { x = 1.0f; } // error: reference type must have explicit address space
//// reference_local | Address Spaces: local references too
kernel void k(device float *out [[buffer(0)]]) {
  float v = 1.0f;
  float &r = v; // error: reference type must have explicit address space
  out[0] = r;
}
//// reference_to_array | Address Spaces: references to arrays too
float head(float (&v)[4]) { return v[0]; } // error: reference type must have explicit address space
//// device_to_threadgroup | Address Spaces: no conversion between address spaces
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float *p = out; // error: cannot initialize
  p[0] = 1.0f;
}
//// threadgroup_to_device | Address Spaces: no assignment across either
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float tile[4];
  out = tile; // error: assigning
}
//// cast_across | Address Spaces: nor by a cast
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float *p = (threadgroup float *)out; // error: (cast|convert)
  p[0] = 1.0f;
}
//// reinterpret_across | Address Spaces: nor by reinterpret_cast
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float *p = reinterpret_cast<threadgroup float *>(out); // error: reinterpret_cast
  p[0] = 1.0f;
}
//// argument_across | Address Spaces: an argument lies in the parameter's address space
float head(device const float *p) { return p[0]; }
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float tile[4];
  out[0] = head(tile); // error: no matching function
}
//// address_of_local | Address Spaces: the address of a local variable is a thread pointer
kernel void k(device float *out [[buffer(0)]]) {
  float v = 1.0f;
  device float *p = &v; // error: cannot initialize
  out[0] = p[0];
}
//// select_across | Address Spaces: a conditional cannot mix address spaces
kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  threadgroup float tile[4];
  out[0] = *(i ? out : tile); // error: incompatible operand types
}
//// write_constant | constant Address Space: read-only
kernel void k(constant float *in [[buffer(0)]]) { in[0] = 1.0f; } // error: (read-only|const|assign)
//// write_constant_struct | constant Address Space: its members too
struct P { uint n; };
kernel void k(constant P &p [[buffer(0)]]) { p.n = 3; } // error: (read-only|const|assign)
//// write_const_device | Types: a pointer to const is not written through
kernel void k(const device float *in [[buffer(0)]]) { in[0] = 1.0f; } // error: read-only
//// drop_const | Types: const is not dropped
kernel void k(const device float *in [[buffer(0)]]) {
  device float *p = in; // error: cannot initialize
  p[0] = 1.0f;
}
//// global_variable | constant Address Space: variables at program scope are constant
float scale = 2.0f; // error: program scope variable must reside in constant
//// constant_without_value | constant Address Space: a constant is initialised
constant float scale; // error: must be initialized
//// static_local | Restrictions: no static variables outside the constant address space
kernel void k(device float *out [[buffer(0)]]) {
  static float last = 0.0f; // error: static local variable
  out[0] = last;
}
//// threadgroup_in_function | threadgroup Address Space: variables only in kernels
float f(uint i) {
  threadgroup float tile[4]; // error: threadgroup variable
  return tile[i];
}
//// threadgroup_at_program_scope | threadgroup Address Space: not at program scope
threadgroup float tile[4]; // error: threadgroup variable cannot be declared in program scope
//// threadgroup_initialised | threadgroup Address Space: no initialiser
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float tile[2] = {0.0f, 1.0f}; // error: threadgroup variable cannot be initialised
  out[0] = tile[0];
}
//// threadgroup_too_large | Limits: 32 KB of threadgroup memory
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup float tile[8193]; // error: threadgroup memory is over 32768
  out[0] = tile[0];
}
//// threadgroup_sum_too_large | Limits: the sum of all variables counts
struct Pair { float a, b; };
kernel void k(device float *out [[buffer(0)]]) {
  threadgroup Pair pairs[2048];
  threadgroup half more[8192];
  threadgroup uchar last[1]; // error: threadgroup memory is over 32768
  out[0] = pairs[0].a + float(more[0]) + float(last[0]);
}
//// vla | Restrictions: no arrays of variable length
kernel void k(device float *out [[buffer(0)]], uint n [[threads_per_simdgroup]]) {
  float v[n]; // error: not a constant expression
  out[0] = v[0];
}
//// double_type | Scalar types: no double
kernel void k(device float *out [[buffer(0)]]) {
  double x = 1.0f; // error: 'double' is not supported
  out[0] = float(x);
}
//// double_literal | Literals: a suffix says the type; nothing is double
kernel void k(device float *out [[buffer(0)]]) { out[0] *= 0.5; } // error: needs the suffix
//// long_double_literal | Literals: no long double
kernel void k(device float *out [[buffer(0)]]) { out[0] *= 0.5L; } // error: needs the suffix
//// exponent_literal | Literals: an exponent makes a floating-point literal too
kernel void k(device float *out [[buffer(0)]]) { out[0] *= 1e3; } // error: needs the suffix
//// integer_with_f | Literals: f only after a fraction or an exponent
kernel void k(device float *out [[buffer(0)]]) { out[0] *= 2f; } // error: suffix
//// long_long | Scalar types: no long long
kernel void k(device long *out [[buffer(0)]]) {
  long long x = 1; // error: 'long long' is not supported
  out[0] = x;
}
//// float8 | Vector types: 2, 3 or 4 components
kernel void k(device float8 *out [[buffer(0)]]) { out[0] = 1.0f; } // error: unknown type name 'float8'
//// ext_vector | Vector types: no other widths by attributes either
typedef float wide __attribute__((ext_vector_type(8))); // error: vectors have 2, 3 or 4
//// swizzle_count | Vector types: both sides of an assignment have one width
kernel void k(device float4 *out [[buffer(0)]]) {
  float4 v = out[0];
  v.xyz = v.xy; // error: assigning
  out[0] = v;
}
//// swizzle_name | Vector types: components are xyzw or rgba
kernel void k(device float4 *out [[buffer(0)]]) { out[0].x = out[0].q; } // error: (illegal vector component|no member|invalid)
//// swizzle_repeated | Vector types: no component twice on the left
kernel void k(device float4 *out [[buffer(0)]]) { out[0].xx = float2(1.0f); } // error: (not assignable|duplicate)
//// swizzle_range | Vector types: a float2 has no z
kernel void k(device float2 *out [[buffer(0)]]) { out[0].x = out[0].z; } // error: (exceeds|out of range)
//// vector_width | Implicit conversions: not between vectors of different widths
kernel void k(device float4 *out [[buffer(0)]]) {
  float3 v = out[0]; // error: cannot initialize
  out[0].xyz = v;
}
//// vector_element | Implicit conversions: not between vectors of different elements
kernel void k(device float4 *out [[buffer(0)]]) {
  half4 v = out[0]; // error: cannot initialize
  out[0].x = v.x;
}
//// vector_too_few | Vector constructors: as many components as the vector has
kernel void k(device float4 *out [[buffer(0)]]) { out[0] = float4(1.0f, 2.0f, 3.0f); } // error: no such vector constructor
//// vector_too_many | Vector constructors: and not more
kernel void k(device float4 *out [[buffer(0)]]) { out[0].xy = float2(out[0].xyz); } // error: no such vector constructor
//// as_type_size | as_type: the sizes agree
kernel void k(device float *x [[buffer(0)]], device ushort *y [[buffer(1)]]) { y[0] = as_type<ushort>(x[0]); } // error: no matching function
//// as_type_bool | as_type: not for bool
kernel void k(device bool *x [[buffer(0)]], device uchar *y [[buffer(1)]]) { y[0] = as_type<uchar>(x[0]); } // error: no matching function
//// as_type_pointer | as_type: not for pointers
kernel void k(device ulong *x [[buffer(0)]]) { x[0] = as_type<ulong>(x); } // error: no matching function
//// bfloat_implicit | Implicit conversions: float to bfloat is explicit
kernel void k(device bfloat *x [[buffer(0)]], device float *y [[buffer(1)]]) { x[0] = y[0]; } // error: bfloat needs an explicit
//// bfloat_compound | Implicit conversions: nor in a compound assignment
kernel void k(device bfloat *x [[buffer(0)]], device float *y [[buffer(1)]]) { x[0] += y[0]; } // error: bfloat needs an explicit
//// bfloat_half | Implicit conversions: none between half and bfloat
kernel void k(device bfloat *x [[buffer(0)]], device half *y [[buffer(1)]]) { x[0] = y[0]; } // error: .
//// bfloat_maths | Math functions: none for bfloat
kernel void k(device bfloat *x [[buffer(0)]]) { x[0] = bfloat(exp(x[0])); } // error: exp
//// bfloat_fma | Math functions: no fma for bfloat
kernel void k(device bfloat *x [[buffer(0)]]) { x[0] = bfloat(fma(x[0], x[0], x[0])); } // error: fma
//// max_int_uint | Integer functions: both arguments have one type
kernel void k(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[0] = max(x[0], i); } // error: ambiguous
//// max_float_int | Math functions: no mixing of float and int
kernel void k(device float *x [[buffer(0)]]) { x[0] = max(x[0], 0); } // error: ambiguous
//// max_half_float | Math functions: no mixing of half and float
kernel void k(device half *x [[buffer(0)]]) { x[0] = max(x[0], 0.0f); } // error: ambiguous
//// pow_half_float | Math functions: base and exponent have one type
kernel void k(device half *x [[buffer(0)]]) { x[0] = pow(x[0], 2.0f); } // error: ambiguous
//// exp_of_int | Math functions: an integer argument is ambiguous
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = exp(i); } // error: ambiguous
//// clamp_mixed | Integer functions: clamp takes one type
kernel void k(device uint *x [[buffer(0)]]) { x[0] = clamp(x[0], 0, 7); } // error: ambiguous
//// no_erf | Math functions: there is no erf
kernel void k(device float *x [[buffer(0)]]) { x[0] = erf(x[0]); } // error: undeclared
//// no_expf | Math functions: no C names
kernel void k(device float *x [[buffer(0)]]) { x[0] = expf(x[0]); } // error: undeclared
//// std_namespace | Restrictions: the C++ standard library is not there
kernel void k(device float *x [[buffer(0)]]) { x[0] = std::exp(x[0]); } // error: undeclared
//// include_cpp | Restrictions: its headers neither
#include <metal_stdlib>
#include <cmath> // error: includes only Metal's own headers
using namespace metal;
//// no_include | metal_stdlib: functions need the header
kernel void k(device float *x [[buffer(0)]]) { x[0] = metal::exp(x[0]); } // error: 'exp'
//// simd_sum_long | SIMD-group functions: 32 bits or less
kernel void k(device long *x [[buffer(0)]]) { x[0] = simd_sum(x[0]); } // error: simd_sum
//// simd_sum_bool | SIMD-group functions: not for bool
kernel void k(device bool *x [[buffer(0)]]) { x[0] = simd_sum(x[0]); } // error: simd_sum
//// simd_max_bfloat | SIMD-group functions: not for bfloat
kernel void k(device bfloat *x [[buffer(0)]]) { x[0] = simd_max(x[0]); } // error: simd_max
//// simd_shuffle_long | SIMD-group functions: permutations neither
kernel void k(device long *x [[buffer(0)]]) { x[0] = simd_shuffle_xor(x[0], 1); } // error: simd_shuffle_xor
//// simd_shuffle_bool | SIMD-group functions: a bool is converted first
kernel void k(device bool *x [[buffer(0)]]) { x[0] = simd_shuffle(x[0], 1); } // error: simd_shuffle
//// simd_and_float | SIMD-group functions: bitwise ones are for integers
kernel void k(device float *x [[buffer(0)]]) { x[0] = simd_and(x[0]); } // error: simd_and
//// vote_to_uint | SIMD-group functions: a vote converts explicitly, to its vote_t
kernel void k(device uint *x [[buffer(0)]]) { x[0] = simd_ballot(x[0] > 1); } // error: .
//// barrier_without_flags | Synchronization: a barrier names the memory it orders
kernel void k(device float *x [[buffer(0)]]) { threadgroup_barrier(); } // error: no matching function
//// barrier_with_int | Synchronization: by mem_flags
kernel void k(device float *x [[buffer(0)]]) { threadgroup_barrier(2); } // error: no matching function
//// matrix_element | SIMD-group matrices: load from memory of the matrix's type
kernel void k(device half *x [[buffer(0)]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, x, 8); // error: no matching function
}
//// matrix_operator | SIMD-group matrices: no elementwise operators
kernel void k(device float *x [[buffer(0)]]) {
  simdgroup_float8x8 a, b;
  simdgroup_store(a + b, x, 8); // error: invalid operands
}
//// matrix_shape | SIMD-group matrices: 8x8 only
kernel void k(device float *x [[buffer(0)]]) {
  simdgroup_matrix<float, 4, 4> m; // error: only 8x8
}
//// matrix_int | SIMD-group matrices: no integers
kernel void k(device float *x [[buffer(0)]]) {
  simdgroup_matrix<int, 8, 8> m; // error: half, bfloat or float
}
//// atomic_plain | Atomic functions: only on atomic types
kernel void k(device uint *x [[buffer(0)]]) { atomic_fetch_add_explicit(x, 1u, memory_order_relaxed); } // error: no matching function
//// atomic_threadgroup_float | Atomic functions: float addition in device memory only
kernel void k(device float *x [[buffer(0)]]) {
  threadgroup atomic_float sum;
  atomic_fetch_add_explicit(&sum, 1.0f, memory_order_relaxed); // error: no matching function
}
//// atomic_float_max | Atomic functions: no minimum or maximum of float
kernel void k(device atomic_float *x [[buffer(0)]]) { atomic_fetch_max_explicit(x, 1.0f, memory_order_relaxed); } // error: no matching function
//// atomic_ulong_add | Atomic functions: 64 bits have only min and max
kernel void k(device atomic_ulong *x [[buffer(0)]]) { atomic_fetch_add_explicit(x, 1ul, memory_order_relaxed); } // error: no matching function
//// atomic_order | Atomic functions: memory_order_relaxed only
kernel void k(device atomic_uint *x [[buffer(0)]]) { atomic_fetch_add_explicit(x, 1u, memory_order_acquire); } // error: memory_order_acquire
//// atomic_copy | Atomic functions: an atomic is not read like a variable
kernel void k(device atomic_uint *x [[buffer(0)]]) { uint v = x[0]; } // error: .
//// fence_in_31 | Atomic functions: fences came with Metal 3.2
kernel void k(device float *x [[buffer(0)]]) {
  atomic_thread_fence(mem_flags::mem_device); // error: undeclared
}
//// recursion | Restrictions: functions do not call themselves
uint f(uint n) {
  return n ? n * f(n - 1) : 1u; // error: recursive
}
kernel void k(device uint *x [[buffer(0)]]) { x[0] = f(x[0]); }
//// recursion_mutual | Restrictions: nor through others
uint odd(uint n);
uint even(uint n) { return n ? odd(n - 1) : 1u; }
uint odd(uint n) { return n ? even(n - 1) : 0u; } // error: recursive
kernel void k(device uint *x [[buffer(0)]]) { x[0] = even(x[0]); }
//// recursion_overloaded | Restrictions: an overload that calls itself, among others
uint f(float x) { return uint(x); }
uint f(uint n) { return n ? f(n - 1) + f(1.0f) : 1u; } // error: recursive
kernel void k(device uint *x [[buffer(0)]]) { x[0] = f(x[0]); }
//// goto | Restrictions: no goto
kernel void k(device uint *x [[buffer(0)]]) {
  if (x[0] == 7) goto end; // error: 'goto'
  x[0] = 1;
end:
  x[1] = 2;
}
//// function_pointer | Restrictions: no function pointers
float f(float x) { return x; }
kernel void k(device float *x [[buffer(0)]]) {
  float (*g)(float) = &f; // error: .
  x[0] = g(x[0]);
}
//// virtual | Restrictions: no virtual functions
struct S { virtual float f() const { return 1.0f; } }; // error: virtual
//// exceptions | Restrictions: no exceptions
kernel void k(device uint *x [[buffer(0)]]) { if (x[0]) throw 1; } // error: exceptions
//// try_block | Restrictions: nor handlers
kernel void k(device uint *x [[buffer(0)]]) {
  try { // error: exceptions
    x[0] = 1;
  } catch (...) { // error: exceptions
  }
}
//// new_delete | Restrictions: no heap
kernel void k(device uint *x [[buffer(0)]]) {
  thread uint *p = new uint[4]; // error: 'new'
  delete[] p; // error: 'delete'
}
//// dynamic_cast | Restrictions: no dynamic_cast
struct A { int x; };
struct B : A { int y; };
kernel void k(device uint *x [[buffer(0)]]) {
  B b;
  thread A *a = dynamic_cast<thread A *>(&b); // error: dynamic_cast
  x[0] = a->x;
}
//// typeid | Restrictions: no run-time types
kernel void k(device uint *x [[buffer(0)]]) { typeid(x[0]); } // error: typeid
//// thread_local | Restrictions: no thread_local
kernel void k(device uint *x [[buffer(0)]]) {
  thread_local uint v = 1; // error: thread_local
  x[0] = v;
}
//// assembly | Restrictions: no inline assembly
kernel void k(device uint *x [[buffer(0)]]) { asm("nop"); } // error: assembly
//// printf | Restrictions: no C library
kernel void k(device uint *x [[buffer(0)]]) { printf("%u", x[0]); } // error: undeclared
//// variadic | Restrictions: no variadic functions
int f(int n, ...) { return n; } // error: variadic
//// keyword_device | Keywords: address spaces are no names
kernel void k(device uint *x [[buffer(0)]]) {
  uint device = 1; // error: .
  x[0] = 1;
}
//// keyword_kernel | Keywords: kernel is no name
kernel void k(device uint *x [[buffer(0)]]) {
  uint kernel = 1; // error: reserved
  x[0] = 1;
}
//// keyword_vertex | Keywords: vertex and fragment neither
kernel void k(device uint *x [[buffer(0)]]) {
  uint vertex = 1; // error: reserved
  x[0] = vertex; // error: reserved
}
//// non_ascii_name | Text: identifiers are ASCII
kernel void k(device float *x [[buffer(0)]]) {
  float größe = 1.0f; // error: non-ASCII
  x[0] = 1.0f;
}
//// kernel_result | Kernel functions: return void
kernel float k(device float *x [[buffer(0)]]) { return x[0]; } // error: must return void
//// kernel_called | Kernel functions: are not called
kernel void inner(device float *x [[buffer(0)]]) { x[0] = 1.0f; }
kernel void outer(device float *x [[buffer(0)]]) {
  inner(x); // error: cannot be called
}
//// kernel_twice | Kernel functions: are not overloaded
kernel void k(device float *x [[buffer(0)]]) { x[0] = 1.0f; }
kernel void k(device int *x [[buffer(0)]]) { x[0] = 1; } // error: defined twice
//// kernel_main | Kernel functions: main is taken
kernel void main(device float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: main
//// buffer_index | Arguments: buffer indices go to 30
kernel void k(device float *x [[buffer(31)]]) { x[0] = 1.0f; } // error: over 30
//// buffer_index_twice | Arguments: an index is used once
kernel void k(device float *x [[buffer(0)]], device float *y [[buffer(0)]]) { x[0] = y[0]; } // error: already
//// scalar_argument | Arguments: a scalar is passed by constant reference
kernel void k(device float *x [[buffer(0)]], uint n) { x[0] = float(n); } // error: invalid type for buffer declaration 'n'
//// scalar_argument_buffer | Arguments: also with an index
kernel void k(device float *x [[buffer(0)]], uint n [[buffer(1)]]) { x[0] = float(n); } // error: invalid type for buffer
//// thread_argument | Arguments: not thread memory
kernel void k(thread float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: must point to device
//// buffer_threadgroup | Arguments: threadgroup memory has [[threadgroup(n)]]
kernel void k(threadgroup float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: does not fit
//// unknown_attribute | Attributes: only those that exist
kernel void k(device float *x [[buffer(0)]], uint i [[thread_id]]) { x[i] = 1.0f; } // error: no attribute
//// builtin_type | Attributes: built-ins are ushort or uint
kernel void k(device float *x [[buffer(0)]], int i [[thread_position_in_grid]]) { x[i] = 1.0f; } // error: ushort or uint
//// builtin_float | Attributes: nor float
kernel void k(device float *x [[buffer(0)]], float3 i [[thread_position_in_threadgroup]]) { x[0] = i.x; } // error: ushort or uint
//// index_vector | Attributes: an index is a scalar
kernel void k(device float *x [[buffer(0)]], uint2 i [[thread_index_in_simdgroup]]) { x[i.x] = 1.0f; } // error: ushort or uint
//// position_widths | Attributes: all positions have as many components
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]],
              uint3 g [[threadgroup_position_in_grid]]) { // error: same number of components
  x[i] = float(g.x);
}
//// builtin_pointer | Attributes: a built-in is a value
kernel void k(device float *x [[buffer(0)]], device uint *i [[thread_position_in_grid]]) { x[0] = 1.0f; } // error: by value
//// two_attributes | Attributes: one per parameter
kernel void k(device float *x [[buffer(0)]], uint i [[thread_position_in_grid, thread_index_in_simdgroup]]) { x[i] = 1.0f; } // error: exclude
//// max_threads_zero | Attributes: 1 to 1024 threads
[[kernel, max_total_threads_per_threadgroup(0)]] void k(device float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: 1 to 1024
//// max_threads_many | Attributes: not 2048
[[kernel, max_total_threads_per_threadgroup(2048)]] void k(device float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: 1 to 1024
//// max_threads_helper | Attributes: of kernels only
[[max_total_threads_per_threadgroup(64)]] float f(float x) { return x; } // error: only applies
//// function_constant_value | Function constants: the host gives the value
constant int n [[function_constant(0)]] = 3; // error: no initialiser
//// function_constant_twice | Function constants: one index each
constant int n [[function_constant(0)]];
constant int m [[function_constant(0)]]; // error: twice
//// host_name_twice | Templates: host names are unique
template <typename T> kernel void k(device T *x [[buffer(0)]]) { x[0] = T(1); }
template [[host_name("k")]] kernel void k<float>(device float *x [[buffer(0)]]);
template [[host_name("k")]] kernel void k<int>(device int *x [[buffer(0)]]); // error: used twice
//// template_body | Templates: an error inside an instantiation
template <typename T> T twice(T x) {
  return simd_sum(x) + x; // error: simd_sum
}
kernel void k(device long *x [[buffer(0)]]) { x[0] = twice(x[0]); }
//// texture | Arguments: textures are out of scope here
kernel void k(texture2d<float> t [[texture(0)]], device float *x [[buffer(0)]]) { x[0] = 1.0f; } // error: .
//// array_assign | Types: arrays are not assigned
kernel void k(device float *x [[buffer(0)]]) {
  float a[4], b[4];
  a = b; // error: not assignable
  x[0] = a[0];
}
//// undeclared | Names: declared before use
kernel void k(device float *x [[buffer(0)]]) { x[0] = y; } // error: undeclared
//// missing_semicolon | Grammar: as C++
kernel void k(device float *x [[buffer(0)]]) {
  x[0] = 1.0f // error: expected ';'
}
