"""The kernels that the instruments look at, with their sizes: what is printed on any machine and timed on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from triton_alloy.kernel import Kernel
from triton_alloy.tools import launches

Shape = launches.Shape
DTYPES = {"f32": torch.float32, "f16": torch.float16, "f64": torch.float64}


@dataclass(frozen=True)
class Workload(launches.Launch):
    """A launch of which the text is looked at. timed: whether a GPU measures it. Sizes of one that is called
    "unaligned" are odd."""

    timed: bool = True

    @property
    def tensors(self) -> dict[str, tuple[Shape, torch.dtype]]:
        """The arrays as tensors: name -> (shape, dtype)."""
        return {name: (shape, DTYPES[element]) for name, (shape, element) in self.arrays.items()}

    def printed(self, family: str) -> Kernel:
        """What the compiler makes of it for a GPU family; pointers are multiples of 16."""
        return Kernel.from_json(self._compiled(family).asm["alloy"])

    def lowered(self, family: str) -> str:
        """The TTIR of it that the compiler is given for a GPU family."""
        return self._compiled(family).asm["ttir"]

    def _compiled(self, family: str) -> Any:
        from triton_alloy import config  # the rest of this file runs on a GPU machine without our compiler's needs

        arguments = self.arguments({name: dtype for name, (_, dtype) in self.tensors.items()})
        with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE="fast", ALLOY_RUNTIME="cpu"):
            return self.kernel.warmup(*arguments, **self.constants, grid=self.grid, num_warps=self.warps)


def workload_of(maker: Callable[..., launches.Launch], *arguments: Any, timed: bool = True, **named: Any) -> Workload:
    """The workload that a function of launches.py makes of the arguments."""
    return Workload(**vars(maker(*arguments, **named)), timed=timed)


def _workloads() -> Iterator[Workload]:
    for element in ("f32", "f16"):
        for size, word in ((1 << 26, ""), ((1 << 26) - 1, "_unaligned")):
            yield workload_of(launches.of_add, f"add{word}_{element}", element, size)
        for columns, word in ((4096, ""), (4095, "_unaligned")):
            yield workload_of(launches.of_softmax, f"softmax{word}_{element}", element, columns, 4096, 4)
            yield workload_of(launches.of_layer_norm, f"layer_norm{word}_{element}", element, columns, 4096, 4)
            yield workload_of(launches.of_layer_norm_backward, f"layer_norm_backward{word}_{element}", element, columns)
            yield workload_of(launches.of_column_sums, f"column_sums{word}_{element}", element, 4 * columns)
        yield workload_of(launches.of_softmax, f"softmax_8warps_{element}", element, 4096, 4096, 8)
        yield workload_of(launches.of_layer_norm, f"layer_norm_8warps_{element}", element, 4096, 4096, 8)
        yield workload_of(launches.of_softmax, f"softmax_1024_{element}", element, 1024, 1024, 4, timed=False)
        yield workload_of(launches.of_layer_norm, f"layer_norm_1024_{element}", element, 1024, 1024, 4, timed=False)
        yield workload_of(launches.of_matmul, f"matmul_64x64x32_{element}", element, 4096, 64, 4)
        yield workload_of(launches.of_matmul, f"matmul_128x128x32_{element}", element, 4096, 128, 8)
        yield workload_of(launches.of_matmul, f"matmul_128x128x32_4warps_{element}", element, 4096, 128, 4, timed=False)
        yield workload_of(launches.of_matmul, f"matmul_unaligned_{element}", element, 4095, 64, 4)
        yield workload_of(launches.of_attention, f"attention_{element}", element, 64, causal=False)
        yield workload_of(launches.of_attention, f"attention_causal_{element}", element, 64, causal=True)
        yield workload_of(launches.of_attention, f"attention_128_{element}", element, 128, causal=False, timed=False)
    yield workload_of(launches.of_add, "add_f64", "f64", 1 << 25)


WORKLOADS = tuple(_workloads())
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def named(patterns: Iterable[str]) -> list[Workload]:
    """The workloads whose name begins with one of the patterns; all where there is none."""
    starts = tuple(patterns)
    return [workload for workload in WORKLOADS if not starts or workload.name.startswith(starts)]
