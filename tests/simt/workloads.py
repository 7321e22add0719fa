"""The kernels that the instruments look at, with their sizes: what is printed on any machine and timed on a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add
from triton_alloy.kernel import Kernel

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Workload:
    """One launch of one kernel.

    kind: what it computes (speed.py); arrays: name -> (shape, dtype); scalars, constants: by name; timed: whether a GPU
    measures it. Sizes of a workload called "unaligned" are odd.
    """

    name: str
    kind: str
    kernel: Any
    arrays: Mapping[str, tuple[Shape, torch.dtype]]
    scalars: Mapping[str, int | float]
    constants: Mapping[str, Any]
    grid: Shape
    warps: int = 4
    timed: bool = True

    def arguments(self, arrays: Mapping[str, Any]) -> list[Any]:
        """`arrays` and the scalars in the order of the kernel's parameters."""
        values = {**arrays, **self.scalars}
        return [values[parameter.name] for parameter in self.kernel.params if not parameter.is_constexpr]

    def printed(self, family: str) -> Kernel:
        """What the compiler makes of it for a GPU family; pointers are multiples of 16."""
        return Kernel.from_json(self._compiled(family).asm["alloy"])

    def lowered(self, family: str) -> str:
        """The TTIR of it that the compiler is given for a GPU family."""
        return self._compiled(family).asm["ttir"]

    def _compiled(self, family: str) -> Any:
        from triton_alloy import config  # the rest of this file runs on a GPU machine without our compiler's needs

        arguments = self.arguments({name: dtype for name, (_, dtype) in self.arrays.items()})
        with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE="fast", ALLOY_RUNTIME="cpu"):
            return self.kernel.warmup(*arguments, **self.constants, grid=self.grid, num_warps=self.warps)

    @property
    def bytes(self) -> int:
        """Of all arrays: what must be moved at least."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.arrays.values())


def of_add(name: str, dtype: torch.dtype, n: int) -> Workload:
    arrays = dict.fromkeys(("x_ptr", "y_ptr", "output_ptr"), ((n,), dtype))
    grid = (-(-n // 1024),)
    return Workload(name, "add", vector_add.add_kernel, arrays, {"n_elements": n}, {"BLOCK_SIZE": 1024}, grid)


def of_softmax(name: str, dtype: torch.dtype, columns: int, block: int, warps: int, timed: bool = True) -> Workload:
    arrays = dict.fromkeys(("output_ptr", "input_ptr"), ((4096, columns), dtype))
    scalars = dict.fromkeys(("output_row_stride", "input_row_stride", "n_columns"), columns)
    constants = {"BLOCK_SIZE": block}
    return Workload(name, "softmax", softmax.softmax_kernel, arrays, scalars, constants, (4096,), warps, timed)


def of_layer_norm(name: str, dtype: torch.dtype, columns: int, block: int, warps: int, timed: bool = True) -> Workload:
    rows = 4096
    arrays = dict.fromkeys(("x_ptr", "y_ptr"), ((rows, columns), dtype))
    arrays |= dict.fromkeys(("weight_ptr", "bias_ptr"), ((columns,), dtype))
    arrays |= dict.fromkeys(("mean_ptr", "rstd_ptr"), ((rows,), torch.float32))
    scalars = {"row_stride": columns, "n_columns": columns, "eps": 1e-5}
    kernel = layer_norm.layer_norm_forward_kernel
    return Workload(name, "layer_norm", kernel, arrays, scalars, {"BLOCK_SIZE": block}, (rows,), warps, timed)


def of_layer_norm_backward(name: str, dtype: torch.dtype, columns: int) -> Workload:
    rows, programs = 4096, 528
    matrix, partial, per_row = ((rows, columns), dtype), ((programs, columns), torch.float32), ((rows,), torch.float32)
    arrays = {"dx_ptr": matrix, "dy_ptr": matrix, "partial_dw_ptr": partial, "partial_db_ptr": partial}
    arrays |= {"x_ptr": matrix, "weight_ptr": ((columns,), dtype), "mean_ptr": per_row, "rstd_ptr": per_row}
    scalars = {"row_stride": columns, "n_rows": rows, "n_columns": columns}
    kernel = layer_norm.layer_norm_backward_kernel
    return Workload(name, "layer_norm_backward", kernel, arrays, scalars, {"BLOCK_SIZE": 4096}, (programs,), 8)


def of_column_sums(name: str, dtype: torch.dtype, columns: int) -> Workload:
    arrays = {"x_ptr": ((4096, columns), dtype), "y_ptr": ((columns,), torch.float32)}
    scalars = {"n_rows": 4096, "n_columns": columns}
    constants = {"BLOCK_ROWS": 8, "BLOCK_COLUMNS": 128}
    grid = (-(-columns // 128),)
    return Workload(name, "column_sums", layer_norm.sum_rows_kernel, arrays, scalars, constants, grid)


def of_matmul(name: str, dtype: torch.dtype, size: int, block: int, warps: int, timed: bool = True) -> Workload:
    arrays = dict.fromkeys(("a_ptr", "b_ptr", "c_ptr"), ((size, size), dtype))
    scalars = dict.fromkeys(("M", "N", "K", "stride_am", "stride_bk", "stride_cm"), size)
    scalars |= dict.fromkeys(("stride_ak", "stride_bn", "stride_cn"), 1)
    constants = {"BLOCK_M": block, "BLOCK_N": block, "BLOCK_K": 32, "GROUP_M": 8, "ACTIVATION": ""}
    grid = ((-(-size // block)) ** 2,)
    return Workload(name, "matmul", matmul.matmul_kernel, arrays, scalars, constants, grid, warps, timed)


def of_attention(
    name: str,
    dtype: torch.dtype,
    size: int,
    causal: bool,
    batch: int = 2,
    heads: int = 16,
    keys: int = 2048,
    timed: bool = True,
) -> Workload:
    shape = (batch, heads, keys, size)
    arrays = {f"{operand}_ptr": (shape, dtype) for operand in ("q", "k", "v", "output")}
    scalars: dict[str, int | float] = {"scale": size**-0.5, "heads": heads, "n_queries": keys, "n_keys": keys}
    for operand, along in (("q", "m"), ("k", "n"), ("v", "n"), ("o", "m")):
        strides = (heads * keys * size, keys * size, size, 1)
        scalars |= {f"stride_{operand}{axis}": each for axis, each in zip(("b", "h", along, "d"), strides, strict=True)}
    constants = {"HEAD_SIZE": size, "BLOCK_D": size, "BLOCK_M": 64, "BLOCK_N": 32, "CAUSAL": causal}
    grid = (-(-keys // 64), batch * heads)
    return Workload(name, "attention", attention.attention_kernel, arrays, scalars, constants, grid, timed=timed)


def _workloads() -> Iterator[Workload]:
    for dtype, suffix in ((torch.float32, "f32"), (torch.float16, "f16")):
        for size, word in ((1 << 26, ""), ((1 << 26) - 1, "_unaligned")):
            yield of_add(f"add{word}_{suffix}", dtype, size)
        for columns, word in ((4096, ""), (4095, "_unaligned")):
            yield of_softmax(f"softmax{word}_{suffix}", dtype, columns, 4096, 4)
            yield of_layer_norm(f"layer_norm{word}_{suffix}", dtype, columns, 4096, 4)
            yield of_layer_norm_backward(f"layer_norm_backward{word}_{suffix}", dtype, columns)
            yield of_column_sums(f"column_sums{word}_{suffix}", dtype, 4 * columns)
        yield of_softmax(f"softmax_8warps_{suffix}", dtype, 4096, 4096, 8)
        yield of_layer_norm(f"layer_norm_8warps_{suffix}", dtype, 4096, 4096, 8)
        yield of_softmax(f"softmax_1024_{suffix}", dtype, 1024, 1024, 4, timed=False)
        yield of_layer_norm(f"layer_norm_1024_{suffix}", dtype, 1024, 1024, 4, timed=False)
        yield of_matmul(f"matmul_64x64x32_{suffix}", dtype, 4096, 64, 4)
        yield of_matmul(f"matmul_128x128x32_{suffix}", dtype, 4096, 128, 8)
        yield of_matmul(f"matmul_128x128x32_4warps_{suffix}", dtype, 4096, 128, 4, timed=False)
        yield of_matmul(f"matmul_unaligned_{suffix}", dtype, 4095, 64, 4)
        yield of_attention(f"attention_{suffix}", dtype, 64, causal=False)
        yield of_attention(f"attention_causal_{suffix}", dtype, 64, causal=True)
        yield of_attention(f"attention_128_{suffix}", dtype, 128, causal=False, timed=False)


WORKLOADS = tuple(_workloads())
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def named(patterns: Iterable[str]) -> list[Workload]:
    """The workloads whose name begins with one of the patterns; all where there is none."""
    starts = tuple(patterns)
    return [workload for workload in WORKLOADS if not starts or workload.name.startswith(starts)]
