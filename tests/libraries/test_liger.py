"""Liger's ops, forward and backward on the CPU device, against plain PyTorch: `make libraries`."""

from __future__ import annotations

from tests.support.libraries import Case, Tensors, assert_near, check, rows, use_first_configurations

use_first_configurations()

import liger_references as plain  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from liger_kernel import ops  # noqa: E402
from liger_kernel.ops import dyt, grpo_loss  # noqa: E402
from liger_kernel.ops.experimental import mm_int8int2  # noqa: E402

pytestmark = pytest.mark.libraries
SINGLE, HALF = torch.float32, torch.bfloat16
ROWS = (7, 130)
LABELS = torch.tensor([3, 0, -100, 129, 64, -100, 17])
KEPT = LABELS != -100
WEIGHTS = torch.linspace(0.5, 2, 130)
CHOSEN = torch.tensor([[(i * 3) % 5, (i * 3 + 1 + i % 3) % 5] for i in range(37)], dtype=torch.int32)
IDS = torch.tensor([[3, 0, 129, 64, 17], [8, 8, 1, 100, 99]])
ADVANTAGES = torch.tensor([0.7, -1.2])
MASK = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
OLD, REFERENCE = -5 + torch.linspace(-1, 1, 10).reshape(2, 5), -5 + torch.linspace(0.5, -1, 10).reshape(2, 5)
TABLES = plain.rotary_tables(torch.arange(9)[None], 20)
THREE = plain.rotary_tables(torch.arange(54).reshape(3, 2, 9) % 11, 20)
TURNS = torch.polar(torch.ones(9, 10), torch.arange(90.0).reshape(9, 10) % 7)


def cast(tables: Tensors, like: torch.Tensor) -> list[torch.Tensor]:
    return [table.to(like.dtype) for table in tables]


def rope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    return ops.LigerRopeFunction.apply(q, k, *cast(TABLES, q))


def plain_rope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    return tuple(plain.rotate(each, *(table[:, None] for table in TABLES)) for each in (q, k))


def mrope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    return ops.LigerQwen2VLMRopeFunction.apply(q, k, *cast(THREE, q), (2, 3, 5))


def plain_mrope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    tables = [plain.multimodal_table(table, (2, 3, 5)) for table in THREE]
    return tuple(plain.rotate(each, *tables) for each in (q, k))


def llama4_rope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    return ops.LigerLlama4RopeFunction.apply(q, k, TURNS)


def plain_llama4_rope(q: torch.Tensor, k: torch.Tensor) -> Tensors:
    return tuple(plain.complex_rotate(each, TURNS) for each in (q, k))


def both(op, *options):
    """`op` on the log-softmax of two tensors."""
    return lambda a, b: op(a.log_softmax(-1), b.log_softmax(-1), *options)


def cross_entropy(weight=None, square=0.0, smoothing=0.0, reduction="mean", softcap=None):
    return lambda x: ops.LigerCrossEntropyFunction.apply(
        x, LABELS, weight, -100, square, smoothing, reduction, softcap, False
    )[0]


def linear_cross_entropy(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return ops.LigerFusedLinearCrossEntropyFunction.apply(x, w, LABELS, b)[0]


def linear_jsd(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    teacher = torch.ones_like(x).cumsum(-1) / 20, w.detach().flip(0)
    return ops.LigerFusedLinearJSDFunction.apply(x, w, *teacher, LABELS, 0.3, -100, 2.0)


def plain_linear_jsd(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    teacher = (torch.ones_like(x).cumsum(-1) / 20) @ w.detach().flip(0).T
    return plain.jsd((x @ w.T / 2).log_softmax(-1), (teacher / 2).log_softmax(-1), 0.3, KEPT)


def linear_kl(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return ops.LigerFusedLinearKLDivFunction.apply(x, w, WEIGHTS.to(x.dtype).softmax(-1).repeat(7, 1), None)


def plain_linear_kl(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    target = WEIGHTS.softmax(-1).repeat(7, 1).to(x.dtype)
    return F.kl_div((x @ w.T).log_softmax(-1), target, reduction="batchmean")


def plain_ce_tvd(student: torch.Tensor, teacher: torch.Tensor) -> Tensors:
    distance = (student.softmax(-1) - teacher.detach().softmax(-1)).abs().sum(-1) / 2
    return F.cross_entropy(student, LABELS, reduction="none"), distance * KEPT


def grpo(beta: float, level: str = "token"):
    def run(logits: torch.Tensor) -> torch.Tensor:
        return grpo_loss.GrpoLossFunction.apply(
            logits, OLD, REFERENCE, IDS, ADVANTAGES, MASK, 0.9, beta, 0.2, 0.4, False, "grpo", None, False, level
        )[0]  # fmt: skip

    return run


def plain_grpo(beta: float, level: str = "token"):
    return lambda logits: plain.grpo(logits, IDS, OLD, REFERENCE, ADVANTAGES, MASK, beta, level)


def coefficients(x: torch.Tensor, phi: torch.Tensor, b: torch.Tensor, scales: torch.Tensor) -> Tensors:
    return ops.LigerMHCCoeffsFunction.apply(x, phi, b, *scales, True, 6, 1e-6, 0.0, 1e-6, 2.0)


def experts(x: torch.Tensor, gate_up: torch.Tensor, down: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    return ops.LigerFusedMoEFunction.apply(x, gate_up / 8, down / 8, CHOSEN, shares)


def plain_experts(x: torch.Tensor, gate_up: torch.Tensor, down: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    return plain.experts(x, gate_up / 8, down / 8, shares, CHOSEN)


def plain_cross_entropy(**options):
    return lambda x: plain.cross_entropy(x, LABELS, **options)


WIDE = ((7, 130), (130,))
NORMS = {
    "rms_norm": Case(lambda x, w: ops.LigerRMSNormFunction.apply(x, w, 1e-6), plain.rms_norm, WIDE),
    "rms_norm gemma": Case(
        lambda x, w: ops.LigerRMSNormFunction.apply(x, w, 1e-6, 1.0, "gemma", False),
        lambda x, w: plain.rms_norm(x, w, 1.0),
        ((3, 5, 77), (77,)),
    ),
    "rms_norm of rows": Case(
        lambda x, w: ops.LigerRMSNormFunction.apply(x, w, 1e-6, 0.0, "none", True, False),
        plain.rms_norm,
        WIDE,
        (SINGLE,),
    ),
    "layer_norm": Case(
        lambda x, w, b: ops.LigerLayerNormFunction.apply(x, w, b, 1e-5),
        lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b),
        (*WIDE, (130,)),
    ),
    "group_norm": Case(
        lambda x, w, b: ops.LigerGroupNormFunction.apply(x, w, b, 6, 3, 1e-5),
        lambda x, w, b: F.group_norm(x, 3, w, b),
        ((2, 6, 35), (6,), (6,)),
    ),
    "fused_add_rms_norm": Case(
        lambda x, r, w: ops.LigerFusedAddRMSNormFunction.apply(x, r, w, 1e-6),
        plain.fused_add_rms_norm,
        (ROWS, ROWS, (130,)),
    ),
    "modulated_rms_norm": Case(
        lambda x, w, scale, shift: ops.LigerModulatedRMSNormFunction.apply(x, w, scale, shift, 1e-6),
        plain.modulated_rms_norm,
        ((2, 7, 77), (77,), (2, 1, 77), (2, 1, 77)),
    ),
    "poly_norm": Case(
        lambda x, w, b: ops.LigerPolyNormFunction.apply(x, w, b), plain.poly_norm, (ROWS, (3,), ()), (SINGLE,)
    ),
}
ACTIVATIONS = {
    "swiglu": Case(ops.LigerSiLUMulFunction.apply, lambda a, b: F.silu(a) * b, (ROWS, ROWS)),
    "swiglu of one tensor": Case(
        ops.LigerFusedGateUpSiLUMulFunction.apply,
        lambda y: F.silu(y.chunk(2, -1)[0]) * y.chunk(2, -1)[1],
        (ROWS,),
    ),
    "geglu": Case(ops.LigerGELUMulFunction.apply, lambda a, b: F.gelu(a, approximate="tanh") * b, (ROWS, ROWS)),
    "relu_squared": Case(ops.LigerReLUSquaredFunction.apply, lambda x: x.relu().square(), (ROWS,)),
    "softmax": Case(ops.LigerSoftmaxFunction.apply, lambda x: x.softmax(-1), (ROWS,)),
    "softmax of long rows": Case(ops.LigerSoftmaxFunction.apply, lambda x: x.softmax(-1), ((3, 13001),)),
    "sparsemax": Case(lambda x: ops.LigerSparsemaxFunction.apply(x, -1), plain.sparsemax, (ROWS,)),
    "embedding": Case(
        lambda table: ops.LigerEmbeddingFunction.apply(table, IDS), lambda table: table[IDS], ((130, 33),)
    ),
}
ROTARY = {
    "rope": Case(rope, plain_rope, ((2, 3, 9, 20), (2, 1, 9, 20))),
    "qwen2vl_mrope": Case(mrope, plain_mrope, ((2, 3, 9, 20), (2, 1, 9, 20))),
    "llama4_rope": Case(llama4_rope, plain_llama4_rope, ((2, 9, 3, 20), (2, 9, 1, 20))),
}
LOSSES = {
    "cross_entropy": Case(cross_entropy(), plain_cross_entropy(), (ROWS,)),
    "cross_entropy smoothed": Case(
        cross_entropy(WEIGHTS, 0.0, 0.1), plain_cross_entropy(weight=WEIGHTS, label_smoothing=0.1), (ROWS,)
    ),
    "cross_entropy capped": Case(
        cross_entropy(None, 1e-2, 0.0, "mean", 3.0), plain_cross_entropy(softcap=3.0, square=1e-2), (ROWS,)
    ),
    "cross_entropy of rows": Case(
        cross_entropy(reduction="none"), plain_cross_entropy(reduction="none"), (ROWS,), (SINGLE,)
    ),
    "fused_linear_cross_entropy": Case(
        linear_cross_entropy, lambda x, w, b: F.cross_entropy(x @ w.T + b, LABELS), ((7, 20), (130, 20), (130,))
    ),
    "vocab_parallel_cross_entropy": Case(
        lambda x: ops.LigerVocabParallelCEFunction.apply(
            x[:, None], LABELS[:, None], None, -100, 0.1, "pytorch", "global"
        ),
        lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1, reduction="none")[:, None],
        (ROWS,),
    ),
    "fused_ce_tvd": Case(
        lambda a, b: ops.LigerFusedCETVDFunction.apply(a, b.detach(), LABELS), plain_ce_tvd, (ROWS, ROWS)
    ),
    "kl_div": Case(
        lambda a, b: ops.LigerKLDivLossFunction.apply(a.log_softmax(-1), b.detach().softmax(-1)),
        lambda a, b: F.kl_div(a.log_softmax(-1), b.detach().softmax(-1), reduction="batchmean"),
        (ROWS, ROWS),
    ),
    "kl_div of logarithms": Case(
        both(lambda a, b: ops.LigerKLDivLossFunction.apply(a, b.detach(), "mean", True)),
        both(lambda a, b: F.kl_div(a, b.detach(), reduction="none", log_target=True).mean()),
        (ROWS, ROWS),
    ),
    "fused_linear_kl_div": Case(linear_kl, plain_linear_kl, ((7, 20), (130, 20))),
    "fused_linear_jsd": Case(linear_jsd, plain_linear_jsd, ((7, 20), (130, 20))),
    "tvd": Case(
        lambda a, b: ops.LigerTVDLossFunction.apply(a, b.detach(), LABELS, "mean"),
        lambda a, b: (a - b.detach())[KEPT].abs().mean() / 2,
        (ROWS, ROWS),
    ),
    "grpo_loss": Case(grpo(0.0), plain_grpo(0.0), ((2, 6, 130),)),
    "grpo_loss of sequences": Case(grpo(0.1, "sequence"), plain_grpo(0.1, "sequence"), ((2, 6, 130),)),
    "grpo_loss with distance": Case(grpo(0.1), plain_grpo(0.1), ((2, 6, 130),)),
} | {
    f"jsd {beta}": Case(
        lambda a, b, beta=beta: ops.LigerJSDFunction.apply(a, b.detach(), LABELS, beta),
        lambda a, b, beta=beta: plain.jsd(a, b.detach(), beta, KEPT),
        (ROWS, ROWS),
    )
    for beta in (0.0, 0.3, 1.0)
}
ATTENTION = {
    "fused_neighborhood_attention": Case(
        lambda q, k, v: ops.LigerFusedNeighborhoodAttentionFunction.apply(q, k, v, 5, 2),
        lambda q, k, v: plain.neighborhood_attention(q, k, v, 5, 2),
        ((2, 3, 37, 20),) * 3,
    ),
    "multi_token_attention": Case(
        lambda s, w, b: ops.LigerMultiTokenAttentionFunction.apply(s, w, b, 1, 1),
        lambda s, w, b: plain.multi_token_attention(s, w, b, False),
        ((2, 3, 19, 19), (4, 3, 3, 3), (4,)),
    ),
    "multi_token_attention sparse": Case(
        lambda s, w, b: ops.LigerMultiTokenAttentionFunction.apply(s, w, b, 1, 1, 1, 1, True),
        lambda s, w, b: plain.multi_token_attention(s, w, b, True),
        ((2, 3, 19, 19), (4, 3, 3, 3), (4,)),
        (SINGLE,),
    ),
    "attn_res": Case(
        lambda v, q, w: ops.LigerAttnResFunction.apply(v, q, w, 1e-6),
        plain.attention_over_blocks,
        ((5, 2, 7, 33), (33,), (33,)),
    ),
    "mhc coefficients": Case(
        coefficients,
        lambda *inputs: plain.hyper_connection_coefficients(*inputs, 6),
        ((2, 9, 4, 33), (132, 24), (24,), (3,)),
    ),
    "mhc input": Case(
        lambda x, h: ops.LigerMHCPreFunction.apply(x, h),
        lambda x, h: (h[..., None] * x).sum(-2),
        ((2, 9, 4, 33), (2, 9, 4)),
    ),
    "mhc output": Case(
        ops.LigerMHCPostResFunction.apply,
        plain.hyper_connection_output,
        ((2, 9, 4, 33), (2, 9, 33), (2, 9, 4), (2, 9, 4, 4)),
    ),
    "fused_moe": Case(experts, plain_experts, ((37, 40), (5, 66, 40), (5, 40, 33), (37, 2))),
}


@rows(NORMS)
def test_norm(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(ACTIVATIONS)
def test_activation(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(ROTARY)
def test_rotary_embedding(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(LOSSES)
def test_loss(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(ATTENTION)
def test_attention(case: Case, dtype: torch.dtype):
    check(case, dtype)


DYT = Case(
    ops.LigerDyTFunction.apply,
    lambda x, alpha, gamma, beta: gamma * (alpha * x).tanh() + beta,
    (ROWS, (1,), (130,), (130,)),
)


def test_dyt_asks_what_device_torch_has():
    """Its backward counts the cores of a GPU of three makers, and nothing else."""
    with pytest.raises(UnboundLocalError, match="NUM_SMS"):
        check(DYT, SINGLE)


@rows({"dyt": DYT})
def test_dyt(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dyt, "infer_device", lambda: "npu")
    check(case, dtype)


MLP = Case(
    lambda x, *weights: ops.LigerMLPFunction.apply(x, *(w / 8 for w in weights)),
    lambda x, gate, up, down: F.linear(F.silu(x @ gate.T / 8) * (x @ up.T / 8), down / 8),
    ((1, 40, 64), (96, 64), (96, 64), (64, 96)),
    (HALF,),
)


def test_mlp_asks_for_cuda():
    with pytest.raises(AssertionError) as caught:
        check(MLP, HALF)
    assert "is_cuda" in str(caught.traceback[-1].statement)


@rows({"mlp": MLP})
def test_mlp(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    """Its kernels, which take tensor descriptors."""
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    check(case, dtype)


def test_matmul_of_packed_weights():
    torch.manual_seed(0)
    a, b = torch.randint(-128, 128, (33, 256), dtype=torch.int8), torch.randint(-1, 2, (256, 40))
    product = mm_int8int2.matmul(a, mm_int8int2.pack_weights(b.clone()))
    assert_near("product", product, a.long() @ b, 0.0)
