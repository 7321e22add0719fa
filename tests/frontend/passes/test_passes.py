"""Inliner, combine, reorder_broadcast, cse, licm, loop_unroll and symbol_dce, as text and by their effects."""

import pytest

from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from tests.support.ttir import function, run_pass, text_after
from triton_alloy.errors import Unsupported
from triton_alloy.frontend.passes import (
    combine,
    cse,
    inliner,
    licm,
    loop_unroll,
    optimise,
    reorder_broadcast,
    symbol_dce,
)
from triton_alloy.ir.pretty_parser import parse_pretty

CALLS = """module {
  tt.func public @f(%x: i32, %c: i1, %p: !tt.ptr<i32>) -> i32 {
    %a = tt.call @early(%x, %c) : (i32, i1) -> i32
    scf.if %c {
      %b = tt.call @early(%a, %c) : (i32, i1) -> i32
      tt.store %p, %b : !tt.ptr<i32>
    }
    %d = tt.call @twice(%a) : (i32) -> i32
    %e = tt.call @apart(%d) : (i32) -> i32
    tt.return %e : i32
  }
  tt.func private @early(%x: i32, %c: i1) -> i32 {
    cf.cond_br %c, ^bb1, ^bb2
  ^bb1:
    tt.return %x : i32
  ^bb2:
    %y = tt.call @twice(%x) : (i32) -> i32
    tt.return %y : i32
  }
  tt.func private @twice(%x: i32) -> i32 {
    %y = arith.addi %x, %x : i32
    tt.return %y : i32
  }
  tt.func private @apart(%x: i32) -> i32 attributes {noinline = true} {
    %y = tt.call @twice(%x) : (i32) -> i32
    tt.return %y : i32
  }
  tt.func private @unused(%x: i32) -> i32 {
    tt.return %x : i32
  }
}
"""


def test_inliner():
    """A function of several blocks goes where blocks may be; a noinline one, and such a one in a branch, stay calls."""
    module = run_pass(inliner.run, CALLS)
    functions = [op.attributes["sym_name"] for op in module.body]
    assert functions == ["f", "early", "apart"]
    calls = [op.attributes["callee"].name for op in module.walk() if op.name == "tt.call"]
    assert calls == ["early", "apart"]
    for condition in (True, False):
        assert_same_effects(parse_pretty(CALLS), module, "f", [5, condition, 64])


def test_recursion_is_refused():
    text = """module {
  tt.func public @f(%x: i32) -> i32 {
    %y = tt.call @f(%x) : (i32) -> i32
    tt.return %y : i32
  }
}
"""
    with pytest.raises(Unsupported, match="recursive"):
        run_pass(inliner.run, text)


def test_symbol_dce():
    module = run_pass(symbol_dce.run, CALLS)
    assert [op.attributes["sym_name"] for op in module.body] == ["f", "early", "twice", "apart"]


def test_combine_accumulates_in_a_dot():
    body = """
    %z = arith.constant dense<0.0> : tensor<16x16xf32>
    %d = tt.dot %a, %b, %z : tensor<16x16xf16> * tensor<16x16xf16> -> tensor<16x16xf32>
    %s = arith.addf %d, %c : tensor<16x16xf32>
    tt.return %s : tensor<16x16xf32>"""
    arguments = "%a: tensor<16x16xf16>, %b: tensor<16x16xf16>, %c: tensor<16x16xf32>"
    check(
        text_after(combine.run, function(body, arguments, "tensor<16x16xf32>")),
        "CHECK: tt.dot %arg0, %arg1, %arg2\nCHECK-NEXT: tt.return",
    )


@pytest.mark.parametrize("first, kept", [("1", "arith.addf"), ("0", None)])
def test_combine_needs_a_zero(first: str, kept: str | None):
    body = f"""
    %z = arith.constant dense<{first}.0> : tensor<16x16xf32>
    %d = tt.dot %a, %a, %z : tensor<16x16xf16> * tensor<16x16xf16> -> tensor<16x16xf32>
    %s = arith.addf %d, %c : tensor<16x16xf32>
    tt.return %s : tensor<16x16xf32>"""
    text = text_after(combine.run, function(body, "%a: tensor<16x16xf16>, %c: tensor<16x16xf32>", "tensor<16x16xf32>"))
    assert ("arith.addf" in text) == (kept is not None)


@pytest.mark.parametrize(
    "first, second, type_, count",
    [
        ("%i", "%j", "i64", 1),
        ("%k", "%k", "i32", 1),
        ("%big", "%big", "i32", 2),
        ("%n", "%k", "i32", 2),
    ],
)
def test_combine_adds_offsets_that_do_not_overflow(first: str, second: str, type_: str, count: int):
    body = f"""
    %k = arith.constant 3 : i32
    %big = arith.constant 2000000000 : i32
    %a = tt.addptr %p, {first} : !tt.ptr<i32>, {type_}
    %b = tt.addptr %a, {second} : !tt.ptr<i32>, {type_}
    tt.return %b : !tt.ptr<i32>"""
    text = text_after(combine.run, function(body, "%p: !tt.ptr<i32>, %i: i64, %j: i64, %n: i32", "!tt.ptr<i32>"))
    assert text.count("tt.addptr") == count


def test_combine_loads_with_the_default_of_a_choice():
    body = """
    %m = tt.splat %c : i1 -> tensor<4xi1>
    %a = tt.load %p, %m : tensor<4x!tt.ptr<f32>>
    %b = arith.select %c, %a, %x : tensor<4xf32>
    tt.return %b : tensor<4xf32>"""
    arguments = "%c: i1, %p: tensor<4x!tt.ptr<f32>>, %x: tensor<4xf32>"
    check(
        text_after(combine.run, function(body, arguments, "tensor<4xf32>")),
        "CHECK-NOT: arith.select\nCHECK: [[v]] = tt.load %arg1, %0, %arg2\nCHECK-NEXT: tt.return [[v]]",
    )


def test_combine_sees_a_matrix_product():
    body = """
    %a1 = tt.expand_dims %a {axis = 2 : i32} : tensor<16x16xf32> -> tensor<16x16x1xf32>
    %a2 = tt.broadcast %a1 : tensor<16x16x1xf32> -> tensor<16x16x16xf32>
    %b1 = tt.expand_dims %b {axis = 0 : i32} : tensor<16x16xf32> -> tensor<1x16x16xf32>
    %b2 = tt.broadcast %b1 : tensor<1x16x16xf32> -> tensor<16x16x16xf32>
    %m = arith.mulf %a2, %b2 : tensor<16x16x16xf32>
    %s = "tt.reduce"(%m) <{axis = 1 : i32}> ({
    ^bb0(%u: f32, %v: f32):
      %w = arith.addf %u, %v : f32
      tt.reduce.return %w : f32
    }) : (tensor<16x16x16xf32>) -> tensor<16x16xf32>
    tt.return %s : tensor<16x16xf32>"""
    text = function(body, "%a: tensor<16x16xf32>, %b: tensor<16x16xf32>", "tensor<16x16xf32>")
    check(text_after(combine.run, text), "CHECK-NOT: tt.reduce\nCHECK: tt.dot %arg0, %arg1, %cst :")
    assert "tt.reduce" in text_after(combine.run, text.replace("addf %u, %v", "mulf %u, %v"))


def test_reorder_broadcast():
    body = """
    %k = arith.constant dense<2.0> : tensor<8x4xf32>
    %a = tt.splat %x : f32 -> tensor<8x4xf32>
    %b = tt.broadcast %r : tensor<8x1xf32> -> tensor<8x4xf32>
    %c = arith.mulf %a, %k : tensor<8x4xf32>
    %d = arith.addf %b, %c : tensor<8x4xf32>
    tt.return %d : tensor<8x4xf32>"""
    check(
        text_after(reorder_broadcast.run, function(body, "%x: f32, %r: tensor<8x1xf32>", "tensor<8x4xf32>")),
        """
        CHECK: [[m]] = arith.mulf %arg0, %cst : f32
        CHECK: [[s]] = tt.splat [[m]] : f32 -> tensor<8x1xf32>
        CHECK: [[t]] = arith.addf %arg1, [[s]] : tensor<8x1xf32>
        CHECK: tt.broadcast [[t]]
        """,
    )


def test_cse_across_blocks_and_regions():
    """What dominates is taken; what does not, such as the other way of a branch, is not. Equal reductions are one."""
    body = """
    %a = arith.muli %x, %y : i32
    %q = arith.muli %y, %x : i32
    cf.cond_br %c, ^bb1, ^bb2
  ^bb1:
    %b = arith.muli %x, %y : i32
    %e = arith.divsi %x, %y : i32
    %s = "tt.reduce"(%t) <{axis = 0 : i32}> ({
    ^bb0(%u: i32, %v: i32):
      %w = arith.addi %u, %v : i32
      tt.reduce.return %w : i32
    }) : (tensor<4xi32>) -> i32
    %s2 = "tt.reduce"(%t) <{axis = 0 : i32}> ({
    ^bb0(%u: i32, %v: i32):
      %w = arith.addi %v, %u : i32
      tt.reduce.return %w : i32
    }) : (tensor<4xi32>) -> i32
    %g = arith.addi %s, %s2 : i32
    %h = arith.addi %g, %b : i32
    %i = arith.addi %h, %e : i32
    tt.return %i : i32
  ^bb2:
    %d = arith.divsi %x, %y : i32
    %f = arith.addi %d, %a : i32
    %j = arith.addi %f, %q : i32
    tt.return %j : i32"""
    arguments = "%x: i32, %y: i32, %c: i1, %t: tensor<4xi32>"
    text = text_after(cse.run, function(body, arguments, "i32"))
    assert [text.count(name) for name in ("arith.muli", "arith.divsi", 'tt.reduce"')] == [1, 2, 1]


def test_cse_of_loads_stops_at_a_write():
    body = """
    %a = tt.load %p : !tt.ptr<i32>
    %b = tt.load %p : !tt.ptr<i32>
    tt.store %p, %b : !tt.ptr<i32>
    %c = tt.load %p : !tt.ptr<i32>
    %v = tt.load %p {isVolatile = true} : !tt.ptr<i32>
    %w = tt.load %p {isVolatile = true} : !tt.ptr<i32>
    tt.return %a, %b, %c, %v, %w : i32, i32, i32, i32, i32"""
    text = text_after(cse.run, function(body, "%p: !tt.ptr<i32>", "(i32, i32, i32, i32, i32)"))
    check(text, "CHECK: tt.return %0, %0, %1, %2, %3 :")


LOOP = """
    %k0 = arith.constant 0 : i32
    %k1 = arith.constant 1 : i32
    %s = scf.for %i = %k0 to %n step %k1 iter_args(%a = %k0) -> (i32)  : i32 {
      %q = tt.addptr %p, %k1 : !tt.ptr<i32>, i32
      %v = tt.load %q : !tt.ptr<i32>
      %b = arith.addi %a, %v : i32
      EXTRA
      scf.yield %b : i32
    }
    tt.return %s : i32"""


@pytest.mark.parametrize("extra, moves", [("", True), ("tt.store %p, %b : !tt.ptr<i32>", False)])
def test_licm_moves_loads_from_loops_that_write_nothing(extra: str, moves: bool):
    text = function(LOOP.replace("EXTRA", extra), "%n: i32, %p: !tt.ptr<i32>", "i32")
    module = run_pass(licm.run, text)
    [load] = [op for op in module.walk() if op.name == "tt.load"]
    [pointer] = [op for op in module.walk() if op.name == "tt.addptr"]
    assert pointer.parent is not None and pointer.parent.name == "tt.func"
    assert (load.parent is not None and load.parent.name == "tt.func") == moves
    assert (len(load.operands) == 2) == moves  # under a mask: the loop may not run
    for count in (0, 3):
        assert_same_effects(parse_pretty(text), module, "f", [count, 64])


UNROLLED = """
    %s = scf.for %i = %low to %high step %by iter_args(%a = %low) -> (i32)  : i32 {
      %b = arith.muli %a, %by : i32
      %c = arith.addi %b, %i : i32
      scf.yield %c : i32
    } {tt.loop_unroll_factor = FACTOR : i32}
    tt.return %s : i32"""


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_loop_unroll(factor: int):
    text = function(UNROLLED.replace("FACTOR", f"{factor}"), "%low: i32, %high: i32, %by: i32", "i32")
    module = run_pass(loop_unroll.run, text)
    loops = [op for op in module.walk() if op.name == "scf.for"]
    assert [sum(op.name == "arith.addi" for op in loop.body) for loop in loops] == [factor + factor - 1, 1]
    for low, high, by in ((0, 7, 1), (3, 3, 1), (5, -8, 3), (0, -8, 3), (-4, 9, 2), (0, 12, 1), (0, 1, 5)):
        assert_same_effects(parse_pretty(text), module, "f", [low, high, by])


def test_loop_unroll_of_a_known_count():
    constants = "\n".join(
        f"%{name} = arith.constant {number} : i32" for name, number in (("low", 0), ("high", 7), ("by", 1))
    )
    text = function(constants + UNROLLED.replace("FACTOR", "3"), "%n: i32", "i32")
    module = run_pass(loop_unroll.run, text)
    assert [op.name for op in module.walk()].count("scf.for") == 1  # the one iteration that is left needs no loop
    assert_same_effects(parse_pretty(text), module, "f", [0])


def test_the_whole_pipeline_keeps_effects():
    module = run_pass(optimise, CALLS)
    for condition in (True, False):
        assert_same_effects(parse_pretty(CALLS), module, "f", [5, condition, 64])
