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


def test_inline_assembly():
    error = refused("i32", '%y = "tt.elementwise_inline_asm"(%x) <{pure = true}> : (i32) -> i32')
    assert error.op == "tt.elementwise_inline_asm" and "assembly" in error.reason
