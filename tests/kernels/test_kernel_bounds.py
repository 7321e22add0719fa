"""Accesses outside of a launch's tensors: TRITON_ALLOY_BOUNDS names argument, element and line; nothing is written."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import triton_alloy
from triton_alloy import config
from triton_alloy.msl_cpu import KernelFailure

pytestmark = pytest.mark.fast_mode  # what the sanitizer finds it tells in its own words


@pytest.fixture(autouse=True)
def bounds() -> Iterator[None]:
    with config.scope(TRITON_ALLOY_BOUNDS="1"):
        yield


@triton.jit
def scale(x_ptr, o_ptr, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o_ptr + i, tl.load(x_ptr + i) * 2, mask=i < n)  # no mask on the load


@triton.jit
def fill(o_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o_ptr + i, i)  # no mask


@triton.jit
def count(o_ptr, at_ptr, B: tl.constexpr):
    at = tl.load(at_ptr + tl.arange(0, B))
    tl.atomic_add(o_ptr + at, 1)  # trusts the indices


@triton.jit
def claim(o_ptr, at_ptr, B: tl.constexpr):
    at = tl.load(at_ptr + tl.arange(0, B))
    zero = tl.zeros([B], o_ptr.dtype.element_ty)
    tl.atomic_cas(o_ptr + at, zero, zero + 1)  # trusts the indices


@triton.jit
def pick(x_ptr, at_ptr, o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.load(at_ptr + i)
    tl.store(o_ptr + i, tl.load(x_ptr + at))  # trusts the indices


@triton.jit
def put(x_ptr, at_ptr, o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.load(at_ptr + i)
    tl.store(o_ptr + at, tl.load(x_ptr + i))  # trusts the indices


@triton.jit
def either(x_ptr, y_ptr, o_ptr, at_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.load(at_ptr + i)
    place = tl.where(i % 2 == 0, x_ptr + at, y_ptr + at)
    tl.store(o_ptr + i, tl.load(place))  # by address


@triton.jit
def one(x_ptr, o_ptr, k):
    tl.store(o_ptr, tl.load(x_ptr + k))  # one element


@triton.jit
def put_one(o_ptr, k):
    tl.store(o_ptr + k, 1)  # one element


@triton.jit
def add_one(o_ptr, k):
    tl.atomic_add(o_ptr + k, 1)  # one element


@triton.jit
def shifted(x_ptr, o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o_ptr + i, tl.load(x_ptr + i - 3))  # before the first


@triton.jit
def rows(x_ptr, o_ptr, m, stride, M: tl.constexpr, N: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + i * stride + j)  # no mask
    tl.store(o_ptr + i * N + j, x, mask=i < m)


def line_of(kernel: Any, mark: str) -> str:
    """`file.py:12: the source`, of the line of the kernel that ends with the mark."""
    lines, first = inspect.getsourcelines(kernel.fn)
    [number] = [i for i, line in enumerate(lines) if mark in line]
    return f"{__file__}:{first + number}: {lines[number].strip()}"


def indices(count: int, wrong: int, at: int) -> torch.Tensor:
    found = torch.arange(count)
    found[at] = wrong
    return found


def failure(run: Any, start: str, kernel: Any, mark: str) -> KernelFailure:
    """The failure of a launch, whose message starts with these words and names the line with the mark."""
    with pytest.raises(KernelFailure) as caught:
        run()
    head, source, remedy, metal = str(caught.value).split("\n    ")
    assert head == start
    assert source == line_of(kernel, mark)
    assert remedy == "mask the access (mask=...), or pass more memory"
    assert metal.startswith(f"line {caught.value.fault.line} of the Metal text: ")
    return caught.value


I32, F32 = torch.int32, torch.float32
LONG = torch.int64


def zeros(count: int, dtype: torch.dtype = F32) -> torch.Tensor:
    return torch.zeros(count, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float16, F32, LONG], ids=str)
def test_a_forgotten_mask_of_a_load(device, dtype):
    x, o = torch.ones(1000, dtype=dtype), torch.zeros(4096, dtype=dtype)
    start = "kernel scale, program (0, 0, 0): out of bounds: read of x_ptr[1000]; x_ptr has elements 0 to 999"
    failure(lambda: scale[(1,)](x, o, 1000, B=1024), start, scale, "on the load")
    scale[(1,)](torch.ones(1024, dtype=dtype), o, 1000, B=1024)
    assert (o[:1000] == 2).all() and (o[1000:] == 0).all()


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, I32, LONG], ids=str)
def test_a_forgotten_mask_of_a_store(device, dtype):
    """The memory behind the tensor keeps what it held."""
    memory = bytearray(b"\7" * (1100 * dtype.itemsize))
    o = torch.frombuffer(memory, dtype=dtype, count=1000)
    start = "kernel fill, program (0, 0, 0): out of bounds: write of o_ptr[1000]; o_ptr has elements 0 to 999"
    failure(lambda: fill[(1,)](o, B=1024), start, fill, "# no mask")
    assert set(memory[1000 * dtype.itemsize :]) == {7}


def test_masked_lanes_never_count(device):
    x, o = torch.arange(1000.0), zeros(1000)
    scale_masked[(4,)](x, o, 1000, B=1024)
    assert torch.equal(o, x * 2)


@triton.jit
def scale_masked(x_ptr, o_ptr, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o_ptr + i, tl.load(x_ptr + i, mask=i < n) * 2, mask=i < n)


@pytest.mark.parametrize("kernel", [count, claim], ids=lambda kernel: kernel.fn.__name__)
@pytest.mark.parametrize("dtype", [I32, LONG], ids=str)
@pytest.mark.parametrize("wrong", [64, -1, 2**20])
def test_an_atomic(device, kernel, dtype, wrong):
    name = kernel.fn.__name__
    start = (
        f"kernel {name}, program (0, 0, 0): out of bounds: atomic access of o_ptr[{wrong}]; o_ptr has elements 0 to 63"
    )
    launch = lambda: kernel[(1,)](zeros(64, dtype), indices(64, wrong, 17), B=64)  # noqa: E731
    failure(launch, start, kernel, "trusts")


@pytest.mark.parametrize("wrong", [64, -1, 10**12])
def test_scattered_accesses(device, wrong):
    launch = lambda kernel: kernel[(1,)](zeros(64), indices(64, wrong, 40), zeros(64), B=64)  # noqa: E731
    start = f"kernel pick, program (0, 0, 0): out of bounds: read of x_ptr[{wrong}]; x_ptr has elements 0 to 63"
    failure(lambda: launch(pick), start, pick, "trusts")
    start = f"kernel put, program (0, 0, 0): out of bounds: write of o_ptr[{wrong}]; o_ptr has elements 0 to 63"
    failure(lambda: launch(put), start, put, "trusts")


def test_a_computed_address(device):
    x, y, o = torch.arange(64.0), -torch.arange(64.0), zeros(64)
    either[(1,)](x, y, o, torch.arange(64).flip(0), B=64)
    expected = torch.where(torch.arange(64) % 2 == 0, x.flip(0), y.flip(0))
    assert torch.equal(o, expected)
    with pytest.raises(KernelFailure) as caught:
        either[(1,)](x, y, o, indices(64, 10**9, 5), B=64)
    assert line_of(either, "# by address") in str(caught.value)
    assert caught.value.fault.address == y.data_ptr() + 4 * 10**9


@pytest.mark.parametrize("k", [10, -1, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("places", [(0, 2048), (2048, 0)], ids=["x, o", "o, x"])
def test_a_uniform_access(device, k, places):
    """x is named whatever lies nearest to the address."""
    memory = bytearray(4096)
    x, o = (torch.frombuffer(memory, dtype=I32, count=10, offset=place) for place in places)
    x.copy_(torch.arange(10))
    has = "has elements 0 to 9"
    start = f"kernel one, program (0, 0, 0): out of bounds: read of x_ptr[{k}]; x_ptr {has}"
    failure(lambda: one[(1,)](x, o, k), start, one, "one element")
    start = f"kernel put_one, program (0, 0, 0): out of bounds: write of o_ptr[{k}]; o_ptr {has}"
    failure(lambda: put_one[(1,)](o, k), start, put_one, "one element")
    start = f"kernel add_one, program (0, 0, 0): out of bounds: atomic access of o_ptr[{k}]; o_ptr {has}"
    failure(lambda: add_one[(1,)](o, k), start, add_one, "one element")
    assert (o == 0).all()
    one[(1,)](x, o, 9)
    assert o[0] == 9


def test_an_offset_before_the_first(device):
    x, o = torch.arange(64.0), zeros(64)
    start = "kernel shifted, program (0, 0, 0): out of bounds: read of x_ptr[-3]; x_ptr has elements 0 to 63"
    failure(lambda: shifted[(1,)](x, o, B=64), start, shifted, "before the first")
    shifted[(1,)](x[3:], o[3:], B=32)
    assert torch.equal(o[3:35], x[:32])


def test_a_view_may_reach_what_its_storage_holds(device):
    x = torch.arange(100.0)
    scale[(1,)](x[:40], zeros(64), 40, B=64)
    start = "kernel scale, program (0, 0, 0): out of bounds: read of x_ptr[60]; x_ptr has elements -40 to 59"
    failure(lambda: scale[(1,)](x[40:80], zeros(64), 40, B=64), start, scale, "on the load")


def test_a_view_alone_counts_on_request(device):
    x = torch.arange(100.0)
    with config.scope(TRITON_ALLOY_BOUNDS="view"):
        start = "kernel scale, program (0, 0, 0): out of bounds: read of x_ptr[40]; the view x_ptr has elements 0 to 39"
        failure(lambda: scale[(1,)](x[:40], zeros(64), 40, B=64), start, scale, "on the load")
        scale[(1,)](x[:64], zeros(64), 40, B=64)


def test_rows_of_a_view_with_strides(device):
    """The last row of the view ends before the row of its storage does."""
    x = torch.arange(16.0 * 40).reshape(16, 40)
    view = x[:, :32]
    rows[(1,)](view, o := zeros(512), 16, 40, M=16, N=32)
    assert torch.equal(o.reshape(16, 32), view)
    start = "kernel rows, program (0, 0, 0): out of bounds: read of x_ptr[640]; x_ptr has elements 0 to 639"
    with pytest.raises(KernelFailure) as caught:
        rows[(1,)](view, o, 16, 41, M=16, N=32)
    assert str(caught.value).split("\n")[0] == start
    with config.scope(TRITON_ALLOY_BOUNDS="view"):
        rows[(1,)](view, o, 16, 40, M=16, N=32)
        with pytest.raises(KernelFailure, match=r"the view x_ptr has elements 0 to 631"):
            rows[(1,)](view, o, 16, 41, M=16, N=32)


def test_arrays_of_numpy(device):
    memory = np.arange(100, dtype=np.float32)
    o = np.zeros(64, np.float32)
    scale[(1,)](triton_alloy.array(memory[:40]), triton_alloy.array(o), 40, B=64)
    assert (o[:40] == memory[:40] * 2).all()
    start = "kernel scale, program (0, 0, 0): out of bounds: read of x_ptr[60]; x_ptr has elements -40 to 59"
    part = triton_alloy.array(memory[40:80])
    failure(lambda: scale[(1,)](part, triton_alloy.array(o), 40, B=64), start, scale, "on the load")
    with config.scope(TRITON_ALLOY_BOUNDS="view"):
        start = "kernel scale, program (0, 0, 0): out of bounds: read of x_ptr[40]; the view x_ptr has elements 0 to 39"
        failure(lambda: scale[(1,)](part, triton_alloy.array(o), 40, B=64), start, scale, "on the load")


def test_a_tensor_without_elements(device):
    for k in (0, 3):
        start = f"kernel one, program (0, 0, 0): out of bounds: read of x_ptr[{k}]; x_ptr has no elements"
        failure(lambda k=k: one[(1,)](zeros(0), zeros(1), k), start, one, "one element")


@triton.jit
def helper(p, i):
    return tl.load(p + i)  # in a helper


@triton.jit
def calls(x_ptr, o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    y = helper(x_ptr, i)  # the call
    tl.store(o_ptr + i, y)


def test_a_helper_is_named_with_its_call(device):
    with pytest.raises(KernelFailure) as caught:
        calls[(1,)](zeros(40), zeros(64), B=64)
    place, _, text = line_of(helper, "# in a helper").partition(": ")
    caller = line_of(calls, "# the call").partition(": ")[0]
    assert str(caught.value).split("\n    ")[1] == f"{place} (called at {caller}): {text}"


@triton.jit
def of_a_number(address, o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    p = address.to(tl.pointer_type(tl.float32))
    tl.store(o_ptr + i, tl.load(p + i))


def test_pointers_made_of_numbers_are_not_checked(device):
    """Nothing tells which memory they may name."""
    x, o = torch.arange(64.0), zeros(64)
    of_a_number.device_caches.clear()
    with pytest.warns(UserWarning, match="kernel of_a_number makes pointers of numbers: TRITON_ALLOY_BOUNDS does not"):
        of_a_number[(1,)](x.data_ptr(), o, B=64)
    assert torch.equal(o, x)


def test_an_address_may_name_any_memory(device):
    x, o = torch.arange(64.0), zeros(64)

    class Address:
        dtype = torch.float32

        def data_ptr(self) -> int:
            return x.data_ptr()

    scale[(1,)](Address(), o, 64, B=64)
    assert torch.equal(o, x * 2)


def test_the_program_is_named_and_the_next_launch_is_right(device):
    x, o = torch.arange(1000.0), zeros(1000)
    start = "kernel fill, program (3, 0, 0): out of bounds: write of o_ptr[1000]; o_ptr has elements 0 to 999"
    for _ in range(3):
        failure(lambda: fill[(4,)](o.to(I32), B=256), start, fill, "# no mask")
        scale_masked[(4,)](x, o, 1000, B=256)
        assert torch.equal(o, x * 2)


def test_the_text_is_the_same(device):
    o = zeros(1024, I32)
    checked = fill[(1,)](o, B=1024).asm["msl"]
    with config.scope(TRITON_ALLOY_BOUNDS="0"):
        assert fill[(1,)](o, B=1024).asm["msl"] == checked
