"""Apple's chips, GPU families, limits and language versions as data, each with its source.

Chips: cores, clock and peak from metal-benchmarks and Apple's pages; bandwidth from Apple's pages; `achieved` is what a
sum over rows reads, measured by the project mlx-benchmark (M3 Ultra: with 60 cores). Families: Apple's Metal feature
set tables (2025-10-20).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

THREADS_PER_SIMDGROUP = 32
"""Lanes of a simdgroup on every GPU of Apple, and what Triton calls the warp size."""
FLOPS_PER_CORE_AND_CYCLE = 256
"""128 lanes of 32-bit floats in every core since M1, each a multiply-add per cycle (metal-benchmarks)."""


@dataclass(frozen=True)
class Family:
    """A generation of GPUs.

    number: Metal's MTLGPUFamily; generations: the numbers in the names of its chips, such as 3 in "M3 Pro";
    native_bfloat: whether an instruction converts 16-bit brain floats; wide_atomics: 64-bit atomic minimum and maximum;
    half_rate: 16-bit float operations in the time of one of 32 bits; register_words: of 32 bits in a core, which the
    threads of a threadgroup share; None where registers are given and taken back while threads run (since the M3), so
    that many threads do not make each one's fewer.
    """

    name: str
    number: int
    generations: tuple[int, ...]
    native_bfloat: bool
    wide_atomics: bool
    half_rate: int
    register_words: int | None = None


@dataclass(frozen=True)
class Limits:
    """What one launch may not exceed.

    threadgroup_bytes: of memory that is declared in the text; buffers: slots of a kernel, those for its scalars and for
    the services of a runtime included; constant_bytes: the most that is passed by value; threads_along_axis: of the
    whole grid, which Metal counts in 32 bits.
    """

    threads_per_threadgroup: int
    threadgroup_bytes: int
    buffers: int
    constant_bytes: int
    threads_along_axis: int


LIMITS = Limits(1024, 32768, 31, 4096, 2**32 - 1)
"""Of every family. Metal answers some of what exceeds them with nothing: such a dispatch is skipped."""

REGISTERS = 128
"""Of 32 bits, which a thread has at most on every family (256 of 16 bits in applegpu's encodings)."""
BYTES_PER_PRODUCT = 256
"""A core's first cache gives 64 bytes a cycle (metal-benchmarks) to four simdgroups at a time; 512 multiply-adds of a
product take each of these 16 cycles."""
REGISTER_WORDS = 208 * 1024 // 4
"""Of a core (metal-benchmarks): 1024 threads have 52 each, 512 have 104, as in Mesa's table of the M1 and M2."""

FAMILIES = (
    Family("apple7", 1007, (1,), native_bfloat=False, wide_atomics=False, half_rate=1, register_words=REGISTER_WORDS),
    Family("apple8", 1008, (2,), native_bfloat=False, wide_atomics=True, half_rate=1, register_words=REGISTER_WORDS),
    Family("apple9", 1009, (3, 4), native_bfloat=True, wide_atomics=True, half_rate=1),
    Family("apple10", 1010, (5,), native_bfloat=True, wide_atomics=True, half_rate=2),
)
FAMILY_BY_GENERATION = {generation: family.name for family in FAMILIES for generation in family.generations}
"""The number in a chip's name -> its family."""


@dataclass(frozen=True)
class Chip:
    """A chip with its largest GPU. gigahertz: of the GPU; bandwidth: of memory, GB/s, on paper; achieved: GB/s that a
    kernel reads; narrow: (cores, bandwidth) of the smaller variant where its memory is slower, too."""

    name: str
    cores: int
    gigahertz: float
    bandwidth: float
    achieved: float
    narrow: tuple[int, float] | None = None

    @property
    def family(self) -> str:
        """The GPU family, as in `Target.family`."""
        return FAMILY_BY_GENERATION[int(self.name[1])]

    def peak(self, cores: int | None = None) -> float:
        """32-bit floating-point operations, in 10^12 per second, of a variant with this many cores."""
        return (cores or self.cores) * FLOPS_PER_CORE_AND_CYCLE * self.gigahertz / 1e3

    def memory_bandwidth(self, cores: int | None = None) -> float:
        """GB/s on paper of a variant with this many cores."""
        if self.narrow and cores is not None and cores <= self.narrow[0]:
            return self.narrow[1]
        return self.bandwidth


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("M1", 8, 1.278, 68.3, 60),
        Chip("M1 Pro", 16, 1.296, 204.8, 162),
        Chip("M1 Max", 32, 1.296, 409.6, 310),
        Chip("M1 Ultra", 64, 1.296, 819.2, 516),
        Chip("M2", 10, 1.398, 102.4, 93),
        Chip("M2 Pro", 19, 1.398, 204.8, 170),
        Chip("M2 Max", 38, 1.398, 409.6, 336),
        Chip("M2 Ultra", 76, 1.398, 819.2, 610),
        Chip("M3", 10, 1.38, 102.4, 95),
        Chip("M3 Pro", 18, 1.38, 153.6, 130),
        Chip("M3 Max", 40, 1.38, 409.6, 351, narrow=(30, 307.2)),
        Chip("M3 Ultra", 80, 1.38, 819.2, 571),
        Chip("M4", 10, 1.578, 120, 92),
        Chip("M4 Pro", 20, 1.578, 273, 242),
        Chip("M4 Max", 40, 1.578, 546, 440, narrow=(32, 410)),
        Chip("M5", 10, 1.578, 153.6, 122),
        Chip("M5 Pro", 20, 1.6, 307, 255),
        Chip("M5 Max", 40, 1.65, 614, 530),
    )
}

STAND_IN = CHIPS["M3"]
"""What PyTorch's device mps in host memory passes for (mps_on_linux)."""

LANGUAGES = ((14, "3.1"), (15, "3.2"), (26, "4.0"), (27, "4.1"))
"""(macOS, newest Metal language it compiles); macOS 26 follows 15."""
LEAST_LANGUAGE = "3.1"
"""Every printed text needs it: `bfloat`. Texts with fences or atomics in order need `FENCE_LANGUAGE`."""
FENCE_LANGUAGE = "3.2"

_NAME = re.compile(r"\bM(?P<generation>\d+)(?: (?P<size>Pro|Max|Ultra))?\b")


def chip_name(text: str) -> str:
    """ "Apple M3 Pro" or "Apple M1 (Virtual)" -> "M3 Pro" or "M1"; "" where no chip of the M series is named."""
    found = _NAME.search(text)
    return found.group().strip() if found else ""


def family_of_chip(name: str) -> str | None:
    """The family of an M chip by the number in its name, also of a variant that the table lacks; None if unknown."""
    found = _NAME.search(name)
    return FAMILY_BY_GENERATION.get(int(found["generation"])) if found else None


def language_of(macos: str) -> str | None:
    """The newest Metal language of a macOS version such as "15.3.1"; None before macOS 14."""
    major = int(macos.partition(".")[0])
    return max((language for least, language in LANGUAGES if major >= least), default=None)
