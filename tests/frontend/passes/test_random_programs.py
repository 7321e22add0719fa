"""Random programs of loops, branches, calls, stores and early returns do the same before and after all passes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import triton_alloy.dialects  # noqa: F401
from tests.support.interpret import Interpreter
from triton_alloy.frontend.passes import optimise
from triton_alloy.ir.core import Op
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.verifier import verify

BINARY = ("addi", "subi", "muli", "andi", "ori", "xori", "minsi", "maxsi", "minui")
PREDICATES = ("eq", "ne", "slt", "sge", "ult", "ugt")
CONSTANTS = (0, 1, -1, 2, 3, 7, -128)
SLOTS = 8


class Program:
    """Text of nested code; `numbers` and `flags` are the i32 and i1 values that can be seen."""

    def __init__(self, data: st.DataObject):
        self.data = data
        self.lines: list[str] = []
        self.count = 0

    def pick(self, choices: list[str]) -> str:
        return self.data.draw(st.sampled_from(choices))

    def new(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def body(self, numbers: list[str], flags: list[str], depth: int, size: int) -> None:
        """Some statements; what they define is added to the two lists."""
        kinds = ["constant", "binary", "binary", "compare", "select", "flag", "store", "load"]
        kinds += ["if", "pair", "pair", "for", "for", "while", "while", "call"] if depth else []
        for _ in range(self.data.draw(st.integers(1, size))):
            getattr(self, self.pick(kinds))(numbers, flags, depth)

    def value(self, text: str, pool: list[str]) -> None:
        name = self.new()
        self.lines.append(f"{name} = {text}")
        pool.append(name)

    def constant(self, numbers: list[str], flags: list[str], depth: int) -> None:
        self.value(f"arith.constant {self.data.draw(st.sampled_from(CONSTANTS))} : i32", numbers)

    def binary(self, numbers: list[str], flags: list[str], depth: int) -> None:
        self.value(f"arith.{self.pick(list(BINARY))} {self.pick(numbers)}, {self.pick(numbers)} : i32", numbers)

    def compare(self, numbers: list[str], flags: list[str], depth: int) -> None:
        self.value(f"arith.cmpi {self.pick(list(PREDICATES))}, {self.pick(numbers)}, {self.pick(numbers)} : i32", flags)

    def select(self, numbers: list[str], flags: list[str], depth: int) -> None:
        pool = self.data.draw(st.sampled_from([numbers, flags]))
        type_ = "i32" if pool is numbers else "i1"
        self.value(f"arith.select {self.pick(flags)}, {self.pick(pool)}, {self.pick(pool)} : {type_}", pool)

    def flag(self, numbers: list[str], flags: list[str], depth: int) -> None:
        self.value(f"arith.{self.pick(['andi', 'ori', 'xori'])} {self.pick(flags)}, {self.pick(flags)} : i1", flags)

    def place(self, numbers: list[str]) -> str:
        index, pointer = self.new(), self.new()
        self.lines.append(f"{index} = arith.andi {self.pick(numbers)}, %last : i32")
        self.lines.append(f"{pointer} = tt.addptr %p, {index} : !tt.ptr<i32>, i32")
        return pointer

    def store(self, numbers: list[str], flags: list[str], depth: int) -> None:
        mask = f", {self.pick(flags)}" if self.data.draw(st.booleans()) else ""
        self.lines.append(f"tt.store {self.place(numbers)}, {self.pick(numbers)}{mask} : !tt.ptr<i32>")

    def load(self, numbers: list[str], flags: list[str], depth: int) -> None:
        place = self.place(numbers)
        masked = f", {self.pick(flags)}, {self.pick(numbers)}" if self.data.draw(st.booleans()) else ""
        self.value(f"tt.load {place}{masked} : !tt.ptr<i32>", numbers)

    def call(self, numbers: list[str], flags: list[str], depth: int) -> None:
        self.value(f"tt.call @g({self.pick(numbers)}, {self.pick(flags)}) : (i32, i1) -> i32", numbers)

    def inside(self, numbers: list[str], flags: list[str], depth: int, yields: int) -> str:
        """A block's statements; what it yields."""
        inner = list(numbers), list(flags)
        self.body(*inner, depth - 1, 4)
        return ", ".join(self.pick(inner[0]) for _ in range(yields))

    def results(self, count: int, numbers: list[str]) -> str:
        """The names of `count` results, as they are written before the op."""
        if not count:
            return ""
        name = self.new()
        numbers += [f"{name}#{i}" for i in range(count)] if count > 1 else [name]
        return f"{name}:{count} = " if count > 1 else f"{name} = "

    def close(self, word: str, values: str, count: int) -> None:
        if count:
            self.lines.append(f"scf.yield {values} : {', '.join(['i32'] * count)}")
        self.lines.append(word)

    def __getattr__(self, name: str):
        return {"if": self.branch, "for": self.loop, "while": self.repeat}[name]

    def branch(self, numbers: list[str], flags: list[str], depth: int) -> None:
        count = self.data.draw(st.integers(0, 2))
        start = len(self.lines)
        self.lines.append("")
        condition, outside = self.pick(flags), list(numbers)
        values = self.inside(outside, list(flags), depth, count)
        if count or self.data.draw(st.booleans()):
            self.close("} else {", values, count)
            values = self.inside(outside, flags, depth, count)
        self.close("}", values, count)
        arrow = f" -> ({', '.join(['i32'] * count)})" if count else ""
        self.lines[start] = f"{self.results(count, numbers)}scf.if {condition}{arrow} {{"

    def pair(self, numbers: list[str], flags: list[str], depth: int) -> None:
        """Two branches on the same condition, or on one and its opposite."""
        condition, opposite = self.pick(flags), self.new()
        self.lines.append(f"{opposite} = arith.xori {condition}, %true : i1")
        for _ in range(2):
            self.branch(numbers, [self.pick([condition, opposite])], depth)
        flags.append(opposite)

    def loop(self, numbers: list[str], flags: list[str], depth: int) -> None:
        """Of at most three iterations."""
        low, high, step = self.new(), self.new(), self.new()
        first = self.data.draw(st.integers(-2, 2))
        trips = self.data.draw(st.sampled_from(["known", "unknown"]))
        self.lines.append(f"{low} = arith.constant {first} : i32")
        self.lines.append(f"{step} = arith.constant {self.data.draw(st.integers(1, 3))} : i32")
        if trips == "known":
            self.lines.append(f"{high} = arith.constant {first + self.data.draw(st.integers(-1, 3))} : i32")
        else:
            self.lines.append(f"{high} = arith.andi {self.pick(numbers)}, %three : i32")
        count = self.data.draw(st.integers(0, 3))
        initial, carried = [self.pick(numbers) for _ in range(count)], [self.new() for _ in range(count)]
        counter, start = self.new(), len(self.lines)
        self.lines.append("")
        inner = [*numbers, *carried, counter]
        same = self.data.draw(st.booleans())
        values = self.inside(inner, flags, depth, count)
        if same and count:
            values = ", ".join([carried[0], *values.split(", ")[1:]])
        factor = " {tt.loop_unroll_factor = 2 : i32}" if self.data.draw(st.booleans()) else ""
        self.close(f"}}{factor}", values, count)
        pairs = ", ".join(f"{a} = {b}" for a, b in zip(carried, initial, strict=True))
        carries = f" iter_args({pairs}) -> ({', '.join(['i32'] * count)})" if count else ""
        head = f"scf.for {counter} = {low} to {high} step {step}{carries}  : i32 {{"
        self.lines[start] = f"{self.results(count, numbers)}{head}"

    def repeat(self, numbers: list[str], flags: list[str], depth: int) -> None:
        """scf.while with a counter, of at most three iterations."""
        zero, one, start, other = self.new(), self.new(), self.pick(numbers), self.pick(numbers)
        self.lines += [f"{zero} = arith.constant 0 : i32", f"{one} = arith.constant 1 : i32"]
        line = len(self.lines)
        self.lines.append("")
        i, a, b, go = self.new(), self.new(), self.new(), self.new()
        self.lines.append(f"{go} = arith.cmpi slt, {i}, {self.pick(['%two', one, zero])} : i32")
        passed = [i, self.pick([a, b, other]), self.pick([a, b, one]), self.pick([*numbers, a])]
        self.lines.append(f"scf.condition({go}) {', '.join(passed)} : i32, i32, i32, i32")
        inner = [self.new() for _ in range(4)]
        self.lines.append("} do {")
        self.lines.append(f"^bb0({', '.join(f'{name}: i32' for name in inner)}):")
        following = self.inside([*numbers, *inner], flags, depth, 2)
        following = self.pick([following, f"{inner[1]}, {inner[2]}"])
        after = self.new()
        self.lines.append(f"{after} = arith.addi {inner[0]}, {one} : i32")
        self.close("}", f"{after}, {following}", 3)
        pairs = f"{i} = {zero}, {a} = {start}, {b} = {other}"
        types = "(i32, i32, i32) -> (i32, i32, i32, i32)"
        self.lines[line] = f"{self.results(4, numbers)}scf.while ({pairs}) : {types} {{"


def function(data: st.DataObject, name: str, depth: int) -> str:
    """A function that may return early."""
    program = Program(data)
    constants = {"last": SLOTS - 1, "three": 3, "two": 2}
    program.lines += [f"%{word} = arith.constant {number} : i32" for word, number in constants.items()]
    program.lines.append("%true = arith.constant true")
    numbers, flags = ["%x"], ["%c", "%true"]
    program.body(numbers, flags, depth, 6)
    if data.draw(st.booleans()):
        program.lines += [f"cf.cond_br {program.pick(flags)}, ^bb1, ^bb2", "^bb1:"]
        ways = list(numbers), list(flags)
        program.body(*ways, depth, 3)
        program.lines += [f"tt.return {program.pick(ways[0])} : i32", "^bb2:"]
        program.body(numbers, flags, depth, 3)
    program.lines.append(f"tt.return {program.pick(numbers)} : i32")
    visibility = "private" if name == "g" else "public"
    pointer = ", %p: !tt.ptr<i32>" if name == "f" else ""
    body = "\n".join(program.lines)
    if name == "g":
        body = f"%zero = arith.constant 64 : i64\n%p = tt.int_to_ptr %zero : i64 -> !tt.ptr<i32>\n{body}"
    return f"tt.func {visibility} @{name}(%x: i32, %c: i1{pointer}) -> i32 {{\n{body}\n}}\n"


def effects(module: Op, x: int, condition: bool) -> tuple[bytes, int]:
    memory = np.arange(64 + 4 * SLOTS, dtype=np.uint8)
    machine = Interpreter(module, memory, (0, 0, 0))
    [result] = machine.run("f", x, condition, 64)
    return machine.memory.tobytes(), int(result)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_programs_keep_their_effects(data: st.DataObject):
    callee = function(data, "g", 0)
    text = f"module {{\n{function(data, 'f', 2)}{callee}}}\n"
    before, after = parse_pretty(text), parse_pretty(text)
    verify(before)
    optimise(after)
    verify(after)
    for x, condition in ((0, True), (5, False), (-3, True)):
        assert effects(after, x, condition) == effects(before, x, condition), text
