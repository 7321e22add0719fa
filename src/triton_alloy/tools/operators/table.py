"""Every operator that is compared: its inputs, PyTorch's function, and the launch of our kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import triton

from triton_alloy.examples import matmul
from triton_alloy.tools.operators import elementwise, kernels

F = torch.nn.functional
TOP = 16
"""Elements of a row that `topk` takes."""

Tensors = Sequence[torch.Tensor]
Inputs = Callable[[int, int], Tensors]
Launch = Callable[[Tensors, Tensors, int], Any]


@dataclass(frozen=True)
class Operator:
    """inputs: (rows, columns) -> tensors; theirs: PyTorch's function of them; ours: (inputs, outputs, tile) launches
    our kernel; has_out: PyTorch's function takes `out`, so that neither side allocates.

    A tile is how many elements a program has, where the kernel leaves that to whoever launches it.
    """

    name: str
    kind: str
    inputs: Inputs
    theirs: Callable[..., Any]
    ours: Launch
    has_out: bool = True

    def functions(self, rows: int, columns: int, tile: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Ours and theirs, on the same tensors of so many rows and columns. Each returns its results as a tuple."""
        inputs = self.inputs(rows, columns)
        like = results(self.theirs(*inputs, **({"out": None} if self.has_out else {})))
        if not self.has_out:
            return lambda: self.allocated(inputs, like, tile), lambda: results(self.theirs(*inputs))
        outputs, out = [tuple(torch.empty_like(each) for each in like) for _ in range(2)]

        def ours() -> Tensors:
            self.ours(inputs, outputs, tile)
            return outputs

        kept = out[0] if len(out) == 1 else out
        return ours, lambda: results(self.theirs(*inputs, out=kept))

    def allocated(self, inputs: Tensors, like: Tensors, tile: int) -> Tensors:
        """Our results in new memory, as a library would return them."""
        outputs = tuple(torch.empty_like(each) for each in like)
        self.ours(inputs, outputs, tile)
        return outputs


def results(value: Any) -> Tensors:
    """What PyTorch returns as a tuple, be it one tensor or several."""
    return (value,) if isinstance(value, torch.Tensor) else tuple(value)


# ------------------------------------------------------------------------------------------------------------- inputs
_VALUES: dict[str, Callable[[int, int], torch.Tensor]] = {
    "n": torch.randn,
    "p": lambda rows, columns: torch.rand(rows, columns) + 0.1,
    "m": lambda rows, columns: torch.rand(rows, columns) < 0.5,
}


def _tensors(values: str) -> Inputs:
    return lambda rows, columns: tuple(_VALUES[letter](rows, columns) for letter in values)


def _with_rows(count: int) -> Inputs:
    """A matrix and `count` vectors of as many elements as a row has."""
    return lambda rows, columns: (torch.randn(rows, columns), *(torch.randn(columns) for _ in range(count)))


def _with_indices(rows: int, columns: int) -> Tensors:
    return torch.randn(rows, columns), torch.randint(columns, (rows, columns))


def _with_row_numbers(rows: int, columns: int) -> Tensors:
    return torch.randn(rows, columns), torch.randint(rows, (rows,))


def _matrices(rows: int, columns: int) -> Tensors:
    return torch.randn(rows, columns), torch.randn(columns, rows)


# ----------------------------------------------------------------------------------------------------------- launches
def _by_elements(kernel: Any) -> Launch:
    def launch(inputs: Tensors, outputs: Tensors, tile: int) -> None:
        n = inputs[0].numel()
        kernel[(triton.cdiv(n, tile),)](*inputs, *outputs, n, BLOCK=tile)

    return launch


def _by_rows(kernel: Any, **constants: int) -> Launch:
    """A program for each row, whatever the tile is."""

    def launch(inputs: Tensors, outputs: Tensors, tile: int) -> None:
        rows, columns = inputs[0].shape
        kernel[(rows,)](*inputs, *outputs, columns, BLOCK=triton.next_power_of_2(columns), **constants)

    return launch


def _sum_columns(inputs: Tensors, outputs: Tensors, tile: int) -> None:
    rows, columns = inputs[0].shape
    block = 64
    grid = (triton.cdiv(columns, block),)
    kernel: Any = kernels.sum_columns_kernel  # its call is Triton's own language to a type checker
    kernel[grid](*inputs, *outputs, rows, columns, ROWS=max(tile // block, 1), BLOCK=block)


def _transpose(inputs: Tensors, outputs: Tensors, tile: int) -> None:
    rows, columns = inputs[0].shape
    bits = tile.bit_length() - 1
    height, width = 1 << bits // 2, 1 << bits - bits // 2
    grid = (triton.cdiv(rows, height), triton.cdiv(columns, width))
    kernel: Any = kernels.transpose_kernel
    kernel[grid](*inputs, *outputs, rows, columns, ROWS=height, COLUMNS=width)


def _product(inputs: Tensors, outputs: Tensors, tile: int) -> None:
    matmul.matmul(inputs[0], inputs[1], output=outputs[0])


# -------------------------------------------------------------------------------------------------------------- table
def _over_rows(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return partial(function, dim=1, **options)


def _of_row(name: str, theirs: Callable[..., Any], kernel: Any, has_out: bool = True) -> Operator:
    return Operator(name, "reduction", _tensors("n"), theirs, _by_rows(kernel), has_out)


ELEMENTWISE = tuple(
    Operator(
        row.name,
        "elementwise",
        _tensors(row.values),
        row.theirs,
        lambda inputs, outputs, tile, row=row: _by_elements(elementwise.kernel(row))(inputs, outputs, tile),
        row.has_out,
    )
    for row in elementwise.ROWS
)
REDUCTIONS = (
    _of_row("sum", _over_rows(torch.sum), kernels.sum_kernel),
    _of_row("mean", _over_rows(torch.mean), kernels.mean_kernel),
    _of_row("amax", _over_rows(torch.amax), kernels.amax_kernel),
    _of_row("argmax", _over_rows(torch.argmax), kernels.argmax_kernel),
    _of_row("var", _over_rows(torch.var), kernels.var_kernel),
    _of_row("norm", _over_rows(torch.linalg.vector_norm), kernels.norm_kernel),
    _of_row("logsumexp", _over_rows(torch.logsumexp), kernels.logsumexp_kernel),
    _of_row("cumsum", _over_rows(torch.cumsum), kernels.cumsum_kernel),
    Operator("sum_columns", "reduction", _tensors("n"), partial(torch.sum, dim=0), _sum_columns),
)
NORMS = (
    Operator("softmax", "norm", _tensors("n"), _over_rows(torch.softmax), _by_rows(kernels.softmax_kernel)),
    Operator("log_softmax", "norm", _tensors("n"), _over_rows(torch.log_softmax), _by_rows(kernels.log_softmax_kernel)),
    Operator(
        "layer_norm",
        "norm",
        _with_rows(2),
        lambda x, weight, bias: F.layer_norm(x, x.shape[1:], weight, bias),
        _by_rows(kernels.layer_norm_kernel),
        has_out=False,
    ),
    Operator(
        "rms_norm",
        "norm",
        _with_rows(1),
        lambda x, weight: F.rms_norm(x, x.shape[1:], weight, 1e-5),
        _by_rows(kernels.rms_norm_kernel),
        has_out=False,
    ),
)
INDEXING = (
    Operator("add_bias", "index", _with_rows(1), torch.add, _by_rows(kernels.bias_kernel)),
    Operator(
        "gather",
        "index",
        _with_indices,
        lambda x, index, out: torch.gather(x, 1, index, out=out),
        _by_rows(kernels.gather_kernel),
    ),
    Operator(
        "index_select",
        "index",
        _with_row_numbers,
        lambda x, index, out: torch.index_select(x, 0, index, out=out),
        _by_rows(kernels.index_select_kernel),
    ),
    Operator("triu", "index", _tensors("n"), torch.triu, _by_rows(kernels.triu_kernel)),
    Operator("flip", "index", _tensors("n"), lambda x: x.flip(1), _by_rows(kernels.flip_kernel), has_out=False),
    Operator("transpose", "index", _tensors("n"), lambda x: x.t().contiguous(), _transpose, has_out=False),
)
SORTING = (
    Operator("sort", "sort", _tensors("n"), _over_rows(torch.sort), _by_rows(kernels.sort_kernel)),
    Operator(
        "topk",
        "sort",
        _tensors("n"),
        lambda x, out: torch.topk(x, TOP, 1, out=out),
        _by_rows(kernels.topk_kernel, COUNT=TOP),
    ),
)
PRODUCTS = (
    Operator("mm", "product", _matrices, torch.mm, _product),
    Operator("mv", "product", _with_rows(1), torch.mv, _by_rows(kernels.mv_kernel)),
)
OPERATORS = (*ELEMENTWISE, *REDUCTIONS, *NORMS, *INDEXING, *SORTING, *PRODUCTS)
BY_NAME = {operator.name: operator for operator in OPERATORS}
EMPTY = replace(BY_NAME["add"], name="empty", ours=_by_elements(kernels.empty_kernel))
"""A launch that does nothing, made as those of the operators are."""
