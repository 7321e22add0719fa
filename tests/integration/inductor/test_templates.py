"""Tiles of products: what fits the registers of a thread, without Inductor."""

from __future__ import annotations

from triton_alloy.integrations.inductor.templates import LEAST_ACCUMULATORS, tiles
from triton_alloy.target import target_for

APPLE = target_for("apple9")


def test_every_tile_leaves_room_for_operands():
    found = tiles(APPLE)
    assert len(found) >= 8
    for tile in found:
        words = tile.m * tile.n / (32 * tile.simdgroups)
        assert LEAST_ACCUMULATORS <= words <= 128 - 48 - 16


def test_the_most_reuse_comes_first():
    found = tiles(APPLE)
    assert (found[0].m, found[0].n) == (128, 128)
    assert [each.reuse for each in found] == sorted((each.reuse for each in found), reverse=True)


def test_the_smallest_is_small():
    assert min((each.m * each.n, each.simdgroups) for each in tiles(APPLE)) == (32 * 32, 1)
