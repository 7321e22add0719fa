"""Triton's language tests that cannot pass, each with the reason and with the text that its failure must show.

The tests are those of March 2026, Triton is 3.9. The list is checked both ways: a test that fails must be here and fail
with this text, and a test that is here must fail (judgement.py).
"""

from __future__ import annotations

from tests.upstream.judgement import Expected

NO_FLOAT64 = "Metal has no 64-bit floating point; nothing is narrowed in silence"
FLOAT64_ERROR = "Metal has no 64-bit floating point"
NO_TTGIR = "reads Triton's GPU dialect or LLVM's, which this compiler does not make"
BLOCK_POINTERS = "Triton 3.9 has no block pointers"
NOT_TOGETHER = "Metal does not promise that all programs of a launch run at the same time"
ON_CPU = "expects that a kernel refuses tensors of the CPU, which is our device"
ALL_FLOAT8 = "expects that a device that is neither CUDA nor HIP refuses most 8-bit floats; this one has them all"
CUDA_ONLY = "written for a CUDA device"
SUMS = "compares sums that nearly cancel, which PyTorch adds in an order that depends on the processor"
CHANGED = "Triton 3.9 behaves otherwise than the Triton of these tests"

INTEGER, WIDE_INTEGER, FLOAT = r"u?int\d+", r"u?int(?:32|64)", r"b?float(?:16|32)"
BINARY_TO_FLOAT64 = "|".join(
    [
        r".*float64.*",
        rf"1-{INTEGER}-{FLOAT}-.",  # NumPy gives float64 for an array of integers and a Python float
        rf"1-(?:float32|bfloat16)-{WIDE_INTEGER}-[-+*]",
        rf"1-float32-{WIDE_INTEGER}-[/%]",
        r"1-(int|uint)\d+-\1\d+-/",
    ]
)
CANCEL = "64-64-64-False-False-False-e4m3-e4m3-4-16-1|64-64-128-False-False-True-e4m3-fp16-4-16-1"

EXPECTED: list[Expected] = [
    Expected(NO_FLOAT64, FLOAT64_ERROR, rf"test_core\.py::test_bin_op\[(?:{BINARY_TO_FLOAT64})\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_core\.py::(?!test_bin_op|test_bitwise_op)\w+\[.*(?:float64|fp64).*\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_core\.py::(?:test_floordiv|test_libdevice_rint)\[.*\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_core\.py::test_constexpr\[1e\+50-f64\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_core\.py::test_bin_op_constexpr\[True-True-[-+*/%]\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_core\.py::test_dot\[.*chain-dot-ieee-float8e\w+-float32-1-None\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_annotations\.py::test_float_annotation\[dtype1[2-5]-.*\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_libdevice\.py::.*\[.*float64\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_standard\.py::.*\[.*float64.*\]"),
    Expected(NO_FLOAT64, FLOAT64_ERROR, r"test_subprocess\.py::.*\[.*float64.*\]"),
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
