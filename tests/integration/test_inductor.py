"""torch.compile: what PyTorch's Inductor writes in Triton runs on this device, and computes what PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

ROWS, COLUMNS = 37, 129


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


X, IMAGE = _numbers(ROWS, COLUMNS), _numbers(2, 3, 17, 19)
WEIGHTS = _numbers(COLUMNS, 64)
CHOICE = torch.arange(50) * 7 % ROWS
NUMBERS = torch.arange(-60, 60).view(10, 12)
HEADS = _numbers(1, 4, ROWS, 32)

CASES: dict[str, Callable[..., Any]] = {
    "pointwise": lambda x=X: (x.sin() * x.exp() + x.sigmoid().log1p()).to(torch.float16),
    "powers": lambda x=X: x.tanh().pow(3) + torch.erf(x) + x.abs().rsqrt(),
    "where": lambda x=X: torch.where(x > 0, x, -x * 0.1),
    "integers": lambda i=NUMBERS: (i * 7) // 3 + (i % 5) - (i << 2) + (i ^ 3),
    "softmax": lambda x=X: functional.log_softmax(x, -1),
    "variance": lambda x=X: torch.var_mean(x, 1),
    "extremes": lambda x=X: (x.argmax(1), x.max(0), x.amin(), x.argmin(0)),
    "products": lambda x=X: (x.prod(1), (x > 3).any(), (x < 9).all(1)),
    "prefix_sums": lambda x=X: (x.cumsum(1), x.cumprod(1)),
    "columns": lambda x=X: x.sum(0) / x.norm(dim=0),
    "layer_norm": lambda x=X: functional.layer_norm(x, (COLUMNS,)),
    "product": lambda x=X, w=WEIGHTS: functional.gelu(x @ w),
    "attention": lambda q=HEADS: torch.softmax(q @ q.mT, -1) @ q,
    "index": lambda x=X, i=CHOICE: x[i] * 2,
    "embedding": lambda x=X, i=CHOICE: functional.embedding(i, x).relu(),
    "scatter": lambda x=X, i=CHOICE: torch.zeros(ROWS, COLUMNS).index_add(0, i, x[i]),
    "sort": lambda x=X: x.sort(1),
    "buckets": lambda x=X: torch.bucketize(x, torch.linspace(-2, 2, 9)),
    "transpose": lambda x=X: torch.cat([x, x * 2], 1).t().contiguous(),
    "convolution": lambda x=IMAGE: functional.relu(functional.conv2d(x, torch.ones(4, 3, 3, 3))),
    "pooling": lambda x=IMAGE: (functional.max_pool2d(x, 2), functional.avg_pool2d(x, 3)),
    "upsampling": lambda x=IMAGE: functional.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "doubles": lambda x=X: ((x.double().exp() / 3).sum(1), (x.double() * 0.1).cumsum(1), x.double().softmax(1)),
    "bytes": lambda x=X: (x * 10).to(torch.int8).to(torch.float32) + x.to(torch.bfloat16).float(),
}


@pytest.fixture(autouse=True)
def triton_for_cpu_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inductor writes Triton for tensors of the CPU, in this process, into a cache of the test's own.

    It rounds to 16 bits only where it stores, unless it is told to do as PyTorch does.
    """
    import torch._inductor.config as config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    with config.patch(cpu_backend="triton", compile_threads=1, emulate_precision_casts=True):
        yield


def compiled(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, str]:
    """What the compiled function gives, and the code that Inductor wrote."""
    from torch._inductor.utils import run_and_get_code

    result, codes = run_and_get_code(torch.compile(function, **options), *arguments)
    return result, "\n".join(codes)


@pytest.mark.parametrize("name", CASES)
def test_a_function(name: str):
    wanted = CASES[name]()
    got, code = compiled(CASES[name])
    assert "@triton.jit" in code
    torch.testing.assert_close(got, wanted)


def test_sizes_that_change():
    def function(x: torch.Tensor) -> torch.Tensor:
        return (x * x).sum(-1) + x.amax(-1)

    twice = torch.compile(function, dynamic=True)
    for rows, columns in [(5, 7), (33, 100), (64, 1025)]:
        x = _numbers(rows, columns)
        torch.testing.assert_close(twice(x), function(x))


def test_a_training_step():
    def gradients(compile: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        layers = [torch.nn.Linear(COLUMNS, 64), torch.nn.GELU(), torch.nn.LayerNorm(64), torch.nn.Linear(64, ROWS)]
        model = torch.nn.Sequential(*layers)
        run = torch.compile(model) if compile else model
        functional.cross_entropy(run(X), torch.arange(ROWS)).backward()
        return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]

    torch.testing.assert_close(gradients(True), gradients(False))


def test_a_number_that_changes():
    """A learning rate: Inductor passes it as float64, and compiles once for all of its values."""

    def step(x: torch.Tensor, gradient: torch.Tensor, rate: float) -> tuple[torch.Tensor, torch.Tensor]:
        return x - rate * gradient, x.half() * rate

    x, gradient = _numbers(ROWS, COLUMNS), _numbers(ROWS, COLUMNS)
    _, code = compiled(step, x, gradient, 0.1, dynamic=True)
    assert "'fp64'" in code
    again = torch.compile(step, dynamic=True)
    for rate in (1 / 3, 1 + 2**-24 + 2**-50, 1e-50):
        torch.testing.assert_close(again(x, gradient, rate), step(x, gradient, rate))
