"""Assertions in combining functions become a combined flag that is asserted afterwards."""

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import combiner_checks

FUNCTION = """
%r = "tt.{name}"(%x) <{{axis = 1 : i32, reverse = false}}> ({{
^bb0(%a: i32, %b: i32):
  %s = "arith.addi"(%a, %b) : (i32, i32) -> i32
  %ok = "arith.cmpi"(%s, %a) <{{predicate = 5 : i64}}> : (i32, i32) -> i1
  {effect}
  "tt.{name}.return"(%s) : (i32) -> ()
}}) : (tensor<4x8xi32>) -> {result}
"""
ASSERT = '"tt.assert"(%ok) <{message = "grows"}> : (i1) -> ()'
PRINT = '"tt.print"(%a) <{prefix = " a: ", hex = false, isSigned = array<i32: 1>}> : (i32) -> ()'


def changed(name: str, effect: str, result: str) -> str:
    body = FUNCTION.format(name=name, effect=effect, result=result)
    module = parse(
        '"builtin.module"() ({\n"tt.func"() <{function_type = (tensor<4x8xi32>) -> (), sym_name = "k"}> ({\n'
        f'^bb0(%x: tensor<4x8xi32>):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    combiner_checks.run(module)
    verify(module)
    return print_ir(module)


@pytest.mark.parametrize(
    "name, result, flags", [("reduce", "tensor<4xi32>", "4xi1"), ("scan", "tensor<4x8xi32>", "4x8xi1")]
)
def test_an_assertion_is_combined_and_then_asserted(name, result, flags):
    check(
        changed(name, ASSERT, result),
        f"""
        CHECK: [[held]] = "arith.constant"() <{{value = dense<true> : tensor<4x8xi1>}}>
        CHECK: [[sums]]:2 = "tt.{name}"(%x, [[held]])
        CHECK: ([[a]]: i32, [[p]]: i1, [[b]]: i32, [[q]]: i1):
        CHECK: [[s]] = "arith.addi"([[a]], [[b]])
        CHECK: [[ok]] = "arith.cmpi"([[s]], [[a]])
        CHECK-NOT: tt.assert
        CHECK: [[both]] = "arith.andi"([[p]], [[q]])
        CHECK: [[all]] = "arith.andi"([[both]], [[ok]])
        CHECK: "tt.{name}.return"([[s]], [[all]])
        CHECK: "tt.assert"([[sums]]#1) <{{message = "grows"}}> : (tensor<{flags}>) -> ()
        """,
    )


def test_without_assertions_nothing_changes():
    assert '"tt.reduce"(%x) <' in changed("reduce", "", "tensor<4xi32>")


def test_a_print_has_no_element():
    with pytest.raises(Unsupported, match=r"tt.print.*in the function of a tt.reduce"):
        changed("reduce", PRINT, "tensor<4xi32>")
