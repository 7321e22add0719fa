"""Recorded launches on a GPU, compared with what the CPU left: the same bytes, or floats that are rounded otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.simt.archive import Archive, Launch
from tests.simt.driver import Kernel, Machine
from tests.simt.memory import Apart, Guarded

REPEATS = 4
EXACT, CLOSE, DIFFERS, FAULT = "exact", "close", "differs", "fault"
STATES = (EXACT, CLOSE, DIFFERS, FAULT)
_FLOATS = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": np.uint16}
# Doubles are computed in integer registers: the same everywhere, but for the bits of a NaN that comes from a float.
_STEPS = {"f64": 0.0, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
EXPLAINED = {
    "test_a_scalar_counts_once_per_program": "the order in which programs reach an atomic",
    "test_a_scalar_is_updated_once_per_program": "the order in which programs reach an atomic",
    "test_nobody_sees_half_of_an_update": "the order in which programs reach an atomic",
    "test_kernel_float64.py::test_functions": "functions of doubles, which are the C library's on the CPU",
    "test_kernel_libdevice_doubles.py::test_bounded_functions": "functions of doubles, within a bound on each side",
    "test_kernel_cast.py::test_all_pairs": "infinities, NaNs and numbers out of range as integers, the bits of a NaN",
    "test_kernel_integer.py::test_arithmetic": "quotients by 0, which are undefined",
}
"""Tests whose other numbers say nothing -> why."""


@dataclass(frozen=True)
class Outcome:
    """What became of a launch.

    state: of STATES, for a fault with its `error`; worst: the largest error relative to the largest number; stable:
    whether all runs left the same; guarded: whether nothing beside the buffers was written; asserted: whether the log
    counts failed assertions; raised: what the launch on the CPU ended with.
    """

    index: int
    origin: str
    state: str
    worst: float = 0.0
    stable: bool = True
    guarded: bool = True
    asserted: bool = False
    raised: str = ""
    error: str = ""

    @property
    def reason(self) -> str:
        """Why a difference says nothing, or ""."""
        return next((why for name, why in EXPLAINED.items() if f"{name}[" in self.origin), "")

    @property
    def is_same(self) -> bool:
        """Whether the GPU did what the CPU did."""
        as_asserted = self.asserted == (self.raised == "DeviceAssertion")
        return self.state in (EXACT, CLOSE) and self.stable and self.guarded and as_asserted

    @property
    def is_right(self) -> bool:
        """The same, or other numbers for a known reason; never a fault or a stray write."""
        return self.is_same or (self.guarded and self.state != FAULT and bool(self.reason))


def as_floats(data: bytes, element: str) -> np.ndarray:
    """Memory as float64; what is left of a last element is dropped."""
    dtype = np.dtype(_FLOATS[element])
    numbers = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    if element == "bf16":
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.astype(np.float64)


def compared(found: bytes, expected: bytes, element: str) -> tuple[str, float]:
    """The state, and the error: of floats relative to the largest number, of others the part of bytes that differ.

    Close are floats within 8 steps of the largest number or 16 steps of each.
    """
    if found == expected:
        return EXACT, 0.0
    if element not in _FLOATS:
        return DIFFERS, float((np.frombuffer(found, np.uint8) != np.frombuffer(expected, np.uint8)).mean())
    a, b = as_floats(found, element), as_floats(expected, element)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(a - b))
        error = np.where(np.isnan(error), np.inf, error)
        largest = max(float(np.abs(b[np.isfinite(b)]).max(initial=0)), 1e-30)
        worst = float(error.max(initial=0)) / largest
        each = float((error / np.maximum(np.abs(b), 1e-30)).max(initial=0))
    close = worst <= 8 * _STEPS[element] or each <= 16 * _STEPS[element]
    return (CLOSE if close else DIFFERS), worst


def _launch_of(
    machine: Machine, kernel: Kernel, archive: Archive, launch: Launch, pointers: Sequence[int]
) -> tuple[Callable[[], None], list[tuple[int, dict[str, Any]]]]:
    """A function that launches with services that are zero, and the services: address and description."""
    description = archive.kernels[launch.kernel]
    services = [(machine.allocate(each["bytes"]), each) for each in description["services"]]
    threads = description["simdgroups"] * description["threads_per_simdgroup"]
    addresses = [address for address, _ in services]
    bound = kernel.bind(pointers, bytes.fromhex(launch.scalars), addresses, launch.grid, threads)

    def run() -> None:
        for address, each in services:
            machine.write(address, bytes(each["bytes"]))
        bound()
        machine.synchronize()

    return run, services


def replayed(machine: Machine, kernel: Kernel, archive: Archive, index: int, repeats: int = REPEATS) -> Outcome:
    """Run one launch several times and compare. Raises CudaFault."""
    launch = archive.launches[index]
    memory = Guarded(machine, archive, launch)
    run, services = _launch_of(machine, kernel, archive, launch, memory.pointers())
    images = []
    for _ in range(repeats):
        memory.fill()
        run()
        images.append(memory.found())
    logs = [machine.read(address, 8) for address, each in services if each["kind"] == "log"]
    for address, _ in services:
        machine.free(address)
    memory.free()
    spans = zip(launch.spans, memory.contents(images[0]), memory.after, strict=True)
    states = [compared(found, after, span.element) for span, found, after in spans]
    state, worst = max(states, key=lambda each: (STATES.index(each[0]), each[1]), default=(EXACT, 0.0))
    return Outcome(
        index,
        launch.origin,
        state,
        worst,
        stable=all(image == images[0] for image in images),
        guarded=all(map(memory.is_guarded, images)),
        asserted=any(any(words[4:]) for words in logs),
        raised=launch.raised,
    )


def run_apart(machine: Machine, kernel: Kernel, archive: Archive, index: int) -> None:
    """One launch, once, in memory with nothing behind the buffers. Raises CudaFault."""
    launch = archive.launches[index]
    memory = Apart(machine, archive, launch)
    run, services = _launch_of(machine, kernel, archive, launch, memory.pointers())
    memory.fill()
    run()
    for address, _ in services:
        machine.free(address)
    memory.free()


def summary(outcomes: Sequence[Outcome], total: int) -> str:
    """Counts, and every launch that is not as on the CPU."""
    states = Counter(each.state for each in outcomes)
    unstable, stray = sum(not each.stable for each in outcomes), sum(not each.guarded for each in outcomes)
    counts = ", ".join(f"{state} {states[state]}" for state in STATES)
    different = [each for each in outcomes if not each.is_same]
    wrong = sum(not each.is_right for each in outcomes)
    return "\n".join(
        [
            *map(_told, different),
            f"{counts}; unstable {unstable}, stray writes {stray}",
            f"{len(outcomes)} of {total} launches: {wrong} wrong, {len(different) - wrong} differ for a reason",
        ]
    )


def _told(outcome: Outcome) -> str:
    values = {key: value for key, value in asdict(outcome).items() if value != "" and key not in ("index", "origin")}
    judgement = outcome.reason if outcome.is_right else "WRONG"
    return f"{judgement}: {outcome.origin.rpartition('/')[2]} (launch {outcome.index}) {values}"
