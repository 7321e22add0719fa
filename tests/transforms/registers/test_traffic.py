"""What is loaded for each product: counted by loops, and what it decides."""

from __future__ import annotations

import triton_alloy.dialects  # noqa: F401
from triton_alloy.ir.core import Block, Builder, Op, Region, Value
from triton_alloy.ir.types import F32, I32, INDEX, PointerType, RegisterType
from triton_alloy.target import target_for
from triton_alloy.transforms.registers.traffic import Work, bytes_per_product, work_of

LANES = RegisterType(1, F32)


def load(block: Block, width: int) -> None:
    base, offset = block.add_argument(PointerType(F32)), block.add_argument(RegisterType(1, I32))
    block.append(Op("msl.load_vector", [base, offset], [RegisterType(width, F32)], {"width": width}))


def registers(count: int, width: int) -> Op:
    """A loop over registers that loads vectors."""
    body = Block([INDEX])
    load(body, width)
    return Op("msl.loop", [], [], {"count": count, "start": 0, "carried": 0}, [Region([body])])


def product(m: int, n: int, k: int) -> Op:
    return Op("msl.mma", attributes={"function": "mma_8x8", "m": m, "n": n, "k": k})


def counted(block: Block, ops: list[Op], count: int, **attributes: bool) -> Op:
    builder = Builder(block)
    bounds: list[Value] = [builder.constant(number, I32) for number in (0, count, 1)]
    body = Block([I32])
    for op in ops:
        body.append(op)
    return builder.build("scf.for", bounds, [], attributes, [Region([body])])


def test_loops_over_registers_and_slices_count_as_often_as_they_run():
    loop = counted(Block(), [registers(4, 4), registers(2, 4), product(4, 4, 2)], 2, unroll=True)
    assert work_of(loop) == Work(products=64, bytes=2 * (16 + 8) * 4)


def test_another_loop_counts_once():
    assert work_of(counted(Block(), [registers(1, 2), product(1, 1, 1)], 100)) == Work(1, 8)


def test_what_all_lanes_share_costs_nothing():
    block = Block([PointerType(F32), I32])
    block.append(Op("msl.load", block.arguments, [F32], {"contiguous": False}))
    assert work_of(Op("msl.kernel", regions=[Region([block])])) == Work()


def test_the_loop_with_most_counts():
    body = Block()
    kernel = Op("msl.kernel", regions=[Region([body])])
    counted(body, [registers(8, 4), product(4, 4, 4)], 9)
    counted(body, [registers(8, 4), product(2, 4, 4)], 9)
    counted(body, [registers(99, 4)], 9)
    assert bytes_per_product(kernel, target_for("apple9")) == 32 * 8 * 16 / 32
