"""The compiler's estimate of registers beside those that NVRTC gives the same text: `make pressure`. Needs no GPU.

Every text is run by as many simdgroups as its workload asks for, so that those which need too many registers are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from tests.simt import nvrtc
from tests.simt.registers import CAP, Report, report_of
from tests.simt.rewrite import rewrite
from tests.simt.workloads import BY_NAME, Workload, named
from triton_alloy.compiler import compile_module
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.kernel import Kernel
from triton_alloy.target import target_for

FAMILY = "apple9"


@dataclass(frozen=True)
class Row:
    """estimate: words that a thread needs; chosen: simdgroups that the compiler takes for it; report: NVRTC's."""

    estimate: int
    warps: int
    chosen: int
    report: Report

    @property
    def right(self) -> bool:
        """Whether the estimate says what happens with CAP registers: all fit, or some are spilled."""
        return (self.estimate > CAP) == (self.report.capped[1] > 0)


def undivided(workload: Workload) -> Kernel:
    """The kernel run by as many simdgroups as the workload asks for, however many registers that takes."""
    target = target_for(FAMILY)
    threads = workload.warps * target.threads_per_simdgroup
    strict = replace(target, limits=replace(target.limits, threads_per_threadgroup=threads))
    return compile_module(parse_pretty(workload.lowered(FAMILY)), strict, num_warps=workload.warps)


def row_of(name: str) -> Row:
    """Compile and measure one workload."""
    workload = BY_NAME[name]
    kernel = undivided(workload)
    report = report_of(rewrite(kernel.source), with_llvm=False)
    return Row(kernel.registers, workload.warps, workload.printed(FAMILY).simdgroups, report)


def rank_correlation(rows: Sequence[Row]) -> float:
    """Spearman's, of estimates and NVRTC's registers without a cap."""
    estimates, registers = [row.estimate for row in rows], [row.report.registers for row in rows]
    return float(np.corrcoef(_ranks(estimates), _ranks(registers))[0, 1])


def _ranks(values: Sequence[int]) -> list[float]:
    """Places in ascending order; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of names of workloads")
    names = [workload.name for workload in named(parser.parse_args().names)]
    if nvrtc.library() is None:
        sys.exit("no NVRTC here: pip install nvidia-cuda-nvrtc-cu12 (x86-64 or ARM Linux)")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = dict(zip(names, pool.map(row_of, names), strict=True))
    print(f"{'text':36} estimate registers  spilled at {CAP}  simdgroups")
    for name, row in rows.items():
        chosen = f"{row.warps} -> {row.chosen}" if row.chosen != row.warps else f"{row.warps}"
        note = "" if row.right else "  wrong"
        print(f"{name:36} {row.estimate:8} {row.report.registers:9} {row.report.capped[1]:15}  {chosen}{note}")
    right, correlation = sum(row.right for row in rows.values()), rank_correlation(list(rows.values()))
    print(f"right about {CAP} registers: {right} of {len(rows)}; rank correlation {correlation:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
