"""Ordinary kernels that compilers of this kind have refused or got wrong: large 2-D reductions, fused epilogues, ..."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor


@triton.jit
def persistent_softmax_kernel(out_ptr, in_ptr, in_stride, out_stride, rows, columns, BLOCK: tl.constexpr):
    first = tl.program_id(0)
    step = tl.num_programs(0)
    for row in tl.range(first, rows, step, num_stages=4):
        offsets = tl.arange(0, BLOCK)
        mask = offsets < columns
        x = tl.load(in_ptr + row * in_stride + offsets, mask=mask, other=-float("inf"))
        numerator = tl.exp(x - tl.max(x, axis=0))
        tl.store(out_ptr + row * out_stride + offsets, numerator / tl.sum(numerator, axis=0), mask=mask)


@pytest.mark.parametrize("columns", [781, 5000, 8192])
def test_persistent_softmax(device, columns):
    x, out = torch.randn(5, columns), torch.zeros(5, columns)
    block = triton.next_power_of_2(columns)
    persistent_softmax_kernel[(2,)](out, x, x.stride(0), out.stride(0), 5, columns, BLOCK=block, num_warps=8)
    np.testing.assert_allclose(out.numpy(), torch.softmax(x.double(), 1).numpy(), rtol=1e-5, atol=1e-9)


@triton.jit
def grid_reduce_kernel(x_ptr, sum_ptr, max_ptr, arg_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :])
    i = tl.arange(0, N if AXIS == 0 else M)
    tl.store(sum_ptr + i, tl.sum(x, axis=AXIS))
    tl.store(max_ptr + i, tl.max(x, axis=AXIS))
    tl.store(arg_ptr + i, tl.argmax(x, axis=AXIS))


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (16, 1024), (1024, 4)])
@pytest.mark.parametrize("axis", [0, 1])
def test_large_2d_reductions(device, shape, axis):
    x = torch.randint(-100, 100, shape).float()
    rest = shape[1 - axis]
    total, largest, index = torch.zeros(rest), torch.zeros(rest), torch.zeros(rest, dtype=torch.int32)
    grid_reduce_kernel[(1,)](x, total, largest, index, *shape, axis)
    assert torch.equal(total, x.sum(axis))
    assert torch.equal(largest, x.amax(axis))
    assert (index.numpy() == x.numpy().argmax(axis)).all()


@triton.jit
def row_groups_kernel(dw_ptr, db_ptr, out_w_ptr, out_b_ptr, m, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    columns = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    dw = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    db = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for i in range(0, m, BLOCK_M):
        rows = i + tl.arange(0, BLOCK_M)
        mask = (rows[:, None] < m) & (columns[None, :] < n)
        offsets = rows[:, None] * n + columns[None, :]
        dw += tl.load(dw_ptr + offsets, mask=mask, other=0.0)
        db += tl.load(db_ptr + offsets, mask=mask, other=0.0)
    tl.store(out_w_ptr + columns, tl.sum(dw, axis=0), mask=columns < n)
    tl.store(out_b_ptr + columns, tl.sum(db, axis=0), mask=columns < n)


def test_two_sums_over_rows(device):
    dw, db = torch.randn(96, 200), torch.randn(96, 200)
    out_w, out_b = torch.zeros(200), torch.zeros(200)
    row_groups_kernel[(2,)](dw, db, out_w, out_b, 96, 200, BLOCK_M=32, BLOCK_N=128)
    np.testing.assert_allclose(out_w.numpy(), dw.double().sum(0).numpy(), atol=1e-5)
    np.testing.assert_allclose(out_b.numpy(), db.double().sum(0).numpy(), atol=1e-5)


@triton.jit
def epilogue_kernel(a_ptr, b_ptr, bias_ptr, c_ptr, top_ptr, alpha, beta, N: tl.constexpr, K: tl.constexpr):
    """exp, a bias, two factors and a row maximum after the product."""
    i = tl.arange(0, N)
    k = tl.arange(0, K)
    a = tl.load(a_ptr + i[:, None] * K + k[None, :])
    b = tl.load(b_ptr + k[:, None] * N + i[None, :])
    c = tl.load(c_ptr + i[:, None] * N + i[None, :])
    out = tl.exp(tl.dot(a, b)) * alpha + c * beta + tl.load(bias_ptr + i)[None, :]
    tl.store(c_ptr + i[:, None] * N + i[None, :], out)
    tl.store(top_ptr + i, tl.max(out, axis=1))


def test_epilogues(device):
    a, b = torch.rand(32, 16) - 0.5, torch.rand(16, 32) - 0.5
    bias, c, top = torch.randn(32), torch.randn(32, 32), torch.zeros(32)
    exact = (a.double() @ b.double()).exp() * 1.5 + c.double() * 0.25 + bias
    epilogue_kernel[(1,)](a, b, bias, c, top, 1.5, 0.25, 32, 16)
    np.testing.assert_allclose(c.numpy(), exact.numpy(), atol=1e-5)
    np.testing.assert_allclose(top.numpy(), exact.max(1).values.numpy(), atol=1e-5)


@triton.jit
def persistent_matmul_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K, sam, sak, sbk, sbn, scm, scn,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr, PROGRAMS: tl.constexpr,
):  # fmt: skip
    """Triton's persistent tutorial: one loop over all tiles of a program, the k loop inside it."""
    blocks_m = tl.cdiv(M, BM)
    blocks_n = tl.cdiv(N, BN)
    k_tiles = tl.cdiv(K, BK)
    in_group = GROUP * blocks_n
    offs_k = tl.arange(0, BK)
    for tile in tl.range(tl.program_id(0), blocks_m * blocks_n, PROGRAMS, flatten=True):
        first = tile // in_group * GROUP
        height = min(blocks_m - first, GROUP)
        pid_m = first + tile % height
        pid_n = (tile % in_group) // height
        offs_m = pid_m * BM + tl.arange(0, BM)
        offs_n = pid_n * BN + tl.arange(0, BN)
        in_m = tl.where(offs_m < M, offs_m, 0)
        in_n = tl.where(offs_n < N, offs_n, 0)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(k_tiles):
            k = ki * BK + offs_k
            a = tl.load(a_ptr + in_m[:, None] * sam + k[None, :] * sak, mask=k[None, :] < K, other=0.0)
            b = tl.load(b_ptr + k[:, None] * sbk + in_n[None, :] * sbn, mask=k[:, None] < K, other=0.0)
            acc = tl.dot(a, b, acc)
        mask = (offs_m[:, None] < M) & (offs_n[None, :] < N)
        tl.store(c_ptr + scm * offs_m[:, None] + scn * offs_n[None, :], acc, mask=mask)


def test_persistent_matmul(device):
    a, b, c = torch.randn(70, 50).half(), torch.randn(50, 90).half(), torch.zeros(70, 90)
    persistent_matmul_kernel[(3,)](
        a, b, c, 70, 90, 50, *a.stride(), *b.stride(), *c.stride(), BM=32, BN=32, BK=16, GROUP=2, PROGRAMS=3
    )
    np.testing.assert_allclose(c.numpy(), (a.double() @ b.double()).numpy(), atol=1e-4)


@triton.jit
def modulo_matmul_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    """Triton's matmul tutorial: rows and columns beyond the edge wrap around instead of being masked."""
    pid_m = tl.program_id(0)
    pid_n = tl.program_id(1)
    tl.assume(sam > 0)
    offs_am = (pid_m * BM + tl.arange(0, BM)) % M
    offs_bn = (pid_n * BN + tl.arange(0, BN)) % N
    offs_k = tl.arange(0, BK)
    a_ptrs = a_ptr + (offs_am[:, None] * sam + offs_k[None, :] * sak)
    b_ptrs = b_ptr + (offs_k[:, None] * sbk + offs_bn[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(tl.cdiv(K, BK)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < K - k * BK, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < K - k * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    offs_cm = pid_m * BM + tl.arange(0, BM)
    offs_cn = pid_n * BN + tl.arange(0, BN)
    mask = (offs_cm[:, None] < M) & (offs_cn[None, :] < N)
    tl.store(c_ptr + scm * offs_cm[:, None] + scn * offs_cn[None, :], acc.to(tl.float16), mask=mask)


@pytest.mark.parametrize("shape", [(70, 90, 50), (64, 64, 64), (33, 17, 100)])
def test_tutorial_matmul(device, shape):
    m, n, k = shape
    a, b, c = torch.randn(m, k).half(), torch.randn(k, n).half(), torch.zeros(m, n).half()
    grid = (triton.cdiv(m, 32), triton.cdiv(n, 32))
    modulo_matmul_kernel[grid](a, b, c, m, n, k, *a.stride(), *b.stride(), *c.stride(), BM=32, BN=32, BK=32)
    np.testing.assert_allclose(c.double().numpy(), (a.double() @ b.double()).numpy(), atol=3e-2)


@triton.jit
def packed_kernel(a_ptr, q_ptr, scale_ptr, zero_ptr, c_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """Eight 4-bit weights in each int32, taken apart in front of the product (as GPTQ stores them)."""
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    packed = tl.load(q_ptr + (k[:, None] // 8) * N + n[None, :])
    nibbles = (packed >> ((k[:, None] % 8) * 4)) & 0xF
    b = (nibbles - tl.load(zero_ptr + n)[None, :]).to(tl.float16) * tl.load(scale_ptr + n)[None, :]
    a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    tl.store(c_ptr + m[:, None] * N + n[None, :], tl.dot(a, b))


def test_packed_4_bit_weights(device, rng):
    weights = rng.integers(0, 16, (64, 32)).astype(np.uint32)
    shifts = np.arange(8, dtype=np.uint32)[None, :, None] * 4
    packed = np.bitwise_or.reduce(weights.reshape(8, 8, 32) << shifts, axis=1).view(np.int32)
    a = torch.from_numpy(rng.integers(-8, 9, (16, 64)).astype(np.float16) / 8)
    scale = torch.from_numpy(rng.integers(1, 5, 32).astype(np.float16) / 4)
    zero = torch.from_numpy(rng.integers(0, 16, 32).astype(np.int32))
    c = torch.zeros(16, 32)
    packed_kernel[(1,)](a, tensor(packed), scale, zero, c, 16, 32, 64)
    exact = a.double() @ ((torch.from_numpy(weights.astype(np.float64)) - zero) * scale.double())
    assert torch.equal(c.double(), exact)


@triton.jit
def cube_kernel(x_ptr, out_ptr, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    """A 3-D tensor computed on, permuted and reduced."""
    a = tl.arange(0, A)
    b = tl.arange(0, B)
    c = tl.arange(0, C)
    x = tl.load(x_ptr + a[:, None, None] * B * C + b[None, :, None] * C + c[None, None, :])
    y = tl.permute(x * x + b[None, :, None], (2, 0, 1))
    tl.store(out_ptr + c[:, None] * A + a[None, :], tl.sum(y, axis=2))


def test_3d_reduction_after_arithmetic(device, rng):
    x, out = rng.integers(-5, 5, (8, 16, 32)).astype(np.int32), np.zeros((32, 8), np.int32)
    cube_kernel[(1,)](tensor(x), tensor(out), 8, 16, 32)
    assert (out == (x * x + np.arange(16)[:, None]).transpose(2, 0, 1).sum(axis=2)).all()


@triton.jit
def pairs_kernel(x_ptr, y_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    """join of two matrices: a complex product, interleaved."""
    offsets = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + offsets)
    y = tl.load(y_ptr + offsets)
    z = tl.join(x - y, x + y)
    pair = offsets[:, :, None] * 2 + tl.arange(0, 2)[None, None, :]
    tl.store(out_ptr + pair, z * 3)


def test_join_of_matrices(device, rng):
    x, y = rng.integers(-50, 50, (2, 16, 32)).astype(np.int32)
    out = np.zeros((16, 32, 2), np.int32)
    pairs_kernel[(1,)](tensor(x), tensor(y), tensor(out), 16, 32)
    assert (out == np.stack([x - y, x + y], axis=2) * 3).all()


@triton.jit
def cross_entropy_kernel(logits_ptr, target_ptr, loss_ptr, columns, BLOCK: tl.constexpr):
    """Online: one walk over the row, which is then overwritten by its gradient."""
    row = tl.program_id(0)
    logits_ptr += row * columns
    target = tl.load(target_ptr + row)
    top = float("-inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + i, mask=i < columns, other=float("-inf"))
        new_top = tl.maximum(top, tl.max(x))
        total = total * tl.exp(top - new_top) + tl.sum(tl.exp(x - new_top))
        top = new_top
    tl.store(loss_ptr + row, top + tl.log(total) - tl.load(logits_ptr + target))
    tl.debug_barrier()
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + i, mask=i < columns, other=float("-inf"))
        gradient = tl.exp(x - top) / total - tl.where(i == target, 1.0, 0.0)
        tl.store(logits_ptr + i, gradient, mask=i < columns)


def test_online_cross_entropy(device):
    logits, target = torch.randn(4, 10000), torch.randint(0, 10000, (4,), dtype=torch.int32)
    exact = logits.double().requires_grad_()
    losses = torch.nn.functional.cross_entropy(exact, target.long(), reduction="none")
    losses.sum().backward()
    loss = torch.zeros(4)
    cross_entropy_kernel[(4,)](logits, target, loss, 10000, BLOCK=4096)
    np.testing.assert_allclose(loss.numpy(), losses.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(logits.numpy(), exact.grad.numpy(), atol=1e-6)


@triton.jit
def rms_norm_kernel(x_ptr, weight_ptr, out_ptr, rows, columns, eps, M: tl.constexpr, N: tl.constexpr):
    row = tl.program_id(0) * M + tl.arange(0, M)
    column = tl.arange(0, N)
    mask = (row[:, None] < rows) & (column[None, :] < columns)
    x = tl.load(x_ptr + row[:, None] * columns + column[None, :], mask=mask, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(x * x, axis=1) / columns + eps)
    weight = tl.load(weight_ptr + column, mask=column < columns)
    tl.store(out_ptr + row[:, None] * columns + column[None, :], x * scale[:, None] * weight[None, :], mask=mask)


@pytest.mark.parametrize("block", [(8, 1024), (16, 512)])
def test_rms_norm_of_several_rows(device, block):
    rows, columns = 21, block[1] - 3
    x, weight = torch.randn(rows, columns), torch.randn(columns)
    out = torch.zeros(rows, columns)
    rms_norm_kernel[(triton.cdiv(rows, block[0]),)](x, weight, out, rows, columns, 1e-6, *block)
    exact = x.double() * (x.double().square().mean(1, keepdim=True) + 1e-6).rsqrt() * weight
    np.testing.assert_allclose(out.numpy(), exact.numpy(), atol=1e-5)


@triton.jit
def sort_kernel(x_ptr, out_ptr, top_ptr, N: tl.constexpr, K: tl.constexpr):
    """Triton makes these of reshapes, comparisons and sums of exclusive or."""
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.store(out_ptr + tl.arange(0, N), tl.sort(x))
    tl.store(top_ptr + tl.arange(0, K), tl.topk(x, K))


@pytest.mark.parametrize("dtype", ["int32", "float32", "float16"])
def test_sort(device, rng, dtype):
    x = rng.integers(-100, 100, 64).astype(dtype)
    out, top = np.zeros(64, dtype), np.zeros(8, dtype)
    sort_kernel[(1,)](tensor(x), tensor(out), tensor(top), 64, 8)
    assert (out == np.sort(x)).all()
    assert (top == np.sort(x)[::-1][:8]).all()


@triton.jit
def descriptor_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    a_desc = tl.make_tensor_descriptor(a_ptr, shape=[M, K], strides=[K, 1], block_shape=[BM, BK])
    b_desc = tl.make_tensor_descriptor(b_ptr, shape=[N, K], strides=[K, 1], block_shape=[BN, BK])
    c_desc = tl.make_tensor_descriptor(c_ptr, shape=[M, N], strides=[N, 1], block_shape=[BM, BN])
    m = tl.program_id(0) * BM
    n = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        acc = tl.dot(a_desc.load([m, k]), b_desc.load([n, k]).T, acc)
    c_desc.store([m, n], acc)


def test_tensor_descriptors(device):
    """Made in the kernel; what lies outside of the matrix is read as 0 and not written."""
    a, b, c = torch.randn(70, 40), torch.randn(52, 40), torch.zeros(70, 52)
    descriptor_kernel[(3, 2)](a, b, c, 70, 52, 40, BM=32, BN=32, BK=16)
    np.testing.assert_allclose(c.numpy(), (a.double() @ b.double().T).numpy(), atol=1e-5)
