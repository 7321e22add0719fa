"""Training on mps beside the same on the CPU: models, optimisers, mixed precision, compilation to eager ops.

test_on_device.py runs this file in a process that has the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """A block as of ResNet, over a stem and under a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.body = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = F.relu(x + self.body(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Recurrent(nn.Module):
    """Words to classes by an LSTM over sequences of several lengths."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 6, padding_idx=0)
        self.memory = nn.LSTM(6, 7, batch_first=True, bidirectional=True)
        self.head = nn.Linear(14, 5)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(self.words(words), torch.tensor([6, 4, 3, 1]), batch_first=True)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(self.memory(packed)[0], batch_first=True)
        return self.head(outputs.mean(1))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 5))


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Flatten(), nn.Linear(96, 5))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], torch.Tensor]]] = {
    "perceptron": (perceptron, lambda: torch.randn(4, 16)),
    "residual": (Residual, lambda: torch.randn(4, 3, 8, 8)),
    "residual, channels last": (Residual, lambda: torch.randn(4, 3, 8, 8).to(memory_format=torch.channels_last)),
    "transformer": (transformer, lambda: torch.randn(4, 6, 16)),
    "recurrent": (Recurrent, lambda: torch.randint(1, 11, (4, 6))),
}


def trained(name: str, place: str, optimiser: Callable[..., Any], steps: int = 3) -> tuple[list[float], dict[str, Any]]:
    """The losses and the parameters after some steps."""
    make, data = MODELS[name]
    torch.manual_seed(0)
    model, x, labels = make().to(place), data().to(place), torch.tensor([0, 3, 1, 4]).to(place)
    optimise = optimiser(model.parameters())
    losses = []
    for _ in range(steps):
        optimise.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimise.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        losses.append(F.cross_entropy(model(x), labels).item())
    return losses, {key: value.cpu() for key, value in model.state_dict().items()}


def compare(name: str, optimiser: Callable[..., Any]) -> None:
    losses, parameters = trained(name, "mps", optimiser)
    expected_losses, expected = trained(name, "cpu", optimiser)
    assert losses == pytest.approx(expected_losses, rel=1e-4)
    for key, value in expected.items():
        torch.testing.assert_close(
            parameters[key], value, rtol=1e-3, atol=1e-4, msg=lambda text, key=key: f"{key} {text}"
        )


@pytest.mark.parametrize("name", MODELS)
def test_models_train_as_on_the_cpu(name: str):
    compare(name, lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9))


OPTIMISERS = {
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-2, foreach=True),
    "Adam fused": lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True, amsgrad=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.5, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-2),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=1e-2),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_step_as_on_the_cpu(name: str):
    compare("perceptron", OPTIMISERS[name])


def test_mixed_precision():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 1)).to("mps")
    optimise, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("mps", init_scale=2.0**8)
    x = torch.randn(4, 8, device="mps")
    losses = []
    for _ in range(5):
        optimise.zero_grad()
        with torch.autocast("mps", dtype=torch.float16):
            product = model[0](x)
            assert product.dtype == torch.float16 and product.softmax(1).dtype == torch.float32
            loss = model(x).float().square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimise)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and model[0].weight.grad.dtype == torch.float32
    with torch.autocast("mps", dtype=torch.bfloat16):
        assert (x @ x.t()).dtype == torch.bfloat16
    assert torch.get_autocast_dtype("mps") == torch.float16


def test_a_scaler_skips_a_step_with_infinite_gradients():
    weight = torch.ones(3, device="mps", requires_grad=True)
    optimise, scaler = torch.optim.SGD([weight], lr=0.1), torch.amp.GradScaler("mps", init_scale=2.0**8)
    scaler.scale((weight * float("inf")).sum()).backward()
    scaler.step(optimise)
    scaler.update()
    assert weight.tolist() == [1, 1, 1] and scaler.get_scale() == 2.0**7


def test_checkpointing_gives_the_same_gradients():
    from torch.utils.checkpoint import checkpoint

    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)).to("mps")
    x = torch.randn(2, 4, device="mps", requires_grad=True)
    gradients = []
    for run in (model, lambda value: checkpoint(model, value, use_reentrant=False)):
        gradients.append(torch.autograd.grad(run(x).sum(), x)[0])
    assert torch.equal(*gradients)


def test_graphs_of_fake_tensors():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        x = torch.empty(2, 5, 8, device="mps")
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, device="mps")
        y = layer(x)
        y.sum().backward()
        assert y.shape == x.shape and y.device.type == "mps" and y.detach().is_mps
        assert F.conv2d(torch.empty(1, 3, 8, 8, device="mps"), torch.empty(4, 3, 3, 3, device="mps")).is_contiguous()


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_compiled_graph_of_eager_ops(dynamic: bool):
    def program(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(x, x * 2, F.gelu(x) @ w).cos()

    compiled = torch.compile(program, backend="aot_eager", dynamic=dynamic)
    for length in (6, 9):
        x, w = torch.randn(1, 2, length, 8, device="mps"), torch.randn(8, 8, device="mps", requires_grad=True)
        torch.testing.assert_close(compiled(x, w), program(x, w))
        gradient = torch.autograd.grad(compiled(x, w).sum(), w)[0]
        torch.testing.assert_close(gradient, torch.autograd.grad(program(x, w).sum(), w)[0])


def test_export():
    program = torch.export.export(transformer().to("mps").eval(), (torch.randn(2, 6, 16, device="mps"),))
    assert program.module()(torch.randn(2, 6, 16, device="mps")).is_mps


def test_pytorchs_own_compiler_for_mps():
    """Its Metal text runs on msl_cpu, through torch.mps.compile_shader."""
    from torch._inductor.utils import run_and_get_code

    def program(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (F.gelu(x) * y).sum(-1).softmax(0)

    x, y = torch.randn(40, 70), torch.randn(70)
    found, codes = run_and_get_code(torch.compile(program), x.to("mps"), y.to("mps"))
    torch.testing.assert_close(found.cpu(), program(x, y), rtol=1e-5, atol=1e-6)
    assert any("kernel void" in code for code in codes)
