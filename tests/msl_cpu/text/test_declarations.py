"""Where kernels may stand and what they declare: namespaces, templates, threadgroup memory."""

from __future__ import annotations

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library, compile_shader

NAMESPACES = """
#include <metal_stdlib>
using namespace metal;
kernel void f(device int *out) { out[0] = 1; }
namespace a {
struct Two { enum { value = 2 }; };
constant int offset = 40;
kernel void f(device int *out) { threadgroup int t; t = offset + Two::value; out[0] = t; }
namespace b::c {
template <class T> [[kernel]] void g(device int *out) { out[0] = 10 * T::value; }
template [[host_name("a_b_c_g")]] [[kernel]] decltype(g<Two>) g<Two>;
}
template <int n> kernel void h(device int *out) { out[0] = n; }
template kernel void h<5>(device int *);
}
using namespace a;
namespace {
kernel void hidden(device int *out) { out[0] = 6; }
}
template [[host_name("h7")]] [[kernel]] decltype(h<7>) h<7>;
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("f", 1), ("a::f", 42), ("a_b_c_g", 20), ("a::h<5>", 5), ("h7", 7), ("hidden", 6)]
)
def test_kernels_in_namespaces(name: str, expected: int):
    library, out = Library(NAMESPACES, "reference"), np.zeros(1, np.int32)
    library[name].launch([out], 1, 1)
    assert out[0] == expected
    assert set(library) == {"f", "a::f", "a_b_c_g", "a::h<5>", "h7", "hidden"}


MEMORY = """
#include <metal_stdlib>
using namespace metal;
kernel void none(device float *x) { x[0] = 1; }
kernel void select(device float *x) { threadgroup float y; y = 1; x[0] = metal::select(y, 2.0f, true); }
kernel void some(device float *x, uint i [[thread_position_in_threadgroup]]) {
  threadgroup float a[33], b;
  threadgroup half4 c[4];
  a[i] = x[i];
  b = c[0].x = 1;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[i] = a[31 - i] + b;
}
template <typename T, int n, typename = void, class... rest> [[kernel]] void generic(device float *x) {
  threadgroup T a[n];
  if (n > 100) { threadgroup uchar b[sizeof...(rest) + 1]; b[0] = 3; a[0] = b[0]; }
  x[0] = a[0];
}
template [[host_name("small")]] [[kernel]] decltype(generic<float, 8>) generic<float, 8>;
template [[host_name("large")]] [[kernel]] decltype(generic<int, 200, void, int, float>)
    generic<int, 200, void, int, float>;
"""
LENGTHS = {"none": 0, "select": 16, "some": 144 + 16 + 32, "small": 32 + 16, "large": 800 + 16}


@pytest.mark.parametrize("mode", ["reference", "sanitize"])
def test_static_threadgroup_memory_is_counted(mode: str):
    library = compile_shader(MEMORY, mode)
    assert {name: getattr(library, name).static_thread_group_memory_length for name in LENGTHS} == LENGTHS


def test_threadgroup_variables_have_one_place_each():
    """In loops and branches that some threads do not take, all threads mean the same memory."""
    body = """
      for (uint k = 0; k < 2000; ++k) {
        threadgroup uint next[64];
        next[i] = v;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        v = next[(i + 1) % 64];
        threadgroup_barrier(mem_flags::mem_threadgroup);
      }
      if (i < 7) { threadgroup uint some[8]; some[i] = i; v += some[i] * 0; }
      threadgroup uint all[64];
      all[i] = v;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      out[i] = all[63 - i];
    """
    head = "#include <metal_stdlib>\nusing namespace metal;\n"
    text = f"{head}kernel void f(device uint *out, uint i [[thread_index_in_threadgroup]]) {{ uint v = i; {body} }}"
    out = np.zeros(64, np.uint32)
    Library(text, "reference")["f"].launch([out], 1, 64)
    np.testing.assert_array_equal(out, (63 - np.arange(64) + 2000) % 64)


def test_declared_before_defined():
    """With an address space in its parameters a definition looks like its declaration; it is not dropped."""
    head = "#include <metal_stdlib>\nusing namespace metal;\n"
    text = head + (
        "template <class T> T twice(const device T *x);\nvoid put(device int *x, int v);\n"
        "kernel void f(device int *x);\n"
        "template <class T> T twice(const device T *x) { return 2 * *x; }\n"
        "template <class T> T twice(const threadgroup T *x) { return 2 * *x; }\n"
        "void put(device int *x, int v) { *x = v; }\n"
        "kernel void f(device int *x) { put(x, twice(x + 1)); }\n"
    )
    x = np.array([0, 21], np.int32)
    Library(text, "reference")["f"].launch([x], 1, 1)
    assert x[0] == 42
