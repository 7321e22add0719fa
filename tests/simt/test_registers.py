"""Machine code of five texts has the arrays and access widths of docs/gpu_text.json, which `make registers` writes."""

from __future__ import annotations

import pytest

from tests.simt import llvm, nvrtc, registers
from tests.simt.rewrite import rewrite
from tests.simt.workloads import BY_NAME, WORKLOADS
from tests.support.recorded import as_json, page_with

GUARDED = ("add_f16", "softmax_f32", "layer_norm_backward_f16", "matmul_64x64x32_f32", "attention_f16")
RECORDED_WITH = (12, 6)

needs_nvrtc = pytest.mark.skipif(nvrtc.library() is None, reason="no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
KERNEL = """#include <metal_stdlib>
using namespace metal;
[[kernel, max_total_threads_per_threadgroup(32)]]
void k(const device %s *x [[buffer(0)]], device %s *y [[buffer(1)]], constant int &n [[buffer(2)]],
       uint lane [[thread_index_in_simdgroup]]) {
    %s
}
"""


@needs_nvrtc
@pytest.mark.parametrize("name", GUARDED)
def test_arrays_and_widths_are_the_recorded_ones(name):
    if nvrtc.version() != RECORDED_WITH:
        pytest.skip(f"recorded with NVRTC {RECORDED_WITH}, here is {nvrtc.version()}")
    report = registers.report_of(rewrite(BY_NAME[name].printed("apple9").source), capped=False)
    expected = registers.recorded()["apple9"][name]
    assert (report.loads, report.stores) == (expected.loads, expected.stores), "make registers records anew"
    assert report.array_bytes == expected.array_bytes, "make registers records anew"
    if llvm.is_there() and expected.llvm_arrays is not None:
        assert (report.llvm_arrays or 0) <= expected.llvm_arrays, "make registers records anew"


def test_the_record_has_every_workload():
    recorded = registers.recorded()
    assert {family: set(rows) for family, rows in recorded.items() if family in registers.FAMILIES} == {
        family: {workload.name for workload in WORKLOADS} for family in registers.FAMILIES
    }
    assert as_json(recorded) == registers.RESULTS.read_text()
    assert page_with(registers.PAGE, "registers", registers.markdown(recorded)) == registers.PAGE.read_text()


@needs_nvrtc
def test_an_array_with_an_index_that_varies_stays_in_memory():
    body = "float a[64]; for (int i = 0; i < 64; ++i) a[(i * n) & 63] = x[i]; y[lane] = a[lane] + a[n & 63];"
    report = registers.report_of(rewrite(KERNEL % ("float", "float", body)))
    assert report.array_bytes == 256
    assert report.llvm_arrays in (None, 1)


@needs_nvrtc
@pytest.mark.parametrize("element, n, width", [("float", 4, 16), ("half", 4, 8), ("bfloat", 2, 4), ("uint", 2, 8)])
def test_an_access_of_a_vector_is_one_access(element, n, width):
    vector = f"vec<{element}, {n}>"
    body = f"{vector} v = *(const device {vector} *)(x + {n} * lane); *(device {vector} *)(y + {n} * lane) = v;"
    report = registers.report_of(rewrite(KERNEL % (element, element, body)), with_llvm=False)
    assert (report.loads, report.stores) == ({width: 1}, {width: 1})


@needs_nvrtc
def test_too_many_live_registers_are_spilled():
    """200 numbers that nothing can be computed from again, and no more than 128 registers."""
    body = """float a[200];
    for (int i = 0; i < 200; ++i) a[i] = x[lane + 32 * i];
    threadgroup_barrier(mem_flags::mem_device);
    for (int i = 0; i < 200; ++i) y[lane + 32 * (199 - i)] = a[i];"""
    report = registers.report_of(
        rewrite(KERNEL % ("float", "float", body.replace("    for", "#pragma unroll\n    for")))
    )
    assert report.array_bytes == 0 and report.spilled == 0 and report.registers > 200
    assert report.capped[0] == 128 and report.capped[1] > 4 * 70


def test_widths_of_accesses_in_ptx():
    ptx = """
    ld.param.u64 %rd1, [k_param_0];
    @%p1 ld.global.nc.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
    ld.global.u16 %rs1, [%rd2];
    @!%p2 ld.volatile.global.u32 %r3, [%rd2];
    ld.v2.u64 {%rd5, %rd6}, [%rd4];
    ld.shared.f32 %f9, [%r1];
    st.global.v2.b32 [%rd2], {%r1, %r2};
    st.local.u32 [%rd2], %r1;"""
    assert registers.widths(ptx, "ld") == {16: 2, 4: 1, 2: 1}
    assert registers.widths(ptx, "st") == {8: 1}


def test_usage_from_the_log():
    log = "0 bytes stack frame, 264 bytes spill stores, 304 bytes spill loads\nptxas info : Used 128 registers"
    assert registers.usage(log) == (128, 264)
    with pytest.raises(ValueError, match="2 kernels"):
        registers.usage(log + log)
