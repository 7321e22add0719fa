"""The parts of scf ops have their values, and a loop can carry one value less."""

from __future__ import annotations

import pytest

from triton_alloy.dialects.arith import EQ, FLOAT, NE, SLT, UGE
from triton_alloy.dialects.control import For, If, While, carried_through
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.verifier import verify

TEXT = """
"builtin.module"() ({
^bb0(%low: i32, %high: i32, %step: i32, %a: f32, %b: i1, %yes: i1):
  %for:2 = "scf.for"(%low, %high, %step, %a, %b) ({
  ^bb0(%i: i32, %x: f32, %y: i1):
    "scf.yield"(%x, %yes) : (f32, i1) -> ()
  }) : (i32, i32, i32, f32, i1) -> (f32, i1)
  %while = "scf.while"(%a, %b) ({
  ^bb0(%x: f32, %y: i1):
    "scf.condition"(%y, %a) : (i1, f32) -> ()
  }, {
  ^bb0(%p: f32):
    "scf.yield"(%p, %yes) : (f32, i1) -> ()
  }) : (f32, i1) -> f32
  %if = "scf.if"(%yes) ({
    "scf.yield"(%a) : (f32) -> ()
  }, {
    "scf.yield"(%while) : (f32) -> ()
  }) : (i1) -> f32
  "scf.if"(%yes) ({
    "scf.yield"() : () -> ()
  }, {
  }) : (i1) -> ()
}) : () -> ()
"""


@pytest.fixture
def ops() -> dict[str, Op]:
    module = parse(TEXT)
    loop, again, choice, short = list(module.body)
    low, high, step, a, b, yes = module.body.arguments
    names = {"low": low, "high": high, "step": step, "a": a, "b": b, "yes": yes}
    return {"module": module, "for": loop, "while": again, "if": choice, "short": short, **names}  # type: ignore


def test_a_for(ops: dict):
    loop, op = For(ops["for"]), ops["for"]
    assert loop.bounds == [ops["low"], ops["high"], ops["step"]]
    assert loop.initial == [ops["a"], ops["b"]]
    assert [loop.index, *loop.carried] == op.body.arguments
    assert loop.yielded == [loop.carried[0], ops["yes"]]
    user, number = loop.initial_use(1)
    assert user.operands[number] is ops["b"]


def test_a_for_that_carries_one_value_less(ops: dict):
    loop, op = For(ops["for"]), ops["for"]
    loop.drop(1)
    verify(ops["module"])
    assert (loop.initial, loop.yielded, len(op.results)) == ([ops["a"]], loop.carried, 1)
    assert loop.bounds == [ops["low"], ops["high"], ops["step"]]


def test_a_while(ops: dict):
    loop = While(ops["while"])
    assert loop.initial == [ops["a"], ops["b"]]
    assert (loop.condition, loop.passed) == (loop.before.arguments[1], [ops["a"]])
    assert loop.yielded == [*loop.after.arguments, ops["yes"]]
    user, number = loop.passed_use(0)
    assert user.operands[number] is ops["a"]


def test_an_if(ops: dict):
    choice, short = If(ops["if"]), If(ops["short"])
    assert choice.condition is ops["yes"]
    assert [choice.then, choice.otherwise] == ops["if"].blocks()
    assert (short.then, short.otherwise) == (short.op.body, None)


def test_what_is_carried_is_given_by_its_uses(ops: dict):
    given = [[user.operands[number] for user, number in each.uses] for each in carried_through(ops["for"])]
    assert given == [[ops["for"].body.arguments[1], ops["a"]], [ops["yes"], ops["b"]]]
    targets = [each.targets for each in carried_through(ops["while"])]
    before, after = ops["while"].blocks()
    assert targets == [(before.arguments[0],), (before.arguments[1],), (after.arguments[0], ops["while"].result)]


def test_predicates_have_mlirs_numbers():
    assert (EQ, NE, SLT, UGE) == (0, 1, 2, 9)
    assert (FLOAT["false"], FLOAT["ogt"], FLOAT["une"], FLOAT["true"]) == (0, 2, 13, 15)
