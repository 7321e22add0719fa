"""Runs one program of the census: compiled on a device, beside PyTorch's own kernels on the CPU."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

import torch

from . import features, forward, networks
from .compare_configurations import comparing
from .program import Program

GROUPS: dict[str, dict[str, Program]] = {
    "pointwise": forward.POINTWISE,
    "reductions": forward.REDUCTIONS,
    "scans and sorts": forward.SCANS_AND_SORTS,
    "indices": forward.INDICES,
    "views and mutation": forward.VIEWS_AND_MUTATION,
    "changing sizes": forward.DYNAMIC,
    "norms": networks.NORMS,
    "activations": networks.ACTIVATIONS,
    "losses": networks.LOSSES,
    "products": networks.PRODUCTS,
    "convolutions": networks.CONVOLUTIONS,
    "embeddings": networks.EMBEDDINGS,
    "attention": networks.ATTENTION,
}
FEATURES = "features"
NAMES = {name: group for group, programs in GROUPS.items() for name in programs} | dict.fromkeys(
    features.CHECKS, FEATURES
)


@dataclass(frozen=True)
class Outcome:
    """error: the largest; allowed: how large it may be; seconds: of the first call, compilation included; kernels:
    written in Triton; tuned, configurations: kernels that Inductor tuned, and what it compared; failure: a sentence, ""
    where the program is right."""

    name: str
    group: str
    error: float
    allowed: float
    seconds: float
    kernels: int
    tuned: int
    configurations: int
    failure: str

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def run(name: str, device: str) -> Outcome:
    """Compile and judge a program."""
    from torch._inductor import config

    group, start = NAMES[name], time.perf_counter()
    torch._dynamo.reset()
    torch.manual_seed(0)
    failure, worst, allowed = "", float("nan"), 0.0
    with config.patch(emulate_precision_casts=True), comparing() as compared, _kernels() as kernels:
        try:
            if group == FEATURES:
                check, allowed = features.CHECKS[name]
                worst = check(device)
            else:
                program = GROUPS[group][name]
                allowed = program.tolerance
                worst = worst_error(program, device)
        except (RuntimeError, TypeError, ValueError, AssertionError, NotImplementedError, LookupError) as raised:
            failure = f"{type(raised).__name__}: {first_line(raised)}"
    if not failure and worst == float("inf"):
        failure = "whole numbers, shapes or types differ"
    elif not failure and not worst <= allowed:
        failure = f"an error of {worst:.2g}, where {allowed:.2g} is allowed"
    failure = "; ".join([*filter(None, [failure]), *compared.different[:2]])
    seconds = time.perf_counter() - start
    return Outcome(
        name, group, worst, allowed, seconds, len(kernels), compared.kernels, compared.configurations, failure
    )


@contextmanager
def _kernels() -> Iterator[set[str]]:
    """The texts of the kernels that Inductor hands to Triton meanwhile."""
    from torch._inductor.async_compile import AsyncCompile

    texts, compile_ = set(), AsyncCompile.triton

    def count(self: Any, kernel_name: str, source_code: str, *arguments: Any, **options: Any) -> Any:
        texts.add(source_code)
        return compile_(self, kernel_name, source_code, *arguments, **options)

    with mock.patch.object(AsyncCompile, "triton", count):
        yield texts


def first_line(raised: BaseException) -> str:
    """Of a message, with the names of files but not their folders."""
    lines = [line.strip() for line in str(raised).splitlines() if line.strip()]
    return re.sub(r"(?<!\w)/\S*/", "", lines[0])[:300] if lines else ""


def worst_error(program: Program, device: str) -> float:
    """Of all calls; infinite where shapes, types or whole numbers differ."""
    compiled = torch.compile(program.function, **program.options)
    errors = []
    for inputs in (program.inputs, *program.calls):
        wanted = results(program.function, [reference(each, program) for each in inputs()], program.trains)
        got = results(compiled, [moved(each, device) for each in inputs()], program.trains)
        if len(wanted) != len(got):
            raise AssertionError(f"{len(got)} results, PyTorch has {len(wanted)}")
        errors += [_error(each, other) for each, other in zip(got, wanted, strict=True)]
    return max(errors)


def reference(value: Any, program: Program) -> Any:
    """An input as PyTorch's kernels on the CPU take it, in float64 where the program may."""
    if program.exact and isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.double()
    return value.clone() if isinstance(value, torch.Tensor) else value


def moved(value: Any, device: str) -> Any:
    """An input on the device."""
    return value.to(device, copy=True) if isinstance(value, torch.Tensor) else value


def results(function: Any, inputs: Sequence[Any], trains: bool) -> list[torch.Tensor]:
    """All tensors that the function gives; then its inputs, which it may have changed, or their gradients."""
    floating = [each for each in inputs if isinstance(each, torch.Tensor) and each.is_floating_point()]
    if trains:
        for each in floating:
            each.requires_grad_()
    given = _tensors(function(*inputs))
    if not trains:
        return [*given, *floating]
    torch.autograd.backward(
        [each for each in given if each.requires_grad], [_cotangent(e) for e in given if e.requires_grad]
    )
    return [*(each.detach() for each in given), *(each.grad for each in floating if each.grad is not None)]


def _cotangent(value: torch.Tensor) -> torch.Tensor:
    """A gradient of the result that is different for every element, and the same on every device."""
    count = torch.arange(value.numel(), dtype=torch.float64).reshape(value.shape)
    return torch.cos(count).to(value.dtype).to(value.device)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for each in value for tensor in _tensors(each)]


def _error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    if got.shape != wanted.shape or got.is_floating_point() != wanted.is_floating_point():
        return float("inf")
    got, wanted = got.detach().cpu(), wanted.detach().cpu()
    if not wanted.is_floating_point():
        return 0.0 if torch.equal(got, wanted.to(got.dtype)) else float("inf")
    got, wanted = got.double(), wanted.double()
    same = (got == wanted) | (got.isnan() & wanted.isnan())
    error = torch.where(same, 0.0, (got - wanted).abs() / (1 + wanted.abs()))
    return float("inf") if error.isnan().any() else error.max().item() if error.numel() else 0.0
