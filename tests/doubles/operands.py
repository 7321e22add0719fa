"""Operands for doubles, as their bits: values where something changes, and random ones."""

from __future__ import annotations

import numpy as np

SPECIAL_COUNT = 200
_SIGN = 1 << 63
# Magnitudes at the edges of the format, of narrower formats and of integers.
_EDGES = (
    0, 1, 2, 3, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x0010000000000001, 0x001FFFFFFFFFFFFF, 0x0020000000000000,
    0x7FEFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFE, 0x7FE0000000000000, 0x7FF0000000000000, 0x7FF0000000000001,
    0x7FF8000000000000, 0x7FFFFFFFFFFFFFFF, 0x0008000000000000, 0x0007FFFFFFFFFFFF,
)  # fmt: skip
_NUMBERS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 1 / 3, np.pi, np.e, 1e-5, 1e22, 1e300, 1e-300, 0.1, 255.5, 65504.0,
            65519.0, 65520.0, 65536.0, 2.0**-14, 2.0**-24, 2.0**-25, 3.0 * 2.0**-26, 2.0**-126, 2.0**-149, 2.0**-150,
            3.0 * 2.0**-151, 3.4028234663852886e38, 3.4028235677973366e38, 2.0**31, 2.0**31 - 1, 2.0**32,
            2.0**32 - 1, 2.0**52, 2.0**52 + 1, 2.0**53, 2.0**63, 2.0**64, 2.0**62, 2.0**-1022, 2.0**-52, 2.0**-53,
            2.0**-54, 2.0**511, 2.0**512, 2.0**-511, 2.0**-537)  # fmt: skip


def specials() -> np.ndarray:
    """SPECIAL_COUNT values, as uint64: the edges of both signs, neighbours of round numbers, then random ones."""
    numbers = np.array(_NUMBERS).view(np.uint64)
    found = {int(m) for m in _EDGES} | {int(n) + step for n in numbers for step in (-1, 0, 1)}
    magnitudes = sorted(found)
    signed = [*magnitudes, *(m | _SIGN for m in magnitudes[::2])]
    chosen = dict.fromkeys([*(int(m) for m in _EDGES), *(m | _SIGN for m in _EDGES), *signed])
    return np.array(list(chosen)[:SPECIAL_COUNT], np.uint64)


def special_pairs() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of them."""
    values = specials()
    return np.repeat(values, len(values)), np.tile(values, len(values))


def random_bits(count: int, generator: np.random.Generator) -> np.ndarray:
    """Any bits; a quarter has few digits that are not 0 or 1."""
    bits = generator.integers(0, 2**64, count, np.uint64, endpoint=False)
    short = generator.integers(0, 53, count, np.uint64)
    few = bits >> short << short | np.where(bits & np.uint64(1), (np.uint64(1) << short) - np.uint64(1), np.uint64(0))
    return np.where(generator.random(count) < 0.25, few, bits)


def random_tuples(count: int, operands: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Operands by bit pattern. In half of the tuples the others have exponents near the first one's."""
    first = random_bits(count, generator)
    found = [first]
    for _ in range(operands - 1):
        other = random_bits(count, generator)
        distance = generator.integers(-60, 60, count).astype(np.int64)
        exponent = np.clip((first >> np.uint64(52) & np.uint64(2047)).astype(np.int64) + distance, 0, 2047)
        near = other & ~np.uint64(2047 << 52) | exponent.astype(np.uint64) << np.uint64(52)
        found.append(np.where(generator.random(count) < 0.5, near, other))
    return found


def random_triples(count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """For a * b + c: in a third of them c is next to -(a * b), in another near it."""
    a, b, c = random_tuples(count, 3, generator)
    with np.errstate(all="ignore"):
        product = (-(a.view(np.float64) * b.view(np.float64))).view(np.uint64)
    near = product + generator.integers(-4, 5, count).astype(np.uint64)
    kind = generator.integers(0, 3, count)
    mixed = product & np.uint64(0xFFF << 52) | c & np.uint64((1 << 52) - 1)
    return [a, b, np.where(kind == 0, near, np.where(kind == 1, mixed, c))]
