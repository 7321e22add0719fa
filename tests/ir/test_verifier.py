"""The verifier refuses each kind of broken module, and says what is wrong."""

import pytest

import triton_alloy.dialects  # noqa: F401
from triton_alloy.errors import InvalidIR
from triton_alloy.ir.parser import parse
from triton_alloy.ir.verifier import dominators, verify


def function(body: str, arguments: str = "%x: i32, %p: !tt.ptr<f32>, %t: tensor<4xi32>, %c: i1, %f: f32") -> str:
    types = ", ".join(argument.split(": ")[1] for argument in arguments.split(", "))
    return f"""\
"tt.func"() <{{function_type = ({types}) -> (), sym_name = "f"}}> ({{
^bb0({arguments}):
{body}
  "tt.return"() : () -> () loc("k.py":7:1)
}}) : () -> ()
"""


GOOD = """\
  %s = "tt.splat"(%x) : (i32) -> tensor<4xi32>
  %a = "arith.addi"(%t, %s) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %l = "tt.load"(%p) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (!tt.ptr<f32>) -> f32
  %i = "scf.if"(%c) ({
    "scf.yield"(%x) : (i32) -> ()
  }, {
    "scf.yield"(%x) : (i32) -> ()
  }) : (i1) -> i32
  %r = "tt.reduce"(%a) <{axis = 0 : i32}> ({
  ^bb0(%u: i32, %v: i32):
    %w = "arith.addi"(%u, %v) : (i32, i32) -> i32
    "tt.reduce.return"(%w) : (i32) -> ()
  }) : (tensor<4xi32>) -> i32
  %f = "scf.for"(%x, %r, %i, %a) ({
  ^bb0(%k: i32, %b: tensor<4xi32>):
    "scf.yield"(%b) : (tensor<4xi32>) -> ()
  }) : (i32, i32, i32, tensor<4xi32>) -> tensor<4xi32>
"""


def test_a_right_module_is_accepted():
    verify(parse(function(GOOD)))


EVERY_OTHER = "#linear<{register = [[1]], lane = [[4], [2], [8], [16], [32]], simdgroup = []}>"
LOADS = f"""\
  %r = "tt.splat"(%p) : (!tt.ptr<f32>) -> tensor<64x!tt.ptr<f32>, {EVERY_OTHER}>
  %a = "tt.load"(%r) <{{ATTRIBUTES}}> : (tensor<64x!tt.ptr<f32>, {EVERY_OTHER}>) -> tensor<64xf32, {EVERY_OTHER}>
"""


def test_an_access_may_be_as_wide_as_its_layout_has_registers():
    verify(parse(function(LOADS.replace("ATTRIBUTES", "width = 2 : i32, contiguous = false"))))


@pytest.mark.parametrize(
    "body, problem",
    [
        ('  %a = "arith.addi"(%x) : (i32) -> i32', "arith.addi: it has 1 operands, not 2"),
        ('  "arith.addi"(%x, %x) : (i32, i32) -> ()', "it has 0 results, not 1"),
        ('  %a = "arith.addi"(%x, %t) : (i32, tensor<4xi32>) -> i32', "tensor<4xi32> does not spread to i32"),
        ('  %a = "arith.addf"(%x, %x) : (i32, i32) -> i32', "i32 is no type for it"),
        ('  %a = "arith.addi"(%x, %c) : (i32, i1) -> i32', "i1 is not of i32"),
        ('  %a = "arith.cmpi"(%x, %x) <{predicate = 2 : i64}> : (i32, i32) -> i32', "a comparison gives i1"),
        ('  %a = "arith.cmpi"(%x, %x) : (i32, i32) -> i1', "it has no attribute predicate"),
        ('  %a = "arith.constant"() <{value = 1 : i64}> : () -> i32', "a value of i64 is no i32"),
        ('  %a = "tt.splat"(%x) : (i32) -> tensor<4xi64>', "no tensor<4xi64> of i32"),
        ('  %a = "tt.make_range"() <{end = 8 : i32, start = 0 : i32}> : () -> tensor<4xi32>', "8 elements"),
        ('  %a = "tt.expand_dims"(%t) <{axis = 0 : i32}> : (tensor<4xi32>) -> tensor<4x1xi32>', "does not give"),
        ('  %a = "tt.broadcast"(%t) : (tensor<4xi32>) -> tensor<8xi32>', "does not broadcast"),
        ('  %a = "tt.reshape"(%t) : (tensor<4xi32>) -> tensor<8xi32>', "changes the number of elements"),
        ('  %a = "tt.trans"(%t) <{order = array<i32: 1>}> : (tensor<4xi32>) -> tensor<4xi32>', "order [1]"),
        ('  %a = "tt.addptr"(%p, %t) : (!tt.ptr<f32>, tensor<4xi32>) -> !tt.ptr<f32>', "does not spread"),
        ('  %a = "tt.load"(%p) : (!tt.ptr<f32>) -> f16', "f16 does not go through !tt.ptr<f32>"),
        ('  "tt.store"(%p, %x) : (!tt.ptr<f32>, i32) -> ()', "i32 does not go through"),
        (
            '  %a = "tt.dot"(%t, %t, %t) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>',
            "are no matrices",
        ),
        (LOADS.replace("ATTRIBUTES", "width = 4 : i32"), "no 4 registers of #linear"),
        (LOADS.replace("ATTRIBUTES", "width = 3 : i32"), "no 3 registers of #linear"),
        (LOADS.replace("ATTRIBUTES", "contiguous = true"), "the lanes of #linear"),
        ('  %a = "tt.load"(%p) <{width = 2 : i32}> : (!tt.ptr<f32>) -> f32', "f32 has no layout"),
        ('  "tt.store"(%p, %f) <{contiguous = true}> : (!tt.ptr<f32>, f32) -> ()', "f32 has no layout"),
        (
            '  %m = "tt.splat"(%x) : (i32) -> tensor<8x8xi32>\n'
            '  %d = "tt.dot"(%m, %m, %m) <{unit = "mma_8x8"}> : '
            "(tensor<8x8xi32>, tensor<8x8xi32>, tensor<8x8xi32>) -> tensor<8x8xi32>",
            "no layouts for mma_8x8",
        ),
        ('  "tt.return"() : () -> ()', "a terminator is not the last op of its block"),
        ('  "no.such"() : () -> ()', "no.such: it is no registered operation"),
        (
            '  "scf.if"(%c) ({\n    %a = "arith.addi"(%x, %x) : (i32, i32) -> i32\n  }, {\n  }) : (i1) -> ()',
            "a block does not end in a terminator",
        ),
        (
            '  "scf.if"(%c) ({\n    "scf.yield"(%x) : (i32) -> ()\n  }, {\n  }) : (i1) -> ()',
            "a branch yields (i32), not ()",
        ),
        (
            '  "scf.for"(%x, %x, %x) ({\n  ^bb0(%i: i64):\n    "scf.yield"() : () -> ()\n  }) : (i32, i32, i32) -> ()',
            "its body takes (i64), not (i32)",
        ),
        (
            '  "scf.if"(%c) ({\n    %a = "arith.addi"(%x, %x) : (i32, i32) -> i32\n    "scf.yield"() : () -> ()\n'
            '  }, {\n  }) : (i1) -> ()\n  %b = "arith.addi"(%a, %a) : (i32, i32) -> i32',
            "operand 0 is used where it is not defined",
        ),
    ],
)
def test_a_broken_module_is_refused(body, problem):
    with pytest.raises(InvalidIR) as error:
        verify(parse(function(body)))
    assert problem in str(error.value)


def test_the_place_is_named():
    module = parse(function('  "tt.store"(%p, %x) : (!tt.ptr<f32>, i32) -> () loc("k.py":5:1)'))
    with pytest.raises(InvalidIR, match=r"tt\.store at k\.py:5: "):
        verify(module)


def test_unregistered_ops_on_request():
    module = parse(function('  %y = "no.such"(%x) : (i32) -> i32'))
    verify(module, allow_unregistered=True)


CFG = """\
"tt.func"() <{function_type = (i1, i32) -> (), sym_name = "f"}> ({
^bb0(%c: i1, %x: i32):
  "cf.cond_br"(%c)[^bb1, ^bb2] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
^bb1:
  %y = "arith.addi"(%x, %x) : (i32, i32) -> i32
  "cf.br"(%y)[^bb3] : (i32) -> ()
^bb2:
  "cf.br"(%x)[^bb3] : (i32) -> ()
^bb3(%z: i32):
  %w = "arith.addi"(%z, USED) : (i32, i32) -> i32
  "tt.return"() : () -> ()
}) : () -> ()
"""


def test_dominance_over_blocks():
    module = parse(CFG.replace("USED", "%z"))
    verify(module)
    entry, left, right, join = module.body.terminator.regions[0].blocks
    assert dominators(module.body.terminator.regions[0]) == {
        entry: {entry},
        left: {entry, left},
        right: {entry, right},
        join: {entry, join},
    }
    with pytest.raises(InvalidIR, match="operand 1 is used where it is not defined"):
        verify(parse(CFG.replace("USED", "%y")))


def test_register_types():
    head = '"msl.kernel"() <{sym_name = "k", simdgroups = 1}> ({\n^bb0(%a: !msl.reg<4xi32>, %u: i32, %b: i32):\n'
    tail = '\n  "msl.return"() : () -> ()\n}) : () -> ()'
    good = '  %x = "arith.addi"(%a, %u) : (!msl.reg<4xi32>, i32) -> !msl.reg<4xi32>'
    verify(parse(head + good + tail))
    for bad in (
        '  %x = "arith.addi"(%u, %b) : (i32, i32) -> !msl.reg<4xi32>',
        '  %x = "arith.addi"(%a, %u) : (!msl.reg<4xi32>, i32) -> !msl.reg<8xi32>',
        '  %x = "msl.index"(%a) <{map = array<i32: 0, 4>}> : (!msl.reg<4xi32>) -> !msl.reg<2xi32>',
        '  %x = "msl.register"() <{bases = array<i32: 1, 2>}> : () -> !msl.uniform<2xi32>',
    ):
        with pytest.raises(InvalidIR):
            verify(parse(head + bad + tail))
