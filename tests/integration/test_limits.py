"""What a target cannot take: refused at compile time wherever the text runs, so that an autotuner goes on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.compiler.errors import CompilationError
from triton.runtime import errors as triton_errors

from tests.support.limits import MATRIX, MEMORY, NUMBERS, THREADS, WEIGHED, failing, gram_kernel, tuned, weigh_kernel
from triton_alloy import config
from triton_alloy.chips import FAMILIES, LIMITS, THREADS_PER_SIMDGROUP
from triton_alloy.errors import DeviceFailure, OutOfResources, Unsupported
from triton_alloy.integrations.triton import driver
from triton_alloy.kernel import Argument, Extent, Kernel
from triton_alloy.msl_cpu import limits as metal
from triton_alloy.runtime import automatic, limits
from triton_alloy.runtime.cpu import CpuDevice
from triton_alloy.runtime.torch_mps import Host, TorchMpsDevice
from triton_alloy.target import target_for

RUNTIMES = ("auto", "cpu", "torch_mps", "mlx")


@triton.jit
def total_kernel(inputs, scale, out_ptr):
    total = 0.0
    for i in tl.static_range(len(inputs)):
        total += tl.load(inputs[i])
    tl.store(out_ptr, total * scale)


def total(count: int) -> float:
    """Twice the sum of 0, 1, ... through `count` pointers, of which one is the output, and a buffer for the scalar."""
    out = torch.zeros(1)
    total_kernel[(1,)](tuple(torch.tensor([float(i)]) for i in range(count - 1)), 2.0, out)
    return out.item()


# ------------------------------------------------------------------------------------------------------------- the row
@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
def test_every_gpu_has_the_limits_of_the_row(family: str):
    assert target_for(family).limits is LIMITS


def test_msl_cpu_has_the_same_limits():
    ours = (THREADS_PER_SIMDGROUP, LIMITS.threads_per_threadgroup, LIMITS.buffers, LIMITS.threadgroup_bytes)
    assert ours == (metal.SIMD_WIDTH, metal.MAX_THREADS, metal.MAX_BUFFERS, metal.THREADGROUP_BYTES)


# ------------------------------------------------------------------------------------------------------------- buffers
@pytest.mark.parametrize("mode", config.MODES)
@pytest.mark.parametrize("family", ["apple7", "apple9"])
def test_more_buffers_than_a_gpu_has_are_refused_in_every_mode(family: str, mode: str):
    with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE=mode):
        assert total(30) == 2 * sum(range(29))
        with pytest.raises(Unsupported, match=r"needs 32 buffers \(31 pointers, one for all scalars\)"):
            total(31)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_more_buffers_are_refused_when_a_kernel_is_compiled_for_any_runtime(runtime: str):
    tensors = tuple(torch.zeros(1) for _ in range(40))
    words = r"total_kernel needs 41 buffers \(41 pointers\), of which an Apple GPU has 31"
    scope = config.scope(TRITON_ALLOY_TARGET="apple9", ALLOY_RUNTIME=runtime)
    with scope, pytest.raises(CompilationError, match=words) as caught:
        total_kernel.warmup(tensors, 1, torch.zeros(1), grid=(1,))
    assert isinstance(caught.value, Unsupported)
    assert caught.value.location == f"{__file__}:{total_kernel.starting_line_number + 1}"
    assert "def total_kernel(inputs, scale, out_ptr):" in str(caught.value)


@pytest.mark.parametrize("runtime", ["auto", "cpu"])
@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_the_text_of_the_cpu_has_any_number_of_buffers(runtime: str, mode: str):
    with config.scope(TRITON_ALLOY_TARGET="cpu", ALLOY_RUNTIME=runtime, TRITON_ALLOY_MODE=mode):
        assert total(60) == 59 * 58


@pytest.mark.parametrize("runtime, mode", [("cpu", "strict"), ("cpu", "sanitize"), ("torch_mps", "fast")])
def test_the_text_of_the_cpu_is_held_to_the_limit_where_it_stands_for_metal(runtime: str, mode: str):
    scope = config.scope(TRITON_ALLOY_TARGET="cpu", ALLOY_RUNTIME=runtime, TRITON_ALLOY_MODE=mode)
    with scope, pytest.raises(Unsupported, match=r"needs 61 buffers \(60 pointers, one for all scalars\)"):
        total(60)


# ------------------------------------------------------------------------------------------------------------- scalars


def weigh() -> int:
    out = torch.zeros(1, dtype=torch.int64)
    weigh_kernel[(1,)](torch.tensor([3]), NUMBERS, out, COUNT=len(NUMBERS))
    return int(out.item())


@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_scalars_of_any_size_run_where_they_lie_in_a_buffer(family: str):
    with config.scope(TRITON_ALLOY_TARGET=family):
        assert weigh() == WEIGHED


def test_torch_mps_refuses_more_scalars_than_it_can_pass():
    with (
        config.scope(TRITON_ALLOY_TARGET="apple9", ALLOY_RUNTIME="torch_mps"),
        pytest.raises(Unsupported, match=r"the scalars of weigh_kernel take 4160 bytes, torch.mps passes 4096 at most"),
    ):
        weigh()


# --------------------------------------------------------------------------------------------------- threadgroup memory
@triton.jit
def count_kernel(x_ptr, out_ptr, n, BINS: tl.constexpr):
    counts = tl.histogram(tl.load(x_ptr + tl.arange(0, 64)), BINS)
    tl.store(out_ptr + tl.arange(0, BINS), counts, mask=tl.arange(0, BINS) < n)


X = torch.arange(64, dtype=torch.int32) % 13
COUNTS = torch.bincount(X).to(torch.int32)


@pytest.mark.parametrize("mode", config.MODES)
@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_too_much_threadgroup_memory_is_out_of_resources(family: str, mode: str):
    out = torch.zeros(13, dtype=torch.int32)
    with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE=mode):
        count_kernel[(1,)](X, out, 13, BINS=256)
        assert torch.equal(out, COUNTS)
        with pytest.raises(triton_errors.OutOfResources, match="threadgroup memory") as caught:
            count_kernel[(1,)](X, out, 13, BINS=16384)
    error = caught.value
    assert isinstance(error, OutOfResources)
    assert (error.name, error.required, error.limit) == ("threadgroup memory", 65536, 32768)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.required) == (type(error), str(error), error.required)


# ----------------------------------------------------------------------------------------------------------- autotuning


@pytest.mark.parametrize("runtime", ["cpu", "torch_mps"])
def test_an_autotuner_drops_what_needs_more_stack_than_a_lane_has(runtime: str):
    kernel = tuned(gram_kernel, [triton.Config({"BLOCK": block}) for block in (1024, 64)])
    out = torch.zeros(64, 64)
    with config.scope(ALLOY_RUNTIME=runtime):
        kernel[(1,)](MATRIX, out, 64)
        assert torch.equal(out, MATRIX @ MATRIX.T)
        assert kernel.best_config.kwargs == {"BLOCK": 64}
        with pytest.raises(triton_errors.OutOfResources, match="bytes of stack of a CPU lane") as caught:
            gram_kernel[(1,)](MATRIX, out, 64, BLOCK=1024)
    assert caught.value.required > caught.value.limit > 10_000_000


@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_an_autotuner_drops_what_needs_too_much_of_anything(family: str):
    configurations = [
        triton.Config({"BINS": 16384}),
        triton.Config({"BINS": 256}, num_warps=64),
        triton.Config({"BINS": 256}, num_warps=2),
    ]
    kernel, out = tuned(count_kernel, configurations), torch.zeros(13, dtype=torch.int32)
    with config.scope(TRITON_ALLOY_TARGET=family):
        kernel[(1,)](X, out, 13)
    assert torch.equal(out, COUNTS)
    assert kernel.best_config.num_warps == 2


def test_an_autotuner_ends_at_arguments_that_no_configuration_changes():
    kernel = tuned(many_kernel, [triton.Config({"SIZE": size}) for size in (16, 32)])
    with config.scope(TRITON_ALLOY_TARGET="apple9"), pytest.raises(Unsupported, match="needs 32 buffers"):
        kernel[(1,)](tuple(torch.zeros(32) for _ in range(31)), torch.zeros(32), 32)


@triton.jit
def many_kernel(inputs, out_ptr, n, SIZE: tl.constexpr):
    total = tl.zeros([SIZE], tl.float32)
    for i in tl.static_range(len(inputs)):
        total += tl.load(inputs[i] + tl.arange(0, SIZE))
    tl.store(out_ptr + tl.arange(0, SIZE), total)


# ------------------------------------------------------------------------------------------------- found by the device
DEEP = """
#include <metal_stdlib>
using namespace metal;
int f(const device int *x, int n, thread int *a) {
  int b[100];
  for (int i = 0; i < 100; ++i) b[i] = a[i] + x[i & 1];
  return n <= 0 ? 1 : f(x, n - 1, b) + b[n & 63];
}
[[kernel]] void deep(device int *x [[buffer(0)]], uint i [[thread_position_in_threadgroup]]) {
  int a[100] = {};
  threadgroup_barrier(mem_flags::mem_device);
  x[2 + i] = f(x, x[0], a);
}
"""


@pytest.mark.parametrize("mode", ["reference", "sanitize"])
def test_a_stack_that_is_used_up_as_the_kernel_runs_is_out_of_resources(mode: str):
    kernel = Kernel("deep", DEEP, (Argument("x", "buffer", "i32", 0),), 1, 0, "apple9")
    device = automatic.device_of("cpu", mode)
    x = np.zeros(34, np.int32)
    x[0] = 1 << 30
    with pytest.raises(OutOfResources, match=r"stack of a CPU lane \(a thread used up its stack"):
        device.launch(device.compile(kernel), [x.ctypes.data], b"", (1, 1, 1), [Extent(0, x.nbytes)])
    x[0] = 0
    device.launch(device.compile(kernel), [x.ctypes.data], b"", (1, 1, 1), [Extent(0, x.nbytes)])
    assert (x[2:] == 1).all()


def test_other_failures_of_a_launch_stay_what_they_are():
    text = "[[kernel]] void wild(device int *x [[buffer(0)]]) { x[1l << 44] = 1; }"
    device = CpuDevice("reference")
    executable = device.compile(Kernel("wild", text, (Argument("x", "buffer", "i32", 0),), 1, 0, "apple9"))
    with pytest.raises(RuntimeError, match="memory that is not there") as caught:
        device.launch(executable, [np.zeros(1, np.int32).ctypes.data], b"", (1, 1, 1))
    assert not isinstance(caught.value, OutOfResources)


@pytest.mark.parametrize(
    "message, expected",
    [
        (f"[metal::Device] Unable to load kernel k\n{MEMORY}\n", (40960, 32768, "threadgroup memory")),
        (THREADS, (1024, 384, "threads")),
        ("Compute function exceeds available stack space", (0, 0, "stack of 32 threads (Compute function exceeds")),
    ],
)
def test_the_words_of_drivers_and_frameworks_are_understood(message: str, expected: tuple[int, int, str]):
    error = limits.out_of_resources(Kernel("k", "", (), 1, 0, "apple9"), message)
    assert error is not None
    assert (error.required, error.limit, error.name[: len(expected[2])]) == expected


def test_a_pipeline_that_pytorch_cannot_make_is_out_of_resources_or_a_failure():
    kernel = Kernel("k", "", (), 1, 0, "apple9")
    words = f"Failed to created pipeline state object, error: {MEMORY}"
    with pytest.raises(OutOfResources, match="threadgroup memory, required: 40960, limit: 32768"):
        TorchMpsDevice(Host(failing(words), lambda: None, "mps", "fake", 8)).compile(kernel)
    with pytest.raises(DeviceFailure, match="PyTorch cannot build k: Compiler encountered an internal error"):
        TorchMpsDevice(Host(failing("Compiler encountered an internal error"), lambda: None, "mps", "fake", 8)).compile(
            kernel
        )


class Full:
    """A device of which Triton hears only afterwards that a kernel does not fit."""

    def synchronize(self) -> None:
        raise OutOfResources(1024, 384, "threads")


def test_an_autotuner_hears_of_what_a_device_finds_when_it_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(driver, "device_of", lambda number: Full())
    with pytest.raises(triton_errors.OutOfResources, match="threads, Required: 1024, Hardware limit: 384"):
        triton.runtime.driver.active.get_device_interface().synchronize()
