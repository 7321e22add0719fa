"""Shuffles, exchanges, votes and reductions of 32 lanes, of every type."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tests.support.lanes import (
    FLOATS,
    INTEGERS,
    LANES,
    MODES,
    STORAGE,
    Operand,
    decode,
    encode,
    evaluate,
    kernel,
    launch,
    memory_name,
    samples,
)

TYPES = (*INTEGERS, *FLOATS, "b1")
LANE = np.arange(LANES)


def rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, LANES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", TYPES)
def test_shuffles(type_: str, mode: str):
    masks = (0, 1, 2, 3, 5, 8, 16, 21, 31)
    values = samples(type_, 4 * LANES, 1)
    sources = np.random.default_rng(2).integers(0, LANES, 4 * LANES).astype(np.uint32)
    texts = [f"shuffle_xor(x, {mask}u)" for mask in masks] + ["shuffle(x, source)", "first(x)", "broadcast(x, 19u)"]
    operands = [Operand("x", type_, values), Operand("source", "u32", sources)]
    results = evaluate([(text, type_) for text in texts], operands, mode)
    x = rows(values)
    expected = [x[:, LANE ^ mask] for mask in masks] + [np.take_along_axis(x, rows(sources).astype(np.int64), 1)]
    expected += [np.repeat(x[:, lane : lane + 1], LANES, 1) for lane in (0, 19)]
    for text, result, right in zip(texts, results, expected, strict=True):
        assert result.tobytes() == right.tobytes(), text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", TYPES)
def test_exchange_transposes_a_register_bit_with_a_lane_bit(type_: str, mode: str):
    values = samples(type_, 2 * LANES, 1)
    memory = memory_name(type_)
    convert = "b1" if type_ == "b1" else ""
    store = "u8" if type_ == "b1" else ""
    lines = []
    for bit in range(5):
        lines += [
            f"{{ {type_} a = {convert}(load(x, i32(lane))), b = {convert}(load(x, i32(lane) + 32));",
            f"  exchange(a, b, {bit}u, lane);",
            f"  store(out, i32(lane) + {bit * 64}, {store}(a));",
            f"  store(out, i32(lane) + {bit * 64 + 32}, {store}(b)); }}",
        ]
    result = np.zeros(5 * 2 * LANES, values.dtype)
    launch(kernel("\n".join(lines), [f"const device {memory} *x", f"device {memory} *out"]), mode, [values, result])
    for bit in range(5):
        expected = np.empty((2, LANES), values.dtype)
        for register in range(2):
            for lane in range(LANES):
                moved = lane & ~(1 << bit) | register << bit
                expected[lane >> bit & 1, moved] = values.reshape(2, LANES)[register, lane]
        assert result.reshape(5, 2, LANES)[bit].tobytes() == expected.tobytes()


@pytest.mark.parametrize("mode", MODES)
def test_votes(mode: str):
    cases = np.stack([np.zeros(LANES), np.ones(LANES), LANE == 7, LANE != 31]).astype(np.uint8)
    texts = ("simd_any(x)", "simd_all(x)", "reduce_or(x)", "reduce_and(x)", "reduce_xor(x)")
    results = evaluate([(text, "b1") for text in texts], [Operand("x", "b1", cases.ravel())], mode)
    expected = ([0, 1, 1, 1], [0, 1, 0, 0], [0, 1, 1, 1], [0, 1, 0, 0], [0, 0, 1, 1])
    for text, result, right in zip(texts, results, expected, strict=True):
        assert np.array_equal(rows(result)[:, 0], right), text


# --------------------------------------------------------------------------------------------------------- reductions
INTEGER_REDUCTIONS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "min": min,
    "max": max,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", INTEGERS)
def test_integer_reductions(type_: str, mode: str):
    values = samples(type_, 4 * LANES, 1)
    results = evaluate(
        [(f"reduce_{kind}(x)", type_) for kind in INTEGER_REDUCTIONS], [Operand("x", type_, values)], mode
    )
    width = values.itemsize * 8
    for (kind, combine), result in zip(INTEGER_REDUCTIONS.items(), results, strict=True):
        for row, group in zip(rows(result), rows(values), strict=True):
            expected = functools.reduce(combine, (int(v) for v in group)) & (1 << width) - 1
            assert (row.view(f"uint{width}") == expected).all(), kind


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", FLOATS)
def test_float_sums_and_products(type_: str, mode: str):
    generator = np.random.default_rng(1)
    values = encode(generator.uniform(0.5, 1.5, 8 * LANES), type_)
    total, product = evaluate([("reduce_add(x)", type_), ("reduce_mul(x)", type_)], [Operand("x", type_, values)], mode)
    x = rows(decode(values, type_))
    unit = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24 * 8, "f64": 2.0**-53 * 8}[type_]
    assert np.allclose(rows(decode(total, type_))[:, 0], x.sum(1), rtol=unit * 1.01, atol=0)
    assert np.allclose(rows(decode(product, type_))[:, 0], x.prod(1), rtol=unit * 2, atol=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", FLOATS)
def test_float_minima_and_nan(type_: str, mode: str):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((6, LANES)) * 100
    x[1, 3], x[2, 0], x[2, 31], x[3, :], x[4, 7], x[4, 9] = np.nan, np.nan, np.inf, np.nan, np.inf, -np.inf
    values = encode(x, type_).ravel()
    kinds = ("min", "max", "minimum", "maximum")
    results = evaluate([(f"reduce_{kind}(x)", type_) for kind in kinds], [Operand("x", type_, values)], mode)
    x = decode(values, type_).reshape(x.shape)
    with np.errstate(invalid="ignore"):
        oracles = (np.fmin, np.fmax, np.minimum, np.maximum)
        expected = [oracle.reduce(x, axis=1) for oracle in oracles]
    for kind, result, right in zip(kinds, results, expected, strict=True):
        assert np.array_equal(rows(decode(result, type_))[:, 0], right, equal_nan=True), kind


def test_types_are_named_as_in_metal():
    assert set(STORAGE) == set(TYPES)
