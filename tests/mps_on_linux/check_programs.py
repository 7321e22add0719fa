"""Programs on mps beside the same on the CPU: both are computed by the CPU's kernels, hence equal bit by bit.

test_on_device.py runs this file in a process that has the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

Program = Callable[..., Any]
"""Takes tensors on one device, gives tensors on it."""


def normal(*sizes: int) -> torch.Tensor:
    return torch.randn(*sizes)


def whole(most: int, *sizes: int) -> torch.Tensor:
    return torch.randint(0, most, sizes)


ROUNDED = ("lstm", "gru")
"""Programs that take a kernel of oneDNN on the CPU, and PyTorch's composite one on mps."""

torch.manual_seed(0)
MASK = torch.rand(6, 6) > 0.3
TRUE_SOMEWHERE = MASK | torch.eye(6, dtype=torch.bool)


def rnn(kind: str) -> Program:
    def run(x: torch.Tensor) -> Any:
        torch.manual_seed(3)
        return getattr(torch.nn, kind)(5, 7, num_layers=2).to(x.device)(x)

    return run


def cell(kind: str) -> Program:
    def run(x: torch.Tensor) -> Any:
        torch.manual_seed(4)
        return getattr(torch.nn, kind)(5, 7).to(x.device)(x)

    return run


def in_place(change: Callable[[torch.Tensor], Any]) -> Program:
    """The tensor after a change of its copy."""

    def run(x: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        copy = x.clone()
        change(copy, *others)
        return copy

    return run


def with_out(function: Any) -> Program:
    """By `out=` a tensor that is too small, which is resized."""

    def run(*tensors: torch.Tensor) -> torch.Tensor:
        out = torch.empty(0, device=tensors[0].device)
        assert function(*tensors, out=out) is out
        return out

    return run


def drawn(draw: Callable[[Any], torch.Tensor]) -> Program:
    """Random numbers: the same seed gives the same on both devices."""

    def run(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(11)
        return draw(x)

    return run


def eval_norm(x: torch.Tensor) -> torch.Tensor:
    mean = torch.arange(3.0, device=x.device)
    return F.batch_norm(x, mean, mean + 1)


def scatter_of(name: str, **options: Any) -> Program:
    return in_place(lambda x, i, s: getattr(x, name)(0, i, s, **options))


PROGRAMS: dict[str, tuple[Program, tuple[torch.Tensor, ...]]] = {
    # pointwise
    "add": (lambda x, y: x + y, (normal(5, 7), normal(7))),
    "add number": (lambda x: 2 - x * 3 + True, (normal(5, 7),)),
    "division": (lambda x, y: (x / y, x // y, x % y), (normal(9), normal(9))),
    "integers": (lambda x, y: (x + y, x & y, x << 2, x // 3, -x), (whole(99, 8), whole(99, 8))),
    "comparison": (lambda x, y: (x < y, x == y, (x > 0) & (y > 0)), (normal(9), normal(9))),
    "where": (lambda x, y: torch.where(x > 0, x, y), (normal(6, 4), normal(4))),
    "clamp": (lambda x: (x.clamp(-0.5, 0.5), x.clamp(min=0)), (normal(9),)),
    "functions": (lambda x: (x.exp(), x.sin(), x.erf(), x.tanh(), x.abs().log(), x.abs().sqrt()), (normal(33),)),
    "activations": (lambda x: (F.gelu(x), F.silu(x), F.relu(x), F.elu(x), F.softplus(x), F.mish(x)), (normal(33),)),
    "bfloat16": (lambda x: (x * x).exp(), (normal(33).bfloat16(),)),
    "half": (lambda x: x.sin() + 1, (normal(33).half(),)),
    "complex": (
        lambda x: (x.conj() * x, x.real, torch.view_as_real(x.conj().resolve_conj())),
        (normal(4, 4).cfloat(),),
    ),
    "type conversion": (lambda x: (x.int(), x.half().float(), x.bool(), x.to(torch.int8)), (normal(9) * 3,)),
    "lerp addcmul": (lambda x, y: (torch.lerp(x, y, 0.3), torch.addcmul(x, y, y, value=2)), (normal(9), normal(9))),
    "bucketize": (lambda x, y: torch.bucketize(x, y), (normal(9), torch.linspace(-1, 1, 5))),
    "nan_to_num": (lambda x: torch.nan_to_num(x / 0), (torch.tensor([0.0, 1.0, -1.0]),)),
    # reductions and scans
    "sum": (lambda x: (x.sum(), x.sum(0), x.sum(1, keepdim=True), x.mean((0, 1))), (normal(5, 7),)),
    "extremes": (lambda x: (x.max(), *x.max(1), x.argmin(0), x.amax(0), *x.aminmax(dim=1)), (normal(5, 7),)),
    "moments": (lambda x: (x.var(), x.std(0), *torch.var_mean(x, 1), x.norm(), x.prod()), (normal(5, 7),)),
    "all any": (lambda x: ((x > 0).any(), (x > 0).all(1), x.count_nonzero()), (normal(5, 7),)),
    "logsumexp": (lambda x: (x.logsumexp(1), x.softmax(0), x.log_softmax(-1)), (normal(5, 7),)),
    "scans": (lambda x: (x.cumsum(0), x.cumprod(1), *x.cummax(1), x.logcumsumexp(0)), (normal(5, 7),)),
    "median": (lambda x: (x.median(), *x.median(1), x.quantile(0.3)), (normal(5, 7),)),
    "histogram": (lambda x: (x.bincount(), torch.histc(x.float(), 4)), (whole(9, 30),)),
    # products
    "matmul": (lambda x, y: (x @ y, y.t() @ x.t()), (normal(5, 7), normal(7, 3))),
    "batched": (lambda x, y: (x @ y, torch.bmm(x, y), torch.baddbmm(x, x, y, beta=0.5)), (normal(2, 4, 4),) * 2),
    "einsum": (lambda x, y: torch.einsum("bij,bkj->bik", x, y), (normal(2, 3, 4), normal(2, 5, 4))),
    "linear": (lambda x, w, b: F.linear(x, w, b), (normal(2, 5, 7), normal(3, 7), normal(3))),
    "outer dot": (lambda x, y: (x.outer(y), x.dot(y), torch.addr(x.outer(y), x, y)), (normal(6), normal(6))),
    "linalg": (lambda x: (torch.linalg.inv(x), torch.linalg.det(x), *torch.linalg.qr(x)), (normal(4, 4),)),
    "solve": (lambda x, y: (torch.linalg.solve(x, y), torch.linalg.cholesky(x @ x.mT)), (normal(4, 4), normal(4, 2))),
    # convolutions, pooling, interpolation
    "conv1d": (F.conv1d, (normal(2, 3, 11), normal(4, 3, 3), normal(4))),
    "conv2d": (lambda x, w: F.conv2d(x, w, stride=2, padding=1), (normal(2, 3, 9, 9), normal(4, 3, 3, 3))),
    "conv2d groups": (lambda x, w: F.conv2d(x, w, groups=2, dilation=2), (normal(2, 4, 9, 9), normal(6, 2, 3, 3))),
    "conv2d same": (lambda x, w: F.conv2d(x, w, padding="same"), (normal(2, 3, 8, 8), normal(4, 3, 3, 3))),
    "transposed": (lambda x, w: F.conv_transpose2d(x, w, stride=2), (normal(2, 3, 5, 5), normal(3, 4, 3, 3))),
    "conv3d": (F.conv3d, (normal(1, 2, 5, 5, 5), normal(3, 2, 3, 3, 3))),
    "pooling": (
        lambda x: (F.max_pool2d(x, 2), F.avg_pool2d(x, 3, 2), F.adaptive_avg_pool2d(x, 3)),
        (normal(2, 3, 9, 9),),
    ),
    "pooling indices": (lambda x: F.max_pool2d(x, 2, return_indices=True), (normal(2, 3, 8, 8),)),
    "interpolate": (
        lambda x: tuple(F.interpolate(x, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear", "bicubic")),
        (normal(1, 2, 5, 5),),
    ),
    "grid_sample": (
        lambda x, g: F.grid_sample(x, g, align_corners=False),
        (normal(1, 2, 5, 5), torch.rand(1, 4, 4, 2)),
    ),
    "padding": (lambda x: (F.pad(x, (1, 2)), F.pad(x, (1, 1, 1, 1), "reflect"), F.unfold(x, 2)), (normal(1, 2, 5, 5),)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (normal(1, 8, 3, 3),)),
    # norms, attention
    "layer_norm": (lambda x, w: F.layer_norm(x, (7,), w), (normal(5, 7), normal(7))),
    "rms_norm": (lambda x, w: F.rms_norm(x, (7,), w), (normal(5, 7), normal(7))),
    "group_norm": (lambda x: (F.group_norm(x, 2), F.instance_norm(x)), (normal(2, 4, 5, 5),)),
    "batch_norm": (
        lambda x, w: (F.batch_norm(x, None, None, w, training=True), eval_norm(x)),
        (normal(4, 3, 5), normal(3)),
    ),
    # indices
    "index": (lambda x, i: (x[i], x[:, i % 3], x[..., 1], x[None, 2:4]), (normal(6, 6), whole(6, 4))),
    "index by mask": (lambda x: (x[x > 0], x.masked_select(x < 0), x.masked_fill(x > 0, 9)), (normal(5, 7),)),
    "index_put": (
        in_place(lambda x, i, v: x.index_put_((i,), v, accumulate=True)),
        (normal(6, 3), whole(6, 4), normal(4, 3)),
    ),
    "assign": (
        in_place(lambda x, i: (x.__setitem__(i, 7.0), x.__setitem__((slice(None), 2), x[:, 1]))),
        (normal(6, 3), whole(6, 2)),
    ),
    "gather": (lambda x, i: (x.gather(1, i), x.take_along_dim(i, 1)), (normal(5, 7), whole(7, 5, 3))),
    "scatter": (scatter_of("scatter_"), (normal(6, 3), whole(6, 1, 3), normal(1, 3))),
    "scatter_add": (scatter_of("scatter_add_"), (normal(6, 3), whole(6, 8, 3), normal(8, 3))),
    "scatter_reduce": (scatter_of("scatter_reduce_", reduce="amax"), (normal(6, 3), whole(6, 8, 3), normal(8, 3))),
    "index_add": (
        lambda x, i, s: (x.index_add(0, i, s), x.index_copy(0, i, s), x.index_select(0, i)),
        (normal(6, 3), torch.tensor([3, 1]), normal(2, 3)),
    ),
    "sort": (lambda x: (*x.sort(1), *x.sort(0, descending=True), x.argsort()), (normal(5, 7),)),
    "topk": (lambda x: (*x.topk(3), *x.kthvalue(2), x.msort()), (normal(5, 7),)),
    "unique": (lambda x: (*torch.unique(x, return_counts=True), torch.isin(x, x[:3])), (whole(9, 30),)),
    "nonzero": (lambda x: (torch.nonzero(x > 0), *torch.where(x > 0)), (normal(5, 7),)),
    "searchsorted": (lambda x, y: torch.searchsorted(x.sort().values, y), (normal(9), normal(4))),
    "repeat_interleave": (lambda x, n: (x.repeat_interleave(n, 0), x.repeat(2, 1)), (normal(4, 3), whole(4, 4))),
    "triangles": (lambda x: (x.tril(), x.triu(1), x.diagonal(), torch.diag(x), x.trace()), (normal(5, 5),)),
    "tril_indices": (
        lambda x: (torch.tril_indices(3, 4, device=x.device), torch.eye(3, 2, device=x.device)),
        (normal(1),),
    ),
    # embeddings, losses
    "embedding": (lambda i, w: F.embedding(i, w), (whole(9, 2, 5), normal(9, 4))),
    "embedding_bag": (
        lambda i, w: tuple(F.embedding_bag(i, w, mode=m) for m in ("sum", "mean", "max")),
        (whole(9, 2, 5), normal(9, 4)),
    ),
    "one_hot": (lambda i: F.one_hot(i, 9), (whole(9, 5),)),
    "cross_entropy": (
        lambda x, t: (F.cross_entropy(x, t), F.cross_entropy(x, t, label_smoothing=0.1, reduction="sum")),
        (normal(5, 7), whole(7, 5)),
    ),
    "losses": (
        lambda x, y: tuple(
            f(x, y) for f in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.poisson_nll_loss)
        ),
        (normal(5, 7), torch.rand(5, 7)),
    ),
    "logistic losses": (
        lambda x, y: (F.binary_cross_entropy_with_logits(x, y), F.binary_cross_entropy(y, y)),
        (normal(9), torch.rand(9)),
    ),
    "cosine": (
        lambda x, y: (F.cosine_similarity(x, y), F.pairwise_distance(x, y), torch.cdist(x, y)),
        (normal(5, 7),) * 2,
    ),
    # recurrent
    "lstm": (rnn("LSTM"), (normal(4, 2, 5),)),
    "gru": (rnn("GRU"), (normal(4, 2, 5),)),
    "rnn": (rnn("RNN"), (normal(4, 2, 5),)),
    "cells": (lambda x: (*cell("LSTMCell")(x), cell("GRUCell")(x), cell("RNNCell")(x)), (normal(2, 5),)),
    # shapes and views
    "shapes": (
        lambda x: (x.t(), x.reshape(-1), x.unsqueeze(1).expand(5, 2, 7), x.flip(0), x.roll(2, 1), x.rot90()),
        (normal(5, 7),),
    ),
    "joining": (
        lambda x, y: (torch.cat((x, y)), torch.stack((x, x)), *x.chunk(2), *y.split(2, 1), *x.unbind()),
        (normal(4, 5), normal(2, 5)),
    ),
    "strided": (
        lambda x: (x[::2, 1::3], x.as_strided((3, 2), (1, 4)), x.unfold(1, 3, 2), x.permute(1, 0).contiguous()),
        (normal(5, 7),),
    ),
    "channels last": (lambda x: x.contiguous(memory_format=torch.channels_last) * 2, (normal(2, 3, 4, 4),)),
    "views of bits": (lambda x: (x.view(torch.int32), x.view(2, -1), x.view_as(x)), (normal(4, 4),)),
    "new tensors": (
        lambda x: (
            torch.arange(7, device=x.device),
            torch.linspace(0, 1, 5, device=x.device),
            x.new_full((2,), 3),
            torch.zeros_like(x),
            torch.tensor([1, 2], device=x.device),
        ),
        (normal(3),),
    ),
    "meshgrid": (lambda x: (*torch.meshgrid(x, x, indexing="ij"), torch.cartesian_prod(x, x)), (normal(3),)),
    # in place and out=
    "in place": (in_place(lambda x: x.add_(1).mul_(2).clamp_(0).sqrt_().t_()), (normal(5, 7),)),
    "in place of a view": (
        in_place(lambda x: (x[1:3].zero_(), x.t()[0].fill_(9), x.view(-1)[::5].neg_())),
        (normal(5, 7),),
    ),
    "copy": (in_place(lambda x, y: (x[:, ::2].copy_(y), x[0].copy_(y[0, 0]))), (normal(5, 6), whole(9, 5, 3))),
    "out": (with_out(torch.add), (normal(5, 7), normal(7))),
    "out of a product": (with_out(torch.mm), (normal(5, 7), normal(7, 2))),
    "out of a reduction": (with_out(lambda x, out: torch.sum(x, 1, out=out)), (normal(5, 7),)),
    "resize": (in_place(lambda x: x.resize_(2, 3).add_(1)), (normal(5, 7),)),
    "foreach": (
        lambda x, y: (*torch._foreach_add([x, y], 1.5), *torch._foreach_norm([x, y])),
        (normal(3), normal(4, 2)),
    ),
    # random numbers
    "rand": (drawn(lambda x: torch.rand(9, device=x.device)), (normal(1),)),
    "randn": (drawn(lambda x: torch.randn(4, 5, device=x.device)), (normal(1),)),
    "randint": (drawn(lambda x: torch.randint(9, (20,), device=x.device)), (normal(1),)),
    "randperm": (drawn(lambda x: torch.randperm(20, device=x.device)), (normal(1),)),
    "distributions": (
        drawn(lambda x: torch.cat((x.exponential_(), x.normal_(1, 2), x.uniform_(), x.bernoulli_()))),
        (normal(9),),
    ),
    "dropout": (drawn(lambda x: F.dropout(x, 0.4)), (normal(50),)),
    "multinomial": (drawn(lambda x: torch.multinomial(x, 3)), (torch.rand(4, 9),)),
    "rand_like": (
        drawn(lambda x: torch.cat((torch.rand_like(x), torch.randn_like(x), torch.bernoulli(x)))),
        (torch.rand(9),),
    ),
    # signals
    "fft": (lambda x: (torch.fft.fft(x), torch.fft.rfft2(x), torch.fft.irfft(torch.fft.rfft(x))), (normal(4, 8),)),
    "stft": (
        lambda x: torch.stft(x, 16, return_complex=True, window=torch.hann_window(16, device=x.device)),
        (normal(64),),
    ),
}

ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"is_causal": True},
    "boolean mask": {"attn_mask": TRUE_SOMEWHERE},
    "added mask": {"attn_mask": normal(6, 6)},
    "row without keys": {"attn_mask": MASK & (torch.arange(6) > 0)[:, None]},
    "scale": {"scale": 0.5},
    "grouped queries": {"enable_gqa": True},
}


def flat(result: Any) -> list[torch.Tensor]:
    return [each for part in result for each in flat(part)] if isinstance(result, (tuple, list)) else [result]


def on_mps(value: Any) -> Any:
    return value.to("mps") if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_bits_that_the_cpu_gives(name: str):
    program, inputs = PROGRAMS[name]
    expected = flat(program(*(each.clone() for each in inputs)))
    found = flat(program(*map(on_mps, inputs)))
    assert len(found) == len(expected)
    for mine, right in zip(found, expected, strict=True):
        assert mine.device == torch.device("mps:0")
        bounds = {"rtol": 1e-5, "atol": 1e-6} if name in ROUNDED else {"rtol": 0, "atol": 0}
        torch.testing.assert_close(mine.cpu(), right, equal_nan=True, **bounds)


GRADIENTS = {
    name: PROGRAMS[name]
    for name in (
        "functions", "activations", "complex", "sum", "extremes", "moments", "logsumexp", "scans", "matmul",
        "batched", "einsum", "linear", "linalg", "solve", "conv1d", "conv2d", "conv2d groups", "transposed", "conv3d",
        "pooling", "interpolate", "grid_sample", "padding", "layer_norm", "rms_norm", "group_norm", "batch_norm",
        "index", "gather", "scatter_add", "sort", "topk", "triangles", "cross_entropy", "losses", "cosine",
        "lstm", "gru", "cells", "shapes", "joining", "strided", "channels last", "index_put", "dropout", "fft",
    )
}  # fmt: skip


def gradients(program: Program, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    leaves = [each.detach().clone() for each in inputs]
    wanted = [leaf.requires_grad_() for leaf in leaves if leaf.is_floating_point() or leaf.is_complex()]
    outputs = [each for each in flat(program(*leaves)) if each.requires_grad]
    sums = [torch.view_as_real(each).sum() if each.is_complex() else (each * each).sum() for each in outputs]
    return [each for each in torch.autograd.grad(sums, wanted, allow_unused=True) if each is not None]


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_the_cpu(name: str):
    program, inputs = GRADIENTS[name]
    expected = gradients(program, list(inputs))
    found = gradients(program, list(map(on_mps, inputs)))
    assert len(found) == len(expected) > 0
    for mine, right in zip(found, expected, strict=True):
        assert mine.device.type == "mps"
        torch.testing.assert_close(mine.cpu(), right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("needs_gradient", [False, True])
def test_attention_is_that_of_the_cpu(name: str, needs_gradient: bool):
    """The CPU's own kernel is a fused one, hence not equal by bits."""
    options = ATTENTION[name]
    heads = (4, 2, 2) if options.get("enable_gqa") else (2, 2, 2)
    inputs = [torch.randn(1, count, 6, 8) for count in heads]
    results = []
    for place in ("cpu", "mps"):
        leaves = [each.detach().to(place).requires_grad_(needs_gradient) for each in inputs]
        moved = {key: value.to(place) if isinstance(value, torch.Tensor) else value for key, value in options.items()}
        result = F.scaled_dot_product_attention(*leaves, **moved)
        gradient = torch.autograd.grad(result.sin().sum(), leaves) if needs_gradient else ()
        results.append([each.cpu() for each in (result, *gradient)])
    for right, mine in zip(*results, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-5, atol=1e-6, equal_nan=True)
