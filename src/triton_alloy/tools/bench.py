"""`triton-alloy bench`: the numbers this project claims, measured; as a table and as JSON.

Every section runs in a process of its own, on two cores and with two threads for every library:

speed         our kernels against PyTorch and NumPy, interleaved in one process
bounds        the same kernels with every access checked against themselves without
interpreter   our times against those of the same kernels under TRITON_INTERPRET=1
compile       Triton IR to Metal text, in a warm process
first_launch  in a new process, with empty caches (cold) and with full ones (warm)
overhead      of one small launch, beyond the same launch with a launcher that does nothing
msl_cpu       Metal text on the CPU, without Triton
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from triton_alloy import __version__
from triton_alloy.errors import AlloyError
from triton_alloy.runtime.probes import device_info
from triton_alloy.tools import progress
from triton_alloy.tools.measure import duration
from triton_alloy.tools.sections import COLD_TARGET, COMPILE_TARGETS, OVERHEAD_TARGET, WARM_TARGET

THREADS = 2
INTERPRETER_TARGET = 500.0
NOTE = """medians: times of all calls, ratios of turns that followed one another
the interpreter runs a part of the grid, scaled up
first launch: without what Triton does once in a process for any backend"""


@dataclass(frozen=True)
class Result:
    """One line of the report. value, target: seconds, or a ratio where `rival` names another side.

    ours, theirs: seconds; more: a larger value is better.
    """

    section: str
    name: str
    value: float
    target: float
    ours: float | None = None
    theirs: float | None = None
    rival: str = ""
    more: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.more else self.value <= self.target

    @property
    def is_ratio(self) -> bool:
        return bool(self.rival)


def _environment(**extra: str) -> dict[str, str]:
    """The child's environment: two threads for everybody, and byte code is kept, as it is for users."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MSL_CPU_THREADS")
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **dict.fromkeys(names, str(THREADS)), **extra}


def _pin() -> None:
    """Two cores for the child and whatever pool of threads it makes, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


class SectionFailed(AlloyError):
    """The process of a section ended with an error, which it has printed itself."""


def _section(name: str, seconds: float, **environment: str) -> Any:
    """Run a section in a child process: the JSON it prints last. Raises SectionFailed; stderr is passed on."""
    command = [sys.executable, "-m", "triton_alloy.tools.sections", name, str(seconds)]
    child = subprocess.run(command, env=_environment(**environment), stdout=subprocess.PIPE, preexec_fn=_pin)
    if child.returncode:
        raise SectionFailed(f"the section {name} of the benchmark ended with status {child.returncode}, as said above")
    return json.loads(child.stdout.decode().splitlines()[-1])


def _compared(section: str, seconds: float) -> Iterator[Result]:
    """Lines of two sides, and of one side whose time itself counts."""
    for line in _section(section, seconds):
        ours, theirs, more = line["ours"], line.get("theirs"), line.get("more", False)
        value = ours if theirs is None else 1 / line["ratio"] if more else line["ratio"]
        yield Result(section, line["name"], value, line["target"], theirs and ours, theirs, line.get("rival", ""), more)


def _interpreter(seconds: float) -> Iterator[Result]:
    ours = {line["name"]: line["ours"] for line in _section("speed", seconds / 4)}
    for line in _section("interpreter", seconds, TRITON_INTERPRET="1"):
        name, time = line["name"], line["time"]
        rival = "interpreter"
        yield Result("interpreter", name, time / ours[name], INTERPRETER_TARGET, ours[name], time, rival, more=True)


def _compile(seconds: float) -> Iterator[Result]:
    for line in _section("compile_time", seconds):
        yield Result("compile", f"{line['name']}, TTIR to MSL", line["ours"], line["target"])


def _first_launch(seconds: float) -> Iterator[Result]:
    for name in COMPILE_TARGETS:
        cold, warm = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                caches = {"TRITON_CACHE_DIR": f"{folder}/triton", "MSL_CPU_CACHE_DIR": f"{folder}/alloy"}
                cold.append(_section(f"first_launch:{name}", seconds, **caches))
                warm.append(_section(f"first_launch:{name}", seconds, **caches))
        yield Result("first_launch", f"{name}, empty caches", statistics.median(cold), COLD_TARGET)
        yield Result("first_launch", f"{name}, full caches", statistics.median(warm), WARM_TARGET)


def _overhead(seconds: float) -> Iterator[Result]:
    for line in _section("overhead", seconds):
        beyond = line["ours"] - line["theirs"]
        yield Result("overhead", line["name"], beyond, OVERHEAD_TARGET, line["ours"], line["theirs"])


RUNNERS: dict[str, Callable[[float], Iterator[Result]]] = {
    "speed": partial(_compared, "speed"),
    "bounds": partial(_compared, "bounds"),
    "interpreter": _interpreter,
    "compile": _compile,
    "first_launch": _first_launch,
    "overhead": _overhead,
    "msl_cpu": partial(_compared, "msl_cpu"),
}
SECTIONS = tuple(RUNNERS)


def packages(sections: Iterable[str]) -> tuple[str, ...]:
    """What these sections need: PyTorch all of them, Triton all but one."""
    return ("torch",) if set(sections) == {"msl_cpu"} else ("triton", "torch")


def machine() -> dict[str, Any]:
    """What the numbers were measured on and with."""
    found = device_info()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": found.processor,
        "threads": THREADS,
        "load": round(os.getloadavg()[0], 2),  # of other programs too, when the report is written
        "python": platform.python_version(),
        "versions": {"triton-alloy": __version__, **found.frameworks},
    }


def table(results: list[Result]) -> Table:
    """The results with their targets; a missed target is red."""
    title = f"triton-alloy bench, CPU, {THREADS} threads"
    result = Table(title=title, caption=NOTE, caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "against"):
        result.add_column(name, no_wrap=True)
    for name in ("ours", "theirs", "result", "target"):
        result.add_column(name, justify="right", no_wrap=True)
    for section in dict.fromkeys(row.section for row in results):
        result.add_row(f"[bold]{section}")
        for row in results:
            if row.section == section:
                result.add_row(*_cells(row))
    return result


def _cells(row: Result) -> tuple[str, ...]:
    show = (lambda value: f"{value:,.0f}x" if value >= 100 else f"{value:.2f}x") if row.is_ratio else duration
    colour = "green" if row.reached else "bold red"
    times = [duration(time) if time is not None else "" for time in (row.ours, row.theirs)]
    sign = ">=" if row.more else "<="
    return f"  {row.name}", row.rival, *times, f"[{colour}]{show(row.value)}[/]", f"{sign} {show(row.target)}"


def bench(console: Console, sections: list[str], seconds: float, json_file: Path | None) -> int:
    """Run the sections and print the table, and write it where asked; 0 if every target was reached, else 1."""
    results: list[Result] = []
    with progress.steps(len(sections)) as begin:
        for section in sections:
            begin(section)
            results.extend(RUNNERS[section](seconds))
    console.print(table(results))
    if json_file:
        report = {"machine": machine(), "results": [asdict(row) | {"reached": row.reached} for row in results]}
        json_file.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if all(row.reached for row in results) else 1
