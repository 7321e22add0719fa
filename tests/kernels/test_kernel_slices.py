"""Dots that load in slices, and accesses by lane pointers: values, in place and in every order of loads and stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config

SIZES = [(8, 8, 8), (16, 8, 16), (8, 32, 32), (16, 16, 64), (32, 64, 128), (64, 32, 32)]
FLOATS = [torch.float16, torch.bfloat16, torch.float32]


@pytest.fixture(autouse=True)
def bounds() -> Iterator[None]:
    with config.scope(TRITON_ALLOY_BOUNDS="1"):
        yield


def close(found, wanted, dtype=torch.float32):
    few = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 3e-2}[dtype]
    torch.testing.assert_close(found.float(), wanted.float(), rtol=few, atol=few * 8)


@triton.jit
def tile(p, rows, columns, stride, T: tl.constexpr):
    """Pointers of a matrix, or of its transpose."""
    if T:
        return p + rows + columns * stride
    return p + rows * stride + columns


@triton.jit
def product(
    a_ptr, b_ptr, c_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, TA: tl.constexpr, TB: tl.constexpr,
    HOW: tl.constexpr,
):  # fmt: skip
    """One dot; HOW says what A is computed from, and what happens before the dot."""
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    ap = tile(a_ptr, m, k[None, :], M if TA else K, TA)
    bp = tile(b_ptr, k[:, None], n, K if TB else N, TB)
    cp = c_ptr + m * N + n
    a = tl.load(ap)
    if HOW == "computed":
        a = (a.to(tl.float32) * 0.5 + k[None, :] * 0.01 - tl.exp(a.to(tl.float32))).to(a.dtype)
    if HOW == "stored between":
        a = a * 2
        tl.store(ap, tl.zeros((M, K), a_ptr.dtype.element_ty))
    if HOW == "stored at once":
        tl.store(ap, tl.zeros((M, K), a_ptr.dtype.element_ty))
    if HOW == "stored in a branch":
        a = -a
        if tl.load(c_ptr) == 0:
            tl.store(ap, tl.zeros((M, K), a_ptr.dtype.element_ty))
    if HOW == "barrier":
        tl.debug_barrier()
    b = tl.load(bp, volatile=HOW == "volatile")
    if HOW == "in registers":
        a = tl.sort(a, dim=1)
    acc = tl.dot(a, b)
    if HOW == "used twice":
        acc += tl.sum(a.to(tl.float32), axis=1)[:, None] + tl.sum(b.to(tl.float32), axis=0)[None, :]
    tl.store(cp, acc)


A_OF = {
    "computed": lambda a: (a.float() * 0.5 + torch.arange(a.shape[1]) * 0.01 - a.float().exp()).to(a.dtype),
    "stored between": lambda a: a + a,
    "stored in a branch": lambda a: -a,
    "in registers": lambda a: a.sort(dim=1).values,
}
HOW = [
    "plain",
    "computed",
    "stored between",
    "stored at once",
    "stored in a branch",
    "barrier",
    "volatile",
    "used twice",
]


def check_product(M, N, K, dtype, how, ta=False, tb=False, warps=1):
    a, b, c = torch.randn(M, K).to(dtype), torch.randn(K, N).to(dtype), torch.zeros(M, N)
    wanted = A_OF.get(how, lambda a: a)(a).float() @ b.float()
    if how == "used twice":
        wanted += a.float().sum(1)[:, None] + b.float().sum(0)[None, :]
    at, bt = a.t().contiguous() if ta else a.clone(), b.t().contiguous() if tb else b
    product[(1,)](at, bt, c, M=M, N=N, K=K, TA=ta, TB=tb, HOW=how, num_warps=warps)
    close(c, wanted, dtype)
    if "stored" in how:
        assert (at == 0).all()


@pytest.mark.parametrize("how", [*HOW, "in registers"])
def test_what_is_around_a_dot(device, how):
    check_product(16, 32, 64, torch.float32, how)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_sizes(device, sizes):
    check_product(*sizes, torch.float32, "plain", warps=4)
    check_product(*sizes, torch.float16, "computed", tb=True)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("transposed", ["", "a", "b", "ab"])
def test_elements_and_transposes(device, dtype, transposed):
    check_product(16, 16, 64, dtype, "plain", "a" in transposed, "b" in transposed, warps=2)


@triton.jit
def integers(a_ptr, b_ptr, c_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    a, b = tl.load(a_ptr + m * K + k[None, :]), tl.load(b_ptr + k[:, None] * N + n)
    tl.store(c_ptr + m * N + n, tl.dot(a, b))


def test_int8(device):
    a, b = (torch.randint(-128, 128, shape, dtype=torch.int8) for shape in ((16, 64), (64, 32)))
    c = torch.zeros(16, 32, dtype=torch.int32)
    integers[(1,)](a, b, c, M=16, N=32, K=64, num_warps=1)
    assert torch.equal(c, a.int() @ b.int())


@triton.jit
def batched(a_ptr, b_ptr, c_ptr, B: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    z = tl.arange(0, B)[:, None, None]
    m, n = tl.arange(0, M)[None, :, None], tl.arange(0, N)[None, None, :]
    k = tl.arange(0, K)
    a = tl.load(a_ptr + z * M * K + m * K + k[None, None, :])
    b = tl.load(b_ptr + z * K * N + k[None, :, None] * N + n)
    tl.store(c_ptr + z * M * N + m * N + n, tl.dot(a, b))


@pytest.mark.parametrize("sizes", [(2, 16, 16, 32), (4, 8, 16, 64)], ids=str)
@pytest.mark.parametrize("warps", [1, 4])
def test_batches(device, sizes, warps):
    B, M, N, K = sizes
    a, b, c = torch.randn(B, M, K), torch.randn(B, K, N), torch.zeros(B, M, N)
    batched[(1,)](a, b, c, B=B, M=M, N=N, K=K, num_warps=warps)
    close(c, a @ b)


@triton.jit
def chain(a_ptr, b_ptr, d_ptr, e_ptr, o_ptr, rounds, M: tl.constexpr, K: tl.constexpr, THREE: tl.constexpr):
    """((A B) D) E, or (A B) D, summed in nested loops."""
    m, k = tl.arange(0, M)[:, None], tl.arange(0, K)
    kk = k[:, None] * K + k[None, :]
    acc = tl.zeros((M, K), tl.float32)
    for i in range(rounds):
        a = tl.load(a_ptr + i * M * K + m * K + k[None, :])
        for j in range(i + 1):
            b = tl.load(b_ptr + j * K * K + kk)
            d = tl.load(d_ptr + kk, mask=k[:, None] < K - j, other=0.25)
            inner = tl.dot(tl.dot(a, b), d)
            if THREE:
                e = tl.load(e_ptr + kk)
                acc = tl.dot(inner, e, acc)
            else:
                acc += inner
        acc = acc * 0.5
    tl.store(o_ptr + m * K + k[None, :], acc)


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("warps", [1, 4])
def test_chains_in_nested_loops(device, three, warps):
    M, K, rounds = 16, 32, 3
    a, b, d, e = (torch.randn(*shape) / 4 for shape in ((rounds, M, K), (rounds, K, K), (K, K), (K, K)))
    o, wanted = torch.zeros(M, K), torch.zeros(M, K)
    for i in range(rounds):
        for j in range(i + 1):
            masked = torch.where(torch.arange(K)[:, None] < K - j, d, torch.tensor(0.25))
            inner = a[i] @ b[j] @ masked
            wanted = wanted + (inner @ e if three else inner)
        wanted = wanted * 0.5
    chain[(1,)](a, b, d, e, o, rounds, M=M, K=K, THREE=three, num_warps=warps)
    close(o, wanted)


@triton.jit
def gathered(a_ptr, b_ptr, at_ptr, c_ptr, rows, n, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """Rows of A and of B that a table chooses; where the table is negative there is none."""
    m, c = tl.arange(0, M), tl.arange(0, N)[None, :]
    am = tl.load(at_ptr + m)
    acc = tl.zeros((M, N), tl.float32)
    for k0 in range(0, n, K):
        k = k0 + tl.arange(0, K)
        bk = tl.load(at_ptr + k, mask=k < n, other=-1)
        a = tl.load(a_ptr + am[:, None] * n + k[None, :], mask=(am[:, None] >= 0) & (k[None, :] < n), other=1.0)
        b = tl.load(b_ptr + bk[:, None] * N + c, mask=bk[:, None] >= 0, other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(c_ptr + m[:, None] * N + c, acc)


@pytest.mark.parametrize("n", [32, 40, 64])
def test_gathered_rows(device, n):
    rows, M, N = 50, 16, 32
    a, b, at = torch.randn(rows, n), torch.randn(rows, N), torch.randint(-2, rows, (64,), dtype=torch.int32)
    c = torch.zeros(M, N)
    gathered[(1,)](a, b, at, c, rows, n, M=M, N=N, K=32, num_warps=1)

    def of(table, other, empty):
        return torch.where((table >= 0)[:, None], other[table.clamp(min=0).long()], torch.tensor(empty))

    close(c, of(at[:M], a, 1.0) @ of(at[:n], b, 0.0))


# -------------------------------------------------------------------------------------------------------- lane pointers
@triton.jit
def shift(x_ptr, by, R: tl.constexpr, C: tl.constexpr, LOOP: tl.constexpr, FLAT: tl.constexpr):
    """A block moves within one buffer, by its offsets."""
    at = tl.arange(0, R)[:, None] * C + tl.arange(0, C)[None, :]
    for i in range(LOOP):
        if FLAT:
            x = tl.load(x_ptr + at)
            tl.store(x_ptr + (at + by), x)
        else:
            x = tl.load(x_ptr + (at * 2 + i))
            tl.store(x_ptr + (at * 2 + (i + by)), x)


@pytest.mark.parametrize("by", [1, 3, 32, 128])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("loop", [1, 2])
def test_shifts_in_place(device, by, flat, loop):
    R, C = 16, 32
    x = torch.arange(4096.0)
    wanted = x.clone()
    places = torch.arange(R * C)
    for i in range(loop):
        source = places if flat else places * 2 + i
        wanted[source + by] = wanted[source].clone()
    shift[(1,)](x, by, R=R, C=C, LOOP=loop, FLAT=flat, num_warps=1)
    assert torch.equal(x, wanted)


@triton.jit
def moved(x_ptr, by, R: tl.constexpr, C: tl.constexpr, F: tl.constexpr):
    """As `shift`, but the pointer moves, not the offsets."""
    at = (tl.arange(0, R)[:, None] * C + tl.arange(0, C)[None, :]) * F
    x = tl.load(x_ptr + at)
    tl.store((x_ptr + by) + at, x)


@pytest.mark.parametrize("by", [32, 64, 33])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("warps", [1, 4])
def test_shifts_in_place_by_a_pointer(device, by, step, warps):
    x = torch.arange(4096.0)
    wanted, places = x.clone(), torch.arange(1024) * step
    wanted[places + by] = wanted[places].clone()
    moved[(1,)](x, by, R=32, C=32, F=step, num_warps=warps)
    assert torch.equal(x, wanted)


@triton.jit
def strided(x_ptr, o_ptr, rows, columns, first, second, start, R: tl.constexpr, C: tl.constexpr, WIDE: tl.constexpr):
    """Tiles by any strides, from a pointer into the middle; offsets are differences, i64 ones where WIDE."""
    r, c = tl.arange(0, R)[:, None], tl.arange(0, C)[None, :]
    for i in range(0, rows, R):
        for j in range(0, columns, C):
            row, column = (i + r) - start, (j + c) - start
            if WIDE:
                row, column = row.to(tl.int64), column.to(tl.int64)
            mask = (i + r < rows) & (j + c < columns)
            x = tl.load(x_ptr + row * first + column * second, mask=mask)
            tl.store(o_ptr + (i + r) * columns + (j + c), x, mask=mask)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("strides", [(40, 1), (-40, 1), (-40, -1), (1, 33), (-1, -33), (80, 2)], ids=str)
def test_strides(device, wide, strides):
    rows, columns = 20, 33
    first, second = strides
    memory = torch.randn(4096)
    lowest = sum(min(0, s * (n - 1)) for s, n in zip(strides, (rows, columns), strict=True))
    origin = -lowest + 5
    start = 3
    wanted = torch.stack([memory[origin + r * first + torch.arange(columns) * second] for r in range(rows)])
    o = torch.zeros(rows, columns)
    base = memory[origin + start * (first + second) :]  # where row 0 and column 0 are at -start
    with config.scope(TRITON_ALLOY_BOUNDS="0"):  # from behind the tensor's first element
        strided[(1,)](base, o, rows, columns, first, second, start, R=8, C=16, WIDE=wide, num_warps=1)
    assert torch.equal(o, wanted)


@triton.jit
def far(x_ptr, o_ptr, k, first, count, start, stride, B: tl.constexpr, C: tl.constexpr):
    """A pointer that was moved far and comes back, and rows that are counted from `start`."""
    r, c = tl.arange(0, B)[:, None], tl.arange(0, C)[None, :]
    acc = tl.zeros((B, C), tl.float32)
    p = x_ptr + k
    for i in range(-k, 2 - k):
        acc += tl.load(p + (i + r * stride + 2 * c))
    for i in range(first, first + count):
        acc += tl.load(x_ptr + (i * B + r - start) * stride + c)
    tl.store(o_ptr + r * C + c, acc)


@pytest.mark.parametrize(("k", "first"), [(2**31 - 50, 16383), (-(2**31) + 2**18, 16384), (5, 0)])
def test_parts_of_a_sum_that_are_no_i32(device, k, first):
    B, C, stride, count = 32, 32, 4096, 2
    x, o = torch.randn(B * count, stride), torch.zeros(B, C)
    far[(1,)](x, o, k, first, count, first * B, stride, B=B, C=C, num_warps=1)
    wanted = sum(x.flatten().unfold(0, 64, 1)[torch.arange(B) * stride + i, ::2] for i in range(2))
    close(o, wanted + x.reshape(count, B, stride)[:, :, :C].sum(0))


@triton.jit
def chosen(x_ptr, y_ptr, o_ptr, pick, R: tl.constexpr, C: tl.constexpr):
    """Pointers that a scalar, and that each element chooses."""
    at = tl.arange(0, R)[:, None] * C + tl.arange(0, C)[None, :]
    acc = tl.zeros((R, C), tl.float32)
    for i in range(3):
        p = x_ptr
        if i + pick > 1:
            p = y_ptr
        acc += tl.load(p + at * 2 + i)
        acc += tl.load(tl.where(at % 3 == i, x_ptr + at, y_ptr + at))
    tl.store(o_ptr + at, acc)


@pytest.mark.parametrize("pick", [0, 2])
def test_pointers_that_are_chosen(device, pick):
    x, y, o = torch.randn(1100), torch.randn(1100), torch.zeros(512)
    chosen[(1,)](x, y, o, pick, R=16, C=32, num_warps=1)
    at, wanted = torch.arange(512), torch.zeros(512)
    for i in range(3):
        wanted += (y if i + pick > 1 else x)[at * 2 + i]
        wanted += torch.where(at % 3 == i, x[at], y[at])
    close(o, wanted)


@triton.jit
def counted(count_ptr, o_ptr, n, R: tl.constexpr, C: tl.constexpr):
    """Atomics and loads of what they change."""
    at = tl.arange(0, R)[:, None] * C + tl.arange(0, C)[None, :]
    total = tl.zeros((R, C), tl.int32)
    for i in range(n):
        tl.atomic_add(count_ptr + at * 2 + (i % 2), 1)
        tl.debug_barrier()
        total += tl.load(count_ptr + at * 2 + (i % 2))
    tl.store(o_ptr + at, total)


def test_atomics_and_loads_of_the_same_memory(device):
    count, o = torch.zeros(1024, dtype=torch.int32), torch.zeros(512, dtype=torch.int32)
    counted[(1,)](count, o, 4, R=16, C=32, num_warps=1)
    assert (count == 2).all() and (o == 1 + 1 + 2 + 2).all()
