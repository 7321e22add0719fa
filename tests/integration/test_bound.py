"""Bound launches do what launches do, whatever happens to tensors, environment and hooks in between."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton import knobs
from triton.runtime import driver
from triton.runtime import errors as triton_errors

import triton_alloy
from triton_alloy import config
from triton_alloy.errors import DeviceAssertion, InvalidArgument, OutOfResources
from triton_alloy.integrations.triton.quick import QuickLaunch
from triton_alloy.kernel import Block
from triton_alloy.runtime.cpu import PackedLaunches

SHIFT = tl.constexpr(1)


@triton.jit
def add_kernel(x, y, output, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(output + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


@triton.jit
def shift_kernel(x, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i) + SHIFT)


@triton.jit
def scale_kernel(x, factor, BLOCK: tl.constexpr = 32):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i) * factor)


@triton.jit
def positive_kernel(x, BLOCK: tl.constexpr):
    tl.device_assert(tl.load(x + tl.arange(0, BLOCK)) > 0, "positive")


@triton.autotune([triton.Config({"BLOCK": 32}), triton.Config({"BLOCK": 64})], key=["n"])
@triton.jit
def tuned_kernel(x, y, output, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(output + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


@pytest.fixture
def triple() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(100), torch.randn(100), torch.zeros(100)


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each launch that goes through Triton and the launcher, quick or not."""
    runs: list[int] = []
    launch = QuickLaunch.launch
    monkeypatch.setattr(QuickLaunch, "launch", lambda self, *values: runs.append(1) or launch(self, *values))
    return runs


def _grid(meta):
    return (triton.cdiv(100, meta["BLOCK"]),)


@pytest.mark.parametrize("grid", [(4,), (4, 1), (4, 1, 1), (4, 1, 1, 9), [4], _grid])
def test_it_repeats_the_launch_on_what_the_tensors_hold(triple, grid, quick_runs):
    x, y, output = triple
    launch = triton_alloy.bind(add_kernel, grid, x, y, output, 100, BLOCK=32)
    assert not output.any(), "nothing is launched by binding"
    first = launch()
    before = len(quick_runs)
    for _ in range(3):
        x.normal_(), y.normal_()
        assert launch() is first
        assert torch.equal(output, x + y)
    assert len(quick_runs) == before, "it did not go through Triton again"


def test_defaults_names_and_options():
    x = torch.ones(64)
    launch = triton_alloy.bind(scale_kernel, (2,), factor=2.0, x=x, num_warps=2)
    for expected in (2, 4, 8):
        launch()
        assert torch.equal(x, torch.full((64,), float(expected)))


def test_it_keeps_its_tensors_and_lets_them_go():
    x = torch.ones(32)
    reference = weakref.ref(x)
    launch = triton_alloy.bind(scale_kernel, (1,), x, 2.0)
    launch()
    del x
    gc.collect()
    launch()
    assert torch.equal(reference(), torch.full((32,), 4.0))
    del launch
    gc.collect()
    assert reference() is None


def test_a_tensor_may_get_other_memory(triple):
    x, y, output = triple
    launch = triton_alloy.bind(add_kernel, (4,), x, y, output, 100, BLOCK=32)
    launch()
    x.data = torch.randn(101)[1:]  # at an address that is no multiple of 16
    y.set_(torch.randn(100))
    output.resize_(100000).resize_(100)
    for _ in range(2):
        launch()
        assert torch.equal(output, x + y)


def test_a_tensor_may_get_a_larger_storage_at_the_same_address(quick_runs):
    """The text that was compiled may rely on how large the storage was."""
    memory = np.ones(64, np.float32)
    x = torch.from_numpy(memory[:32])
    launch = triton_alloy.bind(scale_kernel, (1,), x, 2.0)
    launch()
    before = len(quick_runs)
    x.data = torch.from_numpy(memory)
    launch()
    assert len(quick_runs) == before + 1 and memory.tolist() == [4.0] * 32 + [1.0] * 32


def test_a_tensor_may_get_another_dtype(triple):
    x, y, output = triple
    launch = triton_alloy.bind(add_kernel, (4,), x, y, output, 100, BLOCK=32)
    launch()
    bits = torch.arange(100, dtype=torch.int32)
    memory = x.data_ptr()
    x.view(torch.int32).copy_(bits)
    x.data = x.view(torch.int32)
    assert x.data_ptr() == memory and x.dtype == torch.int32
    launch()
    assert torch.equal(output, bits + y)


def test_a_tensor_without_memory_is_refused(triple):
    launch = triton_alloy.bind(add_kernel, (4,), *triple, 100, BLOCK=32)
    launch()
    triple[0].untyped_storage().resize_(0)
    with pytest.raises(InvalidArgument, match="x: the tensor of 100 elements has no memory"):
        launch()


def test_the_environment_names_the_device_of_each_launch(triple):
    x, y, output = triple
    launch = triton_alloy.bind(add_kernel, (4,), x, y, output, 100, BLOCK=32)
    kernel = launch()
    with config.scope(TRITON_ALLOY_TARGET="apple9", ALLOY_RUNTIME="cpu"):
        assert launch().asm["msl"] != kernel.asm["msl"]
        output.zero_()
        launch()
        assert torch.equal(output, x + y)
    assert launch().asm["msl"] == kernel.asm["msl"]


def test_hooks_hear_every_launch(triple, monkeypatch):
    heard: list[str] = []
    launch = triton_alloy.bind(add_kernel, (4,), *triple, 100, BLOCK=32)
    launch()
    hook = lambda metadata: heard.append(metadata.get()["name"])  # noqa: E731
    knobs.runtime.launch_enter_hook.add(hook)
    try:
        launch()
        launch()
    finally:
        knobs.runtime.launch_enter_hook.remove(hook)
    launch()
    assert heard == ["add_kernel"] * 2


def test_hooks_of_the_kernel_are_called(triple):
    heard: list[int] = []
    hook = lambda *arguments, **options: heard.append(options["BLOCK"])  # noqa: E731
    launch = triton_alloy.bind(add_kernel, (4,), *triple, 100, BLOCK=32)
    launch()
    add_kernel.add_pre_run_hook(hook)
    try:
        launch()
        launch()
    finally:
        add_kernel.pre_run_hooks.remove(hook)
    launch()
    assert heard == [32] * 2


def test_assertions_may_be_asked_for_later(monkeypatch):
    x = torch.ones(32)
    launch = triton_alloy.bind(positive_kernel, (1,), x, BLOCK=32)
    launch()
    x.neg_()
    launch()
    monkeypatch.setattr(knobs.runtime, "debug", True)
    with pytest.raises(DeviceAssertion, match="positive"):
        launch()
    monkeypatch.undo()
    launch()


def test_another_driver_is_asked(triple):
    """As where there is a GPU of NVIDIA, too, and the user chooses."""
    launch = triton_alloy.bind(add_kernel, (4,), *triple, 100, BLOCK=32)
    launch()
    ours = driver.active
    driver.set_active(_OtherDriver())
    try:
        with pytest.raises(LookupError, match="the other driver"):
            launch()
    finally:
        driver.set_active(ours)


class _OtherDriver:
    def get_current_device(self):
        raise LookupError("the other driver")


def test_a_lack_of_stack_is_out_of_resources_of_triton(triple, monkeypatch):
    """As PackedLaunches says it, which knows nothing of Triton."""
    launch = triton_alloy.bind(add_kernel, (4,), *triple, 100, BLOCK=32)
    launch()

    def run(self: PackedLaunches, block: Block) -> None:
        raise OutOfResources(2, 1, "bytes of stack")

    monkeypatch.setattr(PackedLaunches, "run", run)
    for again in (launch, lambda: add_kernel[(4,)](*triple, 100, BLOCK=32)):
        with pytest.raises(triton_errors.OutOfResources, match="bytes of stack, Required: 2, Hardware limit: 1"):
            again()


def test_tuned_kernels_and_kernels_with_globals_are_launched_as_ever(triple, monkeypatch):
    x, y, output = triple
    tuned = triton_alloy.bind(tuned_kernel, _grid, x, y, output, 100)
    for _ in range(2):
        output.zero_()
        tuned()
        assert torch.equal(output, x + y)
    shifted = torch.zeros(32)
    launch = triton_alloy.bind(shift_kernel, (1,), shifted, BLOCK=32)
    launch()
    monkeypatch.setitem(globals(), "SHIFT", tl.constexpr(2))
    with pytest.raises(RuntimeError, match="SHIFT has changed"):
        launch()


def test_numpy_arrays_are_launched_as_ever():
    array = torch.ones(32).numpy()
    launch = triton_alloy.bind(scale_kernel, (1,), triton_alloy.array(array), 3.0)
    launch()
    launch()
    assert (array == 9).all()


def test_threads_may_share_a_launch():
    counts = torch.zeros(32)

    @triton.jit
    def count_kernel(counts, BLOCK: tl.constexpr):
        tl.atomic_add(counts + tl.arange(0, BLOCK), 1.0)

    launch = triton_alloy.bind(count_kernel, (1,), counts, BLOCK=32)
    threads = [threading.Thread(target=lambda: [launch() for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(counts, torch.full((32,), 400.0))
