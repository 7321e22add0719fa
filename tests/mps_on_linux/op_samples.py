"""Runs the sample inputs of PyTorch's own operator tests on mps and on the CPU, forward and backward, and compares.

    python -m pip install expecttest                     # PyTorch's tests need it
    python -m triton_alloy.mps_on_linux -m tests.mps_on_linux.op_samples [first] [step]

first, step: which of the about 650 operators, all without. It takes ten minutes of a processor.
"""

from __future__ import annotations

import collections
import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

SAMPLES = 6
"""Of each operator at most."""
UNINITIALISED = ("empty", "new_empty")
"""Operators beginning so give memory as it is."""
REFUSALS = (
    "not currently implemented for the MPS",
    "MPS framework doesn't support float64",
    "mps_on_linux has no tensors of layout Sparse",
    "tensor_indices_or_sections to be on cpu",  # whatever the device is
)


def main(first: int = 0, step: int = 1) -> int:
    """Print how many operators are right, are refused, differ; 1 where any differs."""
    from torch.testing._internal.common_methods_invocations import op_db

    warnings.filterwarnings("ignore")
    outcomes: dict[str, set[str]] = collections.defaultdict(set)
    for operator in op_db[first::step]:
        name = f"{operator.name} {operator.variant_test_name}".strip()
        if torch.float32 in operator.dtypes and not operator.name.startswith(UNINITIALISED):
            for outcome in outcomes_of(operator):
                outcomes[outcome].add(name)
    for outcome, names in outcomes.items():
        print(f"{len(names)} operators: {outcome}" + ("" if outcome == "equal" else f": {', '.join(sorted(names))}"))
    return int(any(outcome.startswith("differs") for outcome in outcomes))


def outcomes_of(operator: Any) -> Iterator[str]:
    """What came of each sample of an operator."""
    samples = operator.sample_inputs("cpu", torch.float32, requires_grad=operator.supports_autograd)
    for sample in itertools.islice(samples, SAMPLES):
        values = (sample.input, sample.args, sample.kwargs)
        if any(isinstance(leaf, torch.Tensor) and leaf.layout != torch.strided for leaf in tree_leaves(values)):
            continue
        yield compare(operator, values)


def compare(operator: Any, values: Any) -> str:
    """ "equal", "refused ...", "differs ..." for one sample, or that the CPU itself has no result."""
    try:
        expected = results(operator, values, "cpu")
    except (AssertionError, RuntimeError):
        return "no result on the CPU (for another device, or for a view whose memory a copy lacks)"
    try:
        found = results(operator, values, "mps")
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4, equal_nan=True, check_stride=False)
    except (AssertionError, RuntimeError, TypeError) as error:
        known = [words for words in REFUSALS if words in str(error)]
        return f"refused: {known[0]}" if known else f"differs: {str(error).splitlines()[0]}"
    return "equal"


def results(operator: Any, values: Any, place: str) -> list[Any]:
    """What an operator gives on a device, and the gradients of its inputs, on the CPU."""

    def moved(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.detach().clone().to(place).requires_grad_(value.requires_grad)
        return place if value in ("cpu", torch.device("cpu")) else value

    torch.manual_seed(0)
    inputs, arguments, keywords = tree_map(moved, values)
    found = tree_leaves(operator(inputs, *arguments, **keywords))
    leaves = [leaf for leaf in tree_leaves((inputs, arguments, keywords)) if is_differentiable(leaf)]
    outputs = [output for output in found if is_differentiable(output)]
    gradients: list[Any] = []
    if leaves and outputs:
        sums = [torch.view_as_real(each).sum() if each.is_complex() else each.sum() for each in outputs]
        gradients = list(torch.autograd.grad(sums, leaves, allow_unused=True))
    return [each.detach().cpu() if isinstance(each, torch.Tensor) else each for each in (*found, *gradients)]


def is_differentiable(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
