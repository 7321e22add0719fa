"""Which configurations of a kernel are compiled: their tiles against a target's registers and threads."""

from __future__ import annotations

import pytest
import triton

from triton_alloy.integrations.inductor.configurations import MOST, MOST_TO_TUNE, Kernel, chosen
from triton_alloy.target import target_for

APPLE = target_for("apple9")


def config(simdgroups: int, **blocks: int) -> triton.Config:
    return triton.Config(blocks, num_warps=simdgroups)


def pointwise(**meta: int | bool) -> Kernel:
    return Kernel.of("POINTWISE", {"x": 1 << 20}, {"num_load": 1, **meta})


def test_the_order_stays_and_a_few_are_kept():
    every = [config(4, XBLOCK=size) for size in (128, 512, 1024, 2048, 256)]
    kept = chosen(every, pointwise(), APPLE)
    assert [each.kwargs["XBLOCK"] for each in kept] == [512, 1024]
    assert len(kept) == MOST
    assert len(chosen(every, pointwise(max_autotune=True), APPLE)) == MOST_TO_TUNE


def test_a_tile_beyond_the_registers_goes():
    """32 elements of a thread, each with five values, are more than 128 words."""
    small, large = config(4, XBLOCK=1024), config(4, XBLOCK=4096)
    assert chosen([small, large], pointwise(num_load=4), APPLE) == [small]
    assert chosen([small, large], pointwise(num_load=1), APPLE) == [small, large]


def test_more_threads_than_a_program_has_go():
    assert chosen([config(64, XBLOCK=4096), config(32, XBLOCK=2048)], pointwise(), APPLE)[0].num_warps == 32


def test_one_always_stays():
    [kept] = chosen([config(1, XBLOCK=8192), config(1, XBLOCK=4096)], pointwise(), APPLE)
    assert kept.kwargs["XBLOCK"] == 4096


def test_a_persistent_reduction_takes_its_axis_whole():
    kernel = Kernel.of("PERSISTENT_REDUCTION", {"x": 64, "r0_": 300}, {"num_load": 1, "num_reduction": 2})
    assert kernel.elements(config(2, XBLOCK=8)) == 8 * 512
    assert kernel.share(config(4, XBLOCK=8), APPLE) == 32


@pytest.mark.parametrize(("columns", "block", "simdgroups"), [(60, 1, 2), (8, 32, 8), (300, 1, 16), (4000, 1, 32)])
def test_a_sort_has_one_element_in_a_thread(columns: int, block: int, simdgroups: int):
    kernel = Kernel.of("PERSISTENT_REDUCTION", {"x": 64, "r0_": columns}, {"num_load": 1, "num_reduction": 0})
    every = [config(2, XBLOCK=size) for size in (1, 8, 32, 128)]
    [kept] = chosen(every, kernel, APPLE)
    assert (kept.kwargs["XBLOCK"], kept.num_warps) == (block, simdgroups)
    assert all(each.num_warps == 2 for each in every)  # Inductor's own stay as they are


def test_the_target_without_registers_keeps_every_tile():
    large = config(1, XBLOCK=4096)
    assert chosen([large, config(1, XBLOCK=8192)], pointwise(), target_for("cpu"))[0] is large
