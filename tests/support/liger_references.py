"""What Liger's ops compute, in plain PyTorch: no function here comes from Liger or runs a Triton kernel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, w: Tensor, offset: float = 0.0, eps: float = 1e-6) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * (w + offset)


def fused_add_rms_norm(x: Tensor, residual: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return rms_norm(x + residual, w), x + residual


def modulated_rms_norm(x: Tensor, w: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return rms_norm(x, w) * (1 + scale) + shift


def poly_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    powers = (x**3, x**2, x)
    return sum((w[i] * rms_norm(p, torch.ones_like(p)) for i, p in enumerate(powers)), torch.zeros_like(x)) + b


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def rotary_tables(positions: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """cos and sin of shape [..., position, width], both halves alike."""
    angles = positions[..., None] * 100.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.cat((angles, angles), -1)
    return angles.cos(), angles.sin()


def multimodal_table(table: Tensor, sections: tuple[int, ...]) -> Tensor:
    """[3, batch, position, width]: each section of the width from its own of the three tables."""
    parts = table.split(sections * 2, -1)
    return torch.cat([part[i % 3] for i, part in enumerate(parts)], -1)[:, None]


def complex_rotate(x: Tensor, turns: Tensor) -> Tensor:
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns[None, :, None].to(pairs.dtype)).flatten(-2)


def cross_entropy(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, softcap: float = 0.0, square: float = 0.0, **options
) -> Tensor:
    capped = softcap * (logits / softcap).tanh() if softcap else logits
    loss = F.cross_entropy(capped, target, weight if weight is None else weight.to(logits.dtype), **options)
    kept = target != -100
    return loss + square * capped.logsumexp(-1)[kept].square().sum() / kept.sum() if square else loss


def jsd(student: Tensor, teacher: Tensor, beta: float, kept: Tensor | None = None) -> Tensor:
    """Of log-probabilities, the mean over the rows that are kept; 0 and 1 are the two Kullback-Leibler distances."""
    p, q = teacher.exp(), student.exp()
    if beta in (0.0, 1.0):
        rows = (p * (teacher - student) if beta == 0.0 else q * (student - teacher)).sum(-1)
    else:
        middle = (beta * p + (1 - beta) * q).log()
        rows = (beta * p * (teacher - middle) + (1 - beta) * q * (student - middle)).sum(-1)
    return rows.mean() if kept is None else rows[kept].sum() / kept.sum()


def sparsemax(x: Tensor) -> Tensor:
    ordered = x.sort(-1, descending=True).values
    sums, ranks = ordered.cumsum(-1) - 1, torch.arange(1, x.shape[-1] + 1)
    count = (ordered * ranks > sums).sum(-1, keepdim=True)
    return (x - sums.gather(-1, count - 1) / count).relu()


def neighborhood_attention(q: Tensor, k: Tensor, v: Tensor, window: int, dilation: int) -> Tensor:
    position = torch.arange(q.shape[-2])
    distance = position[None] - position[:, None]
    near = (distance.abs() <= window // 2 * dilation) & (distance % dilation == 0)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return scores.masked_fill(~near, float("-inf")).softmax(-1) @ v


def multi_token_attention(scores: Tensor, weight: Tensor, bias: Tensor, sparse: bool) -> Tensor:
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    masked = scores.masked_fill(future, -1e9)
    chances = sparsemax(masked) if sparse else masked.softmax(-1)
    return F.conv2d(chances, weight, bias, padding=weight.shape[-1] // 2).masked_fill(future, 0.0)


def attention_over_blocks(blocks: Tensor, query: Tensor, norm: Tensor) -> Tensor:
    shares = (rms_norm(blocks, norm) * query).sum(-1).softmax(0)
    return (shares[..., None] * blocks).sum(0)


def hyper_connection_coefficients(x: Tensor, phi: Tensor, b: Tensor, scales: Tensor, rounds: int) -> tuple[Tensor, ...]:
    ways, flat = x.shape[-2], x.flatten(-2)
    mix = flat @ phi * (flat.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
    parts = zip(mix.split((ways, ways, ways * ways), -1), b.split((ways, ways, ways * ways)), scales, strict=True)
    before, after, between = (part * scale + shift for part, shift, scale in parts)
    matrix = between.unflatten(-1, (ways, ways)).softmax(-1) + 1e-6
    for round in range(rounds):
        if round:
            matrix = matrix / (matrix.sum(-1, keepdim=True) + 1e-6)
        matrix = matrix / (matrix.sum(-2, keepdim=True) + 1e-6)
    return before.sigmoid(), 2 * after.sigmoid(), matrix


def hyper_connection_output(x: Tensor, f: Tensor, after: Tensor, between: Tensor) -> Tensor:
    return between @ x + after[..., None] * f[..., None, :]


def experts(x: Tensor, gate_up: Tensor, down: Tensor, shares: Tensor, chosen: Tensor) -> Tensor:
    """Every token through the experts `chosen` for it, [token, choice], weighted by its `shares`."""
    gate, up = torch.einsum("th,tkih->tki", x, gate_up[chosen]).chunk(2, -1)
    return torch.einsum("tki,tkhi,tk->th", F.silu(gate) * up, down[chosen], shares)


def grpo(
    logits: Tensor, ids: Tensor, old: Tensor, ref: Tensor, gains: Tensor, mask: Tensor, beta: float, level: str
) -> Tensor:
    """The loss of every token at temperature 0.9, its ratio clipped to [0.8, 1.4]; 0 where masked."""
    chances = (logits[:, :-1] / 0.9).log_softmax(-1).gather(-1, ids[..., None])[..., 0]
    change, gain = chances - old, gains[:, None]
    if level == "sequence":
        change = (change * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)
    loss = -torch.minimum(change.exp() * gain, change.exp().clamp(0.8, 1.4) * gain)
    return (loss + beta * ((ref - chances).exp() - (ref - chances) - 1)) * mask
