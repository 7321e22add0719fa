"""What a simdgroup loads of device memory for each product of fragments, in the loop where that is most.

A program that more simdgroups run has smaller tiles, of which each product costs more loads.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.msl import DEVICE, count_of, row_of
from ...ir.core import Op, constant_of
from ...ir.rewrite import LOOPS
from ...ir.types import RegisterType, element_of
from ...target import Target


@dataclass(frozen=True)
class Work:
    """products: of fragments, by a simdgroup; bytes: that one of its threads loads for them."""

    products: int = 0
    bytes: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.products + other.products, self.bytes + other.bytes)

    def times(self, count: int) -> Work:
        return Work(self.products * count, self.bytes * count)


def bytes_per_product(kernel: Op, target: Target) -> float:
    """Of a kernel in loop form; 0.0 where no loop has products."""
    loops = [work_of(op) for op in kernel.walk() if op.name in LOOPS and not op.attributes.get("unroll")]
    threads = target.threads_per_simdgroup
    return max((threads * work.bytes / work.products for work in loops if work.products), default=0.0)


def work_of(op: Op) -> Work:
    """Of an op with what is in it: a loop over registers or slices as often as it runs, another loop once."""
    inside = sum((work_of(inner) for block in op.blocks() for inner in block), Work())
    if op.name == "msl.loop":
        return inside.times(op.integer("count"))
    if op.name == "scf.for" and op.attributes.get("unroll"):
        count = constant_of(op.operands[1])
        return inside.times(int(count or 1))
    if op.name == "msl.mma":
        return Work(op.integer("m") * op.integer("n") * op.integer("k") * op.integer("batch", 1))
    memory = row_of(op).memory
    if memory is None or memory.space != DEVICE or not memory.reads or not op.results:
        return inside
    type_ = op.result.type
    is_varying = isinstance(type_, RegisterType) and not type_.uniform
    return Work(bytes=count_of(op.result) * element_of(type_).width / 8) if is_varying else inside
