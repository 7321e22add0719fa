"""Metal text as C++ for OpenCL: address spaces, kernels' heads, instances of templates, loops and vectors."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.agx import compilers
from tests.agx.rewrite import rewrite
from tests.simt.workloads import BY_NAME
from triton_alloy.msl_cpu.errors import CompileError

needs_clang = pytest.mark.skipif(shutil.which(compilers.CLANG) is None, reason=f"no {compilers.CLANG} here")
HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
KERNEL = (
    HEAD
    + """struct numbers { int n; float factor; };
template <class T> T at(const device T *p, int i) { return p[i]; }
template <class T> void put(thread T *p, const threadgroup T *q) { *p = *q; }
[[kernel, max_total_threads_per_threadgroup(64)]]
void scale(const device half *x [[buffer(0)]], device half *y [[buffer(1)]], constant numbers &scalars [[buffer(2)]],
           uint3 program [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
    threadgroup float scratch[32];
    float mine;
    scratch[lane] = float(at(x, lane + program.x * 32));
    threadgroup_barrier(mem_flags::mem_threadgroup);
    put(&mine, scratch + (lane ^ 1));
    y[lane] = half(mine * scalars.factor);
}
"""
)
TEMPLATE = (
    HEAD
    + """constant bool doubles [[function_constant(3)]];
namespace inner {
template <typename T, int N, typename S = float> [[kernel]] void copy(const device T *x [[buffer(0)]],
    device T *y [[buffer(1)]], threadgroup T *shared [[threadgroup(0)]], ushort i [[thread_index_in_threadgroup]]) {
    #pragma clang loop unroll(full)
    for (int j = 0; j < N; ++j) y[i * N + j] = T(S(x[i * N + j]) * (doubles ? 2 : 1));
}
template [[host_name("copy_half")]] [[kernel]] decltype(copy<half, 2>) copy<half, 2>;
}
"""
)


def words(text: str) -> str:
    return " ".join(text.split())


def test_address_spaces_get_the_names_of_opencl():
    text = words(rewrite(KERNEL).text)
    assert "T at(const __global T *p, int i)" in text
    assert "void put(__private T *p, const __local T *q)" in text
    assert "__local float scratch[32];" in text
    assert not re.search(r"\b(device|threadgroup|constant|thread)\b", text)


def test_a_kernel_takes_its_buffers_and_computes_what_is_built_in():
    program = rewrite(KERNEL)
    text = words(program.text)
    assert program.entries == ("scale",)
    assert "__attribute__((reqd_work_group_size(64, 1, 1))) __kernel void scale(" in text
    assert "(const __global half *x, __global half *y, __constant numbers *scalars_pointer)" in text
    assert "__constant numbers &scalars = *scalars_pointer;" in text
    assert "const uint3 program = built_in<uint3>::of(threadgroup_position_in_grid(metal_threads));" in text
    assert "const uint lane = built_in<uint>::of(thread_index_in_simdgroup(metal_threads));" in text


def test_threads_are_the_kernels_own_else_as_asked():
    assert "reqd_work_group_size(64, 1, 1)" in rewrite(KERNEL, threads=256).text
    without = KERNEL.replace("[[kernel, max_total_threads_per_threadgroup(64)]]", "[[kernel]]")
    assert "reqd_work_group_size(256, 1, 1)" in rewrite(without, threads=256).text


def test_an_instance_of_a_template_is_a_kernel_with_its_values():
    program = rewrite(TEMPLATE, {3: True})
    text = words(program.text)
    assert program.entries == ("copy_half",)
    assert "template" not in text
    assert "namespace inner { namespace of_copy_half { typedef half T;" in text
    assert "static constexpr const int N = 2;" in text and "typedef float S;" in text
    assert "__kernel void copy_half(const __global T *x, __global T *y, __local T *shared)" in text
    assert "doubles = true" in text and text.count("#pragma unroll") == 1


@pytest.mark.parametrize(
    "loop, is_unrolled",
    [
        ("for (int r = 0; r < 8; ++r)", True),
        ("for (uint k = 0; k < N; ++k)", True),
        ("for (short i = 0; i < kFragRows; i += 2)", True),
        ("for (int r = 0; r < 8; ++r) for (int q = 0; q < 2; ++q)", True),
        ("for (int k = 0; k < scalars.n; k += 32)", False),
        ("for (int k = 0; k < count; ++k)", False),
    ],
)
def test_loops_whose_count_is_known_are_unrolled(loop, is_unrolled):
    text = rewrite(f"{HEAD}void f() {{ {loop} g(k); }}\n").text
    assert text.count('_Pragma("unroll") for') == (loop.count("for") if is_unrolled else 0)


def test_unrolling_is_asked_for_once():
    macro = '#define UNROLL _Pragma("clang loop unroll(full)")\n'
    text = rewrite(
        f"{HEAD}{macro}void f() {{ UNROLL for (int r = 0; r < 8; ++r) UNROLL for (int q = 0; q < 2; ++q); }}"
    )
    assert '_Pragma("unroll")' not in text.text


def test_vectors_are_built_by_opencls_literals():
    text = words(rewrite(f"{HEAD}float4 f(float2 a) {{ return float4(a, float2(1)) + vec<float, 4>(a.x); }}\n").text)
    assert "(float4)(a, (float2)(1)) + (vec<float, 4>)(a.x)" in text


def test_constants_the_compiler_knows_are_in_no_memory():
    text = words(
        rewrite(f"{HEAD}static constant int n = 8;\nstruct S {{ static constexpr constant short m = 2; }};").text
    )
    assert "static constexpr const int n = 8;" in text and "static constexpr const short m = 2;" in text


@pytest.mark.parametrize("contract, fused", [("fast", True), ("off", False)])
def test_contraction_follows_the_text(contract, fused):
    assert rewrite(KERNEL.replace(HEAD, f"{HEAD}#pragma METAL fp contract({contract})\n")).fused is fused


def test_what_is_no_metal_is_refused():
    with pytest.raises(CompileError, match="textures are not supported"):
        rewrite(f"{HEAD}[[kernel]] void f(texture2d<float> t [[texture(0)]]) {{}}\n")


@needs_clang
@pytest.mark.parametrize("source", [KERNEL, TEMPLATE], ids=["kernel", "template"])
def test_the_text_compiles(source, tmp_path):
    assert compilers.assembly_of(rewrite(source, {3: True}), tmp_path).count("define dso_local spir_kernel") == 1


@needs_clang
@pytest.mark.parametrize("name", ["softmax_f32", "layer_norm_backward_f16", "matmul_64x64x32_f16", "attention_f32"])
def test_printed_texts_compile(name, tmp_path):
    printed = compilers.assembly_of(rewrite(BY_NAME[name].printed("apple7").source), tmp_path)
    assert ("nir_dpas_intel__h" in printed) == (name == "matmul_64x64x32_f16")
    assert ("nir_dpas_intel__f" in printed) == (name == "attention_f32")


@needs_clang
def test_every_function_of_the_header_compiles():
    text = '#include "metal.h"\n__kernel void k(__global float *x) { x[0] = metal::simd_sum(x[1]); }\n'
    command = [compilers.CLANG, *compilers.LANGUAGE, *compilers.OPTIONS, "-fsyntax-only", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
