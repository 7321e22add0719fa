"""`return` in kernels, wherever Triton's front end takes it, against the same source run by Python."""

# ruff: noqa: RET505, SIM102 (the forms of control flow are what is tested)

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import tensor
from tests.support.python_oracle import assert_as_python, by_python


@triton.jit
def two_guards(out, a, b):
    program = tl.program_id(0)
    if program >= a:
        return
    if b == program:
        return
    tl.store(out + program, 1)


@triton.jit
def guard_then_nested(out, a, b):
    program = tl.program_id(0)
    if program >= a:
        return
    if program > 1:
        if b > 3:
            return
    tl.store(out + program, 1)


@triton.jit
def nested_then_guard(out, a, b):
    program = tl.program_id(0)
    if program > 1:
        if b > 3:
            return
    if program >= a:
        return
    tl.store(out + program, 1)


@triton.jit
def nested_between_stores(out, a, b):
    program = tl.program_id(0)
    if program >= a:
        return
    tl.store(out + program, 1)
    if program > 1:
        if b > 3:
            return
        else:
            tl.store(out + 8 + program, 7)
        tl.store(out + program, 2)
    else:
        tl.store(out + program, 8)
    tl.store(out + 16 + program, 9)


@triton.jit
def two_deep(out, a, b):
    program = tl.program_id(0)
    if program < a:
        if program > 1:
            if b > 3:
                return
            tl.store(out + program, 2)
        else:
            if b < 2:
                return
            tl.store(out + program, 3)
    tl.store(out + 8 + program, 1)


@triton.jit
def three_deep(out, a, b):
    """Returns at each depth, and values that change on the way."""
    program = tl.program_id(0)
    value = program * 10
    if program != 3:
        value += 1
        if a > 2:
            tl.store(out + 8 + program, value)
            if b > program:
                value += 2
                if b == 5:
                    return
                tl.store(out + 16 + program, value)
            elif a == 6:
                value += 3
                return
            value += 4
        else:
            if b == 1:
                return
            value += 5
    tl.store(out + program, value)


@triton.jit
def guard_elif(out, a, b):
    program = tl.program_id(0)
    if program >= a:
        return
    elif program == 1:
        tl.store(out + program, 5)
    else:
        if b > 3:
            return
        tl.store(out + program, 6)
    tl.store(out + 8 + program, 1)


@triton.jit
def around_a_loop(out, a, b):
    program = tl.program_id(0)
    if program >= a:
        return
    total = 0
    for i in range(program):
        total += i
        if i == b:
            total += 100
    if program > 1:
        if total > b:
            return
    tl.store(out + program, total + 1)


@triton.jit
def in_an_unrolled_loop(out, a, b):
    """A return for each step."""
    program = tl.program_id(0)
    for i in tl.static_range(5):
        if program == i + a - 6:
            if b > 3:
                return
            tl.store(out + 8 + program, i)
        tl.store(out + program, i)


@triton.jit
def every_way_returns(out, a, b):
    program = tl.program_id(0)
    if program < a:
        tl.store(out + program, 1)
        if b > program:
            tl.store(out + 8 + program, 2)
            return
        else:
            return
    elif b == 5:
        return
    tl.store(out + 16 + program, 3)
    return


@triton.jit
def paged(out, x, table, lengths, split, window, PAGE: tl.constexpr):
    program = tl.program_id(0)
    sequence = program // 2
    length = tl.load(lengths + sequence)
    pages = (length + PAGE - 1) // PAGE
    first = program % 2 * split
    if first >= pages:
        return
    count = split
    row = out + program * 2 * PAGE
    index = tl.arange(0, PAGE)
    if window > 0:
        if first * PAGE + window < length:
            tl.store(row + PAGE, -2)
            if length > 60:
                return
            count = count - 1
        elif length == 1:
            return
        else:
            tl.store(row + PAGE, -3)
    else:
        if length < 3:
            return
        count = count + 1
    total = index * 0
    for i in range(count):
        if first + i < pages:
            page = tl.load(table + sequence * 4 + first + i)
            values = tl.load(x + page * PAGE + index)
            total += tl.where((first + i) * PAGE + index < length, values, 0)
    if count == 0:
        return
    tl.store(row + index, total)


KERNELS = (
    two_guards,
    guard_then_nested,
    nested_then_guard,
    nested_between_stores,
    two_deep,
    three_deep,
    guard_elif,
    around_a_loop,
    in_an_unrolled_loop,
    every_way_returns,
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.fn.__name__)
def test_returns(device, frontend, kernel):
    assert_as_python(kernel)


@pytest.mark.parametrize("window", [0, 20, 70])
def test_the_guards_of_a_paged_kernel(device, frontend, window):
    """As in paged attention: programs that have nothing to do leave at once, and others after a look at the window."""
    lengths = np.array([0, 1, 16, 17, 50, 64], np.int32)
    table = np.random.default_rng(0).permutation(24).astype(np.int32)
    x = np.arange(24 * 16, dtype=np.int32)
    for split in (1, 2, 3):
        out, expected = (np.full(12 * 32, -1, np.int32) for _ in range(2))
        paged[(12,)](tensor(out), tensor(x), tensor(table), tensor(lengths), split, window, PAGE=16)
        by_python(paged, 12, expected, x, table, lengths, split, window, PAGE=16)
        assert out.tolist() == expected.tolist(), split
