"""Run random programs and compare them with NumPy, on all cores: `make programs COUNT=2000`.

Every program runs on the CPU target in fast mode, and once more: as --second says, else in one of `VARIANTS`, by its
seed. A program that fails is shrunk to the statements that it takes, and printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from triton.errors import TritonError

from tests.random_programs.generate import generate
from tests.random_programs.processes import in_processes
from tests.random_programs.program import FLOATS, INTEGERS, Assign, Branch, Loop, Program, Statement, Store, Value
from tests.random_programs.tensors import PREAMBLE
from triton_alloy import config
from triton_alloy.config import OPTIONAL_STAGES
from triton_alloy.errors import AlloyError
from triton_alloy.msl_cpu.errors import MslError
from triton_alloy.msl_cpu.launch.plan import worker_count
from triton_alloy.tools import progress

HEADING = "import triton\nimport triton.language as tl\n\n"
FAST = {"TRITON_ALLOY_TARGET": "cpu", "TRITON_ALLOY_MODE": "fast"}
APPLE = {"TRITON_ALLOY_TARGET": "apple9", "TRITON_ALLOY_MODE": "fast"}
VARIANTS = (
    APPLE,
    FAST | {"TRITON_ALLOY_MODE": "reference"},
    APPLE | {"TRITON_ALLOY_MODE": "reference"},
    FAST | {"TRITON_ALLOY_FRONTEND": "python"},
    *(FAST | {"TRITON_ALLOY_SKIP": stage} for stage in OPTIONAL_STAGES),
    FAST | {"TRITON_ALLOY_SKIP": ",".join(OPTIONAL_STAGES)},
    APPLE | {"TRITON_ALLOY_SKIP": ",".join(OPTIONAL_STAGES)},
)
FINDINGS = (
    AlloyError,
    MslError,
    TritonError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a compiler can raise, on purpose or not, for a valid program."""
TOLERANCES = {"float32": 2e-6, "float64": 2e-15}
"""Of what is inexact, absolute and relative."""
_count = itertools.count()


@dataclass(frozen=True)
class Failure:
    """A program, the settings under which it failed, and what was wrong."""

    program: Program
    settings: dict[str, str]
    message: str

    def __str__(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.message}\n{settings} num_warps={self.program.num_warps}\n{self.program.source()}"


def load_kernels(programs: Sequence[Program], folder: Path) -> list:
    """The programs as kernels of one new module, which @triton.jit can read back."""
    path = folder / f"programs_{next(_count)}.py"
    path.write_text(HEADING + PREAMBLE + "".join(f"\n\n{program.source()}" for program in programs))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [getattr(module, program.name) for program in programs]


def to_tensor(array: np.ndarray, element: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, element))


def close(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    return np.isclose(found, wanted, rtol=tolerance, atol=tolerance)


def compare(program: Program, kernel, settings: dict[str, str]) -> Failure | None:
    """Run a kernel under settings; None if it gives what the program means."""
    expected = program.results()
    inputs = [to_tensor(i.data, i.element) for i in program.inputs]
    outputs = [
        torch.zeros((program.grid, s.value.type.size), dtype=getattr(torch, s.value.type.element))
        for s in program.outputs
    ]
    try:
        with config.scope(**settings):
            kernel[(program.grid,)](*inputs, *outputs, *(v for _, v in program.scalars), num_warps=program.num_warps)
    except FINDINGS as error:
        return Failure(program, settings, f"{type(error).__name__}: {error}")
    for statement, output, wanted in zip(program.outputs, outputs, expected, strict=True):
        value = statement.value
        found = output.double().numpy() if value.type.is_float else output.numpy()
        same = found == wanted if value.exact else close(found, wanted, TOLERANCES[value.type.element])
        if not same.all():
            i = tuple(np.argwhere(~same)[0])
            message = f"{statement.output}: {(~same).sum()} wrong, {i} is {found[i]}, not {wanted[i]}"
            return Failure(program, settings, message)
    return None


def check(programs: Sequence[Program], variants: Sequence[dict[str, str]]) -> list[Failure]:
    """Each program in fast mode and one variant; of a program that fails the first failure."""
    failures: dict[str, Failure] = {}
    with tempfile.TemporaryDirectory() as folder:
        for column in ([FAST] * len(programs), variants):
            kernels = load_kernels(programs, Path(folder))  # anew: Triton's cache in memory knows no settings
            for program, kernel, settings in zip(programs, kernels, column, strict=True):
                failure = compare(program, kernel, settings)
                if failure is not None:
                    failures.setdefault(program.name, failure)
    return list(failures.values())


# ------------------------------------------------------------------------------------------------------------ shrinking
def shrunk(failure: Failure) -> Failure:
    """The smallest program found, by dropping one thing after the other, that still fails in the same settings."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(failure.program):
            found = _fails(candidate, failure.settings)
            if found is not None and found.message.split(":")[0] in (failure.message.split(":")[0], "out0"):
                failure, smaller = found, True
                break
    return failure


def _fails(program: Program, settings: dict[str, str]) -> Failure | None:
    with tempfile.TemporaryDirectory() as folder:
        [kernel] = load_kernels([program], Path(folder))
        return compare(program, kernel, settings)


def _smaller(program: Program) -> Iterator[Program]:
    stores = program.outputs
    if len(stores) > 1:
        for store in stores:
            yield replace(program, statements=_with_one_store(program.statements, store)).pruned()
    for statements in _simpler(program.statements):
        candidate = replace(program, statements=tuple(statements)).pruned()
        if candidate.source() != program.source():
            yield candidate
    for i, function in enumerate(program.functions):
        *body, last = function.statements
        for statements in _simpler(body):
            simpler = replace(function, statements=(*statements, last))
            yield replace(program, functions=(*program.functions[:i], simpler, *program.functions[i + 1 :])).pruned()
    if program.grid > 1:
        inputs = tuple(replace(i, data=i.data[:1]) for i in program.inputs)
        yield replace(program, grid=1, inputs=inputs)
    if program.num_warps > 1:
        yield replace(program, num_warps=program.num_warps // 2)


def _with_one_store(statements: Sequence[Statement], store: Store) -> tuple[Statement, ...]:
    """Without the other stores, in branches too."""
    kept = []
    for statement in statements:
        if isinstance(statement, Branch):
            yes, no = (_with_one_store(body, store) for body in statement.bodies)
            kept.append(replace(statement, bodies=(yes, no)))
        elif not isinstance(statement, Store) or statement is store:
            kept.append(statement)
    return tuple(kept)


def _simpler(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """One statement replaced by constants, a branch by a side, a loop's body made simpler; later ones first."""
    for i in reversed(range(len(statements))):
        statement = statements[i]
        before, after = list(statements[:i]), list(statements[i + 1 :])
        if isinstance(statement, Store) or (isinstance(statement, Assign) and not statement.uses):
            continue
        yield [*before, *(constant(target) for target in statement.targets), *after]
        if isinstance(statement, Loop):
            for body in _simpler(statement.body):
                yield [*before, replace(statement, body=tuple(body)), *after]
        if isinstance(statement, Branch):
            for side in (0, 1):
                for body in _simpler(statement.bodies[side]):
                    bodies = (tuple(body), statement.bodies[1]) if side == 0 else (statement.bodies[0], tuple(body))
                    yield [*before, replace(statement, bodies=bodies), *after]


def constant(target: Value) -> Assign:
    """The target as ones."""
    type_ = target.type
    element = f"tl.{type_.element}"
    text = (
        f"tl.full({type_.shape}, 1, {element})" if type_.shape else f"tl.full((1,), 1, {element}).sum().to({element})"
    )
    return Assign((target,), text, (), lambda: np.ones(type_.shape, type_.numpy))


def check_seed(seed: int, usual: str | None, second: dict[str, str] | None) -> list[str]:
    """What fails of the program of a seed, shrunk, as text. second: other settings than those of its variant."""
    variant = second or VARIANTS[seed % len(VARIANTS)]
    return [str(shrunk(failure)) for failure in check([generate(seed, usual)], [variant])]


def settings(text: str) -> dict[str, str]:
    """Of "target:mode"."""
    target, mode = text.split(":")
    return {"TRITON_ALLOY_TARGET": target, "TRITON_ALLOY_MODE": mode}


def main() -> int:
    """The number of programs that failed; 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=worker_count(), help="default: one for each core")
    parser.add_argument(
        "--of", choices=[*FLOATS, *INTEGERS], help="only programs with values of this type, which half of loads are"
    )
    parser.add_argument("--second", type=settings, metavar="TARGET:MODE", help="what all run in after cpu:fast")
    parser.add_argument("--show", action="store_true", help="print the programs, run nothing")
    options = parser.parse_args()
    usual = options.of
    chosen = (s for s in itertools.count(options.first) if not usual or generate(s, usual).has(usual))
    seeds = itertools.islice(chosen, options.count)
    if options.show:
        print(*(generate(seed, usual).source() for seed in seeds), sep="\n")
        return 0
    for name in ("MSL_CPU_THREADS", "OMP_NUM_THREADS"):  # of a process
        os.environ.setdefault(name, "2")
    failed = done = 0
    work = partial(check_seed, usual=usual, second=options.second)
    try:
        with progress.steps(options.count) as begin:
            begin("programs")
            for seed, failures in in_processes(work, seeds, options.processes):
                done += 1
                failed += bool(failures)
                for text in failures:
                    print(f"---- seed {seed}\n{text}", flush=True)
                begin(f"programs, {failed} failed")
    except KeyboardInterrupt:
        print(f"{failed} of {done} programs failed, when they were stopped")
        return 130
    print(f"{failed} of {options.count} programs failed")
    return min(failed, 125)


if __name__ == "__main__":
    sys.exit(main())
