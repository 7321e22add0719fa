"""Metal text as CUDA text: what is erased, what is shared, what an entry point is."""

from __future__ import annotations

import re

import pytest

from tests.simt import nvrtc
from tests.simt.rewrite import rewrite

needs_nvrtc = pytest.mark.skipif(nvrtc.library() is None, reason="no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
KERNEL = (
    HEAD
    + """struct numbers { int n; float factor; };
template <class T> T at(const device T *p, int i) { return p[i]; }
template <class T> T at(const threadgroup T *p, int i) { return p[i]; }
[[kernel, max_total_threads_per_threadgroup(64)]]
void scale(const device half *x [[buffer(0)]], device half *y [[buffer(1)]], constant numbers &scalars [[buffer(2)]],
           uint3 program [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
    threadgroup float scratch[32] __attribute__((aligned(16)));
    threadgroup float *place = scratch;
    place[lane] = float(at(x, lane + program.x * 32));
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[lane] = half(at(place, lane ^ 1) * scalars.factor);
}
"""
)


def test_address_spaces_are_erased_and_repeated_definitions_dropped():
    text = rewrite(KERNEL).text
    assert not re.search(r"\b(device|threadgroup|constant|thread)\b", text)
    assert text.count("T at(") == 1


def test_threadgroup_variables_are_shared_and_pointers_are_not():
    text = rewrite(KERNEL).text
    assert "__shared__ float scratch[32] __attribute__((aligned(16)));" in text
    assert text.count("__shared__") == 1


def test_an_entry_takes_the_buffers_and_computes_what_is_built_in():
    program = rewrite(KERNEL)
    assert program.entries == ("scale",)
    entry = program.text[program.text.index('extern "C"') :]
    assert "__launch_bounds__(64) scale(" in entry
    assert entry.count("__grid_constant__") == 3
    assert "built_in::threadgroup_position_in_grid()" in entry and "built_in::thread_index_in_simdgroup()" in entry


@pytest.mark.parametrize("contract, fused", [("fast", True), ("off", False)])
def test_contraction_follows_the_text(contract, fused):
    assert rewrite(KERNEL.replace(HEAD, f"{HEAD}#pragma METAL fp contract({contract})\n")).fused is fused


def test_unrolling_is_asked_for_in_the_words_of_cuda():
    loop = "#pragma clang loop unroll(full)\n    for (int i = 0; i < 4; ++i) y[i] = x[i];\n}"
    text = rewrite(KERNEL.removesuffix("}\n") + loop).text
    assert "#pragma unroll\n" in text and "clang" not in text


def test_unrolling_by_a_macro_is_asked_for_in_the_words_of_cuda():
    """As the vocabulary does."""
    macro = '#define UNROLL _Pragma("clang loop unroll(full)")\n'
    loop = "    UNROLL for (int i = 0; i < 4; ++i) y[i] = x[i];\n}"
    text = rewrite(KERNEL.replace(HEAD, HEAD + macro).removesuffix("}\n") + loop).text
    assert '#define UNROLL _Pragma("unroll")\n' in text and "clang" not in text


def test_products_by_pairs_of_rows():
    source = KERNEL.replace("    y[lane]", "    mma_8x8<2, 2, 2>(c, a, b);\n    y[lane]")
    assert "paired_mma_8x8<2, 2, 2>(c, a, b)" in rewrite(source, paired=True).text
    assert "paired" not in rewrite(source).text


def test_function_constants_and_templates():
    source = (
        HEAD
        + """constant bool doubles [[function_constant(3)]];
    template <class T, int N> [[kernel]] void copy(const device T *x [[buffer(0)]], device T *y [[buffer(1)]],
        uint i [[thread_index_in_threadgroup]]) { if (doubles) y[i] = x[i] * T(N); }
    template [[host_name("copy_half")]] [[kernel]] decltype(copy<half, 2>) copy<half, 2>;
    """
    )
    program = rewrite(source, {3: True})
    assert program.entries == ("copy_half",)
    assert "metal::text::copy<half, 2>" in program.text and "doubles = true" in program.text


@needs_nvrtc
@pytest.mark.parametrize("product", [nvrtc.EXACT, nvrtc.TENSOR, nvrtc.FOOTPRINT])
def test_the_text_compiles(product):
    compiled = nvrtc.compile_cuda(rewrite(KERNEL, paired=product == nvrtc.TENSOR), product)
    assert ".entry scale(" in compiled.ptx and ".func" not in compiled.ptx
    assert compiled.cubin.startswith(b"\x7fELF")


@needs_nvrtc
def test_what_a_text_overloads_does_not_hide_the_library():
    overload = "struct wide { float low, high; };\nwide fmax(wide a, wide b) { return a; }\n"
    text = KERNEL.replace("struct numbers", overload + "struct numbers").replace(
        "half(at(place, lane ^ 1)", "half(fmax(1.0f, 2.0f)"
    )
    assert nvrtc.compile_cuda(rewrite(text)).cubin


@needs_nvrtc
def test_a_text_that_does_not_compile_is_refused_with_its_line():
    with pytest.raises(nvrtc.CudaError, match=r'text\.cu\(\d+\): error: identifier "nothing" is undefined'):
        nvrtc.compile_cuda(rewrite(KERNEL.replace("lane ^ 1", "nothing")))
