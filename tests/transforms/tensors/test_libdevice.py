"""External functions become arithmetic, or are refused by name."""

import pytest

from tests.support.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.transforms.tensors import libdevice


def expanded(symbol: str, op: str = "tt.extern_elementwise", type_: str = "tensor<8xf32>") -> str:
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({type_}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0(%x: {type_}):\n%y = "{op}"(%x) <{{libname = "", libpath = "", pure = true, symbol = "{symbol}"}}> : '
        f'({type_}) -> {type_}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    libdevice.run(module)
    return print_ir(module)


def test_a_function_that_the_ir_has_is_that_op():
    check(expanded("__nv_expf"), 'CHECK: "math.exp"(%x) : (tensor<8xf32>) -> tensor<8xf32>')


def test_others_are_composed():
    text = expanded("__nv_cbrtf")
    assert "extern_elementwise" not in text and '"math.fma"' in text


@pytest.mark.parametrize("symbol", ["__nv_jn", "__nv_jnf", "my_function"])
def test_what_has_no_meaning_is_refused(symbol):
    with pytest.raises(Unsupported, match=f"the external function {symbol} has no counterpart"):
        expanded(symbol)


@pytest.mark.parametrize("name", sorted(set(libdevice.MATH) - {"math.copysign"}))
def test_functions_of_mlir_that_metal_lacks(name):
    """In f32 also for halves."""
    text = expanded("", op=name, type_="tensor<8xbf16>")
    assert name not in text and text.count('"arith.extf"') == text.count('"arith.truncf"') == 1
