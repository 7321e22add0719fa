"""8-bit floats become bytes: types, constants, casts and dots."""

from tests.support.filecheck import check
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.transforms.tensors import small_floats


def as_bytes(arguments: str, body: str) -> str:
    types = ", ".join(part.split(": ")[1] for part in arguments.split(", "))
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0({arguments}):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    small_floats.run(module)
    text = print_ir(module)
    assert "f8E" not in text
    return text


def test_pointers_and_constants_become_bytes():
    check(
        as_bytes(
            "%p: !tt.ptr<f8E5M2>",
            '%x = "arith.constant"() <{value = -1.0 : f8E5M2}> : () -> f8E5M2\n'
            '"tt.store"(%p, %x) : (!tt.ptr<f8E5M2>, f8E5M2) -> ()',
        ),
        """
        CHECK: (!tt.ptr<i8>) -> ()
        CHECK: value = -68 : i8
        CHECK: "tt.store"(%p, %x) : (!tt.ptr<i8>, i8) -> ()
        """,
    )


def test_a_bitcast_of_a_byte_is_nothing():
    text = as_bytes(
        "%x: tensor<4xi8>, %p: tensor<4x!tt.ptr<f8E4M3FN>>",
        '%y = "tt.bitcast"(%x) : (tensor<4xi8>) -> tensor<4xf8E4M3FN>\n'
        '"tt.store"(%p, %y) : (tensor<4x!tt.ptr<f8E4M3FN>>, tensor<4xf8E4M3FN>) -> ()',
    )
    assert '"tt.store"(%p, %x)' in text and "bitcast" not in text


def test_a_dot_takes_them_as_f16():
    check(
        as_bytes(
            "%a: tensor<16x16xf8E4M3FN>, %b: tensor<16x16xf8E5M2>, %c: tensor<16x16xf32>",
            '%d = "tt.dot"(%a, %b, %c) <{inputPrecision = 2 : i32, maxNumImpreciseAcc = 0 : i32}> : '
            "(tensor<16x16xf8E4M3FN>, tensor<16x16xf8E5M2>, tensor<16x16xf32>) -> tensor<16x16xf32>",
        ),
        """
        CHECK: [[left]] = "arith.truncf"({{.*}}) : (tensor<16x16xf32>) -> tensor<16x16xf16>
        CHECK: [[right]] = "arith.truncf"({{.*}}) : (tensor<16x16xf32>) -> tensor<16x16xf16>
        CHECK: "tt.dot"([[left]], [[right]], %c)
        """,
    )


def test_other_arithmetic_is_done_in_f32():
    check(
        as_bytes(
            "%x: tensor<4xf8E5M2>, %y: tensor<4xf8E5M2>",
            '%z = "arith.addf"(%x, %y) : (tensor<4xf8E5M2>, tensor<4xf8E5M2>) -> tensor<4xf8E5M2>',
        ),
        """
        CHECK: [[sum]] = "arith.addf"({{.*}}) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
        CHECK: "arith.trunci"({{.*}}) : (tensor<4xi32>) -> tensor<4xi8>
        """,
    )
