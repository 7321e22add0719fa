"""What of torch.compile is no single function: users' kernels, control flow, optimisers, modes, random numbers.

Each check is called with the device's name and gives the largest error it has seen; random numbers are judged by what
they must be like, and give the distance from it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

from .program import integers, numbers

N = 1000


@triton.jit
def add_kernel(x, y, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


@triton.autotune([triton.Config({"B": size}) for size in (64, 256, 1024)], key=["n"], restore_value=["total"])
@triton.jit
def accumulate_kernel(x, total, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(total + i, tl.load(total + i, i < n) + tl.load(x + i, i < n), i < n)


def add(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`x + y` by a user's kernel."""
    out = torch.empty_like(x)
    add_kernel[(triton.cdiv(x.numel(), 256),)](x, y, out, x.numel(), B=256)
    return out


def accumulate(x: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """`total += x` by a user's kernel with three configurations, each of which must see the same `total`."""
    accumulate_kernel[lambda meta: (triton.cdiv(x.numel(), meta["B"]),)](x, total, x.numel())
    return total * 2


@triton_op("torch_mps_census::add", mutates_args={})
def add_op(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(x)
    wrap_triton(add_kernel)[(triton.cdiv(x.numel(), 256),)](x, y, out, x.numel(), 256)
    return out


def error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest, as a part of 1 + the size of what is wanted."""
    got, wanted = got.detach().cpu().double(), wanted.detach().cpu().double()
    return ((got - wanted).abs() / (1 + wanted.abs())).max().item()


def two(device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return numbers(N).to(device), numbers(N, seed=1).to(device)


def users_kernel(device: str) -> float:
    x, y = two(device)
    return error(torch.compile(lambda x, y: add(x * 2, y).relu())(x, y), (x * 2 + y).relu())


def users_autotuned_kernel(device: str) -> float:
    x, y = two(device)
    wanted = (x + y) * 2
    return max(error(torch.compile(accumulate)(x, y), wanted), error(y * 2, wanted))


def custom_operator(device: str) -> float:
    x, y = two(device)
    compiled = torch.compile(lambda x, y: add_op(x, y).sin())
    return max(error(add_op(x, y), x + y), error(compiled(x, y), (x + y).sin()))


def conditional(device: str) -> float:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))

    compiled = torch.compile(function)
    x = numbers(N).abs().to(device)
    return max(error(compiled(x), x.sin()), error(compiled(-x), x.cos()))


def graph_break(device: str) -> float:
    def function(x: torch.Tensor) -> torch.Tensor:
        x = x * 2
        if x.sum().item() > 0:
            return x.exp()
        return x + 1

    x = numbers(N).abs().to(device)
    return error(torch.compile(function)(x), (x * 2).exp())


def reduce_overhead(device: str) -> float:
    x, _ = two(device)
    compiled = torch.compile(lambda x: F.softmax(x.sin(), -1) + 1, mode="reduce-overhead")
    return max(error(compiled(each), F.softmax(each.sin(), -1) + 1) for each in (x, x + 1, x))


def optimiser(make: Callable[..., torch.optim.Optimizer], **options: Any) -> Callable[[str], float]:
    """Three compiled steps beside three steps of PyTorch."""

    def check(device: str) -> float:
        found = []
        for compiled in (False, True):
            parameters = [torch.nn.Parameter(numbers(n).to(device)) for n in (50, 300)]
            maker = make(parameters, **options)
            step = torch.compile(maker.step) if compiled else maker.step
            for turn in range(3):
                for parameter in parameters:
                    parameter.grad = parameter.detach() * 0.1 + turn
                step()
            found.append(torch.cat(list(parameters)))
        return error(found[1], found[0])

    return check


def training(device: str) -> float:
    """Losses of five steps of a classifier on the device, compiled, beside those of the CPU."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.LayerNorm(64), torch.nn.Linear(64, 10)]
    model = torch.nn.Sequential(*layers)
    other = copy.deepcopy(model).to(device)
    x, labels = numbers(16, 32), integers(16, below=10)
    wanted = losses(model, model, x, labels)
    got = losses(other, torch.compile(other), x.to(device), labels.to(device))
    return error(torch.tensor(got), torch.tensor(wanted))


def losses(
    model: torch.nn.Module, run: Callable[..., torch.Tensor], x: torch.Tensor, labels: torch.Tensor
) -> list[float]:
    """Of five steps of AdamW."""
    steps = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for _ in range(5):
        loss = F.cross_entropy(run(x), labels)
        loss.backward()
        steps.step()
        steps.zero_grad()
        found.append(loss.item())
    return found


def uniform_numbers(device: str) -> float:
    """The distance of the mean and of the spread from a uniform distribution's; infinite outside of [0, 1)."""
    compiled = torch.compile(lambda: torch.rand(100, 1000, device=device))
    first, second = compiled().cpu(), compiled().cpu()
    if first.min() < 0 or first.max() >= 1 or torch.equal(first, second):
        return float("inf")
    return max(abs(first.mean().item() - 0.5), abs(first.var().item() - 1 / 12))


def normal_numbers(device: str) -> float:
    """The distance of mean, variance and fourth moment from a normal distribution's."""
    x = torch.compile(lambda: torch.randn(100, 1000, device=device))().cpu()
    return max(abs(x.mean().item()), abs(x.var().item() - 1), abs((x**4).mean().item() - 3) / 10)


def seeded_numbers(device: str) -> float:
    """0 where a seed gives the same numbers again, and they are in the range asked for."""
    compiled = torch.compile(lambda x: (torch.rand_like(x), torch.randint(0, 10, (50,), device=device)))
    x = numbers(N).to(device)
    found = []
    for _ in range(2):
        torch.manual_seed(7)
        found.append(compiled(x))
    (first, whole), (second, _) = found
    return 0.0 if torch.equal(first, second) and whole.min() >= 0 and whole.max() < 10 else float("inf")


def dropout(device: str) -> float:
    """The distance of the kept part from 3/4; infinite where values are not scaled, or gradients have another mask."""
    x = torch.ones(100, 1000, device=device, requires_grad=True)
    out = torch.compile(lambda x: F.dropout(x, 0.25))(x)
    out.sum().backward()
    kept = out.detach().cpu() != 0
    scaled = torch.where(kept, 4 / 3, 0.0)
    right = torch.allclose(out.detach().cpu(), scaled) and x.grad is not None and torch.allclose(x.grad.cpu(), scaled)
    return abs(kept.float().mean().item() - 0.75) if right else float("inf")


CHECKS: dict[str, tuple[Callable[[str], float], float]] = {
    "users_kernel": (users_kernel, 1e-6),
    "users_autotuned_kernel": (users_autotuned_kernel, 1e-6),
    "custom_operator": (custom_operator, 1e-6),
    "conditional": (conditional, 1e-6),
    "graph_break": (graph_break, 1e-5),
    "reduce_overhead": (reduce_overhead, 1e-6),
    "compiled_sgd": (optimiser(torch.optim.SGD, lr=0.1, momentum=0.9), 1e-5),
    "compiled_adam": (optimiser(torch.optim.Adam, lr=0.1), 1e-5),
    "compiled_adamw": (optimiser(torch.optim.AdamW, lr=0.1, weight_decay=0.1), 1e-5),
    "training": (training, 1e-5),
    "uniform_numbers": (uniform_numbers, 0.01),
    "normal_numbers": (normal_numbers, 0.03),
    "seeded_numbers": (seeded_numbers, 0.0),
    "dropout": (dropout, 0.01),
}
"""Name -> the check, and the error that is allowed."""
