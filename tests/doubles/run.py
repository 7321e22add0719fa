"""Measures the functions of doubles that a GPU computes in integer registers, and the CPU by its own: `make doubles`.

Those that must be exact are compared with hardware's on all pairs of the special values and on COUNT random operands;
the errors of the others are measured, also of the CPU's fast mode, and docs/doubles.json and the table of
docs/doubles.md are written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.doubles import bounded, operands
from tests.doubles.exact import EXACT, differences
from tests.doubles.kernels import Kernels, exact_kernels, on_lanes
from tests.support.recorded import as_json, page_with

DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PAGE = DOCS / "doubles.json", DOCS / "doubles.md"
COUNT, PART = 10_000_000, 1_000_000
BY_MPMATH = 50_000
Function = Callable[[list[np.ndarray]], np.ndarray]
"""Of the bits of operands, and its results' bits."""


@dataclass(frozen=True)
class ExactRow:
    """How many operands were tried, and for how many the bits were wrong."""

    tried: int
    wrong: int


@dataclass(frozen=True)
class BoundedRow:
    """ulps: the largest error found in a GPU's text; lanes: in the CPU's fast mode; allowed: CUDA's; tried: how many
    operands."""

    ulps: float
    lanes: float
    allowed: float
    tried: int


def exact_row(name: str, count: int) -> ExactRow:
    row = EXACT[name]
    generator = np.random.default_rng(len(name))
    tried = wrong = 0
    for values in _cases(row.operands, count, generator):
        found = exact_kernels().run(name, values)
        tried += len(found)
        wrong += len(differences(row, values, found))
    return ExactRow(tried, wrong)


def _cases(number: int, count: int, generator: np.random.Generator) -> Iterator[list[np.ndarray]]:
    pairs = list(operands.special_pairs())
    if number < 3:
        yield pairs[:number]
    else:
        for third in operands.specials():
            yield [*pairs, np.full(len(pairs[0]), third)]
    for start in range(0, count, PART):
        size = min(PART, count - start)
        if number == 3:
            yield operands.random_triples(size, generator)
        else:
            yield operands.random_tuples(size, number, generator)


def bounded_row(name: str, kernels: Kernels, count: int) -> BoundedRow:
    row, text = bounded.BOUNDED[name], bounded.texts()[name]
    functions: list[Function] = [lambda bits: kernels.run(name, bits), lambda bits: on_lanes(text, bits)]
    generator = np.random.default_rng(len(name))
    values = bounded.drawn(name, min(BY_MPMATH, count), generator)
    exact, tried = bounded.exact_values(name, values), len(values[0])
    worst = [bounded.errors(_of_numbers(function, values), exact).max() for function in functions]
    for start in range(0, count if row.wide else 0, PART):
        values = bounded.drawn(name, min(PART, count - start), generator)
        errors = [bounded.wide_errors(name, values, _of_numbers(function, values)).max() for function in functions]
        worst, tried = list(map(max, worst, errors)), tried + len(values[0])
    of_gpu, of_lanes = (round(float(each), 3) for each in worst)
    return BoundedRow(of_gpu, of_lanes, row.ulps, tried)


def _of_numbers(function: Function, values: list[np.ndarray]) -> np.ndarray:
    return function([each.view(np.uint64) for each in values]).view(np.float64)


def markdown(rows: dict[str, BoundedRow]) -> str:
    lines = ["| function | on a GPU, ulp | on the CPU, ulp | CUDA allows | operands |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| `{name}` | {row.ulps:.3f} | {row.lanes:.3f} | {row.allowed:g} | {row.tried:,} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; without any all, and the page is written")
    parser.add_argument("--count", type=int, default=COUNT, help="of random operands")
    options = parser.parse_args()
    exact_rows: dict[str, ExactRow] = {}
    bounded_rows: dict[str, BoundedRow] = {}
    kernels = Kernels(bounded.texts())
    for name in options.names or [*EXACT, *bounded.BOUNDED]:
        start = time.monotonic()
        if name in EXACT:
            row = exact_rows[name] = exact_row(name, options.count)
            says = f"{row.wrong} wrong of {row.tried:,}"
        else:
            found = bounded_rows[name] = bounded_row(name, kernels, options.count)
            says = f"{found.ulps:.3f} and {found.lanes:.3f} ulp of {found.allowed:g} in {found.tried:,}"
        print(f"{name:22} {says}  ({time.monotonic() - start:.1f} s)", flush=True)
    if not options.names:
        RESULTS.write_text(as_json({"exact": exact_rows, "bounded": bounded_rows}))
        PAGE.write_text(page_with(PAGE, "doubles", markdown(bounded_rows)))
        print(f"written to {RESULTS} and {PAGE}")
    failed = [n for n, row in exact_rows.items() if row.wrong] + [
        n for n, row in bounded_rows.items() if max(row.ulps, row.lanes) > row.allowed
    ]
    print("wrong: " + ", ".join(failed) if failed else "all are within their bounds")
    return min(len(failed), 125)


if __name__ == "__main__":
    sys.exit(main())
