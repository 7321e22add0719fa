"""What has no counterpart is refused by name, with its reason, and before it is rewritten."""

import pytest

from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.transforms.tensors import refuse


def refused(argument: str, body: str = "") -> Unsupported:
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({argument}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0(%x: {argument}):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    with pytest.raises(Unsupported) as caught:
        refuse.run(module)
    return caught.value


@pytest.mark.parametrize("argument", ["f64", "!tt.ptr<f64>"])
def test_arguments_of_64_bit_floats(argument):
    error = refused(argument)
    assert error.op == "tt.func" and error.reason.startswith("Metal has no 64-bit floating point (value ")


def test_values_of_64_bit_floats():
    error = refused("tensor<4xf32>", '%y = "arith.extf"(%x) : (tensor<4xf32>) -> tensor<4xf64>')
    assert error.op == "arith.extf" and "64-bit floating point" in error.reason


def test_inline_assembly():
    error = refused("i32", '%y = "tt.elementwise_inline_asm"(%x) <{pure = true}> : (i32) -> i32')
    assert error.op == "tt.elementwise_inline_asm" and "assembly" in error.reason
