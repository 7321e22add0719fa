"""Printed kernels run on the CPU and give what register form means in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.register_form import kernel_text, print_text, printed, run, run_numpy
from triton_alloy.ir.parser import parse

MODES = ("fast", "reference")


def both(arguments: str, body: str, arrays: dict, mode: str = "fast") -> dict:
    """The arrays after the kernel in numpy; asserts that the printed kernel gives the same."""
    text = kernel_text(arguments, body)
    expected = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in arrays.items()}
    actual = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in arrays.items()}
    run_numpy(parse(text), expected)
    kernel = printed(parse(text))
    run(kernel, actual, mode=mode)
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value, rtol=2e-6, atol=1e-6, err_msg=kernel.source)
    return expected


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


OFFSETS = """
%lane = "msl.lane"() : () -> !msl.reg<1xi32>
%row = "msl.register"() <{bases = [32, 64]}> : () -> !msl.uniform<4xi32>
%o = "arith.addi"(%lane, %row) : (!msl.reg<1xi32>, !msl.uniform<4xi32>) -> !msl.reg<4xi32>
"""
LOAD = '"msl.load"(%x, %o) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<4xi32>) -> !msl.reg<4xf32>'


def stored(value: str, count: int = 4) -> str:
    types = f"(!tt.ptr<f32>, !msl.reg<{count}xi32>, !msl.reg<{count}xf32>) -> ()"
    return f'"msl.store"(%y, %o, {value}) <{{contiguous = true}}> : {types}'


@pytest.mark.parametrize("mode", MODES)
def test_masked_vector_add(mode):
    body = f"""{OFFSETS}
    %m = "arith.cmpi"(%o, %n) <{{predicate = 2 : i64}}> : (!msl.reg<4xi32>, i32) -> !msl.reg<4xi1>
    %a = "msl.load"(%x, %o, %m) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xi1>) \
-> !msl.reg<4xf32>
    %s = "arith.addf"(%a, %a) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> !msl.reg<4xf32>
    "msl.store"(%y, %o, %s, %m) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xf32>, \
!msl.reg<4xi1>) -> ()
    """
    result = both(
        "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32", body, {"x": floats(128), "y": floats(128), "n": 77}, mode
    )
    assert (result["y"][77:] == floats(128)[77:]).all()


@pytest.mark.parametrize("mode", MODES)
def test_reduce_exchange_and_shuffle(mode):
    body = f"""{OFFSETS}
    %a = {LOAD}
    %e = "msl.exchange"(%a) <{{register_bit = 1 : i32, lane_bit = 2 : i32}}> : (!msl.reg<4xf32>) -> !msl.reg<4xf32>
    %s = "msl.shuffle_xor"(%e) <{{mask = 5 : i32}}> : (!msl.reg<4xf32>) -> !msl.reg<4xf32>
    %r:2 = "msl.reduce_registers"(%s, %a) <{{outputs = 2 : i32, map = [0, 2, 3, 1]}}> ({{
    ^bb0(%p: f32, %q: f32, %u: f32, %v: f32):
      %sum = "arith.addf"(%p, %u) : (f32, f32) -> f32
      %big = "arith.maxnumf"(%q, %v) : (f32, f32) -> f32
      "msl.yield"(%sum, %big) : (f32, f32) -> ()
    }}) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> (!msl.reg<2xf32>, !msl.reg<2xf32>)
    %t = "msl.simd_reduce"(%r#1) <{{kind = "max"}}> : (!msl.reg<2xf32>) -> !msl.uniform<2xf32>
    %w = "arith.mulf"(%r#0, %t) : (!msl.reg<2xf32>, !msl.uniform<2xf32>) -> !msl.reg<2xf32>
    %back = "msl.index"(%w) <{{map = [1, 0, 0, 1]}}> : (!msl.reg<2xf32>) -> !msl.reg<4xf32>
    %z = "arith.addf"(%back, %e) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> !msl.reg<4xf32>
    {stored("%z")}
    """
    both("%x: !tt.ptr<f32>, %y: !tt.ptr<f32>", body, {"x": floats(128), "y": floats(128)}, mode)


def test_swapped_arrays_in_a_loop():
    """The values carried trade places: a copy needs a spare."""
    body = f"""{OFFSETS}
    %a = {LOAD}
    %b = "arith.addf"(%a, %a) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> !msl.reg<4xf32>
    %zero = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
    %one = "arith.constant"() <{{value = 1 : i32}}> : () -> i32
    %r:2 = "scf.for"(%zero, %n, %one, %a, %b) ({{
    ^bb0(%k: i32, %p: !msl.reg<4xf32>, %q: !msl.reg<4xf32>):
      "scf.yield"(%q, %p) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> ()
    }}) : (i32, i32, i32, !msl.reg<4xf32>, !msl.reg<4xf32>) -> (!msl.reg<4xf32>, !msl.reg<4xf32>)
    %d = "arith.subf"(%r#0, %r#1) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> !msl.reg<4xf32>
    {stored("%d")}
    """
    for n in (0, 1, 2, 5):
        arrays = {"x": floats(128), "y": floats(128), "n": n}
        both("%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32", body, arrays)


def test_scalars_of_a_loop_are_read_before_they_are_written():
    """Fibonacci: (a, b) = (b, a + b)"""
    body = """
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %r:2 = "scf.for"(%zero, %n, %one, %zero, %one) ({
    ^bb0(%k: i32, %a: i32, %b: i32):
      %c = "arith.addi"(%a, %b) : (i32, i32) -> i32
      "scf.yield"(%b, %c) : (i32, i32) -> ()
    }) : (i32, i32, i32, i32, i32) -> (i32, i32)
    "msl.store"(%y, %zero, %r#0) <{contiguous = false}> : (!tt.ptr<i32>, i32, i32) -> ()
    """
    for n, expected in ((0, 0), (1, 1), (10, 55)):
        y = np.zeros(1, np.int32)
        assert both("%y: !tt.ptr<i32>, %n: i32", body, {"y": y, "n": n})["y"][0] == expected


def test_a_while_loop_passes_values_on():
    body = """
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %two = "arith.constant"() <{value = 2 : i32}> : () -> i32
    %r:2 = "scf.while"(%n, %zero) ({
    ^bb0(%v: i32, %steps: i32):
      %more = "arith.cmpi"(%v, %one) <{predicate = 4 : i64}> : (i32, i32) -> i1
      %next = "arith.addi"(%steps, %one) : (i32, i32) -> i32
      "scf.condition"(%more, %next, %v) : (i1, i32, i32) -> ()
    }, {
    ^bb0(%s: i32, %w: i32):
      %less = "arith.subi"(%w, %two) : (i32, i32) -> i32
      "scf.yield"(%less, %s) : (i32, i32) -> ()
    }) : (i32, i32) -> (i32, i32)
    %both = "arith.muli"(%r#0, %two) : (i32, i32) -> i32
    %sum = "arith.addi"(%both, %r#1) : (i32, i32) -> i32
    "msl.store"(%y, %zero, %sum) <{contiguous = false}> : (!tt.ptr<i32>, i32, i32) -> ()
    """
    for n in (-3, 1, 2, 9):
        both("%y: !tt.ptr<i32>, %n: i32", body, {"y": np.zeros(1, np.int32), "n": n})


@pytest.mark.parametrize("mode", MODES)
def test_vector_loads_with_another_value_under_the_mask(mode):
    body = """
    %lane = "msl.lane"() : () -> !msl.reg<1xi32>
    %four = "arith.constant"() <{value = 4 : i32}> : () -> i32
    %start = "arith.muli"(%lane, %four) : (!msl.reg<1xi32>, i32) -> !msl.reg<1xi32>
    %row = "msl.register"() <{bases = [1, 2, 128]}> : () -> !msl.uniform<8xi32>
    %o = "arith.addi"(%start, %row) : (!msl.reg<1xi32>, !msl.uniform<8xi32>) -> !msl.reg<8xi32>
    %m = "arith.cmpi"(%o, %n) <{predicate = 2 : i64}> : (!msl.reg<8xi32>, i32) -> !msl.reg<8xi1>
    %other = "arith.constant"() <{value = -3.5 : f32}> : () -> f32
    %a = "msl.load_vector"(%x, %o, %m, %other) <{width = 4 : i32}> : (!tt.ptr<f32>, !msl.reg<8xi32>, !msl.reg<8xi1>, \
f32) -> !msl.reg<8xf32>
    %two = "arith.addf"(%a, %a) : (!msl.reg<8xf32>, !msl.reg<8xf32>) -> !msl.reg<8xf32>
    "msl.store_vector"(%y, %o, %two) <{width = 4 : i32}> : (!tt.ptr<f32>, !msl.reg<8xi32>, !msl.reg<8xf32>) -> ()
    """
    both("%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32", body, {"x": floats(256), "y": floats(256), "n": 100}, mode)


def test_a_shift_inside_one_buffer_is_not_done_register_by_register():
    """x[i + 32] = x[i] through one argument: all loads come before the first store."""
    body = f"""{OFFSETS}
    %a = {LOAD}
    %c = "arith.constant"() <{{value = 32 : i32}}> : () -> i32
    %moved = "msl.pointer_add"(%x, %c) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>
    "msl.store"(%moved, %o, %a) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xf32>) -> ()
    """
    both("%x: !tt.ptr<f32>", body, {"x": floats(160)})


def test_matmul_of_rows():
    body = """
    %lane = "msl.lane"() : () -> !msl.reg<1xi32>
    %rows = "msl.register"() <{bases = [32, 64]}> : () -> !msl.uniform<4xi32>
    %deep = "msl.register"() <{bases = [32, 64, 128, 256, 512]}> : () -> !msl.uniform<32xi32>
    %oa = "arith.addi"(%lane, %rows) : (!msl.reg<1xi32>, !msl.uniform<4xi32>) -> !msl.reg<4xi32>
    %ob = "arith.addi"(%lane, %deep) : (!msl.reg<1xi32>, !msl.uniform<32xi32>) -> !msl.reg<32xi32>
    %z = "arith.constant"() <{value = 0.0 : f32}> : () -> f32
    %c0 = "msl.call"(%z) <{function = "f32"}> : (f32) -> !msl.reg<4xf32>
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %c = "scf.for"(%zero, %n, %one, %c0) ({
    ^bb0(%k: i32, %acc: !msl.reg<4xf32>):
      %a = "msl.load"(%x, %oa) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<4xi32>) -> !msl.reg<4xf32>
      %b = "msl.load"(%w, %ob) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<32xi32>) -> !msl.reg<32xf32>
      %next = "msl.mma"(%acc, %a, %b) <{function = "mma_rows", m = 4 : i32, n = 1 : i32, k = 32 : i32}> : \
(!msl.reg<4xf32>, !msl.reg<4xf32>, !msl.reg<32xf32>) -> !msl.reg<4xf32>
      "scf.yield"(%next) : (!msl.reg<4xf32>) -> ()
    }) : (i32, i32, i32, !msl.reg<4xf32>) -> !msl.reg<4xf32>
    "msl.store"(%y, %oa, %c) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xf32>) -> ()
    """
    arrays = {"x": floats(4, 32).ravel(), "w": floats(32, 32).ravel(), "y": floats(128), "n": 3}
    result = both("%x: !tt.ptr<f32>, %w: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32", body, arrays)
    np.testing.assert_allclose(result["y"].reshape(4, 32), 3 * floats(4, 32) @ floats(32, 32), rtol=1e-4, atol=1e-4)
    assert "acc[" not in _loop_text(print_text("%x: !tt.ptr<f32>, %w: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32", body))


def _loop_text(kernel) -> str:
    return kernel.source.split("for (int k")[1].split("\n    }\n")[0]
