"""The census's programs without gradients: elementwise, reductions, scans, sorts, indices, views, mutation."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .program import Program, integers, numbers, shuffled


def rows() -> list[torch.Tensor]:
    return [numbers(37, 129)]


def two() -> list[torch.Tensor]:
    return [numbers(37, 129), numbers(37, 129, seed=1)]


def whole() -> list[torch.Tensor]:
    return [integers(40, 33, below=60, least=-60)]


HALF = 2e-3
BRAIN = 2e-2


def positive() -> list[torch.Tensor]:
    return [numbers(37, 129).abs() + 0.1]


POINTWISE = {
    "pointwise": Program(lambda x: torch.relu(x * 2 + 1), rows),
    "transcendental": Program(lambda x: x.sin() * x.exp() + x.sigmoid().log1p() + x.tanh().pow(3), rows),
    "logarithms": Program(lambda x: x.log() + x.log2() + x.rsqrt() + x.sqrt() + x.pow(1.7), positive),
    "error_functions": Program(lambda x: torch.erf(x) + torch.erfinv(x.tanh() * 0.9) + torch.special.i0(x), rows),
    "hyperbolic": Program(lambda x: x.sinh() + x.cosh() + x.asinh() + torch.atan2(x, x + 3), rows),
    "gamma": Program(lambda x: torch.lgamma(x) + torch.digamma(x), positive, tolerance=1e-4),
    "rounding": Program(lambda x: (x * 3).round() + x.floor() + x.ceil() + x.trunc() + x.frac(), rows),
    "comparisons": Program(lambda x, y: (x > y, x.maximum(y), x.clamp(-1, 1), torch.where(x > 0, x, y)), two),
    "remainders": Program(lambda x, y: (torch.fmod(x, y.abs() + 1), torch.remainder(x, y.abs() + 1)), two),
    "integers": Program(lambda i: (i * 7) // 3 + (i % 5) - (i << 2) + (i ^ 3) + i.abs(), whole),
    "division": Program(
        lambda i: (torch.div(i, 7, rounding_mode="floor"), torch.div(i, 7, rounding_mode="trunc")), whole
    ),
    "bytes": Program(
        lambda i: ((i.to(torch.uint8) * 3).to(torch.int16), i.to(torch.int8) >> 1, i.to(torch.bool)), whole
    ),
    "half": Program(
        lambda x: (x * 2 + 1).sigmoid() * x, lambda: (numbers(37, 129, dtype=torch.float16),), tolerance=HALF
    ),
    "bfloat16": Program(
        lambda x: (x * 2 + 1).tanh() * x, lambda: (numbers(37, 129, dtype=torch.bfloat16),), tolerance=BRAIN
    ),
    "conversions": Program(
        lambda x: x.to(torch.float16).float() + x.to(torch.bfloat16).float() + (x * 10).to(torch.int32).float(),
        rows,
        exact=False,
    ),
    "special_values": Program(
        lambda x: (x.isnan(), x.isinf(), torch.nan_to_num(x), x.sign(), torch.signbit(x)),
        lambda: (torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1.5, -3.25]),),
        exact=False,
    ),
    "broadcasting": Program(lambda x, y: x[:, None] * y + x.sum(), lambda: (numbers(65), numbers(65, 33))),
    "complex_product": Program(
        lambda x, y: torch.view_as_real(torch.view_as_complex(x) * torch.view_as_complex(y).conj_physical()),
        lambda: (numbers(9, 5, 2), numbers(9, 5, 2, seed=1)),
    ),
    "foreach": Program(
        lambda *x: torch._foreach_mul(torch._foreach_add(list(x), 1.5), 2), lambda: [numbers(n) for n in (5, 70, 300)]
    ),
}

REDUCTIONS = {
    "sum": Program(lambda x: (x.sum(), x.sum(0), x.sum(1)), rows, tolerance=1e-4),
    "large_sum": Program(lambda x: x.sum(), lambda: (numbers(300, 1000),), tolerance=1e-3),
    "mean_and_variance": Program(lambda x: (*torch.var_mean(x, 1), x.std(0), x.mean()), rows),
    "extremes": Program(lambda x: (x.argmax(1), x.max(0), x.amin(), x.argmin(0), x.aminmax(dim=1)), rows),
    "products": Program(lambda x: (x.prod(1), (x > 3).any(), (x < 9).all(1)), lambda: (numbers(20, 30) / 2 + 1,)),
    "norms": Program(
        lambda x: (x.norm(), x.norm(dim=0), x.norm(p=1, dim=1), x.norm(p=float("inf"))), rows, tolerance=1e-4
    ),
    "logsumexp": Program(lambda x: (x.logsumexp(1), torch.logsumexp(x, (0, 1))), rows),
    "counts": Program(lambda i: ((i > 0).sum(1), torch.count_nonzero(i), i.sum(0), i.amax()), whole),
    "reduction_of_three_axes": Program(lambda x: x.sum((0, 2)) + x.amax((0, 2)), lambda: (numbers(12, 33, 40),)),
    "welford_of_columns": Program(lambda x: torch.var_mean(x, 0), lambda: (numbers(500, 70) + 100,), tolerance=1e-4),
    "softmax": Program(lambda x: F.softmax(x, -1), lambda: (numbers(64, 300),)),
    "long_softmax": Program(lambda x: F.softmax(x, -1), lambda: (numbers(3, 9000),)),
    "log_softmax_of_columns": Program(lambda x: F.log_softmax(x, 0), rows),
}

SCANS_AND_SORTS = {
    "cumsum": Program(lambda x: (x.cumsum(1), x.cumsum(0)), rows, tolerance=1e-4),
    "cumprod": Program(lambda x: x.cumprod(1), lambda: (numbers(20, 60) / 4 + 1,), tolerance=1e-4),
    "cummax": Program(lambda x: (*x.cummax(1), *x.cummin(0)), rows),
    "logcumsumexp": Program(lambda x: x.logcumsumexp(1), rows),
    "long_cumsum": Program(lambda x: x.cumsum(0), lambda: (integers(5000, below=9),)),
    "sort": Program(lambda x: x.sort(1), lambda: (numbers(8, 60),)),
    "stable_descending_sort": Program(
        lambda i: torch.sort(i, dim=1, descending=True, stable=True), lambda: (integers(9, 100, below=12),)
    ),
    "argsort": Program(lambda x: x.argsort(0), lambda: (numbers(50, 6),)),
    "topk": Program(lambda x: x.topk(5, dim=1), lambda: (numbers(10, 200),)),
    "median": Program(lambda x: (x.median(1), x.quantile(0.3, dim=1)), lambda: (numbers(10, 51),)),
    "unique_counts": Program(lambda i: torch.bincount(i, minlength=12), lambda: (integers(400, below=12),)),
    "buckets": Program(lambda x: torch.bucketize(x, torch.linspace(-2, 2, 9, device=x.device, dtype=x.dtype)), rows),
    "histogram": Program(lambda x: torch.histc(x, 10, -3, 3), rows, exact=False),
    "differences": Program(lambda x: (x.diff(dim=1), torch.trapezoid(x, dim=1)), rows, tolerance=1e-4),
}

INDICES = {
    "gather": Program(lambda x, i: x.gather(1, i), lambda: (numbers(20, 50), integers(20, 70, below=50))),
    "index": Program(lambda x, i: x[i] * 2, lambda: (numbers(37, 129), integers(50, below=37))),
    "take_along": Program(lambda x: torch.take_along_dim(x, x.argsort(1), 1), lambda: (numbers(7, 40),)),
    "masked_fill": Program(lambda x: x.masked_fill(x > 0.5, -7).tril(), rows),
    "scatter": Program(
        lambda x, i: torch.zeros(37, 129, dtype=x.dtype, device=x.device).scatter(0, i, x),
        lambda: (numbers(37, 129), torch.stack([shuffled(37)] * 129, 1)),
    ),
    "scatter_add": Program(
        lambda x, i: torch.zeros(9, 50, dtype=x.dtype, device=x.device).scatter_add(0, i, x),
        lambda: (numbers(80, 50), integers(80, 50, below=9)),
        tolerance=1e-4,
    ),
    "scatter_reduce": Program(
        lambda x, i: torch.zeros(9, dtype=x.dtype, device=x.device).scatter_reduce(0, i, x, "amax"),
        lambda: (numbers(300), integers(300, below=9)),
    ),
    "index_put": Program(
        lambda x, i, v: x.index_put((i,), v), lambda: (numbers(37, 40), shuffled(37)[:20], numbers(20, 40, seed=2))
    ),
    "index_put_accumulate": Program(
        lambda x, i, v: x.index_put((i,), v, accumulate=True),
        lambda: (numbers(7, 40), integers(90, below=7), numbers(90, 40)),
        tolerance=1e-4,
    ),
    "index_add": Program(
        lambda x, i: torch.zeros(37, 129, dtype=x.dtype, device=x.device).index_add(0, i, x[i]),
        lambda: (numbers(37, 129), integers(50, below=37)),
    ),
    "index_select": Program(
        lambda x, i: torch.index_select(x, 1, i) + 1, lambda: (numbers(9, 40), integers(70, below=40))
    ),
    "embedding": Program(lambda w, i: F.embedding(i, w).relu(), lambda: (numbers(90, 33), integers(4, 25, below=90))),
    "one_hot": Program(lambda i: F.one_hot(i, 12).sum(0), lambda: (integers(70, below=12),)),
    "boolean_count": Program(lambda x: torch.where(x > 0, 1, 0).cumsum(1).amax(1), rows),
    "roll_and_flip": Program(lambda x: x.roll(5, 1) + x.flip(0), rows),
    "unfold": Program(lambda x: x.unfold(1, 5, 3).sum(-1), rows),
}

VIEWS_AND_MUTATION = {
    "transpose": Program(lambda x: torch.cat([x, x * 2], 1).t().contiguous(), rows),
    "views": Program(lambda x: x[2:30:3, 5:].reshape(-1)[::2] + 1, rows),
    "permutation": Program(lambda x: x.permute(2, 0, 1).contiguous() + x.sum(), lambda: (numbers(8, 17, 33),)),
    "as_strided": Program(lambda x: x.as_strided((10, 5), (3, 7), 2) * 2, rows),
    "stack_and_split": Program(lambda x: torch.stack([*x.split(9, 1)[:4]]).sum(0), rows),
    "padding": Program(lambda x: (F.pad(x, (1, 2, 3, 0)), F.pad(x[None], (4, 3), "reflect")), rows),
    "repetition": Program(lambda x: (x.repeat(2, 3), x.repeat_interleave(3, 1), x.expand(4, 37, 129).sum(0)), rows),
    "triangles": Program(lambda x: x.triu(1) + x.tril(-2) + torch.eye(37, 129, dtype=x.dtype, device=x.device), rows),
    "ranges": Program(
        lambda x: torch.arange(129, device=x.device) * x + torch.linspace(0, 1, 129, device=x.device, dtype=x.dtype),
        rows,
    ),
    "in_place": Program(lambda x: x.clone().add_(1).mul_(x).clamp_(min=0), rows),
    "slice_assignment": Program(lambda x: _assigned(x.clone()), rows),
    "mutated_input": Program(lambda x: _mutated(x), rows),
    "copy": Program(lambda x, y: x.clone()[:, ::2].copy_(y[:, ::2]), two),
    "several_outputs": Program(lambda x: (x + 1, x[0], (x * 2).sum(), x.t()), rows, tolerance=1e-4),
}


def _assigned(x: torch.Tensor) -> torch.Tensor:
    x[3:9, ::2] = 5
    x[x > 2] = 2
    return x


def _mutated(x: torch.Tensor) -> torch.Tensor:
    x.mul_(3)
    x[:, 0] = 1
    return x.sum(1)


DYNAMIC = {
    "changing_rows": Program(
        lambda x: (x * x).sum(-1) + x.amax(-1),
        lambda: (numbers(5, 7),),
        calls=[lambda: (numbers(33, 100),), lambda: (numbers(64, 1025),)],
        options={"dynamic": True},
        tolerance=1e-4,
    ),
    "changing_softmax": Program(
        lambda x: F.softmax(x, -1),
        lambda: (numbers(5, 77),),
        calls=[lambda: (numbers(9, 33),), lambda: (numbers(2, 3000),)],
        options={"dynamic": True},
    ),
    "changing_product": Program(
        lambda x, w: F.gelu(x @ w),
        lambda: (numbers(5, 64), numbers(64, 40)),
        calls=[lambda: (numbers(19, 64), numbers(64, 40)), lambda: (numbers(130, 64), numbers(64, 40))],
        options={"dynamic": True},
    ),
    "marked_by_use": Program(
        lambda x: (x.cumsum(0), x.view(-1, 2).mean(1)),
        lambda: (numbers(10, 4),),
        calls=[lambda: (numbers(12, 4),), lambda: (numbers(50, 4),)],
        tolerance=1e-4,
    ),
}
