"""Early returns: one block is left, the text has the shape it should, and the values stay."""

import itertools

import pytest
from filecheck import check
from interpret import assert_same_effects

import triton_alloy.dialects  # noqa: F401
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms import structurize

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


def test_branches_that_cross_are_refused():
    """a goes to 1 or 2, and both of these to 3 or 4: no join."""
    body = (
        branch("%a", "^bb1", "^bb2")
        + "\n^bb1:\n"
        + branch("%b", "^bb3", "^bb4")
        + "\n^bb2:\n"
        + branch("%c", "^bb3", "^bb4")
        + "\n^bb3:\n"
        + RETURN
        + "^bb4:\n"
        + RETURN
    )
    with pytest.raises(Unsupported, match="two places"):
        structurize.run(parse(text_of(body)))
