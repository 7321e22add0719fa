"""Reductions, norms, indexing, sorting and products as users write them in Triton: a program for each row or tile."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def empty_kernel(x_ptr, y_ptr, output_ptr, n, BLOCK: tl.constexpr):
    pass


@triton.jit
def _row(x_ptr, columns, BLOCK: tl.constexpr, other):
    i = tl.arange(0, BLOCK)
    return tl.load(x_ptr + tl.program_id(0) * columns + i, i < columns, other=other)


@triton.jit
def _store_row(y_ptr, y, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y_ptr + tl.program_id(0) * columns + i, y, i < columns)


@triton.jit
def sum_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    tl.store(y_ptr + tl.program_id(0), tl.sum(_row(x_ptr, columns, BLOCK, 0.0), axis=0))


@triton.jit
def mean_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    tl.store(y_ptr + tl.program_id(0), tl.sum(_row(x_ptr, columns, BLOCK, 0.0), axis=0) / columns)


@triton.jit
def amax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    tl.store(y_ptr + tl.program_id(0), tl.max(_row(x_ptr, columns, BLOCK, -float("inf")), axis=0))


@triton.jit
def argmax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    tl.store(y_ptr + tl.program_id(0), tl.argmax(_row(x_ptr, columns, BLOCK, -float("inf")), axis=0))


@triton.jit
def var_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, 0.0)
    centred = tl.where(tl.arange(0, BLOCK) < columns, x - tl.sum(x, axis=0) / columns, 0.0)
    tl.store(y_ptr + tl.program_id(0), tl.sum(centred * centred, axis=0) / (columns - 1))


@triton.jit
def norm_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, 0.0)
    tl.store(y_ptr + tl.program_id(0), tl.sqrt(tl.sum(x * x, axis=0)))


@triton.jit
def logsumexp_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, -float("inf"))
    largest = tl.max(x, axis=0)
    tl.store(y_ptr + tl.program_id(0), largest + tl.log(tl.sum(tl.exp(x - largest), axis=0)))


@triton.jit
def cumsum_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    _store_row(y_ptr, tl.cumsum(_row(x_ptr, columns, BLOCK, 0.0), axis=0), columns, BLOCK)


@triton.jit
def sum_columns_kernel(x_ptr, y_ptr, rows, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((ROWS, BLOCK), tl.float32)
    for first in range(0, rows, ROWS):
        i = first + tl.arange(0, ROWS)
        mask = (i < rows)[:, None] & (j < columns)[None, :]
        total += tl.load(x_ptr + i[:, None] * columns + j[None, :], mask, other=0.0)
    tl.store(y_ptr + j, tl.sum(total, axis=0), j < columns)


@triton.jit
def softmax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, -float("inf"))
    y = tl.exp(x - tl.max(x, axis=0))
    _store_row(y_ptr, y / tl.sum(y, axis=0), columns, BLOCK)


@triton.jit
def log_softmax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, -float("inf"))
    x -= tl.max(x, axis=0)
    _store_row(y_ptr, x - tl.log(tl.sum(tl.exp(x), axis=0)), columns, BLOCK)


@triton.jit
def layer_norm_kernel(x_ptr, weight_ptr, bias_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = _row(x_ptr, columns, BLOCK, 0.0)
    centred = tl.where(i < columns, x - tl.sum(x, axis=0) / columns, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, axis=0) / columns + 1e-5)
    weight, bias = tl.load(weight_ptr + i, i < columns), tl.load(bias_ptr + i, i < columns)
    _store_row(y_ptr, centred * scale * weight + bias, columns, BLOCK)


@triton.jit
def rms_norm_kernel(x_ptr, weight_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = _row(x_ptr, columns, BLOCK, 0.0)
    scale = tl.rsqrt(tl.sum(x * x, axis=0) / columns + 1e-5)
    _store_row(y_ptr, x * scale * tl.load(weight_ptr + i, i < columns), columns, BLOCK)


@triton.jit
def bias_kernel(x_ptr, bias_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    _store_row(y_ptr, _row(x_ptr, columns, BLOCK, 0.0) + tl.load(bias_ptr + i, i < columns), columns, BLOCK)


@triton.jit
def gather_kernel(x_ptr, index_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    row = tl.program_id(0) * columns
    index = tl.load(index_ptr + row + i, i < columns, other=0)
    tl.store(y_ptr + row + i, tl.load(x_ptr + row + index, i < columns), i < columns)


@triton.jit
def index_select_kernel(x_ptr, index_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    row = tl.load(index_ptr + tl.program_id(0))
    _store_row(y_ptr, tl.load(x_ptr + row * columns + i, i < columns), columns, BLOCK)


@triton.jit
def triu_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    x = _row(x_ptr, columns, BLOCK, 0.0)
    _store_row(y_ptr, tl.where(tl.arange(0, BLOCK) >= tl.program_id(0), x, 0.0), columns, BLOCK)


@triton.jit
def flip_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * columns + columns - 1 - i, i < columns)
    _store_row(y_ptr, x, columns, BLOCK)


@triton.jit
def transpose_kernel(x_ptr, y_ptr, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    mask = (i < rows)[:, None] & (j < columns)[None, :]
    x = tl.load(x_ptr + i[:, None] * columns + j[None, :], mask)
    tl.store(y_ptr + j[:, None] * rows + i[None, :], tl.trans(x), tl.trans(mask))


@triton.jit
def _keys(x_ptr, columns, BLOCK: tl.constexpr, other):
    """Integers in the order of a row's floats, with their columns: what sorts both."""
    bits = _row(x_ptr, columns, BLOCK, other).to(tl.int32, bitcast=True)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.to(tl.int64) << 32) | tl.arange(0, BLOCK).to(tl.int64)


@triton.jit
def _values(keys):
    ordered = (keys >> 32).to(tl.int32)
    return (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def sort_kernel(x_ptr, y_ptr, index_ptr, columns, BLOCK: tl.constexpr):
    keys = tl.sort(_keys(x_ptr, columns, BLOCK, float("inf")))
    _store_row(y_ptr, _values(keys), columns, BLOCK)
    _store_row(index_ptr, keys & 0xFFFFFFFF, columns, BLOCK)


@triton.jit
def topk_kernel(x_ptr, y_ptr, index_ptr, columns, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    keys = tl.topk(_keys(x_ptr, columns, BLOCK, -float("inf")), COUNT)
    i = tl.program_id(0) * COUNT + tl.arange(0, COUNT)
    tl.store(y_ptr + i, _values(keys))
    tl.store(index_ptr + i, keys & 0xFFFFFFFF)


@triton.jit
def mv_kernel(x_ptr, vector_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    products = _row(x_ptr, columns, BLOCK, 0.0) * tl.load(vector_ptr + i, i < columns, other=0.0)
    tl.store(y_ptr + tl.program_id(0), tl.sum(products, axis=0))
