"""Productions that move or combine elements: shapes, reductions, scans, dots, sorting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tests.random_programs.operations import LARGEST, Scope, as_numpy, production
from tests.random_programs.program import FLOATS, Type, Value, fits

PREAMBLE = """
@triton.jit
def product(a, b):
    return a * b


@triton.jit
def largest(a, b):
    return tl.maximum(a, b)


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def leftmost(a, b):
    return a


@triton.jit
def rightmost(a, b):
    return b


@triton.jit
def affine(slope, start, other_slope, other_start):
    return slope * other_slope, start * other_slope + other_start
"""
"""The combiners that programs name."""

INTEGER_COMBINERS = {"product": np.multiply, "either": np.bitwise_or}
COMBINERS = {"largest": np.maximum, "leftmost": lambda a, b: a, "rightmost": lambda a, b: b}


def facts(value: Value, **changed: Any) -> dict[str, Any]:
    return {"bound": value.bound, "grain": value.grain, **changed}


def number(value: Value) -> bool:
    return value.type.is_integer or value.type.is_float


def tensor(value: Value) -> bool:
    return number(value) and bool(value.type.shape)


def fold(function: Callable[[Any, Any], Any], x: np.ndarray, axis: int, keep: bool = False) -> np.ndarray:
    """x combined along an axis from the left; with all intermediate results if `keep`."""
    rows = np.moveaxis(x, axis, 0)
    results = [rows[0]]
    for row in rows[1:]:
        results.append(np.asarray(function(results[-1], row)).astype(x.dtype))
    return np.moveaxis(np.stack(results), 0, axis) if keep else results[-1]


# -------------------------------------------------------------------------------------------------------------- shapes
@production(3)
def expand(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and len(v.type.shape) < 4)
    if not a:
        return False
    axis = scope.rng.randrange(len(a.type.shape) + 1)
    shape = (*a.type.shape[:axis], 1, *a.type.shape[axis:])
    type_ = replace(a.type, shape=shape)
    scope.add(f"tl.expand_dims({{0}}, {axis})", [a], lambda x: np.expand_dims(x, axis), type_, **facts(a))
    return True


@production(2)
def broadcast(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and 1 in v.type.shape)
    if not a:
        return False
    shape = tuple(scope.rng.choice([2, 4, 8, 16]) if n == 1 else n for n in a.type.shape)
    type_ = replace(a.type, shape=shape)
    if type_.size > LARGEST:
        return False
    scope.add(f"tl.broadcast_to({{0}}, {shape})", [a], lambda x: np.broadcast_to(x, shape), type_, **facts(a))
    return True


@production(2)
def splat(scope: Scope) -> bool:
    a = scope.pick(lambda v: number(v) and not v.type.shape)
    like = scope.pick(tensor)
    if not a or not like:
        return False
    type_ = replace(a.type, shape=like.type.shape)
    scope.add(
        f"tl.broadcast_to({{0}}, {type_.shape})", [a], lambda x: np.broadcast_to(x, type_.shape), type_, **facts(a)
    )
    return True


@production(4)
def permute(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and len(v.type.shape) > 1)
    if not a:
        return False
    order = list(range(len(a.type.shape)))
    scope.rng.shuffle(order)
    type_ = replace(a.type, shape=tuple(a.type.shape[i] for i in order))
    scope.add(f"tl.permute({{0}}, {tuple(order)})", [a], lambda x: np.transpose(x, order), type_, **facts(a))
    return True


@production(3)
def reshape(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a:
        return False
    bits = a.type.size.bit_length() - 1
    cuts = sorted(scope.rng.randint(0, bits) for _ in range(scope.rng.randint(0, 2)))
    shape = tuple(1 << hi - lo for lo, hi in zip([0, *cuts], [*cuts, bits], strict=True))
    type_ = replace(a.type, shape=shape)
    scope.add(f"tl.reshape({{0}}, {shape})", [a], lambda x: x.reshape(shape), type_, **facts(a))
    return True


@production(2)
def join(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and v.type.size <= LARGEST // 2 and len(v.type.shape) < 4)
    b = scope.pick(lambda v: v.type == a.type) if a else None
    if not a or not b:
        return False
    bound = None if a.bound is None or b.bound is None else max(a.bound, b.bound)
    grain = max(a.grain, b.grain)
    if a.type.is_float and not fits(a.type.element, bound, grain):
        return False
    name = scope.rng.choice(["join", "interleave"])
    shape = (*a.type.shape, 2) if name == "join" else (*a.type.shape[:-1], a.type.shape[-1] * 2)
    type_ = replace(a.type, shape=shape)
    scope.add(
        f"tl.{name}({{0}}, {{1}})",
        [a, b],
        lambda x, y: np.stack([x, y], -1).reshape(shape),
        type_,
        bound=bound,
        grain=grain,
    )
    return True


@production(2)
def split(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and len(v.type.shape) > 1 and v.type.shape[-1] == 2)
    if not a:
        return False
    type_ = replace(a.type, shape=a.type.shape[:-1])
    scope.add_all("tl.split({0})", [a], lambda x: (x[..., 0], x[..., 1]), [(type_, facts(a))] * 2)
    return True


@production(1)
def flip(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a or a.type.shape == (1,):  # Triton would reshape it to a scalar, which it cannot
        return False
    axis = scope.rng.randrange(len(a.type.shape))
    scope.add(f"tl.flip({{0}}, {axis})", [a], lambda x: np.flip(x, axis), a.type, **facts(a))
    return True


@production(2)
def gather(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a:
        return False
    axis = scope.rng.randrange(len(a.type.shape))
    size = a.type.shape[axis]
    index = scope.pick(lambda v: v.type.element in ("int32", "uint32", "int64") and v.type.shape == a.type.shape)
    if not index:
        return False
    scope.add(
        f"tl.gather({{0}}, ({{1}} & {size - 1}).to(tl.int32), {axis})",
        [a, index],
        lambda x, i: np.take_along_axis(x, (i & (size - 1)).astype(np.int64), axis),
        a.type,
        **facts(a),
    )
    return True


@production(1)
def sort(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and v.type.shape[-1] > 1)
    if not a:
        return False
    falls = scope.rng.random() < 0.5
    meaning = lambda x: np.flip(np.sort(x, -1), -1) if falls else np.sort(x, -1)  # noqa: E731
    scope.add(f"tl.sort({{0}}, descending={falls})", [a], meaning, a.type, **facts(a))
    return True


@production(1)
def histogram(scope: Scope) -> bool:
    a = scope.pick(lambda v: v.type.element in ("int32", "uint32") and len(v.type.shape) == 1)
    if not a:
        return False
    bins = scope.rng.choice([4, 16, 64])
    meaning = lambda x: np.bincount(x & (bins - 1), minlength=bins).astype(np.int32)  # noqa: E731
    scope.add(f"tl.histogram({{0}} & {bins - 1}, {bins})", [a], meaning, Type("int32", (bins,)), bound=a.type.size)
    return True


# ------------------------------------------------------------------------------------------ reductions, scans, products
def _axis(scope: Scope, value: Value) -> tuple[int, tuple[int, ...]]:
    """An axis, and the shape without it."""
    axis = scope.rng.randrange(len(value.type.shape))
    return axis, value.type.shape[:axis] + value.type.shape[axis + 1 :]


@production(8)
def reduction(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a:
        return False
    axis, shape = _axis(scope, a)
    size = a.type.shape[axis]
    keep = scope.rng.random() < 0.3
    name = scope.rng.choice(["sum", "max", "min", *(["xor_sum"] if a.type.is_integer else [])])
    functions = {"sum": np.add, "max": np.maximum, "min": np.minimum, "xor_sum": np.bitwise_xor}
    bound = a.bound * size if name == "sum" and a.bound is not None else a.bound
    if a.type.is_integer:
        bound = None if name in ("sum", "xor_sum") else bound
    elif not fits(a.type.element, bound, a.grain):
        return False
    type_ = replace(a.type, shape=(*a.type.shape[:axis], 1, *a.type.shape[axis + 1 :]) if keep else shape)
    meaning = lambda x: fold(functions[name], x, axis).reshape(type_.shape)  # noqa: E731
    text = f"tl.{name}({{0}}, {axis}, keep_dims={keep}).to(tl.{a.type.element})"
    scope.add(text, [a], meaning, type_, bound=bound, grain=a.grain)
    return True


@production(2)
def index_of_extreme(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and v.type.element != "bfloat16")
    if not a:
        return False
    axis, shape = _axis(scope, a)
    name = scope.rng.choice(["argmax", "argmin"])
    meaning = as_numpy(lambda x: getattr(np, name)(x, axis), Type("int32"))
    scope.add(f"tl.{name}({{0}}, {axis})", [a], meaning, Type("int32", shape), bound=a.type.shape[axis])
    return True


def _combiner(scope: Scope, a: Value) -> tuple[str, Callable[[Any, Any], Any], int | None]:
    table = COMBINERS | (INTEGER_COMBINERS if a.type.is_integer else {})
    name = scope.rng.choice(list(table))
    return name, table[name], None if name in INTEGER_COMBINERS else a.bound


@production(3)
def custom_reduction(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a:
        return False
    axis, shape = _axis(scope, a)
    name, function, bound = _combiner(scope, a)
    type_ = replace(a.type, shape=shape)
    scope.add(
        f"tl.reduce({{0}}, {axis}, {name})", [a], lambda x: fold(function, x, axis), type_, **facts(a, bound=bound)
    )
    return True


def _affine(x: np.ndarray, y: np.ndarray, axis: int, keep: bool) -> tuple[np.ndarray, np.ndarray]:
    slopes, starts = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    results = [(slopes[0], starts[0])]
    for slope, start in zip(slopes[1:], starts[1:], strict=True):
        results.append((results[-1][0] * slope, results[-1][1] * slope + start))
    if not keep:
        return results[-1]
    first, second = (np.moveaxis(np.stack(column), 0, axis) for column in zip(*results, strict=True))
    return first, second


@production(2)
def affine(scope: Scope) -> bool:
    a = scope.pick(lambda v: tensor(v) and v.type.is_integer and v.type.width > 16)
    b = scope.pick(lambda v: v.type == a.type) if a else None
    if not a or not b:
        return False
    axis, shape = _axis(scope, a)
    scan = scope.rng.random() < 0.5
    type_ = a.type if scan else replace(a.type, shape=shape)
    text = f"tl.{'associative_scan' if scan else 'reduce'}(({{0}}, {{1}}), {axis}, affine)"
    scope.add_all(text, [a, b], lambda x, y: _affine(x, y, axis, scan), [(type_, {})] * 2)
    return True


@production(5)
def scan(scope: Scope) -> bool:
    a = scope.pick(tensor)
    if not a:
        return False
    axis, _ = _axis(scope, a)
    reverse = scope.rng.random() < 0.3
    if scope.rng.random() < 0.5:
        bound = None if a.type.is_integer else a.bound * a.type.shape[axis]
        if bound is not None and not fits(a.type.element, bound, a.grain):
            return False
        name, function = f"tl.cumsum({{0}}, {axis}, reverse={reverse}).to(tl.{a.type.element})", np.add
    else:
        combiner, function, bound = _combiner(scope, a)
        name = f"tl.associative_scan({{0}}, {axis}, {combiner}, reverse={reverse})"

    def meaning(x: np.ndarray) -> np.ndarray:
        turned = np.flip(x, axis) if reverse else x
        result = fold(function, turned, axis, keep=True)
        return np.flip(result, axis) if reverse else result

    scope.add(name, [a], meaning, a.type, **facts(a, bound=bound))
    return True


@production(6)
def dot(scope: Scope) -> bool:
    def factor(v: Value) -> bool:
        return len(v.type.shape) == 2 and v.type.element in (*FLOATS, "int8")

    a = scope.pick(factor)
    if not a:
        return False
    m, k = a.type.shape
    b = scope.pick(lambda v: factor(v) and v.type.element == a.type.element and v.type.shape[0] == k)
    turned = b is None
    if turned:
        b = scope.pick(lambda v: factor(v) and v.type.element == a.type.element and v.type.shape[1] == k)
    if not b:
        return False
    n = b.type.shape[0] if turned else b.type.shape[1]
    if m * n > LARGEST or (a.type.element == "int8" and k < 4):
        return False
    right = "tl.trans({1})" if turned else "{1}"
    turn = (lambda y: y.T) if turned else (lambda y: y)
    if a.type.element == "int8":
        meaning = lambda x, y: x.astype(np.int32) @ turn(y).astype(np.int32)  # noqa: E731
        scope.add(f"tl.dot({{0}}, {right})", [a, b], meaning, Type("int32", (m, n)))
        return True
    bound, grain = a.bound * b.bound * k, a.grain + b.grain
    type_ = Type("float64" if a.type.element == "float64" else "float32", (m, n))
    if not fits(type_.element, bound, grain):
        return False
    scope.add(f"tl.dot({{0}}, {right})", [a, b], lambda x, y: x @ turn(y), type_, bound=bound, grain=grain)
    return True
