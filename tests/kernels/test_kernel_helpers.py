"""Functions that return early and give values, called anywhere, against the same source run by Python."""

# ruff: noqa: SIM102 (the forms of control flow are what is tested)

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import FLOATS, tensor
from tests.support.python_oracle import CASES, assert_as_python, by_python


# ------------------------------------------------------------------------------------------------------------- helpers
@triton.jit
def sign_of(x):
    if x < 0:
        return -1
    if x == 0:
        return 0
    return 1


@triton.jit
def staircase(x, n):
    """Returns under ifs that meet again."""
    y = x * 2
    if x > n:
        if x > n + 2:
            return y + 100
        y += 1
    else:
        if x == 0:
            return 50
        if n == 5:
            y += 2
            if x == 2:
                return y
        y += 3
    if y % 2 == 0:
        return y
    return -y


@triton.jit
def divided(x, y):
    """Two values."""
    if y == 0:
        return 0, -1
    if x < y:
        if x == 1:
            return 1, x
        return x, 0
    return x // y, x % y


@triton.jit
def nested_pair(x, y):
    if x > y:
        return (x, (y, 1))
    if x == y:
        return (0, (x, 2))
    return (y, (x, 3))


@triton.jit
def first_of_two(x, y, n):
    """A pointer."""
    if n < 0:
        return x
    if n < 3:
        if n == 1:
            return y + 1
        return x + 8
    return y + n


@triton.jit
def row_of(x, n, WIDTH: tl.constexpr):
    """A tensor of pointers."""
    index = tl.arange(0, WIDTH)
    if n == 0:
        return x + index
    if n > 3:
        return x + 8 + index
    return x + (WIDTH - 1 - index)


@triton.jit
def scaled(x, n):
    """A tensor."""
    if n == 0:
        return x
    y = x * n
    if n > 2:
        if n == 5:
            return y + 1
        y = y + x
    return y * 10


@triton.jit
def save_if_positive(pointer, x):
    """No value, an effect."""
    if x < 0:
        return
    if x > 5:
        if x == 7:
            return
        tl.store(pointer, 77)
    else:
        tl.store(pointer, x)


@triton.jit(noinline=True)
def apart(x, n):
    if n > x:
        return x + n, 1
    if n == x:
        if n > 2:
            return n, 2
        x += 3
    return x * n, 3


@triton.jit(noinline=True)
def save_apart(pointer, x):
    if x == 2:
        return
    tl.store(pointer, x)


@triton.jit
def helper_of_helpers(x, n):
    if sign_of(x - n) == 0:
        return staircase(x, n)
    quotient, rest = divided(x, n)
    if rest == 1:
        return quotient
    return rest + staircase(n, x)


# ------------------------------------------------------------------------------------------------- kernels that call
@triton.jit
def calls_at_the_top(out, a, b):
    program = tl.program_id(0)
    quotient, rest = divided(program * a, b - 1)
    x, inner = nested_pair(program, b)
    y, z = inner
    tl.store(out + program, staircase(program, a) * 1000 + sign_of(program - b) * 100)
    tl.store(out + 8 + program, quotient * 1000 + rest)
    tl.store(out + 16 + program, x * 10000 + y * 100 + z + helper_of_helpers(program, b))


@triton.jit
def calls_in_loops(out, a, b):
    """Helpers cannot be blocks there: they stay calls until every function has one block."""
    program = tl.program_id(0)
    total = 0
    for i in range(a):
        total += staircase(i, program)
        quotient, rest = divided(i, b)
        if rest != 2:
            total = total * 3 + helper_of_helpers(quotient, b)
        save_if_positive(out + 8 + program, total % 11 - 3)
    steps = 0
    while sign_of(total - steps * 20) > 0:
        steps += 1 if sign_of(steps - 3) < 0 else 2
    tl.store(out + program, total)
    tl.store(out + 16 + program, steps)


@triton.jit
def calls_between_returns(out, a, b):
    program = tl.program_id(0)
    if sign_of(program - a) == 1:
        return
    value = staircase(program, b)
    if value > 4:
        save_if_positive(out + 8 + program, value - 4)
        if divided(value, b)[1] == 1:
            return
        value += 1
    tl.store(out + program, value)


@triton.jit
def calls_apart(out, a, b):
    program = tl.program_id(0)
    x, kind = apart(program, b)
    for i in range(2):
        y, other = apart(i + program, a)
        x += y
        save_apart(out + 16 + program, i + other)
    if kind == 2:
        return
    save_apart(out + 8 + program, kind)
    tl.store(out + program, x)


@triton.jit
def pointers(out, a, b):
    program = tl.program_id(0)
    chosen = first_of_two(out + program, out + 8 + program, b - a)
    tl.store(chosen, 5)
    for i in range(3):
        tl.store(first_of_two(out + program, out + 16 + program, i - 1), i)


@triton.jit
def tensors(out, x, a, b, WIDTH: tl.constexpr):
    program = tl.program_id(0)
    index = tl.arange(0, WIDTH)
    values = scaled(tl.load(x + index), b - program)
    if program == 7:
        return
    for i in range(a - 4):
        values = (values + scaled(values, i + program - 1)) & 1023
        if i + program == 5:
            values = values * 2
    if tl.sum(values) > 1000:
        if program > 1:
            return
        values = values - 1
    tl.store(row_of(out + program * WIDTH * 2, program, WIDTH), values)


KERNELS = (
    calls_at_the_top,
    calls_in_loops,
    calls_between_returns,
    calls_apart,
    pointers,
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.fn.__name__)
def test_returns(device, frontend, kernel):
    assert_as_python(kernel)


def test_tensors_and_their_pointers(any_device, frontend):
    for a, b in CASES:
        x = np.arange(-3, 61, dtype=np.int32)
        out, expected = (np.full((8, 128), -1, np.int32) for _ in range(2))
        tensors[(8,)](tensor(out), tensor(x), a, b, WIDTH=64)
        by_python(tensors, 8, expected.reshape(-1), x, a, b, WIDTH=64)
        assert (out == expected).all(), (a, b)


# ------------------------------------------------------------------------------------- what placeholders must stand for
@triton.jit
def doubled(x, n):
    """Of any type."""
    if n == 0:
        return x
    y = x + x
    if n > 2:
        if n == 4:
            return y
        y = y + x
    return y


@triton.jit
def doubled_kernel(x, out, n):
    index = tl.arange(0, 16)
    first = tl.load(x)
    for i in range(n):
        first = doubled(first, i)
    tl.store(out + index, doubled(tl.load(x + index), n))
    tl.store(out + 16, first)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", *FLOATS])
def test_every_type(device, dtype):
    x = torch.arange(16).to(getattr(torch, dtype))
    for n in range(6):
        out = torch.zeros(17, dtype=x.dtype)
        doubled_kernel[(1,)](x, out, n)
        first = x[0]
        for i in range(n):
            first = doubled.fn(first, i)
        assert out.tolist() == [*doubled.fn(x, n).tolist(), first.item()], n


@triton.jit
def chosen_rows(x, y, n, limit):
    """Tensors of pointers, masks and numbers at once."""
    index = tl.arange(0, 16)
    if n > limit:
        return x + index, index < 8, 1.5
    if n == 2:
        if limit > 1:
            return y + (15 - index), index > 3, 2.5
    elif n == 0:
        return x + index * 0, index < 20, 0.5
    return y + index, index < 5, limit * 1.0


@triton.jit
def chosen_rows_kernel(x, y, out, n, limit):
    index = tl.arange(0, 16)
    total = index * 0.0
    for i in range(limit + 1):
        rows, mask, factor = chosen_rows(x, y, n + i, limit)
        total += tl.where(mask, tl.load(rows), 0.0) * factor
    tl.store(out + index, total)


def test_tensors_of_pointers_in_a_loop(device, frontend):
    x, y = np.arange(16, dtype=np.float32), np.arange(100, 116, dtype=np.float32)
    for n, limit in itertools.product(range(4), range(4)):
        out, expected = np.zeros(16, np.float32), np.zeros(16, np.float32)
        chosen_rows_kernel[(1,)](tensor(x), tensor(y), tensor(out), n, limit)
        by_python(chosen_rows_kernel, 1, x, y, expected, n, limit)
        assert (out == expected).all(), (n, limit)


@triton.jit
def chosen_descriptor(first, second, n):
    if n > 5:
        return first
    if n == 2:
        return second
    if n > 2:
        if n == 4:
            return second
    return first


@triton.jit
def descriptor_kernel(x, y, out, n, SIZE: tl.constexpr):
    first = tl.make_tensor_descriptor(x, shape=[SIZE, SIZE], strides=[SIZE, 1], block_shape=[16, 16])
    second = tl.make_tensor_descriptor(y, shape=[SIZE, SIZE - 8], strides=[SIZE, 1], block_shape=[16, 16])
    total = tl.zeros([16, 16], tl.float32)
    for i in range(2):
        total += chosen_descriptor(first, second, n + i).load([8, 16 * i])
    index = tl.arange(0, 16)
    tl.store(out + index[:, None] * 16 + index[None, :], total)


def test_descriptors(device, frontend):
    x = np.arange(1024, dtype=np.float32).reshape(32, 32)
    y = -2 * x
    inside = np.where(np.arange(32) < 24, y, 0)
    for n in range(7):
        out = np.zeros((16, 16), np.float32)
        descriptor_kernel[(1,)](tensor(x), tensor(y), tensor(out), n, SIZE=32)
        parts = [(inside if n + i in (2, 4) else x)[8:24, 16 * i : 16 * i + 16] for i in range(2)]
        assert (out == parts[0] + parts[1]).all(), n


@triton.jit
def combined(a, b):
    """For single elements: each way is computed."""
    if a == 7:
        return b
    if a > b:
        if b > 3:
            return a - b
        if a > 9:
            return a
        a += 1
    elif b == 5:
        return a
    return a ^ b


@triton.jit
def combined_kernel(x, out):
    index = tl.arange(0, 64)
    values = tl.load(x + index)
    tl.store(out + index, tl.map_elementwise(combined, values, 11 - values))


def test_functions_of_elements(device, frontend):
    x, out = np.arange(-16, 48, dtype=np.int32), np.zeros(64, np.int32)
    combined_kernel[(1,)](tensor(x), tensor(out))
    assert out.tolist() == [combined.fn(a, 11 - a) for a in x.tolist()]
