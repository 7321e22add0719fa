"""What machine this is, worked out from what its system tools print. Everything here is a pure function of `Probes`.

probes.py asks this machine; tests pass recorded outputs of others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..chips import CHIPS, FAMILIES, LEAST_LANGUAGE, Chip, chip_name, family_of_chip, language_of

VIRTUAL = "Paravirtual"
"""In the name of the GPU of a virtual Mac, such as GitHub's runners; it says less than the real one would."""


@dataclass(frozen=True)
class MetalFacts:
    """What an MTLDevice says of itself. families: the numbers of MTLGPUFamilyApple... that it supports."""

    name: str
    families: tuple[int, ...]
    architecture: str
    threadgroup_bytes: int
    threads_per_threadgroup: int
    working_set_bytes: int
    buffer_bytes: int
    unified_memory: bool


@dataclass(frozen=True)
class Probes:
    """What a machine was asked. Texts are outputs of commands or files, "" where there was none.

    system, machine: as of `uname`; sysctl, ioreg, sw_vers: of macOS; cpuinfo, meminfo, os_release: of Linux;
    distributions: installed Python packages with versions; import_problems: why those that were tried cannot be
    imported; metal: of the GPU, None with the reason in `metal_problem`.
    """

    system: str
    machine: str
    threads: int
    sysctl: str = ""
    ioreg: str = ""
    sw_vers: str = ""
    cpuinfo: str = ""
    meminfo: str = ""
    os_release: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)
    import_problems: Mapping[str, str] = field(default_factory=dict)
    metal: MetalFacts | None = None
    metal_problem: str = ""


@dataclass(frozen=True)
class RuntimeInfo:
    """A runtime on this machine.

    takes: the arguments that go to it; problem: why it cannot be had, "" if it can; remedy: what to do then.
    """

    name: str
    takes: str
    problem: str = ""
    remedy: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether all that it needs is there."""
        return not self.problem


@dataclass(frozen=True)
class DeviceInfo:
    """A machine.

    processor: as it calls itself; chip: of the table, "" if it has no row there; family: the target; cores: of the GPU,
    else threads of the CPU; peak: 10^12 32-bit operations per second, bandwidth: GB/s, both on paper; language: the
    newest of Metal that the system compiles; notes: what is unusual, for people.
    """

    system: str
    system_build: str
    processor: str
    chip: str
    family: str
    cores: int
    memory_bytes: int
    peak: float | None
    bandwidth: float | None
    language: str | None
    metal: MetalFacts | None
    frameworks: Mapping[str, str]
    runtimes: tuple[RuntimeInfo, ...]
    notes: tuple[str, ...]

    def runtime(self, name: str) -> RuntimeInfo:
        """A runtime by its name."""
        return next(runtime for runtime in self.runtimes if runtime.name == name)


FRAMEWORKS = ("triton", "torch", "mlx", "pyobjc-framework-Metal", "numpy", "ziglang")
"""Distributions that matter here."""


def describe(probes: Probes) -> DeviceInfo:
    """The machine behind the probes. Never raises: what is unknown is said in `notes`."""
    if is_apple_silicon(probes):
        return _describe_mac(probes)
    return _describe_other(probes)


def is_apple_silicon(probes: Probes) -> bool:
    """Whether this is a Mac whose GPU runs kernels."""
    return probes.system == "Darwin" and probes.machine == "arm64"


def is_virtual(probes: Probes) -> bool:
    """Whether a Mac runs in a virtual machine."""
    return VIRTUAL in (probes.metal.name if probes.metal else "") or "(Virtual)" in probes.sysctl


# -------------------------------------------------------------------------------------------------- outputs of commands
def pairs(text: str) -> dict[str, str]:
    """Lines "name: value" or "name=value", as sysctl, sw_vers, /proc/* and os-release print them; the first counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"\s*([^:=]+?)\s*[:=]\s*(.*?)\s*$", line)
        if match:
            found.setdefault(match[1], match[2].strip('"'))
    return found


def gpu_cores(ioreg: str) -> int | None:
    """The GPU's cores by `ioreg -rc AGXAccelerator -d 1`; None where it does not tell, as in a virtual machine."""
    found = re.search(r'"gpu-core-count"\s*=\s*(\d+)', ioreg)
    return int(found[1]) if found else None


def bytes_of(text: str) -> int:
    """ "17179869184" or "16384 kB" -> bytes; 0 where there is no number."""
    found = re.match(r"(\d+)(?:\s*(kB))?", text)
    return int(found[1]) * (1024 if found[2] else 1) if found else 0


def version_tuple(text: str) -> tuple[int, ...]:
    """ "2.13.0+cpu" -> (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0]))


# ------------------------------------------------------------------------------------------------------------ machines
def _describe_mac(probes: Probes) -> DeviceInfo:
    facts, versions = pairs(probes.sysctl), pairs(probes.sw_vers)
    processor = facts.get("machdep.cpu.brand_string", "") or (probes.metal.name if probes.metal else "Apple GPU")
    name = chip_name(processor)
    chip = CHIPS.get(name)
    notes: list[str] = []
    family = _family(probes, name, notes)
    cores = _cores(probes, chip, notes)
    macos = versions.get("ProductVersion", "")
    language = language_of(macos) if macos else None
    if macos and language is None:
        notes.append(f"macOS {macos} cannot compile Metal {LEAST_LANGUAGE}: kernels need macOS 14 or later")
    if name and chip is None:
        notes.append(f"the chip {name} is not in the table: its peak and bandwidth are not known")
    if not name:
        notes.append(f"the chip calls itself {processor!r}, which is no M chip that is known here")
    virtual = is_virtual(probes)
    if virtual:
        notes.append("a virtual GPU: results are right, times mean nothing")
    return DeviceInfo(
        system=f"macOS {macos or '(unknown version)'}",
        system_build=versions.get("BuildVersion", "unknown"),
        processor=processor,
        chip=name if chip else "",
        family=family,
        cores=cores,
        memory_bytes=bytes_of(facts.get("hw.memsize", "")),
        peak=chip.peak(cores) if chip and not virtual else None,
        bandwidth=chip.memory_bandwidth(cores) if chip and not virtual else None,
        language=language,
        metal=probes.metal,
        frameworks=_frameworks(probes),
        runtimes=_mac_runtimes(probes),
        notes=tuple(notes),
    )


def _family(probes: Probes, name: str, notes: list[str]) -> str:
    """By what Metal supports; a virtual GPU says too little, so there and without Metal by the chip's name."""
    by_name = family_of_chip(name)
    supported = [family.name for family in FAMILIES if probes.metal and family.number in probes.metal.families]
    if supported and not is_virtual(probes):
        if by_name is None:
            notes.append(f"{name or 'the GPU'} is treated as {supported[-1]}, the newest family that it supports")
        elif by_name != supported[-1]:
            notes.append(f"Metal supports {supported[-1]} on {name}, whose family is {by_name}: Metal is believed")
        return supported[-1]
    if by_name is None:
        notes.append(f"the GPU's family is unknown: kernels are printed for {FAMILIES[0].name}, which all run")
    return by_name or FAMILIES[0].name


def _cores(probes: Probes, chip: Chip | None, notes: list[str]) -> int:
    counted = gpu_cores(probes.ioreg)
    if counted is not None:
        return counted
    assumed = chip.cores if chip else 8
    notes.append(f"the system does not tell the number of GPU cores: {assumed} are assumed")
    return assumed


def _describe_other(probes: Probes) -> DeviceInfo:
    facts = pairs(probes.cpuinfo)
    release = pairs(probes.os_release)
    notes = []
    if probes.system == "Darwin":
        notes.append("a Mac without Apple silicon: its GPU is not supported, kernels run on the CPU")
    return DeviceInfo(
        system=release.get("PRETTY_NAME", "") or probes.system,
        system_build="",
        processor=facts.get("model name", "") or probes.machine,
        chip="",
        family="cpu",
        cores=probes.threads,
        memory_bytes=bytes_of(pairs(probes.meminfo).get("MemTotal", "")),
        peak=None,
        bandwidth=None,
        language=None,
        metal=None,
        frameworks=_frameworks(probes),
        runtimes=_other_runtimes(probes),
        notes=tuple(notes),
    )


def _frameworks(probes: Probes) -> dict[str, str]:
    return {name: _framework(probes, name) for name in FRAMEWORKS}


def _framework(probes: Probes, name: str) -> str:
    version = probes.distributions.get(name, "not installed")
    problem = probes.import_problems.get(name)
    return f"{version}, which cannot be imported: {problem}" if problem else version


# ------------------------------------------------------------------------------------------------------------ runtimes
MEMORY = "NumPy arrays and PyTorch's CPU tensors"
TENSORS = "PyTorch tensors on mps"
ARRAYS = "MLX arrays"
LEAST_TORCH = (2, 7)
"""The first PyTorch with torch.mps.compile_shader."""
INSTALL = {
    ("triton", "Linux"): 'pip install "triton>=3.7,<3.10"',
    ("triton", "Darwin"): "triton-alloy setup",
    ("torch", "Linux"): "pip install torch --index-url https://download.pytorch.org/whl/cpu",
    ("mlx", "Linux"): 'pip install "mlx[cpu]"',
    ("pyobjc-framework-Metal", "Darwin"): 'pip install "pyobjc-framework-Metal>=11"',
}
"""What installs a package on a system, where `pip install` and its name are not enough."""


def install_command(name: str, system: str) -> str:
    """The command that installs a package. system: as of `uname`."""
    return INSTALL.get((name, system), f"pip install {name}")


def _mac_runtimes(probes: Probes) -> tuple[RuntimeInfo, ...]:
    kernels = _missing(probes, "triton")
    return (
        RuntimeInfo("metal", MEMORY, *_first(_metal_problem(probes), kernels)),
        RuntimeInfo("torch_mps", TENSORS, *_first(_torch_problem(probes), kernels)),
        RuntimeInfo("mlx", ARRAYS, *_first(_missing(probes, "mlx"), kernels)),
        RuntimeInfo("cpu", "whatever ALLOY_RUNTIME=cpu is set for", *kernels),
    )


Problem = tuple[str, str]
"""(problem, remedy), both "" where there is none."""


def _first(*problems: Problem) -> Problem:
    return next((each for each in problems if any(each)), ("", ""))


def _metal_problem(probes: Probes) -> Problem:
    if probes.metal is not None:
        return "", ""
    if "pyobjc-framework-Metal" not in probes.distributions:
        return probes.metal_problem, install_command("pyobjc-framework-Metal", probes.system)
    return probes.metal_problem, "log in to the Mac's desktop session, or set ALLOY_RUNTIME=cpu"


def _torch_problem(probes: Probes) -> Problem:
    missing = _missing(probes, "torch")
    if missing[0]:
        return missing
    version = probes.distributions["torch"]
    if version_tuple(version) < LEAST_TORCH:
        return f"PyTorch {version} has no torch.mps.compile_shader", 'pip install "torch>=2.7"'
    return "", ""


def _missing(probes: Probes, name: str) -> Problem:
    """What is wrong with a package: it is not installed, or cannot be imported."""
    remedy = install_command(name, probes.system)
    if name not in probes.distributions:
        return f"{name} is not installed", remedy
    problem = probes.import_problems.get(name)
    return (f"{name} {probes.distributions[name]} cannot be imported ({problem})", remedy) if problem else ("", "")


def _other_runtimes(probes: Probes) -> tuple[RuntimeInfo, ...]:
    """Without an Apple GPU the CPU runs everything, behind the interfaces of the frameworks that are installed."""
    no_gpu = "there is no Apple GPU", "use a Mac with Apple silicon; here kernels run on the CPU"
    kernels = _missing(probes, "triton")
    return (
        RuntimeInfo("metal", MEMORY, *no_gpu),
        RuntimeInfo("torch_mps", TENSORS, *no_gpu),
        RuntimeInfo("mlx", f"{ARRAYS}, on the CPU", *_first(_missing(probes, "mlx"), kernels)),
        RuntimeInfo("cpu", MEMORY, *kernels),
    )


def choices(info: DeviceInfo, wanted: str) -> list[tuple[str, str, str]]:
    """(kind of argument, runtime, why) for each kind. wanted: the value of ALLOY_RUNTIME."""
    if wanted != "auto":
        return [("all arguments", wanted, f"ALLOY_RUNTIME={wanted}")]
    rows = []
    for runtime in info.runtimes:
        if runtime.name == "cpu":
            continue
        if runtime.is_usable:
            why = "as on a Mac" if info.family == "cpu" else "the GPU's runtime for them"
            rows.append((runtime.takes, runtime.name, why))
        elif info.family == "cpu" and runtime.takes == MEMORY and info.runtime("cpu").is_usable:
            rows.append((runtime.takes, "cpu", runtime.problem))
        elif info.family == "cpu" and runtime.takes == MEMORY:
            cpu = info.runtime("cpu")
            rows.append((runtime.takes, "none", f"{cpu.problem}: {cpu.remedy}"))
        else:
            rows.append((runtime.takes, "none", f"{runtime.problem}: {runtime.remedy}"))
    return rows
