"""AGX machine code of Metal texts, in numbers: `make agx`, or `python -m tests.agx.run FILE.metal ...` for any texts.

A name that is no .metal file is the beginning of names of the benchmarks' texts; without any all of these and MLX's are
measured, and docs/agx_text.json and its page are written. The machine code is that of Mesa's compiler for the M1 and
M2 (docs/agx_text.md): an order between texts, not Apple's numbers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.agx import compilers, report
from tests.agx.rewrite import THREADS, ClProgram, rewrite
from tests.agx.statistics import Kernel
from tests.simt.mlx_texts import mlx_texts
from tests.simt.workloads import named
from tests.support.recorded import as_json, page_with
from triton_alloy.msl_cpu.errors import CompileError

FAMILY = "apple7"
"""The texts for it, since it is the M1, whose machine code this is."""
Rows = dict[str, report.Row]


def rows_of(program: ClProgram) -> Rows:
    """Kernel -> its row. Raises AgxError."""
    return {kernel.name: report.row_of(kernel) for kernel in compilers.statistics_of(program)}


def of_file(file: Path, threads: int) -> Iterator[tuple[str, Kernel]]:
    """(name, kernel) of each kernel of a text; the name is the file's where it has one. Raises AgxError, CompileError,
    OSError."""
    kernels = compilers.statistics_of(rewrite(file.read_text(), threads=threads))
    for kernel in kernels:
        yield (file.stem if len(kernels) == 1 else f"{file.stem}:{kernel.name}"), kernel


def measured(programs: Mapping[str, ClProgram]) -> Iterator[tuple[str, report.Row]]:
    """(name, row) of texts with one kernel each, as they come, on all cores. Raises AgxError."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, rows in zip(programs, pool.map(rows_of, programs.values()), strict=True):
            yield from ((name, row) for row in rows.values())


def _ours(names: Sequence[str]) -> dict[str, ClProgram]:
    return {workload.name: rewrite(workload.printed(FAMILY).source) for workload in named(names)}


def _mlx() -> dict[str, ClProgram]:
    texts = mlx_texts().items()
    return {name: rewrite(text.source, text.constants, text.include_paths, text.threads) for name, text in texts}


def _show(name: str, row: report.Row) -> None:
    print(report.line(name, report.cells(row)), flush=True)


def _files(files: Sequence[Path], threads: int, with_loops: bool) -> int:
    failed = 0
    for file in files:
        try:
            for name, kernel in of_file(file, threads):
                _show(name, report.row_of(kernel))
                print("".join(report.loops(kernel) if with_loops else ()), end="", flush=True)
        except (OSError, compilers.AgxError, CompileError) as error:
            print(f"{file}: {error}", file=sys.stderr)
            failed += 1
    return failed


def _benchmarks(names: Sequence[str]) -> None:
    groups = {FAMILY: _ours(names)} | ({} if names else {"mlx": _mlx()})
    found: dict[str, Rows] = {}
    for group, programs in groups.items():
        print(f"-- {group}")
        found[group] = {}
        for name, row in measured(programs):
            _show(name, row)
            found[group][name] = row
    if not names:
        report.RESULTS.write_text(as_json(found))
        report.PAGE.write_text(page_with(report.PAGE, "agx", report.markdown(found)))
        print(f"written to {report.RESULTS} and {report.PAGE}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", help="files *.metal, or beginnings of names of the benchmarks' texts")
    parser.add_argument("--threads", type=int, default=THREADS, help="of a threadgroup, for kernels that do not say")
    parser.add_argument("--loops", action="store_true", help="a line for each loop of a file's kernels too")
    options = parser.parse_args()
    reason = compilers.missing()
    if reason:
        print(f"agx skipped: {reason}")
        return 0
    files = [Path(text) for text in options.texts if text.endswith(".metal")]
    names = [text for text in options.texts if not text.endswith(".metal")]
    print(report.line("text", report.HEADINGS))
    failed = _files(files, options.threads, options.loops)
    if names or not files:
        _benchmarks(names)
    return min(failed, 125)


if __name__ == "__main__":
    sys.exit(main())
