"""Progress of what takes more than two seconds: a bar on stderr where that is a terminal, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def steps(total: int | None = None, console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """What is yielded is called at the beginning of each step, with what it does.

    total: of the steps, None where that is not known; console: where to show them, stderr if not given. What is printed
    meanwhile appears above the display on a terminal, else where it goes anyway. The display goes at the end.
    """
    console = console or Console(stderr=True)
    counted = () if total is None else (BarColumn(), MofNCompleteColumn())
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *counted, TimeElapsedColumn())
    shown = {"transient": True, "disable": not console.is_terminal, "redirect_stdout": sys.stdout.isatty()}
    with Progress(*columns, console=console, **shown) as bar:
        task = bar.add_task("", total=total, completed=-1 if total else 0)
        yield lambda what: bar.update(task, description=what, advance=1)
