"""Copies of loops for whole tiles: what they leave out, where they end, and that every effect stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.integer_sums import near_i32, tensors
from tests.support.interpret import assert_same_effects
from tests.support.ttir import function
from triton_alloy.ir.core import Op
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.pretty_printer import print_pretty
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.tensors import whole_tiles

N, P = "tensor<8xi32>", "tensor<8x!tt.ptr<i32>>"
ARGUMENTS = "%p: !tt.ptr<i32>, %low: i32, %high: i32, %step: i32, %n: i32, %m: i32, %w: i64"
SETUP = f"""
    %i = tt.make_range {{end = 8 : i32, start = 0 : i32}} : {N}
    %ps = tt.splat %p : !tt.ptr<i32> -> {P}
    %at = tt.addptr %ps, %i : {P}, {N}
    %ns = tt.splat %n : i32 -> {N}
    %none = arith.constant dense<0> : {N}
    %other = arith.constant dense<100000> : {N}
    %c1 = arith.constant 1 : i32
    %c8 = arith.constant 8 : i32
    %c0 = arith.constant 0 : i32"""


def summed(mask: str, bounds: str = "%low to %high step %step", before: str = "", attributes: str = "") -> str:
    """A loop that sums what is loaded under %mask; the sum is stored behind what is loaded."""
    return function(
        f"""{SETUP}{before}
    %sum = scf.for %k = {bounds} iter_args(%c = %none) -> ({N}) : i32 {{
      %ks = tt.splat %k : i32 -> {N}
      %ki = arith.addi %ks, %i : {N}
      {mask}
      %x = tt.load %at, %mask, %other : {P}
      %twice = arith.addi %c, %c : {N}
      %next = arith.addi %twice, %x : {N}
      scf.yield %next : {N}
    }}{attributes}
    %to = tt.addptr %at, %none8 : {P}, {N}
    tt.store %to, %sum : {P}
    tt.return""".replace("%to = ", f"%none8 = arith.constant dense<8> : {N}\n    %to = "),
        ARGUMENTS,
    )


def run(text: str, target: str = "apple9") -> Op:
    module = parse_pretty(text)
    verify(module)
    whole_tiles.run(module, target_for(target))
    verify(module)
    return module


def kept(text: str, *calls: tuple[int, ...]) -> str:
    """The text after the pass; each call, by (low, high, step, n, m, w), has the effects that it had."""
    module = run(text)
    for call in calls:
        numbers = [np.array(value, np.int64 if i == 5 else np.int32) for i, value in enumerate(call)]
        assert_same_effects(parse_pretty(text), module, "f", [np.int64(0), *numbers])
    return print_pretty(module)


CALLS = [
    *((0, high, 8, n, 0, 0) for high in (-8, 0, 7, 40) for n in (-5, 0, 7, 8, 33, 40, 41, 100)),
    *((low, low + 30, step, n, 0, 0) for low in (-17, 5) for step in (1, 3, 8) for n in (low, low + 13, low + 40)),
    *((2**31 - 60, 2**31 - 9, 8, n, 0, 0) for n in (2**31 - 1, 2**31 - 30, -(2**31), 0)),
    *((-(2**31), -(2**31) + 30, 8, n, 0, 0) for n in (-(2**31), -(2**31) + 20, 2**31 - 1)),
    (50, 10, 8, 100, 0, 0),
]
BELOW = f"%mask = arith.cmpi slt, %ki, %ns : {N}"


def test_a_loop_has_a_copy_for_whole_tiles():
    text = kept(summed(BELOW), *CALLS)
    check(
        text,
        """
        CHECK: arith.minsi
        CHECK: arith.maxsi
        CHECK: [[whole]] = arith.trunci
        CHECK: scf.for {{.*}} = %arg1 to [[whole]] step %arg3
        CHECK-NOT: cmpi
        CHECK: tt.load [[at]] : tensor<8x!tt.ptr<i32>>
        CHECK: scf.yield
        CHECK: scf.for {{.*}} to %arg2 step %arg3
        CHECK: arith.cmpi
        CHECK: tt.load [[at]], {{.*}}, {{.*}} :
        CHECK: scf.yield
        """,
    )


MASKS = {
    "k + i <= n": f"%mask = arith.cmpi sle, %ki, %ns : {N}",
    "n > k + i": f"%mask = arith.cmpi sgt, %ns, %ki : {N}",
    "k + i >= n": f"%mask = arith.cmpi sge, %ki, %ns : {N}",
    "k + i > n": f"%mask = arith.cmpi sgt, %ki, %ns : {N}",
    "unsigned k + i < n": f"%mask = arith.cmpi ult, %ki, %ns : {N}",
    "unsigned n >= k + i": f"%mask = arith.cmpi uge, %ns, %ki : {N}",
    "i < n - k": f"%d = arith.subi %n, %k : i32\n%ds = tt.splat %d : i32 -> {N}\n%mask = arith.cmpi slt, %i, %ds : {N}",
    "k - i < n": f"%d = arith.subi %ks, %i : {N}\n%mask = arith.cmpi slt, %d, %ns : {N}",
    "n - k - i > 0": f"%d = arith.subi %ns, %ki : {N}\n%mask = arith.cmpi sgt, %d, %none : {N}",
    "4 k + i < n": f"""%f = arith.constant dense<4> : {N}
        %k4 = arith.muli %ks, %f : {N}\n%k4i = arith.addi %k4, %i : {N}\n%mask = arith.cmpi slt, %k4i, %ns : {N}""",
    "3 k + i < n": f"""%f = arith.constant dense<3> : {N}
        %k4 = arith.muli %ks, %f : {N}\n%k4i = arith.addi %k4, %i : {N}\n%mask = arith.cmpi slt, %k4i, %ns : {N}""",
    "-4 k + i < n": f"""%f = arith.constant dense<-4> : {N}
        %k4 = arith.muli %ks, %f : {N}\n%k4i = arith.addi %k4, %i : {N}\n%mask = arith.cmpi slt, %k4i, %ns : {N}""",
    "m <= k + i < n": f"""%ms = tt.splat %m : i32 -> {N}\n%m1 = arith.cmpi sge, %ki, %ms : {N}
        %m2 = arith.cmpi slt, %ki, %ns : {N}\n%mask = arith.andi %m1, %m2 : tensor<8xi1>""",
    "k + i < n or k + i > m": f"""%ms = tt.splat %m : i32 -> {N}\n%m1 = arith.cmpi sgt, %ki, %ms : {N}
        %m2 = arith.cmpi slt, %ki, %ns : {N}\n%mask = arith.ori %m1, %m2 : tensor<8xi1>""",
    "k + i != n": f"%mask = arith.cmpi ne, %ki, %ns : {N}",
    "wide k + i < w": f"""%ws = tt.splat %w : i64 -> tensor<8xi64>\n%kw = arith.extsi %ki : {N} to tensor<8xi64>
        %mask = arith.cmpi slt, %kw, %ws : tensor<8xi64>""",
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_any_mask_keeps_its_meaning(mask: str):
    kept(summed(mask), *((*call[:4], call[0] + 9, call[3] + 2) for call in CALLS))


@pytest.mark.parametrize(("low", "high", "step"), [(0, 0, 8), (0, 40, 8), (8, 37, 3), (-40, 40, 16), (40, 0, 8)])
@pytest.mark.parametrize("n", [-9, 0, 8, 29, 40, 2**31 - 1])
def test_bounds_that_are_known(low: int, high: int, step: int, n: int):
    before = "".join(
        f"\n    %{name} = arith.constant {value} : i32" for name, value in (("l", low), ("h", high), ("s", step))
    )
    kept(summed(BELOW, "%l to %h step %s", before), (0, 0, 0, n, 0, 0))


@pytest.mark.parametrize("n", [-3, 0, 5, 16, 22, 100])
@pytest.mark.parametrize("attributes", ["", " {tt.num_stages = 3 : i32}", " {tt.loop_unroll_factor = 2 : i32}"])
def test_a_store_keeps_its_mask(n: int, attributes: str):
    body = f"""{SETUP}
    scf.for %k = %low to %high step %step : i32 {{
      %ks = tt.splat %k : i32 -> {N}
      %ki = arith.addi %ks, %i : {N}
      {BELOW}
      %to = tt.addptr %at, %ks : {P}, {N}
      tt.store %to, %ki, %mask : {P}
    }}{attributes}
    tt.return"""
    text = kept(function(body, ARGUMENTS), (0, 40, 8, n, 0, 0), (3, 30, 7, n, 0, 0))
    assert text.count("scf.for") == 2


def test_a_mask_of_a_load_in_a_branch_and_of_a_carried_value():
    """What is carried bounds nothing; a branch runs in some iterations, its mask is true in all of the first loop."""
    branch = f"""
      {BELOW}
      %odd = arith.cmpi sgt, %k, %m : i32
      %y = scf.if %odd -> ({N}) {{
        %z = tt.load %at, %mask : {P}
        scf.yield %z : {N}
      }} else {{
        scf.yield %none : {N}
      }}
      %mask2 = arith.cmpi slt, %c, %ns : {N}
    """
    text = summed(branch).replace("tt.load %at, %mask, %other", "tt.load %at, %mask2, %other")
    text = text.replace("arith.addi %c, %c", "arith.addi %c, %y")
    printed = kept(text, *((*call[:4], call[0] + 9, 0) for call in CALLS))
    assert printed.count("scf.for") == 2 and printed.count("scf.if") == 2


def test_only_innermost_loops_whose_masks_change_have_copies():
    same = f"%mask = arith.cmpi slt, %i, %ns : {N}"
    assert print_pretty(run(summed(same))).count("scf.for") == 1
    assert print_pretty(run(summed(BELOW), "cpu")).count("scf.for") == 1
    unsigned = parse_pretty(summed(BELOW))
    [loop] = [op for op in unsigned.walk() if op.name == "scf.for"]
    loop.attributes["unsignedCmp"] = True
    whole_tiles.run(unsigned, target_for("apple9"))
    assert print_pretty(unsigned).count("scf.for") == 1


def test_a_mask_that_depends_on_an_outer_loop():
    inner = f"""{SETUP}
    %sum = scf.for %j = %c0 to %m step %c8 iter_args(%o = %none) -> ({N}) : i32 {{
      %in = scf.for %k = %j to %high step %step iter_args(%c = %o) -> ({N}) : i32 {{
        %jk = arith.addi %j, %k : i32
        %js = tt.splat %jk : i32 -> {N}
        %ki = arith.addi %js, %i : {N}
        {BELOW}
        %x = tt.load %at, %mask, %other : {P}
        %twice = arith.addi %c, %c : {N}
        %next = arith.addi %twice, %x : {N}
        scf.yield %next : {N}
      }}
      scf.yield %in : {N}
    }}
    %none8 = arith.constant dense<8> : {N}
    %to = tt.addptr %at, %none8 : {P}, {N}
    tt.store %to, %sum : {P}
    tt.return"""
    calls = [(0, high, step, n, m, 0) for high in (0, 20, 41) for step in (5, 8) for n in (-1, 17, 60) for m in (0, 30)]
    assert kept(function(inner, ARGUMENTS), *calls).count("scf.for") == 3


def test_masks_that_are_known_go_everywhere():
    always = f"%eight = arith.constant dense<8> : {N}\n%mask = arith.cmpi slt, %i, %eight : {N}"
    never = f"%eight = arith.constant dense<8> : {N}\n%mask = arith.cmpi sge, %i, %eight : {N}"
    for mask in (always, never):
        text = print_pretty(run(summed(mask), "cpu"))
        assert "cmpi" not in text and text.count("scf.for") == 1
        kept(summed(mask), *CALLS[:9])


def test_numbers_that_no_i64_holds_have_no_test():
    """(k * 2147483647 * 2147483647 * 1048576 + i) < n, of i32 that wrap."""
    lines, value = (
        [f"%big = arith.constant dense<2147483647> : {N}", f"%f = arith.constant dense<1048576> : {N}"],
        "%ns",
    )
    for number, factor in enumerate(("%big", "%big", "%f")):
        lines.append(f"%q{number} = arith.muli {value}, {factor} : {N}")
        value = f"%q{number}"
    lines += [f"%q = arith.addi {value}, %ki : {N}", f"%mask = arith.cmpi slt, %q, %ns : {N}"]
    module = run(summed("\n".join(lines)))
    constants = [op.attributes["value"] for op in module.walk() if op.name == "arith.constant"]
    numbers = [number for each in constants for number in (getattr(each, "values", None) or (each.value,))]
    assert all(-(2**63) <= number < 2**63 for number in numbers)
    kept(summed("\n".join(lines)), *CALLS)


# ------------------------------------------------------------------------------------------------------------ any masks
@st.composite
def masks(draw: st.DrawFn) -> str:
    scalars = {"k": "i32", "n": "i32", "m": "i32", "w": "i64"}
    (left, a, type_), (right, b, other) = draw(tensors("l", scalars)), draw(tensors("r", scalars))
    if type_ != other:
        right, b = f"%r = tt.splat %{'w' if type_ == 'i64' else 'n'} : {type_} -> tensor<8x{type_}>", "%r"
    predicate = draw(st.sampled_from(["slt", "sle", "sgt", "sge", "ult", "uge"]))
    return f"{left}\n{right}\n%mask = arith.cmpi {predicate}, {a}, {b} : tensor<8x{type_}>"


@st.composite
def calls(draw: st.DrawFn) -> tuple[int, ...]:
    """Loops of few iterations, whose next number is an i32."""
    step, trips, low = draw(st.sampled_from([1, 3, 8, 32, 2**20, 2**28])), draw(st.integers(-2, 6)), draw(near_i32())
    low = min(low, 2**31 - 1 - 8 * step)
    high = max(-(2**31), low + trips * step - draw(st.integers(0, step - 1)))
    near = st.sampled_from([low, high]).flatmap(lambda at: st.integers(at - 70, at + 70)) | near_i32()
    n, m = (max(-(2**31), min(2**31 - 1, draw(near))) for _ in range(2))
    return (low, high, step, n, m, draw(st.integers(-(2**40), 2**40) | near))


@settings(max_examples=120, deadline=None)
@given(masks(), st.lists(calls(), min_size=2, max_size=5))
def test_random_masks_keep_their_meaning(mask: str, cases: list[tuple[int, ...]]):
    with np.errstate(over="ignore"):
        event(f"{kept(summed(mask), *cases).count('scf.for')} loops")
