"""What the compiler knows of a machine: sizes, the matrix unit's fragments and costs. All of it is data."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from math import inf

from . import chips
from .conversion import ConversionCosts
from .errors import InvalidArgument
from .layout import LinearLayout


@dataclass(frozen=True)
class Fragment:
    """A matrix unit: c(m, n) += a(m, k) * b(k, n) by one simdgroup, by the vocabulary function `function`.

    `m`, `n`, `k`: the sizes of one step. `a`, `b`, `c`: the layouts of the unit's operands, from which layout.tiled
    builds those of a tile. `inputs`: the element types (a and b, c) that it takes. `minimum`: the smallest (m, n, k) of
    a tile; along a dimension smaller than the step, but allowed, lanes are left free. `interleaved`: how many fragments
    along n and along k may take turns (layout.tiled), as a power of 2, which gives a lane longer runs in memory."""

    function: str
    m: int
    n: int
    k: int
    a: LinearLayout
    b: LinearLayout
    c: LinearLayout
    inputs: frozenset[tuple[str, str]]
    minimum: tuple[int, int, int]
    interleaved: int = 0

    def takes(self, left: str, right: str, result: str, sizes: tuple[int, int, int]) -> bool:
        """Whether a dot of these element types and (m, n, k) runs on this unit."""
        fits = all(size >= least for size, least in zip(sizes, self.minimum, strict=True))
        return left == right and (left, result) in self.inputs and fits


@dataclass(frozen=True)
class MemoryCosts:
    """Device memory. One access of a simdgroup costs `access`, `segment` for every aligned run of `segment_bytes` that
    it touches, and `gather` if each lane has an element elsewhere. Lanes in a row that have consecutive elements, at
    least `run` of them, count as one; equal elements, and vectors, cost nothing more. In the unit of ConversionCosts.
    """

    segment_bytes: int
    access: float
    segment: float
    gather: float
    run: int = chips.THREADS_PER_SIMDGROUP


@dataclass(frozen=True)
class Target:
    """`load_bytes`: the most one lane loads at once; a wider element is loaded alone.

    `limits`: of one launch, wherever the text runs. `wait_rounds`: after which a loop that waits for other programs is
    given up, None where all programs run. `unrolls`: whether the text says that loops over registers are unrolled: only
    then is it sure that arrays stay in registers. `splits_loops`: whether a loop has a copy for tiles without masks.
    `lane_pointers`: whether an access goes by a pointer of the lane's own. `slice_fragments`: for how many fragments
    along k the operands of a dot are loaded at once, 0 for all; fewer where they would take more than
    `operand_registers` words of a thread. `stages_operands`: whether operands of the matrix unit may come through
    threadgroup memory, where that is cheaper. `registers`: words of 32 bits that a thread has before its values go to
    memory, None where nobody counts them; a program that needs more is run by more simdgroups. `held_words`: of 32 bits
    that a thread may hold so that none of its loads comes after a store. `bytes_per_product`: that a simdgroup can load
    in the time of one product of fragments. `hardware`: None on the CPU.
    """

    family: str
    fragment: Fragment
    max_simdgroups: int
    load_bytes: int
    conversion: ConversionCosts
    memory: MemoryCosts
    threads_per_simdgroup: int = chips.THREADS_PER_SIMDGROUP
    limits: chips.Limits = chips.LIMITS
    wait_rounds: int | None = None
    unrolls: bool = False
    splits_loops: bool = False
    lane_pointers: bool = False
    slice_fragments: int = 0
    operand_registers: int = 0
    stages_operands: bool = True
    registers: int | None = None
    held_words: int = 0
    bytes_per_product: int = 0
    hardware: chips.Family | None = None

    def vector(self, element_bytes: int) -> int:
        """The most elements one lane loads at once."""
        return max(1, self.load_bytes // element_bytes)

    def registers_with(self, simdgroups: int) -> int:
        """Words of 32 bits that a thread has where so many simdgroups run a program; 0 where nobody counts them."""
        words = self.hardware.register_words if self.hardware is not None else None
        share = words // (simdgroups * self.threads_per_simdgroup) if words is not None else sys.maxsize
        return min(self.registers or 0, share)

    def memory_cost(self, layout: LinearLayout, axis: int, element_bytes: int, contiguity: int, vector: int) -> float:
        """Cycles of one simdgroup to load or store a tensor whose addresses rise by one element along `axis` in aligned
        runs of `contiguity` elements, `vector` registers at once."""
        accesses = layout.register_count // vector
        run = min(contiguity, max(1, self.memory.segment_bytes // element_bytes))
        cost = self.memory.access + self.memory.segment * layout.segments(axis, run, vector)
        lanes, together = layout.lane_count, min(layout.lane_run(axis), contiguity)
        pieces = lanes // together if together >= self.memory.run else lanes
        uniform = not any(map(any, layout.lanes))
        if vector == 1 and not uniform:
            cost += self.memory.gather * (pieces - 1) / (lanes - 1)
        return accesses * cost


# ---------------------------------------------------------------------------------------------------------- fragments
_ROW = ((0, 1), (0, 2), (0, 4), (0, 8), (0, 16))
_ROW_OF_32 = LinearLayout((1, 32), lanes=_ROW)
_EIGHT_BY_EIGHT = LinearLayout((8, 8), registers=[(0, 1)], lanes=[(0, 2), (1, 0), (2, 0), (0, 4), (4, 0)])
_FLOATS = frozenset((element, "f32") for element in ("f16", "bf16", "f32"))

# The map of simdgroup_matrix's thread_elements() is not in Apple's specification; MLX, tinygrad and
# metal-flash-attention rely on it.
MMA_8X8 = Fragment("mma_8x8", 8, 8, 8, *(_EIGHT_BY_EIGHT,) * 3, inputs=_FLOATS, minimum=(8, 8, 8), interleaved=1)

# A row of C is a register; so is a row of B (one k), and the k of A are its lanes, taken one by one.
MMA_ROWS = Fragment("mma_rows", 1, 32, 32, *(_ROW_OF_32,) * 3, inputs=_FLOATS | {("i8", "i32")}, minimum=(1, 1, 1))

# ------------------------------------------------------------------------------------------------------------- targets
# From metal-benchmarks (Apple7 and 8; later families are not published): shuffles by XOR take 2 cycles and arbitrary
# ones 28; threadgroup memory has 64 bytes a cycle and core, a quarter of the shuffle network, and needs an address.
# Chains of exchanges, each with its selects and a shuffle, have not been measured there: none is taken.
_APPLE_CONVERSION = ConversionCosts(
    select=1,
    exchange=inf,
    shuffle_xor=2,
    shuffle=28,
    threadgroup_access=12,
    simdgroup_barrier=10,
    threadgroup_barrier=40,
)
# Segments of 32 bytes although a cache line has 128: direct loads of 8x8 fragments, whose rows have 32 bytes, are the
# fastest published form of matmul on these machines.
_APPLE_MEMORY = MemoryCosts(segment_bytes=32, access=8, segment=2, gather=0)

# A simdgroup is one thread with vectors of 32 lanes: contiguous accesses are a few instructions, others one a lane. An
# exchange is two permutations with constant indices.
_CPU_CONVERSION = ConversionCosts(
    select=1, exchange=2, shuffle_xor=2, shuffle=16, threadgroup_access=8, simdgroup_barrier=0, threadgroup_barrier=0
)
_CPU_MEMORY = MemoryCosts(segment_bytes=64, access=1, segment=1, gather=32, run=16)

# A round is an atomic, about half a microsecond on a GPU, where the system's watchdog comes first; a CPU on which the
# other programs wait for a time slice has most of a second.
_WAIT_ROUNDS = 1 << 26

# The CPU keeps the limits of threads and memory, which its workers are made for, and binds any number of buffers.
_CPU_LIMITS = replace(chips.LIMITS, buffers=sys.maxsize)

_TARGETS = {
    family.name: Target(
        *(family.name, MMA_8X8, 32, 16, _APPLE_CONVERSION, _APPLE_MEMORY),
        wait_rounds=_WAIT_ROUNDS,
        unrolls=True,
        splits_loops=True,
        lane_pointers=True,
        slice_fragments=2,
        operand_registers=48,
        stages_operands=False,
        registers=chips.REGISTERS,
        held_words=32,
        bytes_per_product=chips.BYTES_PER_PRODUCT,
        hardware=family,
    )
    for family in chips.FAMILIES
} | {"cpu": Target("cpu", MMA_ROWS, 1, 1, _CPU_CONVERSION, _CPU_MEMORY, limits=_CPU_LIMITS)}


def target_for(arch: str) -> Target:
    """The target of a `GPUTarget("metal", arch, 32)`: "apple7" ... "apple10" or "cpu"."""
    target = _TARGETS.get(arch)
    if target is None:
        raise InvalidArgument(f"unknown architecture {arch!r}: the metal backend has {', '.join(_TARGETS)}")
    return target
