"""Operations between lanes and control flow that differs between them, with what they give."""

from __future__ import annotations

import numpy as np

LANE = "uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]"

VALUES = np.random.default_rng(2).integers(-50, 50, 64).astype(np.int32)
_TWO = VALUES.reshape(2, 32)


def _within(shift: int, width: int) -> np.ndarray:
    lane = np.arange(32)
    return lane // width * width + (lane + shift) % width


OPERATIONS = [
    ("simd_sum(v)", np.repeat(_TWO.sum(1), 32)),
    ("simd_max(v)", np.repeat(_TWO.max(1), 32)),
    ("simd_min(v)", np.repeat(_TWO.min(1), 32)),
    ("simd_xor(v)", np.repeat(np.bitwise_xor.reduce(_TWO, 1), 32)),
    ("simd_or(v)", np.repeat(np.bitwise_or.reduce(_TWO, 1), 32)),
    ("simd_and(v)", np.repeat(np.bitwise_and.reduce(_TWO, 1), 32)),
    ("simd_product(v | 1)", np.repeat(np.multiply.reduce(_TWO | 1, 1, dtype=np.int32), 32)),
    ("simd_prefix_inclusive_sum(v)", np.cumsum(_TWO, 1)),
    ("simd_prefix_exclusive_sum(v)", np.cumsum(_TWO, 1) - _TWO),
    ("simd_shuffle(v, ushort(31 - lane))", _TWO[:, ::-1]),
    ("simd_shuffle_xor(v, 5)", _TWO[:, np.arange(32) ^ 5]),
    ("simd_shuffle_up(v, 3)", _TWO[:, np.where(np.arange(32) < 3, np.arange(32), np.arange(32) - 3)]),
    ("simd_shuffle_down(v, 3)", _TWO[:, np.where(np.arange(32) > 28, np.arange(32), np.arange(32) + 3)]),
    ("simd_shuffle_rotate_up(v, 3)", _TWO[:, _within(-3, 32)]),
    ("simd_shuffle_rotate_down(v, 3)", _TWO[:, _within(3, 32)]),
    ("simd_shuffle_and_fill_up(v, -v, 2)", np.concatenate([-_TWO[:, 30:], _TWO[:, :30]], 1)),
    ("simd_shuffle_and_fill_down(v, -v, 2)", np.concatenate([_TWO[:, 2:], -_TWO[:, :2]], 1)),
    ("simd_broadcast(v, 7)", np.repeat(_TWO[:, 7], 32)),
    ("simd_broadcast_first(v)", np.repeat(_TWO[:, 0], 32)),
    ("int(uint((ulong)simd_ballot(v > 0)))", np.repeat(np.packbits(_TWO > 0, 1, "little").view(np.int32), 32)),
    ("int(simd_all(v > -51))", np.ones(64)),
    ("int(simd_any(v > 50))", np.zeros(64)),
    ("int(simd_is_first())", np.tile(np.arange(32) == 0, 2)),
    ("quad_sum(v)", np.repeat(VALUES.reshape(16, 4).sum(1), 4)),
    ("quad_max(v)", np.repeat(VALUES.reshape(16, 4).max(1), 4)),
    ("quad_broadcast(v, 2)", np.repeat(VALUES.reshape(16, 4)[:, 2], 4)),
    ("quad_shuffle_xor(v, 3)", VALUES.reshape(16, 4)[:, ::-1]),
    ("quad_shuffle_rotate_down(v, 1)", np.roll(VALUES.reshape(16, 4), -1, 1)),
    ("quad_prefix_inclusive_sum(v)", np.cumsum(VALUES.reshape(16, 4), 1)),
    ("int2(simd_sum(int2(v, 1))).y", np.full(64, 32)),
    ("int(simd_shuffle_xor(long(v) << 33, 1) >> 33)", _TWO[:, np.arange(32) ^ 1]),
]

# (body, expected by lane): control flow that differs between the lanes of a simdgroup.
DIVERGENCE = [
    ("if (lane < 10) out[i] = simd_sum(1u); else out[i] = simd_sum(100u);", lambda lane: np.where(lane < 10, 10, 2200)),
    (
        "uint s = 0; for (uint k = 0; k < lane % 4 + 1; ++k) s += simd_sum(1u); out[i] = s;",
        lambda lane: np.cumsum([32, 24, 16, 8])[lane % 4],
    ),
    ("if (lane >= 24) { out[i] = 7; return; } out[i] = simd_sum(1u);", lambda lane: np.where(lane >= 24, 7, 24)),
    (
        "uint v = lane; if (lane & 1) v = simd_max(v); v = simd_sum(v); out[i] = v;",
        lambda lane: np.full(32, 16 * 31 + 240),
    ),
    (
        "if (lane < 16) { if (lane < 8) out[i] = simd_sum(1u); else out[i] = simd_sum(2u); }"
        "else out[i] = simd_sum(3u);",
        lambda lane: np.where(lane < 8, 8, np.where(lane < 16, 16, 48)),
    ),
    (
        "uint s = lane; while (s > 3) s = simd_max(s) / 4 + s / 8;"
        "out[i] = popcount((uint)(ulong)simd_active_threads_mask());",
        lambda lane: np.full(32, 32),
    ),
]
