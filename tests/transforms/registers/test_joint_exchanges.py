"""Reductions that do not need each other wait at one barrier; what needs what is read there stays behind it."""

from tests.support.filecheck import check
from tests.support.register_form import kernel_text
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.transforms.registers import allocate, barriers, joint_exchanges

SUM = """
%{0} = "msl.reduce_registers"(%{1}) <{{outputs = 1, map = array<i32: 0, 1>}}> ({{
^bb0(%l: f32, %r: f32):
  %t = "arith.addf"(%l, %r) : (f32, f32) -> f32
  "msl.yield"(%t) : (f32) -> ()
}}) : (!msl.reg<2xf32>) -> !msl.reg<1xf32>
%{0}_all = "msl.simd_reduce"(%{0}) <{{kind = "add"}}> : (!msl.reg<1xf32>) -> f32
"""
TOLD = """
%{0}_scratch = "msl.shared_alloc"() : () -> !msl.shared<4xf32>
"msl.shared_store"(%{0}_scratch, %simdgroup, %{0}_all) : (!msl.shared<4xf32>, i32, f32) -> ()
%{0}_told = "msl.shared_load"(%{0}_scratch, %other) : (!msl.shared<4xf32>, i32) -> f32
"""
START = """
%simdgroup = "msl.simdgroup"() : () -> i32
%other = "arith.constant"() <{value = 1 : i32}> : () -> i32
"""
STORE = '"msl.store"(%out, %other, %{0}) <{{contiguous = false}}> : (!tt.ptr<f32>, i32, f32) -> ()\n'


def exchange(name: str, operand: str) -> str:
    return SUM.format(name, operand) + TOLD.format(name)


def joined(body: str) -> str:
    """The text with its barriers."""
    module = parse(kernel_text("%x: !msl.reg<2xf32>, %y: !msl.reg<2xf32>, %out: !tt.ptr<f32>", START + body))
    [kernel] = list(module.body)
    kernel.attributes["simdgroups"] = 4
    joint_exchanges.run(kernel)
    allocate.run(kernel)
    barriers.run(kernel)
    return print_ir(module)


def test_two_sums_wait_at_one_barrier():
    total = '%all = "arith.addf"(%a_told, %b_told) : (f32, f32) -> f32\n'
    text = joined(exchange("a", "x") + exchange("b", "y") + total + STORE.format("all"))
    assert text.count("msl.barrier") == 1
    check(
        text,
        """
        CHECK: "msl.reduce_registers"(%x)
        CHECK: "msl.reduce_registers"(%y)
        CHECK: "msl.shared_store"(%a_scratch
        CHECK: "msl.shared_store"(%b_scratch
        CHECK: "msl.barrier"
        CHECK: "msl.shared_load"(%a_scratch
        CHECK: "msl.shared_load"(%b_scratch
        """,
    )


def test_three_sums_wait_at_one_barrier():
    body = exchange("a", "x") + exchange("b", "y") + exchange("c", "x")
    text = joined(body + "".join(STORE.format(f"{name}_told") for name in "abc"))
    assert text.count("msl.barrier") == 1


def test_a_sum_of_what_was_told_stays_behind_it():
    scaled = '%z = "arith.mulf"(%y, %a_told) : (!msl.reg<2xf32>, f32) -> !msl.reg<2xf32>\n'
    text = joined(exchange("a", "x") + scaled + exchange("b", "z") + STORE.format("b_told"))
    assert text.count("msl.barrier") == 2
    assert text.index('"msl.shared_load"(%a_scratch') < text.index('"arith.mulf"')


def test_no_store_goes_before_a_read_of_its_own_buffer():
    again = '"msl.shared_store"(%a_scratch, %simdgroup, %b_all) : (!msl.shared<4xf32>, i32, f32) -> ()\n'
    more = '%c_told = "msl.shared_load"(%a_scratch, %other) : (!msl.shared<4xf32>, i32) -> f32\n'
    body = exchange("a", "x") + SUM.format("b", "y") + again + more + STORE.format("a_told") + STORE.format("c_told")
    text = joined(body)
    assert text.index("%a_told =") < text.rindex("msl.shared_store") and text.count("msl.barrier") == 3


def test_nothing_goes_across_an_access_of_device_memory():
    text = joined(exchange("a", "x") + STORE.format("a_told") + exchange("b", "y") + STORE.format("b_told"))
    assert text.count("msl.barrier") == 2
