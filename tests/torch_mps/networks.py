"""The census's programs of neural networks: norms, losses, products, convolutions, attention, forward and backward."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .forward import BRAIN, HALF
from .program import Program, integers, numbers


def rows() -> list[torch.Tensor]:
    return [numbers(37, 129)]


def normed() -> list[torch.Tensor]:
    return [numbers(37, 129), numbers(129) + 1, numbers(129, seed=1)]


def image() -> list[torch.Tensor]:
    return [numbers(2, 6, 17, 19)]


def heads() -> list[torch.Tensor]:
    return [numbers(2, 3, 40, 32, seed=seed) for seed in (0, 1, 2)]


def labelled() -> list[torch.Tensor]:
    return [numbers(37, 29), integers(37, below=29)]


def against() -> list[torch.Tensor]:
    return [numbers(37, 29), numbers(37, 29, seed=1)]


NORMS = {
    "layer_norm": Program(lambda x, w, b: F.layer_norm(x, (129,), w, b), normed, trains=True, tolerance=1e-4),
    "rms_norm": Program(lambda x, w, b: F.rms_norm(x, (129,), w) + b, normed, trains=True, tolerance=1e-4),
    "group_norm": Program(
        lambda x, w, b: F.group_norm(x, 3, w, b),
        lambda: (*image(), numbers(6) + 1, numbers(6, seed=1)),
        trains=True,
        tolerance=1e-4,
    ),
    "batch_norm": Program(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda: (*image(), numbers(6) + 1, numbers(6, seed=1)),
        trains=True,
        tolerance=1e-4,
    ),
    "instance_norm": Program(F.instance_norm, image, trains=True, tolerance=1e-4),
    "normalize": Program(lambda x: F.normalize(x, dim=-1), rows, trains=True),
    "softmax_gradient": Program(lambda x: F.softmax(x, -1), rows, trains=True),
    "log_softmax_gradient": Program(lambda x: F.log_softmax(x, -1), rows, trains=True),
    "half_layer_norm": Program(
        lambda x: F.layer_norm(x, (129,)), lambda: [numbers(37, 129, dtype=torch.float16)], trains=True, tolerance=HALF
    ),
}

ACTIVATIONS = {
    "gelu": Program(lambda x: F.gelu(x) + F.gelu(x, approximate="tanh"), rows, trains=True),
    "silu": Program(lambda x: F.silu(x) + F.mish(x) + F.hardswish(x), rows, trains=True),
    "relus": Program(lambda x: F.leaky_relu(x) + F.elu(x) + F.selu(x) + F.celu(x) + F.relu6(x), rows, trains=True),
    "softplus": Program(lambda x: F.softplus(x) + F.logsigmoid(x) + F.hardtanh(x), rows, trains=True),
    "glu": Program(lambda x: F.glu(x, -1), lambda: [numbers(37, 130)], trains=True),
    "swiglu": Program(lambda x, y: F.silu(x) * y, against, trains=True),
}

LOSSES = {
    "cross_entropy": Program(F.cross_entropy, labelled, trains=True),
    "smoothed_cross_entropy": Program(
        lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, ignore_index=3), labelled, trains=True
    ),
    "nll": Program(
        lambda x, y: F.nll_loss(F.log_softmax(x, 1), y, reduction="sum"), labelled, trains=True, tolerance=1e-4
    ),
    "mean_squares": Program(F.mse_loss, against, trains=True),
    "huber": Program(lambda x, y: F.huber_loss(x, y) + F.smooth_l1_loss(x, y) + F.l1_loss(x, y), against, trains=True),
    "binary_cross_entropy": Program(
        lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()), against, trains=True
    ),
    "divergence": Program(
        lambda x, y: F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="batchmean"), against, trains=True
    ),
    "cosine": Program(lambda x, y: F.cosine_similarity(x, y), against, trains=True),
    "triplet": Program(lambda x, y: F.triplet_margin_loss(x, y, x.flip(0)), against, trains=True),
}

PRODUCTS = {
    "product": Program(
        lambda x, w: F.gelu(x @ w), lambda: (numbers(37, 129), numbers(129, 64)), trains=True, tolerance=1e-4
    ),
    "linear": Program(F.linear, lambda: (numbers(37, 129), numbers(40, 129), numbers(40)), trains=True, tolerance=1e-4),
    "batched_product": Program(
        lambda x, y: torch.bmm(x, y).relu(),
        lambda: (numbers(5, 20, 30), numbers(5, 30, 12)),
        trains=True,
        tolerance=1e-4,
    ),
    "sum_and_product": Program(
        lambda c, x, y: torch.addmm(c, x, y, alpha=2),
        lambda: (numbers(12), numbers(20, 30), numbers(30, 12)),
        trains=True,
        tolerance=1e-4,
    ),
    "einsum": Program(
        lambda x, y: torch.einsum("bij,bkj->bik", x, y), lambda: (numbers(3, 9, 20), numbers(3, 8, 20)), trains=True
    ),
    "outer_product": Program(lambda x, y: torch.outer(x, y).sum(0), lambda: (numbers(30), numbers(40)), trains=True),
    "bfloat16_product": Program(
        lambda x, y: (x @ y).float(),
        lambda: (numbers(33, 64, dtype=torch.bfloat16), numbers(64, 20, dtype=torch.bfloat16)),
        tolerance=4 * BRAIN,
    ),
    "tuned_product": Program(
        lambda x, y: torch.relu(x @ y),
        lambda: (numbers(70, 64), numbers(64, 96)),
        options={"mode": "max-autotune"},
        tolerance=1e-4,
    ),
    "tuned_sum_and_product": Program(
        lambda c, x, y: torch.addmm(c, x, y),
        lambda: (numbers(96), numbers(70, 64), numbers(64, 96)),
        options={"mode": "max-autotune"},
        tolerance=1e-4,
    ),
    "tuned_batched_product": Program(
        torch.bmm, lambda: (numbers(3, 40, 64), numbers(3, 64, 50)), options={"mode": "max-autotune"}, tolerance=1e-4
    ),
}

CONVOLUTIONS = {
    "convolution": Program(
        lambda x, w, b: F.relu(F.conv2d(x, w, b, padding=1)),
        lambda: (*image(), numbers(5, 6, 3, 3), numbers(5)),
        trains=True,
        tolerance=1e-4,
    ),
    "strided_convolution": Program(
        lambda x, w: F.conv2d(x, w, stride=2, dilation=2),
        lambda: (*image(), numbers(5, 6, 3, 3)),
        trains=True,
        tolerance=1e-4,
    ),
    "depthwise_convolution": Program(
        lambda x, w: F.conv2d(x, w, groups=6), lambda: (*image(), numbers(6, 1, 3, 3)), trains=True, tolerance=1e-4
    ),
    "convolution_of_sequences": Program(
        lambda x, w: F.conv1d(x, w, padding=2),
        lambda: (numbers(2, 8, 40), numbers(6, 8, 5)),
        trains=True,
        tolerance=1e-4,
    ),
    "transposed_convolution": Program(
        lambda x, w: F.conv_transpose2d(x, w, stride=2),
        lambda: (*image(), numbers(6, 4, 3, 3)),
        trains=True,
        tolerance=1e-4,
    ),
    "max_pooling": Program(lambda x: F.max_pool2d(x, 3, 2, 1), image, trains=True),
    "average_pooling": Program(lambda x: F.avg_pool2d(x, 3) + F.adaptive_avg_pool2d(x, (5, 6)), image, trains=True),
    "nearest_interpolation": Program(lambda x: F.interpolate(x, scale_factor=2.0), image, trains=True),
    "bilinear_interpolation": Program(
        lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"), image, trains=True, tolerance=1e-4
    ),
    "bicubic_interpolation": Program(
        lambda x: F.interpolate(x, size=(23, 31), mode="bicubic"), image, trains=True, tolerance=1e-4
    ),
    "pixel_shuffle": Program(lambda x: F.pixel_shuffle(x[:, :4], 2), image, trains=True),
    "grid_sample": Program(
        lambda x, g: F.grid_sample(x, g.tanh(), align_corners=False),
        lambda: (*image(), numbers(2, 9, 8, 2)),
        tolerance=1e-4,
    ),
    "patches": Program(lambda x: F.unfold(x, 3).sum(-1), image, trains=True, tolerance=1e-4),
}

EMBEDDINGS = {
    "embedding_gradient": Program(
        lambda w, i: F.embedding(i, w),
        lambda: (numbers(50, 33), integers(4, 25, below=50)),
        trains=True,
        tolerance=1e-4,
    ),
    "embedding_bag": Program(
        lambda w, i: F.embedding_bag(i, w, mode="mean"),
        lambda: (numbers(50, 33), integers(6, 9, below=50)),
        trains=True,
    ),
    "embedding_bag_of_sums": Program(
        lambda w, i, o: F.embedding_bag(i, w, o, mode="sum"),
        lambda: (numbers(50, 33), integers(30, below=50), torch.tensor([0, 4, 4, 20])),
        trains=True,
    ),
}

ATTENTION = {
    "attention": Program(lambda q, k, v: F.softmax(q @ k.mT / 32**0.5, -1) @ v, heads, trains=True, tolerance=1e-4),
    "sdpa": Program(F.scaled_dot_product_attention, heads, trains=True, tolerance=1e-4),
    "causal_sdpa": Program(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), heads, trains=True, tolerance=1e-4
    ),
    "rotary": Program(lambda q, k, v: _rotated(q) * k + v, heads, trains=True),
    "multi_layer": Program(
        lambda x, a, b: F.layer_norm(F.silu(x @ a) @ b + x, (64,)),
        lambda: (numbers(20, 64), numbers(64, 96) / 8, numbers(96, 64) / 8),
        trains=True,
        tolerance=2e-4,
    ),
    "llama_block": Program(
        lambda x, *weights: llama_block(x, *weights),
        lambda: [numbers(2, 24, 64), *(numbers(*shape, seed=4) / 8 for shape in LLAMA)],
        trains=True,
        tolerance=5e-4,
    ),
}
LLAMA = ((64,), (64, 64), (64, 32), (64, 32), (64, 64), (64,), (64, 96), (64, 96), (96, 64))
"""Shapes of a block's weights: two norms, queries, keys and values of half as many heads, the output, a gated layer."""


def llama_block(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """One layer of a Llama: attention with grouped queries and rotary positions, then a gated layer."""
    norm, wq, wk, wv, wo, second, gate, up, down = weights
    batch, length, width = x.shape
    y = F.rms_norm(x, (width,), 1 + norm, 1e-6)
    q, k, v = (_heads(y @ w, 16) for w in (wq, wk, wv))
    k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    y = F.scaled_dot_product_attention(_rotated(q), _rotated(k), v, is_causal=True)
    x = x + y.transpose(1, 2).reshape(batch, length, width) @ wo
    y = F.rms_norm(x, (width,), 1 + second, 1e-6)
    return x + (F.silu(y @ gate) * (y @ up)) @ down


def _heads(x: torch.Tensor, width: int) -> torch.Tensor:
    """(batch, length, heads * width) -> (batch, heads, length, width)"""
    return x.unflatten(-1, (-1, width)).transpose(1, 2)


def _rotated(q: torch.Tensor) -> torch.Tensor:
    angle = torch.arange(q.shape[-2], device=q.device, dtype=q.dtype)[:, None] / torch.arange(
        1, q.shape[-1] // 2 + 1, device=q.device, dtype=q.dtype
    )
    left, right = q.chunk(2, -1)
    return torch.cat([left * angle.cos() - right * angle.sin(), left * angle.sin() + right * angle.cos()], -1)
