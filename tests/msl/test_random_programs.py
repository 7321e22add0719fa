"""Random structured programs over arrays and scalars: what storage shares and the printer inlines must not be seen.

All values are i32 and wrap, so that results are exact. Programs are built as lowered IR, run by the numpy interpreter
and, printed, on the CPU; all of them are compiled as one text.
"""

from __future__ import annotations

import random

import numpy as np

from tests.support.register_form import LANES, kernel_text, library, printed, run, run_numpy
from triton_alloy.ir.core import Block, Builder, Op, Region, Value
from triton_alloy.ir.parser import parse
from triton_alloy.ir.types import I1, I32, RegisterType

ROWS = 4
ARRAY = RegisterType(ROWS, I32)
MASK = RegisterType(ROWS, I1)
SINGLE = RegisterType(1, I32)
SIZE = 2 * ROWS * LANES
BINARY = ("arith.addi", "arith.subi", "arith.xori", "arith.maxsi", "arith.muli")
PROGRAMS = 40


class Program:
    """Fills a kernel's body with random ops; `arrays` and `scalars` are the values in sight."""

    def __init__(self, kernel: Op, seed: int):
        self.random = random.Random(seed)
        self.x, self.y = kernel.body.arguments
        self.builder = Builder(kernel.body, kernel.body.terminator)
        self.arrays: list[Value] = []
        self.scalars: list[Value] = []
        b = self.builder
        lane = b.value("msl.lane", [], SINGLE)
        self.zero, self.one, self.mask = (b.constant(n, I32) for n in (0, 1, 3))
        rows = b.value("msl.register", [], RegisterType(ROWS, I32, True), {"bases": (LANES, 2 * LANES)})
        self.offsets = [b.value("arith.addi", [lane, rows], ARRAY)]
        shift = b.constant(LANES + 5, I32)
        self.offsets.append(b.value("arith.addi", [self.offsets[0], shift], ARRAY))
        columns = b.value("msl.register", [], RegisterType(ROWS, I32, True), {"bases": (1, 2)})
        start = b.value("arith.muli", [lane, b.constant(ROWS, I32)], SINGLE)
        self.consecutive = b.value("arith.addi", [start, columns], ARRAY)
        self.scalars += [self.one, b.constant(2, I32)]
        self.load(0)
        self.load(0)

    def pick(self, values: list[Value]) -> Value:
        return self.random.choice(values[-5:] if self.random.random() < 0.7 else values)

    def load(self, depth: int) -> None:
        operands = [self.random.choice((self.x, self.y)), self.random.choice(self.offsets)]
        self.arrays.append(self.builder.value("msl.load", operands, ARRAY, {"contiguous": True}))

    def load_vector(self, depth: int) -> None:
        operands = [self.random.choice((self.x, self.y)), self.consecutive]
        width = {"width": self.random.choice((2, 4))}
        if self.random.random() < 0.5:
            mask = self.builder.value("arith.cmpi", [self.offsets[0], self.pick(self.scalars)], MASK, {"predicate": 1})
            same = self.builder.value("msl.index", [mask], MASK, {"map": (0,) * ROWS})
            operands += [same, self.pick(self.arrays if self.random.random() < 0.7 else self.scalars)]
        self.arrays.append(self.builder.value("msl.load_vector", operands, ARRAY, width))

    def store_vector(self, depth: int) -> None:
        operands = [self.random.choice((self.x, self.y)), self.consecutive, self.pick(self.arrays)]
        self.builder.build("msl.store_vector", operands, [], {"width": self.random.choice((2, 4))})

    # ------------------------------------------------------------------------------------------------------------- ops
    def step(self, depth: int) -> None:
        kinds = ["binary"] * 6 + ["index", "exchange", "scalar", "load", "store", "store", "select"]
        kinds += ["load_vector", "store_vector"]
        if depth < 3:
            kinds += ["for_", "if_", "while_"]
        getattr(self, self.random.choice(kinds))(depth)

    def steps(self, depth: int) -> None:
        for _ in range(self.random.randint(1, 9 - 2 * depth)):
            self.step(depth)

    def binary(self, depth: int) -> None:
        right = self.pick(self.arrays) if self.random.random() < 0.7 else self.pick(self.scalars)
        operands = [self.pick(self.arrays), right]
        self.arrays.append(self.builder.value(self.random.choice(BINARY), operands, ARRAY))

    def index(self, depth: int) -> None:
        table = tuple(self.random.randrange(ROWS) for _ in range(ROWS))
        self.arrays.append(self.builder.value("msl.index", [self.pick(self.arrays)], ARRAY, {"map": table}))

    def exchange(self, depth: int) -> None:
        bits = {"register_bit": self.random.randrange(2), "lane_bit": self.random.randrange(5)}
        self.arrays.append(self.builder.value("msl.exchange", [self.pick(self.arrays)], ARRAY, bits))

    def select(self, depth: int) -> None:
        a, b, c, d = (self.pick(self.arrays) for _ in range(4))
        less = self.builder.value("arith.cmpi", [a, b], MASK, {"predicate": 2})
        self.arrays.append(self.builder.value("arith.select", [less, c, d], ARRAY))

    def scalar(self, depth: int) -> None:
        """The combined registers and lanes of an array, made small."""
        body = Block([I32, I32])
        inner = Builder(body)
        combined = inner.value(self.random.choice(("arith.addi", "arith.maxsi")), body.arguments, I32)
        inner.build("msl.yield", [combined])
        table = tuple(self.random.sample(range(ROWS), ROWS))
        op = self.builder.build(
            "msl.reduce_registers", [self.pick(self.arrays)], [SINGLE], {"outputs": 1, "map": table}, [Region([body])]
        )
        reduced = self.builder.value("msl.simd_reduce", op.results, I32, {"kind": "xor"})
        self.scalars.append(self.builder.value("arith.andi", [reduced, self.mask], I32))

    def store(self, depth: int) -> None:
        operands = [self.random.choice((self.x, self.y)), self.random.choice(self.offsets), self.pick(self.arrays)]
        self.builder.build("msl.store", operands, [], {"contiguous": True})

    # ---------------------------------------------------------------------------------------------------- control flow
    def carried(self) -> list[Value]:
        arrays = [self.pick(self.arrays) for _ in range(self.random.randint(0, 3))]
        return arrays + [self.pick(self.scalars) for _ in range(self.random.randint(0, 2))]

    def region(self, block: Block, types: list, depth: int, arguments: list[Value]) -> list[Value]:
        """Random ops in `block`; the values it gives."""
        outer = self.builder, self.arrays, self.scalars
        self.builder = Builder(block)
        self.arrays = [*self.arrays, *(a for a in arguments if a.type is ARRAY)]
        self.scalars = [*self.scalars, *(a for a in arguments if a.type is I32)]
        self.steps(depth + 1)
        given = [self.pick(self.arrays if t is ARRAY else self.scalars) for t in types]
        self.ended = self.builder
        self.builder, self.arrays, self.scalars = outer
        return given

    def give(self, results: list[Value]) -> None:
        self.arrays += [r for r in results if r.type is ARRAY]
        self.scalars += [r for r in results if r.type is I32]

    def for_(self, depth: int) -> None:
        inits = self.carried()
        types = [v.type for v in inits]
        block = Block([I32, *types])
        given = self.region(block, types, depth, block.arguments[1:])
        self.ended.build("scf.yield", given)
        bounds = [self.zero, self.pick(self.scalars), self.one]
        self.give(self.builder.build("scf.for", [*bounds, *inits], types, {}, [Region([block])]).results)

    def if_(self, depth: int) -> None:
        types = [v.type for v in self.carried()]
        regions = []
        for _ in range(2):
            block = Block()
            given = self.region(block, types, depth, [])
            self.ended.build("scf.yield", given)
            regions.append(Region([block]))
        operands = [self.pick(self.scalars), self.one]
        condition = self.builder.value("arith.cmpi", operands, I1, {"predicate": self.random.randrange(6)})
        self.give(self.builder.build("scf.if", [condition], types, {}, regions).results)

    def while_(self, depth: int) -> None:
        """At most three rounds: the first carried value counts."""
        inits = [self.zero, *self.carried()]
        types = [v.type for v in inits]
        before, after = Block(types), Block(types)
        given = self.region(before, types[1:], depth, before.arguments[1:])
        more = self.ended.value("arith.cmpi", [before.arguments[0], self.mask], I1, {"predicate": 2})
        self.ended.build("scf.condition", [more, before.arguments[0], *given])
        given = self.region(after, types[1:], depth, after.arguments[1:])
        counted = self.ended.value("arith.addi", [after.arguments[0], self.one], I32)
        self.ended.build("scf.yield", [counted, *given])
        regions = [Region([before]), Region([after])]
        self.give(self.builder.build("scf.while", inits, types, {}, regions).results[1:])

    def finish(self) -> None:
        """Everything in sight goes into one stored array, so that nothing is dead."""
        total = self.arrays[0]
        for value in [*self.arrays[1:], *self.scalars]:
            total = self.builder.value("arith.addi", [total, value], ARRAY)
            total = self.builder.value("arith.muli", [total, self.builder.constant(3, I32)], ARRAY)
        self.builder.build("msl.store", [self.y, self.offsets[0], total], [], {"contiguous": True})


def make(seed: int) -> Op:
    module = parse(kernel_text("%x: !tt.ptr<i32>, %y: !tt.ptr<i32>", "", name=f"program_{seed}"))
    kernel = module.body.first
    assert kernel is not None
    program = Program(kernel, seed)
    for _ in range(8):
        program.step(0)
    program.finish()
    return module


def test_random_programs_mean_what_numpy_says():
    kernels = [printed(make(seed)) for seed in range(PROGRAMS)]
    within = library(kernels, "fast")
    for seed, kernel in enumerate(kernels):
        generator = np.random.default_rng(seed)
        arrays = {name: generator.integers(-99, 99, SIZE, np.int32) for name in "xy"}
        expected = {name: array.copy() for name, array in arrays.items()}
        run_numpy(make(seed), expected)
        run(kernel, arrays, within=within)
        for name in "xy":
            np.testing.assert_array_equal(arrays[name], expected[name], f"program {seed}\n{kernel.source}")
