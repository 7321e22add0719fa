"""What random programs are made of: each production adds statements that use values of a scope.

A production is a function of the `Scope` that returns whether it found operands. The tables give text and meaning.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.random_programs.program import BOOL, FLOATS, INTEGERS, Assign, Statement, Type, Value, fits

LARGEST = 2048
"""Elements of a tensor."""
WIDE = ("float32", "float64")
"""What Triton has all functions for."""


@dataclass
class Scope:
    """The values in reach at one place of a program, and the statements so far. may_return: not so in loops. function:
    whether this is in one, where the kernel's buffers and arguments are out of reach; returns: what it gives then."""

    rng: random.Random
    names: list[int]
    values: list[Value]
    statements: list[Statement] = field(default_factory=list)
    depth: int = 0
    may_return: bool = False
    function: bool = False
    returns: tuple[Value, ...] = ()

    def inner(self, extra: list[Value], may_return: bool = False) -> Scope:
        """A scope in a loop or branch of this one."""
        values = [*self.values, *extra]
        return replace(self, values=values, statements=[], depth=self.depth + 1, may_return=may_return)

    def name(self) -> str:
        self.names[0] += 1
        return f"v{self.names[0]}"

    def pick(self, accept: Callable[[Value], bool]) -> Value | None:
        """One of the values; newer ones are more likely."""
        found = [v for v in self.values if v.exact and accept(v)]
        return found[max(self.rng.randrange(len(found)) for _ in range(2))] if found else None

    def add(self, text: str, uses: list[Value], compute: Callable[..., Any], type_: Type, **facts: Any) -> Value:
        """`new = text`, of `facts` as in Value."""
        return self.add_all(text, uses, compute, [(type_, facts)])[0]

    def add_all(self, text: str, uses: list[Value], compute: Callable[..., Any], results: list) -> list[Value]:
        """`new, ... = text`: several results of (type, facts)."""
        targets = [Value(self.name(), type_, **facts) for type_, facts in results]
        self.statements.append(Assign(tuple(targets), text, tuple(uses), compute))
        self.values += targets
        return targets


Production = Callable[[Scope], bool]
PRODUCTIONS: list[tuple[int, Production]] = []


def production(weight: int) -> Callable[[Production], Production]:
    """Register a production that is `weight` times as likely as the rarest."""

    def register(function: Production) -> Production:
        PRODUCTIONS.append((weight, function))
        return function

    return register


def as_numpy(function: Callable[..., Any], type_: Type) -> Callable[..., Any]:
    """`function` with its result in NumPy's form of a type."""
    return lambda *operands: np.asarray(function(*operands)).astype(type_.numpy)


# --------------------------------------------------------------------------------------------------------- elementwise
def truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b toward zero, for b > 0."""
    floor = a // b
    return floor + ((a % b != 0) & (a < 0)).astype(a.dtype)


INTEGER_OPS = {
    "{0} + {1}": lambda a, b: a + b,
    "{0} - {1}": lambda a, b: a - b,
    "{0} * {1}": lambda a, b: a * b,
    "{0} & {1}": lambda a, b: a & b,
    "{0} | {1}": lambda a, b: a | b,
    "{0} ^ {1}": lambda a, b: a ^ b,
    "tl.minimum({0}, {1})": np.minimum,
    "tl.maximum({0}, {1})": np.maximum,
    "{0} // (({1} & 7) + 1)": lambda a, b: truncated(a, (b & 7) + 1),
    "{0} % (({1} & 7) + 1)": lambda a, b: a - truncated(a, (b & 7) + 1) * ((b & 7) + 1),
    "{0} << ({1} & 7)": lambda a, b: a << (b & 7),
    "{0} >> ({1} & 7)": lambda a, b: a >> (b & 7),
}
INTEGER_FUNCTIONS = {
    "~{0}": lambda a: ~a,
    "-{0}": lambda a: -a,
    "tl.abs({0})": np.abs,
    "{0} + 1": lambda a: a + 1,
    "{0} * 3": lambda a: a * 3,
    "{0} ^ 5": lambda a: a ^ 5,
}
BOOL_OPS = {"{0} & {1}": np.logical_and, "{0} | {1}": np.logical_or, "{0} ^ {1}": np.logical_xor}
COMPARISONS = {
    "{0} < {1}": np.less,
    "{0} <= {1}": np.less_equal,
    "{0} > {1}": np.greater,
    "{0} >= {1}": np.greater_equal,
    "{0} == {1}": np.equal,
    "{0} != {1}": np.not_equal,
}
# text -> meaning, bound of the result
FLOAT_OPS = {
    "{0} + {1}": (np.add, lambda a, b: a + b),
    "{0} - {1}": (np.subtract, lambda a, b: a + b),
    "{0} * {1}": (np.multiply, lambda a, b: a * b),
    "tl.minimum({0}, {1})": (np.minimum, max),
    "tl.maximum({0}, {1})": (np.maximum, max),
    "tl.fma({0}, {1}, {0})": (lambda a, b: a * b + a, lambda a, b: a * b + a),
}
FLOAT_FUNCTIONS = {
    "-{0}": np.negative,
    "tl.abs({0})": np.abs,
    "tl.clamp({0}, -3.0, 5.0)": lambda a: np.clip(a, -3.0, 5.0),
}
# Of f32 and f64 numbers; compared within a tolerance.
INEXACT = {
    "tl.exp({0} * 0.03125)": lambda a: np.exp(a / 32),
    "tl.exp2({0} * 0.03125)": lambda a: np.exp2(a / 32),
    "tl.log(tl.abs({0}) + 1.0)": lambda a: np.log(np.abs(a) + 1),
    "tl.log2(tl.abs({0}) + 1.0)": lambda a: np.log2(np.abs(a) + 1),
    "tl.sqrt(tl.abs({0}))": lambda a: np.sqrt(np.abs(a)),
    "tl.rsqrt(tl.abs({0}) + 1.0)": lambda a: 1 / np.sqrt(np.abs(a) + 1),
    "tl.sin({0} * 0.03125)": lambda a: np.sin(a / 32),
    "tl.sigmoid({0} * 0.03125)": lambda a: 1 / (1 + np.exp(-a / 32)),
    "{0} / (tl.abs({0}) + 3.0)": lambda a: a / (np.abs(a) + 3),
}


def broadcastable(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """As Triton has it: scalars with all, tensors of one rank along sizes of 1."""
    return not a or not b or (len(a) == len(b) and all(x == y or 1 in (x, y) for x, y in zip(a, b, strict=True)))


def joined(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.broadcast_shapes(*shapes))


def partner(scope: Scope, first: Value, accept: Callable[[Value], bool] = lambda v: True) -> Value | None:
    """A value of the same element type that broadcasts with the first to a tensor that is not too large."""

    def fit(v: Value) -> bool:
        if v.type.element != first.type.element or not broadcastable(v.type.shape, first.type.shape):
            return False
        return Type(BOOL, joined(v.type.shape, first.type.shape)).size <= LARGEST and accept(v)

    return scope.pick(fit)


def anything(scope: Scope, kind: str) -> Value | None:
    """A value of "integer", "float" or "bool"."""
    tests = {
        "integer": lambda v: v.type.is_integer,
        "float": lambda v: v.type.is_float,
        "bool": lambda v: v.type.element == BOOL,
    }
    return scope.pick(tests[kind])


@production(12)
def integer_op(scope: Scope) -> bool:
    a = anything(scope, "integer")
    b = partner(scope, a) if a else None
    if not a or not b:
        return False
    text, meaning = scope.rng.choice(list(INTEGER_OPS.items()))
    type_ = Type(a.type.element, joined(a.type.shape, b.type.shape))
    scope.add(text, [a, b], as_numpy(meaning, type_), type_)
    return True


def promoted(a: Type, b: Type) -> str:
    """Triton's rule: the wider; of equal widths, or if the unsigned one is as wide, unsigned."""
    if a.signed == b.signed:
        return (a if a.width >= b.width else b).element
    unsigned, signed = (b, a) if a.signed else (a, b)
    return (unsigned if unsigned.width >= signed.width else signed).element


@production(3)
def mixed_integers(scope: Scope) -> bool:
    a = anything(scope, "integer")
    if not a:
        return False
    b = scope.pick(lambda v: v.type.is_integer and broadcastable(v.type.shape, a.type.shape))
    if not b or not a.type.shape or not b.type.shape:
        return False
    shape = joined(a.type.shape, b.type.shape)
    common = Type(promoted(a.type, b.type), shape)
    if common.size > LARGEST:
        return False
    if scope.rng.random() < 0.5:
        text, meaning = scope.rng.choice(list(INTEGER_OPS.items())[:6])
        result = common
    else:
        text, meaning = scope.rng.choice(list(COMPARISONS.items()))
        result = Type(BOOL, shape)
    convert = common.numpy
    scope.add(text, [a, b], as_numpy(lambda x, y: meaning(x.astype(convert), y.astype(convert)), result), result)
    return True


@production(4)
def integer_function(scope: Scope) -> bool:
    a = anything(scope, "integer")
    if not a:
        return False
    text, meaning = scope.rng.choice(list(INTEGER_FUNCTIONS.items()))
    if text == "-{0}" and not a.type.signed:
        return False
    scope.add(text, [a], as_numpy(meaning, a.type), a.type)
    return True


@production(10)
def float_op(scope: Scope) -> bool:
    a = anything(scope, "float")
    b = partner(scope, a) if a else None
    if not a or not b:
        return False
    text, (meaning, bounds) = scope.rng.choice(list(FLOAT_OPS.items()))
    bound = max(bounds(a.bound, b.bound), 1)
    grain = a.grain + b.grain if "*" in text or "fma" in text else max(a.grain, b.grain)
    type_ = Type(a.type.element, joined(a.type.shape, b.type.shape))
    if not fits(a.type.element, bound, grain) or ("fma" in text and a.type.shape != b.type.shape):
        return False
    scope.add(text, [a, b], as_numpy(meaning, type_), type_, bound=bound, grain=grain)
    return True


@production(4)
def float_function(scope: Scope) -> bool:
    a = anything(scope, "float")
    if not a:
        return False
    if a.grain < 2 and scope.rng.random() < 0.3 and fits(a.type.element, a.bound, a.grain + 1):
        scope.add("{0} * 0.5", [a], lambda x: x * 0.5, a.type, bound=a.bound, grain=a.grain + 1)
        return True
    if a.type.element in WIDE and scope.rng.random() < 0.3:
        text = scope.rng.choice(["floor", "ceil"])
        meaning = {"floor": np.floor, "ceil": np.ceil}[text]
        scope.add(f"tl.{text}({{0}})", [a], as_numpy(meaning, a.type), a.type, bound=a.bound)
        return True
    text, meaning = scope.rng.choice(list(FLOAT_FUNCTIONS.items()))
    if "clamp" in text and (a.type.element not in WIDE or not a.type.shape):
        return False
    scope.add(text, [a], as_numpy(meaning, a.type), a.type, bound=max(a.bound, 5), grain=a.grain)
    return True


@production(3)
def inexact(scope: Scope) -> bool:
    a = scope.pick(lambda v: v.type.element in WIDE and v.bound is not None and v.bound < 256)
    if not a:
        return False
    text, meaning = scope.rng.choice(list(INEXACT.items()))
    scope.add(text, [a], meaning, a.type, exact=False)
    return True


@production(5)
def comparison(scope: Scope) -> bool:
    a = scope.pick(lambda v: v.type.element != BOOL)
    b = partner(scope, a) if a else None
    if not a or not b:
        return False
    text, meaning = scope.rng.choice(list(COMPARISONS.items()))
    scope.add(text, [a, b], meaning, Type(BOOL, joined(a.type.shape, b.type.shape)))
    return True


@production(2)
def bool_op(scope: Scope) -> bool:
    a = anything(scope, "bool")
    b = partner(scope, a) if a else None
    if not a or not b:
        return False
    text, meaning = scope.rng.choice(list(BOOL_OPS.items()))
    scope.add(text, [a, b], meaning, Type(BOOL, joined(a.type.shape, b.type.shape)))
    return True


@production(6)
def where(scope: Scope) -> bool:
    condition = anything(scope, "bool")
    if not condition:
        return False
    a = scope.pick(lambda v: v.type.element != BOOL and broadcastable(v.type.shape, condition.type.shape))
    b = partner(scope, a, lambda v: broadcastable(v.type.shape, condition.type.shape)) if a else None
    if not a or not b:
        return False
    shape = joined(condition.type.shape, a.type.shape, b.type.shape)
    if Type(BOOL, shape).size > LARGEST:
        return False
    bound = None if a.bound is None or b.bound is None else max(a.bound, b.bound)
    type_ = Type(a.type.element, shape)
    facts = {"bound": bound, "grain": max(a.grain, b.grain)}
    if type_.is_float and not fits(type_.element, bound, facts["grain"]):
        return False
    scope.add("tl.where({0}, {1}, {2})", [condition, a, b], as_numpy(np.where, type_), type_, **facts)
    return True


@production(6)
def cast(scope: Scope) -> bool:
    a = scope.pick(lambda v: True)
    if not a:
        return False
    target = Type(scope.rng.choice([*INTEGERS, *FLOATS]), a.type.shape)
    if target.is_float:
        bound = 1 if a.type.element == BOOL else a.bound
        if bound is None or not fits(target.element, bound, a.grain):
            return False
        facts = {"bound": bound, "grain": a.grain}
    elif a.type.is_float and (not target.signed or a.bound >= 1 << target.width - 1):
        return False
    else:
        kept = a.bound if a.type.is_float or (a.bound is not None and target.signed) else None
        facts = {"bound": kept if kept is not None and kept < 1 << target.width - 1 else None}
    meaning = as_numpy((lambda x: x) if target.is_float else np.trunc, target)
    scope.add(f"{{0}}.to(tl.{target.element})", [a], meaning, target, **facts)
    return True


@production(3)
def bounded(scope: Scope) -> bool:
    """Integers that may become floats or indices."""
    a = anything(scope, "integer")
    if not a:
        return False
    mask = scope.rng.choice([3, 7, 15, 63])
    scope.add(f"{{0}} & {mask}", [a], as_numpy(lambda x: x & mask, a.type), a.type, bound=mask)
    return True


@production(1)
def high_product(scope: Scope) -> bool:
    a = scope.pick(lambda v: v.type.element in ("uint32", "int32"))
    b = partner(scope, a, lambda v: v.type.shape == a.type.shape) if a else None
    if not a or not b or a.type.element == "int32":
        return False
    meaning = lambda x, y: (x.astype(np.uint64) * y.astype(np.uint64) >> np.uint64(32)).astype(np.uint32)  # noqa: E731
    scope.add("tl.umulhi({0}, {1})", [a, b], meaning, a.type)
    return True
