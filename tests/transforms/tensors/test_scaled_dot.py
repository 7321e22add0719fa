"""tt.dot_scaled becomes a dot of decoded operands."""

import pytest

from tests.support.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.transforms.tensors import scaled_dot


def decomposed(a: str, b: str, scale: str, attributes: str) -> str:
    types = f"tensor<32x{a}>, tensor<{b}>, tensor<32x16xf32>, tensor<{scale}>"
    arguments = ", ".join(f"%{n}: {t.strip()}" for n, t in zip("abcs", types.split(", "), strict=True))
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0({arguments}):\n%d = "tt.dot_scaled"(%a, %b, %c, %s) <{{{attributes}, fastMath = false, '
        f"lhs_k_pack = true, rhs_k_pack = true}}> : ({types}) -> tensor<32x16xf32>\n"
        '"tt.return"() : () -> ()\n}) : () -> ()\n}) : () -> ()\n'
    )
    scaled_dot.run(module)
    return print_ir(module)


def test_a_scale_goes_to_its_block_of_k():
    check(
        decomposed(
            "64xf8E5M2", "64x16xbf16", "32x2xi8",
            "a_elem_type = 1 : i32, b_elem_type = 5 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>",
        ),
        """
        CHECK: "tt.expand_dims"({{.*}}) {{.*}} : (tensor<32x2xf32>) -> tensor<32x2x1xf32>
        CHECK: "tt.broadcast"({{.*}}) : (tensor<32x2x1xf32>) -> tensor<32x2x32xf32>
        CHECK: "tt.reshape"({{.*}}) : (tensor<32x2x32xf32>) -> tensor<32x64xf32>
        CHECK: [[left]] = "arith.truncf"({{.*}}) : (tensor<32x64xf32>) -> tensor<32x64xbf16>
        CHECK: "tt.dot"([[left]], %b, %c)
        """,
    )  # fmt: skip


def test_packed_operands_are_joined_along_k():
    check(
        decomposed(
            "32xi8", "32x16xi8", "32x2xi8",
            "a_elem_type = 4 : i32, b_elem_type = 4 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>",
        ),
        """
        CHECK: "tt.join"({{.*}}) : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x32x2xi8>
        CHECK: "tt.join"({{.*}}) : (tensor<32x16xi8>, tensor<32x16xi8>) -> tensor<32x16x2xi8>
        CHECK: "tt.trans"{{.*}} : (tensor<32x16x2xi8>) -> tensor<32x2x16xi8>
        CHECK: "tt.reshape"({{.*}}) : (tensor<32x2x16xi8>) -> tensor<64x16xi8>
        """,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(2, "e2m3"), (3, "e3m2")])
def test_six_bit_floats_are_refused(kind: int, name: str):
    attributes = f"a_elem_type = {kind} : i32, b_elem_type = 5 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>"
    with pytest.raises(Unsupported, match=f"operands of {name}, whose six bits have no form in memory"):
        decomposed("64xi8", "64x16xbf16", "32x2xi8", attributes)
