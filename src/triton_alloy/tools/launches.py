"""Launches of the example kernels whose texts are looked at and timed: arguments, blocks and grids, in numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add
from triton_alloy.kernel import ELEMENT_BYTES

Shape = tuple[int, ...]
Arrays = dict[str, tuple[Shape, str]]
Scalars = dict[str, int | float]


@dataclass(frozen=True)
class Launch:
    """One launch of one kernel.

    kind: what it computes; arrays: name -> (shape, element in MLIR's spelling); scalars, constants: by name;
    operations: multiplications and additions of its matrix products.
    """

    name: str
    kind: str
    kernel: Any
    arrays: Mapping[str, tuple[Shape, str]]
    scalars: Mapping[str, int | float]
    constants: Mapping[str, Any]
    grid: Shape
    warps: int = field(default=4, kw_only=True)
    operations: int = field(default=0, kw_only=True)

    def arguments(self, arrays: Mapping[str, Any]) -> list[Any]:
        """`arrays` and the scalars in the order of the kernel's parameters."""
        values = {**arrays, **self.scalars}
        return [values[parameter.name] for parameter in self.kernel.params if not parameter.is_constexpr]

    @property
    def bytes(self) -> int:
        """Of all arrays: what must be moved at least."""
        return sum(math.prod(shape) * ELEMENT_BYTES[element] for shape, element in self.arrays.values())


def of_add(name: str, element: str, n: int) -> Launch:
    """A sum of two vectors."""
    arrays: Arrays = dict.fromkeys(("x_ptr", "y_ptr", "output_ptr"), ((n,), element))
    grid = (-(-n // 1024),)
    return Launch(name, "add", vector_add.add_kernel, arrays, {"n_elements": n}, {"BLOCK_SIZE": 1024}, grid)


def of_softmax(name: str, element: str, columns: int, block: int, warps: int, rows: int = 4096) -> Launch:
    """The softmax of every row of a matrix; block: a power of two that holds a row."""
    arrays: Arrays = dict.fromkeys(("output_ptr", "input_ptr"), ((rows, columns), element))
    scalars: Scalars = dict.fromkeys(("output_row_stride", "input_row_stride", "n_columns"), columns)
    constants = {"BLOCK_SIZE": block}
    return Launch(name, "softmax", softmax.softmax_kernel, arrays, scalars, constants, (rows,), warps=warps)


def of_layer_norm(name: str, element: str, columns: int, block: int, warps: int, rows: int = 4096) -> Launch:
    """Layer normalisation of every row of a matrix, forward; block: a power of two that holds a row."""
    arrays: Arrays = dict.fromkeys(("x_ptr", "y_ptr"), ((rows, columns), element))
    arrays |= dict.fromkeys(("weight_ptr", "bias_ptr"), ((columns,), element))
    arrays |= dict.fromkeys(("mean_ptr", "rstd_ptr"), ((rows,), "f32"))
    scalars = {"row_stride": columns, "n_columns": columns, "eps": 1e-5}
    kernel, constants = layer_norm.layer_norm_forward_kernel, {"BLOCK_SIZE": block}
    return Launch(name, "layer_norm", kernel, arrays, scalars, constants, (rows,), warps=warps)


def of_layer_norm_backward(name: str, element: str, columns: int) -> Launch:
    """Its backward pass, with partial sums for the weights."""
    rows, programs = 4096, 528
    matrix, partial, per_row = ((rows, columns), element), ((programs, columns), "f32"), ((rows,), "f32")
    arrays = {"dx_ptr": matrix, "dy_ptr": matrix, "partial_dw_ptr": partial, "partial_db_ptr": partial}
    arrays |= {"x_ptr": matrix, "weight_ptr": ((columns,), element), "mean_ptr": per_row, "rstd_ptr": per_row}
    scalars = {"row_stride": columns, "n_rows": rows, "n_columns": columns}
    kernel, constants = layer_norm.layer_norm_backward_kernel, {"BLOCK_SIZE": 4096}
    return Launch(name, "layer_norm_backward", kernel, arrays, scalars, constants, (programs,), warps=8)


def of_column_sums(name: str, element: str, columns: int, rows: int = 4096) -> Launch:
    """The sum of every column of a matrix."""
    arrays = {"x_ptr": ((rows, columns), element), "y_ptr": ((columns,), "f32")}
    scalars = {"n_rows": rows, "n_columns": columns}
    constants = {"BLOCK_ROWS": 8, "BLOCK_COLUMNS": 128}
    grid = (-(-columns // 128),)
    return Launch(name, "column_sums", layer_norm.sum_rows_kernel, arrays, scalars, constants, grid)


def of_matmul(name: str, element: str, size: int, block: int, warps: int, depth: int = 32) -> Launch:
    """A product of square matrices. block: rows and columns of a program; depth: of a block, along the sum."""
    arrays: Arrays = dict.fromkeys(("a_ptr", "b_ptr", "c_ptr"), ((size, size), element))
    scalars: Scalars = dict.fromkeys(("M", "N", "K", "stride_am", "stride_bk", "stride_cm"), size)
    scalars |= dict.fromkeys(("stride_ak", "stride_bn", "stride_cn"), 1)
    constants = {"BLOCK_M": block, "BLOCK_N": block, "BLOCK_K": depth, "GROUP_M": 8, "ACTIVATION": ""}
    grid = ((-(-size // block)) ** 2,)
    kernel, operations = matmul.matmul_kernel, 2 * size**3
    return Launch(name, "matmul", kernel, arrays, scalars, constants, grid, warps=warps, operations=operations)


def of_attention(
    name: str, element: str, size: int, causal: bool, batch: int = 2, heads: int = 16, keys: int = 2048
) -> Launch:
    """Flash attention. size: of a head. A causal one is counted as half of the operations."""
    shape = (batch, heads, keys, size)
    arrays = {f"{operand}_ptr": (shape, element) for operand in ("q", "k", "v", "output")}
    scalars: Scalars = {"scale": size**-0.5, "heads": heads, "n_queries": keys, "n_keys": keys}
    for operand, along in (("q", "m"), ("k", "n"), ("v", "n"), ("o", "m")):
        strides = (heads * keys * size, keys * size, size, 1)
        scalars |= {f"stride_{operand}{axis}": each for axis, each in zip(("b", "h", along, "d"), strides, strict=True)}
    constants = {"HEAD_SIZE": size, "BLOCK_D": size, "BLOCK_M": 64, "BLOCK_N": 32, "CAUSAL": causal}
    grid = (-(-keys // 64), batch * heads)
    kernel, operations = attention.attention_kernel, 4 * batch * heads * keys**2 * size // (1 + causal)
    return Launch(name, "attention", kernel, arrays, scalars, constants, grid, operations=operations)
