"""Put every module of a corpus of TTIR through the compiler: `make corpus CORPUS=path` of a folder or a tar archive.

The corpus is files `*.mlir` of optimised modules, each after a line `// <hash> <test it comes from>` and divided by
lines `// -----`. Every module is compiled for each target, and every text must be valid Metal (strict mode). What the
compiler refuses must be named in refused.txt; nothing else may fail.
"""

from __future__ import annotations

import argparse
import re
import sys
import tarfile
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triton_alloy.compiler import compile_module
from triton_alloy.errors import AlloyError, OutOfResources, Unsupported
from triton_alloy.frontend import native
from triton_alloy.kernel import Kernel
from triton_alloy.msl_cpu import strict
from triton_alloy.target import Target, target_for

REFUSED = Path(__file__).with_name("refused.txt")
SEPARATOR = "// -----\n"
NUM_WARPS = 4
LANGUAGE_3_2 = re.compile(r"#error|\bos_log\b")


@dataclass(frozen=True)
class Module:
    """One module; `name` is its hash and the test that it comes from."""

    name: str
    text: str


@dataclass
class Report:
    """What became of the modules for one target."""

    target: str
    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def refuse(self, reason: str, module: Module) -> None:
        self.refusals[reason] += 1
        self.examples.setdefault(reason, module.name)


def modules(path: Path) -> Iterator[Module]:
    """The modules of a folder or archive, in the order of their files' names."""
    if path.is_file():
        with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
            yield from modules(Path(folder))
        return
    for file in sorted(path.rglob("*.mlir")):
        for text in file.read_text().split(SEPARATOR):
            heading, _, body = text.strip().partition("\n")
            if body:
                yield Module(heading.removeprefix("// "), body)


def parse_text(text: str) -> Any:
    """A module as native libtriton reads it."""
    from triton._C.libtriton import ir

    context = ir.context()
    ir.load_dialects(context)
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(text)
        file.flush()
        parsed = ir.parse_mlir_module(file.name, context)
    parsed.context = context
    return parsed


def compile_text(text: str, target: Target) -> tuple[Kernel, float]:
    """The kernel, and the seconds from TTIR text to MSL text."""
    start = time.process_time()
    kernel = compile_module(native.import_module(parse_text(text)), target, num_warps=NUM_WARPS)
    return kernel, time.process_time() - start


def check(module: Module, target: Target, report: Report, accepted: set[str], ask_strict: bool) -> None:
    """Compile one module and enter what happened into the report."""
    try:
        kernel, seconds = compile_text(module.text, target)
    except Unsupported as error:
        report.refuse(f"{error.op}: {re.sub(r' [(]value .*?[)]', '', error.reason)}", module)
        return
    except OutOfResources as error:
        report.refuse(f"out of resources: {error.name}", module)
        return
    except (AlloyError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
        report.failures.append(f"{module.name}\n{traceback.format_exc(limit=-3)}")
        return
    report.seconds.append(seconds)
    if not ask_strict or kernel.source in accepted:
        return
    try:
        strict.check(kernel.source, language="3.2" if LANGUAGE_3_2.search(kernel.source) else "3.1")
        accepted.add(kernel.source)
    except strict.StrictError as error:
        report.failures.append(f"{module.name}\n{error}")


def listed() -> list[tuple[re.Pattern[str], str]]:
    """The refusals that are allowed: a pattern of `op: reason`, and why it is so."""
    lines = [line for line in REFUSED.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split(" | ", 1) for line in lines]
    return [(re.compile(pattern), why) for pattern, why in pairs]


def show(report: Report, count: int) -> bool:
    """Print a report; whether all is well."""
    allowed = listed()
    lowered, total = len(report.seconds), sum(report.seconds)
    slowest = max(report.seconds, default=0.0)
    print(f"\n{report.target}: {count} modules, {lowered} compiled, {sum(report.refusals.values())} refused, ", end="")
    mean = total / max(lowered, 1)
    print(f"{len(report.failures)} failed; {mean * 1e3:.1f} ms of CPU a module, {slowest * 1e3:.0f} at most")
    well = not report.failures
    for reason, number in report.refusals.most_common():
        is_listed = any(pattern.search(reason) for pattern, _ in allowed)
        well &= is_listed
        print(f"{number:6} {'' if is_listed else 'NOT LISTED '}{reason}\n       e.g. {report.examples[reason]}")
    for failure in report.failures:
        print(f"FAILED {failure}")
    return well


def main() -> int:
    """The number of targets for which something failed or was refused that is not listed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a folder of .mlir files, or a tar archive of one")
    parser.add_argument("--targets", nargs="+", default=["cpu", "apple9"])
    parser.add_argument("--step", type=int, default=1, help="take every STEP-th module only")
    parser.add_argument("--no-strict", action="store_true", help="do not check the texts")
    parser.add_argument("--only", default="", help="modules whose heading contains this")
    options = parser.parse_args()
    reports = [Report(name) for name in options.targets]
    targets = [target_for(name) for name in options.targets]
    accepted: set[str] = set()
    chosen = [m for m in modules(options.path) if options.only in m.name][:: options.step]
    for module in chosen:
        for target, report in zip(targets, reports, strict=True):
            check(module, target, report, accepted, not options.no_strict)
    return sum(not show(report, len(chosen)) for report in reports)


if __name__ == "__main__":
    sys.exit(main())
