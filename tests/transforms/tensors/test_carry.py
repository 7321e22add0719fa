"""Uniform carries: which are found, what they become, and that every value stays."""

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import carry

P, N = "tensor<4x!tt.ptr<i32>>", "tensor<4xi32>"
SETUP = f"""\
  %zero = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
  %one = "arith.constant"() <{{value = 1 : i32}}> : () -> i32
  %three = "arith.constant"() <{{value = 3 : i32}}> : () -> i32
  %range = "tt.make_range"() <{{start = 0 : i32, end = 4 : i32}}> : () -> {N}
  %ps = "tt.splat"(%p) : (!tt.ptr<i32>) -> {P}
  %base = "tt.addptr"(%ps, %range) : ({P}, {N}) -> {P}
  %four = "arith.constant"() <{{value = dense<4> : {N}}}> : () -> {N}
  %sx = "tt.splat"(%x) : (i32) -> {N}
"""


def transformed(body: str) -> str:
    text = (
        '"tt.func"() <{function_type = (!tt.ptr<i32>, i32) -> (), sym_name = "f"}> ({\n'
        "^bb0(%p: !tt.ptr<i32>, %x: i32):\n"
        f'{SETUP}{body}\n  "tt.return"() : () -> ()\n}}) : () -> ()'
    )
    module = parse(text)
    verify(module)
    carry.run(module)
    verify(module)
    for x in (-2, 0, 5):
        assert_same_effects(parse(text), module, "f", [512, x])
    return print_ir(module)


def test_pointers_by_a_constant_and_by_a_scalar():
    text = transformed(f"""\
  %end:2 = "scf.for"(%zero, %three, %one, %base, %base) ({{
  ^bb0(%k: i32, %a: {P}, %b: {P}):
    %v = "tt.load"(%a) : ({P}) -> {N}
    "tt.store"(%b, %v) : ({P}, {N}) -> ()
    %a2 = "tt.addptr"(%a, %four) : ({P}, {N}) -> {P}
    %b1 = "tt.addptr"(%b, %sx) : ({P}, {N}) -> {P}
    %b2 = "tt.addptr"(%b1, %four) : ({P}, {N}) -> {P}
    "scf.yield"(%a2, %b2) : ({P}, {P}) -> ()
  }}) : (i32, i32, i32, {P}, {P}) -> ({P}, {P})
  "tt.store"(%end#1, %range) : ({P}, {N}) -> ()
""")
    check(
        text,
        """
        CHECK: [[start]] = "arith.constant"() <{value = 0 : i64}>
        CHECK: [[end]]:2 = "scf.for"(%zero, %three, %one, [[start]], [[start]])
        CHECK-NEXT: ^bb0(%k: i32, [[a]]: i64, [[b]]: i64):
        CHECK-NEXT: [[sa]] = "tt.splat"([[a]]) : (i64) -> tensor<4xi64>
        CHECK-NEXT: [[pa]] = "tt.addptr"(%base, [[sa]])
        CHECK-NEXT: [[sb]] = "tt.splat"([[b]])
        CHECK-NEXT: [[pb]] = "tt.addptr"(%base, [[sb]])
        CHECK-NEXT: %v = "tt.load"([[pa]])
        CHECK-NEXT: "tt.store"([[pb]], %v)
        CHECK: [[wide]] = "arith.extsi"(%x) : (i32) -> i64
        CHECK: "scf.yield"({{.*}}) : (i64, i64) -> ()
        CHECK: "tt.addptr"(%base, {{.*}}) : (tensor<4x!tt.ptr<i32>>, tensor<4xi64>)
        CHECK-NEXT: "tt.store"
        """,
    )


def test_integers_keep_their_width_and_wrap():
    text = transformed(f"""\
  %huge = "arith.constant"() <{{value = dense<2147483647> : {N}}}> : () -> {N}
  %end = "scf.for"(%zero, %three, %one, %range) ({{
  ^bb0(%k: i32, %a: {N}):
    %a1 = "arith.addi"(%huge, %a) : ({N}, {N}) -> {N}
    %a2 = "arith.addi"(%a1, %sx) : ({N}, {N}) -> {N}
    "scf.yield"(%a2) : ({N}) -> ()
  }}) : (i32, i32, i32, {N}) -> {N}
  "tt.store"(%base, %end) : ({P}, {N}) -> ()
""")
    check(text, "CHECK: ^bb0(%k: i32, %a: i32):\nCHECK-NOT: extsi\nCHECK: arith.addi\nCHECK: (i32) -> ()")


def test_a_step_that_changes_is_uniform_too():
    """The step is computed in the loop, and goes through a broadcast."""
    text = transformed(f"""\
  %end = "scf.for"(%zero, %three, %one, %base) ({{
  ^bb0(%k: i32, %a: {P}):
    "tt.store"(%a, %range) : ({P}, {N}) -> ()
    %s1 = "tt.splat"(%k) : (i32) -> tensor<1xi32>
    %s4 = "tt.broadcast"(%s1) : (tensor<1xi32>) -> {N}
    %a2 = "tt.addptr"(%a, %s4) : ({P}, {N}) -> {P}
    "scf.yield"(%a2) : ({P}) -> ()
  }}) : (i32, i32, i32, {P}) -> {P}
""")
    check(text, 'CHECK: ^bb0(%k: i32, %a: i64):\nCHECK: "arith.extsi"(%k)')


@pytest.mark.parametrize(
    "next_value",
    [
        f'%n = "tt.addptr"(%a, %range) : ({P}, {N}) -> {P}',
        f'%n = "tt.addptr"(%base, %four) : ({P}, {N}) -> {P}',
    ],
    ids=["a step that varies", "another start"],
)
def test_other_carries_stay(next_value):
    text = transformed(f"""\
  %end = "scf.for"(%zero, %three, %one, %base) ({{
  ^bb0(%k: i32, %a: {P}):
    "tt.store"(%a, %range) : ({P}, {N}) -> ()
    {next_value}
    "scf.yield"(%n) : ({P}) -> ()
  }}) : (i32, i32, i32, {P}) -> {P}
""")
    check(text, f"CHECK: ^bb0(%k: i32, %a: {P}):")


def test_what_never_changes_is_not_carried():
    text = transformed(f"""\
  %end:2 = "scf.for"(%zero, %three, %one, %base, %x) ({{
  ^bb0(%k: i32, %a: {P}, %c: i32):
    "tt.store"(%a, %range) : ({P}, {N}) -> ()
    %d = "arith.addi"(%c, %k) : (i32, i32) -> i32
    "scf.yield"(%a, %d) : ({P}, i32) -> ()
  }}) : (i32, i32, i32, {P}, i32) -> ({P}, i32)
  %s = "tt.splat"(%end#1) : (i32) -> {N}
  "tt.store"(%end#0, %s) : ({P}, {N}) -> ()
""")
    check(
        text,
        """
        CHECK: [[end]] = "scf.for"(%zero, %three, %one, %x)
        CHECK-NEXT: ^bb0(%k: i32, %c: i32):
        CHECK-NEXT: "tt.store"(%base, %range)
        CHECK: "tt.splat"([[end]])
        CHECK-NEXT: "tt.store"(%base,
        """,
    )


def test_nested_loops():
    """The inner loop's end is where the outer one goes on."""
    text = transformed(f"""\
  %end = "scf.for"(%zero, %three, %one, %base) ({{
  ^bb0(%k: i32, %a: {P}):
    %in = "scf.for"(%zero, %three, %one, %a) ({{
    ^bb0(%l: i32, %b: {P}):
      "tt.store"(%b, %range) : ({P}, {N}) -> ()
      %b2 = "tt.addptr"(%b, %four) : ({P}, {N}) -> {P}
      "scf.yield"(%b2) : ({P}) -> ()
    }}) : (i32, i32, i32, {P}) -> {P}
    %a2 = "tt.addptr"(%in, %sx) : ({P}, {N}) -> {P}
    "scf.yield"(%a2) : ({P}) -> ()
  }}) : (i32, i32, i32, {P}) -> {P}
  "tt.store"(%end, %range) : ({P}, {N}) -> ()
""")
    check(text, "CHECK: ^bb0(%k: i32, %a: i64):\nCHECK: ^bb0(%l: i32, %b: i64):")


def test_while_loops():
    text = transformed(f"""\
  %end:2 = "scf.while"(%zero, %base) ({{
  ^bb0(%k: i32, %a: {P}):
    %go = "arith.cmpi"(%k, %three) <{{predicate = 2 : i64}}> : (i32, i32) -> i1
    "scf.condition"(%go, %k, %a) : (i1, i32, {P}) -> ()
  }}, {{
  ^bb0(%l: i32, %b: {P}):
    "tt.store"(%b, %range) : ({P}, {N}) -> ()
    %b2 = "tt.addptr"(%b, %sx) : ({P}, {N}) -> {P}
    %l2 = "arith.addi"(%l, %one) : (i32, i32) -> i32
    "scf.yield"(%l2, %b2) : (i32, {P}) -> ()
  }}) : (i32, {P}) -> (i32, {P})
  "tt.store"(%end#1, %range) : ({P}, {N}) -> ()
""")
    check(
        text,
        """
        CHECK: ^bb0(%k: i32, %a: i64):
        CHECK: "scf.condition"({{.*}}, %k, %a) : (i1, i32, i64)
        CHECK: ^bb0(%l: i32, %b: i64):
        CHECK: (i32, i64) -> (i32, i64)
        """,
    )
