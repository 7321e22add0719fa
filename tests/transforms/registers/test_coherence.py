"""What a kernel with fences both reads and writes is accessed by atomics, whatever way its pointers take."""

import pytest

from triton_alloy.errors import Unsupported
from triton_alloy.ir.core import Op
from triton_alloy.ir.parser import parse
from triton_alloy.target import target_for
from triton_alloy.transforms.registers import coherence

FENCE = '"msl.fence"() : () -> ()\n'
ZERO = '%o = "msl.lane"() : () -> !msl.reg<1xi32>\n'
LOAD = '%{0} = "msl.load"(%{1}, %o) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<1xi32>) -> !msl.reg<1xf32>\n'
STORE = '"msl.store"(%{1}, %o, %{0}) <{{contiguous = true}}> : (!tt.ptr<f32>, !msl.reg<1xi32>, !msl.reg<1xf32>) -> ()\n'


def accesses(body: str, family: str = "apple9") -> list[tuple[str, bool]]:
    """The kernel's loads and stores in order, and whether each is coherent."""
    module = parse(
        '"builtin.module"() ({\n"msl.kernel"() <{sym_name = "k", simdgroups = 1}> ({\n'
        f"^bb0(%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %z: !tt.ptr<f32>, %n: i32):\n{ZERO}{body}"
        '"msl.return"() : () -> ()\n}) : () -> ()\n}) : () -> ()\n'
    )
    kernel = module.body.first
    assert isinstance(kernel, Op)
    coherence.run(kernel, target_for(family))
    kinds = ("msl.load", "msl.store", "msl.load_vector", "msl.store_vector")
    return [(op.name, bool(op.attributes.get("coherent"))) for op in kernel.walk() if op.name in kinds]


def test_only_what_is_read_and_written():
    body = LOAD.format("a", "x") + LOAD.format("b", "y") + STORE.format("a", "y") + FENCE + STORE.format("b", "z")
    assert accesses(body) == [("msl.load", False), ("msl.load", True), ("msl.store", True), ("msl.store", False)]


def test_without_fences_or_on_a_processor_nothing_changes():
    body = LOAD.format("a", "x") + STORE.format("a", "x")
    assert accesses(body) == [("msl.load", False), ("msl.store", False)]
    assert accesses(body + FENCE, "cpu") == [("msl.load", False), ("msl.store", False)]


def test_an_atomic_writes():
    body = (
        FENCE
        + LOAD.format("a", "x")
        + (
            '%old = "msl.atomic"(%x, %o, %a) <{function = "atomic_add", has_mask = false}> : '
            "(!tt.ptr<f32>, !msl.reg<1xi32>, !msl.reg<1xf32>) -> !msl.reg<1xf32>\n"
        )
    )
    assert accesses(body) == [("msl.load", True)]


def test_pointers_that_a_loop_moves_lead_to_the_same_memory():
    body = (
        FENCE
        + '%c = "arith.constant"() <{value = 1 : i32}> : () -> i32\n'
        + '%e = "scf.for"(%c, %n, %c, %x) ({\n^bb0(%i: i32, %p: !tt.ptr<f32>):\n'
        + LOAD.format("a", "p")
        + '%q = "msl.pointer_add"(%p, %c) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>\n'
        + '"scf.yield"(%q) : (!tt.ptr<f32>) -> ()\n}) : (i32, i32, i32, !tt.ptr<f32>) -> !tt.ptr<f32>\n'
        + LOAD.format("b", "y")
        + STORE.format("b", "e")
    )
    assert accesses(body) == [("msl.load", True), ("msl.load", False), ("msl.store", True)]


def test_vectors_are_taken_apart():
    body = FENCE + (
        '%v = "msl.register"() <{bases = array<i32: 1>}> : () -> !msl.uniform<2xi32>\n'
        '%a = "msl.load_vector"(%x, %v) <{width = 2}> : (!tt.ptr<f32>, !msl.uniform<2xi32>) -> !msl.reg<2xf32>\n'
        '"msl.store_vector"(%x, %v, %a) <{width = 2}> : (!tt.ptr<f32>, !msl.uniform<2xi32>, !msl.reg<2xf32>) -> ()\n'
    )
    assert accesses(body) == [("msl.load", True), ("msl.store", True)]


def test_addresses_are_refused_where_they_pass_something_on():
    load = '%a = "msl.load_address"(%p) : (!msl.reg<1xi64>) -> !msl.reg<1xf32>\n'
    store = '"msl.store_address"(%p, %a) : (!msl.reg<1xi64>, !msl.reg<1xf32>) -> ()\n'
    start = FENCE + '%p = "arith.extsi"(%o) : (!msl.reg<1xi32>) -> !msl.reg<1xi64>\n' + load
    accesses(start)
    with pytest.raises(Unsupported, match="passes on between programs"):
        accesses(start + store)
