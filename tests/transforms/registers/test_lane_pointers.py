"""Lane pointers: what moves into them and where, and that accesses keep their addresses, near the limits of i32 too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.filecheck import check
from tests.support.register_form import LANES, Numpy, kernel_text, only_kernel
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.types import PointerType, element_of
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.registers import lane_pointers

ARGUMENTS = "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %s: i32, %t: i32, %u: i32"
PLACE = """
%lane = "msl.lane"() : () -> !msl.reg<1xi32>
%row = "msl.register"() <{bases = [32, 64]}> : () -> !msl.uniform<4xi32>
%zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
%one = "arith.constant"() <{value = 1 : i32}> : () -> i32
%three = "arith.constant"() <{value = 3 : i32}> : () -> i32
%end = "arith.addi"(%t, %three) : (i32, i32) -> i32
"""
BIG = 2**31 - 40
VALUES = {"s": 7, "t": 5, "u": 11}
TYPES = {"lane": "!msl.reg<1xi32>", "row": "!msl.uniform<4xi32>", "reg": "!msl.reg<4xi32>", "one": "i32"}


class Wrapped(Exception):
    """An i32 of the program itself is not what the sum of whole numbers is."""


class Addresses(Numpy):
    """Notes the argument, and the elements from its first, of each access; what is loaded depends on these."""

    def __init__(self, kernel: Op, scalars: dict[str, int], strict: bool = False):
        self.seen: list[tuple[str, list[int]]] = []
        self.strict = strict
        pointers = {a.name: np.zeros(()) for a in kernel.body.arguments if isinstance(a.type, PointerType)}
        super().__init__(kernel, {**pointers, **scalars})
        for argument in kernel.body.arguments:
            if argument.name in pointers:
                self.values[argument] = (argument.name, np.zeros((1, LANES), np.int64))

    def op(self, op: Op, operands: list[Any]) -> list[Any]:
        results = super().op(op, operands)
        if self.strict and op.name in ("arith.addi", "arith.subi", "arith.muli"):
            wide = super().op(op, [operand.astype(np.int64) for operand in operands])
            if (wide[0] != results[0]).any():
                raise Wrapped
        return results

    def arith_extsi(self, op: Op, x: Any) -> list[Any]:
        return [x.astype(np.int64)]

    def arith_constant(self, op: Op) -> list[Any]:
        return [np.full(LANES, op.attributes["value"].value, f"i{element_of(op.result.type).width // 8}")]

    def msl_pointer_add(self, op: Op, base: Any, offset: Any) -> list[Any]:
        return [(base[0], base[1] + np.atleast_2d(offset).astype(np.int64))]

    def msl_lane_pointer(self, op: Op, base: Any, offset: Any) -> list[Any]:
        return self.msl_pointer_add(op, base, offset)

    def _note(self, op: Op, base: Any, offset: Any) -> Any:
        _, place = self.msl_pointer_add(op, base, offset)[0]
        self.seen.append((f"{op.name} {base[0]}", place.tolist()))
        return place

    def msl_load(self, op: Op, *operands: Any) -> list[Any]:
        return [self._note(op, *operands[:2]).astype(np.int32)]

    def msl_store(self, op: Op, *operands: Any) -> list[Any]:
        self._note(op, *operands[:2])
        return []


def split(body: str, **scalars: int) -> str:
    """The text after the pass, which keeps every address."""
    text = kernel_text(ARGUMENTS, PLACE + body)
    before, after = parse(text), parse(text)
    verify(before)
    lane_pointers.run(after, target_for("apple9"))
    verify(after)
    expected, found = (addresses(module, scalars) for module in (before, after))
    assert expected and found == expected
    return print_ir(after)


def addresses(module: Op, scalars: dict[str, int], strict: bool = False) -> list[tuple[str, list[int]]]:
    oracle = Addresses(only_kernel(module), VALUES | scalars, strict)
    with np.errstate(over="ignore"):
        oracle.block(only_kernel(module).body)
    return oracle.seen


def binary(result: str, name: str, left: str, right: str, *kinds: str) -> str:
    a, b, c = (TYPES.get(kind, kind) for kind in kinds)
    return f'{result} = "arith.{name}"({left}, {right}) : ({a}, {b}) -> {c}\n'


def access(base: str, offset: str, name: str = "load", attributes: str = "contiguous = false") -> str:
    """A load whose values are stored at %row of %y, or a store of what was loaded."""
    if name == "store":
        types = "(!tt.ptr<f32>, !msl.reg<4xi32>, !msl.reg<4xf32>) -> ()"
        return f'"msl.store"({base}, {offset}, %v) <{{{attributes}}}> : {types}\n'
    types = "(!tt.ptr<f32>, !msl.reg<4xi32>) -> !msl.reg<4xf32>"
    sink = access("%y", "%row", "store").replace("reg<4xi32>", "uniform<4xi32>")
    return f'%v = "msl.load"({base}, {offset}) <{{{attributes}}}> : {types}\n{sink}'


def moved(number: str) -> str:
    return f'%p = "msl.pointer_add"(%x, {number}) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>\n'


def loop(body: str, low: str = "%zero", high: str = "%three") -> str:
    return (
        f'"scf.for"({low}, {high}, %one) ({{\n^bb0(%k: i32):\n{body}"scf.yield"() : () -> ()\n'
        "}) : (i32, i32, i32) -> ()\n"
    )


SCALED = binary("%a", "muli", "%lane", "%s", "lane", "one", "lane")
SUM = SCALED + binary("%o", "addi", "%a", "%row", "lane", "row", "reg")


def test_what_varies_by_lane_is_one_pointer():
    check(
        split(SUM + access("%x", "%o")),
        """
        CHECK: [[a]] = "arith.muli"(%lane, %s)
        CHECK: [[p]] = "msl.lane_pointer"(%x, [[a]]) : (!tt.ptr<f32>, !msl.reg<1xi32>) -> !msl.reg<1x!tt.ptr<f32>>
        CHECK: "msl.load"([[p]], %row) {{.*}} : (!msl.reg<1x!tt.ptr<f32>>, !msl.uniform<4xi32>)
        """,
    )


def test_it_is_made_before_the_loop_that_moves_it():
    number = binary("%n", "muli", "%k", "%t", "one", "one", "one")
    body = loop(number + moved("%n") + access("%p", "%o"))
    check(
        split(SUM + body),
        """
        CHECK: "msl.lane_pointer"(%x
        CHECK: "scf.for"
        CHECK: "msl.pointer_add"({{.*}} : (!msl.reg<1x!tt.ptr<f32>>, i32) -> !msl.reg<1x!tt.ptr<f32>>
        CHECK-NEXT: "msl.load"
        """,
    )


def test_offsets_that_depend_on_the_number_of_an_inner_loop():
    inner = binary("%n", "addi", "%lane", "%k", "lane", "one", "lane")
    inner += binary("%m", "muli", "%n", "%s", "lane", "one", "lane")
    inner += binary("%o", "subi", "%m", "%row", "lane", "row", "reg")
    for stride in (7, -7, 0, 2**20):
        text = split(loop(inner + access("%x", "%o") + access("%y", "%o", "store")), s=stride)
        assert text.index("msl.lane_pointer") < text.index("scf.for")


def test_a_pointer_that_was_moved_far_is_moved_alone():
    """The lane and a large i32 are no i32 together; both move the pointer all the same."""
    body = binary("%a", "muli", "%lane", "%three", "lane", "one", "lane")
    body += binary("%b", "addi", "%a", "%row", "lane", "row", "reg")
    body += loop(binary("%o", "addi", "%b", "%k", "reg", "one", "reg") + access("%p", "%o"), "%t", "%end")
    split(moved("%s") + body, s=BIG, t=-BIG)


@pytest.mark.parametrize("first", [16383, 16384, -16385, -16384, 40000, 2**20])
def test_a_small_difference_times_a_stride_has_large_parts(first: int):
    """(k * 32 + row - start) * 4096, of a start near k * 32."""
    body = binary("%from", "addi", "%t", "%k", "one", "one", "one")
    body += '%i32 = "arith.constant"() <{value = 32 : i32}> : () -> i32\n'
    body += binary("%tile", "muli", "%from", "%i32", "one", "one", "one")
    body += binary("%r", "addi", "%row", "%tile", "row", "one", "row")
    body += binary("%d", "subi", "%r", "%s", "row", "one", "row")
    body += binary("%e", "muli", "%d", "%u", "row", "one", "row")
    body += binary("%o", "addi", "%e", "%lane", "row", "lane", "reg")
    assert "msl.lane_pointer" in split(loop(body + access("%x", "%o")), s=first * 32, t=first, u=4096)


def test_a_product_of_loaded_numbers_stays():
    """They may be as large as what is taken from them."""
    loads = '%at = "msl.load"(%y, %lane) <{contiguous = true}> : (!tt.ptr<f32>, !msl.reg<1xi32>) -> !msl.reg<1xf32>\n'
    loads += '%i = "msl.call"(%at) <{function = "i32"}> : (!msl.reg<1xf32>) -> !msl.reg<1xi32>\n'
    body = binary("%d", "subi", "%i", "%s", "lane", "one", "lane")
    body += binary("%r", "addi", "%d", "%row", "lane", "row", "reg")
    body += binary("%o", "muli", "%r", "%t", "reg", "one", "reg")
    module = parse(kernel_text(ARGUMENTS, PLACE + loads + body + access("%x", "%o")))
    lane_pointers.run(module, target_for("apple9"))
    assert "msl.lane_pointer" not in print_ir(module)


def test_an_i64_offset_keeps_its_width():
    body = SUM + '%w = "arith.extsi"(%o) : (!msl.reg<4xi32>) -> !msl.reg<4xi64>\n'
    body += '%big = "arith.constant"() <{value = 8589934592 : i64}> : () -> i64\n'
    body += binary("%z", "addi", "%w", "%big", "!msl.reg<4xi64>", "i64", "!msl.reg<4xi64>")
    body += access("%x", "%z").replace("reg<4xi32>", "reg<4xi64>", 1)
    text = split(body)
    check(
        text,
        """
        CHECK: [[sum]] = "arith.addi"([[wide]], %big) : (!msl.reg<1xi64>, i64)
        CHECK: "msl.lane_pointer"(%x, [[sum]])
        CHECK: !msl.uniform<4xi64>) ->
        """,
    )


def test_coherent_accesses_atomics_and_single_registers_stay():
    for attributes in ("contiguous = false, coherent = true",):
        assert "msl.lane_pointer" not in split(SUM + access("%x", "%o", attributes=attributes))
    single = '%v = "msl.load"(%x, %a) <{contiguous = false}> : (!tt.ptr<f32>, !msl.reg<1xi32>) -> !msl.reg<1xf32>\n'
    single += (
        '"msl.store"(%y, %a, %v) <{contiguous = false}> : (!tt.ptr<f32>, !msl.reg<1xi32>, !msl.reg<1xf32>) -> ()\n'
    )
    assert "msl.lane_pointer" not in split(SCALED + single)


def test_consecutive_lanes_stay_in_loops():
    body = binary("%o", "addi", "%lane", "%row", "lane", "row", "reg") + access(
        "%x", "%o", attributes="contiguous = true"
    )
    assert "msl.lane_pointer" in split(body)
    assert "msl.lane_pointer" not in split(loop(body))


def test_a_target_without_lane_pointers_keeps_its_offsets():
    module = parse(kernel_text(ARGUMENTS, PLACE + SUM + access("%x", "%o")))
    lane_pointers.run(module, target_for("cpu"))
    assert "msl.lane_pointer" not in print_ir(module)


def test_one_pointer_serves_all_accesses_at_the_same_lanes():
    body = SUM + access("%x", "%o") + access("%x", "%o", "store")
    assert split(body).count("msl.lane_pointer") == 1


# ---------------------------------------------------------------------------------------------------------- any sums
LEAVES = [("%lane", "lane"), ("%row", "row"), ("%s", "one"), ("%t", "one"), ("%k", "one"), ("%three", "one")]
KIND = {frozenset(("lane", "row")): "reg"}


def kind_of(left: str, right: str) -> str:
    kinds = {left, right} - {"one"} or {"one"}
    return kinds.pop() if len(kinds) == 1 else "reg"


@st.composite
def sums(draw: st.DrawFn) -> str:
    """Lines that end in an offset %o of lanes and registers."""
    lines, values = [], list(LEAVES)
    for number in range(draw(st.integers(2, 6))):
        left, right = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        name = draw(st.sampled_from(["addi", "addi", "subi", "muli"]))
        if name == "muli" and "one" not in (left[1], right[1]):
            name = "addi"
        kind = kind_of(left[1], right[1])
        lines.append(binary(f"%v{number}", name, left[0], right[0], left[1], right[1], kind))
        values += [(f"%v{number}", kind)] * 2
    last, kind = values[-1]
    lines.append(binary("%l", "addi", last, "%lane", kind, "lane", kind_of(kind, "lane")))
    lines.append(binary("%o", "addi", "%l", "%row", kind_of(kind, "lane"), "row", "reg"))
    return "".join(lines)


@settings(max_examples=200, deadline=None)
@given(sums(), st.tuples(*[st.sampled_from([0, 1, -3, 40, 2**15, -(2**20), 2**29, BIG, -BIG])] * 2), st.booleans())
def test_any_sum_keeps_its_addresses(lines: str, scalars: tuple[int, int], outside: bool):
    """Where no i32 of the program itself wraps."""
    s, t = scalars
    body = moved("%s") + loop(lines + access("%p" if outside else "%x", "%o"), "%t", "%end")
    try:
        addresses(parse(kernel_text(ARGUMENTS, PLACE + body)), {"s": s, "t": t}, strict=True)
    except Wrapped:
        assume(False)
    split(body, s=s, t=t)
