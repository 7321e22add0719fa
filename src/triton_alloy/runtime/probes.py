"""Asks this machine what detection.py needs to know."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from ..errors import InvalidArgument
from .detection import FRAMEWORKS, DeviceInfo, MetalFacts, Probes, describe, is_apple_silicon

_SYSCTL = ("sysctl", "machdep.cpu.brand_string", "hw.memsize", "hw.model")
_IOREG = ("ioreg", "-rc", "AGXAccelerator", "-d", "1")


def probe(metal: MetalFacts | None = None, metal_problem: str = "") -> Probes:
    """This machine, without its GPU, whose facts are passed in."""
    is_mac = platform.system() == "Darwin"
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
        distributions=_distributions(),
        metal=metal,
        metal_problem=metal_problem,
    )


def device_info() -> DeviceInfo:
    """This machine: chip, cores, memory, system, Metal family, frameworks, and which runtimes can be had."""
    from .metal_api import default_device, facts_of, load_api

    if not is_apple_silicon(Probes(platform.system(), platform.machine(), 1)):
        return describe(probe())
    try:
        api = load_api()
        return describe(probe(facts_of(api, default_device(api))))
    except InvalidArgument as error:
        return describe(probe(metal_problem=str(error)))


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
