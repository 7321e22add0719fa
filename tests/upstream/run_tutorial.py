"""Runs a file of Triton's tutorials as it is: `python run_tutorial.py FILE`.

Only its benchmarks are shortened: instead of drawing curves over many sizes, which takes hours on a CPU and needs
pandas and matplotlib, each is measured once, at its smallest size.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any

import triton.testing


def run_smallest(mark: triton.testing.Mark, **options: Any) -> None:
    """Takes the place of `Mark.run`: every provider of every benchmark at its first size."""
    benchmarks = mark.benchmarks if isinstance(mark.benchmarks, list) else [mark.benchmarks]
    for bench in benchmarks:
        smallest = bench.x_vals[0]
        sizes = smallest if isinstance(smallest, (list, tuple)) else [smallest] * len(bench.x_names)
        for provider in bench.line_vals:
            size = dict(zip(bench.x_names, sizes, strict=True))
            result = mark.fn(**size, **{bench.line_arg: provider}, **bench.args)
            print(f"{bench.plot_name} {size} {provider}: {result}")


if __name__ == "__main__":
    triton.testing.Mark.run = run_smallest
    runpy.run_path(sys.argv[1], run_name="__main__")
