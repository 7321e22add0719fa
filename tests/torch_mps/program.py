"""One program of the census: a function, what it is called with, and how its results are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Function = Callable[..., Any]


@dataclass(frozen=True)
class Program:
    """function: of the tensors that `inputs` makes, on whatever device they are. trains: whether gradients for its
    floating-point inputs are compared too. tolerance: of an element's error, as a part of 1 + its size. calls: inputs
    of further calls, of other sizes. exact: whether the reference computes in float64. options: of torch.compile."""

    function: Function
    inputs: Callable[[], Sequence[Any]]
    trains: bool = False
    tolerance: float = 2e-5
    calls: Sequence[Callable[[], Sequence[Any]]] = ()
    exact: bool = True
    options: dict[str, Any] = field(default_factory=dict)


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Normally distributed."""
    generator = torch.Generator().manual_seed(seed + 31 * len(shape) + sum(shape))
    return torch.randn(*shape, generator=generator).to(dtype)


def integers(*shape: int, below: int, least: int = 0, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """Evenly distributed."""
    generator = torch.Generator().manual_seed(below)
    return torch.randint(least, below, shape, generator=generator, dtype=dtype)


def shuffled(count: int) -> torch.Tensor:
    """The numbers below `count`, each once."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(count))
