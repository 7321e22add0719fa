"""The import of native modules: every construct arrives, and the native module stays as it was."""

import pytest

from triton_alloy.errors import InvalidIR
from triton_alloy.frontend import native
from triton_alloy.ir.types import DenseAttribute, PointerType, element_of

ir = pytest.importorskip("triton._C.libtriton").ir

TEXT = """\
module {
  tt.func public @kernel(%x: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %n: i32) {
    %c1 = arith.constant 1 : i32
    %range = tt.make_range {end = 64 : i32, start = 0 : i32} : tensor<64xi32>
    %same = arith.muli %n, %c1 : i32
    %bound = tt.splat %same : i32 -> tensor<64xi32>
    %mask = arith.cmpi slt, %range, %bound : tensor<64xi32>
    %base = tt.splat %x : !tt.ptr<f32> -> tensor<64x!tt.ptr<f32>>
    %p = tt.addptr %base, %range : tensor<64x!tt.ptr<f32>>, tensor<64xi32>
    %zero = arith.constant dense<0xFF800000> : tensor<64xf32>
    %v = tt.load %p, %mask, %zero : tensor<64x!tt.ptr<f32>>
    %w = arith.addf %v, %v : tensor<64xf32>
    tt.store %p, %w, %mask : tensor<64x!tt.ptr<f32>>
    tt.return
  }
}
"""


@pytest.fixture
def native_module(tmp_path):
    path = tmp_path / "kernel.ttir"
    path.write_text(TEXT)
    context = ir.context()
    ir.load_dialects(context)
    module = ir.parse_mlir_module(str(path), context)
    module.context = context
    return module


def test_import_leaves_a_valid_native_module(native_module):
    before = native_module.str_nodebug()
    native.import_module(native_module)
    assert native_module.verify()
    assert native_module.str_nodebug().replace(' attributes {llvm.data_layout = ""}', "") == before


def test_import_normalises_and_keeps_the_rest(native_module):
    module = native.import_module(native_module)
    assert module.attributes == {}
    [function] = module.body
    assert function.attributes["arg_attrs"][0]["tt.divisibility"].value == 16
    load = next(op for op in function.walk() if op.name == "tt.load")
    assert set(load.attributes) == {"isVolatile", "operandSegmentSizes"}
    assert isinstance(element_of(load.operands[0].type), PointerType)
    other = load.operands[2].definer
    assert other is not None and other.attributes["value"] == DenseAttribute((float("-inf"),), load.result.type)
    assert load.location.line == 11


def test_optimise(native_module):
    native.optimise(native_module)
    names = [op.name for op in native.import_module(native_module).walk()]
    assert "arith.muli" not in names and names.count("tt.load") == 1


def test_a_text_that_is_not_generic_is_refused(native_module):
    class Stubborn:
        context = native_module.context

        def set_attr(self, name, value):
            pass

        def str(self):
            return "module {\n}\n"

    with pytest.raises(InvalidIR, match="generic form"):
        native.import_module(Stubborn())
