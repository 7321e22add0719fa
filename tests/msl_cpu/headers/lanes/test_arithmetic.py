"""Operators and functions on lanes and uniform values, of every type, against Python's integers and float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.lanes import FLOATS, INTEGERS, MODES, STORAGE, UNIFORM, Operand, decode, encode, evaluate, samples

COUNT = 640
FORMS = {"lanes": (False, False), "mixed": (False, True), "mixed_left": (True, False), "uniform": (True, True)}


def operands(type_: str, form: str, *more: Operand) -> list[Operand]:
    left, right = FORMS[form]
    count = COUNT if form == "lanes" else 96
    return [
        Operand("x", type_, samples(type_, count, 1), left),
        Operand("y", type_, samples(type_, count, 2), right),
        *more,
    ]


def same(result: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Equal to the bit; NaNs are one, and so are zeros where the oracle cannot tell them apart."""
    if result.dtype.kind != "f":
        return result == expected
    return (result.view(f"u{result.itemsize}") == expected.view(f"u{result.itemsize}")) | (
        np.isnan(result) & np.isnan(expected)
    )


# ----------------------------------------------------------------------------------------------------------- integers
def truncated(a: int, b: int) -> int:
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def leading_zeros(a: int, width: int) -> int:
    return width - (a & (1 << width) - 1).bit_length()


def trailing_zeros(a: int, width: int) -> int:
    unsigned = a & (1 << width) - 1
    return (unsigned & -unsigned).bit_length() - 1 if unsigned else width


# expression in {T}, and its value for Python integers a, b of `width` bits
INTEGER_CASES: tuple[tuple[str, Callable[[int, int, int], int]], ...] = (
    ("{T}(x + y)", lambda a, b, w: a + b),
    ("{T}(x - y)", lambda a, b, w: a - b),
    ("{T}(x * y)", lambda a, b, w: a * b),
    ("{T}(x & y)", lambda a, b, w: a & b),
    ("{T}(x | y)", lambda a, b, w: a | b),
    ("{T}(x ^ y)", lambda a, b, w: a ^ b),
    ("{T}(~x)", lambda a, b, w: ~a),
    ("{T}(-x)", lambda a, b, w: -a),
    ("{T}(x << 3)", lambda a, b, w: a << 3),
    ("{T}(x >> 3)", lambda a, b, w: a >> 3),
    ("{T}(x >> (y & {last}))", lambda a, b, w: a >> (b & w - 1)),
    ("min(x, y)", lambda a, b, w: min(a, b)),
    ("max(x, y)", lambda a, b, w: max(a, b)),
    ("abs(x)", lambda a, b, w: abs(a)),
    ("popcount(x)", lambda a, b, w: (a & (1 << w) - 1).bit_count()),
    ("clz(x)", lambda a, b, w: leading_zeros(a, w)),
    ("ctz(x)", lambda a, b, w: trailing_zeros(a, w)),
    ("mulhi(x, y)", lambda a, b, w: a * b >> w),
    ("divide(x, y)", lambda a, b, w: truncated(a, b)),
    ("remainder(x, y)", lambda a, b, w: a - b * truncated(a, b)),
    ("divide(x, {U}(0))", lambda a, b, w: 0),
    ("remainder(x, {U}(0))", lambda a, b, w: a),
    ("divide(x, {U}(7))", lambda a, b, w: truncated(a, 7)),
    ("remainder(x, {U}(16))", lambda a, b, w: a - 16 * truncated(a, 16)),
    ("select(x, y, x < y)", lambda a, b, w: b if a < b else a),
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def wrapped(values: list[int], type_: str) -> np.ndarray:
    storage = np.dtype(STORAGE[type_])
    mask = (1 << storage.itemsize * 8) - 1
    return np.array([value & mask for value in values], f"uint{storage.itemsize * 8}").view(storage)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type_", INTEGERS)
def test_integers(type_: str, form: str, mode: str):
    inputs = operands(type_, form)
    varying = form != "uniform"
    width = inputs[0].values.itemsize * 8
    names = {"T": type_ if varying else UNIFORM[type_], "last": width - 1, "U": UNIFORM[type_]}
    results = evaluate([(text.format(**names), type_) for text, _ in INTEGER_CASES], inputs, mode)
    x, y = ([int(v) for v in each.values] for each in inputs)
    for (text, oracle), result in zip(INTEGER_CASES, results, strict=True):
        expected = wrapped([oracle(a, b, width) for a, b in zip(x, y, strict=True)], type_)
        wrong = np.flatnonzero(result != expected)
        assert not wrong.size, f"{text}: x={x[wrong[0]]} y={y[wrong[0]]}: {result[wrong[0]]}, not {expected[wrong[0]]}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type_", INTEGERS + FLOATS)
def test_comparisons(type_: str, form: str, mode: str):
    inputs = operands(type_, form)
    results = evaluate([(f"x {symbol} y", "b1") for symbol in COMPARISONS], inputs, mode)
    x, y = (decode(each.values, type_) for each in inputs)
    for symbol, result in zip(COMPARISONS, results, strict=True):
        expected = eval(f"x {symbol} y", {"x": x, "y": y})
        assert np.array_equal(result, expected), symbol


def test_division_by_zero_and_of_the_least_number_does_not_trap():
    for type_ in INTEGERS:
        storage = np.dtype(STORAGE[type_])
        least = np.iinfo(storage).min
        x = np.resize(np.array([least, 5], storage), 32)
        y = np.resize(np.array([0, 0, -1 if least else 1, 1]).astype(storage), 32)
        for uniform in (False, True):
            inputs = [Operand("x", type_, x, uniform), Operand("y", type_, y, uniform)]
            for mode in MODES:
                quotient, rest = evaluate([("divide(x, y)", type_), ("remainder(x, y)", type_)], inputs, mode)
                assert (quotient == np.resize(np.array([0, 0, least, 5], storage), 32)).all()
                assert (rest == np.resize(np.array([least, 5, 0, 0], storage), 32)).all()


# ------------------------------------------------------------------------------------------------------------- floats
def rounded_away(x: np.ndarray) -> np.ndarray:
    size = np.abs(x)
    whole = np.floor(size)
    return np.copysign(np.where(np.isfinite(size), whole + (size - whole >= 0.5), size), x)


def smallest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), x, np.where(np.isnan(y), y, np.where(x < y, x, y)))


def largest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), x, np.where(np.isnan(y), y, np.where(x > y, x, y)))


# expression, its float64 value, and whether the sign of a zero result is open; {x}, {y}: in f32 for bfloat, which Metal
# has no functions of
FLOAT_CASES: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray], bool], ...] = (
    ("x + y", np.add, False),
    ("x - y", np.subtract, False),
    ("x * y", np.multiply, False),
    ("x / y", np.divide, False),
    ("-x", lambda x, y: -x, False),
    ("fabs({x})", lambda x, y: np.abs(x), False),
    ("fmin({x}, {y})", np.fmin, True),
    ("fmax({x}, {y})", np.fmax, True),
    ("minimum(x, y)", smallest, True),
    ("maximum(x, y)", largest, True),
    ("floor({x})", lambda x, y: np.floor(x), False),
    ("ceil({x})", lambda x, y: np.ceil(x), False),
    ("trunc({x})", lambda x, y: np.trunc(x), False),
    ("rint({x})", lambda x, y: np.rint(x), False),
    ("round({x})", lambda x, y: rounded_away(x), False),
    ("fmod({x}, {y})", np.fmod, False),
    ("{select}(x, y, x < y)", lambda x, y: np.where(x < y, y, x), False),
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type_", FLOATS)
def test_floats(type_: str, form: str, mode: str):
    inputs = operands(type_, form)
    spelled = {each.name: each.name for each in inputs}
    if type_ == "bf16":
        spelled = {each.name: f"{'float' if each.uniform else 'f32'}({each.name})" for each in inputs}
    spelled["select"] = "choice" if type_ == "f64" else "select"  # which is the language's own
    results = evaluate([(text.format(**spelled), type_) for text, _, _ in FLOAT_CASES], inputs, mode)
    x, y = (decode(each.values, type_) for each in inputs)
    for (text, oracle, zeros), result in zip(FLOAT_CASES, results, strict=True):
        with np.errstate(all="ignore"):
            expected = encode(oracle(x, y), type_)
        if type_ == "bf16":
            result, expected = (decode(each, type_).astype(np.float32) for each in (result, expected))
        right = same(result, expected) | (zeros & (result == 0) & (expected == 0))
        wrong = np.flatnonzero(~right)
        assert not wrong.size, f"{text}: x={x[wrong[0]]} y={y[wrong[0]]}: {result[wrong[0]]}, not {expected[wrong[0]]}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_fma_rounds_once(form: str, mode: str):
    generator = np.random.default_rng(0)
    count = COUNT if form == "lanes" else 64
    x, y = (generator.standard_normal(count).astype(np.float32) for _ in range(2))
    z = -(x * y)
    inputs = [Operand(name, "f32", v, u) for name, v, u in zip("xyz", (x, y, z), (*FORMS[form], False), strict=True)]
    [result] = evaluate([("fma(x, y, z)", "f32")], inputs, mode)
    expected = x.astype(np.float64) * y + z
    assert np.array_equal(result, expected.astype(np.float32))
    assert (result != 0).any()


# -------------------------------------------------------------------------------------------------------- conversions
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", INTEGERS + FLOATS + ("b1",))
def test_conversions(source: str, mode: str):
    targets = [t for t in INTEGERS + FLOATS + ("b1",) if t != source]
    values = samples(source, COUNT, 3)
    if source in FLOATS:  # what an integer cannot hold is undefined
        values = encode(np.resize(np.linspace(0, 127, 400), COUNT), source)
    # Metal has no conversion between half and bfloat.
    texts = [f"{t}(f32(x))" if {source, t} == {"f16", "bf16"} else f"{t}(x)" for t in targets]
    results = evaluate(list(zip(texts, targets, strict=True)), [Operand("x", source, values)], mode)
    number = decode(values, source)
    for target, result in zip(targets, results, strict=True):
        if target == "b1":
            expected = number != 0
        elif target in FLOATS:
            through = number if target == "f64" else number.astype(np.float32)  # one rounding by float's, of integers
            expected = encode(through, target)
        else:
            expected = np.trunc(number).astype(np.int64) if source in FLOATS else number
            expected = expected.astype(STORAGE[target])
        assert np.array_equal(result, expected), target


@pytest.mark.parametrize("mode", MODES)
def test_narrowing_rounds_to_nearest_even(mode: str):
    bits = np.random.default_rng(4).integers(0, 2**32, 1 << 16, np.uint32)
    ties = (np.arange(1 << 15, dtype=np.uint32) << 17) | np.uint32(1 << 15)
    halves = (np.arange(1 << 15, dtype=np.uint32) * 2 + 1) * np.uint32(1 << 12) + np.uint32(0x38000000 - (1 << 26))
    x = np.concatenate([bits, ties, halves]).view(np.float32)
    half, brain = evaluate([("f16(x)", "f16"), ("bf16(x)", "bf16")], [Operand("x", "f32", x)], mode)
    with np.errstate(over="ignore"):
        assert same(half, x.astype(np.float16)).all()
    assert (np.isnan(x) | (brain == encode(x, "bf16"))).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("types", [("f32", "i32"), ("i32", "f32"), ("f32", "u32"), ("f16", "i16"), ("bf16", "u16")])
def test_bit_casts(types: tuple[str, str], mode: str):
    values = samples(types[0], COUNT, 5)
    [result] = evaluate([(f"as_type<{types[1]}>(x)", types[1])], [Operand("x", types[0], values)], mode)
    assert result.tobytes() == values.tobytes()


# ----------------------------------------------------------------------------------------------------------- booleans
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ("lanes", "mixed", "uniform"))
def test_booleans(form: str, mode: str):
    texts = ("b1(x & y)", "b1(x | y)", "b1(x ^ y)", "!x", "x == y", "x != y", "x && y", "x || y")
    inputs = operands("b1", form)
    results = evaluate([(text, "b1") for text in texts], inputs, mode)
    x, y = (each.values != 0 for each in inputs)
    expected = (x & y, x | y, x ^ y, ~x, x == y, x != y, x & y, x | y)
    for text, result, right in zip(texts, results, expected, strict=True):
        assert np.array_equal(result, right), text


@pytest.mark.parametrize("mode", MODES)
def test_choices_of_uniform_values_by_lane(mode: str):
    x = samples("b1", 64, 1)
    texts = ("select(1.5f, -INFINITY, x)", "select(half(1.0f), half(2.0f), x)", "select(3, -4, x)", "select(x, !x, x)")
    results = evaluate(list(zip(texts, ("f32", "f16", "i32", "b1"), strict=True)), [Operand("x", "b1", x)], mode)
    for result, (no, yes) in zip(results, ((1.5, -math.inf), (1.0, 2.0), (3, -4), (0, 0)), strict=True):
        assert np.array_equal(result, np.where(x, yes, no).astype(result.dtype))


@pytest.mark.parametrize(
    "text",
    [
        "i32(lane) + 1.5f",  # a fraction would be lost
        "i32(lane) + 1l",  # and high bits
        "f16(lane) + 1.5f",
        "i32(lane) < 5u",  # C would compare unsigned
        "i32(lane) + lane",  # two types of lanes
        "i32(lane) / 2",  # traps for some operands
        "f32(lane) & 1",
        "lane ? 1 : 2",
    ],
)
def test_what_would_differ_from_plain_msl_is_refused_on_lanes(text: str):
    from triton_alloy.msl_cpu import CompileError

    with pytest.raises(CompileError):
        evaluate([(text, "i32")], [Operand("x", "i32", np.zeros(32, np.int32))], "fast")
