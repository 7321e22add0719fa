"""Names of the text: the user's where possible, pure ASCII, never a word of MSL, each with one meaning in its scope."""

from __future__ import annotations

import re
import unicodedata

_CPP = """alignas alignof and and_eq asm atomic auto bitand bitor bool break case catch char char8_t char16_t char32_t
class compl concept const const_cast consteval constexpr constinit continue co_await co_return co_yield
decltype default delete do double dynamic_cast else enum explicit export extern false float for friend goto if
inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
register reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch
template this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile
wchar_t while xor xor_eq main NULL INT_MAX linux unix"""

_METAL = """access array array_ref as_type bfloat buffer constant coherent device fragment function_constant half half2
half3 half4 float2 float3 float4 int2 int3 int4 uint2 uint3 uint4 bool2 bool3 bool4 imageblock intersector
kernel mesh metal object_data packed_float3 ptrdiff_t quad quadgroup ray_data sampler size_t simdgroup
simdgroup_matrix stage_in task texture texture1d texture2d texture3d texturecube thread thread_scope
threadgroup threadgroup_imageblock tensor uchar uchar2 uchar4 uint uint8_t uint16_t uint32_t uint64_t int8_t
int16_t int32_t int64_t ulong ushort ushort2 ushort4 vec vertex visible patch matrix vector HUGE_VALF INFINITY
NAN MAXFLOAT FLT_MAX FLT_MIN FLT_EPSILON M_PI_F M_E_F"""

_FUNCTIONS = """abs absdiff acos acosh addsat all any asin asinh atan atan2 atanh ceil clamp clz copysign cos cosh
cospi cross ctz degrees determinant distance distance_squared divide dot erf erfc exp exp10 exp2
extract_bits fabs faceforward fast fdim first floor fma fmax fmax3 fmedian3 fmin fmin3 fmod fract
frexp hadd ilogb insert_bits isfinite isinf isnan isnormal isordered isunordered ldexp length
length_squared log log10 log2 mad24 madhi madsat max max3 maximum median3 mem_flags min min3 minimum
mix modf mul24 mulhi nextafter normalize popcount pow powr precise radians reflect refract remainder
reverse_bits rhadd rint rotate round rsqrt saturate select shuffle sign signbit sin sincos sinh
sinpi smoothstep sqrt step subsat swap tan tanh tanpi transpose trunc atomic_int atomic_uint
atomic_float load load_address load_contiguous load_vector store store_address store_contiguous
store_vector store_uniform address_of shuffle_xor exchange broadcast reduce_add reduce_mul
reduce_min reduce_max reduce_and reduce_or reduce_xor reduce_minimum reduce_maximum mma_8x8 mma_rows
threadgroup_barrier simdgroup_barrier b1 i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32"""

# Built-ins of Metal. MLX makes a parameter of each that occurs in a kernel's body.
_BUILT_INS = """dispatch_quadgroups_per_threadgroup dispatch_simdgroups_per_threadgroup dispatch_threads_per_threadgroup
grid_origin grid_size quadgroup_index_in_threadgroup quadgroups_per_threadgroup thread_execution_width
thread_index_in_quadgroup thread_index_in_simdgroup thread_index_in_threadgroup thread_position_in_grid
thread_position_in_threadgroup threadgroup_position_in_grid threadgroups_per_grid threads_per_grid
threads_per_simdgroup threads_per_threadgroup"""

_OURS = """arena device_log lane lock_table program_count program_id scalars simdgroup log_values log_value log_text
log_failures log_failure device_fence load_coherent store_coherent uniform_load_coherent uniform_store_coherent
locked_atomic locked_cas locked_load locked_poll wide_umax wide_umin Add64 And64
Or64 Xor64 Max64 Min64 Umax64 Umin64 Exchange64 Packet UNROLL METAL_FUNC"""

RESERVED = frozenset(f"{_CPP} {_METAL} {_FUNCTIONS} {_BUILT_INS} {_OURS}".split())
RESERVED_PREFIXES = ("simd_", "quad_", "atomic_", "simdgroup_", "__", "metal_", "alloy_")


def identifier(text: str) -> str:
    """`text` as an identifier: accents dropped, other foreign characters by number ("\\u03b1" -> "u3b1")."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    plain = re.sub(r"__+", "_", plain).strip("_") or "value"
    return f"v{plain}" if plain[0].isdigit() else plain


def ascii_text(text: str) -> str:
    """A source line for a comment: pure ASCII, one line, and no backslash at its end, which would continue it."""
    line = text.strip().encode("ascii", "backslashreplace").decode("ascii")
    line = re.sub(r"[^ -~]", " ", line)
    return line + " ." if line.endswith("\\") else line


class Names:
    """The names in use, by scope: an inner scope may reuse what a finished one has used."""

    def __init__(self, reserved: frozenset[str] = RESERVED):
        self.reserved = reserved
        self.scopes: list[set[str]] = [set()]

    def open(self) -> None:
        self.scopes.append(set())

    def close(self) -> None:
        self.scopes.pop()

    def _is_free(self, name: str) -> bool:
        if name in self.reserved or name.startswith(RESERVED_PREFIXES):
            return False
        return not any(name in scope for scope in self.scopes)

    def new(self, wish: str) -> str:
        """`wish` made an identifier, with a number if it is taken."""
        base = identifier(wish)
        number = 0
        name = base
        while not self._is_free(name):
            number += 1
            name = f"{base}_{number}"
        self.scopes[-1].add(name)
        return name
