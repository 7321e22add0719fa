"""Types, vectors, matrices, packing, constants and refusals of the language, against NumPy and the specification."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from triton_alloy.msl_cpu import CompileError, Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def run(body: str, *buffers: np.ndarray, parameters: str, threads: int = 1, **options) -> None:
    """Launch one kernel with this body, in reference mode."""
    text = f"{HEAD}kernel void k({parameters}, uint i [[thread_position_in_grid]]) {{\n{body}\n}}\n"
    Library(text, "reference", **options)["k"].launch_threads(list(buffers), threads, min(threads, 64))


# Specification 2.1 to 2.3: bytes of a scalar; vectors of 3 take as much as those of 4, packed ones do not.
SIZES = {"bool": 1, "char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "long": 8, "ulong": 8}
SIZES |= {"half": 2, "bfloat": 2, "float": 4}


def test_sizes_and_alignments():
    expected, lines = [], []
    for name, size in SIZES.items():
        for width, taken in ((2, 2), (3, 4), (4, 4)):
            for kind, bytes_, alignment in (("", size * taken, size * taken), ("packed_", size * width, size)):
                expected += [bytes_, alignment]
                lines.append(f"sizeof({kind}{name}{width}), alignof({kind}{name}{width})")
        expected += [size, size]
        lines.append(f"sizeof({name}), alignof({name})")
    fixed = {"int8_t": 1, "uint16_t": 2, "int32_t": 4, "uint64_t": 8, "size_t": 8, "ptrdiff_t": 8}
    for name, size in fixed.items():
        expected += [size, size]
        lines.append(f"sizeof({name}), alignof({name})")
    out = np.zeros(len(expected), np.uint32)
    table = ",\n".join(lines)
    run(f"const uint all[] = {{{table}}};\nout[i] = all[i];", out, parameters="device uint *out", threads=len(expected))
    assert out.tolist() == expected


def _swizzles() -> list[str]:
    random = np.random.default_rng(2)
    found = ["".join(p) for letters in ("xyzw", "rgba") for n in (2, 3) for p in itertools.permutations(letters, n)]
    found += ["".join(p) for p in itertools.permutations("xyzw")] + ["xx", "wwww", "rrg", "aaab", "zzx", "yyyy"]
    return [found[k] for k in random.permutation(len(found))[:60]]


def _places(swizzle: str) -> list[int]:
    return [("xyzw" if letter in "xyzw" else "rgba").index(letter) for letter in swizzle]


@pytest.mark.parametrize("element", ["float4", "packed_float4", "ushort4"])
def test_swizzles_are_read_and_assigned(element: str):
    dtype = np.uint16 if element == "ushort4" else np.float32
    scalar = element.removesuffix("4").removeprefix("packed_")
    names = _swizzles()
    lines, expected = [], []
    start, values = np.array([1, 2, 3, 4], dtype), np.array([50, 60, 70, 80], dtype)
    for k, name in enumerate(names):
        places = _places(name)
        components = ", ".join(f"v.{name}[{j}]" if j < len(places) else "0" for j in range(4))
        lines.append(f"{{ {element} v = x[0]; y[{2 * k}] = {element}({components}); }}")
        expected.append(np.r_[start[places], np.zeros(4 - len(places), dtype)])
        written = start.copy()
        if len(set(places)) == len(places):
            lines.append(
                f"{{ {element} v = x[0]; v.{name} = {scalar}4(x[1]).{'xyzw'[: len(places)]}; y[{2 * k + 1}] = v; }}"
            )
            written[places] = values[: len(places)]
        else:
            lines.append(f"y[{2 * k + 1}] = x[0];")
        expected.append(written)
    x, y = np.stack([start, values]), np.zeros((2 * len(names), 4), dtype)
    run("\n".join(lines), x, y, parameters=f"const device {element} *x, device {element} *y")
    for k, (found, wanted) in enumerate(zip(y, expected, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=names[k // 2])


def test_colours_are_names_of_members_too():
    text = """
    struct Pixel { float rg; float4 colour; };
    Pixel p = {x[0].x, x[0]};
    x[1] = float4(p.rg, p.colour.ba, p.colour.bgra.a);
    """
    x = np.array([[1, 2, 3, 4], [0, 0, 0, 0]], np.float32)
    run(text, x, parameters="device float4 *x")
    assert x[1].tolist() == [1, 3, 4, 4]


def test_compound_assignment_through_swizzles():
    x = np.array([[1, 2, 3, 4]], np.float32)
    run("x[0].xz += float2(10, 20); x[0].wy *= x[0].xx; x[0].g -= 1;", x, parameters="device float4 *x")
    assert x.tolist() == [[11, 21, 23, 44]]


def test_packed_vectors_do_arithmetic_with_vectors_and_scalars():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    expected = x.copy()
    expected[3] = (x[0] + x[1] * 2) / (x[2] - 1) + x[2][::-1]
    run(
        "float3 v = x[2]; x[3] = (x[0] + x[1] * 2) / (v - 1.0f) + x[2].zyx; x[0] += v; x[1] *= 2.0f; x[2] = -x[2];",
        x,
        parameters="device packed_float3 *x",
    )
    np.testing.assert_allclose(x[3], expected[3])
    np.testing.assert_array_equal(x[:3], [expected[0] + expected[2], expected[1] * 2, -expected[2]])


def test_braces_give_components_in_order():
    """... and 0 for those left out: one value is no splat."""
    out = np.zeros((6, 4), np.float32)
    run(
        """float4 a = {1}, b = {1, 2, 3}, c = {}, d = {float2(4, 5), 6, 7}, e(8);
        float3 f{1, 2};
        out[0] = a; out[1] = b; out[2] = c; out[3] = d; out[4] = e; out[5] = float4(f, 9);""",
        out,
        parameters="device float4 *out",
    )
    expected = [[1, 0, 0, 0], [1, 2, 3, 0], [0] * 4, [4, 5, 6, 7], [8] * 4, [1, 2, 0, 9]]
    np.testing.assert_array_equal(out, expected)


def test_names_of_simd_h_and_steps_of_vectors():
    out = np.zeros(8, np.float32)
    run(
        """vector_float4 a = simd::float4(1, 2, 3, 4); simd_int2 b = 5; matrix_float2x2 m(2.0f);
        simd_int2 before = b++; ++b;
        out[0] = a.w; out[1] = before.x; out[2] = b.y; out[3] = (m * a.xy).y; out[4] = (b--).x; out[5] = b.x;
        coherent(device) device float *last = out + 6; *last = 9;""",
        out,
        parameters="device float *out",
    )
    assert out.tolist() == [4, 5, 7, 4, 7, 6, 9, 0]


def _round_to_bfloat(values: np.ndarray) -> np.ndarray:
    raw = values.astype(np.float32).view(np.uint32)
    return ((raw + 0x7FFF + (raw >> 16 & 1)) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize("element", ["half", "bfloat"])
def test_every_operation_is_rounded(element: str):
    """A chain of operations rounds after each; nothing is kept in float between them."""
    round_ = _round_to_bfloat if element == "bfloat" else lambda v: v.astype(np.float16).astype(np.float32)
    random = np.random.default_rng(4)
    a, b, c = (round_(random.standard_normal(512).astype(np.float32)) for _ in range(3))
    out = np.zeros((4, 512), np.float32)
    run(
        f"""{element} p = {element}(a[i]), q = {element}(b[i]), r = {element}(c[i]);
        out[i] = float(p * q + r);
        out[512 + i] = float((p - q) / r);
        {element} s = p; s += q; s *= r; s -= p; s /= q;
        out[1024 + i] = float(s);
        {element}2 v = {element}2(p, q) * {element}2(r) + {element}2(q, p);
        out[1536 + i] = float(v.x) ;""",
        *(a, b, c, out),
        parameters="const device float *a, const device float *b, const device float *c, device float *out",
        threads=512,
    )
    np.testing.assert_array_equal(out[0], round_(round_(a * b) + c))
    np.testing.assert_array_equal(out[1], round_(round_(a - b) / c))
    np.testing.assert_array_equal(out[2], round_(round_(round_(round_(a + b) * c) - a) / b))
    np.testing.assert_array_equal(out[3], round_(round_(a * c) + b))


def test_mixed_operands_of_bfloat():
    """float wins over bfloat, bfloat over integers; half and bfloat convert into each other when asked."""
    out = np.zeros(6, np.float32)
    run(
        """bfloat a = 1.0078125bf; half h = 0.333251953125h;
        out[0] = a * 1.001f;
        out[1] = a * 3;
        out[2] = float(bfloat(h));
        out[3] = float(half(a));
        out[4] = a < 1.0079f ? 1 : 0;
        out[5] = sizeof(a * 3) * 10 + sizeof(a * 1.0f);""",
        out,
        parameters="device float *out",
    )
    a = np.float32(1.0078125)
    expected = [
        a * np.float32(1.001),
        _round_to_bfloat(np.array([a * 3]))[0],
        _round_to_bfloat(np.array([0.333251953125]))[0],
    ]
    np.testing.assert_array_equal(out, np.array([*expected, a, 1, 24], np.float32))


@pytest.mark.parametrize("element", ["float", "half"])
def test_matrices(element: str):
    """`float4x3` has 4 columns of 3 rows; memory holds columns."""
    dtype = {"float": np.float32, "half": np.float16}[element]
    random = np.random.default_rng(6)
    a, b = (random.integers(-3, 4, shape).astype(dtype) for shape in ((4, 3), (2, 4)))
    v, w = random.integers(-3, 4, 4).astype(dtype), random.integers(-3, 4, 3).astype(dtype)
    out = np.zeros(32, np.float32)
    text = f"""
      {element}4x3 m; {element}2x4 n;
      for (int c = 0; c < 4; ++c) m[c] = {element}3(a[c * 3], a[c * 3 + 1], a[c * 3 + 2]);
      for (int c = 0; c < 2; ++c) n[c] = {element}4(b[c * 4], b[c * 4 + 1], b[c * 4 + 2], b[c * 4 + 3]);
      {element}2x3 p = m * n;
      for (int c = 0; c < 2; ++c) for (int r = 0; r < 3; ++r) out[c * 3 + r] = p[c][r];
      {element}3 mv = m * {element}4(v[0], v[1], v[2], v[3]);
      {element}4 wm = {element}3(w[0], w[1], w[2]) * m;
      for (int r = 0; r < 3; ++r) out[6 + r] = mv[r];
      for (int r = 0; r < 4; ++r) out[9 + r] = wm[r];
      {element}3x4 t = transpose(m + m * 2 - {element}4x3(1));
      for (int c = 0; c < 3; ++c) for (int r = 0; r < 4; ++r) out[13 + c * 4 + r] = t[c][r];
      {element}3x3 s({element}3(2, 1, 0), {element}3(0, 1, 3), {element}3(1, 0, 1));
      {element}4x4 d(1, 2, 0, 0, 0, 1, 0, 3, 2, 0, 1, 0, 0, 0, 1, 1);
      out[25] = determinant(s); out[26] = determinant(d); out[27] = determinant({element}2x2(1, 2, 3, 4));
      m *= 2; out[28] = m[1][2]; out[29] = m == m; out[30] = m != -m;
    """
    space = f"const device {element} *"
    run(text, a, b, v, w, out, parameters=f"{space}a, {space}b, {space}v, {space}w, device float *out")
    m, n = a.T.astype(np.float64), b.T.astype(np.float64)
    tripled = m * 3 - np.eye(3, 4)
    expected = [*(m @ n).T.ravel(), *(m @ v), *(w @ m), *tripled.ravel()]
    s = np.array([[2, 1, 0], [0, 1, 3], [1, 0, 1]], float)
    d = np.array([[1, 2, 0, 0], [0, 1, 0, 3], [2, 0, 1, 0], [0, 0, 1, 1]], float)
    expected += [np.linalg.det(s), np.linalg.det(d), -2, 2 * a[1][2], 1, 1]
    np.testing.assert_allclose(out[:31], expected, rtol=1e-5, atol=1e-5)


def test_packing():
    x = np.array([[0.0, 0.25, 1.0, 1.5], [-1.0, -0.3, 0.7, np.nan], [0.003, 0.5, 0.0031308, 0.1]], np.float32)
    words, back = np.zeros((3, 6), np.uint32), np.zeros((3, 6, 4), np.float32)
    names = ["unorm4x8", "snorm4x8", "srgb_unorm4x8", "unorm10a2", "unorm2x16", "snorm2x16"]
    lines = []
    for k, name in enumerate(names):
        two = name.endswith("2x16")
        lines.append(f"words[i * 6 + {k}] = pack_float_to_{name}(x[i]{'.xy' if two else ''});")
        value = f"unpack_{name}_to_float(words[i * 6 + {k}])"
        lines.append(f"back[i * 6 + {k}] = {f'float4({value}, 0, 0)' if two else value};")
    parameters = "const device float4 *x, device uint *words, device float4 *back"
    run("\n".join(lines), x, words, back, parameters=parameters, threads=3)
    clean = np.nan_to_num(x)
    unsigned, signed = np.clip(clean, 0, 1), np.clip(clean, -1, 1)
    gamma = np.where(unsigned <= 0.0031308, 12.92 * unsigned, 1.055 * unsigned ** (1 / 2.4) - 0.055)
    gamma[:, 3] = unsigned[:, 3]

    def packed(values: np.ndarray, bits: list[int], signed_most: int | None = None) -> np.ndarray:
        word = np.zeros(3, np.uint64)
        for component, (shift, width) in enumerate(zip(np.cumsum([0, *bits[:-1]]), bits, strict=True)):
            most = signed_most or 2**width - 1
            scaled = np.rint(values[:, component].astype(np.float32) * np.float32(most)).astype(np.int64)
            word |= (scaled & 2**width - 1).astype(np.uint64) << np.uint64(shift)
        return word.astype(np.uint32)

    np.testing.assert_array_equal(words[:, 0], packed(unsigned, [8] * 4))
    np.testing.assert_array_equal(words[:, 1], packed(signed, [8] * 4, 127))
    np.testing.assert_array_equal(words[:, 2], packed(gamma, [8] * 4))
    np.testing.assert_array_equal(words[:, 3], packed(unsigned, [10, 10, 10, 2]))
    np.testing.assert_array_equal(words[:, 4], packed(unsigned, [16, 16]))
    np.testing.assert_array_equal(words[:, 5], packed(signed, [16, 16], 32767))
    np.testing.assert_allclose(back[:, 0], unsigned, atol=0.51 / 255)
    np.testing.assert_allclose(back[:, 1], signed, atol=0.51 / 127)
    np.testing.assert_allclose(back[:, 2], unsigned, atol=0.006)
    np.testing.assert_allclose(back[:, 3, :3], unsigned[:, :3], atol=0.51 / 1023)
    np.testing.assert_allclose(back[:, 4, :2], unsigned[:, :2], atol=0.51 / 65535)
    np.testing.assert_allclose(back[:, 5, :2], signed[:, :2], atol=0.51 / 32767)


def test_built_in_values_of_simdgroups_and_quadgroups():
    """A grid of 100 threads in threadgroups of 48: the last one has 4."""
    names = {
        "threads_per_simdgroup": lambda i, size: 32,
        "thread_execution_width": lambda i, size: 32,
        "thread_index_in_simdgroup": lambda i, size: i % 48 % 32,
        "simdgroup_index_in_threadgroup": lambda i, size: i % 48 // 32,
        "simdgroups_per_threadgroup": lambda i, size: -(-size // 32),
        "dispatch_simdgroups_per_threadgroup": lambda i, size: 2,
        "thread_index_in_quadgroup": lambda i, size: i % 4,
        "quadgroup_index_in_threadgroup": lambda i, size: i % 48 // 4,
        "quadgroups_per_threadgroup": lambda i, size: size // 4,
        "dispatch_quadgroups_per_threadgroup": lambda i, size: 12,
        "threadgroups_per_grid": lambda i, size: 3,
        "grid_size": lambda i, size: 100,
        "grid_origin": lambda i, size: 0,
    }
    types = ("uint", "ushort")
    parameters = ", ".join(f"{types[k % 2]} p{k} [[{name}]]" for k, name in enumerate(names))
    body = "\n".join(f"out[{k * 100} + i] = p{k};" for k in range(len(names)))
    out = np.zeros((len(names), 100), np.uint32)
    text = f"{HEAD}kernel void k(device uint *out, {parameters}, ushort i [[thread_position_in_grid]]) {{\n{body}\n}}"
    Library(text, "reference")["k"].launch_threads([out], 100, 48)
    for row, (name, value) in zip(out, names.items(), strict=True):
        assert row.tolist() == [value(i, 48 if i < 96 else 4) for i in range(100)], name


CONSTANTS = """
constant bool flag [[function_constant(0)]];
constant int count [[function_constant(1)]];
constant float scale [[function_constant(2)]];
constant half small [[function_constant(3)]];
constant float3 place [[function_constant(4)]];
constant uchar byte [[function_constant(5)]];
constant bool has_count = is_function_constant_defined(count);
constant int counted = has_count ? count : -7;
kernel void k(device float *out [[buffer(0)]],
              device float *more [[buffer(1), function_constant(flag)]]) {
  out[0] = counted;
  out[1] = is_function_constant_defined(scale) ? scale : 0.5f;
  out[2] = is_function_constant_defined(small) ? float(small) : 0.25f;
  out[3] = is_function_constant_defined(place) ? place.y : -1.0f;
  out[4] = is_function_constant_defined(byte) ? byte : 0;
  if (is_function_constant_defined(flag) && flag) more[0] = 8;
}
"""


def test_function_constants_and_optional_arguments():
    out, more = np.zeros(5, np.float32), np.zeros(1, np.float32)
    given = {"flag": True, 1: np.int32(9), "scale": float("-inf"), 3: 1.5, 4: (1, 2.5, 3), 5: 200}
    Library(HEAD + CONSTANTS, "reference", given)["k"].launch([out, more], 1, 1)
    assert out.tolist() == [9, -np.inf, 1.5, 2.5, 200] and more[0] == 8
    Library(HEAD + CONSTANTS, "reference")["k"].launch([out], 1, 1)
    assert out.tolist() == [-7, 0.5, 0.25, -1, 0]


def test_flushing_of_denormals_is_asked_for():
    x, out = np.array([1e-40, 1e-38], np.float32), np.zeros(2, np.float32)
    for flush, expected in ((False, [np.float32(1e-40) * 2, np.float32(1e-38) / 8]), (True, [0, 0])):
        run(
            "out[i] = i ? x[1] / 8.0f : x[0] * 2.0f;",
            x,
            out,
            parameters="const device float *x, device float *out",
            threads=2,
            flush_denormals=flush,
        )
        np.testing.assert_array_equal(out, np.array(expected, np.float32))


def test_overloads_that_differ_by_address_space():
    text = """
    float first(const device float *p) { return p[0]; }
    float first(const threadgroup float *p) { return p[0]; }
    float first(const thread float *p) { return p[0]; }
    float first(constant float *p) { return p[0]; }
    struct Box {
      float v;
      float get() const thread { return v; }
      float get() const device { return v; }
      float get() const constant { return v; }
    };
    kernel void k(device float *x, constant Box &box, const device Box *boxes) {
      threadgroup float shared[1];
      float mine[1] = {3};
      shared[0] = 5;
      Box local = {7};
      x[1] = first(x) + first(shared) + first(mine) + box.get() + boxes[1].get() + local.get();
    }"""
    x = np.array([1, 0], np.float32)
    Library(HEAD + text, "reference")["k"].launch([x, np.array([10], np.float32), np.array([0, 100], np.float32)], 1, 1)
    assert x[1] == 1 + 5 + 3 + 10 + 100 + 7


def test_host_names():
    text = """
    template <typename T, int n> kernel void fill(device T *x, uint i [[thread_position_in_grid]]) { x[i] = T(n); }
    template [[host_name("fill_float")]] kernel void fill<float, 3>(device float *, uint);
    template [[host_name("fill_" "half")]] [[kernel]] decltype(fill<half, 4>) fill<half, 4>;
    [[host_name("renamed")]] kernel void plain(device int *x, uint i [[thread_position_in_grid]]) { x[i] = 5; }
    """
    library = Library(HEAD + text, "reference")
    for name, dtype, value in (("fill_float", np.float32, 3), ("fill_half", np.float16, 4), ("renamed", np.int32, 5)):
        out = np.zeros(4, dtype)
        library[name].launch_threads([out], 4, 4)
        assert out.tolist() == [value] * 4


def test_indices_of_buffers_may_be_macros():
    parameters = "device float *o [[buffer(OUT)]], device float *i [[buffer(IN)]]"
    text = f"#define OUT 1\n#define IN 0\n{HEAD}kernel void k({parameters})"
    first, second = np.ones(1, np.float32), np.zeros(1, np.float32)
    Library(text + " { o[0] = i[0] + 1; }", "reference")["k"].launch([first, second], 1, 1)
    assert (first[0], second[0]) == (1, 2)
    with pytest.raises(CompileError, match=r"buffer\(first\): an index is a number"):
        Library(
            f"{HEAD}constant constexpr int first = 1;\nkernel void k(device float *o [[buffer(first)]]) {{ o[0] = 1; }}"
        )


# A use of each thing that is out of scope, and the name the refusal must give.
REFUSALS = {
    "kernel void k(texture2d<float> t [[texture(0)]]) {}": "texture2d",
    "kernel void k(texture2d_array<half, access::write> t [[texture(0)]]) {}": "texture2d_array",
    "kernel void k(texture_buffer<uint> t [[texture(0)]]) {}": "texture_buffer",
    "kernel void k(depth2d<float> t [[texture(0)]]) {}": "depth2d",
    "constexpr sampler s(filter::linear);\nkernel void k(device float *o) { o[0] = 1; }": "sampler",
    "kernel void k(raytracing::instance_acceleration_structure a [[buffer(0)]]) {}": "raytracing",
    "kernel void k(device float *o) { metal::raytracing::intersector<> i; }": "raytracing",
    "kernel void k(tensor<device half, dextents<int, 2>> t [[buffer(0)]]) {}": "tensor",
    "kernel void k(device float *o) { cooperative_tensor<float> c; }": "cooperative_tensor",
    "struct P { half4 c; };\nkernel void k(imageblock<P> b) {}": "imageblock",
    "kernel void k(visible_function_table<float(float)> t [[buffer(0)]]) {}": "visible_function_table",
    "vertex float4 v(uint i [[vertex_id]]) { return float4(0); }": "vertex",
    "#include <MetalPerformancePrimitives/All.h>\nkernel void k() {}": "MetalPerformancePrimitives",
}


@pytest.mark.parametrize("text", list(REFUSALS), ids=list(REFUSALS.values()))
def test_what_is_out_of_scope_is_refused_by_name(text: str):
    with pytest.raises(CompileError, match=f"{REFUSALS[text]}'?: .*support"):
        Library(HEAD + text, "reference")


def test_names_of_the_users_own_are_not_refused():
    text = """
    struct tensor { float v; };
    template <typename T> struct imageblock { T v; };
    kernel void k(device float *o, uint mesh [[thread_position_in_grid]]) {
      tensor t = {1}; imageblock<float> b = {2}; int extents = 3; float sampler = 4;
      if (mesh < 1 && extents < 5) o[0] = t.v + b.v + sampler;
    }"""
    out = np.zeros(1, np.float32)
    Library(HEAD + text, "reference")["k"].launch([out], 1, 1)
    assert out[0] == 7
