"""The launch of every day: what it takes, what it leaves to the general path, and that both do the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import triton_alloy
from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.integrations.triton.launcher import Launcher
from triton_alloy.integrations.triton.quick import is_silent
from triton_alloy.msl_cpu import KernelFailure


@triton.jit
def fill_kernel(x, a, b, c, flag, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.where(flag, a + b * 2.0 + c, -1.0))


@triton.jit
def place_kernel(x, y: tl.constexpr):
    place = tl.program_id(0) + tl.num_programs(0) * (tl.program_id(1) + tl.num_programs(1) * tl.program_id(2))
    tl.store(x + place, place + y)


@triton.jit
def far_kernel(x, distance):
    tl.store(x + distance, 1.0)


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The grids of launches that took the general path."""
    grids: list[tuple] = []
    launch = Launcher._launch
    monkeypatch.setattr(Launcher, "_launch", lambda self, grid, *rest: grids.append(grid) or launch(self, grid, *rest))
    return grids


def _filled(*scalars) -> np.ndarray:
    x = torch.zeros(64)
    fill_kernel[(2,)](x, *scalars, BLOCK=32)
    return x.numpy()


def test_numbers_of_every_width(general):
    _filled(3, 0.5, 2**40, True)  # the first launch builds
    general.clear()
    for scalars in ((3, 0.5, 2**40, True), (-7, 1e30, 2**41, False), (5, float("inf"), -(2**50), True)):
        a, b, c, flag = scalars
        assert np.array_equal(_filled(*scalars), np.full(64, a + b * 2 + c if flag else -1, np.float32)), scalars
    assert not general


def test_numbers_that_must_be_converted_take_the_general_path(general):
    _filled(3, 0.5, 2**40, True)
    general.clear()
    assert np.array_equal(_filled(3, 1e300, 2**40, True), np.full(64, np.inf, np.float32))
    assert general == [(2, 1, 1)]


def test_grids(general):
    x = torch.zeros(24, dtype=torch.int32)
    place_kernel[(1,)](x, 1)
    general.clear()
    place_kernel[(2, 3, 4)](x, 1)
    assert not general
    assert np.array_equal(x.numpy(), np.arange(24) + 1)
    place_kernel[(0, 3)](x, 5)
    place_kernel[(np.int64(2), 3, 4)](x, 1)
    assert np.array_equal(x.numpy(), np.arange(24) + 1)
    assert general == [(0, 3, 1), (2, 3, 4)]
    with pytest.raises(InvalidArgument, match="each size must be from 0"):
        place_kernel[(2**31,)](x, 1)
    for size in (1.5, "2", None, np.array([1, 2]), torch.ones(2)):
        with pytest.raises(InvalidArgument, match="whole numbers"):
            place_kernel[(size,)](x, 1)


def test_other_arrays_take_the_general_path(general):
    x = torch.zeros(4, dtype=torch.int32)
    place_kernel[(4,)](x, 2)
    general.clear()
    array = np.zeros(4, np.int32)
    place_kernel[(4,)](triton_alloy.array(array), 2)
    assert np.array_equal(array, np.arange(4) + 2) and general == [(4, 1, 1)]


@pytest.mark.parametrize("settings", [{"TRITON_ALLOY_BOUNDS": "1"}, {"TRITON_ALLOY_MODE": "sanitize"}])
def test_checked_launches_take_the_general_path(general, settings):
    x = torch.zeros(4, dtype=torch.int32)
    with config.scope(**settings):
        place_kernel[(4,)](x, 3)
        general.clear()
        place_kernel[(4,)](x, 3)
    assert general == [(4, 1, 1)] and np.array_equal(x.numpy(), np.arange(4) + 3)


def test_a_failure_is_told_as_by_the_general_path(general):
    x, messages = torch.zeros(1), []
    for _ in range(2):  # the launch that builds, then a quick one
        with pytest.raises(KernelFailure, match=r"program \(0, 0, 0\): the kernel used memory that is not") as caught:
            far_kernel[(1,)](x, -(2**40))
        messages.append(str(caught.value))
    assert messages[0] == messages[1] and general == [(1, 1, 1)]


def test_many_launches_at_once_have_blocks_of_their_own():
    from concurrent.futures import ThreadPoolExecutor

    def run(value: int) -> bool:
        return all((_filled(value, 0.5, 2**33, True) == np.float32(value + 1 + 2**33)).all() for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(2, 18)))


def test_a_hook_is_silent_without_functions():
    from triton import knobs

    assert is_silent(None) and is_silent(knobs.HookChain())
    chain = knobs.HookChain()
    chain.add(print)
    assert not is_silent(chain) and not is_silent(print) and not is_silent(_Counter())


class _Counter:
    """A hook of the user's, who counts."""

    calls = 0

    def __call__(self, metadata) -> None:
        self.calls += 1
