"""Registers, spills, arrays in memory and widths of accesses of the benchmarks' texts: `make registers`. Needs no GPU.

The machine code is NVIDIA's: what it says of a text's arrays, access widths and live registers carries over to an Apple
GPU as an order between texts, not as numbers (docs/gpu_text.md).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.simt import llvm, nvrtc
from tests.simt.mlx_texts import mlx_texts
from tests.simt.rewrite import CudaProgram, rewrite
from tests.simt.workloads import BY_NAME, named
from tests.support.recorded import as_json, by_width, page_with, spelled

FAMILIES = ("apple9", "apple7")
CAP = 128
"""Registers of 32 bits that a thread has on an Apple GPU."""
DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PAGE = DOCS / "gpu_text.json", DOCS / "gpu_text.md"
HEADINGS = ("registers", "spilled", f"at most {CAP}", "spilled", "arrays", "LLVM", "loads", "stores")
NOTE = f"""registers: of a thread, 32 bits each; spilled: bytes stored for want of more; at most {CAP}: as on Apple GPUs
arrays: bytes of arrays that NVRTC leaves in memory; LLVM: the number of arrays that clang -O2 leaves there
loads, stores: of device memory, bytes of an access x how many the text has
apple7: only the texts with other numbers than on apple9; mlx: kernels of MLX through the same compilers"""
_DEPOT = re.compile(r"^\s*\.local .*?\b__local_depot\d+\[(\d+)\]", re.MULTILINE)
_ACCESS = re.compile(r"^\s*(?:@!?%p\d+\s+)?(ld|st)((?:\.\w+)+)", re.MULTILINE)
_OTHER_MEMORY = {"param", "shared", "local", "const"}
_WORDS = re.compile(r"v(\d)")


@dataclass(frozen=True)
class Report:
    """What compilers make of one text.

    registers: of 32 bits in a thread; spilled: bytes that ptxas stores because it has no more; capped: registers, and
    bytes spilled, with at most CAP; array_bytes: of arrays that NVRTC leaves in memory; llvm_arrays: the number that
    clang -O2 leaves there, None without clang; loads, stores: of device memory, bytes of an access -> how many there
    are in the text after unrolling.
    """

    registers: int
    spilled: int
    capped: tuple[int, int]
    array_bytes: int
    llvm_arrays: int | None
    loads: dict[int, int]
    stores: dict[int, int]


def report_of(program: CudaProgram, capped: bool = True, with_llvm: bool = True) -> Report:
    """Compile one text in all ways. capped, with_llvm: whether to compile once more for these columns."""
    compiled = nvrtc.compile_cuda(program, nvrtc.FOOTPRINT)
    limited = nvrtc.compile_cuda(program, nvrtc.FOOTPRINT, CAP) if capped else compiled
    return Report(
        *usage(compiled.log),
        usage(limited.log),
        sum(map(int, _DEPOT.findall(compiled.ptx))),
        llvm.arrays_in_memory(program) if with_llvm and llvm.is_there() else None,
        widths(compiled.ptx, "ld"),
        widths(compiled.ptx, "st"),
    )


def usage(log: str) -> tuple[int, int]:
    """(registers, bytes of spill stores) from what ptxas says of a text with one kernel."""
    registers = re.findall(r"Used (\d+) registers", log)
    spills = re.findall(r"(\d+) bytes spill stores", log)
    if len(registers) != 1:
        raise ValueError(f"ptxas speaks of {len(registers)} kernels: {log[:500]}")
    return int(registers[0]), sum(map(int, spills))


def widths(ptx: str, mnemonic: str) -> dict[int, int]:
    """Bytes of an access of device memory -> how often PTX has it. mnemonic: "ld" or "st"."""
    found: Counter[int] = Counter()
    for name, suffixes in _ACCESS.findall(ptx):
        parts = suffixes.split(".")[1:]
        if name != mnemonic or _OTHER_MEMORY & set(parts):
            continue
        words = [int(match[1]) for match in map(_WORDS.fullmatch, parts) if match]
        found[int(re.sub(r"\D", "", parts[-1])) // 8 * (words or [1])[0]] += 1
    return dict(sorted(found.items(), reverse=True))


def report_of_text(source: str) -> Report:
    """The report of a text of ours."""
    return report_of(rewrite(source))


def measured(names: Sequence[str], families: Iterable[str]) -> dict[str, dict[str, Report]]:
    """Family -> workload -> report of what the compiler prints for it, on all cores; equal texts are compiled once."""
    texts = {family: {name: BY_NAME[name].printed(family).source for name in names} for family in families}
    different = list(dict.fromkeys(text for rows in texts.values() for text in rows.values()))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        reports = dict(zip(different, pool.map(report_of_text, different), strict=True))
    return {family: {name: reports[text] for name, text in rows.items()} for family, rows in texts.items()}


def measured_mlx() -> dict[str, Report]:
    """MLX's kernels beside ours. Raises RuntimeError where their texts cannot be had."""
    programs = {name: rewrite(text.source, text.constants, text.include_paths) for name, text in mlx_texts().items()}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(programs, pool.map(report_of, programs.values()), strict=True))


def recorded(path: Path = RESULTS) -> dict[str, dict[str, Report]]:
    """The reports of the file, as `as_json` wrote them."""
    return {
        group: {name: _from_json(values) for name, values in rows.items()}
        for group, rows in json.loads(path.read_text()).items()
    }


def _from_json(values: dict[str, Any]) -> Report:
    read = {"capped": tuple, "loads": by_width, "stores": by_width}
    return Report(**{key: read[key](value) if key in read else value for key, value in values.items()})


def cells(report: Report) -> list[str]:
    """The numbers under HEADINGS."""
    numbers = (report.registers, report.spilled, *report.capped, report.array_bytes)
    arrays = "" if report.llvm_arrays is None else str(report.llvm_arrays)
    return [*map(str, numbers), arrays, spelled(report.loads), spelled(report.stores)]


def groups(reports: dict[str, dict[str, Report]]) -> dict[str, dict[str, Report]]:
    """The reports as they are shown: of every family but the first only what differs from that."""
    first = next(iter(reports))
    shown = {first: reports[first]}
    for group, rows in reports.items():
        different = {name: report for name, report in rows.items() if report != reports[first].get(name)}
        if group != first and different:
            shown[group] = different
    return shown


def table(title: str, rows: dict[str, Report]) -> Table:
    """The reports of one group for a terminal."""
    result = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("text", no_wrap=True)
    for heading in HEADINGS:
        result.add_column(heading, justify="right")
    for name, report in rows.items():
        result.add_row(name, *cells(report))
    return result


def markdown(reports: dict[str, dict[str, Report]]) -> str:
    """The reports as a table of docs/gpu_text.md."""
    lines = [f"| text | {' | '.join(HEADINGS)} |", f"|---|{'---|' * len(HEADINGS)}"]
    for group, rows in groups(reports).items():
        lines += [f"| {group}: {name} | {' | '.join(cells(report))} |" for name, report in rows.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of names of workloads; without any, the file is written")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="for these GPU families only")
    options = parser.parse_args()
    if nvrtc.library() is None:
        sys.exit("no NVRTC here: pip install nvidia-cuda-nvrtc-cu12 (x86-64 or ARM Linux)")
    reports = measured([workload.name for workload in named(options.names)], options.family or FAMILIES)
    if not options.names:
        reports["mlx"] = measured_mlx()
    console = Console(width=None if sys.stdout.isatty() else 140)
    for group, rows in groups(reports).items():
        console.print(table(group, rows))
    console.print(NOTE)
    if not options.names and not options.family:
        RESULTS.write_text(as_json(reports))
        PAGE.write_text(page_with(PAGE, "registers", markdown(reports)))
        console.print(f"written to {RESULTS} and {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
