"""What the suites of libraries share: one configuration for each kernel, and the comparison with a reference.

Import this before a library, whose kernels are decorated when it is imported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from triton.runtime.autotuner import Autotuner

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 1.5e-2, torch.float16: 2.5e-3}
"""Of the errors' root mean square, in relation to the values'; the worst element may be WORST times as far off."""
WORST = 16
Tensors = Sequence[torch.Tensor]
Op = Callable[..., Any]


def use_first_configurations() -> None:
    """Give every autotuner its kernel's first configuration only: a search would compile dozens for each kernel."""
    initialise = Autotuner.__init__

    @functools.wraps(initialise)
    def with_first(
        self: Autotuner, fn: Any, arg_names: Any, configs: Sequence[Any], *rest: Any, **options: Any
    ) -> None:
        initialise(self, fn, arg_names, configs[:1], *rest, **options)

    Autotuner.__init__ = with_first


@dataclass(frozen=True)
class Case:
    """An op of a library and its reference: both take tensors of `shapes`, drawn from a normal distribution."""

    op: Op
    reference: Op
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    tolerance: float = 1.0  # times TOLERANCE of the type
    exact: torch.dtype = torch.float64  # what the reference computes in


def rows(cases: dict[str, Case]) -> pytest.MarkDecorator:
    """A test of every case at every type it has."""
    parameters = [
        pytest.param(case, dtype, id=f"{name} {str(dtype).removeprefix('torch.')}")
        for name, case in cases.items()
        for dtype in case.dtypes
    ]
    return pytest.mark.parametrize(("case", "dtype"), parameters)


def as_tuple(value: Any) -> tuple[torch.Tensor, ...]:
    """The tensors that an op returns, without what it has no value for."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(each for each in values if each is not None)


def gradients(outputs: Tensors, leaves: Tensors, seeds: Tensors) -> list[torch.Tensor]:
    """Of every leaf, for the gradients `seeds` of the outputs; 0 where no output depends on it."""
    pairs = [(out, seed.to(out.dtype)) for out, seed in zip(outputs, seeds, strict=True) if out.requires_grad]
    torch.autograd.backward([out for out, _ in pairs], [seed.clone() for _, seed in pairs])
    return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def assert_near(name: str, actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Errors within `tolerance` of what values usually are, and every one within WORST times that and its own value."""
    assert actual.shape == expected.shape, f"{name}: shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    actual, expected = actual.double(), expected.double()
    assert actual.isfinite().all() and expected.isfinite().all(), f"{name} is not finite"
    errors, usual = (actual - expected).abs(), expected.square().mean().sqrt()
    worst = int((errors - WORST * tolerance * (usual + expected.abs())).argmax())
    error, value, wanted = (float(tensor.flatten()[worst]) for tensor in (errors, actual, expected))
    ratio = float(errors.square().mean().sqrt() / (usual + 1e-7))
    assert ratio <= tolerance, f"{name}: errors are {ratio:.2g} of the values; element {worst}: {value}, not {wanted}"
    assert error <= WORST * tolerance * (usual + abs(wanted)) + 1e-7, (
        f"{name}: element {worst} is {value}, not {wanted}; usual {usual}"
    )


def check(case: Case, dtype: torch.dtype, backward: bool = True) -> None:
    """Outputs and gradients of `case.op` at `dtype` against the reference on the same numbers."""
    torch.manual_seed(0)
    inputs = [torch.randn(shape).to(dtype) for shape in case.shapes]
    results = []
    for op, kind in ((case.op, dtype), (case.reference, case.exact)):
        leaves = [tensor.to(kind).clone().requires_grad_() for tensor in inputs]
        outputs = as_tuple(op(*(leaf.clone() for leaf in leaves)))
        values = {f"output {i}": output.detach().clone() for i, output in enumerate(outputs)}
        if backward:
            seeds = seeds if results else [torch.randn_like(output) for output in outputs]  # noqa: F821
            values |= {f"gradient {i}": each for i, each in enumerate(gradients(outputs, leaves, seeds))}
        results.append(values)
    actual, expected = results
    assert actual.keys() == expected.keys()
    for name, got in actual.items():
        assert_near(name, got, expected[name], TOLERANCE[dtype] * case.tolerance)
