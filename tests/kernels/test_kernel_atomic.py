"""Atomics: every element once, whatever the layout; scalars once per program; old values; locks."""

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor


@triton.jit
def bincount_kernel(x_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    bins = tl.load(x_ptr + i, mask=i < n, other=0)
    tl.atomic_add(counts_ptr + bins, 1, mask=i < n)


def test_equal_addresses_all_count(any_device, rng):
    x, counts = rng.integers(0, 10, 1000).astype(np.int32), np.zeros(10, np.int32)
    bincount_kernel[(4,)](tensor(x), tensor(counts), 1000, BLOCK=256)
    assert counts.tolist() == np.bincount(x, minlength=10).tolist()


@triton.jit
def ticket_kernel(counter_ptr, tickets_ptr):
    ticket = tl.atomic_add(counter_ptr, 1)
    tl.store(tickets_ptr + ticket, tl.program_id(0))


def test_a_scalar_counts_once_per_program(any_device):
    counter, tickets = np.zeros(1, np.int32), np.full(64, -1, np.int32)
    ticket_kernel[(64,)](tensor(counter), tensor(tickets))
    assert counter[0] == 64 and sorted(tickets.tolist()) == list(range(64))


@triton.jit
def lock_kernel(lock_ptr, total_ptr):
    while tl.atomic_cas(lock_ptr, 0, 1) == 1:
        pass
    total = tl.load(total_ptr)
    tl.store(total_ptr, total + 1)
    tl.debug_barrier()
    tl.atomic_xchg(lock_ptr, 0)


def test_a_lock_excludes(any_device):
    lock, total = np.zeros(1, np.int32), np.zeros(1, np.int32)
    kernel = lock_kernel[(50,)](tensor(lock), tensor(total))
    assert total[0] == 50 and lock[0] == 0
    assert ("uniform_load_coherent(total_ptr" in kernel.asm["msl"]) == (any_device[0] == "apple9")


@triton.jit
def partial_sums_kernel(lock_ptr, count_ptr, x_ptr, sums_ptr, BLOCK: tl.constexpr):
    """The first program stores, the others add, as in Triton's tutorial on layer normalisation."""
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * BLOCK + i)
    while tl.atomic_cas(lock_ptr, 0, 1) == 1:
        pass
    count = tl.load(count_ptr)
    if count == 0:
        tl.atomic_xchg(count_ptr, 1)
    else:
        x += tl.load(sums_ptr + i, mask=i < BLOCK - 1, other=0)
    tl.store(sums_ptr + i, x, mask=i < BLOCK - 1)
    tl.debug_barrier()
    tl.atomic_xchg(lock_ptr, 0)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "float16", "bfloat16", "float32"])
def test_sums_under_a_lock(device, dtype):
    """Small numbers, whose sums are exact in every type."""
    lock, count = torch.zeros(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    x = (torch.arange(6 * 64) % 7).reshape(6, 64).to(getattr(torch, dtype))
    sums = torch.full((64,), 99).to(x.dtype)
    partial_sums_kernel[(6,)](lock, count, x, sums, 64)
    assert sums[:63].tolist() == x.long().sum(0)[:63].tolist() and sums[63] == 99


@triton.jit
def update_kernel(x_ptr, old_ptr, value_ptr, n, KIND: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mask = i < n
    value = tl.load(value_ptr + i, mask=mask)
    if KIND == "add":
        old = tl.atomic_add(x_ptr + i, value, mask=mask)
    elif KIND == "max":
        old = tl.atomic_max(x_ptr + i, value, mask=mask)
    elif KIND == "min":
        old = tl.atomic_min(x_ptr + i, value, mask=mask)
    elif KIND == "and":
        old = tl.atomic_and(x_ptr + i, value, mask=mask)
    elif KIND == "or":
        old = tl.atomic_or(x_ptr + i, value, mask=mask)
    elif KIND == "xor":
        old = tl.atomic_xor(x_ptr + i, value, mask=mask)
    else:
        old = tl.atomic_xchg(x_ptr + i, value, mask=mask)
    tl.store(old_ptr + i, old, mask=mask)


UPDATES = {
    "add": np.add,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "exchange": lambda _, value: value,
}


CASES = [(kind, dtype) for kind in UPDATES for dtype in ("int32", "uint32", "int64", "uint64")]
CASES += [(kind, "float32") for kind in ("add", "max", "min", "exchange")]  # Triton has no bitwise ones on floats


@pytest.mark.parametrize("kind, dtype", CASES)
def test_updates_and_old_values(device, rng, kind, dtype):
    x, value = (rng.integers(-1000, 1000, 100).astype(dtype) for _ in range(2))
    if dtype.endswith("64"):
        x, value = ((each << 30) ^ rng.integers(0, 2**32, 100).astype(dtype) for each in (x, value))
    before, old = x.copy(), np.zeros(128, dtype)
    after = np.append(x, x[:28])
    update_kernel[(1,)](tensor(after), tensor(old), tensor(value), 100, KIND=kind, BLOCK=128)
    assert after[:100].tolist() == UPDATES[kind](before, value).tolist()
    assert after[100:].tolist() == x[:28].tolist()
    assert old[:100].tolist() == before.tolist() and not old[100:].any()


@triton.jit
def replicated_kernel(x_ptr, old_ptr, N: tl.constexpr):
    """N below the threads: threads hold copies of elements, all must see the old value."""
    i = tl.arange(0, N)
    old = tl.atomic_add(x_ptr + i, 1)
    tl.store(old_ptr + i[:, None] * N + i[None, :], old[:, None] + old[None, :])


def test_copies_update_once_and_see_the_old_value(any_device):
    x, old = np.arange(8, dtype=np.int32), np.zeros((8, 8), np.int32)
    replicated_kernel[(1,)](tensor(x), tensor(old), N=8)
    assert x.tolist() == list(range(1, 9))
    assert (old == np.add.outer(np.arange(8), np.arange(8))).all()


@triton.jit
def sum_kernel(x_ptr, sums_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.atomic_add(sums_ptr + i % 4, tl.load(x_ptr + i), sem="relaxed")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_float_sums(any_device, dtype):
    x, sums = torch.ones(64, dtype=dtype), torch.zeros(4, dtype=dtype)
    sum_kernel[(2,)](x, sums, BLOCK=64)
    assert sums.tolist() == [32.0] * 4


@triton.jit
def compare_kernel(x_ptr, old_ptr, expected, value, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    old = tl.atomic_cas(x_ptr + i, tl.full([BLOCK], 3, tl.int32), tl.full([BLOCK], 7, tl.int32))
    tl.store(old_ptr + i, old)


def test_compare_and_swap(any_device):
    x, old = np.arange(64, dtype=np.int32) % 5, np.zeros(64, np.int32)
    before = x.copy()
    compare_kernel[(1,)](tensor(x), tensor(old), 3, 7, BLOCK=64)
    assert old.tolist() == before.tolist()
    assert x.tolist() == np.where(before == 3, 7, before).tolist()


@triton.jit
def chain_kernel(x_ptr, sums_ptr, n, BLOCK: tl.constexpr):
    """Every iteration brings what the last one found; nobody asks for what the last iteration finds."""
    i = tl.arange(0, BLOCK)
    value, total = i + 1000, i
    for k in range(n):
        value = tl.atomic_xchg(x_ptr + k * BLOCK + i, value)
        total = tl.atomic_add(sums_ptr + i, total)


@pytest.mark.parametrize("block", [32, 256])
def test_atomics_in_a_chain_that_nobody_looks_at_run(any_device, block):
    x, sums = np.arange(4 * block, dtype=np.int32), np.ones(block, np.int32)
    chain_kernel[(1,)](tensor(x), tensor(sums), 4, block)
    assert x.tolist() == [*range(1000, 1000 + block), *range(3 * block)]
    first, total = np.ones(block, np.int32), np.arange(block, dtype=np.int32)
    for _ in range(4):
        first, total = first + total, first
    assert sums.tolist() == first.tolist()


@triton.jit
def take_kernel(x_ptr, w_ptr, out_ptr, count_ptr, SIZE: tl.constexpr):
    """Loads, by all threads that need an element, come before the atomics at the same place, by one of them."""
    i = tl.arange(0, SIZE)
    places = i[:, None] * SIZE + i[None, :]
    x, count = tl.load(x_ptr + places), tl.load(count_ptr)
    tl.atomic_xchg(x_ptr + places, x * 0)
    tl.atomic_add(count_ptr, 1)
    tl.store(out_ptr + places, tl.dot(x, tl.load(w_ptr + places)) + count)


def test_an_atomic_waits_for_all_who_loaded_its_element(any_device, rng):
    x, w = (rng.integers(-2, 3, (32, 32)).astype(np.float32) for _ in range(2))
    taken, out, count = x.copy(), np.zeros((32, 32), np.float32), np.full(1, 7, np.int32)
    take_kernel[(1,)](tensor(taken), tensor(w), tensor(out), tensor(count), SIZE=32)
    assert not taken.any() and count[0] == 8
    np.testing.assert_array_equal(out, x @ w + 7)
