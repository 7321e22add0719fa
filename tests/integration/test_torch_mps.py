"""The torch_mps runtime on CPU tensors, with msl_cpu's compile_shader in the place of torch.mps's.

`make runtimes` runs all tests of tests/kernels this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import DeviceAssertion, InvalidArgument, OutOfResources, RejectedText
from triton_alloy.kernel import Argument, Kernel
from triton_alloy.msl_cpu import compile_shader
from triton_alloy.runtime import automatic
from triton_alloy.runtime.torch_mps import Host, TorchMpsDevice, mps_host


@pytest.fixture(params=[("cpu", "fast"), ("apple9", "reference")], ids="-".join, autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    family, mode = request.param
    with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE=mode, ALLOY_RUNTIME="torch_mps"):
        yield request.param


@triton.jit
def scaled_copy_kernel(x_ptr, out_ptr, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


@triton.jit
def place_kernel(out_ptr, width, height):
    x, y, z = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    tl.store(out_ptr + (z * height + y) * width + x, x + 100 * y + 10000 * z)


@triton.jit
def scalars_kernel(out_ptr, a, b, c, d):
    tl.store(out_ptr, a)
    tl.store(out_ptr + 1, b)
    tl.store(out_ptr + 2, c)
    tl.store(out_ptr + 3, d)


@triton.jit
def float_kernel(out_ptr, a: tl.float16, b: tl.bfloat16, c: tl.float32):
    tl.store(out_ptr, a)
    tl.store(out_ptr + 1, b)
    tl.store(out_ptr + 2, c)


@triton.jit
def optional_kernel(x_ptr, bias_ptr, out_ptr, HAS_BIAS: tl.constexpr):
    value = tl.load(x_ptr)
    if HAS_BIAS:
        value += tl.load(bias_ptr)
    tl.store(out_ptr, value)


@triton.jit
def assert_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    tl.device_assert(x >= 0, "x must not be negative")
    tl.store(out_ptr + i, x)


def test_tensors_are_bound_as_they_are():
    x, out = torch.randn(1000), torch.zeros(1000)
    scaled_copy_kernel[(4,)](x, out, 1000, 3.0, BLOCK=256)
    torch.testing.assert_close(out, x * 3)


def test_a_view_begins_at_its_storage_offset():
    whole, out = torch.arange(100.0), torch.zeros(100)
    scaled_copy_kernel[(1,)](whole[37:], out[3:], 20, 1.0, BLOCK=32)
    assert torch.equal(out[3:23], whole[37:57]) and not out[:3].any() and not out[23:].any()


def test_grids_of_three_axes():
    out = torch.zeros(4, 3, 5, dtype=torch.int32)
    place_kernel[(5, 3, 4)](out, 5, 3)
    z, y, x = torch.meshgrid(torch.arange(4), torch.arange(3), torch.arange(5), indexing="ij")
    assert torch.equal(out.long(), x + 100 * y + 10000 * z)


def test_scalars_arrive_exactly():
    out = torch.zeros(4, dtype=torch.int64)
    scalars_kernel[(1,)](out, -(2**63), 2**63 - 1, -(2**31), True)
    assert out.tolist() == [-(2**63), 2**63 - 1, -(2**31), 1]
    unsigned = torch.zeros(4, dtype=torch.uint64)
    scalars_kernel[(1,)](unsigned, 2**64 - 1, 2**63, 1, 0)
    assert unsigned.tolist() == [2**64 - 1, 2**63, 1, 0]
    floats = torch.zeros(3)
    float_kernel[(1,)](floats, 0.1, 0.1, 0.1)
    expected = [torch.tensor(0.1, dtype=dtype).item() for dtype in (torch.float16, torch.bfloat16, torch.float32)]
    assert floats.tolist() == expected


def test_a_missing_tensor_is_a_null_pointer():
    x, out = torch.ones(1), torch.zeros(1)
    optional_kernel[(1,)](x, None, out, HAS_BIAS=False)
    assert out.item() == 1


def test_a_failed_assertion_is_raised_at_the_launch():
    x, out = torch.arange(-1, 31, dtype=torch.int32), torch.zeros(32, dtype=torch.int32)
    with pytest.raises(DeviceAssertion, match="x must not be negative"):
        assert_kernel[(1,)](x, out, BLOCK=32, debug=True)


# ----------------------------------------------------------------------------------------------------------- refusals
def test_a_tensor_elsewhere_is_refused_with_the_remedy():
    x = torch.empty(8, device="meta")
    with pytest.raises(
        InvalidArgument, match=r"x_ptr: the tensor is on meta, this kernel runs on cpu: pass x\.to\('cpu'\)"
    ):
        scaled_copy_kernel[(1,)](x, torch.zeros(8), 8, 1.0, BLOCK=8)


def test_numpy_is_refused():
    import numpy as np

    import triton_alloy

    with pytest.raises(InvalidArgument, match="the torch_mps runtime takes tensors of PyTorch, not Array"):
        scaled_copy_kernel[(1,)](triton_alloy.array(np.zeros(8, np.float32)), torch.zeros(8), 8, 1.0, BLOCK=8)


def test_more_threads_than_metal_counts_are_refused():
    kernel = Kernel(
        "k", "kernel void k(device int *x [[buffer(0)]]) {}", (Argument("x", "buffer", "i32", 0),), 4, 0, "cpu"
    )
    device = automatic.device_of("torch_mps", "reference")
    with pytest.raises(InvalidArgument, match="Metal counts threads in 32 bits"):
        device.launch(device.compile(kernel), [torch.zeros(1)], b"", (2**30, 1, 1))


class Function:
    max_threads_per_threadgroup = 384


class Shader:
    k = Function()


def test_a_pipeline_of_fewer_threads_is_out_of_resources():
    device = TorchMpsDevice(Host(lambda text: Shader(), lambda: None, "mps", "fake", 8))
    kernel = Kernel("k", "", (), 16, 0, "apple9")
    with pytest.raises(OutOfResources, match="out of resource: threads, required: 512, limit: 384"):
        device.compile(kernel)


def test_metals_message_comes_with_the_kernels_name():
    device = TorchMpsDevice(Host(compile_shader, lambda: None, "cpu", "fake", 8))
    with pytest.raises(RejectedText, match=r"rejects the text of k(?s:.*)program_source:1:\d+: error"):
        device.compile(Kernel("k", "kernel void k() { nonsense; }", (), 1, 0, "apple9"))


def test_without_a_gpu_the_real_thing_says_so():
    with pytest.raises(InvalidArgument, match=r"needs a Mac with an Apple GPU; torch\.backends\.mps finds none"):
        mps_host()


# ------------------------------------------------------------------------------------------------------------- choice
class Tensor:
    """A tensor on a device of this type, for the choice."""

    def __init__(self, kind: str):
        self.device = torch.device(kind)

    untyped_storage: Any = None


@pytest.mark.parametrize(("kind", "runtime"), [("mps", "torch_mps"), ("cpu", "cpu")])
def test_where_a_tensor_is_decides(kind: str, runtime: str):
    assert automatic.runtime_of(Tensor(kind)) == runtime


def test_the_metal_runtime_needs_a_gpu():
    with pytest.raises(InvalidArgument, match="ALLOY_RUNTIME=metal needs a Mac with an Apple GPU"):
        automatic.device_of("metal", "fast")
