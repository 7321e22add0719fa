"""Machines, by what their commands print: Macs of every chip, and Linux."""

from __future__ import annotations

from dataclasses import replace

from triton_alloy.chips import FAMILIES, family_of_chip
from triton_alloy.runtime.detection import DeviceInfo, MetalFacts, Probes, describe

SYSCTL = """machdep.cpu.brand_string: Apple {chip}
hw.memsize: 38654705664
hw.model: Mac15,6
"""
SW_VERS = """ProductName:\t\tmacOS
ProductVersion:\t\t{version}
BuildVersion:\t\t24D81
"""
IOREG = """+-o AGXAcceleratorG15X  <class AGXAcceleratorG15X, id 0x100000399, registered, matched, active>
    {{
      "IOClass" = "AGXAcceleratorG15X"
      "model" = "Apple {chip}"
      "gpu-core-count" = {cores}
      "PerformanceStatistics" = {{"In use system memory"=463405056,"Device Utilization %"=8}}
    }}
"""
INSTALLED = {
    "triton": "3.9.0",
    "torch": "2.13.0",
    "mlx": "0.32.4",
    "pyobjc-framework-Metal": "12.2.2",
    "numpy": "2.4.6",
}


def metal_facts(name: str, newest: int) -> MetalFacts:
    families = tuple(family.number for family in FAMILIES if family.number <= newest)
    return MetalFacts(name, families, "applegpu", 32768, 1024, 28 << 30, 20 << 30, True)


def mac(chip: str, cores: int | None = 18, version: str = "15.3.1", newest: int | None = None) -> Probes:
    """A Mac with all frameworks."""
    family = family_of_chip(chip)
    number = newest or next((each.number for each in FAMILIES if each.name == family), 1007)
    return Probes(
        system="Darwin",
        machine="arm64",
        threads=12,
        sysctl=SYSCTL.format(chip=chip),
        ioreg=IOREG.format(chip=chip, cores=cores) if cores else "",
        sw_vers=SW_VERS.format(version=version),
        distributions=INSTALLED,
        metal=metal_facts(f"Apple {chip}", number),
    )


CPUINFO = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu vme\n"
MEMINFO = "MemTotal:       16384 kB\nMemFree:        1 kB\n"


def linux(**changes: object) -> DeviceInfo:
    probes = Probes(
        "Linux", "x86_64", 2, cpuinfo=CPUINFO, meminfo=MEMINFO, os_release='NAME="Debian"\nPRETTY_NAME="Debian 12"\n'
    )
    return describe(replace(probes, **changes))
