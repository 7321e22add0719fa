"""Register form to loops: which ops share a loop, and what becomes an array."""

from __future__ import annotations

import re

import pytest

from tests.support.filecheck import check
from tests.support.register_form import kernel_text
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.transforms.registers import form_loops

POINTERS = "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>"
PLACE = """
%lane = "msl.lane"() : () -> !msl.reg<1xi32>
%row = "msl.register"() <{bases = [32, 64]}> : () -> !msl.uniform<4xi32>
%o = "arith.addi"(%lane, %row) : (!msl.reg<1xi32>, !msl.uniform<4xi32>) -> !msl.reg<4xi32>
"""


def loops(arguments: str, body: str, held_words: int = 0) -> str:
    module = parse(kernel_text(arguments, body))
    form_loops.run(module, held_words)
    return print_ir(module)


def load(result: str, base: str, offset: str = "%o") -> str:
    return (
        f'{result} = "msl.load"({base}, {offset}) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<4xi32>) '
        "-> !msl.reg<4xf32>\n"
    )


def store(base: str, value: str, offset: str = "%o") -> str:
    types = "(!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xf32>) -> ()"
    return f'"msl.store"({base}, {offset}, {value}) <{{contiguous = true}}> : {types}\n'


def binary(result: str, op: str, a: str, b: str, type_: str = "!msl.reg<4xf32>") -> str:
    return f'{result} = "{op}"({a}, {b}) : ({type_}, {type_}) -> {type_}\n'


def test_loads_arithmetic_and_the_store_at_one_offset_share_a_loop():
    body = PLACE + load("%a", "%x") + load("%b", "%y") + binary("%c", "arith.addf", "%a", "%b") + store("%x", "%c")
    text = loops(POINTERS, body)
    assert text.count("msl.loop") == 1
    check(
        text,
        """
        CHECK: "msl.loop"() <{count = 4
        CHECK: "msl.position"
        CHECK: "msl.load"(%x,
        CHECK: "msl.load"(%y,
        CHECK: "arith.addf"
        CHECK: "msl.store"(%x,
        CHECK-NEXT: "msl.yield"() : () -> ()
        """,
    )


def test_a_store_at_another_offset_waits_for_all_loads():
    shifted = '%s = "arith.addi"(%o, %o) : (!msl.reg<4xi32>, !msl.reg<4xi32>) -> !msl.reg<4xi32>\n'
    text = loops(POINTERS, PLACE + shifted + load("%a", "%x") + store("%y", "%a", "%s"))
    assert text.count("msl.loop") == 2
    check(
        text,
        """
        CHECK: [[a]] = "msl.loop"
        CHECK: "msl.load"
        CHECK: "msl.loop"
        CHECK: "msl.read"([[a]]
        CHECK: "msl.store"
        """,
    )


def test_a_load_never_passes_a_store():
    body = PLACE + store("%x", "%v") + load("%a", "%y") + store("%y", "%a", "%s")
    arrays = "%v: !msl.reg<4xf32>, %s: !msl.reg<4xi32>"
    text = loops(f"{POINTERS}, {arrays}", body)
    check(text, 'CHECK: "msl.store"(%x\n CHECK: "msl.load"(%y\n CHECK: "msl.loop"\n CHECK: "msl.store"(%y')


def test_two_places_of_one_argument_are_not_the_same_place():
    moved = """
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %z = "msl.pointer_add"(%x, %one) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>
    """
    text = loops(POINTERS, PLACE + moved + load("%a", "%x") + store("%z", "%a"))
    assert text.count("msl.loop") == 2


def test_renamings_cost_nothing_but_the_producer_must_be_finished():
    swap = '%b = "msl.index"(%a) <{map = [1, 0, 3, 2]}> : (!msl.reg<4xf32>) -> !msl.reg<4xf32>\n'
    body = PLACE + load("%a", "%x") + swap + binary("%c", "arith.subf", "%a", "%b") + store("%y", "%c")
    text = loops(POINTERS, body)
    assert text.count("msl.loop") == 2 and "msl.index" not in text
    check(text, 'CHECK: "msl.read"(%a, [[r]]) <{map = array<i32: 0, 1, 2, 3>\n CHECK: map = array<i32: 1, 0, 3, 2>')


def test_offsets_are_recomputed_but_not_what_costs_more():
    body = (
        PLACE
        + load("%a", "%x")
        + binary("%e", "arith.divf", "%a", "%a")
        + '"msl.barrier"() <{scope = "simdgroup"}> : () -> ()\n'
        + store("%y", "%e")
    )
    text = loops(POINTERS, body)
    assert text.count("msl.position") == 2
    check(text, 'CHECK: [[e]] = "msl.loop"\n CHECK: "arith.divf"\n CHECK: "msl.barrier"\n CHECK: "msl.read"([[e]]')


def test_early_single_values_do_not_split_a_loop():
    scalar = '%n = "msl.program_id"() <{axis = 0 : i32}> : () -> i32\n %f = "arith.sitofp"(%n) : (i32) -> f32\n'
    scaled = '%b = "arith.mulf"(%a, %f) : (!msl.reg<4xf32>, f32) -> !msl.reg<4xf32>\n'
    text = loops(POINTERS, PLACE + load("%a", "%x") + scalar + scaled + store("%y", "%b"))
    assert text.count("msl.loop") == 1
    check(text, 'CHECK: "arith.sitofp"\n CHECK: "msl.loop"')


def test_registers_are_reduced_in_order():
    reduce = """
    %t = "msl.reduce_registers"(%a) <{outputs = 1 : i32, map = [3, 1, 2, 0]}> ({
    ^bb0(%p: f32, %q: f32):
      %s = "arith.subf"(%p, %q) : (f32, f32) -> f32
      "msl.yield"(%s) : (f32) -> ()
    }) : (!msl.reg<4xf32>) -> !msl.reg<1xf32>
    %z = "arith.constant"() <{value = 0 : i32}> : () -> i32
    "msl.store"(%y, %z, %t) <{contiguous = true}> : (!tt.ptr<f32>, i32, !msl.reg<1xf32>) -> ()
    """
    check(
        loops(POINTERS, PLACE + load("%a", "%x") + reduce),
        """
        CHECK: [[first]] = "msl.read"(%a) <{map = array<i32: 3>
        CHECK: "msl.loop"([[first]]) <{count = 3, start = 1, carried = 1}>
        CHECK: ^bb0([[j]]: index, [[running]]: !msl.reg<1xf32>
        CHECK: [[x]] = "msl.read"(%a, [[j]]) <{map = array<i32: 3, 1, 2, 0>
        CHECK: "arith.subf"([[running]], [[x]])
        """,
    )


REDUCE = """
%t = "msl.reduce_registers"(%a) <{{outputs = 1 : i32, map = [3, 1, 2, 0]}}> ({{
^bb0(%p: f32, %q: f32):
  %s = "{op}"(%p, %q) : (f32, f32) -> f32
  "msl.yield"(%s) : (f32) -> ()
}}) : (!msl.reg<4xf32>) -> !msl.reg<1xf32>
"""
STORE_TOTAL = """
%z = "arith.constant"() <{value = 0 : i32}> : () -> i32
"msl.store"(%y, %z, %t) <{contiguous = true}> : (!tt.ptr<f32>, i32, !msl.reg<1xf32>) -> ()
"""


@pytest.mark.parametrize(
    ("op", "start"),
    [("arith.addf", "-0.0"), ("arith.mulf", "1.0"), ("arith.maxnumf", "0x7FC00000"), ("arith.maximumf", "0xFF800000")],
)
def test_a_reduction_runs_along_with_the_loop_that_makes_its_registers(op, start):
    text = loops(POINTERS, PLACE + load("%a", "%x") + REDUCE.format(op=op) + STORE_TOTAL)
    assert text.count("msl.loop") == 1 and "msl.read" not in text
    check(
        text,
        f"""
        CHECK: [[first]] = "msl.call"
        CHECK: [[total]] = "msl.loop"([[first]]) <{{count = 4, start = 0, carried = 1}}>
        CHECK: ^bb0([[r]]: index, [[running]]: !msl.reg<1xf32>
        CHECK: [[x]] = "msl.load"(%x,
        CHECK: [[sum]] = "{op}"([[running]], [[x]])
        CHECK-NEXT: "msl.yield"([[sum]])
        CHECK: "msl.store"(%y, %z, [[total]])
        """,
    )
    assert constant_of_start(text) == start


def constant_of_start(text: str) -> str:
    """The number that a running reduction starts from, as 32 bits where it is not finite."""
    printed = re.search(r"value = (\S+) : f32", text).group(1)
    return printed if printed.startswith("0x") else str(float(printed))


def test_a_load_waits_for_the_loop_of_its_first_user():
    """%b is loaded before the sum of %a, but used after it: no array of it is kept."""
    scaled = '%c = "arith.mulf"(%b, %t) : (!msl.reg<4xf32>, !msl.reg<1xf32>) -> !msl.reg<4xf32>\n'
    body = PLACE + load("%b", "%x") + load("%a", "%y") + REDUCE.format(op="arith.addf") + scaled + store("%y", "%c")
    text = loops(POINTERS, body)
    assert text.count("msl.loop") == 2 and "msl.read" not in text
    check(text, 'CHECK: "msl.load"(%y\n CHECK: "msl.loop"\n CHECK: "msl.load"(%x')


def test_a_load_does_not_wait_past_a_store_that_may_touch_what_it_loads():
    shifted = '%s = "arith.addi"(%o, %o) : (!msl.reg<4xi32>, !msl.reg<4xi32>) -> !msl.reg<4xi32>\n'
    swap = '%b = "msl.index"(%a) <{map = [1, 0, 3, 2]}> : (!msl.reg<4xf32>) -> !msl.reg<4xf32>\n'
    arrays = "%v: !msl.reg<4xf32>"
    for value in ("%a", "%b", "%v"):
        body = PLACE + shifted + load("%a", "%x") + swap + store("%x", value, "%s") + store("%y", "%a")
        check(loops(f"{POINTERS}, {arrays}", body), 'CHECK: "msl.load"(%x\n CHECK: "msl.loop"\n CHECK: "msl.store"(%x')


def test_a_load_by_offsets_of_other_registers_waits_for_all_of_them():
    """%b is loaded by what another register of %i holds, so that its loop comes after that of %i."""
    integers = load("%i", "%w").replace("f32", "i32")
    swap = '%j = "msl.index"(%i) <{map = [1, 0, 3, 2]}> : (!msl.reg<4xi32>) -> !msl.reg<4xi32>\n'
    body = PLACE + integers + swap + load("%b", "%x", "%j") + binary("%c", "arith.addf", "%b", "%b") + store("%y", "%c")
    text = loops(f"%w: !tt.ptr<i32>, {POINTERS}", body)
    assert text.count("msl.loop") == 3
    check(text, 'CHECK: "msl.load"(%w\n CHECK: "msl.loop"\n CHECK: "msl.read"(%i\n CHECK: "msl.load"(%x')


def test_a_load_does_not_wait_behind_a_barrier():
    barrier = '"msl.barrier"() <{scope = "simdgroup"}> : () -> ()\n'
    text = loops(POINTERS, PLACE + load("%a", "%x") + barrier + store("%y", "%a"))
    check(text, 'CHECK: "msl.load"(%x\n CHECK: "msl.barrier"\n CHECK: "msl.store"(%y')


def reduced(yielded: str) -> str:
    """The loops of a reduction of two arrays to the sum of the first and what is `yielded` of the second."""
    reduce = f"""
    %t, %u = "msl.reduce_registers"(%a, %b) <{{outputs = 1 : i32, map = [3, 1, 2, 0]}}> ({{
    ^bb0(%p: f32, %q: f32, %r: f32, %v: f32):
      %s = "arith.addf"(%p, %r) : (f32, f32) -> f32
      "msl.yield"({yielded}) : (f32, f32) -> ()
    }}) : (!msl.reg<4xf32>, !msl.reg<4xf32>) -> (!msl.reg<1xf32>, !msl.reg<1xf32>)
    %z = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
    "msl.store"(%y, %z, %t) <{{contiguous = true}}> : (!tt.ptr<f32>, i32, !msl.reg<1xf32>) -> ()
    "msl.store"(%x, %z, %u) <{{contiguous = true}}> : (!tt.ptr<f32>, i32, !msl.reg<1xf32>) -> ()
    """
    return loops(POINTERS, PLACE + load("%a", "%x") + load("%b", "%y") + reduce)


def test_a_reduction_carries_only_what_its_function_changes():
    check(
        reduced("%s, %q"),
        """
        CHECK: [[a]] = "msl.read"(%a#0) <{map = array<i32: 3>
        CHECK: [[b]] = "msl.read"(%a#1) <{map = array<i32: 3>
        CHECK: [[total]] = "msl.loop"([[a]]) <{count = 3, start = 1, carried = 1}>
        CHECK: "msl.store"(%y, %z, [[total]])
        CHECK: "msl.store"(%x, %z, [[b]])
        """,
    )


def test_a_reduction_to_the_first_elements_is_no_loop():
    text = reduced("%p, %q")
    assert text.count("msl.loop") == 1 and "start = 1" not in text  # that of the loads


def test_a_reduction_that_passes_one_value_on_as_another_keeps_both():
    assert "start = 1, carried = 2" in reduced("%q, %p")
    assert "start = 1, carried = 1" in reduced("%p, %p")


def test_a_store_comes_behind_the_loads_where_a_thread_may_hold_what_it_stores():
    """No compiler moves a load before a store that it cannot tell from it: each would wait for its turn."""
    body = PLACE + load("%a", "%x") + load("%b", "%y") + binary("%c", "arith.addf", "%a", "%b") + store("%x", "%c")
    assert loops(POINTERS, body, held_words=3) == loops(POINTERS, body)
    check(
        loops(POINTERS, body, held_words=4),
        """
        CHECK: [[sums]] = "msl.loop"() <{count = 4
        CHECK: "msl.load"(%x,
        CHECK: "msl.load"(%y,
        CHECK: "arith.addf"
        CHECK: "msl.loop"() <{count = 4
        CHECK: "msl.read"([[sums]],
        CHECK: "msl.store"(%x,
        """,
    )


def test_the_stores_between_two_fences_share_the_words_that_a_thread_may_hold():
    body = PLACE + load("%a", "%x") + load("%b", "%y")
    body += binary("%c", "arith.addf", "%a", "%b") + binary("%d", "arith.mulf", "%a", "%b")
    body += store("%x", "%c") + store("%y", "%d")
    barrier = '"msl.barrier"() <{scope = "threadgroup"}> : () -> ()\n'
    assert loops(POINTERS, body, held_words=7).count("msl.loop") == 1
    text = loops(POINTERS, body + barrier + load("%e", "%x") + store("%y", "%e"), held_words=8)
    assert text.count("msl.loop") == 4
    assert [line.split('"')[1] for line in text.splitlines() if "msl.load" in line or "msl.store" in line] == [
        *("msl.load", "msl.load", "msl.store", "msl.store", "msl.load", "msl.store")
    ]


def test_many_registers_are_one_short_loop():
    body = PLACE.replace("[32, 64]", "[32, 64, 128, 256, 512, 1024, 2048, 4096]").replace("4xi32", "256xi32")
    body += load("%a", "%x") + store("%y", "%a")
    text = loops(POINTERS, body.replace("reg<4x", "reg<256x"))
    assert text.count("msl.loop") == 1 and len(text.splitlines()) < 30
