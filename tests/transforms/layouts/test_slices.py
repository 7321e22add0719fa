"""Slices of k: which loads move behind what comes before their dot, which tensors are cut, and that values stay."""

from __future__ import annotations

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from tests.support.ttir import function
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.pretty_printer import print_pretty
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.layouts import slices

M, N, K = 16, 16, 64
A, B, C = (f"tensor<{m}x{n}x{{}}>" for m, n in ((M, K), (K, N), (M, N)))
FA, FB, FC = (each.format("f32") for each in (A, B, C))
PA, PB, PC = (each.format("!tt.ptr<f32>") for each in (A, B, C))


def places(name: str, rows: int, columns: int, row_first: bool = True) -> str:
    """Pointers %<name>s of a whole matrix at %<name>, in rows or in columns."""
    whole, row, column = f"tensor<{rows}x{columns}xi32>", f"tensor<{rows}x1xi32>", f"tensor<1x{columns}xi32>"
    pointer = whole.replace("i32", "!tt.ptr<f32>")
    stride, scaled = (columns, "r") if row_first else (rows, "c")
    shape = row if row_first else column
    return f"""
    %{name}r0 = tt.make_range {{end = {rows} : i32, start = 0 : i32}} : tensor<{rows}xi32>
    %{name}c0 = tt.make_range {{end = {columns} : i32, start = 0 : i32}} : tensor<{columns}xi32>
    %{name}r1 = tt.expand_dims %{name}r0 {{axis = 1 : i32}} : tensor<{rows}xi32> -> {row}
    %{name}c1 = tt.expand_dims %{name}c0 {{axis = 0 : i32}} : tensor<{columns}xi32> -> {column}
    %{name}stride = arith.constant dense<{stride}> : {shape}
    %{name}{scaled}2 = arith.muli %{name}{scaled}1, %{name}stride : {shape}
    %{name}rb = tt.broadcast %{name}r{2 if row_first else 1} : {row} -> {whole}
    %{name}cb = tt.broadcast %{name}c{1 if row_first else 2} : {column} -> {whole}
    %{name}o = arith.addi %{name}rb, %{name}cb : {whole}
    %{name}b = tt.splat %{name} : !tt.ptr<f32> -> {pointer}
    %{name}s = tt.addptr %{name}b, %{name}o : {pointer}, {whole}"""


PLACES = places("a", M, K) + places("b", K, N) + places("c", M, N)
LOADS = f"""
    %x = tt.load %as : {PA}
    %y = tt.load %bs : {PB}"""
DOT = f"""
    %zero = arith.constant dense<0.0> : {FC}
    %d = tt.dot {{}}, {{}}, %zero : {FA} * {FB} -> {FC}
    tt.store %cs, %d : {PC}
    tt.return"""


def sliced(body: str, target: str = "apple9", simdgroups: int = 1, reloads: bool = False) -> str:
    text = function(body, "%a: !tt.ptr<f32>, %b: !tt.ptr<f32>, %c: !tt.ptr<f32>, %n: i32")
    module = parse_pretty(text)
    verify(module)
    slices.run(module, target_for(target), simdgroups, reloads)
    verify(module)
    return print_pretty(module)


def kept(body: str, reloads: bool = False) -> str:
    """The text; run before and after on integers that floats hold exactly, it writes the same."""
    arguments = "%a: !tt.ptr<f32>, %b: !tt.ptr<f32>, %c: !tt.ptr<f32>, %n: i32"
    before, after = (parse_pretty(function(body, arguments)) for _ in range(2))
    assert slices.may_reload(after, target_for("apple9"), 1) or not reloads
    slices.run(after, target_for("apple9"), 1, reloads)
    verify(after)
    assert_same_effects(before, after, "f", [0, 4 * M * K, 4 * (M * K + K * N), 5], memory_bytes=1 << 14, floats=True)
    return print_pretty(after)


def test_both_operands_are_loaded_in_slices():
    text = kept(PLACES + LOADS + DOT.format("%x", "%y"))
    check(
        text,
        """
        CHECK-NOT: tt.load
        CHECK: scf.for
        CHECK: tt.load {{.*}} : tensor<16x16x!tt.ptr<f32>>
        CHECK: tt.load {{.*}} : tensor<16x16x!tt.ptr<f32>>
        CHECK: tt.dot {{.*}} : tensor<16x16xf32> * tensor<16x16xf32> -> tensor<16x16xf32>
        CHECK: scf.yield
        CHECK: {unroll
        CHECK-NOT: tt.load
        """,
    )


def test_what_is_computed_from_a_load_is_computed_for_the_slice():
    double = f"\n    %xx = arith.addf %x, %x1 : {FA}\n    %x2 = arith.mulf %xx, %x1 : {FA}"
    body = PLACES + f"\n    %x1 = arith.constant dense<3.0> : {FA}" + LOADS + double + DOT.format("%x2", "%y")
    check(kept(body), "CHECK: scf.for\nCHECK: arith.addf {{.*}} : tensor<16x16xf32>\nCHECK: arith.mulf")


STORE_A = f"\n    %none = arith.constant dense<0.0> : {FA}\n    tt.store %as, %none : {PA}"


@pytest.mark.parametrize("elementwise", ["", f"\n    %x2 = arith.addf %x, %x0 : {FA}"], ids=["the load", "its sum"])
def test_no_load_moves_behind_a_store(elementwise: str):
    """Whether the store is right behind the load, or behind what is computed from it."""
    x0 = f"\n    %x0 = arith.constant dense<1.0> : {FA}"
    body = PLACES + x0 + f"\n    %x = tt.load %as : {PA}" + elementwise + STORE_A + f"\n    %y = tt.load %bs : {PB}"
    text = kept(body + DOT.format("%x2" if elementwise else "%x", "%y"))
    check(text, f"CHECK: tt.load {{{{.*}}}} : {PA}\nCHECK: tt.store\nCHECK: scf.for\nCHECK: msl.slice\nCHECK: tt.load")


def test_no_load_moves_behind_a_loop_that_stores():
    loop = f"""
    %i0 = arith.constant 0 : i32
    %i1 = arith.constant 1 : i32
    scf.for %i = %i0 to %n step %i1 : i32 {{
      %none = arith.constant dense<0.0> : {FB}
      tt.store %bs, %none : {PB}
    }}"""
    text = kept(PLACES + LOADS + loop + DOT.format("%x", "%y"))
    check(text, f"CHECK: tt.load {{{{.*}}}} : {PA}\nCHECK: tt.load {{{{.*}}}} : {PB}\nCHECK: scf.for")
    assert "msl.slice" not in text  # nothing moves, so nothing is cut


def test_a_load_moves_behind_what_only_reads():
    more = f"\n    %z = tt.load %cs : {PC}\n    tt.store %cs, %d0 : {PC}\n    %y = tt.load %bs : {PB}"
    body = PLACES + f"\n    %d0 = arith.constant dense<2.0> : {FC}" + more + f"\n    %x = tt.load %as : {PA}"
    text = kept(
        body
        + DOT.format("%x", "%y")
        .replace("%d : ", "%e : ")
        .replace("    tt.store", f"    %e = arith.addf %d, %z : {FC}\n    tt.store")
    )
    check(text, "CHECK: tt.store\nCHECK: scf.for\nCHECK: tt.load\nCHECK: tt.load\nCHECK-NOT: msl.slice")


def test_an_operand_that_is_used_twice_is_there_as_a_whole():
    other = f"\n    tt.store %as, %x : {PA}"
    text = kept(PLACES + LOADS + other + DOT.format("%x", "%y"))
    assert "scf.for" not in text  # the store is behind both loads
    body = (
        PLACES
        + LOADS
        + f"\n    %w = arith.addf %x, %x : {FA}"
        + DOT.format("%x", "%y").replace("    tt.return", f"    tt.store %as, %w : {PA}\n    tt.return")
    )
    check(
        kept(body), f"CHECK: tt.load {{{{.*}}}} : {PA}\nCHECK: scf.for\nCHECK: msl.slice\nCHECK: tt.load\nCHECK: tt.dot"
    )


def test_a_volatile_load_stays():
    loads = LOADS.replace(f"%as : {PA}", f"%as {{isVolatile = true}} : {PA}")
    check(kept(PLACES + loads + DOT.format("%x", "%y")), f"CHECK: tt.load {{{{.*}}}} : {PA}\nCHECK: scf.for")


def test_a_transposed_operand_and_its_mask():
    """B is loaded as rows of its transpose, masked by what varies along both axes, with another value than 0."""
    transposed = places("b", N, K)
    tensor = f"tensor<{N}x{K}x{{}}>"
    load = f"""
    %limit = tt.splat %n : i32 -> {tensor.format("i32")}
    %sum = arith.addi %brb, %bcb : {tensor.format("i32")}
    %mask = arith.cmpi sgt, %sum, %limit : {tensor.format("i32")}
    %other = arith.constant dense<2.0> : {tensor.format("f32")}
    %yt = tt.load %bs, %mask, %other : {tensor.format("!tt.ptr<f32>")}
    %y = tt.trans %yt {{order = array<i32: 1, 0>}} : {tensor.format("f32")} -> {FB}"""
    body = places("a", M, K) + transposed + places("c", M, N) + f"\n    %x = tt.load %as : {PA}" + load
    text = kept(body + DOT.format("%x", "%y"))
    check(
        text, "CHECK: scf.for\nCHECK: arith.cmpi\nCHECK: tt.load {{.*}} : tensor<16x16x!tt.ptr<f32>>\nCHECK: tt.trans"
    )


def test_rows_that_are_gathered_are_loaded_whole():
    """Pointers that are computed from a load would be loaded anew for each slice."""
    rows = f"tensor<{K}x!tt.ptr<i32>>"
    gathered = f"""
    %ip = tt.bitcast %b : !tt.ptr<f32> -> !tt.ptr<i32>
    %ib = tt.splat %ip : !tt.ptr<i32> -> {rows}
    %is = tt.addptr %ib, %br0 : {rows}, tensor<{K}xi32>
    %at0 = tt.load %is : {rows}
    %seven = arith.constant dense<7> : tensor<{K}xi32>
    %at1 = arith.andi %at0, %seven : tensor<{K}xi32>
    %at2 = tt.expand_dims %at1 {{axis = 1 : i32}} : tensor<{K}xi32> -> tensor<{K}x1xi32>
    %at3 = tt.broadcast %at2 : tensor<{K}x1xi32> -> tensor<{K}x{N}xi32>
    %bg = tt.addptr %bs, %at3 : {PB}, tensor<{K}x{N}xi32>
    %y = tt.load %bg : {PB}"""
    text = kept(PLACES + f"\n    %x = tt.load %as : {PA}" + gathered + DOT.format("%x", "%y"))
    check(text, f"CHECK: tt.load {{{{.*}}}} : {PB}\nCHECK: scf.for\nCHECK: msl.slice")


def test_what_is_not_for_the_matrix_unit_or_one_slice_only_stays():
    body = PLACES + LOADS + DOT.format("%x", "%y")
    assert "scf.for" not in sliced(body, target="cpu")
    small = body.replace(f"x{K}", "x16").replace(f"<{K}", "<16").replace(f"end = {K}", "end = 16")
    assert "scf.for" not in sliced(small)


def test_more_registers_make_thinner_slices():
    assert f"tensor<{M}x16x!tt.ptr<f32>>" in sliced(PLACES + LOADS + DOT.format("%x", "%y"))
    wide = (PLACES + LOADS + DOT.format("%x", "%y")).replace("<16x", "<128x").replace("x16x", "x128x")
    wide = wide.replace("end = 16", "end = 128").replace("<16>", "<128>").replace("tensor<16xi32>", "tensor<128xi32>")
    assert "tensor<128x8x!tt.ptr<f32>>" in sliced(wide)


def in_loop(before: str, inside: str = "", behind: str = "") -> str:
    """Operand %x is loaded before a loop over products with what is loaded in it; the sum is stored in the end."""
    return (
        PLACES
        + f"""
    %x = tt.load %as : {PA}{before}
    %zero = arith.constant dense<0.0> : {FC}
    %i0 = arith.constant 0 : i32
    %i1 = arith.constant 1 : i32
    %total = scf.for %i = %i0 to %n step %i1 iter_args(%sum = %zero) -> ({FC}) : i32 {{
      %y = tt.load %bs : {PB}{inside}
      %d = tt.dot {"%x2" if before else "%x"}, %y, %sum : {FA} * {FB} -> {FC}
      scf.yield %d : {FC}
    }}{behind}
    tt.store %cs, %total : {PC}
    tt.return"""
    )


MORE = f"\n    %x1 = arith.constant dense<3.0> : {FA}\n    %x2 = arith.addf %x, %x1 : {FA}"


@pytest.mark.parametrize("before", ["", MORE], ids=["the load", "its sum"])
def test_an_operand_is_loaded_anew_in_the_loop_where_registers_are_short(before: str):
    check(kept(in_loop(before)), f"CHECK: tt.load {{{{.*}}}} : {PA}\nCHECK: scf.for\nCHECK: scf.for\nCHECK: msl.slice")
    text = kept(in_loop(before), reloads=True)
    inner = text.split("scf.for")[2]
    assert inner.count("tt.load") == 2 and "msl.slice" not in text and text.count("tt.load") == 2


def test_each_of_two_loops_loads_it_anew():
    second = f"""
    %more = scf.for %j = %i0 to %n step %i1 iter_args(%sum2 = %total) -> ({FC}) : i32 {{
      %y2 = tt.load %bs : {PB}
      %d2 = tt.dot %x, %y2, %sum2 : {FA} * {FB} -> {FC}
      scf.yield %d2 : {FC}
    }}
    tt.store %cs, %more : {PC}"""
    text = kept(in_loop("", behind=second), reloads=True)
    assert text.count("tt.load") == 4 and "msl.slice" not in text


@pytest.mark.parametrize(
    "body",
    [
        in_loop("", inside=f"\n      tt.store %cs, %sum : {PC}"),
        in_loop(f"\n    %x2 = arith.addf %x, %x : {FA}\n    tt.store %as, %x2 : {PA}"),
        in_loop("", behind=f"\n    tt.store %as, %x : {PA}"),
        in_loop("").replace(f"%as : {PA}", f"%as {{isVolatile = true}} : {PA}"),
    ],
    ids=["a store in the loop", "a store before it", "another use", "volatile"],
)
def test_it_is_not_loaded_anew(body: str):
    """Where memory may have changed, or where it is kept all the same."""
    module = parse_pretty(function(body, "%a: !tt.ptr<f32>, %b: !tt.ptr<f32>, %c: !tt.ptr<f32>, %n: i32"))
    assert not slices.may_reload(module, target_for("apple9"), 1)
    assert sliced(body, reloads=True) == sliced(body)
