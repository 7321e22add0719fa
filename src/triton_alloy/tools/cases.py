"""The example kernels with inputs and references, for the demo and the tests: sizes are never multiples of a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add

Arrays = tuple[np.ndarray, ...]
TOLERANCE = {"float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}
"""Largest accepted error by dtype, relative to the largest magnitude of the exact result."""


@dataclass(frozen=True)
class Case:
    """One example on one set of shapes.

    inputs: (generator, dtype) -> arguments of `run` and of `reference`; run: the example's function, for NumPy arrays
    or PyTorch tensors; reference: the same in NumPy, in the dtype of its arguments; kernels: what `run` launches.
    """

    name: str
    shape: str
    kernels: tuple[Any, ...]
    inputs: Callable[[np.random.Generator, str], Arrays]
    run: Callable[..., Any]
    reference: Callable[..., Any]


def error(results: Any, exact: Any) -> float:
    """The largest error over all results, relative to the largest magnitude in the exact one; NaN if there is one."""
    if not isinstance(exact, tuple):
        results, exact = (results,), (exact,)
    pairs = zip(results, exact, strict=True)
    return float(np.max([np.abs(np.asarray(r, np.float64) - e).max() / np.abs(e).max() for r, e in pairs]))


def _normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator, str], Arrays]:
    def make(generator: np.random.Generator, dtype: str) -> Arrays:
        return tuple(generator.standard_normal(shape, dtype=np.float32).astype(dtype) for shape in shapes)

    return make


def _matmul_inputs(generator: np.random.Generator, dtype: str) -> Arrays:
    a, b = _normal((611, 449), (513, 449))(generator, dtype)
    return a, b.T


def _backward_inputs(generator: np.random.Generator, dtype: str) -> Arrays:
    dy, x, weight = _normal((1151, 781), (1151, 781), (781,))(generator, dtype)
    exact = x.astype(np.float64)
    mean, rstd = exact.mean(axis=1), 1 / np.sqrt(exact.var(axis=1) + 1e-5)
    return dy, x, weight, mean.astype(np.float32), rstd.astype(np.float32)


_HEADS = (2, 3, 391, 64)

CASES = (
    Case(
        "vector_add",
        "1,000,003",
        (vector_add.add_kernel,),
        _normal((1_000_003,), (1_000_003,)),
        vector_add.add,
        vector_add.reference,
    ),
    Case(
        "softmax",
        "1823 x 781",
        (softmax.softmax_kernel,),
        _normal((1823, 781)),
        softmax.softmax,
        softmax.reference,
    ),
    Case(
        "layer_norm",
        "1151 x 781",
        (layer_norm.layer_norm_forward_kernel,),
        _normal((1151, 781), (781,), (781,)),
        lambda x, weight, bias: layer_norm.layer_norm(x, weight, bias)[0],
        layer_norm.reference,
    ),
    Case(
        "layer_norm_backward",
        "1151 x 781",
        (layer_norm.layer_norm_backward_kernel, layer_norm.sum_rows_kernel),
        _backward_inputs,
        layer_norm.layer_norm_backward,
        lambda dy, x, weight, mean, rstd: layer_norm.reference_backward(dy, x, weight),
    ),
    Case(
        "matmul",
        "611 x 449 x 513",
        (matmul.matmul_kernel,),
        _matmul_inputs,
        lambda a, b: matmul.matmul(a, b, "leaky_relu"),
        lambda a, b: matmul.reference(a, b, "leaky_relu"),
    ),
    Case(
        "attention",
        "2 x 3 x 391 x 64",
        (attention.attention_kernel,),
        _normal(_HEADS, _HEADS, _HEADS),
        attention.attention,
        attention.reference,
    ),
    Case(
        "attention_causal",
        "2 x 3 x 391 x 64",
        (attention.attention_kernel,),
        _normal(_HEADS, _HEADS, _HEADS),
        lambda q, k, v: attention.attention(q, k, v, causal=True),
        lambda q, k, v: attention.reference(q, k, v, causal=True),
    ),
)
