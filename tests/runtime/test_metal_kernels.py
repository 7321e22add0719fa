"""Triton kernels through the metal runtime, end to end, on the double: right values, from NumPy and PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import triton_alloy
from tests.support.metal_double import GPU_SECONDS, World
from tests.support.on_metal import metal_double
from triton_alloy import config
from triton_alloy.errors import DeviceAssertion, InvalidArgument
from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add
from triton_alloy.tools.cases import TOLERANCE, error


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with metal_double() as world:
        yield world


@pytest.fixture(autouse=True)
def on_metal(world: World) -> Iterator[None]:
    with config.scope(ALLOY_RUNTIME="metal", TRITON_ALLOY_TARGET="apple9", TRITON_ALLOY_MODE="fast"):
        world.calls.clear()
        yield


def normal(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape, dtype=np.float32) for shape in shapes]


EXAMPLES = {
    "vector_add": (vector_add.add, vector_add.reference, normal((3, 7), (3, 7))),
    "softmax": (softmax.softmax, softmax.reference, normal((5, 77))),
    "layer_norm": (lambda *x: layer_norm.layer_norm(*x)[0], layer_norm.reference, normal((5, 77), (77,), (77,))),
    "matmul": (matmul.matmul, matmul.reference, normal((67, 49), (49, 53))),
    "attention": (attention.attention, attention.reference, normal(*[(1, 2, 40, 32)] * 3)),
}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("library", ["numpy", "shared", "torch"])
def test_examples(world: World, name: str, library: str):
    run, reference, inputs = EXAMPLES[name]
    make = {"numpy": np.asarray, "shared": triton_alloy.asarray, "torch": torch.from_numpy}[library]
    result = np.asarray(run(*map(make, inputs)))
    assert error(result, reference(*(x.astype(np.float64) for x in inputs))) < TOLERANCE["float32"]
    assert world.count("commit") >= 1
    assert (world.count("newBufferWithBytesNoCopy:length:options:deallocator:") > 0) == (library == "shared")


@triton.jit
def checked_kernel(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0)
    tl.device_print("sum", tl.sum(x))
    tl.device_assert(x < 10, "too large")
    tl.store(x_ptr + i, x * 2, mask=i < n)


def test_prints_and_assertions_reach_the_host(capsys: pytest.CaptureFixture[str]):
    x = torch.arange(5, dtype=torch.int32)
    checked_kernel[(1,)](x, 5, BLOCK=32, num_warps=1, debug=True)
    assert x.tolist() == [0, 2, 4, 6, 8]
    assert "sum: 10" in capsys.readouterr().out
    x[3] = 10
    with pytest.raises(DeviceAssertion, match="too large"):
        checked_kernel[(1,)](x, 5, BLOCK=32, num_warps=1, debug=True)


@triton.jit
def scale_kernel(x_ptr, y_ptr, factor, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "bfloat16", "float32"])
def test_every_width_of_scalars_and_elements(dtype: str):
    x = torch.arange(100).to(getattr(torch, dtype))
    y = torch.zeros_like(x)
    scale_kernel[(2,)](x[10:], y[20:], 3, 50, BLOCK=32)
    assert torch.equal(y[20:70], x[10:60] * 3) and not y[:20].any() and not y[70:].any()


def test_the_benchmark_is_timed_by_the_gpu():
    x, y = torch.zeros(64), torch.zeros(64)
    time = triton.testing.do_bench(lambda: scale_kernel[(2,)](x, y, 2.0, 64, BLOCK=32), warmup=1, rep=5)
    assert time == pytest.approx(GPU_SECONDS * 1e3, rel=1e-6)


def test_an_autotuner_drops_what_does_not_fit(world: World):
    configs = [triton.Config({}, num_warps=warps) for warps in (1, 8)]
    tuned = triton.autotune(configs, key=["n"])(scale_kernel)
    world.threads["scale_kernel"] = 128
    x, y = torch.ones(64), torch.zeros(64)
    tuned[(1,)](x, y, 5.0, 64, BLOCK=64)
    del world.threads["scale_kernel"]
    assert tuned.best_config.num_warps == 1
    assert torch.equal(y, 5 * x)


def test_a_batch_runs_together(world: World, monkeypatch: pytest.MonkeyPatch):
    from triton_alloy.runtime import automatic, metal

    monkeypatch.setattr(automatic, "has_apple_gpu", lambda: True)
    monkeypatch.setattr(metal, "metal_device", lambda: automatic.device_of("metal", "fast"))
    x, y = triton_alloy.asarray(np.arange(64, dtype=np.float32)), triton_alloy.empty(64)
    arrays = triton_alloy.array(x), triton_alloy.array(y)
    scale_kernel[(2,)](*arrays, 2.0, 64, BLOCK=32)
    world.calls.clear()
    with triton_alloy.batch():
        for _ in range(5):
            scale_kernel[(2,)](*arrays, 3.0, 64, BLOCK=32)
        assert world.count("commit") == 0
    assert world.count("commit") == 1
    np.testing.assert_array_equal(y, 3 * x)


def test_an_address_alone_is_refused():
    x = torch.zeros(64)
    with pytest.raises(InvalidArgument, match="pass a tensor, not an address"):
        scale_kernel.warmup(x, x, 2.0, 64, BLOCK=32, grid=(1,))[(1, 1, 1)](x.data_ptr(), x, 2.0, 64, 32)
