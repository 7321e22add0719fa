"""Barriers, operations between lanes, divergence, matrices and atomics in reference mode, against NumPy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.support.simdgroups import DIVERGENCE, LANE, OPERATIONS, VALUES
from triton_alloy.msl_cpu import Kernel, Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def kernel(parameters: str, body: str, head: str = "") -> Kernel:
    text = f"{HEAD}{head}kernel void f({parameters}) {{\n{body}\n}}\n"
    return Library(text, "reference")["f"]


def test_geometry_in_three_dimensions():
    text = """
      uint x = ((t.z * n.y + t.y) * n.x + t.x);
      out[x] = l.x + 10 * l.y + 100 * l.z + 1000 * g.x + 10000 * g.y + 100000 * g.z;
      index[x] = local;
      size[x] = s.x * s.y * s.z + 1000 * d.x;
    """
    parameters = (
        "device uint *out [[buffer(0)]], device uint *index [[buffer(1)]], device uint *size [[buffer(2)]],"
        "uint3 t [[thread_position_in_grid]], uint3 n [[threads_per_grid]], uint3 l [[thread_position_in_threadgroup]],"
        "uint3 g [[threadgroup_position_in_grid]], uint local [[thread_index_in_threadgroup]],"
        "uint3 s [[threads_per_threadgroup]], ushort3 d [[dispatch_threads_per_threadgroup]]"
    )
    total, group = (5, 7, 3), (4, 3, 2)  # the last threadgroup of every dimension is cut off
    out, index, size = (np.zeros(total[::-1], np.uint32) for _ in range(3))
    kernel(parameters, text).launch_threads([out, index, size], total, group)
    z, y, x = np.indices(total[::-1])
    gx, gy, gz = x // 4, y // 3, z // 2
    sx, sy, sz = np.minimum(4, 5 - gx * 4), np.minimum(3, 7 - gy * 3), np.minimum(2, 3 - gz * 2)
    np.testing.assert_array_equal(out, x % 4 + 10 * (y % 3) + 100 * (z % 2) + 1000 * gx + 10000 * gy + 100000 * gz)
    np.testing.assert_array_equal(index, x % 4 + sx * (y % 3 + sy * (z % 2)))
    np.testing.assert_array_equal(size, sx * sy * sz + 4000)


@pytest.mark.parametrize("threads", [32, 40, 256, 1000, 1024])
def test_barrier_orders_threadgroup_memory(threads: int):
    body = """
      threadgroup uint a[1024];
      uint v = i;
      for (uint k = 0; k < 5; ++k) {
        a[l] = v;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        v = a[(l + 1 + k) % n] + k;
        threadgroup_barrier(mem_flags::mem_threadgroup);
      }
      out[i] = v;
    """
    parameters = (
        "device uint *out [[buffer(0)]], uint i [[thread_position_in_grid]],"
        "uint l [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]]"
    )
    out = np.zeros(3 * threads, np.uint32)
    kernel(parameters, body).launch([out], 3, threads)
    expected = np.arange(3 * threads).reshape(3, threads)
    for k in range(5):
        expected = np.roll(expected, -(1 + k), axis=1) + k
    np.testing.assert_array_equal(out, expected.ravel())


def test_operations_between_lanes():
    lines = "\n".join(f"  out[{k} * 64 + i] = {expression};" for k, (expression, _) in enumerate(OPERATIONS))
    out = np.zeros((len(OPERATIONS), 64), np.int32)
    function = kernel(
        f"const device int *x [[buffer(0)]], device int *out [[buffer(1)]], {LANE}", f"int v = x[i];\n{lines}"
    )
    function.launch([VALUES, out], 1, 64)
    for row, (expression, expected) in zip(out, OPERATIONS, strict=True):
        np.testing.assert_array_equal(row, np.asarray(expected).ravel(), err_msg=expression)


def test_float_reductions_drop_nan_in_min_and_max():
    x = np.linspace(-1, 1, 32, dtype=np.float32)
    x[5] = np.nan
    out = np.zeros((2, 32), np.float32)
    kernel(
        f"const device float *x [[buffer(0)]], device float *out [[buffer(1)]], {LANE}",
        "out[i] = simd_min(x[i]); out[32 + i] = simd_max(x[i]);",
    ).launch([x, out], 1, 32)
    assert (out[0] == -1).all() and (out[1] == 1).all()


@pytest.mark.parametrize("case", range(len(DIVERGENCE)))
@pytest.mark.parametrize("threads", [32, 128])
def test_divergent_lanes_meet_where_they_are(case: int, threads: int):
    body, expected = DIVERGENCE[case]
    out = np.zeros(threads, np.uint32)
    kernel(f"device uint *out [[buffer(0)]], {LANE}", body).launch([out], 1, threads)
    np.testing.assert_array_equal(out, np.tile(expected(np.arange(32)), threads // 32))


def test_early_return_before_a_barrier():
    body = """
      threadgroup uint a[128];
      a[i] = i;
      if (i >= 100) return;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      out[i] = a[127 - i];
    """
    out = np.zeros(128, np.uint32)
    kernel(f"device uint *out [[buffer(0)]], {LANE}", body).launch([out], 1, 128)
    np.testing.assert_array_equal(out[:100], 127 - np.arange(100))


def test_atomics():
    body = """
      atomic_fetch_add_explicit(&u[0], 1u, memory_order_relaxed);
      atomic_fetch_max_explicit(&u[1], i, memory_order_relaxed);
      atomic_fetch_min_explicit(&u[2], 5000u - i, memory_order_relaxed);
      atomic_fetch_xor_explicit(&u[3], i, memory_order_relaxed);
      atomic_fetch_add_explicit(f, 0.5f, memory_order_relaxed);
      atomic_max_explicit(w, (ulong)i << 40, memory_order_relaxed);
      uint old = atomic_load_explicit(&u[4], memory_order_relaxed);
      memory_order order = memory_order_relaxed;
      while (!atomic_compare_exchange_weak_explicit(&u[4], &old, old + 2, order, order)) {}
    """
    u, f, w = np.zeros(5, np.uint32), np.zeros(1, np.float32), np.zeros(1, np.uint64)
    u[2] = 9999
    parameters = (
        "device atomic_uint *u [[buffer(0)]], device atomic_float *f [[buffer(1)]],"
        "device atomic_ulong *w [[buffer(2)]],"
        "uint i [[thread_position_in_grid]]"
    )
    kernel(parameters, body).launch([u, f, w], 32, 128)
    count = 32 * 128
    assert u.tolist() == [count, count - 1, 5000 - count + 1, 0, 2 * count]
    assert f[0] == count / 2 and w[0] == (count - 1) << 40


MATRIX = """
  threadgroup T tile[64];
  simdgroup_matrix<T, 8, 8> a, b;
  simdgroup_float8x8 c = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  for (uint k = 0; k < K; k += 8) {
    simdgroup_load(a, A + k, K);
    simdgroup_load(b, B + k, K, ulong2(0, 0), true);
    simdgroup_store(b, tile, 8);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    simdgroup_load(b, tile, 8);
    simdgroup_multiply_accumulate(c, a, b, c);
    simdgroup_barrier(mem_flags::mem_threadgroup);
  }
  simdgroup_store(c, C, 8);
"""


@pytest.mark.parametrize("form", ["leader", "distributed"])
@pytest.mark.parametrize("element", ["float", "half", "bfloat"])
def test_simdgroup_matrix(form: str, element: str):
    """C = A B^T, through a tile; both forms of simdgroup_matrix."""
    rng, size = np.random.default_rng(3), 24
    a, b = (rng.integers(-8, 8, (8, size)).astype(np.float32) for _ in range(2))
    c = np.zeros((8, 8), np.float32)
    convert = {
        "float": lambda x: x,
        "half": lambda x: x.astype(np.float16),
        "bfloat": lambda x: (x.view(np.uint32) >> 16).astype(np.uint16),
    }[element]
    head = f"typedef {element} T;\nconstant uint K = {size};\n" + (
        "// thread_elements\n" if form == "distributed" else ""
    )
    parameters = "const device T *A [[buffer(0)]], const device T *B [[buffer(1)]], device float *C [[buffer(2)]]"
    kernel(parameters, MATRIX, head).launch([convert(a), convert(b), c], 1, 32)
    np.testing.assert_array_equal(c, a @ b.T)


def test_thread_elements_have_the_places_of_the_hardware():
    """Lane l holds (row, column) and (row, column + 1), as MLX's get_coord computes them."""
    body = """
      simdgroup_float8x8 m;
      simdgroup_load(m, x, 8);
      out[2 * lane] = m.thread_elements()[0];
      out[2 * lane + 1] = m.thread_elements().y;
    """
    out = np.zeros((32, 2), np.float32)
    kernel(f"const device float *x [[buffer(0)]], device float *out [[buffer(1)]], {LANE}", body).launch(
        [np.arange(64, dtype=np.float32), out], 1, 32
    )
    lane = np.arange(32)
    quad = lane // 4
    row, column = (quad & 4) + lane // 2 % 4, (quad & 2) * 2 + lane % 2 * 2
    np.testing.assert_array_equal(out, np.stack([row * 8 + column, row * 8 + column + 1], 1))


def test_dynamic_threadgroup_memory():
    body = "a[l] = x[i]; b[l] = 2 * x[i]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = a[31 - l] + b[l];"
    parameters = (
        "const device int *x [[buffer(0)]], device int *out [[buffer(1)]], threadgroup int *a [[threadgroup(0)]],"
        "threadgroup int *b [[threadgroup(1)]], uint i [[thread_position_in_grid]],"
        "uint l [[thread_position_in_threadgroup]]"
    )
    x, out = np.arange(64, dtype=np.int32), np.zeros(64, np.int32)
    kernel(parameters, body).launch([x, out], 2, 32, threadgroup_memory={0: 128, 1: 128})
    np.testing.assert_array_equal(out, x.reshape(2, 32)[:, ::-1].ravel() + 2 * x)


def test_struct_argument_and_constant_table():
    head = "struct S { int n; float a; half h; uchar c[3]; };\nconstant float table[3] = {1.0f, 2.0f, 4.0f};\n"
    body = "if (i < (uint)s.n) out[i] = s.a * table[i % 3] + float(s.h) + s.c[2];"

    class S(ctypes.Structure):
        _fields_ = [("n", ctypes.c_int), ("a", ctypes.c_float), ("h", ctypes.c_uint16), ("c", ctypes.c_uint8 * 3)]

    out = np.zeros(8, np.float32)
    value = S(6, 3.0, int(np.float16(0.5).view(np.uint16)), (1, 2, 3))
    kernel(
        "constant S &s [[buffer(1)]], device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]", body, head
    ).launch({0: out, 1: value}, 1, 8)
    np.testing.assert_array_equal(out, np.where(np.arange(8) < 6, np.array([3, 6, 12] * 3)[:8] + 3.5, 0))
