"""Dots and casts in the forms that later stages know."""

import pytest

from tests.support.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.target import target_for
from triton_alloy.transforms.tensors import legalize


def legalized(arguments: str, body: str, family: str = "cpu") -> str:
    types = ", ".join(part.split(": ")[1] for part in arguments.split(", "))
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0({arguments}):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    legalize.run(module, target_for(family))
    return print_ir(module)


def test_a_half_dot_accumulates_in_f32():
    text = legalized(
        "%a: tensor<16x16xf16>, %c: tensor<16x16xf16>",
        '%d = "tt.dot"(%a, %a, %c) <{inputPrecision = 0 : i32, maxNumImpreciseAcc = 0 : i32}> : '
        "(tensor<16x16xf16>, tensor<16x16xf16>, tensor<16x16xf16>) -> tensor<16x16xf16>",
    )
    check(
        text,
        """
        CHECK: [[wide]] = "arith.extf"(%c) : (tensor<16x16xf16>) -> tensor<16x16xf32>
        CHECK: [[product]] = "tt.dot"(%a, %a, [[wide]])
        CHECK: "arith.truncf"([[product]]) : (tensor<16x16xf32>) -> tensor<16x16xf16>
        """,
    )


def test_each_operand_of_a_print_gets_one_of_its_own():
    text = legalized(
        "%x: tensor<4xi32>, %y: f32",
        '"tt.print"(%x, %y) <{prefix = " p: ", hex = false, isSigned = array<i32: 1, 0>}> : (tensor<4xi32>, f32) -> ()',
    )
    check(
        text,
        """
        CHECK: "tt.print"(%x) <{prefix = " p: ", hex = false, isSigned = array<i32: 1>, operand = 0, operands = 2}>
        CHECK: "tt.print"(%y) <{prefix = " p: ", hex = false, isSigned = array<i32: 0>, operand = 1, operands = 2}>
        CHECK-NOT: tt.print
        """,
    )


def test_bf16_to_f16_goes_through_f32():
    text = legalized("%x: tensor<4xbf16>", '%y = "tt.fp_to_fp"(%x) : (tensor<4xbf16>) -> tensor<4xf16>')
    check(
        text,
        """
        CHECK: [[wide]] = "arith.extf"(%x) : (tensor<4xbf16>) -> tensor<4xf32>
        CHECK: "arith.truncf"([[wide]]) : (tensor<4xf32>) -> tensor<4xf16>
        """,
    )


def test_toward_zero_steps_back_what_was_rounded_away_from_it():
    text = legalized(
        "%x: tensor<4xf32>", '%y = "tt.fp_to_fp"(%x) <{rounding = 0 : i32}> : (tensor<4xf32>) -> tensor<4xf16>'
    )
    assert '"arith.subi"' in text and '"arith.select"' in text


@pytest.mark.parametrize(
    "body, message",
    [
        ('%d = "tt.dot"(%x, %x, %c) : (tensor<16x16xf64>, tensor<16x16xf64>, tensor<16x16xf32>) '
         "-> tensor<16x16xf32>", "a dot of f64 with a f32 result"),
        ('%d = "tt.fp_to_fp"(%c) : (tensor<16x16xf32>) -> tensor<16x16xf8E5M2>', "a cast from f32 to f8E5M2"),
    ],
)  # fmt: skip
def test_types_without_a_rule_are_refused(body, message):
    with pytest.raises(Unsupported, match=message):
        legalized("%x: tensor<16x16xf64>, %c: tensor<16x16xf32>", body)


@pytest.mark.parametrize("name", ["reduce", "scan"])
def test_a_running_sum_of_bf16_is_kept_in_f32(name: str):
    result = "bf16" if name == "reduce" else "tensor<64xbf16>"
    text = legalized(
        "%x: tensor<64xbf16>",
        f'%r = "tt.{name}"(%x) <{{axis = 0 : i32}}> ({{\n^bb0(%a: bf16, %b: bf16):\n'
        f'%c = "arith.addf"(%a, %b) : (bf16, bf16) -> bf16\n"tt.{name}.return"(%c) : (bf16) -> ()\n}}) : '
        f"(tensor<64xbf16>) -> {result}",
    )
    check(
        text,
        f"""
        CHECK: [[wide]] = "arith.extf"(%x) : (tensor<64xbf16>) -> tensor<64xf32>
        CHECK: [[sum]] = "tt.{name}"([[wide]])
        CHECK: "arith.addf"({{{{.*}}}}) : (f32, f32) -> f32
        CHECK: "arith.truncf"([[sum]]) : {{{{.*}}}} -> {result}
        """,
    )


BYTES = '%d = "tt.dot"(%a, %b, %c) : (tensor<16x{k}xi8>, tensor<{k}x16xi8>, tensor<16x16xi32>) -> tensor<16x16xi32>'


@pytest.mark.parametrize("family, k, floats", [("apple9", 1024, True), ("apple9", 2048, False), ("cpu", 64, False)])
def test_bytes_are_multiplied_as_floats_where_that_is_exact(family, k, floats):
    arguments = f"%a: tensor<16x{k}xi8>, %b: tensor<{k}x16xi8>, %c: tensor<16x16xi32>"
    text = legalized(arguments, BYTES.format(k=k), family)
    assert ('"arith.fptosi"' in text) == floats
    assert (f'"tt.dot"(%a, %b, %c) : (tensor<16x{k}xi8>' in text) != floats


def test_the_halves_of_a_product():
    text = legalized("%x: i32", '%low, %high = "arith.mulsi_extended"(%x, %x) : (i32, i32) -> (i32, i32)')
    assert '"tt.mulhiui"(%x, %x)' in text and '"arith.muli"(%x, %x)' in text and text.count('"arith.subi"') == 2
