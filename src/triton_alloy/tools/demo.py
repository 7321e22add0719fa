"""`triton-alloy demo`: run every example, check it against float64 NumPy and show what it became.

Needs Triton and NumPy only: the arguments are NumPy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from triton.runtime import driver

from triton_alloy.errors import InvalidArgument
from triton_alloy.tools import cases, progress
from triton_alloy.tools.measure import duration, interleave

DTYPES = {"float32": "f32", "float16": "f16"}
NOTE = """error: the largest, relative to the largest number of NumPy's float64 result
MSL: lines of Metal text, all kernels of the example
NumPy: timed on float32; both times are medians"""


@dataclass(frozen=True)
class Outcome:
    """One row of the table. error: relative; ours, numpy: seconds; lines: of Metal text, all kernels together."""

    case: cases.Case
    dtype: str
    error: float
    ours: float
    numpy: float
    lines: int

    @property
    def right(self) -> bool:
        return self.error <= cases.TOLERANCE[self.dtype]


def metal_texts(kernels: tuple[Any, ...]) -> list[str]:
    """The Metal text of the form of each kernel that was compiled last for the current device."""
    active: Any = driver.active
    caches = [kernel.device_caches[active.get_current_device()][0] for kernel in kernels]
    return [list(cache.values())[-1].asm["msl"] for cache in caches]


def run_case(case: cases.Case, dtype: str, seconds: float) -> Outcome:
    """Run one case once for its error, then for about `seconds` for the two times."""
    arguments = case.inputs(np.random.default_rng(0), dtype)
    exact = case.reference(*(argument.astype(np.float64) for argument in arguments))
    error = cases.error(case.run(*arguments), exact)
    lines = sum(text.count("\n") for text in metal_texts(case.kernels))
    single = [argument.astype(np.float32) for argument in arguments]
    ours, numpy = interleave([lambda: case.run(*arguments), lambda: case.reference(*single)], seconds, turn=0.03)
    return Outcome(case, dtype, error, ours.median, numpy.median, lines)


def device_name() -> str:
    """The active Triton target, for people: "cpu, 8 cores"."""
    active: Any = driver.active
    properties = active.utils.get_device_properties(active.get_current_device())
    return f"{active.get_current_target().arch}, {properties['multiprocessor_count']} cores"


def table(outcomes: list[Outcome], device: str) -> Table:
    """The outcomes as a table; an error over the tolerance is red."""
    title = f"Triton kernels as Metal text, run on {device}"
    result = Table(title=title, caption=NOTE, caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("kernel", "dtype"):
        result.add_column(name, no_wrap=True)
    for name in ("shape", "error", "time", "NumPy", "MSL"):
        result.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        colour = "green" if outcome.right else "bold red"
        result.add_row(
            outcome.case.name,
            DTYPES[outcome.dtype],
            outcome.case.shape,
            f"[{colour}]{outcome.error:.1e}[/]",
            duration(outcome.ours),
            duration(outcome.numpy),
            str(outcome.lines),
        )
    return result


def demo(console: Console, seconds: float = 0.2) -> int:
    """Run all cases and print the table; 0 if every result is right, else 1."""
    outcomes = []
    with progress.steps(len(cases.CASES) * len(DTYPES)) as begin:
        for case in cases.CASES:
            for dtype in DTYPES:
                begin(f"{case.name} {dtype}")
                outcomes.append(run_case(case, dtype, seconds))
    console.print(table(outcomes, device_name()))
    return 0 if all(outcome.right for outcome in outcomes) else 1


def show(console: Console, name: str) -> int:
    """Compile and run the case called `name` in float32 and print its Metal text."""
    by_name = {case.name: case for case in cases.CASES}
    if name not in by_name:
        raise InvalidArgument(f"no example called {name!r}; there are {', '.join(by_name)}")
    case = by_name[name]
    case.run(*case.inputs(np.random.default_rng(0), "float32"))
    for text in metal_texts(case.kernels):
        if console.is_terminal:
            console.print(Syntax(text, "cpp", background_color="default"), soft_wrap=True)
        else:
            print(text)
    return 0
