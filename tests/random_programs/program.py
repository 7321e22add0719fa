"""Random Triton programs as data: typed statements that can be written as source text and computed with NumPy.

A statement has the text of its expression and the meaning of that text as a NumPy function: two descriptions of one
thing, written independently. All arithmetic is exact, so results agree bit by bit whatever the order of sums: integers
wrap around, floats hold multiples of 2**-grain that are small enough for their type (`Value.bound`), and what cannot be
exact (exp, sqrt, quotients) is only stored. Floats are float64 in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Float types and the bits of their significands."""
BOOL = "int1"

Environment = dict[str, Any]


@dataclass(frozen=True)
class Type:
    """A tensor, or with no shape a scalar."""

    element: str
    shape: tuple[int, ...] = ()

    @property
    def is_float(self) -> bool:
        return self.element in FLOATS

    @property
    def is_integer(self) -> bool:
        return self.element in INTEGERS

    @property
    def signed(self) -> bool:
        return self.element.startswith("int")

    @property
    def width(self) -> int:
        return int(self.element.lstrip("uintbfloa"))

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def numpy(self) -> np.dtype:
        return np.dtype({BOOL: "bool"}.get(self.element, "float64" if self.is_float else self.element))


@dataclass(frozen=True)
class Value:
    """A name in the program. bound: no number is larger in magnitude (None: any integer); grain: floats are multiples
    of 2**-grain; exact: may be computed with, else it may only be stored."""

    name: str
    type: Type
    bound: int | None = None
    grain: int = 0
    exact: bool = True


def fits(element: str, bound: int, grain: int = 0) -> bool:
    """Whether a float type holds all multiples of 2**-grain up to `bound`."""
    return bound << grain <= 1 << FLOATS[element] and (element != "float16" or bound < 1 << 15)


@dataclass(frozen=True)
class Assign:
    """targets = text of uses. `text` has the names of the used values in braces: "{0} + {1}"."""

    targets: tuple[Value, ...]
    text: str
    uses: tuple[Value, ...]
    compute: Callable[..., Any] = field(repr=False)

    def lines(self) -> list[str]:
        return [f"{', '.join(t.name for t in self.targets)} = {self.text.format(*(u.name for u in self.uses))}"]

    def run(self, environment: Environment) -> None:
        with np.errstate(all="ignore"):
            results = self.compute(*(environment[u.name] for u in self.uses))
        for target, result in zip(self.targets, results if isinstance(results, tuple) else (results,), strict=True):
            environment[target.name] = checked(result, target)

    def needs(self, wanted: set[str]) -> bool:
        return any(target.name in wanted for target in self.targets)


def checked(result: Any, target: Value) -> np.ndarray:
    """The result in the target's type; the generator's claims about it are verified."""
    array = np.asarray(result)
    assert array.shape == target.type.shape, (target, array.shape)
    assert array.dtype == target.type.numpy, (target, array.dtype)
    if target.exact and target.type.is_float:
        assert fits(target.type.element, target.bound, target.grain), target
        assert (array * 2.0**target.grain == np.round(array * 2.0**target.grain)).all(), target
    if target.exact and target.bound is not None and array.size:
        assert np.abs(array.astype(np.float64)).max() <= target.bound, target
    return array


@dataclass(frozen=True)
class Load:
    """target = tl.load(input + program * size + offsets, mask, other). The offsets are text and NumPy's numbers."""

    targets: tuple[Value, ...]
    source: str
    offsets: tuple[str, np.ndarray]
    mask: tuple[str, np.ndarray] | None
    other: int
    uses: tuple[Value, ...] = ()

    def lines(self) -> list[str]:
        mask = f", mask={self.mask[0]}, other={self.other}" if self.mask else ""
        return [f"{self.targets[0].name} = tl.load({self.source} + {self.offsets[0]}{mask})"]

    def run(self, environment: Environment) -> None:
        [target] = self.targets
        data, places = environment[self.source], self.offsets[1]
        if self.mask is None:
            result = data[places]
        else:
            result = np.where(self.mask[1], data[np.where(self.mask[1], places, 0)], np.array(self.other, data.dtype))
        environment[target.name] = checked(result.reshape(target.type.shape), target)

    def needs(self, wanted: set[str]) -> bool:
        return self.targets[0].name in wanted


@dataclass(frozen=True)
class Store:
    """tl.store(output + offsets, value): an output of the program of its own. exact: compared bit by bit."""

    output: str
    value: Value
    offsets: tuple[str, np.ndarray]
    targets: tuple[Value, ...] = ()

    @property
    def uses(self) -> tuple[Value, ...]:
        return (self.value,)

    def lines(self) -> list[str]:
        return [f"tl.store({self.output} + {self.offsets[0]}, {self.value.name})"]

    def run(self, environment: Environment) -> None:
        out = np.zeros(self.value.type.size, self.value.type.numpy)
        out[self.offsets[1]] = environment[self.value.name].ravel()
        environment[self.output] = out

    def needs(self, wanted: set[str]) -> bool:
        return True


@dataclass(frozen=True)
class Loop:
    """for index in range(start, stop, step): carried values take the results of the body."""

    index: Value
    bounds: tuple[str, range]
    targets: tuple[Value, ...]
    starts: tuple[Value, ...]
    body: tuple[Statement, ...]
    results: tuple[Value, ...]

    @property
    def uses(self) -> tuple[Value, ...]:
        inside = {t.name for s in self.body for t in s.targets} | {self.index.name, *(t.name for t in self.targets)}
        free = [u for s in self.body for u in s.uses] + list(self.results)
        return (*self.starts, *(u for u in free if u.name not in inside))

    def lines(self) -> list[str]:
        start = [f"{t.name} = {s.name}" for t, s in zip(self.targets, self.starts, strict=True)]
        body = [f"    {line}" for statement in self.body for line in statement.lines()]
        names = ", ".join(t.name for t in self.targets)
        carry = f"    {names} = {', '.join(r.name for r in self.results)}"
        return [*start, f"for {self.index.name} in {self.bounds[0]}:", *body, carry]

    def run(self, environment: Environment) -> None:
        carried = [environment[s.name] for s in self.starts]
        for number in self.bounds[1]:
            environment |= {t.name: checked(c, t) for t, c in zip(self.targets, carried, strict=True)}
            environment[self.index.name] = np.array(number, np.int32)
            for statement in self.body:
                statement.run(environment)
            carried = [environment[r.name] for r in self.results]
        environment |= {t.name: checked(c, t) for t, c in zip(self.targets, carried, strict=True)}

    def needs(self, wanted: set[str]) -> bool:
        return any(target.name in wanted for target in self.targets)


class Returned(Exception):
    """Ends the run of a program or function; `values` are what a function gives."""

    def __init__(self, values: list[np.ndarray]):
        super().__init__()
        self.values = values


@dataclass(frozen=True)
class Return:
    """return values: a kernel gives none."""

    values: tuple[Value, ...] = ()
    targets: tuple[Value, ...] = ()

    @property
    def uses(self) -> tuple[Value, ...]:
        return self.values

    def lines(self) -> list[str]:
        return [f"return {', '.join(value.name for value in self.values)}".rstrip()]

    def run(self, environment: Environment) -> None:
        raise Returned([environment[value.name] for value in self.values])

    def needs(self, wanted: set[str]) -> bool:
        return True


@dataclass(frozen=True)
class Function:
    """A function with results: its last statement is a `Return`, and branches may have more."""

    name: str
    parameters: tuple[Value, ...]
    results: tuple[Value, ...]
    statements: tuple[Statement, ...]
    noinline: bool

    def source(self) -> str:
        decorator = "@triton.jit(noinline=True)" if self.noinline else "@triton.jit"
        head = f"def {self.name}({', '.join(parameter.name for parameter in self.parameters)}):"
        lines = [f"    {line}" for statement in self.statements for line in statement.lines()]
        return "\n".join([decorator, head, *lines]) + "\n"

    def run(self, arguments: list[np.ndarray], environment: Environment) -> list[np.ndarray]:
        inside: Environment = {"functions": environment["functions"]}
        inside |= {p.name: checked(a, p) for p, a in zip(self.parameters, arguments, strict=True)}
        try:
            for statement in self.statements:
                statement.run(inside)
        except Returned as end:
            return end.values
        raise AssertionError("a function ends in a return")


@dataclass(frozen=True)
class Call:
    """targets = function(uses): the environment's "functions" has it."""

    targets: tuple[Value, ...]
    function: str
    uses: tuple[Value, ...]

    def lines(self) -> list[str]:
        arguments = ", ".join(use.name for use in self.uses)
        return [f"{', '.join(target.name for target in self.targets)} = {self.function}({arguments})"]

    def run(self, environment: Environment) -> None:
        function = environment["functions"][self.function]
        results = function.run([environment[use.name] for use in self.uses], environment)
        environment |= {t.name: checked(r, t) for t, r in zip(self.targets, results, strict=True)}

    def needs(self, wanted: set[str]) -> bool:
        return any(target.name in wanted for target in self.targets)


@dataclass(frozen=True)
class Branch:
    """if condition: the targets are the results of one body, else those of the other. Either may store and return."""

    condition: Value
    targets: tuple[Value, ...]
    bodies: tuple[tuple[Statement, ...], tuple[Statement, ...]]
    results: tuple[tuple[Value, ...], tuple[Value, ...]]

    @property
    def uses(self) -> tuple[Value, ...]:
        inside = {t.name for body in self.bodies for s in body for t in s.targets}
        free = [u for body in self.bodies for s in body for u in s.uses] + [r for side in self.results for r in side]
        return (self.condition, *(u for u in free if u.name not in inside))

    def lines(self) -> list[str]:
        lines = []
        for word, body, results in zip((f"if {self.condition.name}:", "else:"), self.bodies, self.results, strict=True):
            inner = [f"    {line}" for statement in body for line in statement.lines()]
            inner += [f"    {t.name} = {r.name}" for t, r in zip(self.targets, results, strict=True)]
            if inner or not lines:
                lines += [word, *(inner or ["    pass"])]
        return lines

    def run(self, environment: Environment) -> None:
        side = 0 if environment[self.condition.name] else 1
        for statement in self.bodies[side]:
            statement.run(environment)
        for target, result in zip(self.targets, self.results[side], strict=True):
            environment[target.name] = checked(environment[result.name], target)

    def needs(self, wanted: set[str]) -> bool:
        has_effect = any(isinstance(s, Store | Return) for body in self.bodies for s in walk(body))
        return has_effect or any(target.name in wanted for target in self.targets)


Statement = Assign | Load | Store | Loop | Branch | Return | Call


@dataclass(frozen=True)
class Input:
    """A buffer of the program: `data` in NumPy's form, one row for each program of the grid."""

    name: str
    element: str
    data: np.ndarray


@dataclass(frozen=True)
class Program:
    """A kernel, and the functions that it calls; `scalars` are arguments; `num_warps` of Triton. Each program of the
    grid has its own row of every buffer."""

    name: str
    inputs: tuple[Input, ...]
    scalars: tuple[tuple[str, int], ...]
    statements: tuple[Statement, ...]
    num_warps: int
    grid: int
    functions: tuple[Function, ...] = ()

    @property
    def outputs(self) -> list[Store]:
        return [s for s in walk(self.statements) if isinstance(s, Store)]

    def has(self, element: str) -> bool:
        """Whether there are values of an element type."""
        bodies = [self.statements, *(function.statements for function in self.functions)]
        return any(t.type.element == element for body in bodies for s in walk(body) for t in s.targets)

    def source(self) -> str:
        """The functions and the kernel as Triton source text."""
        buffers = [i.name for i in self.inputs] + [s.output for s in self.outputs]
        sizes = [i.data.shape[1] for i in self.inputs] + [s.value.type.size for s in self.outputs]
        parameters = [*buffers, *(name for name, _ in self.scalars)]
        lines = ["@triton.jit", f"def {self.name}({', '.join(parameters)}):", "    program = tl.program_id(0)"]
        lines += [f"    {name} += program * {size}" for name, size in zip(buffers, sizes, strict=True)]
        lines += [f"    {line}" for statement in self.statements for line in statement.lines()]
        return "\n\n".join([*(function.source() for function in self.functions), "\n".join(lines) + "\n"])

    def results(self) -> list[np.ndarray]:
        """What each output must hold, a row for each program of the grid: 0 where none is stored."""
        rows = []
        for number in range(self.grid):
            environment: Environment = {i.name: i.data[number] for i in self.inputs}
            environment |= {name: np.array(value, np.int32) for name, value in self.scalars}
            environment["program"] = np.array(number, np.int32)
            environment["functions"] = {function.name: function for function in self.functions}
            environment |= {s.output: np.zeros(s.value.type.size, s.value.type.numpy) for s in self.outputs}
            with suppress(Returned):
                for statement in self.statements:
                    statement.run(environment)
            rows.append([environment[s.output] for s in self.outputs])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def pruned(self) -> Program:
        """Without statements, inputs and functions that no output needs."""
        statements = tuple(prune(self.statements, set()))
        used = {s.source for s in walk(statements) if isinstance(s, Load)}
        inputs = tuple(i for i in self.inputs if i.name in used)
        called = {s.function for s in walk(statements) if isinstance(s, Call)}
        functions = []
        for function in reversed(self.functions):  # which call earlier ones only
            if function.name in called:
                functions.insert(0, replace(function, statements=tuple(prune(function.statements, set()))))
                called |= {s.function for s in walk(functions[0].statements) if isinstance(s, Call)}
        return replace(self, statements=statements, inputs=inputs, functions=tuple(functions))


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """All statements, those of loops and branches included."""
    for statement in statements:
        yield statement
        if isinstance(statement, Loop):
            yield from walk(statement.body)
        elif isinstance(statement, Branch):
            yield from walk(s for body in statement.bodies for s in body)


def prune(statements: Sequence[Statement], wanted: set[str]) -> list[Statement]:
    """The statements that the wanted names and the stores need."""
    kept: list[Statement] = []
    for statement in reversed(statements):
        if not statement.needs(wanted):
            continue
        if isinstance(statement, Loop):
            inner = wanted | {r.name for r in statement.results}
            statement = replace(statement, body=tuple(prune(statement.body, inner)))
        elif isinstance(statement, Branch):
            bodies = [
                tuple(prune(body, wanted | {r.name for r in results}))
                for body, results in zip(statement.bodies, statement.results, strict=True)
            ]
            statement = replace(statement, bodies=(bodies[0], bodies[1]))
        wanted |= {u.name for u in statement.uses}
        kept.append(statement)
    return kept[::-1]
