"""Control flow: loops, branches, early returns, calls, and values of every kind carried through them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor


@triton.jit
def for_kernel(x_ptr, out_ptr, start, stop, step, BLOCK: tl.constexpr):
    """Scalars and tensors of several types carried together, some of them exchanged."""
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    total = tl.zeros([BLOCK], tl.float32)
    count = 0
    a, b = x, x * 2
    for k in range(start, stop, step):
        total += x * k
        count += 1
        a, b = b, a + 1
    tl.store(out_ptr + i, total)
    tl.store(out_ptr + BLOCK + i, a * 1000 + b)
    tl.store(out_ptr + 2 * BLOCK + i, total * 0 + count)


@pytest.mark.parametrize("bounds", [(0, 5, 1), (3, 20, 4), (5, 5, 1), (7, 3, 2), (-6, 3, 3), (0, 1, 1)])
def test_for(any_device, bounds):
    x = np.arange(64, dtype=np.float32)
    out = np.zeros((3, 64), np.float32)
    for_kernel[(1,)](tensor(x), tensor(out), *bounds, BLOCK=64)
    a, b, total = x, x * 2, np.zeros(64)
    for k in range(*bounds):
        total = total + x * k
        a, b = b, a + 1
    assert (out == np.stack([total, a * 1000 + b, np.full(64, len(range(*bounds)))])).all()


@triton.jit
def nested_kernel(out_ptr, n, m):
    total = 0
    for i in range(n):
        row = 0
        for j in range(i, m):
            if (i + j) % 3 == 0:
                row += j
            elif j > 5:
                row -= i
        total = total * 3 + row
    tl.store(out_ptr, total)


def test_nested_loops_and_branches(any_device):
    out = np.zeros(1, np.int32)
    nested_kernel[(1,)](tensor(out), 5, 9)
    total = 0
    for i in range(5):
        row = 0
        for j in range(i, 9):
            row += j if (i + j) % 3 == 0 else -i if j > 5 else 0
        total = total * 3 + row
    assert out[0] == total


@triton.jit
def while_kernel(x_ptr, out_ptr, limit, BLOCK: tl.constexpr):
    """Collatz steps of the program's number; the condition depends on a reduction as well."""
    n = tl.program_id(0) + 1
    steps = 0
    weight = tl.load(x_ptr + tl.arange(0, BLOCK))
    while (n != 1) & (tl.sum(weight) < limit):
        if n % 2 == 0:  # noqa: SIM108
            n = n // 2
        else:
            n = 3 * n + 1
        weight += 1
        steps += 1
    tl.store(out_ptr + tl.program_id(0), steps)


@pytest.mark.parametrize("limit", [32 * 1000, 32 * 7])
def test_while(any_device, limit):
    def collatz(n: int) -> int:
        steps = 0
        while n != 1 and 32 * steps < limit:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    x, out = np.zeros(32, np.int32), np.zeros(30, np.int32)
    while_kernel[(30,)](tensor(x), tensor(out), limit, BLOCK=32)
    assert out.tolist() == [collatz(n) for n in range(1, 31)]


@triton.jit
def search_kernel(x_ptr, out_ptr, n, wanted):
    """A loop that ends by its own flag."""
    at = 0
    found = False
    while (at < n) & (not found):
        found = tl.load(x_ptr + at) == wanted
        at += 1
    tl.store(out_ptr, tl.where(found, at - 1, -1))


def test_search(device, rng):
    x = rng.permutation(100).astype(np.int32)
    for wanted in (0, 57, 99, 1000):
        out = np.zeros(1, np.int32)
        search_kernel[(1,)](tensor(x), tensor(out), 100, wanted)
        assert out[0] == (np.flatnonzero(x == wanted)[0] if wanted < 100 else -1)


@triton.jit
def branch_kernel(x_ptr, out_ptr, flag, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    if flag > 10:
        y = x * 2
        ptr = out_ptr
    elif flag > 5:
        y = tl.where(i < 3, x, 0.0)
        ptr = out_ptr + BLOCK
    else:
        y = tl.zeros([BLOCK], tl.float32) - 1
        ptr = out_ptr + 2 * BLOCK
    if flag != 7 and flag < 100:
        tl.store(ptr + i, y)


@pytest.mark.parametrize("flag", [11, 6, 7, 2, 500])
def test_if_with_results(any_device, flag):
    """Tensors and pointers come out of branches."""
    x, out = np.arange(1, 33, dtype=np.float32), np.zeros((3, 32), np.float32)
    branch_kernel[(1,)](tensor(x), tensor(out), flag, BLOCK=32)
    expected = np.zeros((3, 32), np.float32)
    if flag == 11:
        expected[0] = x * 2
    if flag == 6:
        expected[1] = np.where(np.arange(32) < 3, x, 0)
    if flag == 2:
        expected[2] = -1
    assert (out == expected).all()


@triton.jit
def early_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    program = tl.program_id(0)
    if program >= n:
        return
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    if tl.sum(x) < program:
        tl.store(out_ptr + program, -1)
        return
    tl.store(out_ptr + program, program)


def test_early_return(any_device):
    x, out = np.full(32, 0, np.int32), np.full(8, 99, np.int32)
    x[0] = 2
    early_kernel[(8,)](tensor(x), tensor(out), 5, BLOCK=32)
    assert out.tolist() == [0, 1, 2, -1, -1, 99, 99, 99]


@triton.jit(noinline=True)
def separate(x, y, flag):
    """Two results. Such a function takes scalars only, and may return early."""
    if flag > 2:
        return x + y, flag * 2
    total = x * y
    return total - 1, flag


@triton.jit(noinline=True)
def write(ptr, value):
    tl.store(ptr + tl.program_id(0), value)


@triton.jit
def inlined(x, y, OFFSET: tl.constexpr):
    if OFFSET == 0:
        return x
    return x + y * OFFSET


@triton.jit
def call_kernel(x_ptr, out_ptr, last_ptr, flag, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    first = tl.load(x_ptr)
    y, n = separate(first, first + 1, flag)
    z, m = separate(y, first, n)
    tl.store(out_ptr + tl.program_id(0) * BLOCK + i, inlined(x, y, 0) + inlined(x, z, 3) + m)
    write(last_ptr, z)


@pytest.mark.parametrize("flag", [1, 3])
def test_calls(any_device, flag):
    def both(x, y, flag):
        return (x + y, flag * 2) if flag > 2 else (x * y - 1, flag)

    x, out, last = np.arange(5, 69, dtype=np.int32), np.zeros((2, 64), np.int32), np.zeros(2, np.int32)
    call_kernel[(2,)](tensor(x), tensor(out), tensor(last), flag, BLOCK=64)
    y, n = both(5, 6, flag)
    z, m = both(y, 5, n)
    assert (out == x + x + z * 3 + m).all()
    assert (last == z).all()


@triton.jit
def unrolled_kernel(x_ptr, out_ptr, STEPS: tl.constexpr, SCALE: tl.constexpr, NAME: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    for k in tl.static_range(STEPS):
        if k % 2 == 0:
            x += k * SCALE
        else:
            x *= 2
    for k in tl.range(0, 3, num_stages=2, loop_unroll_factor=2):
        x += k
    if NAME == "negative":
        x = -x
    tl.store(out_ptr + i, x)


@pytest.mark.parametrize("name", ["negative", "positive"])
def test_constexpr(device, name):
    x, out = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    unrolled_kernel[(1,)](tensor(x), tensor(out), 5, 0.5, name, BLOCK=32)
    expected = (x * 2 + 1) * 2 + 2 + 3
    assert (out == (-expected if name == "negative" else expected)).all()


@triton.jit
def backward_kernel(x_ptr, out_ptr, n):
    value = 1
    for k in range(n - 1, -1, -1):
        value = value * 2 + tl.load(x_ptr + k)
    for k in tl.static_range(3, 0, -1):
        value = value * 10 + k
    tl.store(out_ptr, value)


def test_backward_range(device):
    x, out = np.arange(5, dtype=np.int32), np.zeros(1, np.int32)
    backward_kernel[(1,)](tensor(x), tensor(out), 5)
    value = 1
    for k in reversed(range(5)):
        value = value * 2 + k
    assert out[0] == value * 1000 + 321


@triton.jit
def wide_kernel(out_ptr, start, stop):
    total = start * 0
    for k in range(start, stop):
        total += k
    tl.store(out_ptr, total)


def test_64_bit_bounds(device):
    out = np.zeros(1, np.int64)
    start = 2**40
    wide_kernel[(1,)](tensor(out), start, start + 5)
    assert out[0] == 5 * start + 10


@triton.jit
def tuple_kernel(pointers, sizes, out_ptr, BLOCK: tl.constexpr):
    """Tuples as arguments, nested ones too."""
    i = tl.arange(0, BLOCK)
    first = tl.load(pointers[0] + i, mask=i < sizes[0], other=0)
    second = tl.load(pointers[1] + i, mask=i < sizes[1][0], other=0)
    tl.store(out_ptr + i, first * sizes[1][1] + second)


def test_tuple_arguments(device):
    x, y, out = np.arange(32, dtype=np.int32), np.arange(100, 132, dtype=np.int32), np.zeros(32, np.int32)
    tuple_kernel[(1,)]((tensor(x), tensor(y)), (20, (7, 1000)), tensor(out), BLOCK=32)
    i = np.arange(32)
    assert (out == np.where(i < 20, x, 0) * 1000 + np.where(i < 7, y, 0)).all()


@triton.jit
def grid_kernel(out_ptr):
    x, y, z = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    width, height = tl.num_programs(0), tl.num_programs(1)
    tl.store(out_ptr + x + width * (y + height * z), x + 10 * y + 100 * z + 1)


def test_grid(any_device):
    out = np.zeros((4, 3, 5), np.int32)
    grid_kernel[(5, 3, 4)](tensor(out))
    z, y, x = np.indices((4, 3, 5))
    assert (out == x + 10 * y + 100 * z + 1).all()


@triton.jit
def persistent_kernel(x_ptr, out_ptr, rows, columns, BLOCK: tl.constexpr):
    """A loop over rows with a mask and a reduction in each."""
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        i = tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=0.0)
        if row % 2 == 0:
            x = x / tl.sum(x)
        tl.store(out_ptr + row * columns + i, x, mask=i < columns)


@pytest.mark.parametrize("programs", [1, 3, 50])
def test_persistent_loop(device, programs):
    x, out = torch.rand(37, 50) + 1, torch.zeros(37, 50)
    persistent_kernel[(programs,)](x, out, 37, 50, BLOCK=64)
    expected = x.double()
    expected[::2] /= expected[::2].sum(dim=1, keepdim=True)
    np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-6)
