"""MLX's hand-written kernels for what the workloads compute, as far as its macOS wheel has their texts."""

from __future__ import annotations

from tests.simt.rewrite import CudaProgram, rewrite
from tests.support.mlx_headers import include_paths, instantiate, mlx_source

_ELEMENTS = {"f32": "float", "f16": "half"}
_GEMM, _ATTENTION = (
    ("steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"),
    "steel/attn/kernels/steel_attention.h",
)
_NO_BATCH_WHOLE_BLOCKS = {10: False, 100: False, 110: False, 200: True, 201: True, 202: True}
_WHOLE_BLOCKS_NO_MASK = {200: True, 201: True, 300: False, 301: False, 302: False, 303: False}


def mlx_programs() -> dict[str, CudaProgram]:
    """By name. Raises RuntimeError where the wheel cannot be downloaded."""
    result = {}
    for suffix, element in _ELEMENTS.items():
        softmax = instantiate("softmax", "softmax_single_row", element, "float")
        gemm = instantiate("gemm", "gemm", element, 64, 64, 16, 2, 2, False, False, "float")
        attention = instantiate("attention", "attention", element, 32, 32, 64, 64, 4, 1, element, "float")
        result |= {
            f"softmax_{suffix}": _program(("softmax.h",), softmax, {}),
            f"matmul_64x64x16_{suffix}": _program(_GEMM, gemm, _NO_BATCH_WHOLE_BLOCKS),
            f"attention_32x32_{suffix}": _program((_ATTENTION,), attention, _WHOLE_BLOCKS_NO_MASK),
        }
    return result


def _program(headers: tuple[str, ...], instantiation: str, constants: dict[int | str, bool]) -> CudaProgram:
    return rewrite(mlx_source(headers, [instantiation]), constants, include_paths())
