"""References for ops of flash-linear-attention that ship none in the op's own form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from fla.ops.generalized_delta_rule.dplr.naive import dplr_recurrence
from fla.ops.linear_attn.naive import naive_recurrent_linear_attn
from fla.ops.mesa_net.naive import naive_mesa_net_exact
from fla.ops.momentum_delta_rule.naive import recurrent_momentum_delta_rule_ref
from fla.ops.simple_gla.naive import naive_recurrent_simple_gla
from torch import Tensor

from tests.support.libraries import as_tuple

Reference = Callable[..., Any]


def heads_first(naive: Reference, *whole: str) -> Reference:
    """`naive` takes [batch, head, time, ...]: inputs and first output turned, but for the inputs named in `whole`."""

    def run(**inputs: Any) -> tuple[Tensor, ...]:
        kept = ("initial_state", "output_final_state", *whole)
        turned = {name: x if name in kept else x.transpose(1, 2) for name, x in inputs.items()}
        first, *rest = as_tuple(naive(**turned))
        return first.transpose(1, 2), *rest

    return run


def renamed(function: Reference, **names: str) -> Reference:
    """`function` with parameters called otherwise: new name = its own name."""
    return lambda **inputs: function(**{names.get(name, name): x for name, x in inputs.items()})


def first(function: Reference) -> Reference:
    """The first output alone."""
    return lambda **inputs: as_tuple(function(**inputs))[0]


def packed(function: Reference, ends: list[int]) -> Reference:
    """`function` on each of the sequences that lie one behind another along the time, which is dimension 1."""

    def run(**inputs: Tensor) -> Tensor:
        pairs = zip([0, *ends], ends, strict=False)
        parts = [function(**{name: x[:, begin:end] for name, x in inputs.items()}) for begin, end in pairs]
        return torch.cat([as_tuple(part)[0] for part in parts], 1)

    return run


def with_decays(decays: Tensor) -> Reference:
    """Simple gated linear attention whose logarithm of decay is a constant of each head."""
    return lambda **inputs: naive_recurrent_simple_gla(g=decays.expand(*inputs["q"].shape[:3]), **inputs)


def normalized_linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return naive_recurrent_linear_attn(q, k, v, normalize=True)[0]


def rwkv7(r: Tensor, w: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor, **state: Any) -> tuple[Tensor, ...]:
    inputs = {"q": r * r.shape[-1] ** 0.5, "k": k, "v": v, "alpha": a, "beta": b, "gk": w}
    return heads_first(dplr_recurrence)(**inputs, **state)


def rwkv4(w: Tensor, u: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weighted, weights, outputs = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0]), []
    for key, value in zip(k.unbind(1), v.unbind(1), strict=True):
        now = (u + key).exp()
        outputs.append((weighted + now * value) / (weights + now))
        weighted = w.exp().neg().exp() * weighted + key.exp() * value
        weights = w.exp().neg().exp() * weights + key.exp()
    return torch.stack(outputs, 1)


def momentum(
    q: Tensor, k: Tensor, v: Tensor, p: Tensor, log_alpha: Tensor, log_mu: Tensor, beta: Tensor, eta: Tensor
) -> Tensor:
    decayed = p * log_alpha.exp()[..., None]
    return recurrent_momentum_delta_rule_ref(q, k, v, log_alpha, log_mu, decayed, beta, eta)[0]


def mesa_net(q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor, lamb: Tensor) -> Tensor:
    return naive_mesa_net_exact(q, k, v, g, lamb, beta)[0]


def wall_attention(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    falls = g.cumsum(1)
    change = (falls[:, :, None] - falls[:, None]).exp()
    scores = (q[:, :, None] * k[:, None] * change).sum(-1) * q.shape[-1] ** -0.5
    future = torch.ones(scores.shape[1:3], dtype=torch.bool).triu(1)[None, :, :, None]
    return torch.einsum("bqkh,bkhd->bqhd", scores.masked_fill(future, float("-inf")).softmax(2), v)


def causal_convolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(x.transpose(1, 2), (weight.shape[-1] - 1, 0))
    out = torch.nn.functional.conv1d(padded, weight[:, None], bias, groups=len(weight)).transpose(1, 2)
    return torch.nn.functional.silu(out)


def cumulative_sums(x: Tensor, size: int) -> Tensor:
    """Along dimension 1, starting anew every `size` steps."""
    return torch.cat([part.cumsum(1) for part in x.split(size, 1)], 1)


def sinkhorn(x: Tensor, rounds: int) -> Tensor:
    for _ in range(rounds):
        x = x.log_softmax(-2).log_softmax(-1)
    return x.exp()
