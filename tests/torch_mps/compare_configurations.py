"""Looks, wherever Inductor compares configurations, that all of them compute the same.

Every configuration is run twice on copies of all arguments, before Inductor times them; whatever memory a kernel may
have written is compared with what the first configuration left there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch

TOLERANCE = 1e-3
"""Of an element, as a part of 1 + its size: configurations add in another order."""
HALF_TOLERANCE = 2e-2


@dataclass
class Compared:
    """What was seen. kernels: that have more than one configuration; configurations: of these; different: sentences."""

    kernels: int = 0
    configurations: int = 0
    different: list[str] = field(default_factory=list)


@contextmanager
def comparing() -> Iterator[Compared]:
    """Within it every kernel that is tuned is compared first."""
    from torch._inductor.runtime.triton_heuristics import CachingAutotuner

    compared, tune = Compared(), CachingAutotuner.benchmark_all_configs

    def compare_first(self: Any, *arguments: Any, **options: Any) -> Any:
        compared.kernels += 1
        compared.configurations += len(self.launchers)
        compared.different += differences(self, arguments, options)
        return tune(self, *arguments, **options)

    with mock.patch.object(CachingAutotuner, "benchmark_all_configs", compare_first):
        yield compared


def differences(tuner: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> list[str]:
    """A sentence for each configuration and argument whose memory differs from what the first configuration left."""
    first, found = None, []
    for launcher in [each for each in tuner.launchers for _ in range(2)]:
        copies = [copied(each) for each in arguments]
        launcher(*copies, **options, stream=0)
        left = [each.cpu() for each in copies if isinstance(each, torch.Tensor)]
        first = left if first is None else first
        found += [
            f"{tuner.fn.__name__}, tensor {i}: {launcher.config} differs from {tuner.launchers[0].config}"
            for i, (one, other) in enumerate(zip(first, left, strict=True))
            if not near(one, other)
        ]
    return found


def copied(value: Any) -> Any:
    """A tensor with a storage of its own, of the same size: a kernel may write beyond its view of it."""
    if not isinstance(value, torch.Tensor):
        return value
    count = value.untyped_storage().nbytes() // value.element_size()
    whole = torch.as_strided(value, (count,), (1,), 0).clone()
    return torch.as_strided(whole, value.size(), value.stride(), value.storage_offset())


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two results of one kernel are the same but for the order of sums."""
    if not one.dtype.is_floating_point:
        return torch.equal(one, other)
    tolerance = TOLERANCE if one.element_size() >= 4 else HALF_TOLERANCE
    return torch.allclose(one.double(), other.double(), rtol=tolerance, atol=tolerance, equal_nan=True)
