"""MLX's hand-written kernels for what the workloads compute, as far as its macOS wheel has their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.mlx_headers import include_paths, instantiate, mlx_source

Constants = Mapping[int | str, bool]
_ELEMENTS = {"f32": "float", "f16": "half"}
_GEMM, _ATTENTION = (
    ("steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"),
    "steel/attn/kernels/steel_attention.h",
)
_NO_BATCH_WHOLE_BLOCKS: Constants = {10: False, 100: False, 110: False, 200: True, 201: True, 202: True}
_WHOLE_BLOCKS_NO_MASK: Constants = {200: True, 201: True, 300: False, 301: False, 302: False, 303: False}


@dataclass(frozen=True)
class MlxText:
    """A text that includes MLX's headers and instantiates one kernel; constants: by function_constant(n); threads: of
    the threadgroup that MLX launches it with."""

    source: str
    constants: Constants
    include_paths: tuple[str, ...]
    threads: int


def mlx_texts() -> dict[str, MlxText]:
    """By name. Raises RuntimeError where the wheel cannot be downloaded."""
    result = {}
    for suffix, element in _ELEMENTS.items():
        softmax = instantiate("softmax", "softmax_single_row", element, "float")
        gemm = instantiate("gemm", "gemm", element, 64, 64, 16, 2, 2, False, False, "float")
        attention = instantiate("attention", "attention", element, 32, 32, 64, 64, 4, 1, element, "float")
        attention_128 = instantiate("attention", "attention", element, 32, 16, 128, 128, 4, 1, element, "float")
        result |= {
            f"softmax_{suffix}": _text(("softmax.h",), softmax, {}, 256),
            f"matmul_64x64x16_{suffix}": _text(_GEMM, gemm, _NO_BATCH_WHOLE_BLOCKS, 128),
            f"attention_32x32_{suffix}": _text((_ATTENTION,), attention, _WHOLE_BLOCKS_NO_MASK, 128),
            f"attention_128_32x16_{suffix}": _text((_ATTENTION,), attention_128, _WHOLE_BLOCKS_NO_MASK, 128),
        }
    return result


def _text(headers: tuple[str, ...], instantiation: str, constants: Constants, threads: int) -> MlxText:
    return MlxText(mlx_source(headers, [instantiation]), constants, include_paths(), threads)
