"""Runs Triton's own language tests on our CPU device and judges every outcome by a committed list.

    python tests/upstream/suite.py SOURCE [--files core matmul] [--target apple9] [--mode reference] [--sample 200]

SOURCE is a Triton source tree; its tests are copied, never changed. Status 1: a test failed that the list
(expected_failures.py) does not name, or a line of the list no longer holds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expected_failures import EXPECTED
from judgement import Count, Row, judge, unmatched
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).parent
TESTS = Path("python", "test")
LANGUAGE = Path("unit", "language")
POLL_SECONDS, LINE_SECONDS = 1, 60
PROBLEMS_SHOWN = 40


@dataclass(frozen=True)
class Settings:
    """What is run and how. sample: tests of each file, 0 is all; seconds: after which a test is ended."""

    target: str
    mode: str
    sample: int
    seed: int
    workers: int
    seconds: float


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a Triton source tree")
    parser.add_argument("--files", nargs="*", default=[], help="test files, as test_core.py or core; without it all")
    parser.add_argument("--target", default="cpu", help="the target whose text is run")
    parser.add_argument("--mode", default="fast", help="how the CPU runs it")
    parser.add_argument("--sample", type=int, default=0, help="tests of each file, chosen at random")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--workers", "-n", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seconds", type=float, default=900, help="a test that takes longer has failed")
    parser.add_argument("--results", type=Path, help="a folder for the outcome of every test, as lines of JSON")
    parser.add_argument("--keyword", "-k", default="", help="only tests whose names match, as pytest's -k")
    return parser.parse_args()


def chosen_files(folder: Path, names: list[str]) -> list[str]:
    """File names in `folder`: those that `names` mean, else all."""
    present = sorted(path.name for path in folder.glob("test_*.py"))
    wanted = [f"test_{name.removeprefix('test_').removesuffix('.py')}.py" for name in names]
    if missing := set(wanted) - set(present):
        sys.exit(f"no such test file in {folder}: {', '.join(sorted(missing))}")
    return wanted or present


@contextmanager
def copied_tests(source: Path) -> Iterator[Path]:
    """A temporary folder that holds a copy of the tests of a source tree, and caches."""
    if not (source / TESTS / LANGUAGE).is_dir():
        sys.exit(f"{source} is no Triton source tree: it has no folder {TESTS / LANGUAGE}")
    with tempfile.TemporaryDirectory(prefix="triton-suite-") as name:
        shutil.copytree(source / TESTS, Path(name, "test"), ignore=shutil.ignore_patterns("__pycache__"))
        Path(name, "pytest.ini").write_text("[pytest]\n")
        Path(name, "kernels").mkdir(mode=0o700)
        yield Path(name)


def environment(folder: Path, settings: Settings) -> dict[str, str]:
    """For the processes that run tests: empty caches, one thread each where there are several."""
    threads = "1" if settings.workers > 1 else str(os.cpu_count() or 1)
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        "TRITON_BACKEND": "metal",
        "TRITON_ALLOY_TARGET": settings.target,
        "TRITON_ALLOY_MODE": settings.mode,
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "MSL_CPU_CACHE_DIR": str(folder / "kernels"),
        "MSL_CPU_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }


def command(folder: Path, file: str, results: Path, settings: Settings, keyword: str) -> list[str]:
    """pytest on one file. Always in worker processes, so that a crash ends a test and not the run."""
    return [
        *(sys.executable, "-m", "pytest", "--quiet", "--tb=native", "-p", "no:cacheprovider", "-p", "suite_plugin"),
        *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder / "test" / LANGUAGE)),
        *("--confcutdir", str(folder / "test"), "--device", "cpu", "--numprocesses", str(settings.workers)),
        *("--results", str(results), "--sample", str(settings.sample), "--seed", str(settings.seed)),
        *("--seconds", str(settings.seconds), "-k", keyword, file),
    ]


def read_rows(path: Path) -> tuple[list[Row], int]:
    """The outcomes so far, and how many tests were collected (0: not known yet)."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    collected = max((row["collected"] for row in rows if "collected" in row), default=0)
    outcomes = {row["id"]: Row(**row) for row in rows if "id" in row}
    return list(outcomes.values()), collected


def run_file(folder: Path, file: str, results: Path, settings: Settings, keyword: str, console: Console) -> int:
    """Run one file; outcomes go to `results`. Returns how many tests were collected."""
    log = results.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            command(folder, file, results, settings, keyword),
            cwd=folder / "test" / LANGUAGE,
            env=environment(folder, settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    show_progress(process, file, results, console)
    collected = read_rows(results)[1]
    if process.returncode not in (0, 1, 5):  # 1: tests failed, 5: there are none
        console.print(
            f"{file}: pytest ended with status {process.returncode}:\n{log.read_text()[-4000:]}", markup=False
        )
        sys.exit(2)
    return collected


def show_progress(process: subprocess.Popen[bytes], file: str, results: Path, console: Console) -> None:
    """Until `process` ends: a bar on a terminal, a line a minute elsewhere."""
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(file, total=None)
        said = time.monotonic()
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            rows, collected = read_rows(results)
            progress.update(task, completed=len(rows), total=collected or None)
            if not console.is_terminal and time.monotonic() - said > LINE_SECONDS:
                said = time.monotonic()
                failed = sum(row.outcome == "failed" for row in rows)
                console.print(f"{file}: {len(rows)} of {collected}, {failed} failed so far", highlight=False)


def table_of(counts: dict[str, Count], title: str) -> Table:
    """One line for each file, and their sum."""
    table = Table(title=title)
    for name in ("file", *Count.NAMES):
        table.add_column(name, justify="left" if name == "file" else "right")
    for file, count in counts.items():
        table.add_row(file, *count.cells())
    table.add_section()
    table.add_row("all", *sum(counts.values(), Count()).cells())
    return table


def main() -> None:
    options = arguments()
    settings = Settings(options.target, options.mode, options.sample, options.seed, options.workers, options.seconds)
    console = Console(width=None if sys.stdout.isatty() else 120)
    where = f"{settings.target}-{settings.mode}"
    counts: dict[str, Count] = {}
    problems: list[str] = []
    with copied_tests(options.source) as folder:
        kept = options.results or folder / "results"
        kept.mkdir(parents=True, exist_ok=True)
        for file in chosen_files(folder / "test" / LANGUAGE, options.files):
            results = (kept / file).with_suffix(".jsonl").absolute()
            results.unlink(missing_ok=True)
            started = time.monotonic()
            collected = run_file(folder, file, results, settings, options.keyword, console)
            rows = read_rows(results)[0]
            counts[file], found = judge(rows, collected, EXPECTED, where, time.monotonic() - started)
            problems += found
            if not settings.sample and not options.keyword:
                problems += unmatched(file, rows, EXPECTED, where)
            console.print(f"{file}: {counts[file]}", highlight=False)
    console.print(table_of(counts, f"Triton's language tests, target {settings.target}, mode {settings.mode}"))
    for problem in problems[:PROBLEMS_SHOWN]:
        console.print(problem, markup=False, highlight=False)
    if problems:
        console.print(f"{len(problems)} outcomes are not as the list says")
        sys.exit(1)


if __name__ == "__main__":
    main()
