"""A barrier stands between two accesses of the same bytes of which one writes, and nowhere else."""

from tests.support.buffers import alloc, kernel, load, store
from triton_alloy.ir.core import Block, Builder, Region
from triton_alloy.ir.types import I1, I32, PointerType, RegisterType
from triton_alloy.transforms.registers import allocate, barriers


def place(builder: Builder, simdgroups: int = 4) -> list[str]:
    op = kernel(builder.block)
    op.attributes["simdgroups"] = simdgroups
    allocate.run(op)
    barriers.run(op)
    kept = ("msl.barrier", "msl.shared_store", "msl.shared_load", "scf.for", "scf.if", "scf.yield")
    return [o.name.removeprefix("msl.").removeprefix("shared_") for o in op.walk() if o.name in kept]


def test_write_then_read_needs_one_barrier():
    builder = Builder(Block())
    buffer = alloc(builder, 32)
    store(builder, buffer)
    load(builder, buffer)
    load(builder, buffer)
    assert place(builder) == ["store", "barrier", "load", "load"]


def test_memory_used_again_needs_a_barrier_before_the_next_write():
    builder = Builder(Block())
    for _ in range(2):
        buffer = alloc(builder, 256)
        store(builder, buffer)
        load(builder, buffer)
    assert place(builder) == ["store", "barrier", "load", "barrier", "store", "barrier", "load"]


def test_buffers_that_share_no_byte_need_no_barrier_between_them():
    builder = Builder(Block())
    a, b = alloc(builder, 32), alloc(builder, 32)
    store(builder, a)
    store(builder, b)
    load(builder, a)
    load(builder, b)
    assert place(builder) == ["store", "store", "barrier", "load", "load"]


def test_the_back_edge_of_a_loop_is_an_order_too():
    builder = Builder(Block())
    body = Builder(Block([I32]))
    buffer = alloc(body, 32)
    store(body, buffer)
    load(body, buffer)
    body.build("scf.yield")
    bounds = [builder.constant(n, I32) for n in (0, 4, 1)]
    builder.build("scf.for", bounds, [], {}, [Region([body.block])])
    assert place(builder) == ["scf.for", "barrier", "store", "barrier", "load", "scf.yield"]


def loop_of(builder: Builder, body: Builder) -> None:
    body.build("scf.yield")
    bounds = [builder.constant(n, I32) for n in (0, 4, 1)]
    builder.build("scf.for", bounds, [], {}, [Region([body.block])])


def test_what_only_the_first_iteration_needs_stands_before_the_loop():
    builder, body = Builder(Block()), Builder(Block([I32]))
    buffer = alloc(builder, 32)
    store(builder, buffer)
    load(body, buffer)
    loop_of(builder, body)
    store(builder, buffer)
    assert place(builder) == ["store", "barrier", "scf.for", "load", "scf.yield", "barrier", "store"]


def test_what_any_iteration_needs_serves_the_first_too():
    builder, body = Builder(Block()), Builder(Block([I32]))
    buffer = alloc(builder, 32)
    store(builder, buffer)
    load(body, buffer)
    store(body, buffer)
    loop_of(builder, body)
    order = ["store", "scf.for", "barrier", "load", "barrier", "store", "scf.yield"]
    assert place(builder) == order


def test_a_barrier_leaves_the_innermost_loop_that_does_not_need_it():
    builder, outer, inner = Builder(Block()), Builder(Block([I32])), Builder(Block([I32]))
    buffer = alloc(builder, 32)
    store(outer, buffer)
    load(inner, buffer)
    loop_of(outer, inner)
    loop_of(builder, outer)
    right = ["scf.for", "barrier", "store", "barrier", "scf.for", "load", "scf.yield", "scf.yield"]
    assert place(builder) == right


def test_what_a_branch_leaves_pending_counts_after_it():
    builder = Builder(Block())
    buffer = alloc(builder, 32)
    branch, other = Builder(Block()), Builder(Block())
    store(branch, buffer)
    branch.build("scf.yield")
    other.build("scf.yield")
    condition = builder.constant(1, I1)
    builder.build("scf.if", [condition], [], {}, [Region([branch.block]), Region([other.block])])
    load(builder, buffer)
    assert place(builder) == ["scf.if", "store", "scf.yield", "scf.yield", "barrier", "load"]


def test_one_simdgroup_needs_only_a_simdgroup_barrier():
    builder = Builder(Block())
    buffer = alloc(builder, 32)
    store(builder, buffer)
    load(builder, buffer)
    op = kernel(builder.block)
    op.attributes["simdgroups"] = 1
    allocate.run(op)
    barriers.run(op)
    assert [o.attributes["scope"] for o in op.walk() if o.name == "msl.barrier"] == ["simdgroup"]


def device_scopes(builder: Builder, simdgroups: int = 4) -> list[str]:
    """Loads, stores and the scopes of barriers, in order."""
    op = kernel(builder.block)
    op.attributes["simdgroups"] = simdgroups
    barriers.run(op)
    names = {"msl.load": "load", "msl.store": "store"}
    return [names.get(o.name) or o.attributes["scope"] for o in op.walk() if o.name in (*names, "msl.barrier")]


def test_device_memory_read_by_others_needs_a_barrier_before_it_is_written():
    block = Block()
    pointer, other = (block.add_argument(PointerType(I32)) for _ in range(2))
    builder = Builder(block)
    here, there = (builder.value("msl.lane", [], RegisterType(1, I32)) for _ in range(2))
    value = builder.value("msl.load", [pointer, here], RegisterType(1, I32))
    builder.build("msl.store", [other, there, value])
    builder.build("msl.store", [pointer, here, value])
    builder.build("msl.store", [pointer, there, value])
    assert device_scopes(builder) == ["load", "store", "store", "device", "store"]


def test_an_elected_store_waits_for_all_who_loaded_the_same():
    block = Block()
    pointer = block.add_argument(PointerType(I32))
    builder = Builder(block)
    here = builder.value("msl.lane", [], RegisterType(1, I32))
    value = builder.value("msl.load", [pointer, here], RegisterType(1, I32))
    builder.build("msl.store", [pointer, here, value], [], {"elected": True})
    assert device_scopes(builder, simdgroups=1) == ["load", "simdgroup_device", "store"]


def test_the_same_offsets_from_a_moved_pointer_are_other_elements():
    block = Block()
    pointer, number = block.add_argument(PointerType(I32)), block.add_argument(I32)
    builder = Builder(block)
    here = builder.value("msl.lane", [], RegisterType(1, I32))
    value = builder.value("msl.load", [pointer, here], RegisterType(1, I32))
    moved = builder.value("msl.pointer_add", [pointer, number], PointerType(I32))
    builder.build("msl.store", [moved, here, value])
    builder.build("msl.store", [moved, here, value])
    assert device_scopes(builder) == ["load", "device", "store", "store"]
