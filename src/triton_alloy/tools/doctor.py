"""`triton-alloy doctor`: runs kernels on every runtime there is, and says what works, what does not and what to do."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from triton_alloy import config
from triton_alloy.errors import AlloyError
from triton_alloy.msl_cpu.compile.eviction import size_text
from triton_alloy.runtime.detection import DeviceInfo, RuntimeInfo
from triton_alloy.tools import caches, info, progress, trials


def own_version() -> str:
    """The version of this package."""
    try:
        return version("triton-alloy")
    except PackageNotFoundError:
        return "not installed"


def compiler() -> str:
    """The C++ compiler that the CPU runtime uses, or why there is none."""
    from triton_alloy.msl_cpu import NoCompiler
    from triton_alloy.msl_cpu.compile.build import find_compiler

    try:
        return " ".join(find_compiler().command)
    except NoCompiler as error:
        return f"none: {error}"


def active_target() -> str:
    """The target Triton compiles for in this process, or why there is none."""
    try:
        from triton.runtime import driver

        return str(driver.active.get_current_target())
    except ImportError:
        return "none: Triton is not installed"
    except RuntimeError as error:
        return f"none: {error}"


def kept() -> str:
    """What is kept between processes, and where."""
    found = caches.caches()
    return ", ".join(f"{each.name} {each.folders[0]} ({size_text(each.bytes)})" for each in found)


def metal_state(found: DeviceInfo) -> list[tuple[str, str]]:
    """What the metal runtime has found out about the GPU by itself: the language, and the results of its self-test."""
    if not found.runtime("metal").is_usable:
        return []
    from triton_alloy.runtime.metal import metal_device

    try:
        device = metal_device()
        failures = device.verdict.failures
    except AlloyError as error:
        return [("Metal", f"cannot be used: {error}")]
    lines = [("Metal", f"texts are compiled in language {device.language}, found by a trial")]
    lines += [(f"self-test {name}", f"FAILED: {meaning}") for name, meaning in failures.items()]
    return lines if failures else [*lines, ("self-test", "passed")]


def try_runtime(runtime: RuntimeInfo) -> tuple[str, bool]:
    """(what to say, whether it works) of a runtime that ought to."""
    results = trials.try_runtime(runtime.name)
    failed = [trial for trial in results if trial.problem]
    right = ", ".join(trial.kernel for trial in results if not trial.problem)
    if not failed:
        return f"works: {right} right", True
    words = "; ".join(f"{trial.kernel}: {trial.problem}" for trial in failed)
    return f"DOES NOT WORK: {words}" + (f" (right: {right})" if right else ""), False


def lines(found: DeviceInfo) -> Iterator[tuple[str, str]]:
    """(name, text) of all that is found before a kernel has run."""
    yield from info.rows(found)
    yield "triton-alloy", own_version()
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "compiler", compiler()
    yield "active target", active_target()
    yield "caches", kept()
    yield from ((each.name, each.text) for each in config.VARIABLES if os.environ.get(each.name))
    yield from metal_state(found)


def doctor(console: Console) -> int:
    """Print the findings, which make a bug report; 0 if every runtime that ought to work does, and there is one."""
    found = info.examined()
    console.print(info.table(lines(found)))
    usable = [runtime for runtime in found.runtimes if runtime.is_usable]
    for runtime in found.runtimes:
        if runtime not in usable:
            _say(console, f"{runtime.name:10} not here: {runtime.problem}. {runtime.remedy}")
    results = []
    with progress.steps(len(usable)) as begin:
        for runtime in usable:
            begin(f"running kernels on {runtime.name}")
            results.append(try_runtime(runtime))
    for runtime, (text, _) in zip(usable, results, strict=True):
        _say(console, f"{runtime.name:10} {text}")
    return 0 if results and all(works for _, works in results) else 1


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)
