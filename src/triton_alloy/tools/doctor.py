"""`triton-alloy doctor`: what was found on this machine, for people and for bug reports."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from triton_alloy import config

DISTRIBUTIONS = ("triton-alloy", "triton", "torch", "numpy", "ziglang")


def versions() -> dict[str, str]:
    """The versions of what we use, by distribution."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The processor's name, as the system knows it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


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


def doctor(console: Console) -> int:
    """Print the findings; 0 if kernels can run here, else 1."""
    table = Table(show_header=False, box=None)
    for name, found in versions().items():
        table.add_row(name, found)
    table.add_row("python", platform.python_version())
    table.add_row("system", f"{platform.platform()}, {processor()}, {os.cpu_count()} cores")
    for name, find in (("compiler", compiler), ("target", active_target), ("cache", cache)):
        table.add_row(name, find())
    for variable in config.VARIABLES:
        if os.environ.get(variable.name):
            table.add_row(variable.name, variable.text)
    console.print(table)
    return 1 if active_target().startswith("none") else 0
