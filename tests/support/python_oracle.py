"""Kernels run by Python: their own source is executed with a `tl` of a few lines.

A pointer is an array of NumPy's and an offset, a tensor an array.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from triton.runtime.jit import JITFunction

from tests.support.kernels import tensor

SIZE, PROGRAMS = 32, 8
CASES = [(6, 5), (6, 1), (8, 3), (2, 4), (0, 2)]
"""Values of a and b for kernels of (out, a, b) that branch on them."""


class Pointer:
    """A place in an array, or with an array of offsets several."""

    def __init__(self, array: np.ndarray, offset: Any = 0):
        self.array, self.offset = array, offset

    def __add__(self, offset: Any) -> Pointer:
        return Pointer(self.array, self.offset + offset)

    def load(self) -> Any:
        found = self.array[self.offset]
        return found.item() if np.isscalar(self.offset) else found

    def store(self, value: Any) -> None:
        self.array[self.offset] = value


def language(program: int) -> SimpleNamespace:
    """What the kernels use of `tl`."""
    return SimpleNamespace(
        program_id=lambda axis: program,
        load=lambda pointer: pointer.load(),
        store=lambda pointer, value: pointer.store(value),
        arange=np.arange,
        sum=np.sum,
        where=np.where,
        static_range=range,
        constexpr=object,
    )


def by_python(kernel: JITFunction, grid: int, *arguments: Any, **constants: int) -> None:
    """Run a kernel, program by program. The functions that it calls are in its module."""
    for program in range(grid):
        names: dict[str, Any] = {"tl": language(program)}
        for function in [f for f in kernel.fn.__globals__.values() if isinstance(f, JITFunction)]:
            exec(function.src, names)
        names[kernel.fn.__name__](*(Pointer(a) if isinstance(a, np.ndarray) else a for a in arguments), **constants)


def assert_as_python(kernel: JITFunction) -> None:
    """A kernel of (out, a, b) stores for each of CASES what Python stores, and nothing else."""
    for a, b in CASES:
        out, expected = (np.full(SIZE, -1, np.int32) for _ in range(2))
        kernel[(PROGRAMS,)](tensor(out), a, b)
        by_python(kernel, PROGRAMS, expected, a, b)
        assert out.tolist() == expected.tolist(), (a, b)
