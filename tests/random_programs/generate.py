"""Random valid Triton programs from a seed: `generate(seed)` is always the same program."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tests.random_programs.operations import PRODUCTIONS, Scope
from tests.random_programs.program import (
    FLOATS,
    INTEGERS,
    Branch,
    Call,
    Function,
    Input,
    Load,
    Loop,
    Program,
    Return,
    Statement,
    Store,
    Type,
    Value,
    fits,
)
from tests.random_programs.tensors import facts, number

SIZES = (1, 2, 4, 8, 16, 32, 64)
FLOAT_DATA = {"float16": (7,), "bfloat16": (3,), "float32": (31,), "float64": (31, (1 << 21) - 1)}
"""The largest number in a buffer of floats is one of these, small enough for sums of products to be exact."""


class Generator:
    """The state of one program's generation: its buffers and arguments besides the statements of the scope. usual: the
    element type of half of its loads, if any."""

    def __init__(self, seed: int, name: str, usual: str | None):
        self.name = name
        self.usual = usual
        self.rng = random.Random(seed)
        self.data = np.random.default_rng(seed)
        self.grid = self.rng.choice([1, 1, 2, 3])
        self.inputs: list[Input] = []
        self.functions: list[Function] = []
        self.stores = 0
        self.scalars = tuple((f"n{i}", self.rng.choice([1, 2, 3, 5, 16, -4])) for i in range(2))
        self.scope = Scope(self.rng, [0], [Value("program", Type("int32"), 3)])
        for name, value in self.scalars:  # not used as they are: Triton makes a constexpr of an argument that is 1
            self.scalar_sum(name, value)

    def scalar_sum(self, name: str, value: int) -> None:
        meaning = lambda program: (program + value).astype(np.int32)  # noqa: E731
        self.scope.add(f"{name} + {{0}}", [self.scope.values[0]], meaning, Type("int32"), bound=abs(value) + 3)

    def shape(self) -> tuple[int, ...]:
        """Mostly two dimensions, for the elements of a few simdgroups."""
        rank = self.rng.choice([1, 1, 2, 2, 2, 2, 3])
        while True:
            shape = tuple(self.rng.choice(SIZES) for _ in range(rank))
            if 1 < np.prod(shape) <= 1024:
                return shape

    # ------------------------------------------------------------------------------------------------------- memory
    def load(self, scope: Scope, shape: tuple[int, ...] | None = None, element: str | None = None) -> None:
        """A new buffer, read in order, permuted or strided, perhaps under a mask."""
        shape = shape or self.shape()
        if not element and self.usual and self.rng.random() < 0.5:
            element = self.usual
        element = element or self.rng.choice([*INTEGERS, *FLOATS, "int32", "float32", "float32", "int8", "float16"])
        order = list(range(len(shape)))
        if self.rng.random() < 0.4:
            self.rng.shuffle(order)
        stride = self.rng.choice([1, 1, 1, 2, 3])
        text, places = addresses(shape, order, stride)
        name = f"x{len(self.inputs)}"
        type_ = Type(element, shape)
        bound = self.rng.choice(FLOAT_DATA[element]) if type_.is_float else None
        self.inputs.append(Input(name, element, self.numbers(element, bound, int(places.max()) + 1)))
        mask = None
        if self.rng.random() < 0.4:
            limit = self.rng.randint(0, int(places.max()) + 1)
            mask = (f"{text} < {limit}", places < limit)
        other = self.rng.choice([0, 1, 3])
        target = Value(scope.name(), type_, bound)
        scope.statements.append(Load((target,), name, (text, places), mask, other))
        scope.values.append(target)

    def numbers(self, element: str, bound: int | None, size: int) -> np.ndarray:
        shape = (self.grid, size)
        if bound is not None:
            return self.data.integers(-bound, bound, shape, endpoint=True).astype(np.float64)
        info = np.iinfo(element)
        wild = self.data.integers(info.min, info.max, shape, element, endpoint=True)
        small = self.data.integers(max(info.min, -9), 9, shape).astype(element)
        return np.where(self.data.random(shape) < 0.5, wild, small)

    def store(self, scope: Scope, value: Value) -> None:
        shape = value.type.shape
        order = list(range(len(shape)))
        if self.rng.random() < 0.3:
            self.rng.shuffle(order)
        scope.statements.append(Store(f"out{self.stores}", value, addresses(shape, order, 1)))
        self.stores += 1

    # ------------------------------------------------------------------------------------------------------ control
    def fill(self, scope: Scope, count: int) -> None:
        """`count` more statements."""
        weights = [weight for weight, _ in PRODUCTIONS]
        tries = 0
        while count > 0 and tries < 500:
            tries += 1
            if scope.depth < 2 and self.rng.random() < 0.06:
                count -= 3 * (self.loop if self.rng.random() < 0.6 else self.branch)(scope)
                continue
            if scope.may_return and scope.depth < 4 and self.rng.random() < 0.2:
                count -= 2 * self.leave(scope)
                continue
            if self.rng.random() < 0.08:
                count -= self.call(scope)
                continue
            [(_, production)] = self.rng.choices(PRODUCTIONS, weights)
            count -= production(scope)

    def loop(self, scope: Scope) -> bool:
        # Different ones: Triton's front end takes two carried names of one value for one, and gets `a, b = b, c` wrong.
        starts = list({v.name: v for v in (scope.pick(number) for _ in range(self.rng.randint(1, 3))) if v}.values())
        if not starts:
            return False
        carried = [Value(scope.name(), v.type, _roomy(v), v.grain) for v in starts]
        index = Value(scope.name(), Type("int32"), 64)
        inner = scope.inner([*carried, index])
        if not scope.function and self.rng.random() < 0.6:
            self.load(inner, self.rng.choice(carried).type.shape or None)
        self.fill(inner, self.rng.randint(2, 6))
        results = tuple(self.result(inner, v) for v in carried)
        scope.statements.append(
            Loop(index, self.bounds(scope), tuple(carried), tuple(starts), tuple(inner.statements), results)
        )
        scope.values += carried
        return True

    def bounds(self, scope: Scope) -> tuple[str, range]:
        start, step = self.rng.choice([0, 0, 1, -2]), self.rng.choice([1, 1, 2, 3])
        count = self.rng.randint(0, 5)
        stop = start + count * step
        name, value = self.rng.choice(self.scalars)
        if not scope.function and self.rng.random() < 0.4 and -20 < stop - value < 20:
            return f"range({start}, {name} + {stop - value}, {step})", range(start, stop, step)
        if self.rng.random() < 0.3:
            return f"tl.static_range({start}, {stop}, {step})", range(start, stop, step)
        return f"range({start}, {stop}, {step})", range(start, stop, step)

    def result(self, scope: Scope, carried: Value) -> Value:
        """A value of the carried one's type, no larger than it may be: clamped if need be."""
        value = (
            scope.pick(lambda v: v.type == carried.type and v.grain <= carried.grain and v is not carried) or carried
        )
        if carried.bound is None or (value.bound is not None and value.bound <= carried.bound):
            return value
        bound = float(carried.bound) if carried.type.is_float else carried.bound
        low = 0 if not carried.type.is_float and not carried.type.signed else -bound
        meaning = lambda x: np.clip(x, low, bound).astype(carried.type.numpy)  # noqa: E731
        text = f"tl.minimum(tl.maximum({{0}}, {low}), {bound}).to(tl.{carried.type.element})"
        return scope.add(text, [value], meaning, carried.type, **facts(carried))

    def branch(self, scope: Scope) -> bool:
        condition = scope.pick(lambda v: v.type == Type("int1"))
        old = scope.pick(number)
        if not condition or not old:
            return False
        target = Value(scope.name(), old.type, _roomy(old), old.grain)
        scopes = (scope.inner([], scope.may_return), scope.inner([], scope.may_return))
        results = []
        for inner in scopes:
            self.fill(inner, self.rng.randint(1, 4))
            results.append((self.result(inner, replace(old, bound=target.bound)),))
        bodies = (tuple(scopes[0].statements), tuple(scopes[1].statements))
        scope.statements.append(Branch(condition, (target,), bodies, (results[0], results[1])))
        scope.values.append(target)
        return True

    def leave(self, scope: Scope) -> bool:
        """An if of which at least one side may return, after a while."""
        condition = self.condition(scope)
        if not condition:
            return False
        bodies = []
        for likely in (0.8, 0.3):
            inner = scope.inner([], may_return=True)
            self.fill(inner, self.rng.choice([0, 0, 1, 2]))
            value = inner.pick(number)
            if not scope.function and value and self.rng.random() < 0.4:
                self.store(inner, value)
            if self.rng.random() < likely:
                self.give(inner)
            bodies.append(tuple(inner.statements))
        scope.statements.append(Branch(condition, (), (bodies[0], bodies[1]), ((), ())))
        return True

    def give(self, scope: Scope) -> None:
        """Return, from a function with its results."""
        values = tuple(self.result(scope, value) for value in scope.returns)
        scope.statements.append(Return(values))

    def condition(self, scope: Scope) -> Value | None:
        value = scope.pick(lambda v: v.type.is_integer and not v.type.shape)
        if not value:
            return scope.pick(lambda v: v.type == Type("int1"))
        text, meaning = self.rng.choice(CONDITIONS)
        return scope.add(text, [value], meaning, Type("int1"))

    def call(self, scope: Scope) -> bool:
        """A call of a function: of one that there is, or outside of functions of a new one."""
        if not scope.function and len(self.functions) < 3 and self.rng.random() < 0.6:
            self.function(scope)
        if not self.functions:
            return False
        function = self.rng.choice(self.functions)
        uses = [scope.pick(lambda v, p=parameter: _may_be(v, p)) for parameter in function.parameters]
        arguments = tuple(use for use in uses if use)
        if len(arguments) < len(uses):
            return False
        targets = tuple(Value(scope.name(), r.type, r.bound, r.grain) for r in function.results)
        scope.statements.append(Call(targets, function.name, arguments))
        scope.values += targets
        return True

    def function(self, scope: Scope) -> None:
        """A new function of values such as there are in the scope."""
        alone = self.rng.random() < 0.4
        like = [scope.pick(lambda v: number(v) and not (alone and v.type.shape)) for _ in range(self.rng.randint(1, 3))]
        like.append(scope.pick(lambda v: v.type.is_integer and not v.type.shape))  # to decide by
        parameters = tuple(Value(scope.name(), v.type, _roomy(v), v.grain) for v in like if v)
        if not parameters:
            return
        results = tuple(self.rng.sample(parameters, self.rng.randint(1, min(3, len(parameters)))))
        values = list(parameters)
        inner = Scope(self.rng, scope.names, values, depth=1, may_return=True, function=True, returns=results)
        self.leave(inner)
        self.fill(inner, self.rng.randint(1, 6))
        self.give(inner)
        noinline = self.rng.random() < 0.4 and not any(p.type.shape for p in parameters)
        name = f"{self.name}_function{len(self.functions)}"
        self.functions.append(Function(name, parameters, results, tuple(inner.statements), noinline))

    def program(self) -> Program:
        self.scope.may_return = self.rng.random() < 0.6
        for _ in range(self.rng.randint(1, 4)):
            self.load(self.scope)
        first = self.scope.values[-1].type
        if self.rng.random() < 0.5:  # another of the same shape, so that the two meet
            self.load(self.scope, first.shape, first.element)
        self.scope.add("{0} > 2", [self.scope.values[1]], lambda n: n > 2, Type("int1"))
        for _ in range(self.rng.choice([0, 0, 1, 2])):
            self.function(self.scope)
        self.fill(self.scope, self.rng.randint(6, 16))
        made = [v for v in self.scope.values if v.type.element != "int1" and v.name.startswith("v")]
        chosen = {v.name: v for v in (made[-1], *self.rng.sample(made, min(3, len(made))))}
        for value in chosen.values():
            self.store(self.scope, value)
        statements: tuple[Statement, ...] = tuple(self.scope.statements)
        warps = self.rng.choice([1, 2, 4, 4, 8])
        functions = tuple(self.functions)
        return Program(self.name, tuple(self.inputs), self.scalars, statements, warps, self.grid, functions).pruned()


CONDITIONS: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
    ("({0} & 3) > 1", lambda x: (x & 3) > 1),
    ("({0} & 1) == 0", lambda x: (x & 1) == 0),
    ("{0} > 2", lambda x: x > 2),
    ("{0} != 1", lambda x: x != 1),
]
"""Of a scalar integer."""


def _may_be(value: Value, parameter: Value) -> bool:
    """Whether a function's parameter may stand for a value."""
    if value.type != parameter.type or value.grain > parameter.grain:
        return False
    return parameter.bound is None or (value.bound is not None and value.bound <= parameter.bound)


def _roomy(value: Value) -> int | None:
    """A bound for what takes the place of a value."""
    if value.bound is None or not value.type.is_float:
        return None if not value.type.is_float else value.bound
    bound = value.bound
    while fits(value.type.element, bound * 2 + 1, value.grain + 1):
        bound = bound * 2 + 1
    return max(value.bound, bound // 16)


def addresses(shape: tuple[int, ...], order: list[int], stride: int) -> tuple[str, np.ndarray]:
    """Offsets of a tensor whose dimension order[-1] is the innermost in memory: text, and numbers in row-major order.

    A scalar has offset 0."""
    strides, step = [0] * len(shape), stride
    for dimension in reversed(order):
        strides[dimension] = step
        step *= shape[dimension]
    places = np.zeros(shape, np.int64)
    terms = []
    for dimension, size in enumerate(shape):
        index = ", ".join(":" if d == dimension else "None" for d in range(len(shape)))
        terms.append(f"tl.arange(0, {size})" + (f"[{index}]" if len(shape) > 1 else "") + f" * {strides[dimension]}")
        places = (
            places
            + np.arange(size).reshape([-1 if d == dimension else 1 for d in range(len(shape))]) * strides[dimension]
        )
    return f"({' + '.join(terms)})" if terms else "0", places.ravel()


def generate(seed: int, usual: str | None = None) -> Program:
    """The program of a seed. usual: the element type of half of its loads, if any."""
    return Generator(seed, f"kernel_{seed}", usual).program()
