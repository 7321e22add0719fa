"""compile_shader, metal_kernel, launchers, buffers and compilers: what callers of other libraries expect."""

from __future__ import annotations

import ctypes
import importlib.util

import numpy as np
import pytest

from triton_alloy.msl_cpu import LaunchError, Library, NoCompiler, compile_shader, metal_kernel
from triton_alloy.msl_cpu.compile import build
from triton_alloy.msl_cpu.sanitize import SanitizerError

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
torch = pytest.importorskip("torch")

SCALARS = (
    HEAD
    + """
kernel void f(device float *out [[buffer(0)]], constant float &a [[buffer(1)]], constant long &b [[buffer(2)]],
              constant int *c [[buffer(3)]], uint i [[thread_position_in_grid]]) { out[i] = a * i + b + c[0]; }
kernel void h(device float *out, constant half &a, constant int *b, constant float *c,
              uint i [[thread_position_in_grid]])
{ out[i] = float(a) + b[1] + c[i % 2]; }
kernel void g(constant ulong *addresses, uint i [[thread_position_in_grid]]) {
  device float *x = (device float *)addresses[0];
  device float *y = (device float *)addresses[1];
  y[i] = 2 * x[i];
}
[[max_total_threads_per_threadgroup(128)]] kernel void sizes(device uint2 *out, uint i [[thread_position_in_grid]],
  uint n [[threads_per_threadgroup]], uint g [[threadgroup_position_in_grid]]) { out[i] = uint2(n, g); }
kernel void grid(device int *out, uint2 p [[thread_position_in_grid]], uint2 n [[threads_per_grid]])
{ out[p.y * n.x + p.x] = p.x * 100 + p.y; }
"""
)


@pytest.fixture(scope="module")
def shader():
    return compile_shader(SCALARS)


def test_scalars_are_bound_as_torch_binds_them(shader):
    out = torch.zeros(7)
    shader.f(out, 0.5, 10, 3)  # float, int64, and an int64 read as an int
    assert torch.equal(out, 0.5 * torch.arange(7) + 13)
    shader.h(out, 1.5, [1, 2, 3], [0.25, 0.5], arg_casts={1: "fp16", 2: "int32"})
    assert out[:2].tolist() == [3.75, 4.0]
    shader.f(out, torch.tensor(0.5, dtype=torch.float64), torch.tensor(10), torch.tensor([3], dtype=torch.int32))
    assert torch.equal(out, 0.5 * torch.arange(7) + 13)


def test_lists_of_tensors_are_arrays_of_addresses(shader):
    x, y = torch.arange(5.0), torch.zeros(5)
    shader.g([x, y], threads=5)
    assert torch.equal(y, 2 * x)


def test_views_start_at_their_offset(shader):
    storage = torch.zeros(10)
    shader.f(storage[4:], 0.0, 1, 0, threads=2)
    assert storage.tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]


def test_threads_and_group_size(shader):
    out = torch.zeros(300, 2, dtype=torch.int32)
    shader.sizes(out, threads=300)
    assert out[0].tolist() == [128, 0] and out[299].tolist() == [44, 2]
    shader.sizes(out, threads=300, group_size=32)
    assert out[299].tolist() == [12, 9]
    grid = torch.zeros(3, 5, dtype=torch.int32)
    shader.grid(grid, threads=(5, 3), group_size=(4, 2))
    assert grid.tolist() == [[x * 100 + y for x in range(5)] for y in range(3)]


def test_attributes_and_errors(shader):
    assert {"f", "g", "h"} <= set(dir(shader))
    assert (shader.sizes.max_threads_per_threadgroup, shader.f.max_threads_per_threadgroup) == (128, 1024)
    assert shader.f.thread_execution_width == 32
    with pytest.raises(ValueError, match="Threadgroup size exceeds"):
        shader.sizes(torch.zeros(300, 2, dtype=torch.int32), threads=300, group_size=256)
    with pytest.raises(SyntaxError):
        compile_shader("kernel void f( {")
    with pytest.raises(ValueError, match="cast"):
        shader.f(torch.zeros(3), 1.0, 1, 1, arg_casts="float128")
    with pytest.raises(ValueError, match="empty list"):
        shader.g([], threads=1)


BODY = """
  uint elem = thread_position_in_grid.x;
  T tmp = inp[elem];
  out[elem] = metal::exp(tmp) * scale + inp_shape[0] + inp_strides[0] * N;
"""
EXPECTED = """template <typename T, int N>
[[kernel]] void NAME(
  const device float* inp [[buffer(0)]],
  const constant int* inp_shape [[buffer(1)]],
  const constant int64_t* inp_strides [[buffer(2)]],
  const constant float& scale [[buffer(3)]],
  device float* out [[buffer(4)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
%s
}

template [[host_name("NAME")]] [[kernel]] decltype(NAME<float, 3>) NAME<float, 3>;

"""


def test_metal_kernel_generates_the_text_of_mlx(capsys):
    kernel = metal_kernel("myexp", ["inp", "scale"], ["out"], BODY)
    x = np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32)
    (out,) = kernel(
        inputs=[x, 2.0],
        template=[("T", np.float32), ("N", 3)],
        grid=(x.size, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[x.shape],
        output_dtypes=[np.float32],
        verbose=True,
    )
    np.testing.assert_allclose(out, np.exp(x) * 2 + 4 + 16 * 3, rtol=1e-6)
    expected = EXPECTED.replace("NAME", "custom_kernel_myexp__float_3_float_floats_float") % BODY
    assert capsys.readouterr().out == f"Generated source code for `myexp`:\n```\n{expected}```\n"


@pytest.mark.skipif(importlib.util.find_spec("mlx") is None, reason="needs MLX")
def test_metal_kernel_takes_mlx_arrays():
    import mlx.core as mx

    kernel = metal_kernel("square", ["x"], ["out"], "uint i = thread_position_in_grid.x; out[i] = x[i] * x[i];")
    for dtype in (mx.float32, mx.float16, mx.bfloat16):
        x = mx.arange(10).astype(dtype)
        (out,) = kernel(
            inputs=[x], output_shapes=[(10,)], output_dtypes=[dtype], grid=(10, 1, 1), threadgroup=(32, 1, 1)
        )
        assert out.dtype == dtype and mx.array_equal(out, x * x)


@pytest.mark.skipif(importlib.util.find_spec("mlx") is None, reason="needs MLX")
def test_mlx_arrays_are_buffers():
    """Lazy, sliced and transposed ones, and a type that Python has no format for."""
    import mlx.core as mx

    text = (
        "kernel void add(const device {0} *x, device {0} *y, uint i [[thread_position_in_grid]]) {{ y[i] = x[i] + 1; }}"
    )
    for name, dtype in (("float", mx.float32), ("bfloat", mx.bfloat16)):
        kernel = Library(HEAD + text.format(name), "reference")["add"]
        x = mx.arange(8).astype(dtype)
        for view, count, expected in (
            (x * 2, 8, [1, 3, 5, 7, 9, 11, 13, 15]),
            (x[2:6], 4, [3, 4, 5, 6, 0, 0, 0, 0]),
            (x.reshape(2, 4).T, 8, [1, 2, 3, 4, 5, 6, 7, 8]),  # as the memory has them: a kernel sees no strides
        ):
            y = mx.zeros(8, dtype=dtype)
            mx.eval(y)
            kernel.launch([view, y], 1, count)
            assert y.astype(mx.float32).tolist() == expected
    with pytest.raises(LaunchError, match="read-only"):
        kernel.launch([x, memoryview(bytes(64))], 1, 8)


@pytest.mark.parametrize("kind", ["numpy", "torch", "mlx"])
@pytest.mark.parametrize("contiguous", [True, False])
def test_metal_kernel_takes_strided_inputs(kind: str, contiguous: bool):
    """Copied, or read in place through MLX's elem_to_loc."""
    array = {"numpy": lambda x: x, "torch": torch.from_numpy}
    if kind == "mlx":
        array["mlx"] = pytest.importorskip("mlx.core").array
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    x = array[kind](values).transpose(2, 0) if kind == "torch" else array[kind](values).transpose(2, 1, 0)
    place = "i" if contiguous else "elem_to_loc(i, x_shape, x_strides, x_ndim)"
    body = f"uint i = thread_position_in_grid.x; y[i] = x[{place}];"
    kernel = metal_kernel("copy", ["x"], ["y"], body, ensure_row_contiguous=contiguous)
    call = {"output_shapes": [(5, 4, 3)], "output_dtypes": [np.float32], "grid": (60, 1, 1), "threadgroup": (60, 1, 1)}
    np.testing.assert_array_equal(np.asarray(kernel(inputs=[x], **call)[0]), values.T)
    body = "uint3 p = thread_position_in_grid; uint i = p.x + 3 * (p.y + 4 * p.z);"
    body += f"y[i] = x[{'i' if contiguous else 'elem_to_loc(p, x_shape, x_strides, x_ndim)'}];"
    kernel = metal_kernel("copy3", ["x"], ["y"], body, ensure_row_contiguous=contiguous)
    call |= {"grid": (3, 4, 5), "threadgroup": (3, 4, 1)}
    np.testing.assert_array_equal(np.asarray(kernel(inputs=[x], **call)[0]), values.T)


def test_metal_kernel_with_torch_atomics_and_initial_values():
    source = "atomic_fetch_add_explicit(&out[x[thread_position_in_grid.x]], 1.0f, memory_order_relaxed);"
    kernel = metal_kernel("histogram", ["x"], ["out"], source, atomic_outputs=True)
    x = torch.randint(0, 8, (1000,), dtype=torch.int32)
    call = {"output_shapes": [(8,)], "output_dtypes": [torch.float32], "grid": (1000, 1, 1), "threadgroup": (128, 1, 1)}
    (out,) = kernel(inputs=[x], init_value=0.5, **call)
    assert torch.equal(out, torch.bincount(x, minlength=8) + 0.5)


def test_metal_kernel_makes_inputs_contiguous():
    kernel = metal_kernel("copy", ["x"], ["out"], "uint i = thread_position_in_grid.x; out[i] = x[i];")
    x = np.arange(12, dtype=np.float32).reshape(3, 4).T
    (out,) = kernel(
        inputs=[x], output_shapes=[(4, 3)], output_dtypes=["float32"], grid=(12, 1, 1), threadgroup=(32, 1, 1)
    )
    np.testing.assert_array_equal(out, x)


ADD = HEAD + (
    "kernel void add(const device float *x [[buffer(0)]], device float *out [[buffer(1)]], constant float &b"
    " [[buffer(2)]], uint i [[thread_position_in_grid]]) { out[i] = x[i] + b; }"
)


def test_kinds_of_buffers():
    kernel = Library(ADD)["add"]
    inputs = [
        np.arange(4, dtype=np.float32),
        torch.arange(4.0),
        np.arange(4, dtype=np.float32).tobytes(),
        (ctypes.c_float * 4)(0, 1, 2, 3),
        bytearray(np.arange(4, dtype=np.float32).tobytes()),
        memoryview(np.arange(4, dtype=np.float32)),
    ]
    for x in inputs:
        for out in (np.zeros(4, np.float32), torch.zeros(4), (ctypes.c_float * 4)(), bytearray(16)):
            kernel.launch([x, out, ctypes.c_float(1)], 1, 4)
            values = np.frombuffer(out, np.float32) if not hasattr(out, "shape") else np.asarray(out)
            np.testing.assert_array_equal(values, [1, 2, 3, 4])


def test_launcher():
    kernel = Library(ADD)["add"]
    x, out, b = np.arange(64, dtype=np.float32), np.zeros(64, np.float32), ctypes.c_float(1)
    launch = kernel.launcher(3, 32)
    launch((ctypes.c_void_p * 3)(x.ctypes.data, out.ctypes.data, ctypes.addressof(b)), 2)
    np.testing.assert_array_equal(out, x + 1)
    with pytest.raises(LaunchError, match="needs buffer 2"):
        kernel.launcher(2, 32)
    # From C: the same through the two addresses.
    out[:] = 0
    function = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_uint] * 3)(
        launch.function_address
    )
    pointers = (ctypes.c_void_p * 3)(x.ctypes.data, out.ctypes.data, ctypes.addressof(b))
    assert function(launch.plan_address, ctypes.addressof(pointers), 2, 1, 1) == 0
    np.testing.assert_array_equal(out, x + 1)


def test_function_constants():
    text = HEAD + (
        "constant int n [[function_constant(3)]];\nconstant bool twice [[function_constant(1)]];\n"
        "constant int m = is_function_constant_defined(n) ? n : 7;\n"
        "kernel void f(device int *x [[buffer(0)]], device int *y [[buffer(1), function_constant(twice)]])"
        "{ x[0] = m; if (twice) y[0] = 2 * m; }"
    )
    x, y = np.zeros(1, np.int32), np.zeros(1, np.int32)
    Library(text, function_constants={"twice": False})["f"].launch([x], 1, 1)
    assert x[0] == 7
    Library(text, function_constants={3: 11, 1: True})["f"].launch([x, y], 1, 1)
    assert (x[0], y[0]) == (11, 22)


def test_denormals_are_flushed_on_request():
    text = HEAD + "kernel void f(device float *x [[buffer(0)]]) { x[1] = x[0] * 0.5f; }"
    x = np.array([2.0**-126, 1], np.float32)
    Library(text)["f"].launch([x], 1, 1)
    assert x[1] == 2.0**-127
    Library(text, flush_denormals=True)["f"].launch([x], 1, 1)
    assert x[1] == 0 and np.float32(2.0**-126) * np.float32(0.5) == 2.0**-127


def test_bfloat_rounds_after_every_operation():
    text = HEAD + (
        "#pragma METAL fp contract(off)\n"
        "kernel void f(const device bfloat *a [[buffer(0)]], const device bfloat *b [[buffer(1)]],"
        "device bfloat *out [[buffer(2)]], uint i [[thread_position_in_grid]])"
        "{ out[i] = a[i] * b[i] - a[i] / b[i]; }"
    )
    a, b = (torch.randn(4096).bfloat16() for _ in range(2))
    out = torch.zeros_like(a)
    Library(text)["f"].launch([a, b, out], 64, 64)
    assert torch.equal(out, a * b - a / b)


FAST = (
    HEAD
    + """
// vocabulary: begin
typedef uint u32;
typedef float f32;
// vocabulary: end
kernel void f(const device float *x [[buffer(0)]], device float *out [[buffer(1)]],
              uint3 program_id [[threadgroup_position_in_grid]], uint3 program_count [[threadgroups_per_grid]],
              u32 lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup uchar arena[4096] __attribute__((aligned(16)));
  threadgroup float *sums = (threadgroup float *)(arena + 128);
  uint start = (program_id.y * program_count.x + program_id.x) * SIMDGROUPS * 32;
  f32 v = load(x, u32(start + simdgroup * 32) + lane);
  for (uint k = 0; k < 3; ++k) {
    sums[simdgroup] = reduce_add(v);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float total = 0;
    for (uint s = 0; s < SIMDGROUPS; ++s) total += sums[s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    v = v + total;
  }
  store(out, u32(start + simdgroup * 32) + lane, v);
}
"""
)


@pytest.mark.parametrize("simdgroups", [1, 2, 5, 32])
def test_simdgroups_of_fast_mode_meet_at_barriers(simdgroups: int):
    kernel = Library(FAST.replace("SIMDGROUPS", str(simdgroups)), "fast")["f"]
    x = np.random.default_rng(0).integers(-3, 4, (6, simdgroups * 32)).astype(np.float32)
    out = np.zeros_like(x)
    kernel.launch([x, out], (3, 2), simdgroups * 32)
    expected = x
    for _ in range(3):
        expected = expected + expected.sum(1, keepdims=True)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_fast_mode_refuses_incomplete_simdgroups():
    kernel = Library(FAST.replace("SIMDGROUPS", "1"), "fast")["f"]
    with pytest.raises(LaunchError, match="whole simdgroups"):
        kernel.launch([np.zeros(64, np.float32)] * 2, 1, 40)


def test_another_compiler_from_a_wheel(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("MSL_CPU_CXX", "zig")
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(tmp_path))
    x, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    Library(ADD + "\n// compiled by zig\n")["add"].launch([x, out, ctypes.c_float(2)], 2, 32)
    np.testing.assert_array_equal(out, x + 2)
    fast = Library(FAST.replace("SIMDGROUPS", "1"), "fast")["f"]
    fast.launch([x, out], 2, 32)
    expected = x.reshape(2, 32)
    for _ in range(3):
        expected = expected + expected.sum(1, keepdims=True)
    np.testing.assert_array_equal(out, expected.ravel())
    body = "threadgroup float a[32]; a[i] = x[i]; x[i] = a[31 - i];"
    race = Library(
        HEAD + f"kernel void f(device float *x, uint i [[thread_position_in_grid]]) {{ {body} }}", "sanitize"
    )
    with pytest.raises(SanitizerError, match="race"):
        race["f"].launch([x], 1, 32)


def test_the_order_in_which_compilers_are_looked_for(monkeypatch, tmp_path):
    """clang++ that is new enough, the wheel, g++; what is too old is passed over."""
    found = {"clang++": 18, "clang++-17": 17, "g++": 12}

    def version(command: tuple[str, ...]) -> tuple[str, int]:
        name = command[0].rpartition("/")[2]
        return ("gcc" if name == "g++" else "clang"), found[name]

    monkeypatch.delenv("MSL_CPU_CXX", raising=False)
    monkeypatch.setattr(build.shutil, "which", lambda name: f"{tmp_path}/{name}" if name in found else None)
    monkeypatch.setattr(build, "_version", version)
    monkeypatch.setattr(build, "program_identity", str)
    monkeypatch.setattr(build, "_zig", lambda: f"{tmp_path}/zig" if "zig" in found else None)

    def first() -> str:
        build._find.cache_clear()
        return build.find_compiler().command[0].rpartition("/")[2]

    try:
        assert first() == "clang++"
        found["clang++"] = 16
        assert first() == "clang++-17"
        del found["clang++-17"]
        found["zig"] = 0
        assert first() == "zig"
        del found["zig"]
        with pytest.warns(UserWarning, match="only g\\+\\+"):
            assert first() == "g++"
        found["g++"] = 11
        with pytest.raises(NoCompiler, match="pip install ziglang"):
            first()
    finally:
        build._find.cache_clear()
