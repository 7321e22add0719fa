"""Out of SSA: which values share a variable, and where copies must remain."""

from __future__ import annotations

import pytest

from tests.support.filecheck import check
from tests.support.register_form import body_of, print_text

PLACE = """
%lane = "msl.lane"() : () -> !msl.reg<1xi32>
%row = "msl.register"() <{bases = [32, 64]}> : () -> !msl.uniform<4xi32>
%o = "arith.addi"(%lane, %row) : (!msl.reg<1xi32>, !msl.uniform<4xi32>) -> !msl.reg<4xi32>
%zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
%one = "arith.constant"() <{value = 1 : i32}> : () -> i32
%a = "msl.load"(%x, %o) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<4xi32>) -> !msl.reg<4xf32>
"""
ARGUMENTS = "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32"
A = "!msl.reg<4xf32>"


def store(value: str) -> str:
    types = f"(!tt.ptr<f32>, !msl.reg<4xi32>, {A}) -> ()"
    return f'"msl.store"(%y, %o, {value}) <{{contiguous = true}}> : {types}\n'


def text_of(body: str) -> str:
    return body_of(print_text(ARGUMENTS, PLACE + body))


def loop(inits: str, arguments: str, body: str, count: int) -> str:
    types = ", ".join([A] * count)
    results = f"({types})" if count > 1 else types
    return (
        f'%r{":" + str(count) if count > 1 else ""} = "scf.for"(%zero, %n, %one, {inits}) ({{\n'
        f"^bb0(%k: i32, {arguments}):\n{body}\n}}) : (i32, i32, i32, {types}) -> {results}\n"
    )


def test_a_large_accumulator_is_never_copied():
    """128 registers through mma, a scaling, and the next iteration: one array."""
    large = "!msl.reg<128xf32>"
    body = f"""
    %z = "arith.constant"() <{{value = 0.0 : f32}}> : () -> f32
    %c0 = "msl.call"(%z) <{{function = "f32"}}> : (f32) -> {large}
    %rows = "msl.register"() <{{bases = [32, 64, 128, 256, 512, 1024, 2048]}}> : () -> !msl.uniform<128xi32>
    %deep = "msl.register"() <{{bases = [32, 64, 128, 256, 512]}}> : () -> !msl.uniform<32xi32>
    %oc = "arith.addi"(%lane, %rows) : (!msl.reg<1xi32>, !msl.uniform<128xi32>) -> !msl.reg<128xi32>
    %ob = "arith.addi"(%lane, %deep) : (!msl.reg<1xi32>, !msl.uniform<32xi32>) -> !msl.reg<32xi32>
    %c = "scf.for"(%zero, %n, %one, %c0) ({{
    ^bb0(%k: i32, %acc: {large}):
      %p = "msl.load"(%x, %oc) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<128xi32>) -> {large}
      %q = "msl.load"(%x, %ob) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<32xi32>) -> !msl.reg<32xf32>
      %f = "arith.sitofp"(%k) : (i32) -> f32
      %scaled = "arith.mulf"(%acc, %f) : ({large}, f32) -> {large}
      %next = "msl.mma"(%scaled, %p, %q) <{{function = "mma_rows", m = 128 : i32, n = 1 : i32, k = 32 : i32}}> : \
({large}, {large}, !msl.reg<32xf32>) -> {large}
      "scf.yield"(%next) : ({large}) -> ()
    }}) : (i32, i32, i32, {large}) -> {large}
    "msl.store"(%y, %oc, %c) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<128xi32>, {large}) -> ()
    """
    text = text_of(body)
    assert text.count("f32 acc") == 1
    check(
        text,
        """
        CHECK: acc[r] = 0.0f;
        CHECK: for (int k_1 = 0;
        CHECK: acc[r] = acc[r] *
        CHECK: mma_rows<128, 1, 32>(acc, p, q);
        CHECK-NEXT: }
        CHECK: store_contiguous(y, {{.*}}, acc[r]);
        """,
    )
    assert text.count("acc[r] =") == 2


def test_an_elementwise_update_is_in_place():
    body = loop("%a", f"%s: {A}", f'%t = "arith.addf"(%s, %s) : ({A}, {A}) -> {A}\n"scf.yield"(%t) : ({A}) -> ()', 1)
    text = text_of(body + store("%r"))
    check(text, "CHECK: for (int k_1\n CHECK: s[r] = s[r] + s[r];\n CHECK-NEXT: }\n CHECK-NEXT: }")
    assert text.count("[4];") == 1


def test_an_initial_value_that_lives_on_is_copied_once():
    body = loop("%a", f"%s: {A}", f'%t = "arith.addf"(%s, %s) : ({A}, {A}) -> {A}\n"scf.yield"(%t) : ({A}) -> ()', 1)
    last = f'%u = "arith.subf"(%r, %a) : ({A}, {A}) -> {A}\n'
    text = text_of(body + last + store("%u"))
    check(text, "CHECK: s[r] = a[r];\n CHECK: for (int k_1\n CHECK: s[r] = s[r] + s[r];\n CHECK: s[r] - a[r]")
    assert text.count("= a[r];") == 1


def test_a_permuting_update_is_not_in_place():
    turn = f'%t = "msl.index"(%s) <{{map = [1, 2, 3, 0]}}> : ({A}) -> {A}\n"scf.yield"(%t) : ({A}) -> ()'
    text = text_of(loop("%a", f"%s: {A}", turn, 1) + store("%r"))
    assert "s[r] = s[" not in text
    assert text.count("[4];") == 2


def test_a_swap_needs_one_spare():
    twice = f'%b = "arith.addf"(%a, %a) : ({A}, {A}) -> {A}\n'
    swap = f'"scf.yield"(%q, %p) : ({A}, {A}) -> ()'
    last = f'%u = "arith.subf"(%r#0, %r#1) : ({A}, {A}) -> {A}\n'
    text = text_of(twice + loop("%a, %b", f"%p: {A}, %q: {A}", swap, 2) + last + store("%u"))
    inside = text.split("for (int k_1")[1].split("\n    }\n")[0]
    assert inside.count("for (int r") == 3
    assert text.count("[4];") == 3


@pytest.mark.parametrize("branch", ["then", "else"])
def test_an_update_in_one_branch_leaves_the_other_empty(branch):
    condition = '%c = "arith.cmpi"(%n, %one) <{predicate = 4 : i64}> : (i32, i32) -> i1\n'
    update = f'%t = "arith.addf"(%a, %a) : ({A}, {A}) -> {A}\n"scf.yield"(%t) : ({A}) -> ()'
    keep = f'"scf.yield"(%a) : ({A}) -> ()'
    first, second = (update, keep) if branch == "then" else (keep, update)
    body = f'{condition}%r = "scf.if"(%c) ({{\n{first}\n}}, {{\n{second}\n}}) : (i1) -> {A}\n'
    text = text_of(body + store("%r"))
    check(text, f"CHECK: if ({'' if branch == 'then' else '!'}c) {{\n CHECK: a[r] = a[r] + a[r];\n CHECK-NOT: else")
    assert text.count("[4];") == 1


def test_nested_loops_share_one_variable_for_a_carried_scalar():
    body = """
    %s = "scf.for"(%zero, %n, %one, %zero) ({
    ^bb0(%i: i32, %outer: i32):
      %t = "scf.for"(%zero, %n, %one, %outer) ({
      ^bb0(%j: i32, %inner: i32):
        %u = "arith.addi"(%inner, %j) : (i32, i32) -> i32
        "scf.yield"(%u) : (i32) -> ()
      }) : (i32, i32, i32, i32) -> i32
      "scf.yield"(%t) : (i32) -> ()
    }) : (i32, i32, i32, i32) -> i32
    %f = "arith.sitofp"(%s) : (i32) -> f32
    "msl.store"(%y, %zero, %f) <{contiguous = false}> : (!tt.ptr<f32>, i32, f32) -> ()
    """
    check(
        text_of(body),
        """
        CHECK: int outer = 0;
        CHECK-NEXT: for (int i = 0; i < scalars.n; ++i) {
        CHECK-NEXT: for (int j = 0; j < scalars.n; ++j) {
        CHECK-NEXT: outer = outer + j;
        CHECK-NEXT: }
        CHECK-NEXT: }
        """,
    )


def test_a_variable_is_declared_where_it_is_used():
    body = f"""
    "scf.for"(%zero, %n, %one) ({{
    ^bb0(%i: i32):
      %b = "msl.load"(%x, %o) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<4xi32>) -> {A}
      %e = "msl.exchange"(%b) <{{register_bit = 0 : i32, lane_bit = 1 : i32}}> : ({A}) -> {A}
      {store("%e")}
      "scf.yield"() : () -> ()
    }}) : (i32, i32, i32) -> ()
    """
    check(
        text_of(body),
        """
        CHECK: for (int i = 0;
        CHECK-NEXT: f32 b[4];
        CHECK: exchange(b[r * 2], b[r * 2 + 1], 1u, lane);
        """,
    )


def test_the_choice_among_variables_is_the_same_in_every_run():
    """Each of two arrays may hold the sum; where values lie in memory must not decide which."""
    barrier = '"msl.barrier"() <{scope = "device"}> : () -> ()\n'
    body = "".join(f'%{i} = "arith.{op}"(%a, %a) : ({A}, {A}) -> {A}\n' for i, op in enumerate(("mulf", "addf")))
    body += barrier + f'%2 = "arith.subf"(%0, %1) : ({A}, {A}) -> {A}\n' + barrier + store("%2")
    kept, texts = [], set()  # memory that moves the next values
    for size in range(20):
        kept += [bytes(length) for length in range(512) for _ in range(size % 4)]
        texts.add(text_of(body))
    assert len(texts) == 1
