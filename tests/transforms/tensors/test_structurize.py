"""Early returns: one block is left, the text has the shape it should, and the values stay."""

import itertools
import random
from collections import Counter

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import structurize

HEAD = """\
"tt.func"() <{function_type = (!tt.ptr<i32>, i1, i1, i1, i32) -> OUT, sym_name = "f"}> ({
^bb0(%p: !tt.ptr<i32>, %a: i1, %b: i1, %c: i1, %x: i32):
"""
TAIL = """
}) : () -> ()
"""


def branch(condition: str, yes: str, no: str) -> str:
    counts = [1, *(block.count("%") for block in (yes, no))]
    operands = ", ".join([condition, *(v for block in (yes, no) for v in block.split() if v[0] == "%")])
    types = ", ".join(["i1"] + ["i32"] * sum(counts[1:]))
    names = ", ".join(block.split()[0] for block in (yes, no))
    return (
        f'  "cf.cond_br"({operands})[{names}] <{{operandSegmentSizes = array<i32: {counts[0]}, {counts[1]}, '
        f"{counts[2]}>}}> : ({types}) -> ()"
    )


def store(value: str) -> str:
    return f'  "tt.store"(%p, {value}) : (!tt.ptr<i32>, i32) -> ()\n'


RETURN = '  "tt.return"() : () -> ()\n'
TWICE = '  %y = "arith.addi"(%x, %x) : (i32, i32) -> i32\n'
SQUARE = '  %z = "arith.muli"(%x, %x) : (i32, i32) -> i32\n'

CASES = {
    "early return": branch("%a", "^bb1", "^bb2") + "\n^bb1:\n" + RETURN + "^bb2:\n" + TWICE + store("%y") + RETURN,
    "both return": branch("%a", "^bb1", "^bb2") + "\n^bb1:\n" + store("%x") + RETURN + "^bb2:\n" + RETURN,
    "two returns one after the other": branch("%a", "^bb1", "^bb2")
    + "\n^bb1:\n"
    + RETURN
    + "^bb2:\n"
    + store("%x")
    + branch("%b", "^bb3", "^bb4")
    + "\n^bb3:\n"
    + RETURN
    + "^bb4:\n"
    + TWICE
    + store("%y")
    + RETURN,
    "a plain if": branch("%a", "^bb1", "^bb2")
    + "\n^bb1:\n"
    + TWICE
    + '  "cf.br"(%y)[^bb3] : (i32) -> ()\n^bb2:\n'
    + SQUARE
    + '  "cf.br"(%z)[^bb3] : (i32) -> ()\n^bb3(%m: i32):\n'
    + store("%m")
    + RETURN,
    "values to one block": branch("%a", "^bb1 %x", "^bb1 %y").join([TWICE, "\n^bb1(%m: i32):\n"])
    + store("%m")
    + RETURN,
    "a return within an if": branch("%a", "^bb1", "^bb3 %x")
    + "\n^bb1:\n"
    + TWICE
    + branch("%b", "^bb2", "^bb3 %y")
    + "\n^bb2:\n"
    + RETURN
    + "^bb3(%m: i32):\n"
    + store("%m")
    + RETURN,
    "returns within ifs, twice": branch("%a", "^bb1", "^bb3 %x")
    + "\n^bb1:\n"
    + TWICE
    + branch("%b", "^bb2", "^bb3 %y")
    + "\n^bb2:\n"
    + RETURN
    + "^bb3(%m: i32):\n"
    + store("%m")
    + branch("%c", "^bb4", "^bb6")
    + "\n^bb4:\n"
    + branch("%b", "^bb5", "^bb6")
    + "\n^bb5:\n"
    + RETURN
    + "^bb6:\n"
    + SQUARE
    + store("%z")
    + RETURN,
    "a return within nested ifs": branch("%a", "^bb1", "^bb5")
    + "\n^bb1:\n"
    + branch("%b", "^bb2", "^bb4")
    + "\n^bb2:\n"
    + branch("%c", "^bb3", "^bb4")
    + "\n^bb3:\n"
    + RETURN
    + "^bb4:\n"
    + store("%x")
    + '  "cf.br"()[^bb5] : () -> ()\n^bb5:\n'
    + SQUARE
    + store("%z")
    + RETURN,
}


def text_of(body: str, outputs: str = "()") -> str:
    return HEAD.replace("OUT", outputs) + body + TAIL.lstrip("\n")


def assert_structured(text: str) -> str:
    module = parse(text)
    verify(module)
    structurize.run(module)
    verify(module)
    function = module.body.terminator
    assert len(function.regions[0].blocks) == 1
    assert not any(op.name.startswith("cf.") for op in function.walk())
    for flags in itertools.product([False, True], repeat=3):
        assert_same_effects(parse(text), module, "f", [8, *flags, 7])
    return print_ir(module)


@pytest.mark.parametrize("name", CASES)
def test_values_stay(name):
    assert_structured(text_of(CASES[name]))


@pytest.mark.parametrize("name", [name for name in CASES if "return" in name])
def test_returned_values_stay(name):
    """Each return gives another number."""
    body, number = CASES[name], 0
    while RETURN in body:
        value = f'  %r{number} = "arith.constant"() <{{value = {number + 40} : i32}}> : () -> i32\n'
        body = body.replace(RETURN, value + f'  "tt.return"(%r{number}) : (i32) -> ()\n', 1)
        number += 1
    assert number > 1
    assert_structured(text_of(body, "i32"))


def test_the_rest_is_the_other_branch():
    check(
        assert_structured(text_of(CASES["early return"])),
        """
        CHECK: "scf.if"(%a) ({
        CHECK-NEXT: "scf.yield"()
        CHECK-NEXT: }, {
        CHECK-NEXT: %y = "arith.addi"
        CHECK-NEXT: "tt.store"(%p, %y)
        CHECK-NEXT: "scf.yield"()
        CHECK-NEXT: })
        CHECK-NEXT: "tt.return"()
        """,
    )


def test_a_plain_if_yields_the_arguments_of_the_join():
    check(
        assert_structured(text_of(CASES["a plain if"])),
        """
        CHECK: [[m]] = "scf.if"(%a) ({
        CHECK: "scf.yield"(%y)
        CHECK: "scf.yield"(%z)
        CHECK: "tt.store"(%p, [[m]])
        CHECK-NOT: scf.if
        """,
    )


def test_code_is_not_copied():
    text = assert_structured(text_of(CASES["returns within ifs, twice"]))
    assert text.count("tt.store") == 2 and text.count("arith.muli") == 1


def test_a_loop_of_branches_is_refused():
    module = parse(text_of('  "cf.br"()[^bb1] : () -> ()\n^bb1:\n  "cf.br"()[^bb1] : () -> ()\n'))
    with pytest.raises(Unsupported, match="backwards"):
        structurize.run(module)


CROSSING = (
    branch("%a", "^bb1", "^bb2")
    + "\n^bb1:\n"
    + store("%x")
    + branch("%b", "^bb3", "^bb4 %x")
    + "\n^bb2:\n"
    + TWICE
    + branch("%c", "^bb3", "^bb4 %y")
    + "\n^bb3:\n"
    + SQUARE
    + store("%z")
    + RETURN
    + "^bb4(%m: i32):\n"
    + store("%m")
    + RETURN
)
"""a goes to 1 or 2, and both of these to 3 or 4: no join."""


def test_branches_that_cross_go_on_by_a_flag():
    check(
        assert_structured(text_of(CROSSING)),
        """
        CHECK: [[r]]:2 = "scf.if"(%a) ({
        CHECK: "tt.store"(%p, %x)
        CHECK: "scf.if"(%b)
        CHECK: }, {
        CHECK: %y = "arith.addi"(%x, %x)
        CHECK: "scf.if"(%c)
        CHECK: "scf.if"([[r]]#0) ({
        CHECK-NEXT: [[z]] = "arith.muli"(%x, %x)
        CHECK-NEXT: "tt.store"(%p, [[z]])
        CHECK-NEXT: "scf.yield"()
        CHECK-NEXT: }, {
        CHECK-NEXT: "tt.store"(%p, [[r]]#1)
        CHECK-NEXT: "scf.yield"()
        CHECK-NEXT: })
        CHECK-NEXT: "tt.return"()
        """,
    )


def test_a_shared_return_is_copied_rather_than_carried():
    """Inner branches lead to the block that only returns, or to 5: the former is a return, and has no flag."""
    body = (
        branch("%a", "^bb1", "^bb5 %x")
        + "\n^bb1:\n"
        + branch("%b", "^bb2", "^bb3")
        + "\n^bb2:\n"
        + branch("%c", "^bb4 %x", "^bb5 %x")
        + "\n^bb3:\n"
        + TWICE
        + branch("%c", "^bb5 %y", "^bb4 %y")
        + '\n^bb4(%r: i32):\n  "tt.return"(%r) : (i32) -> ()\n^bb5(%m: i32):\n'
        + store("%m")
        + '  "tt.return"(%m) : (i32) -> ()\n'
    )
    check(
        assert_structured(text_of(body, "i32")),
        """
        CHECK: [[r]]:3 = "scf.if"(%a) ({
        CHECK: [[v]] = "scf.if"([[r]]#0) ({
        CHECK-NEXT: "scf.yield"([[r]]#2)
        CHECK-NEXT: }, {
        CHECK-NEXT: "tt.store"(%p, [[r]]#1)
        CHECK-NEXT: "scf.yield"([[r]]#1)
        CHECK-NEXT: }) : (i1) -> i32
        CHECK-NEXT: "tt.return"([[v]])
        CHECK-NOT: scf.if
        """,
    )


def test_blocks_that_nothing_leads_to_are_dropped():
    """Triton's front end leaves one after each return."""
    dead = "^bb3:\n" + '  "cf.br"(%y)[^bb4] : (i32) -> ()\n^bb4(%m: i32):\n' + store("%m") + RETURN
    text = assert_structured(text_of(CASES["early return"] + dead))
    assert text.count("tt.store") == 1


# -------------------------------------------------------------------------------------------------------- random graphs
NAMES = {"i32": "s", "f32": "g", "!tt.ptr<i32>": "a", "tensor<4xi32>": "t", "tensor<4x!tt.ptr<i32>>": "q"}
"""Of what blocks take and functions return: the type, and how the value of it is called that a block N makes: %sN."""
TYPES = list(NAMES)
GRAPH = """\
"tt.func"() <{function_type = (!tt.ptr<i32>, i32) -> OUT, sym_name = "f"}> ({
^bb0(%p: !tt.ptr<i32>, %n: i32):
"""
WORK = """\
  %cN = "tt.load"(%p) : (!tt.ptr<i32>) -> i32
  %kN = "arith.constant"() <{value = N : i32}> : () -> i32
  %mN = "arith.constant"() <{value = 31 : i32}> : () -> i32
  %dN = "arith.muli"(%cN, %mN) : (i32, i32) -> i32
  %sN = "arith.addi"(%dN, %kN) : (i32, i32) -> i32
  "tt.store"(%p, %sN) : (!tt.ptr<i32>, i32) -> ()
  %gN = "arith.sitofp"(%sN) : (i32) -> f32
  %aN = "tt.addptr"(%p, %kN) : (!tt.ptr<i32>, i32) -> !tt.ptr<i32>
  %iN = "tt.make_range"() <{start = 0 : i32, end = 4 : i32}> : () -> tensor<4xi32>
  %bN = "tt.splat"(%sN) : (i32) -> tensor<4xi32>
  %tN = "arith.addi"(%bN, %iN) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %eN = "tt.splat"(%aN) : (!tt.ptr<i32>) -> tensor<4x!tt.ptr<i32>>
  %qN = "tt.addptr"(%eN, %iN) : (tensor<4x!tt.ptr<i32>>, tensor<4xi32>) -> tensor<4x!tt.ptr<i32>>
"""
STORES = """\
  "tt.store"({1}, {0}) : (!tt.ptr<i32>, i32) -> ()
  "tt.store"({3}, {2}) : (tensor<4x!tt.ptr<i32>>, tensor<4xi32>) -> ()
"""


class Graph:
    """A random acyclic graph of blocks as text. A block changes the number at %p, so that it tells which blocks were
    passed in which order, makes a value of each type, stores some, and leads to later blocks by bits of %n."""

    def __init__(self, seed: int, blocks: range = range(3, 12), ways: tuple[int, ...] = (0, 1, 2, 2, 2, 2)):
        """ways: to how many blocks one leads."""
        self.rng = random.Random(seed)
        count = self.rng.choice(blocks)
        span = self.rng.choice([2, 3, count])
        self.outputs = self.types()
        self.arguments = [[], *(self.types() for _ in range(1, count))]
        following = [range(block + 1, min(block + 1 + span, count)) for block in range(count)]
        self.ways = [
            [self.rng.choice(later) for _ in range(self.rng.choice(ways))] if later else [] for later in following
        ]
        self.bits = 0
        self.worked: list[int] = []
        self.dominators = self.all_dominators()
        self.text = GRAPH.replace("OUT", f"({', '.join(self.outputs)})")
        self.text += "".join(self.block(block) for block in range(count) if self.dominators[block]) + TAIL.lstrip()

    def types(self) -> list[str]:
        return [self.rng.choice(TYPES) for _ in range(self.rng.choice([0, 0, 1, 2]))]

    def all_dominators(self) -> list[list[int]]:
        """For each block those that every path to it passes; none where no path leads."""
        found: list[set[int]] = [{0}]
        for block in range(1, len(self.ways)):
            before = [found[other] for other in range(block) if block in self.ways[other] and found[other]]
            found.append({block}.union(set.intersection(*before)) if before else set())
        return [sorted(blocks) for blocks in found]

    def block(self, block: int) -> str:
        names = ", ".join(f"%b{block}_{i}: {type_}" for i, type_ in enumerate(self.arguments[block]))
        head = f"^bb{block}({names}):\n" if names else f"^bb{block}:\n"
        lines = [head] if block else []
        visible = self.dominators[block]
        if block == 0 or self.rng.random() < 0.6:
            self.worked.append(block)
            lines.append(WORK.replace("N", str(block)))
            lines.append(STORES.format(*(self.pick(type_, visible) for type_ in ("i32", *TYPES[2:]))))
        return "".join([*lines, self.end(block, visible)])

    def pick(self, type_: str, visible: list[int]) -> str:
        """A value of the type from blocks that come before."""
        values = [f"%b{b}_{i}" for b in visible for i, t in enumerate(self.arguments[b]) if t == type_]
        return self.rng.choice([*values, *(f"%{NAMES[type_]}{b}" for b in visible if b in self.worked)])

    def end(self, block: int, visible: list[int]) -> str:
        ways, types, values = self.ways[block], [], []
        for given in [self.arguments[way] for way in ways] or [self.outputs]:
            types += given
            values += [self.pick(type_, visible) for type_ in given]
        if not ways:
            return f'  "tt.return"({", ".join(values)}) : ({", ".join(types)}) -> ()\n'
        targets = ", ".join(f"^bb{way}" for way in ways)
        if len(ways) == 1:
            return f'  "cf.br"({", ".join(values)})[{targets}] : ({", ".join(types)}) -> ()\n'
        self.bits += 1
        sizes = ", ".join(str(len(self.arguments[way])) for way in ways)
        return (
            f'  %h{block} = "arith.constant"() <{{value = {self.bits - 1} : i32}}> : () -> i32\n'
            f'  %j{block} = "arith.shrui"(%n, %h{block}) : (i32, i32) -> i32\n'
            f'  %f{block} = "arith.trunci"(%j{block}) : (i32) -> i1\n'
            f'  "cf.cond_br"({", ".join([f"%f{block}", *values])})[{targets}] '
            f"<{{operandSegmentSizes = array<i32: 1, {sizes}>}}> : ({', '.join(['i1', *types])}) -> ()\n"
        )


@pytest.mark.parametrize("seed", range(200))
def test_random_graphs_keep_their_effects(seed):
    """Every block is moved, none is copied, and what an scf.if gives only for some ways is not looked at on others."""
    graph = Graph(seed)
    before, after = parse(graph.text), parse(graph.text)
    verify(before)
    structurize.run(after)
    verify(after)
    function = after.body.terminator
    assert len(function.regions[0].blocks) == 1
    ops = Counter(op.name for op in function.walk())
    assert not any(name.startswith("cf.") for name in ops) and ops["tt.return"] == 1
    assert ops["tt.load"] == len(graph.worked)
    ways = range(1 << graph.bits) if graph.bits < 5 else random.Random(seed).sample(range(1 << graph.bits), 24)
    for bits in ways:
        assert_same_effects(before, after, "f", [64, bits])


@pytest.mark.parametrize("seed", range(8))
def test_large_graphs_stay_small(seed):
    """However many paths there are."""
    graph = Graph(seed, range(160, 161), ways=(2,))
    module = parse(graph.text)
    structurize.run(module)
    verify(module)
    ops = Counter(op.name for op in module.walk())
    assert ops["tt.load"] == len(graph.worked) > 5
    assert ops["scf.if"] <= 4 * graph.bits
