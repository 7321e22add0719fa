"""Atomics on 64-bit integers, and atomic loads, stores and polls: nothing is lost, nothing is torn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy import config
from triton_alloy.errors import Unsupported

DEVICES = [("cpu", "fast"), ("apple9", "fast"), ("cpu", "reference"), ("apple9", "reference"), ("apple9", "sanitize")]
CARRY = 2**31 + 12345  # added a few times, it changes both words


@pytest.fixture(params=DEVICES, ids="-".join)
def every_device(request):
    """The text of each target, run in each mode."""
    with config.scope(TRITON_ALLOY_TARGET=request.param[0], TRITON_ALLOY_MODE=request.param[1]):
        yield request.param


@triton.jit
def sums_kernel(x_ptr, bins: tl.constexpr, value, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(x_ptr + i % bins, i.to(tl.int64) + value)


@pytest.mark.parametrize("bins", [1, 3])
def test_every_addition_counts(every_device, bins):
    """Many lanes, simdgroups and programs at one address; carries go into the upper word."""
    programs, block = 4, 256
    x = np.full(3, -(2**40), np.int64)
    sums_kernel[(programs,)](tensor(x), bins, CARRY, block)
    expected = np.full(3, -(2**40), np.int64)
    i = np.arange(programs * block)
    np.add.at(expected, i % bins, i + CARRY)
    assert x.tolist() == expected.tolist()


@triton.jit
def scalar_kernel(x_ptr, old_ptr):
    old = tl.atomic_add(x_ptr, 2**33 + 1)
    tl.atomic_max(x_ptr + 1, old)
    tl.store(old_ptr + tl.program_id(0), old)


def test_a_scalar_is_updated_once_per_program(every_device):
    x, old = np.array([5, -1], np.int64), np.zeros(20, np.int64)
    scalar_kernel[(20,)](tensor(x), tensor(old))
    steps = 5 + np.arange(21) * (2**33 + 1)
    assert sorted(old.tolist()) == steps[:20].tolist()
    assert x.tolist() == [steps[20], steps[19]]


@triton.jit
def pairs_kernel(x_ptr, seen_ptr, n, BLOCK: tl.constexpr):
    """Both words of the number are always equal, unless somebody sees half of an update."""
    pid = tl.program_id(0)
    number = (pid + 1).to(tl.int64)
    for _ in range(n):
        seen = tl.atomic_xchg(x_ptr, number * (2**32 + 1))
        tl.device_assert((seen & 0xFFFFFFFF) == (seen >> 32), "whole")
        loaded = tl.atomic_load(x_ptr)
        tl.device_assert((loaded & 0xFFFFFFFF) == (loaded >> 32), "whole")
    tl.atomic_or(seen_ptr, 1 << number)


def test_nobody_sees_half_of_an_update(every_device):
    x, seen = np.zeros(1, np.int64), np.zeros(1, np.int64)
    pairs_kernel[(8,)](tensor(x), tensor(seen), 20, 32, debug=True)
    assert x[0] % (2**32 + 1) == 0 and 1 <= x[0] >> 32 <= 8
    assert seen[0] == sum(2**number for number in range(1, 9))


@triton.jit
def compare_kernel(x_ptr, old_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    old = tl.atomic_cas(x_ptr + i, (i % 3).to(tl.int64) << 40, -i.to(tl.int64))
    tl.store(old_ptr + i, old)


def test_compare_and_swap(every_device):
    i = np.arange(64)
    x = ((i % 2) << 40).astype(np.int64)
    before, old = x.copy(), np.zeros(64, np.int64)
    compare_kernel[(1,)](tensor(x), tensor(old), 64)
    assert old.tolist() == before.tolist()
    assert x.tolist() == np.where(before == (i % 3) << 40, -i, before).tolist()


@triton.jit
def swap_loop_kernel(x_ptr, n):
    """A sum by compare-and-swap, as programs write it."""
    zero = tl.full([], 0, tl.int64)
    for _ in range(n):
        old = tl.atomic_cas(x_ptr, zero, zero)
        found = tl.atomic_cas(x_ptr, old, old + 2**31 + 1)
        while found != old:
            old = found
            found = tl.atomic_cas(x_ptr, old, old + 2**31 + 1)


def test_a_loop_of_compare_and_swap(any_device):
    x = np.zeros(1, np.int64)
    swap_loop_kernel[(6,)](tensor(x), 5)
    assert x[0] == 30 * (2**31 + 1)


@triton.jit
def limits_kernel(x_ptr, value_ptr, ADD: tl.constexpr, N: tl.constexpr):
    value = tl.load(value_ptr + tl.arange(0, N))
    tl.atomic_max(x_ptr + tl.zeros([N], tl.int32), value)
    tl.atomic_min(x_ptr + 1 + tl.zeros([N], tl.int32), value)
    tl.atomic_max(x_ptr + 2, tl.max(value))
    if ADD:
        tl.atomic_add(x_ptr + 2, 1)


@pytest.mark.parametrize("dtype, add", [("uint64", False), ("uint64", True), ("int64", False)])
def test_extremes_are_metals_own_where_it_has_them(every_device, rng, dtype, add):
    """Alone, and of unsigned numbers: they do not heed the locks of other updates."""
    value = rng.integers(0, 2**64, 128, dtype=np.uint64).astype(dtype)
    info = np.iinfo(dtype)
    x = np.array([info.min, info.max, info.min], dtype)
    kernel = limits_kernel[(1,)](tensor(x), tensor(value), add, 128)
    assert x.tolist() == [value.max(), value.min(), int(value.max()) + add]
    is_native = dtype == "uint64" and not add and every_device[0] == "apple9"
    assert ("lock_table" in kernel.asm["msl"]) == (not is_native)
    assert ("atomic_max_explicit((device atomic_ulong" in kernel.asm["msl"]) == is_native


def test_generations_without_them_take_locks():
    x, value = torch.zeros(3, dtype=torch.uint64), torch.arange(128).to(torch.uint64)
    with config.scope(TRITON_ALLOY_TARGET="apple7", TRITON_ALLOY_MODE="reference"):
        kernel = limits_kernel[(1,)](x, value, False, 128)
    assert "lock_table" in kernel.asm["msl"] and x.tolist() == [127, 0, 127]


# ---------------------------------------------------------------------------------------------- loads, stores and polls
@triton.jit
def copy_kernel(x_ptr, out_ptr, one_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.atomic_load(x_ptr + i, mask=i < N - 3)
    tl.atomic_store(out_ptr + i, x, mask=(i > 0) & (i < N - 3))
    tl.atomic_store(one_ptr, tl.atomic_load(x_ptr + 5))


DTYPES = ["int8", "uint8", "int16", "int32", "int64", "float16", "bfloat16", "float32"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_loads_and_stores_of_every_width(device, dtype):
    """Neighbours in the same 32-bit word keep what they hold."""
    x = (torch.arange(64) - 20).to(getattr(torch, dtype))
    out, one = torch.full((64,), 3).to(x.dtype), torch.full((8,), 3).to(x.dtype)
    copy_kernel[(1,)](x, out, one, 64)
    assert out[1:61].tolist() == x[1:61].tolist() and set(out[[0, 61, 62, 63]].tolist()) == {3}
    assert one.tolist() == [x[5].item()] + [3] * 7


def test_loads_and_stores_are_checked_clean():
    with config.scope(TRITON_ALLOY_TARGET="apple9", TRITON_ALLOY_MODE="sanitize"):
        for dtype in (torch.int8, torch.int16, torch.int64):
            copy_kernel[(2,)](*(torch.ones(n, dtype=dtype) for n in (64, 64, 8)), 64)


@triton.jit
def short_kernel(x_ptr, old_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    old = tl.atomic_cas(x_ptr + i, tl.full([N], 3, tl.int16), tl.full([N], -7, tl.int16))
    tl.store(old_ptr + i, old)


def test_compare_and_swap_of_16_bits(any_device):
    x, old = np.arange(64, dtype=np.int16) % 5, np.zeros(64, np.int16)
    before = x.copy()
    short_kernel[(1,)](tensor(x), tensor(old), 64)
    assert old.tolist() == before.tolist() and x.tolist() == np.where(before == 3, -7, before).tolist()


@triton.jit
def relay_kernel(flag_ptr, data_ptr, N: tl.constexpr):
    """Program 0 publishes its data before its flag; the others wait for it, whichever runs first."""
    pid, i = tl.program_id(0), tl.arange(0, N)
    if pid == 0:
        tl.store(data_ptr + i, i + 7)
        tl.debug_barrier()
        tl.atomic_store(flag_ptr, 2**32 + 1)
    else:
        found = tl.atomic_poll(flag_ptr, 2**32 + 1)
        data = tl.load(data_ptr + i)
        tl.store(data_ptr + pid * N + i, tl.where(found, data, 0))


def test_a_poll_waits_for_a_flag(any_device):
    flag, data = np.zeros(1, np.int64), np.zeros((3, 64), np.int32)
    relay_kernel[(3,)](tensor(flag), tensor(data), 64)
    assert (data == np.arange(64) + 7).all()


@triton.jit
def polls_kernel(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.atomic_store(x_ptr + i, i.to(x_ptr.dtype.element_ty))
    tl.store(out_ptr + i, tl.atomic_poll(x_ptr + N - 1 - i, (N - 1 - i).to(x_ptr.dtype.element_ty)).to(tl.int32))


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_polls_of_many_numbers(any_device, dtype):
    x, out = torch.full((256,), -1, dtype=dtype), torch.zeros(256, dtype=torch.int32)
    polls_kernel[(1,)](x, out, 256)
    assert x.tolist() == list(range(256)) and out.all()


@triton.jit
def timeout_kernel(x_ptr):
    tl.atomic_poll(x_ptr, 1, timeout_ns=1000)


@triton.jit
def narrow_kernel(x_ptr):
    tl.atomic_add(x_ptr + tl.arange(0, 32), 1.0, scope="sys")


def test_what_is_refused(device):
    with pytest.raises(Unsupported, match=r"tt\.atomic_poll.*no clock"):
        timeout_kernel[(1,)](torch.zeros(1, dtype=torch.int32))
    with pytest.raises(Unsupported, match=r"tt\.atomic_rmw.*within one device"):
        narrow_kernel[(1,)](torch.zeros(32))
