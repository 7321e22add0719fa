"""Every elementwise operation on integers and booleans, against NumPy's integers."""

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import INTEGERS, check_rows, integer_pairs, tensor

BLOCK = 256


@triton.jit
def arithmetic_kernel(x_ptr, y_ptr, out_ptr, n, BITS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    shift = y & (BITS - 1)
    tl.store(out_ptr + i, x + y, mask)
    tl.store(out_ptr + n + i, x - y, mask)
    tl.store(out_ptr + 2 * n + i, x * y, mask)
    tl.store(out_ptr + 3 * n + i, x // y, mask)
    tl.store(out_ptr + 4 * n + i, x % y, mask)
    tl.store(out_ptr + 5 * n + i, x & y, mask)
    tl.store(out_ptr + 6 * n + i, x | y, mask)
    tl.store(out_ptr + 7 * n + i, x ^ y, mask)
    tl.store(out_ptr + 8 * n + i, x << shift, mask)
    tl.store(out_ptr + 9 * n + i, x >> shift, mask)
    tl.store(out_ptr + 10 * n + i, tl.minimum(x, y), mask)
    tl.store(out_ptr + 11 * n + i, tl.maximum(x, y), mask)
    tl.store(out_ptr + 12 * n + i, -x, mask)
    tl.store(out_ptr + 13 * n + i, ~x, mask)
    tl.store(out_ptr + 14 * n + i, tl.abs(x), mask)
    tl.store(out_ptr + 15 * n + i, tl.where(x > y, x, y + 1), mask)
    tl.store(out_ptr + 16 * n + i, (x ^ 5) * 3 - y, mask)


ARITHMETIC = ["x+y", "x-y", "x*y", "x//y", "x%y", "x&y", "x|y", "x^y", "x<<s", "x>>s", "min", "max"]
ARITHMETIC += ["-x", "~x", "abs", "where", "(x^5)*3-y"]


def divided(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """C's quotient, which wraps, and remainder; by zero 0 and the dividend, so that x == x // y * y + x % y always."""
    numbers = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    quotients = [0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in numbers]
    remainders = [a - quotient * b for (a, b), quotient in zip(numbers, quotients, strict=True)]
    mask = (1 << x.itemsize * 8) - 1
    bits = [np.array([value & mask for value in row], f"uint{x.itemsize * 8}") for row in (quotients, remainders)]
    return bits[0].view(x.dtype), bits[1].view(x.dtype)


def arithmetic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The exact rows of `arithmetic_kernel`."""
    with np.errstate(all="ignore"):
        shift = y & (np.iinfo(x.dtype).bits - 1)
        rows = [x + y, x - y, x * y, *divided(x, y), x & y, x | y, x ^ y, x << shift, x >> shift]
        rows += [np.minimum(x, y), np.maximum(x, y), 0 - x, ~x, np.abs(x), np.where(x > y, x, y + 1), (x ^ 5) * 3 - y]
    return np.stack(rows).astype(x.dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_arithmetic(device, rng, dtype):
    x, y = integer_pairs(rng, dtype)
    expected = arithmetic(x, y)
    out = np.zeros_like(expected)
    grid = (triton.cdiv(len(x), BLOCK),)
    arithmetic_kernel[grid](tensor(x), tensor(y), tensor(out), len(x), BITS=x.itemsize * 8, BLOCK=BLOCK)
    check_rows(ARITHMETIC, out, expected)


@triton.jit
def division_kernel(x_ptr, y_ptr, out_ptr, zero, n, BLOCK: tl.constexpr, COUNT: tl.constexpr):
    """By a scalar, of scalars, by a zero that is a constant, and by one that is an argument."""
    i = tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    for k in range(COUNT):
        a, y = tl.load(x_ptr + k), tl.load(y_ptr + k)
        rows = out_ptr + k * 4 * n
        tl.store(rows + i, x // y, mask)
        tl.store(rows + n + i, x % y, mask)
        tl.store(rows + 2 * n + i, tl.full((BLOCK,), a // y, x.dtype), mask)
        tl.store(rows + 3 * n + i, tl.full((BLOCK,), a % y, x.dtype), mask)
    rows = out_ptr + COUNT * 4 * n
    nothing = tl.zeros((BLOCK,), x.dtype)
    tl.store(rows + i, x // nothing, mask)
    tl.store(rows + n + i, x % nothing, mask)
    tl.store(rows + 2 * n + i, tl.full((BLOCK,), 7, x.dtype) // nothing, mask)
    tl.store(rows + 3 * n + i, tl.full((BLOCK,), 7, x.dtype) % nothing, mask)
    tl.store(rows + 4 * n + i, (x // zero.to(x.dtype)), mask)
    tl.store(rows + 5 * n + i, (x % zero.to(x.dtype)), mask)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_division(any_device, dtype):
    """Of every kind of operands, by zero and of the least number by -1 too: one definition in every mode."""
    info = np.iinfo(dtype)
    x = np.array([info.min, info.max, 0, 5, *([-1, -7] if info.min else [1, 7])], dtype)
    y = np.array([0, 1, 0, 3, -1 if info.min else info.max, 0], dtype)
    rows = []
    for a, b in zip(x, y, strict=True):
        by, of = (divided(each, np.full_like(x, b)) for each in (x, np.full_like(x, a)))
        rows += [*by, *of]
    seven = np.full_like(x, 7)
    rows += [0 * x, x, 0 * x, seven, 0 * x, x]
    out = np.zeros((len(rows), len(x)), dtype)
    division_kernel[(1,)](tensor(x), tensor(y), tensor(out), 0, len(x), BLOCK=32, COUNT=len(x))
    kinds = ("x//s", "x%s", "a//s", "a%s")
    labels = [f"{kind} for {b}" for b in y for kind in kinds] + ["x//0", "x%0", "7//0", "7%0", "x//zero", "x%zero"]
    check_rows(labels, out, np.stack(rows))


@triton.jit
def wrapped_load_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i % n))


def test_offsets_modulo_zero_are_the_offsets(any_device):
    """What is known of `i % n` for an n that 16 divides, that its runs are consecutive, holds for 0 too."""
    x, out = np.arange(256, dtype=np.int32), np.zeros(256, np.int32)
    for n, expected in ((64, x % 64), (0, x)):
        wrapped_load_kernel[(1,)](tensor(x), tensor(out), n, BLOCK=256)
        assert (out == expected).all()


@triton.jit
def comparison_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, x < y, mask)
    tl.store(out_ptr + n + i, x <= y, mask)
    tl.store(out_ptr + 2 * n + i, x > y, mask)
    tl.store(out_ptr + 3 * n + i, x >= y, mask)
    tl.store(out_ptr + 4 * n + i, x == y, mask)
    tl.store(out_ptr + 5 * n + i, x != y, mask)
    tl.store(out_ptr + 6 * n + i, (x < 5) & (y > 2), mask)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_comparison(device, rng, dtype):
    x, y = integer_pairs(rng, dtype)
    expected = np.stack([x < y, x <= y, x > y, x >= y, x == y, x != y, (x < 5) & (y > 2)])
    out = np.zeros_like(expected)
    comparison_kernel[(triton.cdiv(len(x), BLOCK),)](tensor(x), tensor(y), tensor(out), len(x), BLOCK=BLOCK)
    check_rows(["<", "<=", ">", ">=", "==", "!=", "x<5 and y>2"], out, expected)


@triton.jit
def boolean_kernel(x_ptr, y_ptr, out_ptr, sum_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, x & y, mask)
    tl.store(out_ptr + n + i, x | y, mask)
    tl.store(out_ptr + 2 * n + i, x ^ y, mask)
    tl.store(out_ptr + 3 * n + i, x == y, mask)
    tl.store(out_ptr + 4 * n + i, ~x, mask)
    tl.store(out_ptr + 5 * n + i, tl.where(x, y, i % 3 == 0), mask)
    tl.store(sum_ptr + i, x.to(tl.int32) + y.to(tl.int32), mask)


def test_boolean(any_device, rng):
    x, y = (rng.integers(0, 2, 77).astype(bool) for _ in range(2))
    third = np.arange(77) % 3 == 0
    expected = np.stack([x & y, x | y, x ^ y, x == y, ~x, np.where(x, y, third)])
    out, total = np.zeros_like(expected), np.zeros(77, np.int32)
    boolean_kernel[(1,)](tensor(x), tensor(y), tensor(out), tensor(total), 77, BLOCK=128)
    check_rows(["and", "or", "xor", "==", "not", "where"], out, expected)
    assert (total == x.astype(int) + y).all()


@triton.jit
def high_product_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.store(out_ptr + i, tl.umulhi(tl.load(x_ptr + i, mask), tl.load(y_ptr + i, mask)), mask)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_high_product(device, rng, dtype):
    x, y = integer_pairs(rng, dtype)
    bits, unsigned = x.itemsize * 8, f"uint{x.itemsize * 8}"
    factors = zip(x.view(unsigned).tolist(), y.view(unsigned).tolist(), strict=True)
    expected = np.array([a * b >> bits for a, b in factors], unsigned).view(dtype)
    out = np.zeros_like(x)
    high_product_kernel[(triton.cdiv(len(x), BLOCK),)](tensor(x), tensor(y), tensor(out), len(x), BLOCK=BLOCK)
    check_rows(["umulhi"], out[None], expected[None])


@triton.jit
def mixed_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask)
    y = tl.load(y_ptr + i, mask)
    tl.store(out_ptr + i, (x + y).to(tl.int64), mask)
    tl.store(out_ptr + n + i, (x * y).to(tl.int64), mask)
    tl.store(out_ptr + 2 * n + i, (x < y).to(tl.int64), mask)


@pytest.mark.parametrize(
    "left, right, common",
    [
        ("int8", "int32", "int32"),
        ("uint8", "int32", "int32"),
        ("int8", "uint32", "uint32"),
        ("int16", "uint16", "uint16"),
        ("uint8", "int16", "int16"),
        ("int64", "uint32", "int64"),
    ],
)
def test_mixed_types(device, rng, left, right, common):
    """Operands of two types meet in the type that C's usual conversions give."""
    x = integer_pairs(rng, left)[0][:333]
    y = integer_pairs(rng, right)[1][:333]
    with np.errstate(all="ignore"):
        a, b = x.astype(common), y.astype(common)
        expected = np.stack([(a + b).astype(np.int64), (a * b).astype(np.int64), (a < b).astype(np.int64)])
    out = np.zeros_like(expected)
    mixed_kernel[(1,)](tensor(x), tensor(y), tensor(out), len(x), BLOCK=512)
    check_rows(["x+y", "x*y", "x<y"], out, expected)


@triton.jit
def scalar_kernel(x_ptr, out_ptr, a, b, c: tl.int64, d: tl.uint32, flag):
    x = tl.load(x_ptr)
    out_ptr += 7 * (tl.program_id(1) + tl.num_programs(1) * tl.program_id(2))
    tl.store(out_ptr, a * b + x)
    tl.store(out_ptr + 1, a // 7 - b % 5)
    tl.store(out_ptr + 2, c * 3 + d)
    tl.store(out_ptr + 3, tl.cdiv(a, 13) + (d >> 3).to(tl.int64))
    tl.store(out_ptr + 4, tl.where(flag, a, b))
    tl.store(out_ptr + 5, min(a, b) - max(a, b))
    tl.store(out_ptr + 6, tl.program_id(0) + tl.num_programs(0) * 10 + tl.num_programs(2) * 100)


def test_scalars(any_device):
    """Integers of each width as arguments, and arithmetic on values that are not tensors."""
    x, out = np.array([-5], np.int64), np.zeros((6, 7), np.int64)
    a, b, c, d = -1000003, 77, 2**40 + 1, 2**32 - 9
    scalar_kernel[(1, 2, 3)](tensor(x), tensor(out), a, b, c, d, True)
    quotient, remainder = -(1000003 // 7), 77 % 5
    ceiling = -((1000003 - 12) // 13)
    expected = [a * b - 5, quotient - remainder, c * 3 + d, ceiling + (d >> 3), a, a - b, 310]
    assert out.tolist() == [expected] * 6


@triton.jit
def one_kernel(out_ptr, one, sixteen, zero, large):
    tl.store(out_ptr, one + sixteen * 2 + zero)
    tl.store(out_ptr + 1, large)


def test_specialised_scalars(device):
    """1 becomes a constant, multiples of 16 carry a hint, integers over 32 bits become 64-bit arguments."""
    for one, sixteen, zero, large in ((1, 16, 0, 2**31), (1, 17, 3, -(2**31) - 1), (2, 32, 0, 2**62), (1, 1, 1, 1)):
        out = np.zeros(2, np.int64)
        one_kernel[(1,)](tensor(out), one, sixteen, zero, large)
        assert out.tolist() == [one + sixteen * 2 + zero, large]
