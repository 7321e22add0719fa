"""What the program of TRITON_ALLOY_AGX_STAT says of a kernel's machine code, read from its JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.recorded import by_width

PRODUCT = "simd_mma"
OVERHEAD = ("wait", "mov", "xor", "stack_load", "stack_store")
"""What depends most on Mesa's register allocation: waits, moves, swaps (three xors each), spills and fills."""


@dataclass(frozen=True)
class Region:
    """Code of one loop without the loops inside it; the first region of a kernel is what is outside of all.

    parent: index of the region around it, -1 for the first; opcodes: name -> instructions; device_loads and so on:
    bytes of an access in one thread -> how many.
    """

    parent: int
    opcodes: Mapping[str, int]
    device_loads: Mapping[int, int]
    device_stores: Mapping[int, int]
    threadgroup_loads: Mapping[int, int]
    threadgroup_stores: Mapping[int, int]

    @property
    def instructions(self) -> int:
        return sum(self.opcodes.values())

    @property
    def net(self) -> int:
        """Instructions but for OVERHEAD."""
        return self.instructions - sum(self.opcodes.get(name, 0) for name in OVERHEAD)

    @property
    def products(self) -> int:
        """Products of two 8x8 matrices."""
        return self.opcodes.get(PRODUCT, 0)


@dataclass(frozen=True)
class Kernel:
    """One kernel. registers: of 16 bits in a thread, 256 at most; threads: that a core of an M1 can hold with so many;
    bytes: scratch in a thread, threadgroup memory, code."""

    name: str
    registers: int
    threads: int
    scratch_bytes: int
    threadgroup_bytes: int
    code_bytes: int
    regions: Sequence[Region]

    def count(self, opcode: str) -> int:
        """Instructions of that name in the whole kernel."""
        return sum(region.opcodes.get(opcode, 0) for region in self.regions)

    @property
    def instructions(self) -> int:
        return sum(region.instructions for region in self.regions)

    @property
    def loop(self) -> Region | None:
        """The loop that counts: with the fewest instructions for a product; without products the longest innermost."""
        loops = [(i, region) for i, region in enumerate(self.regions) if i]
        products = [region for _, region in loops if region.products]
        if products:
            return min(products, key=lambda region: region.instructions / region.products)
        around = {region.parent for region in self.regions}
        return max((region for i, region in loops if i not in around), key=lambda r: r.instructions, default=None)

    def accesses(self, kind: str) -> dict[int, int]:
        """Of the whole kernel, widest first. kind: a field of Region, as "device_loads"."""
        total: Counter[int] = Counter()
        for region in self.regions:
            total.update(getattr(region, kind))
        return by_width(total)


def kernels_of(printed: Mapping[str, Any]) -> list[Kernel]:
    """Raises KeyError or ValueError where something is missing."""
    return [_kernel(values) for values in printed["kernels"]]


def _kernel(values: Mapping[str, Any]) -> Kernel:
    names = ("name", "registers", "threads", "scratch_bytes", "threadgroup_bytes", "code_bytes")
    return Kernel(**{name: values[name] for name in names}, regions=[_region(region) for region in values["regions"]])


def _region(values: Mapping[str, Any]) -> Region:
    kinds = ("device_loads", "device_stores", "threadgroup_loads", "threadgroup_stores")
    accesses = (by_width(values[kind]) for kind in kinds)
    return Region(values["parent"], values["opcodes"], *accesses)
