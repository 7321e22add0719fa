"""flash-linear-attention's norms, activations, losses and helpers, forward and backward, against plain PyTorch."""

from __future__ import annotations

from tests.support.libraries import Case, check, rows, use_first_configurations

use_first_configurations()

import fla_references as plain  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from fla.modules import activations, token_shift  # noqa: E402
from fla.modules.causal_conv1d.ops import causal_conv1d  # noqa: E402
from fla.modules.fused_cross_entropy.ops import cross_entropy_loss  # noqa: E402
from fla.modules.fused_kl_div.ops import fused_kl_div_loss  # noqa: E402
from fla.modules.fused_linear_cross_entropy.ops import fused_linear_cross_entropy_loss  # noqa: E402
from fla.modules.norm.fused_norm_gate import layer_norm_gated, rms_norm_gated  # noqa: E402
from fla.modules.norm.l2norm import l2norm  # noqa: E402
from fla.modules.norm.layernorm import group_norm, layer_norm, rms_norm  # noqa: E402
from fla.modules.norm.layernorm_gated import layernorm_fn  # noqa: E402
from fla.modules.rotary.ops import rotary_embedding, rotary_embedding_ref  # noqa: E402
from fla.ops import utils  # noqa: E402
from fla.ops.rwkv7 import channel_mixing, fused_addcmul, fused_k_update, gate_output_correction  # noqa: E402
from fla.ops.utils.sinkhorn import ops as sinkhorn_ops  # noqa: E402

pytestmark = pytest.mark.libraries
SINGLE, HALF = torch.float32, torch.bfloat16
X, W = (2, 35, 130), (130,)
LABELS = torch.tensor([3, 0, -100, 129, 64, -100, 17])
ANGLES = torch.arange(75.0)[:, None] * 10.0 ** -torch.arange(0, 2, 0.2)


def rms(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, x.shape[-1:], w, 1e-5) + b


def shifted(x: torch.Tensor) -> torch.Tensor:
    return F.pad(x, (0, 0, 1, 0))[:, :-1]


NORMS = {
    "layer_norm": Case(
        lambda x, w, b: layer_norm(x, w, b), lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), (X, W, W)
    ),
    "layer_norm with residual": Case(
        lambda x, r, w, b: layer_norm(x, w, b, r, prenorm=True),
        lambda x, r, w, b: (F.layer_norm(x + r, x.shape[-1:], w, b), x + r),
        (X, X, W, W),
    ),
    "rms_norm": Case(lambda x, w, b: rms_norm(x, w, b), rms, (X, W, W)),
    "group_norm": Case(
        lambda x, w, b: group_norm(x, w, b, num_groups=5),
        lambda x, w, b: F.group_norm(x.flatten(0, 1), 5, w, b).view_as(x),
        (X, W, W),
    ),
    "l2norm": Case(l2norm, lambda x: x * (x.square().sum(-1, keepdim=True) + 1e-6).rsqrt(), (X,)),
    "layer_norm_gated": Case(
        layer_norm_gated, lambda x, g, w, b: F.layer_norm(x, x.shape[-1:], w, b, 1e-6) * F.silu(g), (X, X, W, W)
    ),
    "rms_norm_gated": Case(
        lambda x, g, w, b: rms_norm_gated(x, g, w, b, "sigmoid", eps=1e-5),
        lambda x, g, w, b: rms(x, w, b) * g.sigmoid(),
        (X, X, W, W),
    ),
    "layernorm_fn": Case(
        lambda x, z, w, b: layernorm_fn(x, w, b, z),
        lambda x, z, w, b: F.layer_norm(x, x.shape[-1:], w, b, 1e-6) * F.silu(z),
        (X, X, W, W),
    ),
}
ACTIVATIONS = {
    "sigmoid": Case(activations.sigmoid, torch.sigmoid, (X,)),
    "logsigmoid": Case(lambda x: activations.logsigmoid(x, 2.0), lambda x: F.logsigmoid(x) / 2, (X,)),
    "swish": Case(activations.swish, F.silu, (X,)),
    "swiglu": Case(activations.swiglu, lambda x, y: F.silu(x) * y, (X, X)),
    "sigmoidglu": Case(activations.sigmoidglu, lambda x, y: x.sigmoid() * y, (X, X)),
    "swiglu_linear": Case(
        activations.swiglu_linear, lambda x, y, w, b: F.linear(F.silu(x) * y, w, b), (X, X, (40, 130), (40,))
    ),
}
LOSSES = {
    "cross_entropy_loss": Case(
        lambda x: cross_entropy_loss(x, LABELS, 0.1, 2.0)[0],
        lambda x: F.cross_entropy(2 * x, LABELS, label_smoothing=0.1, reduction="none"),
        ((7, 130),),
    ),
    "fused_linear_cross_entropy_loss": Case(
        lambda x, w, b: fused_linear_cross_entropy_loss(x, LABELS, w, b),
        lambda x, w, b: F.cross_entropy(F.linear(x, w, b), LABELS),
        ((7, 20), (130, 20), (130,)),
    ),
    "fused_kl_div_loss": Case(
        lambda x, target, w, v: fused_kl_div_loss(x, target.detach(), w, v.detach()),
        lambda x, target, w, v: F.kl_div(
            (x @ w.T).log_softmax(-1), (target @ v.T).detach().softmax(-1), reduction="batchmean"
        ),
        ((7, 20), (7, 24), (130, 20), (130, 24)),
    ),
}
HELPERS = {
    "causal_conv1d": Case(
        lambda x, w, b: causal_conv1d(x, w, b, activation="silu")[0], plain.causal_convolution, (X, (130, 4), W)
    ),
    "token_shift": Case(token_shift.token_shift, lambda x: shifted(x) - x, (X,)),
    "rotary_embedding": Case(
        lambda x: rotary_embedding(x, ANGLES.cos().to(x.dtype), ANGLES.sin().to(x.dtype)),
        lambda x: rotary_embedding_ref(x, ANGLES.cos().to(x.dtype), ANGLES.sin().to(x.dtype)),
        ((2, 75, 3, 40),),
    ),
    "chunk_local_cumsum": Case(
        lambda x: x * 0 + utils.chunk_local_cumsum(x.detach(), 16),
        lambda x: x * 0 + plain.cumulative_sums(x.detach(), 16),
        ((2, 75, 3, 40),),
    ),
    "chunk_global_cumsum": Case(
        lambda x: x * 0 + utils.chunk_global_cumsum(x.detach()), lambda x: x * 0 + x.detach().cumsum(1), ((2, 75, 3),)
    ),
    "mean_pooling": Case(
        lambda x: utils.mean_pooling(x, 16),
        lambda x: torch.stack([part.mean(1) for part in x.split(16, 1)], 1),
        ((2, 75, 3, 40),),
    ),
    "fused_k_rwkv7": Case(fused_k_update.fused_k_rwkv7, lambda k, a, ka: k + k * (a - 1) * ka, (X, X, W)),
    "fused_addcmul_rwkv7": Case(
        lambda x, d, *w: fused_addcmul.fused_addcmul_rwkv7(x, d, *w),
        lambda x, d, *w: tuple(x + d * each for each in w),
        (X, X, *(((1, 1, 130),) * 6)),
    ),
    "gate_output_correction": Case(
        gate_output_correction.gate_output_correction,
        lambda o, r, k, rk, v, g: (o + ((r * k * rk).sum(-1, keepdim=True) * v).flatten(-2)) * g,
        ((2, 35, 96), (2, 35, 3, 32), (2, 35, 3, 32), (3, 32), (2, 35, 3, 32), (2, 35, 96)),
    ),
    "channel_mixing_rwkv7": Case(
        lambda *inputs: channel_mixing.channel_mixing_rwkv7(*inputs)[0],
        lambda x, previous, mix, key, value: (
            torch.relu((x + (torch.cat((previous[:, None], x[:, :-1]), 1) - x) * mix) @ key) ** 2 @ value
        ),
        (X, (2, 130), W, (130, 40), (40, 130)),
    ),
}


@rows(NORMS)
def test_norm(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(ACTIVATIONS)
def test_activation(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(LOSSES)
def test_loss(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(HELPERS)
def test_helper(case: Case, dtype: torch.dtype):
    check(case, dtype)


SINKHORN = Case(lambda x: sinkhorn_ops.sinkhorn(x, 5), lambda x: plain.sinkhorn(x, 5), ((2, 9, 4, 4),), (SINGLE,))


def test_sinkhorn_asks_for_cuda():
    with pytest.raises(ValueError, match="Sinkhorn kernels require NVIDIA CUDA tensors"):
        check(SINKHORN, SINGLE)


@rows({"sinkhorn": SINKHORN})
def test_sinkhorn(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    monkeypatch.setattr(sinkhorn_ops, "IS_NVIDIA", True)
    check(case, dtype)
