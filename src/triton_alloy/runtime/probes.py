"""Asks this machine what detection.py needs to know."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ..errors import InvalidArgument
from .detection import FRAMEWORKS, DeviceInfo, MetalFacts, Probes, describe, is_apple_silicon

_SYSCTL = ("sysctl", "machdep.cpu.brand_string", "hw.memsize", "hw.model")
_IOREG = ("ioreg", "-rc", "AGXAccelerator", "-d", "1")
_MODULES = {"mlx": "mlx.core", "pyobjc-framework-Metal": "Metal"}
"""What is imported of a distribution, where it is not the name."""
_IMPORT_SECONDS = 60.0


def probe(metal: MetalFacts | None = None, metal_problem: str = "", *, imports: bool = False) -> Probes:
    """This machine, without its GPU, whose facts are passed in. imports: try whether the frameworks can be imported."""
    is_mac = platform.system() == "Darwin"
    distributions = _distributions()
    return Probes(
        system=platform.system(),
        machine=platform.machine(),
        threads=os.cpu_count() or 1,
        sysctl=_output(*_SYSCTL) if is_mac else "",
        ioreg=_output(*_IOREG) if is_mac else "",
        sw_vers=_output("sw_vers") if is_mac else "",
        cpuinfo=_content("/proc/cpuinfo"),
        meminfo=_content("/proc/meminfo"),
        os_release=_content("/etc/os-release"),
        distributions=distributions,
        import_problems=import_problems(distributions) if imports else {},
        metal=metal,
        metal_problem=metal_problem,
    )


def device_info(*, imports: bool = False) -> DeviceInfo:
    """This machine: chip, cores, memory, system, Metal family, frameworks, and which runtimes can be had.

    imports: import each framework that is installed, in a process of its own, before saying so; takes seconds.
    """
    from .metal_api import default_device, facts_of, load_api

    if not is_apple_silicon(Probes(platform.system(), platform.machine(), 1)):
        return describe(probe(imports=imports))
    try:
        api = load_api()
        return describe(probe(facts_of(api, default_device(api)), imports=imports))
    except InvalidArgument as error:
        return describe(probe(metal_problem=str(error), imports=imports))


def import_problems(names: Iterable[str]) -> dict[str, str]:
    """Why distributions that are installed cannot be imported, by name; without those that can."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    children = {
        name: subprocess.Popen([sys.executable, "-c", f"import {_MODULES.get(name, name)}"], **pipes) for name in names
    }
    problems = {name: _import_problem(child) for name, child in children.items()}
    return {name: problem for name, problem in problems.items() if problem}


def _import_problem(child: subprocess.Popen[str]) -> str:
    """The last words of a process that imports something; "" where it could."""
    try:
        _, words = child.communicate(timeout=_IMPORT_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return f"no answer within {_IMPORT_SECONDS:.0f} s"
    if child.returncode == 0:
        return ""
    lines = words.strip().splitlines()
    return lines[-1] if child.returncode > 0 and lines else f"the import ends the process: {child.returncode}"


def _output(*command: str) -> str:
    """What a command prints; "" where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _distributions() -> dict[str, str]:
    found = {}
    for name in FRAMEWORKS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
