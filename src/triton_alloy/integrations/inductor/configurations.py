"""Which configurations of a kernel are worth compiling: those whose tile suits a thread's registers and accesses.

Inductor proposes block sizes and simdgroups that suit NVIDIA's GPUs, up to seven for a kernel, and compiles all of them
to measure which is the fastest. Here every one is looked at before anything is compiled.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...target import Target

MOST, MOST_TO_TUNE = 2, 4
"""Configurations that are compiled of one kernel, and under max-autotune: a second one shows whether the first is a bad
choice, and each costs a compilation by Metal."""
BLOCKS = ("XBLOCK", "YBLOCK", "ZBLOCK", "R0_BLOCK", "R1_BLOCK")
WORD = 4
"""Bytes."""


@dataclass(frozen=True)
class Kernel:
    """What is known of a kernel before it is compiled. sizes: hints, by the prefix of the axis ("x", "r0_"); values: of
    one element that are alive at the same time; crosses: whether it sorts or scans a whole axis; tunes: whether
    max-autotune is on."""

    sizes: Mapping[str, int]
    values: int
    crosses: bool
    tunes: bool

    @classmethod
    def of(cls, kind: str, size_hints: Mapping[str, int] | None, meta: Mapping[str, Any]) -> Kernel:
        """Of Inductor's hints. kind: the name of its HeuristicType."""
        values = 1 + max(1, min(meta.get("num_load", 1), MOST_ALIVE))
        crosses = kind == "PERSISTENT_REDUCTION" and meta.get("num_reduction") == 0
        tunes = bool(meta.get("max_autotune") or meta.get("max_autotune_pointwise"))
        return cls(size_hints or {}, values, crosses, tunes)

    def elements(self, config: Any) -> int:
        """Of one program's tile. A persistent reduction has no block for its axis, which is taken whole."""
        blocks = [config.kwargs[name] for name in BLOCKS if name in config.kwargs]
        blocks += [
            power_of_2(size)
            for prefix, size in self.sizes.items()
            if prefix.startswith("r") and f"{prefix.upper()}BLOCK" not in config.kwargs
        ]
        return math.prod(blocks)

    def share(self, config: Any, target: Target) -> float:
        """Elements of one thread."""
        return self.elements(config) / (config.num_warps * target.threads_per_simdgroup)


MOST_ALIVE = 4
"""Loads of an element whose values are counted as alive at once; more are mostly used up one after the other."""


def power_of_2(size: int) -> int:
    """The next one from `size` up."""
    return 1 << max(0, int(size) - 1).bit_length()


def chosen(configs: Sequence[Any], kernel: Kernel, target: Target) -> list[Any]:
    """The configurations (triton.Config) to compile, in the order given; one at least.

    Those go whose tile takes more registers than a thread has, and whose threads are more than a program may have. Of
    the rest those stay in which a thread has about one full vector for an access.
    """
    if kernel.crosses:
        return [_with_one_element(configs, kernel, target)]
    most = MOST_TO_TUNE if kernel.tunes else MOST
    fitting = [config for config in configs if _fits(config, kernel, target)]
    if not fitting:
        return [min(configs, key=lambda config: kernel.share(config, target))]
    best = sorted(fitting, key=lambda config: _distance(config, kernel, target))[:most]
    return [config for config in fitting if any(config is each for each in best)]


def _with_one_element(configs: Sequence[Any], kernel: Kernel, target: Target) -> Any:
    """The largest tile that a program of moderate size sorts or scans, with an element for each thread: the steps that
    cross threads are written out for every element of a thread, and take its registers."""
    ordered = sorted(configs, key=kernel.elements)
    found = next((each for each in reversed(ordered) if kernel.elements(each) <= MODERATE_THREADS), ordered[0])
    most = target.limits.threads_per_threadgroup
    chosen = copy.copy(found)
    chosen.num_warps = -(-min(kernel.elements(found), most) // target.threads_per_simdgroup)
    return chosen


MODERATE_THREADS = 256


def _fits(config: Any, kernel: Kernel, target: Target) -> bool:
    threads = config.num_warps * target.threads_per_simdgroup
    words = kernel.share(config, target) * kernel.values
    return threads <= target.limits.threads_per_threadgroup and words <= (target.registers or math.inf)


def _distance(config: Any, kernel: Kernel, target: Target) -> float:
    """How far a thread's share is from one vector, in steps of 2."""
    return abs(math.log2(kernel.share(config, target) / target.vector(WORD)))
