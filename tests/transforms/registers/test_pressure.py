"""Registers that a thread needs: what counts and what does not, and how many simdgroups a program gets for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.chips import REGISTERS
from triton_alloy.compiler import compile_module
from triton_alloy.ir.parser import parse
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.kernel import Kernel
from triton_alloy.target import target_for
from triton_alloy.transforms.registers import pressure
from triton_alloy.transforms.registers.pressure import BASE_WORDS, MASK_WORDS, PASSED, PRODUCT_WORDS

MODULE = """
"builtin.module"() ({
  "msl.kernel"() <{sym_name = "k", simdgroups = 1 : i32}> ({
  ^bb0(%%p: !tt.ptr<f32>, %%n: i32):
    %%x = "test.some"() : () -> !msl.reg<1xf32>
    %s
    "msl.return"() : () -> ()
  }) : () -> ()
}) : () -> ()
"""
ORDER, REVERSED = "0, 1, 2, 3, 4, 5, 6, 7", "7, 6, 5, 4, 3, 2, 1, 0"


def words(body: str) -> float:
    """What a kernel with this body needs besides the constant, without the single value %x."""
    [kernel] = list(parse(MODULE % body).body)
    return pressure.estimate(kernel) - BASE_WORDS


def array(name: str, source: str = "", element: str = "f32", count: int = 8) -> str:
    """An array that a loop over registers makes, of another one's register r or of %x."""
    inside = source or f'%v = "test.some"() : () -> !msl.reg<1x{element}>'
    return f"""%{name} = "msl.loop"() <{{count = {count} : i32, start = 0 : i32, carried = 0 : i32}}> ({{
    ^bb0(%r: index):
      {inside}
      "msl.yield"(%v) : (!msl.reg<1x{element}>) -> ()
    }}) : () -> !msl.reg<{count}x{element}>"""


def read(name: str, table: str = ORDER) -> str:
    return (
        f'%v = "msl.read"(%{name}, %r) <{{map = array<i32: {table}>, extents = array<i32: 8>}}>'
        " : (!msl.reg<8xf32>, index) -> !msl.reg<1xf32>"
    )


def use(*names: str, type_: str = "!msl.reg<8xf32>") -> str:
    listed = ", ".join(f"%{name}" for name in names)
    return f'"test.use"({listed}) : ({", ".join([type_] * len(names))}) -> ()'


BARRIER = '"msl.barrier"() <{scope = "threadgroup"}> : () -> ()'


@pytest.mark.parametrize(
    "element, expected", [("f32", 8), ("i64", 16), ("f16", 4), ("i8", 4), ("i1", 8 * MASK_WORDS), ("!tt.ptr<f32>", 16)]
)
def test_an_array_takes_its_registers(element, expected):
    assert words(array("a", element=element) + "\n" + use("a", type_=f"!msl.reg<8x{element}>")) == expected


def test_what_is_dead_takes_nothing():
    both_at_once = "\n".join([array("a"), array("b"), use("a", "b")])
    in_turn = "\n".join([array("a"), use("a"), array("b"), use("b")])
    assert (words(both_at_once), words(in_turn)) == (16, 8)


def test_an_array_that_is_read_in_order_leaves_its_room():
    in_order = "\n".join([array("a"), BARRIER, array("b", read("a")), use("b")])
    backwards = "\n".join([array("a"), BARRIER, array("b", read("a", REVERSED)), use("b")])
    needed_later = "\n".join([array("a"), BARRIER, array("b", read("a")), use("a", "b")])
    assert (words(in_order), words(backwards), words(needed_later)) == (8, 16, 16)


def test_an_array_is_passed_to_the_next_loop_but_not_over_a_barrier():
    loop = f""""msl.loop"() <{{count = 8 : i32, start = 0 : i32, carried = 0 : i32}}> ({{
    ^bb0(%r: index):
      {read("a")}
      "test.use"(%v) : (!msl.reg<1xf32>) -> ()
      "msl.yield"() : () -> ()
    }}) : () -> ()"""
    kept = words("\n".join([array("a"), BARRIER, loop]))
    assert kept == 8 + 1
    assert words("\n".join([array("a"), loop])) == 8 * PASSED + 1


def test_only_registers_that_are_read_count():
    single = (
        '%v = "msl.read"(%a) <{map = array<i32: 4>, extents = array<i32: 1>}> : (!msl.reg<8xf32>) -> !msl.reg<1xf32>'
    )
    assert words("\n".join([array("a"), BARRIER, single, use("v", type_="!msl.reg<1xf32>")])) == 1


def test_values_live_through_a_loop_and_products_are_in_place():
    operands = array("a") + "\n" + array("b") + "\n" + array("c") + "\n" + array("kept")
    product = '%d = "msl.mma"(%s, %a, %b) <{function = "mma_8x8", m = 1 : i32, n = 1 : i32, k = 1 : i32}>'
    product += " : (!msl.reg<8xf32>, !msl.reg<8xf32>, !msl.reg<8xf32>) -> !msl.reg<8xf32>"
    loop = f"""%e = "scf.for"(%n, %n, %n, %c) ({{
    ^bb0(%i: i32, %s: !msl.reg<8xf32>):
      {product}
      "scf.yield"(%d) : (!msl.reg<8xf32>) -> ()
    }}) : (i32, i32, i32, !msl.reg<8xf32>) -> !msl.reg<8xf32>"""
    assert words("\n".join([operands, loop, use("e", "kept")])) == 4 * 8 + PRODUCT_WORDS
    assert words("\n".join([operands, loop, use("e")])) == 3 * 8 + PRODUCT_WORDS


# ----------------------------------------------------------------------------------------------------------- simdgroups
@triton.jit
def products_kernel(a_ptr, b_ptr, c_ptr, k, M: tl.constexpr, N: tl.constexpr):
    rows, columns, inner = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, 16)
    total = tl.zeros((M, N), tl.float32)
    for start in range(0, k, 16):
        a = tl.load(a_ptr + rows * k + start + inner[None, :])
        total = tl.dot(a, tl.load(b_ptr + (start + inner[:, None]) * N + columns), total)
    tl.device_print("k", k)
    tl.store(c_ptr + rows * N + columns, total)


def compiled(family: str, m: int, n: int, warps: int):
    with config.scope(TRITON_ALLOY_TARGET=family):
        return products_kernel.warmup(*(torch.float32,) * 3, 64, m, n, grid=(1,), num_warps=warps)


def kernel_of(family: str, m: int, n: int, warps: int) -> Kernel:
    return Kernel.from_json(compiled(family, m, n, warps).asm["alloy"])


def test_a_tile_that_does_not_fit_is_run_by_more_simdgroups():
    fits, does_not = kernel_of("apple9", 64, 64, 4), kernel_of("apple9", 128, 128, 4)
    assert fits.simdgroups == 4 and 0 < fits.registers <= REGISTERS
    assert does_not.simdgroups in (8, 16) and does_not.registers <= REGISTERS
    assert {message.copies for message in does_not.messages} == {4 * 32}, "threads print that the user asked for"


def test_the_module_that_is_left_needs_least():
    """A target that lets nothing double shows what it would need."""
    target = target_for("apple9")
    text = compiled("apple9", 128, 128, 4).asm["ttir"]
    strict = replace(target, limits=replace(target.limits, threads_per_threadgroup=128))
    alone, free = (compile_module(parse_pretty(text), each, num_warps=4) for each in (strict, target))
    assert alone.simdgroups == 4 and alone.registers > REGISTERS >= free.registers
    assert (free.simdgroups, free.source) == (kernel_of("apple9", 128, 128, 4).simdgroups, free.source)


def test_threads_share_the_registers_of_a_core_before_the_m3():
    """With 1024 threads each has 52: half as many that have 104 are better off, where the tile fits neither."""
    assert [target_for("apple7").registers_with(simdgroups) for simdgroups in (8, 16, 32)] == [128, 104, 52]
    assert [target_for("apple9").registers_with(simdgroups) for simdgroups in (8, 16, 32)] == [128] * 3
    assert [kernel_of(family, 256, 256, 16).simdgroups for family in ("apple7", "apple9")] == [16, 32]


def test_the_cpu_counts_no_registers():
    kernel = kernel_of("cpu", 128, 128, 4)
    assert (kernel.simdgroups, kernel.registers) == (1, 0)


def test_triton_is_told():
    """With the nominal registers of a core, so that one program always fits."""
    with config.scope(TRITON_ALLOY_TARGET="apple9", ALLOY_RUNTIME="cpu"):
        small, large = compiled("apple9", 64, 64, 4), compiled("apple9", 128, 128, 32)
        for each in (small, large):
            each._init_handles()
        assert (small.n_regs, small.n_spills) == (kernel_of("apple9", 64, 64, 4).registers, 0)
        assert large.n_regs == min(64, kernel_of("apple9", 128, 128, 32).registers)
