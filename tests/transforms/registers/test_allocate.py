"""Threadgroup memory: buffers alive at the same time never share a byte; others may."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.buffers import alloc, kernel, load, store
from triton_alloy.ir.core import Block, Builder, Region
from triton_alloy.ir.types import I8, I32
from triton_alloy.transforms.registers import allocate


def allocated(builder: Builder) -> int:
    """Bytes of the arena."""
    op = kernel(builder.block)
    allocate.run(op)
    return op.integer("threadgroup_bytes")


def test_buffers_used_one_after_the_other_share_their_bytes():
    builder = Builder(Block())
    for _ in range(3):
        buffer = alloc(builder, 128)
        store(builder, buffer)
        load(builder, buffer)
    assert allocated(builder) == 512


def test_small_buffers_share_no_bytes_so_that_no_barrier_is_between_them():
    builder = Builder(Block())
    buffers = [alloc(builder, size) for size in (4, 8, 4)]
    for buffer in buffers:
        store(builder, buffer)
        load(builder, buffer)
    assert allocated(builder) == 64
    assert len({buffer.owner.attributes["offset"] for buffer in buffers}) == 3


def test_a_buffer_is_rounded_to_sixteen_bytes():
    builder = Builder(Block())
    store(builder, alloc(builder, 3, I8))
    assert allocated(builder) == 16


def test_a_buffer_filled_before_a_loop_and_read_in_it_lives_through_the_loop():
    builder = Builder(Block())
    outer = alloc(builder, 64)
    store(builder, outer)
    inner_builder = Builder(Block([I32]))
    load(inner_builder, outer)
    inner = alloc(inner_builder, 64)
    store(inner_builder, inner)
    load(inner_builder, inner)
    inner_builder.build("scf.yield")
    bounds = [builder.constant(n, I32) for n in (0, 4, 1)]
    builder.build("scf.for", bounds, [], {}, [Region([inner_builder.block])])
    assert allocated(builder) == 512
    assert outer.owner.attributes["offset"] != inner.owner.attributes["offset"]


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 12), st.integers(0, 12)), max_size=12))
def test_no_two_live_buffers_overlap(spans):
    builder = Builder(Block())
    buffers = [alloc(builder, size) for size, _, _ in spans]
    intervals = [(min(a, b), max(a, b)) for _, a, b in spans]
    for time in range(13):
        for buffer, (first, last) in zip(buffers, intervals, strict=True):
            if time in (first, last):
                store(builder, buffer)
    total = allocated(builder)
    offsets = [b.owner.attributes["offset"] for b in buffers]
    for i, (size, _, _) in enumerate(spans):
        assert offsets[i] % 16 == 0 and offsets[i] + 4 * size <= total
        for j in range(i):
            apart = offsets[i] + 4 * size <= offsets[j] or offsets[j] + 4 * spans[j][0] <= offsets[i]
            (a, b), (c, d) = ([(time, k) for time in intervals[k]] for k in (i, j))
            assert apart or b < c or d < a
