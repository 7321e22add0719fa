"""Triton's language tests that cannot pass, each with the reason and with the text that its failure must show.

The tests are those of March 2026, Triton is 3.9. The list is checked both ways: a test that fails must be here and fail
with this text, and a test that is here must fail (judgement.py).
"""

from __future__ import annotations

from tests.upstream.judgement import Expected

NO_BESSEL = "the vocabulary has no Bessel functions of doubles"
NO_TTGIR = "reads Triton's GPU dialect or LLVM's, which this compiler does not make"
BLOCK_POINTERS = "Triton 3.9 has no block pointers"
NOT_TOGETHER = "Metal does not promise that all programs of a launch run at the same time"
ON_CPU = "expects that a kernel refuses tensors of the CPU, which is our device"
ALL_FLOAT8 = "expects that a device that is neither CUDA nor HIP refuses most 8-bit floats; this one has them all"
CUDA_ONLY = "written for a CUDA device"
SUMS = "compares sums that nearly cancel, which PyTorch adds in an order that depends on the processor"
CHANGED = "Triton 3.9 behaves otherwise than the Triton of these tests"

CANCEL = "64-64-64-False-False-False-e4m3-e4m3-4-16-1|64-64-128-False-False-True-e4m3-fp16-4-16-1"

EXPECTED: list[Expected] = [
    Expected(NO_BESSEL, "has no counterpart for Metal", r"test_libdevice\.py::test_bessel\[.*float64\]"),
    Expected(NO_TTGIR, "Unknown key: 'ttgir'", r"test_core\.py::test_optimize_thread_locality\[.*\]"),
    Expected(NO_TTGIR, "Unknown key: 'ttgir'", r"test_core\.py::(?:test_assume|test_tl_range_fuse(?:_dependent)?)"),
    Expected(NO_TTGIR, "Unknown key: 'llir'", r"test_core\.py::(?:test_poison_return|test_disable_licm)"),
    Expected(NO_TTGIR, r"repro_prefix.*make_ttgir", r"test_reproducer\.py::test_triton_reproducer_path"),
    Expected(CUDA_ONLY, "not compiled with CUDA", r"test_core\.py::test_no_rematerialization_op"),
    Expected(CUDA_ONLY, "not compiled with CUDA", r"test_core\.py::test_pointer_arguments\[cuda\]"),
    Expected(CUDA_ONLY, "pin_memory=True requires a CUDA", r"test_core\.py::test_pointer_arguments\[cpu_pinned\]"),
    Expected(
        *(CUDA_ONLY, "not compiled with CUDA"),
        r"test_matmul\.py::test_preshuffle_scale_mxfp_cdna4\[(?:True|False)-\d+-\w+-mxfp4-.*\]",
    ),
    Expected(NOT_TOGETHER, "launch_cooperative_grid", r"test_core\.py::test_load_scope_sem_coop_grid_cta_one"),
    Expected(ON_CPU, "DID NOT RAISE ValueError", r"test_core\.py::test_pointer_arguments\[cpu\]"),
    Expected(ALL_FLOAT8, "DID NOT RAISE CompilationError", r"test_compile_errors\.py::test_fp8_support\[dtype[1-4]\]"),
    Expected(SUMS, "Mismatched elements: 1 / 4096", rf"test_core\.py::test_scaled_dot\[(?:{CANCEL})\]", may_pass=True),
    Expected(BLOCK_POINTERS, "Block pointers have been removed", r"test_block_pointer\.py::.*"),
    Expected(BLOCK_POINTERS, "Block pointers have been removed", r"test_core\.py::test_trans_reshape"),
    Expected(CHANGED, "too many indices for tensor of rank 0", r"test_core\.py::test_reduce\[.*-None-True\]"),
    Expected(CHANGED, "CompileTimeAssertionFailure", r"test_core\.py::test_constexpr_assignment\[literal2-None\]"),
    Expected(CHANGED, "The PTX does not match", r"test_compile_only\.py::test_compile_only_dot_mxfp"),
    Expected(CHANGED, "expected string not found in input", r"test_line_info\.py::test_line_and_column_numbers"),
    Expected(CHANGED, "expected string not found in input", r"test_line_info\.py::test_use_name_loc_as_prefix"),
]
