"""flash-linear-attention's ops, forward and backward on the CPU device, against its naive references.

Sequences end inside a chunk of 64 steps, and heads are no power of two wide where an op allows it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tests.support.libraries import Case, Op, check, rows, use_first_configurations

use_first_configurations()

import fla_references as plain  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from fla import ops  # noqa: E402
from fla.ops.rwkv4.fused_recurrent import fused_recurrent_rwkv4  # noqa: E402

pytestmark = pytest.mark.libraries
SINGLE, HALF, SHORT = torch.float32, torch.bfloat16, torch.float16
SIZES = {
    "b": 2,
    "t": 75,
    "h": 2,
    "g": 4,
    "i": 32,
    "k": 24,
    "v": 40,
    "m": 16,
    "c": 15,
    "d": 32,
    "e": 64,
    "1": 1,
    "2": 150,
}
KINDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": lambda x: x,
    "unit": lambda x: F.normalize(x, dim=-1),
    "gate": lambda x: F.logsigmoid(x.float()) / 4,
    "share": torch.sigmoid,
    "direction": lambda x: F.normalize(x.float(), dim=-1),
    "rate": lambda x: x.float().sigmoid(),
    "state": lambda x: x.float(),
    "feature": lambda x: F.softplus(x),
    "small": lambda x: x / 8,
    "against": lambda x: -F.normalize(x, dim=-1),
}


def naive(module: str, name: str) -> Op:
    """A reference that the package ships."""
    return getattr(import_module(f"fla.ops.{module}"), name)


def row(op: Op, reference: Op, dtypes: tuple[torch.dtype, ...] = (SINGLE, HALF), tolerance: float = 1.0, **inputs: str):
    """Inputs by name: letters of SIZES, then a kind. An initial state asks for the final one too."""
    shapes = tuple(tuple(SIZES[size] for size in text.split()[0]) for text in inputs.values())
    kinds = [KINDS[text.partition(" ")[2]] for text in inputs.values()]
    options = {"output_final_state": True} if "initial_state" in inputs else {}

    def named(function: Op) -> Op:
        return lambda *given: function(
            **{name: kind(x) for name, kind, x in zip(inputs, kinds, given, strict=True)}, **options
        )

    return Case(named(op), named(reference), shapes, dtypes, tolerance, SINGLE)


QKV = {"q": "bthk", "k": "bthk", "v": "bthv"}
STATE = {"initial_state": "bhkv state"}
UNIT = QKV | {"k": "bthk unit"}
GATE = {"g": "bth gate"}
BETA = {"beta": "bth share"}
SQUARE = {"q": "bthd", "k": "bthd", "v": "bthd"}
GROUPED = {"q": "btgd", "k": "bthd", "v": "bthd"}

simple_gla = naive("simple_gla.naive", "naive_recurrent_simple_gla")
recurrent_gla = naive("gla.naive", "naive_recurrent_gla")
retention_ = plain.heads_first(naive("retention.naive", "naive_retention"))
linear = naive("linear_attn.naive", "naive_recurrent_linear_attn")
LIGHTNING = {"layer_idx": 10, "num_layers": 12}
DECAYS = -(8 / 2 * (1 - 10 / 12)) * torch.arange(2.0)
DECAYED = {
    "chunk_simple_gla": row(ops.chunk_simple_gla, simple_gla, **QKV, **GATE, **STATE),
    "fused_chunk_simple_gla": row(ops.fused_chunk_simple_gla, simple_gla, **QKV, **GATE, **STATE),
    "fused_recurrent_simple_gla": row(ops.fused_recurrent_simple_gla, simple_gla, **QKV, **GATE, **STATE),
    "parallel_simple_gla": row(
        plain.first(ops.parallel_simple_gla), lambda **x: simple_gla(**x, output_final_state=False)[0], **QKV, **GATE
    ),
    "chunk_gla": row(ops.chunk_gla, plain.renamed(recurrent_gla, g="gk"), **QKV, g="bthk gate", **STATE),
    "fused_recurrent_gla": row(ops.fused_recurrent_gla, recurrent_gla, **QKV, gk="bthk gate", **STATE),
    "chunk_retention": row(plain.first(ops.chunk_retention), retention_, **QKV),
    "fused_chunk_retention": row(plain.first(ops.fused_chunk_retention), retention_, **QKV),
    "fused_recurrent_retention": row(plain.first(ops.fused_recurrent_retention), retention_, **QKV),
    "parallel_retention": row(plain.first(ops.parallel_retention), retention_, **QKV),
    "chunk_lightning_attn": row(
        lambda **x: ops.chunk_lightning_attn(**x, **LIGHTNING), plain.with_decays(DECAYS), **QKV, **STATE
    ),
    "fused_recurrent_lightning_attn": row(
        lambda **x: ops.fused_recurrent_lightning_attn(**x, **LIGHTNING), plain.with_decays(DECAYS), **QKV, **STATE
    ),
    "chunk_hgrn": row(naive("hgrn", "chunk_hgrn"), naive("hgrn.naive", "naive_recurrent_hgrn"), x="btv", g="btv gate"),
    "fused_recurrent_hgrn": row(
        ops.fused_recurrent_hgrn,
        naive("hgrn.naive", "naive_recurrent_hgrn"),
        x="btv",
        g="btv gate",
        initial_state="bv state",
    ),
    "chunk_gsa": row(
        plain.first(ops.chunk_gsa),
        plain.first(naive("gsa.naive", "naive_recurrent_gsa")),
        q="btgk",
        k="bthk",
        v="bthv",
        s="bthm",
        g="bthm gate",
    ),
    "fused_recurrent_gsa": row(
        plain.first(ops.fused_recurrent_gsa),
        plain.first(naive("gsa.naive", "naive_recurrent_gsa")),
        **QKV,
        s="bthm",
        g="bthm gate",
    ),
    "chunk_abc": row(
        plain.first(ops.chunk_abc),
        plain.first(plain.heads_first(naive("abc.naive", "naive_recurrent_abc"))),
        **SQUARE,
        s="bthm",
    ),
    "chunk_log_linear_attn": row(
        plain.first(ops.chunk_log_linear_attn),
        naive("log_linear_attn.naive", "naive_log_linear_attn"),
        q="b2he",
        k="b2he",
        v="b2he",
        g="b2h gate",
        level_scales="b2hm share",
    ),
}
LINEAR = {
    "chunk_linear_attn": row(lambda **x: ops.chunk_linear_attn(**x, normalize=False), linear, **QKV, **STATE),
    "chunk_linear_attn normalized": row(
        plain.first(ops.chunk_linear_attn),
        plain.normalized_linear_attention,
        q="bthk feature",
        k="bthk feature",
        v="bthv",
    ),
    "fused_chunk_linear_attn": row(
        lambda **x: ops.fused_chunk_linear_attn(**x, normalize=False), linear, **QKV, **STATE
    ),
    "fused_recurrent_linear_attn": row(ops.fused_recurrent_linear_attn, linear, **QKV, **STATE),
    "fused_chunk_based": row(
        ops.fused_chunk_based,
        plain.heads_first(naive("based.naive", "naive_parallel_based")),
        q="bthm",
        k="bthm",
        v="bthv",
    ),
    "parallel_based": row(
        ops.parallel_based,
        plain.heads_first(naive("based.naive", "naive_parallel_based")),
        q="bthm",
        k="bthm",
        v="bthv",
    ),
    "parallel_rebased": row(
        naive("rebased", "parallel_rebased"),
        plain.heads_first(naive("rebased.naive", "naive_parallel_rebased")),
        q="bthm",
        k="bthm",
        v="bthv",
    ),
}
delta = plain.heads_first(naive("delta_rule.naive", "delta_rule_recurrence"))
gated_delta = naive("gated_delta_rule.naive", "naive_recurrent_gated_delta_rule")
recurrent_kda = naive("kda.naive", "naive_recurrent_kda")
dplr = plain.renamed(
    plain.heads_first(naive("generalized_delta_rule.dplr.naive", "dplr_recurrence")), a="alpha", b="beta"
)
iplr = plain.renamed(
    plain.heads_first(naive("generalized_delta_rule.iplr.naive", "iplr_recurrence")), a="alpha", b="beta"
)
LOW_RANK = {"a": "bthk against", "b": "bthk small"}
DELTA = {
    "chunk_delta_rule": row(ops.chunk_delta_rule, delta, (HALF, SHORT), **UNIT, **BETA, **STATE),
    "fused_recurrent_delta_rule": row(ops.fused_recurrent_delta_rule, delta, **UNIT, **BETA, **STATE),
    "chunk_gated_delta_rule": row(ops.chunk_gated_delta_rule, gated_delta, **UNIT, **GATE, **BETA, **STATE),
    "chunk_gated_delta_product": row(
        lambda **x: naive("gated_delta_product", "chunk_gated_delta_product")(**x, num_householder=2),
        lambda **x: naive("gated_delta_product.naive", "naive_recurrent_gated_delta_product")(
            **x, num_householder=2, scale=24**-0.5
        ),
        (HALF, SHORT),
        q="bthk",
        k="b2hk unit",
        v="b2hv",
        **GATE,
        beta="b2h share",
        **STATE,
    ),
    "chunk_kda": row(ops.chunk_kda, recurrent_kda, **UNIT, g="bthk gate", **BETA, **STATE),
    "chunk_gdn2": row(
        naive("gdn2", "chunk_gdn2"),
        naive("gdn2.naive", "naive_recurrent_gdn2"),
        **UNIT,
        g="bthk gate",
        b="bthk share",
        w="bthv share",
        **STATE,
    ),
    "chunk_comba": row(
        ops.chunk_comba,
        naive("comba.naive", "naive_chunk_comba"),
        **UNIT,
        p="bthk unit",
        **GATE,
        **BETA,
        **STATE,
    ),
    "chunk_dplr_delta_rule": row(ops.chunk_dplr_delta_rule, dplr, **UNIT, **LOW_RANK, gk="bthk gate", **STATE),
    "fused_recurrent_iplr_delta_rule": row(ops.fused_recurrent_iplr_delta_rule, iplr, **UNIT, **LOW_RANK, **STATE),
    "chunk_mesa_net": row(
        plain.first(ops.chunk_mesa_net),
        plain.mesa_net,
        (HALF,),
        q="bthd",
        k="bthd unit",
        v="bthd",
        **GATE,
        **BETA,
        lamb="hd feature",
    ),
}
MOMENTUM = UNIT | BETA | {"log_alpha": "bth gate", "log_mu": "bth gate", "p": "bthk unit", "eta": "bth share"}
PRECONDITIONED = UNIT | {"q": "bthk unit"} | GATE | BETA | {"g_atk": "bth gate", "beta_atk": "bth share"}
TTT = SQUARE | {"q": "bthd unit", "k": "bthd unit", "w": "hd", "b": "hd", "eta": "bth1 share"}
ttt = plain.first(naive("ttt.naive", "chunk_ttt_linear_ref"))
DELTA_OF_MORE = {
    "chunk_momentum_delta_rule": row(
        plain.first(lambda **x: ops.chunk_momentum_delta_rule(**x, use_qk_l2norm_in_kernel=False)),
        plain.momentum,
        (HALF, SHORT),
        **MOMENTUM,
    ),
    "fused_recurrent_momentum_delta_rule": row(
        plain.first(lambda **x: ops.fused_recurrent_momentum_delta_rule(**x, use_qk_l2norm_in_kernel=False)),
        plain.momentum,
        **MOMENTUM,
    ),
    "chunk_precond_gated_delta_rule": row(
        plain.first(lambda **x: ops.chunk_precond_gated_delta_rule(**x, use_qk_l2norm_in_kernel=False)),
        plain.first(naive("precond_gated_delta_rule.naive", "naive_recurrent_precond_gated_delta_rule")),
        **PRECONDITIONED,
    ),
    "chunk_precond_kda": row(
        plain.first(ops.chunk_precond_kda),
        plain.first(naive("precond_kda.naive", "naive_recurrent_precond_kda")),
        **PRECONDITIONED | {"g": "bthk gate"},
    ),
    "chunk_ttt_linear": row(plain.first(naive("ttt", "chunk_ttt_linear")), ttt, **TTT),
    "fused_chunk_ttt_linear": row(plain.first(naive("ttt", "fused_chunk_ttt_linear")), ttt, **TTT),
}
RWKV = {"r": "bthk", "k": "bthk", "v": "bthv", "w": "bthk gate"}
rwkv6 = plain.renamed(plain.heads_first(naive("rwkv6.recurrent_naive", "naive_recurrent_rwkv6"), "u"), r="q")
RECEPTANCE = {
    "fused_recurrent_rwkv4": row(
        lambda w, u, k, v: fused_recurrent_rwkv4(w, u, k, v, torch.zeros(2, 3, 1, 40))[0],
        plain.rwkv4,
        (SINGLE,),
        w="v",
        u="v",
        k="btv",
        v="btv",
    ),
    "chunk_rwkv6": row(ops.chunk_rwkv6, rwkv6, **RWKV, u="hk", **STATE),
    "fused_recurrent_rwkv6": row(plain.first(ops.fused_recurrent_rwkv6), plain.first(rwkv6), **RWKV, u="hk", **STATE),
    "chunk_rwkv7": row(ops.chunk_rwkv7, plain.rwkv7, **RWKV, **LOW_RANK, **STATE),
}
stickbreaking = naive("stickbreaking_attn.naive", "naive_stickbreaking_attn")


def chosen_blocks() -> torch.Tensor:
    """[batch, time, head, 4]: for every step some of the blocks of 16 steps before it; 75 is none."""
    blocks = torch.full((2, 75, 2, 4), 75)
    for step in range(75):
        some = torch.randperm(max(1, step // 16), generator=torch.Generator().manual_seed(step))[:4]
        blocks[:, step, :, : len(some)] = some
    return blocks.sort(-1).values


BLOCKS = {"block_indices": chosen_blocks(), "block_size": 16}
ATTENTION = {
    "parallel_nsa": row(
        lambda **x: ops.parallel_nsa(**x, **BLOCKS),
        lambda **x: naive("nsa.naive", "naive_nsa")(**x, **BLOCKS),
        q="btid",
        k="bthd",
        v="bthd",
        g_slc="bti share",
    ),
    "parallel_attn": row(ops.parallel_attn, plain.first(naive("attn.naive", "naive_parallel_attn")), **GROUPED),
    "parallel_attn in a window": row(
        lambda **x: ops.parallel_attn(**x, window_size=9),
        plain.first(lambda **x: naive("attn.naive", "naive_parallel_attn")(**x, window_size=9)),
        **GROUPED,
    ),
    "parallel_forgetting_attn": row(
        ops.parallel_forgetting_attn,
        naive("forgetting_attn.naive", "naive_forgetting_attn"),
        **GROUPED,
        g="btg gate",
    ),
    "parallel_stickbreaking_attn": row(ops.parallel_stickbreaking_attn, stickbreaking, **SQUARE),
    "parallel_path_attn": row(
        plain.first(ops.parallel_path_attn),
        lambda **x: naive("path_attn.naive", "naive_path_attn")(**x, scale=32**-0.5),
        **GROUPED,
        w="bthd direction",
        beta="bth rate",
        g="btg gate",
    ),
    "parallel_parallax": row(
        ops.parallel_parallax,
        naive("parallax.naive", "naive_parallax"),
        (HALF, SHORT),
        **GROUPED,
        r="btgd small",
    ),
    "parallel_wall_attn": row(ops.parallel_wall_attn, plain.wall_attention, **SQUARE, g="bthd gate"),
}


@rows(DECAYED)
def test_decayed_attention(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(LINEAR)
def test_linear_attention(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(DELTA)
def test_delta_rule(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(DELTA_OF_MORE)
def test_delta_rule_of_more(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(RECEPTANCE)
def test_rwkv(case: Case, dtype: torch.dtype):
    check(case, dtype)


@rows(ATTENTION)
def test_attention(case: Case, dtype: torch.dtype):
    check(case, dtype)


ATTNRES = row(
    lambda query, x, y, z, weight: ops.fused_attnres(query, (x, y, z), weight),
    lambda query, x, y, z, weight: naive("attnres.naive", "naive_attnres")(query, (x, y, z), weight),
    query="d",
    x="btd",
    y="btd",
    z="btd",
    weight="d",
)


CYFA_NORMS = {"q_norm_eps": 1e-6, "k_norm_eps": 1e-6}
CYFA = row(
    plain.first(lambda **x: ops.chunk_cyfa(**x, **CYFA_NORMS)),
    plain.first(lambda **x: naive("cyfa.naive", "naive_recurrent_cyfa")(**x, **CYFA_NORMS)),
    (SINGLE,),
    **SQUARE,
    **GATE,
    **BETA,
    delta="bth small",
    readout="hcc small",
    q_norm_weight="d",
    k_norm_weight="d",
)


ONLY_CUDA = {"fused_attnres": ATTNRES, "chunk_cyfa": CYFA}
ASKS = {"fused_attnres": "Triton attnres requires CUDA tensors", "chunk_cyfa": "require CUDA tensors"}


@pytest.mark.parametrize("name", ONLY_CUDA)
def test_asks_for_cuda(name: str):
    with pytest.raises(ValueError, match=ASKS[name]):
        check(ONLY_CUDA[name], SINGLE)


@rows(ONLY_CUDA)
def test_behind_the_question(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    check(case, dtype)


def test_deltaformer_is_of_the_larger_package():
    """Which would let it get as far as FlashAttention, a library of CUDA."""
    with pytest.raises(ModuleNotFoundError, match=r"fla.layers"):
        naive("deltaformer", "deltaformer_attn")


ENDS = [20, 21, 75]
PACKED = {"q": "1thk", "k": "1thk unit", "v": "1thv"}


def packed(op: Op, reference: Op, **inputs: str) -> Case:
    """Three sequences in one, the second a step long."""
    marks = torch.tensor([0, *ENDS])
    return row(plain.first(lambda **x: op(**x, cu_seqlens=marks)), plain.packed(reference, ENDS), (SINGLE,), **inputs)


SEQUENCES = {
    "chunk_simple_gla": packed(ops.chunk_simple_gla, simple_gla, **PACKED, g="1th gate"),
    "fused_recurrent_simple_gla": packed(ops.fused_recurrent_simple_gla, simple_gla, **PACKED, g="1th gate"),
    "chunk_gla": packed(ops.chunk_gla, plain.renamed(recurrent_gla, g="gk"), **PACKED, g="1thk gate"),
    "chunk_gated_delta_rule": packed(ops.chunk_gated_delta_rule, gated_delta, **PACKED, g="1th gate", beta="1th share"),
    "chunk_kda": packed(ops.chunk_kda, recurrent_kda, **PACKED, g="1thk gate", beta="1th share"),
    "parallel_attn": packed(
        ops.parallel_attn, naive("attn.naive", "naive_parallel_attn"), q="1tgd", k="1thd", v="1thd"
    ),
}


@rows(SEQUENCES)
def test_packed_sequences(case: Case, dtype: torch.dtype):
    check(case, dtype)


FORWARD = {
    "fused_recurrent_gated_delta_rule": row(
        ops.fused_recurrent_gated_delta_rule, gated_delta, **UNIT, **GATE, **BETA, **STATE
    ),
    "fused_recurrent_kda": row(ops.fused_recurrent_kda, recurrent_kda, **UNIT, g="bthk gate", **BETA, **STATE),
    "fused_recurrent_gdn2": row(
        naive("gdn2", "fused_recurrent_gdn2"),
        naive("gdn2.naive", "naive_recurrent_gdn2"),
        **UNIT,
        g="bthk gate",
        b="bthk share",
        w="bthv share",
        **STATE,
    ),
    "fused_recurrent_comba": row(
        ops.fused_recurrent_comba,
        naive("comba.naive", "naive_chunk_comba"),
        **UNIT,
        p="bthk unit",
        **GATE,
        **BETA,
        **STATE,
    ),
    "fused_recurrent_dplr_delta_rule": row(
        ops.fused_recurrent_dplr_delta_rule, dplr, **UNIT, **LOW_RANK, gk="bthk gate", **STATE
    ),
    "fused_recurrent_rwkv7": row(
        lambda **x: ops.fused_recurrent_rwkv7(**x, scale=1.0), plain.rwkv7, **RWKV, **LOW_RANK, **STATE
    ),
    "chunk_iplr_delta_rule": row(ops.chunk_iplr_delta_rule, iplr, (HALF, SHORT), **UNIT, **LOW_RANK, **STATE),
}


@rows(FORWARD)
def test_forward_alone(case: Case, dtype: torch.dtype):
    """Ops of which the library has no backward pass."""
    check(case, dtype, backward=False)


@pytest.mark.parametrize("name", ["gated_delta_rule", "comba", "dplr_delta_rule", "rwkv7"])
def test_backward_that_the_library_refuses(name: str):
    with pytest.raises(NotImplementedError, match="Backward pass"):
        check(FORWARD[f"fused_recurrent_{name}"], SINGLE)
