"""What is not supported is refused when it is compiled: by the op's name, with a reason and the line of the source.

Every kernel below marks the line that must be named with the comment `refused`.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from triton_alloy.errors import InvalidArgument, Unsupported


@triton.jit
def atomic_system_kernel(x_ptr, BLOCK: tl.constexpr):
    tl.atomic_add(x_ptr + tl.arange(0, BLOCK), 1.0, scope="sys")  # refused


@triton.jit
def assembly_kernel(x_ptr, BLOCK: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, BLOCK))
    y = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [x], dtype=tl.float32, is_pure=True, pack=1)  # refused
    tl.store(x_ptr + tl.arange(0, BLOCK), y)


REFUSED = {
    "tt.atomic_rmw": atomic_system_kernel,
    "tt.elementwise_inline_asm": assembly_kernel,
}


def refused_line(kernel: triton.JITFunction) -> int:
    """The line of this file that holds the kernel's marker."""
    lines, first = inspect.getsourcelines(kernel.fn)
    return first + next(i for i, line in enumerate(lines) if "# refused" in line)


@pytest.mark.parametrize("op", REFUSED)
def test_refused_by_name_reason_and_line(device, op):
    kernel = REFUSED[op]
    x = torch.ones(64)
    with pytest.raises(Unsupported) as caught:
        kernel[(1,)](x, BLOCK=64)
    error = caught.value
    assert error.op == op
    assert len(error.reason) > 10
    assert error.location.endswith(f"{__file__.rpartition('/')[2]}:{refused_line(kernel)}")
    assert op in str(error) and error.reason in str(error)
    assert (x == 1).all()


@triton.jit
def add_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)


def test_grids():
    """An empty grid runs nothing; what is no grid is refused."""
    x, out = torch.ones(64), torch.zeros(64)
    add_kernel[(0,)](x, out, 64, BLOCK=64)
    assert (out == 0).all()
    for grid in ((-1,), (2**31,), (1, 2**31, 1)):
        with pytest.raises(InvalidArgument, match="grid"):
            add_kernel[grid](x, out, 64, BLOCK=64)
    assert (out == 0).all()


@pytest.mark.parametrize("warps", [0, 3, 64])
def test_numbers_of_warps(warps):
    out = torch.zeros(64)
    with pytest.raises((InvalidArgument, triton.runtime.errors.OutOfResources), match="num_warps"):
        add_kernel[(1,)](torch.ones(64), out, 64, BLOCK=64, num_warps=warps)
    assert (out == 0).all()


def test_wrong_arguments():
    out = torch.zeros(64)
    with pytest.raises((InvalidArgument, TypeError)):
        add_kernel[(1,)](np.ones(64, np.float32), out, 64, BLOCK=64)
    with pytest.raises(InvalidArgument, match="x_ptr"):
        add_kernel[(1,)](torch.ones(64, device="meta"), out, 64, BLOCK=64)
    assert (out == 0).all()


@triton.jit
def half(device, kernel, BLOCK: tl.constexpr):
    """A comment and a name that are no ASCII: é, 漢字. The kernel and its arguments are words of MSL."""
    größe = tl.arange(0, BLOCK)  # größe ≥ 0
    tl.store(kernel + größe, tl.load(device + größe) * 2)


def test_names_that_msl_does_not_allow(device):
    x, out = torch.randn(64), torch.zeros(64)
    compiled = half[(1,)](x, out, BLOCK=64)
    assert torch.equal(out, x * 2)
    assert compiled.asm["msl"].isascii()


def test_a_tensor_larger_than_threadgroup_memory():
    """Moved between simdgroups in parts that fit."""
    from triton_alloy import config

    a, out = torch.randn(256, 257), torch.zeros(256, 257)
    with config.scope(TRITON_ALLOY_TARGET="apple9"):
        kernel = transpose_kernel[(1,)](a, out, 257, N=256, num_warps=32)
    assert torch.equal(out[:, :256], a[:, :256].T)
    assert kernel.metadata.shared == 32768


@triton.jit
def transpose_kernel(x_ptr, out_ptr, stride, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i[:, None] * stride + i[None, :])
    tl.store(out_ptr + i[:, None] * stride + i[None, :], tl.trans(x) + tl.trans(x * 0))
