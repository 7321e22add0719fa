"""Runs Triton's own language tests on our CPU device and judges every outcome by a committed list.

    python -m tests.upstream.suite SOURCE [--files core matmul] [--target apple9] [--mode reference] [--sample 200]

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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.upstream.expected_failures import EXPECTED
from tests.upstream.judgement import Count, Row, judge, unmatched

HERE = Path(__file__).parent
TESTS = Path("python", "test")
LANGUAGE = Path("unit", "language")
POLL_SECONDS, LINE_SECONDS = 1, 60
PROBLEMS_SHOWN = 40


@dataclass(frozen=True)
class Settings:
    """What is run and how. sample: tests of each file, 0 is all; seconds: after which a test is ended;
    keyword: as pytest's -k."""

    target: str
    mode: str
    sample: int
    seed: int
    workers: int
    seconds: float
    keyword: str

    @property
    def is_whole(self) -> bool:
        """Whether every test of the files runs."""
        return not self.sample and not self.keyword

    @property
    def extent(self) -> str:
        """Which tests of the files run, in words."""
        chosen = f"{self.sample} of each file, seed {self.seed}" if self.sample else "all tests"
        return chosen + (f" that match {self.keyword!r}" if self.keyword else "")


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
    parser.add_argument("--results", type=Path, help="a file for the outcome of every test, as lines of JSON")
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
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH")])),
        "TRITON_BACKEND": "cpu",
        "TRITON_ALLOY_TARGET": settings.target,
        "TRITON_ALLOY_MODE": settings.mode,
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "MSL_CPU_CACHE_DIR": str(folder / "kernels"),
        "MSL_CPU_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }


def command(folder: Path, files: list[str], results: Path, settings: Settings) -> list[str]:
    """pytest on `files`. Always in worker processes, so that a crash ends a test and not the run."""
    return [
        *(sys.executable, "-m", "pytest", "--quiet", "--tb=native", "-p", "no:cacheprovider", "-p", "suite_plugin"),
        *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder / "test" / LANGUAGE), "--device", "cpu"),
        *("--confcutdir", str(folder / "test"), "--continue-on-collection-errors"),
        *("--numprocesses", str(settings.workers), "--seconds", str(settings.seconds), "-k", settings.keyword),
        *("--results", str(results), "--sample", str(settings.sample), "--seed", str(settings.seed), *files),
    ]


def read_rows(path: Path) -> tuple[list[Row], Counter[str]]:
    """The outcomes so far, and how many tests of each file were collected."""
    written = path.read_text().splitlines() if path.exists() else []
    rows: list[dict[str, Any]] = [json.loads(line) for line in written if line.endswith("}")]
    collected = [Counter(row["collected"]) for row in rows if "collected" in row]
    outcomes = {row["id"]: Row(**row) for row in rows if "id" in row}
    return list(outcomes.values()), collected[0] if collected else Counter()


def run_tests(folder: Path, files: list[str], results: Path, settings: Settings, console: Console) -> None:
    """Run the tests of `files`; outcomes go to `results`. Ends this program where pytest itself fails."""
    log = folder / "pytest.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command(folder, files, results, settings),
            cwd=folder / "test" / LANGUAGE,
            env=environment(folder, settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    show_progress(process, results, console)
    if process.returncode not in (0, 1, 5):  # 1: tests failed, 5: there are none
        console.print(f"pytest ended with status {process.returncode}:\n{log.read_text()[-4000:]}", markup=False)
        sys.exit(2)


def show_progress(process: subprocess.Popen[bytes], results: Path, console: Console) -> None:
    """Until `process` ends: a bar on a terminal, a line a minute elsewhere."""
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("tests", total=None)
        said = time.monotonic()
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            rows, collected = read_rows(results)
            progress.update(task, completed=len(rows), total=collected.total() or None)
            if not console.is_terminal and time.monotonic() - said > LINE_SECONDS:
                said = time.monotonic()
                failed = sum(row.outcome == "failed" for row in rows)
                console.print(f"{len(rows)} of {collected.total()} tests, {failed} failed so far", highlight=False)


def judge_files(files: list[str], results: Path, settings: Settings) -> tuple[dict[str, Count], list[str]]:
    """The count of each file, and what is not as the list says."""
    rows, collected = read_rows(results)
    where = f"{settings.target}-{settings.mode}"
    counts, problems = {}, []
    for file in files:
        of_file = [row for row in rows if row.id.partition("::")[0] == file]
        counts[file], found = judge(of_file, collected[file], EXPECTED, where)
        problems += found
        if settings.is_whole:
            problems += unmatched(file, of_file, EXPECTED, where)
    return counts, problems


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
    options = vars(arguments())
    source, names, kept = options.pop("source"), options.pop("files"), options.pop("results")
    settings = Settings(**options)
    console = Console(width=None if sys.stdout.isatty() else 120)
    started = time.monotonic()
    with copied_tests(source) as folder:
        files = chosen_files(folder / "test" / LANGUAGE, names)
        results = (kept or folder / "results.jsonl").absolute()
        results.unlink(missing_ok=True)
        run_tests(folder, files, results, settings, console)
        counts, problems = judge_files(files, results, settings)
    minutes = (time.monotonic() - started) / 60
    console.print(
        table_of(counts, f"target {settings.target}, mode {settings.mode}, {settings.extent}: {minutes:.1f} minutes")
    )
    for problem in problems[:PROBLEMS_SHOWN]:
        console.print(problem, markup=False, highlight=False)
    if problems:
        console.print(f"{len(problems)} outcomes are not as the list says")
        sys.exit(1)


if __name__ == "__main__":
    main()
