"""What an Apple GPU cannot take through MLX, which builds a kernel when its result is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import triton

from tests.support.limits import MATRIX, MEMORY, NUMBERS, THREADS, WEIGHED, failing, gram_kernel, tuned, weigh_kernel
from triton_alloy import config
from triton_alloy.errors import OutOfResources, Unsupported
from triton_alloy.kernel import Argument, Kernel
from triton_alloy.runtime import automatic
from triton_alloy.runtime.mlx import Host, MlxDevice

mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")
from triton_alloy.mlx import triton_call  # noqa: E402

TRANSFORMATION = (
    "[eval] Attempting to eval an array during function transformations like compile or vmap is not allowed."
)


def test_mlx_needs_one_buffer_of_its_own():
    pointers = tuple(Argument(f"p{i}", "buffer", "f32", i) for i in range(31))
    device = automatic.device_of("mlx", "fast")
    with pytest.raises(Unsupported, match=r"f needs 31 buffers \(31 pointers\), of which an Apple GPU has 30"):
        device.compile(Kernel("f", "", pointers, 1, 0, "apple9"))
    device.compile(Kernel("f", "kernel void f(device float *p0 [[buffer(0)]]) {}", pointers[:30], 1, 0, "apple9"))


@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_scalars_of_any_size_lie_in_an_array(family: str):
    with config.scope(TRITON_ALLOY_TARGET=family):
        result: Any = triton_call(
            mx.array([3], mx.int64),
            NUMBERS,
            kernel=weigh_kernel,
            out_shape=mx.zeros((1,), mx.int64),
            grid=1,
            COUNT=len(NUMBERS),
        )
    assert result.item() == WEIGHED


def test_an_autotuner_drops_what_needs_more_stack_within_mlx():
    kernel = tuned(gram_kernel, [triton.Config({"BLOCK": block}) for block in (512, 64)])
    x = mx.array(MATRIX.numpy())
    product: Any = triton_call(x, kernel=kernel, out_shape=x, grid=1, n=64)
    assert kernel.best_config.kwargs == {"BLOCK": 64}
    np.testing.assert_array_equal(np.array(product), (MATRIX @ MATRIX.T).numpy())


TEXT = "kernel void k(uint i [[thread_position_in_grid]]) {}"


class Late:
    """A kernel of MLX, which is built when its result is needed."""

    def __call__(self, **named: Any) -> list[Any]:
        return [mx.array(1)]


@pytest.mark.parametrize("message, drops", [(MEMORY, True), (THREADS, True), (TRANSFORMATION, False), ("else", False)])
def test_a_kernel_that_mlx_builds_too_late_is_out_of_resources(
    message: str, drops: bool, monkeypatch: pytest.MonkeyPatch
):
    device = MlxDevice(Host(lambda **_: Late(), "fake", 8, lazy=True))
    executable = device.compile(Kernel("k", TEXT, (), 1, 0, "apple9"))
    device.launch(executable, [], b"", (1, 1, 1))
    monkeypatch.setattr(mx, "eval", failing(message))
    if drops:
        with pytest.raises(OutOfResources):
            device.synchronize()
    device.synchronize()


def test_a_grid_that_metal_cannot_count_is_refused_for_mlx():
    device = MlxDevice(Host(lambda **_: Late(), "fake", 8, lazy=True))
    executable = device.compile(Kernel("k", TEXT, (), 4, 0, "apple9"))
    with pytest.raises(ValueError, match="Metal counts threads in 32 bits"):
        device.launch(executable, [], b"", (2**25, 1, 1))
