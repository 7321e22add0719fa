"""`triton-alloy bench`: the numbers this project claims, measured; as a table and as JSON.

Every section runs in a process of its own, with as many threads for every library as are asked for, on as many cores:

speed         our kernels against PyTorch and NumPy, in turns, with rests until the threads of the other side sleep
operators     55 operators on 1024 x 1024 elements against PyTorch
bounds        the same kernels with every access checked against themselves without
interpreter   our times against those of the same kernels under TRITON_INTERPRET=1
compile       Triton IR to Metal text, in a warm process
first_launch  in a new process, with empty caches (cold) and with full ones (warm)
overhead      of one small launch, beyond the same launch with a launcher that does nothing; of repeated launches
msl_cpu       Metal text on the CPU, without Triton

Those that take minutes are measured where they are named, `--only sizes tiles`:

sizes         seven operators over the number of elements, against PyTorch and torch.compile; threads against one
tiles         the same over the number of elements of a program
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
from dataclasses import asdict, dataclass, field, replace
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
from triton_alloy.tools import curves, progress
from triton_alloy.tools.measure import duration
from triton_alloy.tools.sections import COLD_TARGET, COMPILE_TARGETS, WARM_TARGET

INTERPRETER_TARGET = 500.0
OPERATOR_TARGET, MEDIAN_TARGET = 2.0, 0.7
NOTE = """medians: times of all calls, ratios of turns that followed one another
the interpreter runs a part of the grid, scaled up
first launch: without what Triton does once in a process for any backend"""
QUIET = 0.5
BUSY = "[bold red]the machine was busy before (load {:.1f}): libraries whose threads await each other then stall"


@dataclass(frozen=True)
class Result:
    """One line of the report. value, target: seconds, or a ratio where `rival` names another side.

    ours, theirs: seconds; more: a larger value is better; details: of a point of a curve, as its section gives them.
    """

    section: str
    name: str
    value: float
    target: float
    ours: float | None = None
    theirs: float | None = None
    rival: str = ""
    more: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.more else self.value <= self.target

    @property
    def is_ratio(self) -> bool:
        return bool(self.rival)


@dataclass(frozen=True)
class Settings:
    """seconds: for each comparison; threads: of every library."""

    seconds: float = 3.0
    threads: int = 2


def _environment(threads: int, **extra: str) -> dict[str, str]:
    """The child's environment: so many threads for everybody, and byte code is kept, as it is for users."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MSL_CPU_THREADS")
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **dict.fromkeys(names, str(threads)), **extra}


def _pin(cores: int) -> None:
    """So many cores for the child and whatever pool of threads it makes, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


class SectionFailed(AlloyError):
    """The process of a section ended with an error, which it has printed itself."""


def _section(name: str, settings: Settings, **environment: str) -> Any:
    """Run a section in a child process: the JSON it prints last. Raises SectionFailed; stderr is passed on."""
    command = [sys.executable, "-m", "triton_alloy.tools.sections", name, str(settings.seconds)]
    variables, pin = _environment(settings.threads, **environment), partial(_pin, settings.threads)
    child = subprocess.run(command, env=variables, stdout=subprocess.PIPE, preexec_fn=pin)
    if child.returncode:
        raise SectionFailed(f"the section {name} of the benchmark ended with status {child.returncode}, as said above")
    return json.loads(child.stdout.decode().splitlines()[-1])


def _compared(section: str, settings: Settings) -> Iterator[Result]:
    """Lines of two sides, and of one side whose time itself counts."""
    for line in _section(section, settings):
        ours, theirs, more = line["ours"], line.get("theirs"), line.get("more", False)
        value = ours if theirs is None else 1 / line["ratio"] if more else line["ratio"]
        yield Result(section, line["name"], value, line["target"], theirs and ours, theirs, line.get("rival", ""), more)


def _operators(settings: Settings) -> Iterator[Result]:
    lines = _section("operators", settings)
    for line in lines:
        times = line["ours"], line["theirs"]
        yield Result("operators", line["name"], line["ratio"], OPERATOR_TARGET, *times, "PyTorch")
    median = statistics.median(line["ratio"] for line in lines)
    yield Result("operators", "median of all", median, MEDIAN_TARGET, rival="PyTorch")


def _interpreter(settings: Settings) -> Iterator[Result]:
    quick = replace(settings, seconds=settings.seconds / 4)
    ours = {line["name"]: line["ours"] for line in _section("speed", quick)}
    for line in _section("interpreter", settings, TRITON_INTERPRET="1"):
        name, time = line["name"], line["time"]
        rival = "interpreter"
        yield Result("interpreter", name, time / ours[name], INTERPRETER_TARGET, ours[name], time, rival, more=True)


def _compile(settings: Settings) -> Iterator[Result]:
    for line in _section("compile_time", settings):
        yield Result("compile", f"{line['name']}, TTIR to MSL", line["ours"], line["target"])


def _first_launch(settings: Settings) -> Iterator[Result]:
    for name in COMPILE_TARGETS:
        cold, warm = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                caches = {"TRITON_CACHE_DIR": f"{folder}/triton", "MSL_CPU_CACHE_DIR": f"{folder}/alloy"}
                cold.append(_section(f"first_launch:{name}", settings, **caches))
                warm.append(_section(f"first_launch:{name}", settings, **caches))
        yield Result("first_launch", f"{name}, empty caches", statistics.median(cold), COLD_TARGET)
        yield Result("first_launch", f"{name}, full caches", statistics.median(warm), WARM_TARGET)


def _overhead(settings: Settings) -> Iterator[Result]:
    for line in _section("overhead", settings):
        theirs = line.get("theirs")
        value = line["ours"] - (theirs or 0.0)
        yield Result("overhead", line["name"], value, line["target"], theirs and line["ours"], theirs)


def _curves(section: str, settings: Settings) -> Iterator[Result]:
    """Operators at many sizes, and what more threads than one are worth: a process for each number of threads."""
    lines = _section(section, settings)
    alone = _section(section, replace(settings, threads=1)) if settings.threads > 1 else []
    yield from (Result(**row) for row in curves.rows(section, lines, alone))


RUNNERS: dict[str, Callable[[Settings], Iterator[Result]]] = {
    "speed": partial(_compared, "speed"),
    "operators": _operators,
    "bounds": partial(_compared, "bounds"),
    "interpreter": _interpreter,
    "compile": _compile,
    "first_launch": _first_launch,
    "overhead": _overhead,
    "msl_cpu": partial(_compared, "msl_cpu"),
    "sizes": partial(_curves, "sizes"),
    "tiles": partial(_curves, "tiles"),
}
SECTIONS = tuple(RUNNERS)
USUAL_SECTIONS = tuple(section for section in SECTIONS if section not in ("sizes", "tiles"))


def packages(sections: Iterable[str]) -> tuple[str, ...]:
    """What these sections need: PyTorch all of them, Triton all but one."""
    return ("torch",) if set(sections) == {"msl_cpu"} else ("triton", "torch")


def machine() -> dict[str, Any]:
    """What numbers are measured on and with."""
    found = device_info()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": found.processor,
        "python": platform.python_version(),
        "versions": {"triton-alloy": __version__, **found.frameworks},
    }


def table(results: list[Result], settings: Settings, load: float) -> Table:
    """The results with their targets; a missed target is red."""
    title = f"triton-alloy bench, CPU, {settings.threads} thread{'s' if settings.threads > 1 else ''}"
    note = f"{NOTE}\n{BUSY.format(load)}" if load > QUIET else NOTE
    result = Table(title=title, caption=note, caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
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


def bench(
    console: Console, sections: list[str], settings: Settings, json_file: Path | None, plot_file: Path | None
) -> int:
    """Run the sections and print the table, and write the numbers and the plot of curves where asked; 0 if every target
    was reached, else 1."""
    load = os.getloadavg()[0]
    results: list[Result] = []
    with progress.steps(len(sections)) as begin:
        for section in sections:
            begin(section)
            results.extend(RUNNERS[section](settings))
    console.print(table(results, settings, load))
    if json_file:
        rows = [asdict(row) | {"reached": row.reached} for row in results]
        measured = {**machine(), "threads": settings.threads, "load": round(load, 2)}  # load: of others, before
        json_file.write_text(json.dumps({"machine": measured, "results": rows}, indent=2) + "\n")
    if plot_file:
        curves.draw([row.details for row in results if row.details], plot_file)
    return 0 if all(row.reached for row in results) else 1
