"""buffer_of: the address, the bytes and the right to write of everything that can be bound."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from triton_alloy.msl_cpu import LaunchError, Library
from triton_alloy.msl_cpu.launch.buffers import Buffer, buffer_of

ARRAY = np.arange(20, dtype=np.float32).reshape(4, 5)
READ_ONLY = ARRAY.copy()
READ_ONLY.flags.writeable = False
ADDRESS = ARRAY.ctypes.data


@pytest.mark.parametrize(
    ("array", "offset", "size"),
    [
        pytest.param(ARRAY, 0, 80, id="c order"),
        pytest.param(ARRAY.T, 0, 80, id="fortran order"),
        pytest.param(ARRAY[1:, :], 20, 60, id="offset"),
        pytest.param(ARRAY[::2], 0, 60, id="rows left out"),
        pytest.param(ARRAY[:, 1:3], 4, 68, id="columns left out"),
        pytest.param(ARRAY[:, ::-1], 0, 80, id="backwards"),
        pytest.param(ARRAY[2:2], None, 0, id="empty"),
        pytest.param(ARRAY[3, 4], None, 4, id="scalar"),
        pytest.param(ARRAY[3:, 4:].reshape(()), 76, 4, id="no dimensions"),
        pytest.param(ARRAY.view([("x", "f4"), ("y", "f4", 4)]), 0, 80, id="structures"),
    ],
)
def test_numpy(array, offset: int | None, size: int):
    buffer = buffer_of(array)
    assert (buffer.bytes, buffer.writable) == (size, True)
    if offset is not None:
        assert buffer.start == ADDRESS + offset


def test_numpy_scalars_are_kept():
    """Their array interface points to memory that nobody owns."""
    buffer = buffer_of(np.float32(2.5))
    assert buffer.address == buffer.keep.ctypes.data
    assert ctypes.c_float.from_address(buffer.address).value == 2.5


def test_the_right_to_write():
    assert not buffer_of(READ_ONLY).writable
    assert not buffer_of(np.broadcast_to(ARRAY, (3, 4, 5))).writable
    assert not buffer_of(b"abc").writable
    assert buffer_of(bytearray(3)).writable


def test_other_kinds():
    number = ctypes.c_int(3)
    assert buffer_of(number)[:2] == (ctypes.addressof(number), 4)
    assert buffer_of(memoryview(ARRAY)[1:])[:2] == (ADDRESS + 20, 60)
    assert buffer_of(Buffer(1, 2, True, None)) == Buffer(1, 2, True, None)
    with pytest.raises(LaunchError, match="a list cannot be bound as a buffer"):
        buffer_of([1.0])


def test_torch():
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(4, 5)
    assert buffer_of(tensor)[:3] == (tensor.data_ptr(), 80, True)
    assert buffer_of(tensor[1:])[:2] == (tensor.data_ptr() + 20, 60)
    assert buffer_of(torch.nn.Parameter(tensor))[:2] == (tensor.data_ptr(), 80)
    with pytest.raises(LaunchError, match="device 'meta'"):
        buffer_of(torch.zeros(2, device="meta"))


def test_launches_of_one_kernel_may_differ(monkeypatch):
    """What is prepared for a launch is kept for the next one of the same shape only."""
    text = """#include <metal_stdlib>
    using namespace metal;
    kernel void sizes(device uint *out, threadgroup uint *shared, uint i [[thread_position_in_grid]],
                      uint group [[dispatch_threads_per_threadgroup]], uint all [[threads_per_grid]]) {
      shared[0] = 1;
      out[i] = group * 1000 + all;
    }"""
    kernel = Library(text, "reference")["sizes"]
    for group, groups, total in ((4, 2, None), (8, 1, None), (4, 2, 7), (4, 2, None)):
        out = np.zeros(8, np.uint32)
        kernel.launch([out], groups, group, total, {0: 4})
        count = total or group * groups
        assert out.tolist() == [group * 1000 + count] * count + [0] * (8 - count)
    with pytest.raises(LaunchError, match=r"threadgroup_memory\[0\] is not set"):
        kernel.launch([out], 2, 4)
    monkeypatch.setenv("MSL_CPU_THREADS", "none")
    with pytest.raises(LaunchError, match="MSL_CPU_THREADS='none'"):
        kernel.launch([out], 2, 4, None, {0: 4})
