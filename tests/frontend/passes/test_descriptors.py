"""Tensor descriptors and block pointers as plain pointers: what they load and store, wherever they come from."""

import numpy as np
import pytest

from tests.support.interpret import Interpreter
from tests.support.ttir import run_pass, text_after
from triton_alloy.errors import Unsupported
from triton_alloy.frontend.passes import block_pointer, canonicalize, combine, tensor_descriptor
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse

ROWS, COLUMNS = 3, 5
TENSOR = np.arange(1, ROWS * COLUMNS + 1, dtype=np.int32)
OUT = 256
"""Where the results go: after the tensor, which is at 0."""


def memory() -> np.ndarray:
    start = np.zeros(1024, np.uint8)
    start[: TENSOR.nbytes] = TENSOR.view(np.uint8)
    return start


def block_at(row: int, column: int, height: int, width: int, other: int = 0) -> np.ndarray:
    """What a block load gives: `other` outside of the tensor."""
    padded = np.full((64, 64), other, np.int32)
    padded[16 : 16 + ROWS, 16 : 16 + COLUMNS] = TENSOR.reshape(ROWS, COLUMNS)
    return padded[16 + row : 16 + row + height, 16 + column : 16 + column + width]


DESCRIPTORS = """module {
  tt.func public @f(%p: !tt.ptr<i32>, %q: !tt.ptr<i32>, %row: i32, %col: i32, %c: i1) -> tensor<2x4xi32> {
    %rows = arith.constant 3 : i32
    %cols = arith.constant 5 : i32
    %wide = arith.constant 5 : i64
    %one = arith.constant 1 : i64
    %zero = arith.constant 0 : i32
    %n = arith.constant 1 : i32
    %d = tt.make_tensor_descriptor %p, [%rows, %cols], [%wide, %one] : <i32>, <2x4xsi32>
    %e = tt.make_tensor_descriptor %q, [%rows, %cols], [%wide, %one] : <i32>, <2x4xsi32>
    %chosen = arith.select %c, %d, %e : !tt.tensordesc<2x4xsi32>
    %kept = scf.if %c -> (!tt.tensordesc<2x4xsi32>) {
      scf.yield %chosen : !tt.tensordesc<2x4xsi32>
    } else {
      scf.yield %d : !tt.tensordesc<2x4xsi32>
    }
    %l:2 = scf.for %i = %zero to %n step %n iter_args(%s = %kept, %a = %n) -> (!tt.tensordesc<2x4xsi32>, i32) : i32 {
      scf.yield %s, %i : !tt.tensordesc<2x4xsi32>, i32
    }
    %x = tt.call @load(%l#0, %row, %col) : (!tt.tensordesc<2x4xsi32>, i32, i32) -> tensor<2x4xi32>
    tt.descriptor_store %e[%row, %col], %x : !tt.tensordesc<2x4xsi32>, tensor<2x4xi32>
    tt.return %x : tensor<2x4xi32>
  }
  tt.func private @load(%d: !tt.tensordesc<2x4xsi32>, %row: i32, %col: i32) -> tensor<2x4xi32> {
    %x = tt.descriptor_load %d[%row, %col] : !tt.tensordesc<2x4xsi32> -> tensor<2x4xi32>
    tt.return %x : tensor<2x4xi32>
  }
}
"""


@pytest.mark.parametrize("row, column", [(0, 0), (1, 2), (2, 4), (-1, -2), (7, 0)])
@pytest.mark.parametrize("condition", [True, False])
def test_descriptors_load_and_store_within_the_tensor(row: int, column: int, condition: bool):
    module = run_pass(tensor_descriptor.run, DESCRIPTORS)
    assert not any("tensordesc" in str(value.type) for op in module.walk() for value in (*op.operands, *op.results))
    machine = Interpreter(_reshaped(module), memory(), (0, 0, 0))
    [loaded] = machine.run("f", 0, OUT, row, column, condition)
    assert (loaded == block_at(row, column, 2, 4)).all()
    stored = machine.memory[OUT : OUT + TENSOR.nbytes].view(np.int32).reshape(ROWS, COLUMNS)
    inside = [
        (r, c) for r in range(row, row + 2) for c in range(column, column + 4) if 0 <= r < ROWS and 0 <= c < COLUMNS
    ]
    expected = np.zeros((ROWS, COLUMNS), np.int32)
    for place in inside:
        expected[place] = TENSOR.reshape(ROWS, COLUMNS)[place]
    assert (stored == expected).all()


def _reshaped(module: Op) -> Op:
    """The interpreter has no tt.reshape of a vector to a row or column: they are expand_dims here."""
    for op in list(module.walk()):
        if op.name == "tt.reshape":
            op.name = "tt.expand_dims"
            axis = next(i for i, size in enumerate(op.result.type.shape) if size == 1)
            op.attributes["axis"] = axis
    return module


def test_a_descriptor_argument_is_seven_values_and_its_name():
    text = """module {
  tt.func public @f(%d: !tt.tensordesc<2x4xf32> loc("d"("k.py":1:2)), %n: i32 {tt.divisibility = 16 : i32}) {
    tt.return
  }
}
"""
    [kernel] = run_pass(tensor_descriptor.run, text).body
    arguments = kernel.body.arguments
    assert [str(a.type) for a in arguments] == ["!tt.ptr<f32>", "i64", "i64", "i64", "i64", "i1", "i1", "i32"]
    assert [a.name for a in arguments[:7]] == [
        *("d", "d.shape.0", "d.shape.1", "d.stride.0", "d.stride.1", "d.padding", "d.roundF32ToTF32")
    ]
    assert [bool(hints) for hints in kernel.attributes["arg_attrs"]] == [False] * 7 + [True]
    assert [str(t) for t in kernel.attributes["function_type"].inputs] == [str(a.type) for a in arguments]


LOAD_F32 = """module {
  tt.func public @f(%d: !tt.tensordesc<4xf32>, %n: i32) -> tensor<4xf32> {
    %x = tt.descriptor_load %d[%n] : !tt.tensordesc<4xf32> -> tensor<4xf32>
    tt.return %x : tensor<4xf32>
  }
}
"""


@pytest.mark.parametrize("rounds", [False, True])
@pytest.mark.parametrize("padding", [False, True])
def test_padding_and_rounding(rounds: bool, padding: bool):
    """Outside there is zero or nan; TF32 keeps 10 bits of the fraction, ties to even."""
    values = np.array([1.0, 1 + 2**-11, 1 + 3 * 2**-11, np.inf], np.float32)
    start = np.zeros(64, np.uint8)
    start[:16] = values.view(np.uint8)
    machine = Interpreter(run_pass(tensor_descriptor.run, LOAD_F32), start, (0, 0, 0))
    [loaded] = machine.run("f", 0, 4, 1, padding, rounds, 1)
    expected = [1.0, 1 + 2**-9, np.inf] if rounds else values[1:]
    assert (loaded[:3] == np.array(expected, np.float32)).all()
    assert np.isnan(loaded[3]) if padding else loaded[3] == 0


GATHER = """module {
  tt.func public @f(%d: !tt.tensordesc<1x4xi32>, %rows: tensor<8xi32>, %col: i32) -> tensor<8x4xi32> {
    %x = tt.descriptor_gather %d[%rows, %col] : (!tt.tensordesc<1x4xi32>, tensor<8xi32>, i32) -> tensor<8x4xi32>
    tt.descriptor_scatter %d[%rows, %col], %x : !tt.tensordesc<1x4xi32>, tensor<8xi32>, i32, tensor<8x4xi32>
    tt.return %x : tensor<8x4xi32>
  }
}
"""


def test_gather_takes_rows_anywhere():
    machine = Interpreter(_reshaped(run_pass(tensor_descriptor.run, GATHER)), memory(), (0, 0, 0))
    rows = [2, 0, 1, 9, -1, 2, 0, 0]
    [loaded] = machine.run("f", 0, ROWS, COLUMNS, COLUMNS, 1, False, False, np.array(rows, np.int32), 2)
    assert (loaded == np.concatenate([block_at(row, 2, 1, 4) for row in rows])).all()
    assert (machine.memory == memory()).all()  # what was gathered was scattered to where it came from


@pytest.mark.parametrize(
    "kind, type_, number",
    [("add", "f32", 5), ("add", "si32", 4), ("max", "ui32", 8), ("min", "si32", 7), ("xor", "si32", 3)],
)
def test_reductions_are_atomic_updates(kind: str, type_: str, number: int):
    tensor = f"tensor<4x{type_.lstrip('su')}>"
    text = f"""module {{
  tt.func public @f(%d: !tt.tensordesc<4x{type_}>, %n: i32, %x: {tensor}) {{
    tt.descriptor_reduce {kind}, %d[%n], %x : !tt.tensordesc<4x{type_}>, {tensor}
    tt.return
  }}
}}
"""
    [update] = [op for op in run_pass(tensor_descriptor.run, text).walk() if op.name == "tt.atomic_rmw"]
    assert update.integer("atomic_rmw_op") == number and len(update.operands) == 3


def test_a_float_maximum_is_refused():
    text = """module {
  tt.func public @f(%d: !tt.tensordesc<4xf32>, %n: i32, %x: tensor<4xf32>) {
    tt.descriptor_reduce max, %d[%n], %x : !tt.tensordesc<4xf32>, tensor<4xf32>
    tt.return
  }
}
"""
    with pytest.raises(Unsupported, match="update of f32"):
        run_pass(tensor_descriptor.run, text)


def test_the_rewritten_form_combines():
    """Its sums of 64-bit offsets become one; nothing of the descriptor is left."""

    def run(module: Op) -> None:
        for each in (tensor_descriptor.run, canonicalize.run, combine.run):
            each(module)

    text = text_after(
        run,
        DESCRIPTORS.replace(
            "tt.call @load(%l#0, %row, %col) : (!tt.tensordesc<2x4xsi32>, i32, i32) -> tensor<2x4xi32>",
            "tt.descriptor_load %d[%row, %col] : !tt.tensordesc<2x4xsi32> -> tensor<2x4xi32>",
        ),
    )
    assert text.split("tt.func private")[0].count("tt.addptr") == 2


BLOCK_POINTERS = """\
"tt.func"() <{function_type = (!tt.ptr<i32>, i32, i32) -> tensor<2x4xi32>, sym_name = "f"}> ({
^bb0(%p: !tt.ptr<i32>, %row: i32, %col: i32):
  %rows = "arith.constant"() <{value = 3 : i64}> : () -> i64
  %cols = "arith.constant"() <{value = 5 : i64}> : () -> i64
  %one = "arith.constant"() <{value = 1 : i64}> : () -> i64
  %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
  %a = "tt.make_tensor_ptr"(%p, %rows, %cols, %cols, %one, %zero, %col) <{order = array<i32: 1, 0>}> \
: (!tt.ptr<i32>, i64, i64, i64, i64, i32, i32) -> !tt.ptr<tensor<2x4xi32>>
  %b = "tt.advance"(%a, %row, %zero) : (!tt.ptr<tensor<2x4xi32>>, i32, i32) -> !tt.ptr<tensor<2x4xi32>>
  %x = "tt.load"(%b) <{boundaryCheck = array<i32: CHECKED>, isVolatile = false, operandSegmentSizes = \
array<i32: 1, 0, 0>, padding = 1 : i32}> : (!tt.ptr<tensor<2x4xi32>>) -> tensor<2x4xi32>
  "tt.return"(%x) : (tensor<2x4xi32>) -> ()
}) : () -> ()
"""


@pytest.mark.parametrize("checked, row, column", [("0, 1", 2, 3), ("0, 1", -1, -1), ("0", 2, 1), ("1", 1, 3)])
def test_block_pointers(checked: str, row: int, column: int):
    module = parse(BLOCK_POINTERS.replace("CHECKED", checked))
    block_pointer.run(module)
    [loaded] = Interpreter(_reshaped(module), memory(), (0, 0, 0)).run("f", 0, row, column)
    assert (loaded == block_at(row, column, 2, 4)).all()
