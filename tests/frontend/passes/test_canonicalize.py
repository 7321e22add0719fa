"""The canonicaliser: each fold as text, and programs with loops and branches that keep their effects."""

import pytest

from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from tests.support.ttir import function, run_pass, text_after
from triton_alloy.frontend.passes import canonicalize
from triton_alloy.ir.pretty_parser import parse_pretty

ARGUMENTS = "%x: i32, %y: i32, %c: i1, %f: f32, %h: f16, %t: tensor<4xi32>, %p: !tt.ptr<i32>"


def folded(body: str, result: str, type_: str) -> str:
    return text_after(canonicalize.run, function(f"{body}\n    tt.return {result} : {type_}", ARGUMENTS, type_))


@pytest.mark.parametrize(
    "body, type_, expected",
    [
        # sums of constants
        ("%a = arith.addi %x, %k3 : i32\n%r = arith.addi %a, %k4 : i32", "i32", "arith.addi %arg0, %c7_i32"),
        ("%a = arith.subi %x, %k3 : i32\n%r = arith.addi %a, %k4 : i32", "i32", "arith.addi %arg0, %c1_i32"),
        ("%a = arith.subi %k3, %x : i32\n%r = arith.addi %a, %k4 : i32", "i32", "arith.subi %c7_i32, %arg0"),
        ("%a = arith.addi %x, %k3 : i32\n%r = arith.subi %k4, %a : i32", "i32", "arith.subi %c1_i32, %arg0"),
        ("%a = arith.subi %k3, %x : i32\n%r = arith.subi %k4, %a : i32", "i32", "arith.addi %arg0, %c1_i32"),
        ("%a = arith.muli %x, %k3 : i32\n%r = arith.muli %a, %k4 : i32", "i32", "arith.muli %arg0, %c12_i32"),
        ("%a = arith.addi %x, %y : i32\n%r = arith.subi %a, %y : i32", "i32", "tt.return %arg0"),
        ("%a = arith.subi %x, %y : i32\n%r = arith.addi %y, %a : i32", "i32", "tt.return %arg0"),
        ("%a = arith.subi %x, %y : i32\n%r = arith.subi %x, %a : i32", "i32", "tt.return %arg1"),
        ("%a = arith.xori %x, %y : i32\n%r = arith.xori %a, %x : i32", "i32", "tt.return %arg1"),
        ("%a = arith.andi %x, %y : i32\n%r = arith.andi %a, %y : i32", "i32", "tt.return %0"),
        ("%a = arith.xori %x, %km : i32\n%r = arith.andi %x, %a : i32", "i32", "tt.return %c0_i32"),
        # comparisons
        ("%r = arith.cmpi slt, %k3, %x : i32", "i1", "arith.cmpi sgt, %arg0, %c3_i32"),
        ("%a = arith.extui %c : i1 to i32\n%r = arith.cmpi ne, %a, %k0 : i32", "i1", "tt.return %arg2"),
        ("%r = arith.cmpi ult, %x, %k0 : i32", "i1", "tt.return %false"),
        (
            "%a = arith.extsi %x : i32 to i64\n%b = arith.extsi %y : i32 to i64\n%r = arith.cmpi eq, %a, %b : i64",
            "i1",
            "arith.cmpi eq, %arg0, %arg1 : i32",
        ),
        # choices
        ("%r = arith.select %c, %k1, %k0 : i32", "i32", "arith.extui %arg2 : i1 to i32"),
        ("%a = arith.cmpi eq, %x, %y : i32\n%r = arith.select %a, %x, %y : i32", "i32", "tt.return %arg1"),
        (
            "%a = arith.select %c, %x, %k1 : i32\n%r = arith.select %c, %a, %y : i32",
            "i32",
            "arith.select %arg2, %arg0, %arg1",
        ),
        (
            "%t1 = arith.constant true\n%n = arith.xori %c, %t1 : i1\n%r = arith.select %n, %x, %y : i32",
            "i32",
            "arith.select %arg2, %arg1, %arg0",
        ),
        # floats
        ("%z = arith.constant -0.0 : f32\n%r = arith.addf %f, %z : f32", "f32", "tt.return %arg3"),
        ("%z = arith.constant 0.0 : f32\n%r = arith.addf %f, %z : f32", "f32", "arith.addf"),
        ("%z = arith.constant 1.0 : f32\n%r = arith.mulf %f, %z : f32", "f32", "tt.return %arg3"),
        ("%a = arith.extf %h : f16 to f32\n%r = arith.truncf %a : f32 to f16", "f16", "tt.return %arg4"),
        ("%a = arith.truncf %f : f32 to f16\n%r = arith.extf %a : f16 to f32", "f32", "arith.extf"),
        (
            "%a = arith.sitofp %x : i32 to f32\n%r = arith.truncf %a : f32 to f16",
            "f16",
            "arith.sitofp {{.*}} i32 to f16",
        ),
        (
            "%a = arith.extsi %x : i32 to i64\n%r = arith.sitofp %a : i64 to f32",
            "f32",
            "arith.sitofp %arg0 : i32",
        ),
        ("%a = arith.extui %x : i32 to i64\n%r = arith.sitofp %a : i64 to f32", "f32", "arith.sitofp %0 : i64 to f32"),
        ("%a = arith.constant 0.1 : f32\n%r = arith.addf %a, %a : f32", "f32", "arith.constant 2.0"),
        ("%z = arith.constant 0.0 : f32\n%r = arith.divf %z, %z : f32", "f32", "arith.divf"),
        ("%z = arith.constant 16777217 : i32\n%r = arith.sitofp %z : i32 to f32", "f32", "0x4B800000"),
        ("%z = arith.constant 1.0 : f32\n%r = arith.bitcast %z : f32 to i32", "i32", "arith.constant 1065353216 : i32"),
        # views
        (
            "%a = tt.expand_dims %t {axis = 1 : i32} : tensor<4xi32> -> tensor<4x1xi32>\n"
            "%r = tt.reshape %a : tensor<4x1xi32> -> tensor<4xi32>",
            "tensor<4xi32>",
            "tt.return %arg5",
        ),
        ("%r = tt.make_range {end = 8 : i32, start = 7 : i32} : tensor<1xi32>", "tensor<1xi32>", "dense<7>"),
        # loops that run a known number of times
        (
            "%r = scf.for %i = %k3 to %k3 step %k1 iter_args(%a = %x) -> (i32)  : i32 {\n"
            "%b = arith.addi %a, %y : i32\nscf.yield %b : i32\n}",
            "i32",
            "tt.return %arg0",
        ),
        (
            "%r = scf.for %i = %k3 to %k4 step %k4 iter_args(%a = %x) -> (i32)  : i32 {\n"
            "%b = arith.addi %a, %i : i32\nscf.yield %b : i32\n}",
            "i32",
            "arith.addi %arg0, %c3_i32",
        ),
        # branches that only choose
        (
            "%r = scf.if %c -> (i32) {\n%k = arith.constant 9 : i32\nscf.yield %k : i32\n"
            "} else {\nscf.yield %x : i32\n}",
            "i32",
            "arith.select %arg2, %c9_i32, %arg0",
        ),
        ("%r = scf.if %c -> (i32) {\nscf.yield %x : i32\n} else {\nscf.yield %x : i32\n}", "i32", "tt.return %arg0"),
    ],
)
def test_fold(body: str, type_: str, expected: str):
    constants = {"k0": 0, "k1": 1, "k3": 3, "k4": 4, "km": -1}
    setup = "\n".join(f"%{name} = arith.constant {number} : i32" for name, number in constants.items())
    check(folded(f"{setup}\n{body}", "%r", type_), f"CHECK: {expected}")


def test_constants_are_once_and_first():
    body = """
    scf.if %c {
      %a = arith.constant 5 : i32
      tt.store %p, %a : !tt.ptr<i32>
    }
    %b = arith.constant 5 : i32
    tt.return %b : i32"""
    check(
        text_after(canonicalize.run, function(body, ARGUMENTS, "i32")),
        """
        CHECK: tt.func
        CHECK-NEXT: %c5_i32 = arith.constant 5 : i32
        CHECK-NEXT: scf.if %arg2 {
        CHECK-NEXT: tt.store %arg6, %c5_i32
        CHECK-NEXT: }
        CHECK-NEXT: tt.return %c5_i32
        """,
    )


def test_branches_with_equal_conditions_become_one():
    body = """
    %true = arith.constant true
    %n = arith.xori %c, %true : i1
    scf.if %c {
      tt.store %p, %x : !tt.ptr<i32>
    }
    scf.if %n {
      tt.store %p, %y : !tt.ptr<i32>
    }
    scf.if %c {
      %z = arith.extui %c : i1 to i32
      tt.store %p, %z : !tt.ptr<i32>
    }
    tt.return"""
    check(
        text_after(canonicalize.run, function(body, ARGUMENTS)),
        """
        CHECK: scf.if %arg2 {
        CHECK-NEXT: tt.store %arg6, %arg0
        CHECK-NEXT: tt.store %arg6, %c1_i32
        CHECK-NEXT: } else {
        CHECK-NEXT: tt.store %arg6, %arg1
        CHECK-NEXT: }
        CHECK-NEXT: tt.return
        """,
    )


def test_a_nested_question_is_asked_once():
    body = """
    %d = arith.cmpi slt, %x, %y : i32
    scf.if %c {
      scf.if %d {
        tt.store %p, %x : !tt.ptr<i32>
      }
    }
    tt.return"""
    check(
        text_after(canonicalize.run, function(body, ARGUMENTS)),
        "CHECK: [[both]] = arith.andi %arg2, %0\nCHECK-NEXT: scf.if [[both]]\nCHECK-NEXT: tt.store\nCHECK-NEXT: }",
    )


CARRIES = """
    %k1 = arith.constant 1 : i32
    %k0 = arith.constant 0 : i32
    %l:5 = scf.for %i = %k0 to %x step %k1
        iter_args(%same = %y, %dead = %x, %sum = %k0, %twin = %k0, %back = %y) -> (i32, i32, i32, i32, i32)  : i32 {
      %d = arith.addi %dead, %k1 : i32
      %s = arith.addi %sum, %same : i32
      %z = arith.addi %s, %back : i32
      scf.yield %same, %k0, %z, %z, %y : i32, i32, i32, i32, i32
    }
    %r = arith.addi %l#2, %l#3 : i32
    %q = arith.addi %r, %l#0 : i32
    tt.return %q : i32"""


def test_only_what_changes_is_carried():
    text = function(CARRIES.replace("step %k1\n       ", "step %k1"), ARGUMENTS, "i32")
    module = run_pass(canonicalize.run, text)
    [loop] = [op for op in module.walk() if op.name == "scf.for"]
    assert len(loop.results) == 1
    for count in (-1, 0, 1, 4):
        assert_same_effects(parse_pretty(text), module, "f", [count, 7, True, 0.5, 0.5, [1, 2, 3, 4], 0])


WHILE = """
    %k1 = arith.constant 1 : i32
    %l:3 = scf.while (%a = %x, %b = %y) : (i32, i32) -> (i32, i32, i32) {
      %go = arith.cmpi slt, %a, %b : i32
      scf.condition(%go) %a, %b, %y : i32, i32, i32
    } do {
    ^bb0(%a: i32, %b: i32, %d: i32):
      %n = arith.addi %a, %k1 : i32
      scf.yield %n, %b : i32, i32
    }
    tt.return %l#0 : i32"""


def test_a_while_passes_only_what_changes():
    text = function(WHILE, ARGUMENTS, "i32")
    module = run_pass(canonicalize.run, text)
    [loop] = [op for op in module.walk() if op.name == "scf.while"]
    assert (len(loop.operands), len(loop.results)) == (1, 1)
    for first, last in ((0, 5), (5, 0), (3, 3)):
        assert_same_effects(parse_pretty(text), module, "f", [first, last, True, 0.5, 0.5, [1, 2, 3, 4], 0])


def test_a_while_that_never_goes_on_runs_its_condition_once():
    text = function(
        WHILE.replace("scf.condition(%go)", "scf.condition(%no)")
        .replace("%go = arith.cmpi slt, %a, %b : i32", "%no = arith.constant false\n%s = arith.addi %a, %b : i32")
        .replace("%a, %b, %y : i32", "%s, %b, %y : i32"),
        ARGUMENTS,
        "i32",
    )
    check(
        text_after(canonicalize.run, text), "CHECK-NOT: scf.while\nCHECK: arith.addi %arg0, %arg1\nCHECK: tt.return %0"
    )


BLOCKS = """
    %k1 = arith.constant 1 : i32
    %k2 = arith.constant 2 : i32
    %yes = arith.constant true
    cf.cond_br %yes, ^bb1, ^bb6
  ^bb1:
    cf.cond_br %c, ^bb2, ^bb3
  ^bb2:
    tt.store %p, %x : !tt.ptr<i32>
    cf.br ^bb5(%k1 : i32)
  ^bb3:
    cf.br ^bb4
  ^bb4:
    tt.store %p, %y : !tt.ptr<i32>
    cf.br ^bb5(%k1 : i32)
  ^bb5(%v: i32):
    tt.return %v : i32
  ^bb6:
    %w = arith.addi %x, %k2 : i32
    tt.return %w : i32"""


def test_blocks_meet():
    """Known branches are taken, empty blocks skipped, and blocks that differ in values alone are one."""
    text = function(BLOCKS, ARGUMENTS, "i32")
    module = run_pass(canonicalize.run, text)
    check(
        text_after(canonicalize.run, text),
        """
        CHECK: [[v]] = arith.select %arg2, %arg0, %arg1 : i32
        CHECK-NEXT: tt.store %arg6, [[v]]
        CHECK-NEXT: tt.return %c1_i32
        CHECK-NEXT: }
        """,
    )
    for condition in (True, False):
        assert_same_effects(parse_pretty(text), module, "f", [3, 4, condition, 0.5, 0.5, [1, 2, 3, 4], 64])


def test_masks_that_are_known():
    body = """
    %no = arith.constant false
    %yes = arith.constant true
    %k = arith.constant 3 : i32
    %a = tt.load %p, %yes, %k : !tt.ptr<i32>
    %b = tt.load %p, %no, %k : !tt.ptr<i32>
    tt.store %p, %b, %yes : !tt.ptr<i32>
    tt.store %p, %a, %no : !tt.ptr<i32>
    tt.return %a : i32"""
    check(
        text_after(canonicalize.run, function(body, ARGUMENTS, "i32")),
        """
        CHECK: %0 = tt.load %arg6 : !tt.ptr<i32>
        CHECK-NEXT: tt.store %arg6, %c3_i32 : !tt.ptr<i32>
        CHECK-NEXT: tt.return %0
        """,
    )


def test_volatile_loads_and_hints_stay():
    body = """
    %k = arith.constant 1 : i32
    %a = tt.load %p {isVolatile = true} : !tt.ptr<i32>
    %b = arith.muli %x, %k {tt.divisibility = dense<16> : tensor<1xi32>} : i32
    tt.return %b : i32"""
    check(
        text_after(canonicalize.run, function(body, ARGUMENTS, "i32")),
        "CHECK: tt.load %arg6 {isVolatile = true}\nCHECK-NEXT: arith.muli %arg0, %c1_i32 {tt.divisibility",
    )
