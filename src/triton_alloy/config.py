"""Every environment variable that this package reads, in one table.

    config.TARGET.value                          the parsed value now
    with config.scope(TRITON_ALLOY_MODE="reference"): ...

A variable is read when it is used, never at import, so a test or a notebook can change it at any time. The package
msl_cpu stands alone and reads its own variables, MSL_CPU_...; the table describes them too.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import platformdirs

from . import chips
from .errors import InvalidArgument

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Variable(Generic[Parsed]):
    """An environment variable. default: what an unset or empty one means, as text; form: its values, for people."""

    name: str
    default: str
    parse: Callable[[str], Parsed]
    form: str
    meaning: str

    @property
    def text(self) -> str:
        """The value as written, or the default."""
        return os.environ.get(self.name) or self.default

    @property
    def value(self) -> Parsed:
        """The value, parsed."""
        return self.checked(self.text)

    def checked(self, text: str) -> Parsed:
        """`text` as a value of this variable. Raises InvalidArgument that names the variable and its form."""
        try:
            return self.parse(text)
        except ValueError as error:
            raise InvalidArgument(f"{self.name}={text!r}: expected {self.form}") from error


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return parse


def _at_least(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if int(text) < least:
            raise ValueError(text)
        return int(text)

    return parse


@functools.cache
def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds


def _between(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return parse


def _names_with_cpu(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if "cpu" not in names or not all(names):
        raise ValueError(text)
    return names


def _some_of(*choices: str) -> Callable[[str], frozenset[str]]:
    def parse(text: str) -> frozenset[str]:
        names = frozenset(name for name in text.split(",") if name)
        if names - set(choices):
            raise ValueError(text)
        return names

    return parse


OPTIONAL_STAGES = ("simplify", "carry", "clean", "moving_pointers")
"""The stages of the compiler that only make kernels faster; TRITON_ALLOY_SKIP leaves them out."""

FAMILIES = ("cpu", *(family.name for family in chips.FAMILIES))
RUNTIMES = ("auto", "cpu", "metal", "torch_mps", "mlx")
MODES = ("fast", "reference", "strict", "sanitize")
BOUNDS_CHECKED = ("0", "1", "view")
FRONTENDS = ("native", "python")

RUNTIME = Variable(
    "ALLOY_RUNTIME",
    "auto",
    _one_of(*RUNTIMES),
    "one of " + ", ".join(RUNTIMES),
    "What launches kernels. `auto` decides by a launch's arrays: a tensor on `mps` goes to torch_mps, an array of MLX "
    "to mlx, memory of the CPU to metal. Without an Apple GPU the CPU takes the place of each.",
)
TARGET = Variable(
    "TRITON_ALLOY_TARGET",
    "auto",
    _one_of("auto", *FAMILIES),
    "auto or one of " + ", ".join(FAMILIES),
    "The target whose text is printed and run; `auto` is the family of the GPU, else `cpu`. The CPU runs the text of "
    "every target, within the limits of that target; `cpu` is the fastest there.",
)
MODE = Variable(
    "TRITON_ALLOY_MODE",
    "fast",
    _one_of(*MODES),
    "one of " + ", ".join(MODES),
    "How the CPU runs a kernel: on lane vectors, with one fiber per GPU thread, the same after a check that Apple's "
    "compiler would take the text, or with every access checked.",
)
BOUNDS = Variable(
    "TRITON_ALLOY_BOUNDS",
    "0",
    _one_of(*BOUNDS_CHECKED),
    "one of " + ", ".join(BOUNDS_CHECKED),
    "Which accesses end a launch with an error on the CPU: with 1 those outside of the memory of the launch's tensors, "
    "that is of their storages; with `view` also those outside of a view but inside its storage. For the mode `fast`; "
    "`sanitize` looks at storages with 0, too.",
)
FRONTEND = Variable(
    "TRITON_ALLOY_FRONTEND",
    "native",
    _one_of(*FRONTENDS),
    "one of " + ", ".join(FRONTENDS),
    "Whose passes optimise a module that native libtriton has built: its own or those of this package, which run "
    "wherever native libtriton is absent.",
)
DEBUG = Variable(
    "TRITON_ALLOY_DEBUG",
    "0",
    _between(0, 4),
    "a number from 0 to 4",
    "A ladder, each step adds to the one before: 1 a line for each kernel that is compiled (with the time of each "
    "stage), loaded (C++ compiler included) or launched, 2 the MSL, 3 the IR after each stage, 4 the verifier after "
    "each stage. From 2 on kernels are compiled anew; launches are reported of kernels that are first launched under "
    "it.",
)
SKIP = Variable(
    "TRITON_ALLOY_SKIP",
    "",
    _some_of(*OPTIONAL_STAGES),
    "names from " + ", ".join(OPTIONAL_STAGES) + ", with commas",
    "Stages of the compiler to leave out, to see whether a wrong result is theirs; they only make kernels faster.",
)
CACHE_DIRECTORY = Variable(
    "MSL_CPU_CACHE_DIR",
    platformdirs.user_cache_dir("msl_cpu", appauthor=False),
    Path,
    "a folder",
    "Where compiled CPU kernels are kept between processes.",
)
CACHE_LIMIT = Variable(
    "MSL_CPU_CACHE_LIMIT",
    "1GB",
    str,
    "a size such as 500MB; 0 for no limit",
    "How much compiled CPU kernels may take, and how much of Triton's cache the entries of this backend; those that "
    "were used longest ago go.",
)
COMPILER = Variable(
    "MSL_CPU_CXX",
    "",
    str,
    "a C++ compiler's command line, or `zig`",
    "What compiles kernels for the CPU, instead of the first found of clang++, the ziglang wheel and g++.",
)
THREADS = Variable(
    "MSL_CPU_THREADS",
    str(os.cpu_count() or 1),
    _at_least(1),
    "a positive number",
    "Threads that run a kernel on the CPU; unset, one for each processor that the process may use.",
)
CPU_MODE = Variable(
    "MSL_CPU_MODE",
    "reference",
    _one_of(*MODES),
    "one of " + ", ".join(MODES),
    "The mode of msl_cpu where it is used by itself; kernels of Triton follow TRITON_ALLOY_MODE.",
)
DEADLINE = Variable(
    "TRITON_ALLOY_DEADLINE",
    "0",
    _seconds,
    "a number of seconds, 0 for no limit",
    "How long one launch may take on the CPU. It is then stopped, and an error names the kernel; what it has written "
    "stays. Launches are looked at ten times a second.",
)
FAST_MATH = Variable(
    "MSL_CPU_FAST_MATH",
    "exact",
    _one_of("exact", "worst"),
    "one of exact, worst",
    "How far off Metal's fast:: functions are on the CPU, which quotients are made of: not at all, or by as much as "
    "Metal allows, to see whether a kernel can bear it.",
)
CPU_BOUNDS = Variable(
    "MSL_CPU_BOUNDS",
    "0",
    _one_of("0", "1"),
    "0 or 1",
    "Whether the mode `fast` of msl_cpu stops a launch that accesses memory outside of its buffers, where msl_cpu is "
    "used by itself; kernels of Triton follow TRITON_ALLOY_BOUNDS.",
)
HOST_DEVICES = Variable(
    "MSL_CPU_HOST_DEVICES",
    "cpu",
    _names_with_cpu,
    "cpu and other types of PyTorch's devices, with commas",
    "The devices of PyTorch whose tensors lie in host memory, so that kernels on the CPU take them. "
    "`triton_alloy.mps_on_linux` adds `mps`, for its process and those that this starts.",
)
BACKEND = Variable(
    "TRITON_BACKEND",
    "",
    str,
    "the name of a Triton backend",
    "`metal` selects this backend even where an NVIDIA or AMD GPU is present.",
)
DEFAULT_BACKEND = Variable(
    "TRITON_DEFAULT_BACKEND",
    "",
    str,
    "the name of a Triton backend",
    "Triton's own variable of the same meaning; it wins over TRITON_BACKEND.",
)

VARIABLES = (
    RUNTIME,
    TARGET,
    MODE,
    BOUNDS,
    FRONTEND,
    DEBUG,
    SKIP,
    DEADLINE,
    BACKEND,
    DEFAULT_BACKEND,
    CACHE_DIRECTORY,
    CACHE_LIMIT,
    COMPILER,
    THREADS,
    CPU_MODE,
    FAST_MATH,
    CPU_BOUNDS,
    HOST_DEVICES,
)


@contextmanager
def scope(**values: str | None) -> Iterator[None]:
    """Set (or, with None, unset) variables of the table for the length of a `with`; child processes see them too."""
    unknown = set(values) - {variable.name for variable in VARIABLES}
    if unknown:
        raise InvalidArgument(f"no such variable: {', '.join(sorted(unknown))}")
    before = {name: os.environ.get(name) for name in values}
    _write(values)
    try:
        yield
    finally:
        _write(before)


def _write(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
