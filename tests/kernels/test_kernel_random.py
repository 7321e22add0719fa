"""tl.rand and its kin give the very numbers of Philox 4x32-10 (Salmon et al., SC 2011), here in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import tensor

SEEDS = [0, 42, -1, 2**40 + 3]
SIZE = 256


def philox(seed: int, offsets: np.ndarray) -> list[np.ndarray]:
    """Four words for each offset, as tl.philox calls it: counter (offset, 0, 0, 0), key the seed's two halves."""
    mask = np.uint64(0xFFFFFFFF)
    key = [np.uint64(seed % 2**64) & mask, np.uint64(seed % 2**64) >> np.uint64(32)]
    c = [offsets.astype(np.uint64), *np.zeros((3, len(offsets)), np.uint64)]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high_a, high_b = a >> np.uint64(32), b >> np.uint64(32)
        c = [high_b ^ c[1] ^ key[0], b & mask, high_a ^ c[3] ^ key[1], a & mask]
        key = [(key[0] + np.uint64(0x9E3779B9)) & mask, (key[1] + np.uint64(0xBB67AE85)) & mask]
    return [word.astype(np.uint32) for word in c]


def uniform(words: np.ndarray) -> np.ndarray:
    """Triton's map of 32 bits to [0, 1): exact in f32 but for one rounding."""
    signed = words.view(np.int32)
    return np.where(signed < 0, -signed - 1, signed).astype(np.float32) * np.float32(4.6566127342e-10)


@triton.jit
def words_kernel(out_ptr, uniform_ptr, seed, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    a, b, c, d = tl.randint4x(seed, i)
    tl.store(out_ptr + i, a)
    tl.store(out_ptr + SIZE + i, b)
    tl.store(out_ptr + 2 * SIZE + i, c)
    tl.store(out_ptr + 3 * SIZE + i, d)
    tl.store(uniform_ptr + i, tl.rand(seed, i))


@pytest.mark.parametrize("seed", SEEDS)
def test_words_and_uniform_numbers(device, seed):
    out, numbers = np.zeros((4, SIZE), np.uint32), np.zeros(SIZE, np.float32)
    words_kernel[(1,)](tensor(out.view(np.int32)), tensor(numbers), seed, SIZE)
    expected = philox(seed, np.arange(SIZE))
    assert (out == np.stack(expected)).all()
    assert (numbers == uniform(expected[0])).all()


def test_every_mode(any_device):
    test_words_and_uniform_numbers(any_device, 42)


@triton.jit
def normal_kernel(out_ptr, seed, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(out_ptr + i, tl.randn(seed, i))


def test_normal_numbers(device):
    """Box and Muller's, to the accuracy of logarithm and cosine."""
    out = np.zeros(SIZE, np.float32)
    normal_kernel[(1,)](tensor(out), 7, SIZE)
    first, second = (uniform(words).astype(np.float64) for words in philox(7, np.arange(SIZE))[:2])
    exact = np.sqrt(-2.0 * np.log(np.maximum(first, 1e-7))) * np.cos(2 * np.pi * second)
    np.testing.assert_allclose(out, exact, rtol=2e-6, atol=2e-6)
