"""64-bit float arguments that are only rounded: what they become, that every value stays, and which are left alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import Interpreter
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import round_arguments

VALUES = (0.1, -1e-50, 1e300, 1 + 2**-24 + 2**-50, 1 + 2**-11 + 2**-40, float("-inf"))
"""Ordinary, too small, too large, and next to the middle of two numbers of f32 and of f16: rounding twice shows."""
STORE_F32 = '"tt.store"(%p, %r) : (!tt.ptr<f32>, f32) -> ()'
STORE_F16 = '"tt.store"(%q, %h) : (!tt.ptr<f16>, f16) -> ()'
TO_F32 = '%r = "arith.truncf"(%x) : (f64) -> f32'
ROUND_D = TO_F32.replace("%x", "%d")
TO_F16 = '%h = "arith.truncf"(%x) : (f64) -> f16'


def module_of(body: str, more: str = "") -> Op:
    arguments = "%p: !tt.ptr<f32>, %q: !tt.ptr<f16>, %x: f64, %y: f64, %c: i1"
    return parse(
        '"builtin.module"() ({\n"tt.func"() <{function_type = (!tt.ptr<f32>, !tt.ptr<f16>, f64, f64, i1) -> (), '
        f'sym_name = "f"{more}}}> ({{\n^bb0({arguments}):\n{body}\n"tt.return"() : () -> ()\n'
        "}) : () -> ()\n}) : () -> ()"
    )


def effects(module: Op, x: float, y: float, flag: bool) -> bytes:
    """The memory after a run. As the host does, the interpreter rounds what is passed to the types of the arguments."""
    memory = np.zeros(64, np.uint8)
    [function] = module.body
    arguments = (0, 32, x, y, flag)
    with np.errstate(over="ignore"):
        positions = function.attributes.get("positions", range(len(arguments)))
        Interpreter(module, memory).run(
            "f", *[np.float64(arguments[i]) if i in (2, 3) else arguments[i] for i in positions]
        )
    return memory.tobytes()


def rounded(body: str, more: str = "") -> str:
    """The module after the stage, which computes what it did before."""
    module = module_of(body, more)
    round_arguments.run(module)
    verify(module)
    for x, y, flag in itertools.product(VALUES, VALUES, (False, True)):
        assert effects(module, x, y, flag) == effects(module_of(body, more), x, y, flag)
    return print_ir(module)


def test_what_is_rounded_is_passed_rounded():
    check(
        rounded(f"{TO_F32}\n{STORE_F32}"),
        """
        CHECK-NOT: positions
        CHECK: function_type = (!tt.ptr<f32>, !tt.ptr<f16>, f32, f32, i1) -> ()
        CHECK: ^bb0(%p: !tt.ptr<f32>, %q: !tt.ptr<f16>, %x: f32, %y: f32, %c: i1):
        CHECK-NEXT: "tt.store"(%p, %x)
        """,
    )


def test_to_16_bits_it_is_rounded_once():
    assert "f16, f32, i1) -> ()" in rounded(f"{TO_F16}\n{STORE_F16}")


def test_one_argument_for_each_type():
    check(
        rounded(f"{TO_F16}\n{STORE_F16}\n{TO_F32}\n{STORE_F32}", ", arg_attrs = [{}, {}, {}, {}, {}]"),
        """
        CHECK: arg_attrs = [{}, {}, {}, {}, {}, {}], positions = array<i32: 0, 1, 2, 3, 4, 2>
        CHECK: %x: f32, %y: f32, %c: i1, [[half]]: f16):
        CHECK-NEXT: "tt.store"(%q, [[half]])
        CHECK-NEXT: "tt.store"(%p, %x)
        """,
    )


def test_rounding_comes_before_moves_and_signs():
    body = """
    %n = "arith.negf"(%y) : (f64) -> f64
    %k = "arith.constant"() <{value = 1.0e-1 : f64}> : () -> f64
    %s = "arith.select"(%c, %x, %n) : (i1, f64, f64) -> f64
    %t = "arith.select"(%c, %k, %s) : (i1, f64, f64) -> f64
    %v = "tt.splat"(%t) : (f64) -> tensor<2x1xf64>
    %w = "tt.broadcast"(%v) : (tensor<2x1xf64>) -> tensor<2x2xf64>
    %r = "arith.truncf"(%w) : (tensor<2x2xf64>) -> tensor<2x2xf32>
    %ps = "tt.splat"(%p) : (!tt.ptr<f32>) -> tensor<2x2x!tt.ptr<f32>>
    "tt.store"(%ps, %r) : (tensor<2x2x!tt.ptr<f32>>, tensor<2x2xf32>) -> ()
    """
    assert "f64" not in rounded(body)


@pytest.mark.parametrize("rounding", ["", ", rounding = 1 : i32"])
def test_casts_between_any_floats(rounding: str):
    module = module_of(f'%r = "tt.fp_to_fp"(%x) <{{unused = 1 : i32{rounding}}}> : (f64) -> f32\n{STORE_F32}')
    round_arguments.run(module)
    assert "fp_to_fp" not in print_ir(module)


@pytest.mark.parametrize(
    "body",
    [
        f'{TO_F16}\n{STORE_F16}\n%d = "arith.mulf"(%x, %x) : (f64, f64) -> f64\n{ROUND_D}\n{STORE_F32}',
        '%r = "tt.fp_to_fp"(%x) <{rounding = 0 : i32}> : (f64) -> f32\n' + STORE_F32,
        '%r = "arith.truncf"(%x) <{roundingmode = 3 : i32}> : (f64) -> f32\n' + STORE_F32,
        '%b = "tt.fp_to_fp"(%x) <{rounding = 1 : i32}> : (f64) -> f8E5M2\n'
        f'%r = "tt.fp_to_fp"(%b) : (f8E5M2) -> f32\n{STORE_F32}',
    ],
    ids=["arithmetic", "toward zero", "another mode", "8 bits"],
)
def test_other_uses_leave_the_argument_alone(body: str):
    module = module_of(body)
    round_arguments.run(module)
    verify(module)
    assert "%x: f64, %y: f32" in print_ir(module)
