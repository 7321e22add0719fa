"""Block sizes of Inductor's templates for matrix products and convolutions, which max-autotune compares.

Inductor has tables for each of NVIDIA's and AMD's GPUs. Here they follow from what a thread of the target has: the
accumulators of its fragments and two slices of operands must stay in registers.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ...target import Target, target_for
from . import device

SIZES = (32, 64, 128)
BLOCK_K = 32
SIMDGROUPS = (1, 2, 4, 8)
MOST = 4
"""Tiles that are compiled for one product, besides PyTorch's own kernel."""
LEAST_ACCUMULATORS = 16
"""Words of a thread: with fewer a simdgroup loads more than it multiplies."""
ADDRESSES = 16
"""Words of a thread for pointers and loop counters."""


@dataclass(frozen=True)
class Tile:
    """Of one program: (m, k) x (k, n), by so many simdgroups."""

    m: int
    n: int
    k: int
    simdgroups: int

    def accumulators(self, target: Target) -> int:
        """Words of a thread."""
        return self.m * self.n // (self.simdgroups * target.threads_per_simdgroup)

    @property
    def reuse(self) -> float:
        """Multiply-adds for every element that is loaded."""
        return self.m * self.n / (self.m + self.n)


def tiles(target: Target) -> list[Tile]:
    """Those that fit the target's registers, the most reuse first and of the same the fewest accumulators."""
    room = (target.registers or REGISTERS_OF_NO_TARGET) - target.operand_registers - ADDRESSES
    every = (Tile(m, n, BLOCK_K, count) for m, n, count in itertools.product(SIZES, SIZES, SIMDGROUPS))
    fitting = [each for each in every if LEAST_ACCUMULATORS <= each.accumulators(target) <= room]
    return sorted(fitting, key=lambda each: (-each.reuse, each.accumulators(target)))


REGISTERS_OF_NO_TARGET = 128
"""Where nobody counts registers (the target `cpu`) tiles are as on a GPU."""


@functools.cache
def heuristic_of(module: ModuleType) -> type:
    """Inductor's table of configurations, by our tiles. module: PyTorch's of the templates' heuristics."""

    class AlloyConfigHeuristic(module.BaseConfigHeuristic):
        def __init__(self) -> None:
            super().__init__()
            fitting = tiles(target_for(device.family()))
            configs = [module.GemmConfig(each.m, each.n, each.k, 1, each.simdgroups) for each in fitting]
            self.mm_configs = self.exhaustive_configs = self.extra_mm_configs = self.int8_mm_configs = configs
            self.conv_configs = [module.ConvConfig(each.m, each.n, each.k, 1, each.simdgroups) for each in fitting]

        def _finalize_mm_configs(self, configs: list[Any]) -> Iterator[Any]:
            """The first of those that differ once they have been made as small as the product is."""
            return itertools.islice(super()._finalize_mm_configs(configs), MOST)

    return AlloyConfigHeuristic


def register(module: ModuleType) -> None:
    """Register our tiles for products on `mps`."""
    table = heuristic_of(module)

    class Product(module.MMTemplateConfigMixin, table):
        """`a @ b`, alone or in a batch."""

    class ProductAndSum(module.AddMMConfigMixin, Product):
        """`c + a @ b`."""

    for template, with_sum in ((module.mm_template, "addmm"), (module.bmm_template, "baddbmm")):
        module.register_template_heuristic(template.uid, "mps")(Product)
        module.register_template_heuristic(template.uid, "mps", op_name=with_sum)(ProductAndSum)
