"""Moving pointers: which loops carry them, from where to where, and that accesses keep their addresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.filecheck import check
from tests.support.register_form import kernel_text
from tests.transforms.registers.test_lane_pointers import ARGUMENTS, PLACE, addresses
from triton_alloy.dialects.msl import is_lane_pointer, kernel_argument
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.registers import moving_pointers
from triton_alloy.transforms.registers.register_ops import access_of

LANE_POINTER = "!msl.reg<1x!tt.ptr<f32>>"
START = (
    PLACE
    + f"""
%wide = "arith.extsi"(%s) : (i32) -> i64
%far = "arith.extsi"(%t) : (i32) -> i64
%none = "arith.constant"() <{{value = 0 : i64}}> : () -> i64
%p = "msl.lane_pointer"(%x, %lane) : (!tt.ptr<f32>, !msl.reg<1xi32>) -> {LANE_POINTER}
"""
)


def i64(result: str, name: str, left: str, right: str) -> str:
    return f'{result} = "arith.{name}"({left}, {right}) : (i64, i64) -> i64\n'


def wide(result: str, index: str) -> str:
    return f'{result} = "arith.extsi"({index}) : (i32) -> i64\n'


def load(number: str, base: str = "%p", type_: str = "i64", pointer: str = LANE_POINTER, name: str = "q") -> str:
    """A load at a pointer moved by a number, whose values are stored where they show in the oracle's addresses."""
    added = f'%{name} = "msl.pointer_add"({base}, {number}) : ({pointer}, {type_}) -> {pointer}\n'
    offset = "!msl.uniform<4xi32>" if pointer is LANE_POINTER else "!msl.reg<4xi32>"
    place = "%row" if pointer is LANE_POINTER else "%lanes"
    return (
        f'{added}%v{name} = "msl.load"(%{name}, {place}) <{{contiguous = false}}> : ({pointer}, {offset}) -> '
        f'!msl.reg<4xf32>\n"msl.store"(%y, %row, %v{name}) <{{contiguous = false}}> : '
        "(!tt.ptr<f32>, !msl.uniform<4xi32>, !msl.reg<4xf32>) -> ()\n"
    )


def loop(body: str, low: str = "%t", high: str = "%end", step: str = "%one", index: str = "%k") -> str:
    return (
        f'"scf.for"({low}, {high}, {step}) ({{\n^bb0({index}: i32):\n{body}"scf.yield"() : () -> ()\n'
        "}) : (i32, i32, i32) -> ()\n"
    )


def carrying(name: str, body: str, first: str, following: str, low: str = "%t", high: str = "%end", kind: str = "i64"):
    """A loop that carries a number, %<name> in its body, and gives it on as %<name>1."""
    return (
        f'%{name}1 = "scf.for"({low}, {high}, %one, {first}) ({{\n^bb0(%k{name}: i32, %{name}: {kind}):\n{body}'
        f'"scf.yield"({following}) : ({kind}) -> ()\n}}) : (i32, i32, i32, {kind}) -> {kind}\n'
    )


def moved(body: str, family: str = "apple9", **scalars: int) -> str:
    """The text after the pass, which keeps every address."""
    text = kernel_text(ARGUMENTS, START + body)
    before, after = parse(text), parse(text)
    verify(before)
    moving_pointers.run(after, target_for(family))
    verify(after)
    expected, found = (addresses(module, scalars) for module in (before, after))
    assert expected and found == expected
    return print_ir(after)


SCALED = wide("%w", "%k") + i64("%n", "muli", "%w", "%wide")


def test_a_product_with_the_index_moves_the_pointer():
    check(
        moved(loop(SCALED + load("%n"), step="%three")),
        """
        CHECK: [[by]] = "arith.muli"({{.*}}, %wide)
        CHECK: [[first]] = "arith.muli"(%far, %wide)
        CHECK: [[start]] = "msl.pointer_add"(%p, [[first]])
        CHECK: "scf.for"({{.*}}, [[start]])
        CHECK-NOT: arith.muli
        CHECK: "msl.load"([[q]], %row)
        CHECK: [[next]] = "msl.pointer_add"([[q]], [[by]])
        CHECK: "scf.yield"([[next]])
        """,
    )


def test_a_loop_from_zero_starts_at_the_pointer_itself():
    text = moved(loop(SCALED + load("%n"), low="%zero", high="%three"))
    assert '"scf.for"(%zero, %three, %one, %p)' in text


def test_a_carried_number_gives_way_to_the_pointer():
    """Nobody else looks at it, so it is not carried any longer."""
    text = moved(carrying("c", load("%c") + i64("%d", "addi", "%c", "%wide"), "%far", "%d"))
    check(text, f"CHECK: scf.yield\nCHECK-NEXT: }}) : (i32, i32, i32, {LANE_POINTER}) -> {LANE_POINTER}")


def test_a_number_that_becomes_two_stays():
    """The loop gives it on in two places, of which somebody looks at one."""
    body = (
        '%c1:2 = "scf.for"(%zero, %three, %one, %far, %wide) ({\n^bb0(%k: i32, %c: i64, %e: i64):\n'
        + i64("%d", "muli", "%c", "%wide")
        + '"scf.yield"(%d, %d) : (i64, i64) -> ()\n}) : (i32, i32, i32, i64, i64) -> (i64, i64)\n'
    )
    assert '"scf.yield"([[d]], [[d]])'.replace("[[d]]", "%d") in moved(body + load("%c1#1"))


CONTINUED = """
CHECK: [[after]]{{.*}} = "scf.for"(%zero, %one, %one, {{.*}}%p)
CHECK: msl.pointer_add
CHECK-NEXT: scf.yield
CHECK-NOT: msl.pointer_add
CHECK: "scf.for"({{.*}}[[after]]{{.*}})
"""


def test_a_second_loop_goes_on_with_the_pointer_of_the_first():
    """Where it goes on with a number that the first has carried."""
    body = carrying("c", load("%c") + i64("%d", "addi", "%c", "%wide"), "%none", "%d", "%zero", "%one")
    body += carrying("e", load("%e", name="r") + i64("%d2", "addi", "%e", "%wide"), "%c1", "%d2", "%one", "%three")
    check(moved(body), CONTINUED)


def test_a_second_loop_goes_on_from_the_index_of_the_first():
    """Which carries its next index for that."""
    following = '%next = "arith.addi"(%kc, %one) : (i32, i32) -> i32\n'
    first = wide("%w", "%kc") + i64("%n", "muli", "%w", "%wide") + load("%n") + following
    second = wide("%v", "%k") + i64("%m", "muli", "%v", "%wide") + load("%m", name="r")
    body = carrying("c", first, "%zero", "%next", "%zero", "%one", kind="i32") + loop(second, "%c1", "%three")
    text = moved(body)
    check(text, CONTINUED)
    assert text.count("msl.pointer_add") == 2 and "arith.muli" not in text.split('"scf.for"', 1)[1]


def test_a_second_loop_that_starts_elsewhere_starts_its_pointer_there():
    step = i64("%d", "addi", "%c", "%wide")
    body = carrying("c", load("%c") + step, "%none", "%d", "%zero", "%one")
    body += loop(SCALED + load("%n", name="r"), "%t", "%end")
    assert moved(body).count("msl.pointer_add") == 3  # the start of the second, and a move in each


def test_sums_and_differences_of_what_rises():
    for name in ("addi", "subi"):
        body = SCALED + i64("%m", name, "%n", "%far") + i64("%o", name, "%m", "%w") + load("%o")
        assert "muli" not in moved(loop(body), s=5, t=-7).split('"scf.for"')[1].split('"scf.yield"')[0]


@pytest.mark.parametrize(
    "body",
    [
        loop(wide("%w", "%k") + i64("%n", "muli", "%w", "%w") + load("%n")),
        loop('%n = "arith.muli"(%k, %s) : (i32, i32) -> i32\n' + load("%n", type_="i32")),
        loop('%m = "arith.muli"(%k, %s) : (i32, i32) -> i32\n' + wide("%n", "%m") + load("%n")),
        carrying("c", load("%c") + i64("%d", "muli", "%c", "%wide"), "%far", "%d"),
        carrying(
            "c",
            load("%c", type_="i32") + '%d = "arith.addi"(%c, %s) : (i32, i32) -> i32\n',
            *("%t", "%d"),
            kind="i32",
        ),
    ],
    ids=["square of the index", "i32 product", "widened i32 product", "carried product", "carried i32"],
)
def test_what_does_not_rise_by_the_same_or_may_wrap_stays(body: str):
    """A product of i32 may wrap in one iteration and not in the next."""
    end = moved(body).split('"scf.yield"')[1].splitlines()[1]
    assert LANE_POINTER not in end, end


def test_a_pointer_with_other_uses_in_the_loop_is_kept():
    """Two pointers would take more registers than one and its offset."""
    body = loop(SCALED + load("%n") + load("%wide", name="r"))
    assert '"scf.yield"()' in moved(body)


def test_a_pointer_of_the_kernel_moves_where_that_spares_a_product():
    plain = "!tt.ptr<f32>"
    lanes = '%lanes = "arith.addi"(%lane, %row) : (!msl.reg<1xi32>, !msl.uniform<4xi32>) -> !msl.reg<4xi32>\n'
    product = moved(lanes + loop(SCALED + load("%n", "%x", pointer=plain)))
    assert f": (i32, i32, i32, {plain}) -> {plain}" in product
    assert '"scf.yield"()' in moved(lanes + loop(wide("%w", "%k") + load("%w", "%x", pointer=plain)))


def test_inner_loops_move_their_own():
    """Within an outer loop, from a pointer that the outer loop moves."""
    inner = wide("%w2", "%j") + i64("%m", "muli", "%w2", "%far") + load("%m", "%o", name="r")
    outer = SCALED + f'%o = "msl.pointer_add"(%p, %n) : ({LANE_POINTER}, i64) -> {LANE_POINTER}\n'
    text = moved(loop(outer + loop(inner, "%zero", "%three", index="%j")), t=3)
    assert "muli" not in text.split('"scf.for"')[2]


def test_unrolled_loops_and_targets_without_lane_pointers_stay():
    unrolled = loop(SCALED + load("%n"), "%zero", "%three").replace("%one) ({", "%one) <{unroll = true}> ({")
    assert '"scf.yield"()' in moved(unrolled)
    assert '"scf.yield"()' in moved(loop(SCALED + load("%n")), "cpu")


def test_where_a_moved_pointer_leads_is_known():
    """The kernel's argument; and that in and behind the loop it leads to different elements."""
    access = f'%{{}} = "msl.load"(%{{}}, %row) <{{{{contiguous = false}}}}> : ({LANE_POINTER}, !msl.uniform<4xi32>) -> '
    access += "!msl.reg<4xf32>\n"
    following = f'%d = "msl.pointer_add"(%c, %wide) : ({LANE_POINTER}, i64) -> {LANE_POINTER}\n'
    body = carrying("c", access.format("u", "c") + following, "%p", "%d", kind=LANE_POINTER)
    module = parse(kernel_text(ARGUMENTS, START + body + access.format("v", "c1")))
    inside, behind = [op for op in module.walk() if op.name == "msl.load"]
    [kernel] = module.body
    assert {kernel_argument(op.operands[0]) for op in (inside, behind)} == {kernel.body.arguments[0]}
    assert is_lane_pointer(inside.operands[0])
    first, second = access_of(inside), access_of(behind)
    assert first is not None and second is not None
    assert first.same_place(first) and not first.same_place(second)


@pytest.mark.parametrize(("second", "same"), [("%wide", True), ("%far", False)])
def test_pointers_of_two_arguments_are_at_one_place_if_they_move_alike(second: str, same: bool):
    """Those of the kernel, carried by a loop, with the same offset."""
    plain = "!tt.ptr<f32>"
    load_of = f'%v{{0}} = "msl.load"(%{{0}}, %row) <{{{{contiguous = false}}}}> : ({plain}, !msl.uniform<4xi32>) -> '
    load_of += "!msl.reg<4xf32>\n"
    add = f'%{{0}}2 = "msl.pointer_add"(%{{0}}, {{1}}) : ({plain}, i64) -> {plain}\n'
    body = load_of.format("c") + load_of.format("e") + add.format("c", "%wide") + add.format("e", second)
    types = f"{plain}, {plain}"
    text = (
        f'%c1:2 = "scf.for"(%zero, %three, %one, %x, %y) ({{\n^bb0(%k: i32, %c: {plain}, %e: {plain}):\n{body}'
        f'"scf.yield"(%c2, %e2) : ({types}) -> ()\n}}) : (i32, i32, i32, {types}) -> ({types})\n'
    )
    loads = [op for op in parse(kernel_text(ARGUMENTS, START + text)).walk() if op.name == "msl.load"]
    left, right = map(access_of, loads)
    assert left is not None and right is not None and left.same_place(right) is same


def test_an_unsigned_loop_is_left_alone():
    """Its index may be no i32 that is extended by its sign."""
    body = loop(SCALED + load("%n"), "%zero", "%three").replace("%one) ({", "%one) <{unsignedCmp = true}> ({")
    assert '"scf.yield"()' in moved(body)


def test_a_next_value_with_effects_is_kept():
    """An atomic, of which nobody but the next one wants what it finds."""
    atomic = '%d = "msl.atomic"(%x, %zero, %c) <{function = "uniform_atomic_xchg", has_mask = false}> : '
    body = carrying("c", atomic + "(!tt.ptr<f32>, i32, i32) -> i32\n", "%t", "%d", kind="i32")
    module = parse(kernel_text(ARGUMENTS, START + body))
    moving_pointers.run(module, target_for("apple9"))
    check(print_ir(module), 'CHECK: [[old]] = "msl.atomic"\nCHECK-NEXT: "scf.yield"([[old]])')


NUMBERS = ("%w", "%wide", "%far", "%none", "%c")


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Lines that end in an i64 %n, of an index, a carried number and what no loop changes."""
    lines, values = [wide("%w", "%kc")], list(NUMBERS)
    for number in range(draw(st.integers(1, 5))):
        name = draw(st.sampled_from(["addi", "subi", "muli"]))
        lines.append(i64(f"%n{number}", name, draw(st.sampled_from(values)), draw(st.sampled_from(values))))
        values += [f"%n{number}"] * 2
    return "".join(lines) + i64("%n", "addi", values[-1], "%none")


@settings(max_examples=150, deadline=None)
@given(numbers(), st.tuples(*[st.sampled_from([0, 1, -3, 40, 2**20, 2**31 - 40, -(2**31)])] * 2))
def test_any_number_keeps_its_addresses(lines: str, scalars: tuple[int, int]):
    """In two loops, of which the second goes on with what the first has carried."""
    s, t = scalars
    first = carrying("c", lines + load("%n") + i64("%d", "addi", "%c", "%wide"), "%far", "%d", "%zero", "%three")
    second = first.replace("%c1", "%e1").replace("%zero, %three, %one, %far", "%one, %three, %one, %c1")
    moved(first + second, s=s, t=t)
