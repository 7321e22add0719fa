"""`triton-alloy doctor`: runs kernels on every runtime there is, and says what works, what does not and what to do."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from triton_alloy import config
from triton_alloy.errors import AlloyError
from triton_alloy.runtime.detection import DeviceInfo, RuntimeInfo
from triton_alloy.runtime.probes import device_info
from triton_alloy.tools import info, trials


def own_version() -> str:
    """The version of this package."""
    try:
        return version("triton-alloy")
    except PackageNotFoundError:
        return "not installed"


def compiler() -> str:
    """The C++ compiler that the CPU runtime uses, or why there is none."""
    from triton_alloy.msl_cpu import NoCompiler
    from triton_alloy.msl_cpu.build import find_compiler

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


def cache() -> str:
    """The folder of compiled CPU kernels and its size."""
    folder = config.CACHE_DIRECTORY.value
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return f"{folder} ({len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB)"


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


def doctor(console: Console) -> int:
    """Print the findings; 0 if every runtime that ought to work does, and there is one."""
    found = device_info()
    table = Table(show_header=False, box=None)
    for name, text in info.rows(found):
        table.add_row(name, text)
    table.add_row("triton-alloy", own_version())
    table.add_row("python", platform.python_version())
    for name, find in (("compiler", compiler), ("active target", active_target), ("cache", cache)):
        table.add_row(name, find())
    for variable in config.VARIABLES:
        if os.environ.get(variable.name):
            table.add_row(variable.name, variable.text)
    for name, text in metal_state(found):
        table.add_row(name, text)
    console.print(table)
    usable = [runtime for runtime in found.runtimes if runtime.is_usable]
    for runtime in found.runtimes:
        if runtime not in usable:
            console.print(f"{runtime.name:10} not here: {runtime.problem}. {runtime.remedy}", highlight=False)
    working = []
    for runtime in usable:
        text, works = try_runtime(runtime)
        working.append(works)
        console.print(f"{runtime.name:10} {text}", highlight=False)
    return 0 if all(working) and working else 1
