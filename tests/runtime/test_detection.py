"""Detection on what machines print: every chip of Apple, virtual and unknown ones, Linux."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.machines import INSTALLED, IOREG, linux, mac, metal_facts
from tests.support.metal_double import Device, World, double
from triton_alloy.chips import CHIPS, chip_name, language_of
from triton_alloy.runtime.detection import (
    INSTALL,
    MetalFacts,
    Probes,
    choices,
    describe,
    gpu_cores,
    pairs,
    version_tuple,
)
from triton_alloy.runtime.metal_api import facts_of
from triton_alloy.runtime.probes import device_info, import_problems
from triton_alloy.target import target_for

FAMILY = {"M1": "apple7", "M2": "apple8", "M3": "apple9", "M4": "apple9", "M5": "apple10"}
PEAKS = {  # 10^12 operations per second, as published
    "M1": 2.62, "M1 Pro": 5.31, "M1 Max": 10.62, "M1 Ultra": 21.23, "M2": 3.58, "M2 Pro": 6.80, "M2 Max": 13.6,
    "M2 Ultra": 27.2, "M3": 3.53, "M3 Pro": 6.36, "M3 Max": 14.1, "M4": 4.04, "M4 Pro": 8.08, "M4 Max": 16.2,
    "M5": 4.04, "M5 Pro": 8.2, "M5 Max": 16.9,
}  # fmt: skip


@pytest.mark.parametrize("name", CHIPS)
def test_every_chip_is_recognised(name: str):
    chip = CHIPS[name]
    info = describe(mac(name, chip.cores))
    assert (info.chip, info.family, info.cores) == (name, FAMILY[name[:2]], chip.cores)
    assert info.peak == pytest.approx(PEAKS.get(name, 28.26), rel=0.01)
    assert info.bandwidth == chip.bandwidth > chip.achieved
    assert (info.system, info.system_build, info.language) == ("macOS 15.3.1", "24D81", "3.2")
    assert info.memory_bytes == 36 << 30
    assert info.notes == ()
    assert all(runtime.is_usable for runtime in info.runtimes)
    hardware = target_for(info.family).hardware
    assert hardware is not None and int(name[1]) in hardware.generations


def test_a_smaller_variant_has_its_own_peak_and_bandwidth():
    info = describe(mac("M3 Max", 30))
    assert info.peak == pytest.approx(14.13 * 30 / 40, rel=0.01)
    assert info.bandwidth == 307.2
    assert describe(mac("M4 Max", 32)).bandwidth == 410
    assert describe(mac("M4 Max", 40)).bandwidth == 546


@pytest.mark.parametrize(
    "chip, newest, family, words",
    [
        ("M6", 1010, "apple10", "M6 is treated as apple10, the newest family that it supports"),
        ("M5 Ultra", 1010, "apple10", "M5 Ultra is not in the table"),
        ("M4 Ultra", 1009, "apple9", "M4 Ultra is not in the table"),
        ("M3", 1010, "apple10", "Metal is believed"),
        ("Silicon", 1008, "apple8", "which is no M chip"),
    ],
)
def test_what_is_unknown_is_said(chip: str, newest: int, family: str, words: str):
    info = describe(mac(chip, 24, newest=newest))
    assert info.family == family
    assert any(words in note for note in info.notes), info.notes
    if info.chip == "":
        assert info.peak is None and info.bandwidth is None


def test_an_unknown_chip_without_metal_gets_what_all_run():
    probes = replace(mac("M9"), metal=None, metal_problem="the metal runtime needs PyObjC")
    info = describe(probes)
    assert info.family == "apple7"
    assert any("family is unknown" in note for note in info.notes)


def test_a_virtual_mac_is_known_by_its_processor():
    probes = replace(mac("M1 (Virtual)", None), metal=metal_facts("Apple Paravirtual device", 1000))
    info = describe(probes)
    assert (info.chip, info.family, info.cores) == ("M1", "apple7", 8)
    assert info.peak is None and info.bandwidth is None
    assert any("times mean nothing" in note for note in info.notes)
    assert any("8 are assumed" in note for note in info.notes)


@pytest.mark.parametrize(
    "version, language",
    [("13.6", None), ("14.0", "3.1"), ("15.7", "3.2"), ("26.0.1", "4.0"), ("27.0", "4.1"), ("31.2", "4.1")],
)
def test_the_language_follows_the_system(version: str, language: str | None):
    info = describe(mac("M2", version=version))
    assert info.language == language == language_of(version)
    assert any("macOS 14 or later" in note for note in info.notes) == (language is None)


def test_a_mac_that_says_nothing_is_described():
    info = describe(Probes("Darwin", "arm64", 8))
    assert (info.chip, info.family, info.memory_bytes, info.language) == ("", "apple7", 0, None)
    assert info.system == "macOS (unknown version)"
    assert len(info.notes) == 3


def test_missing_frameworks_are_named_with_a_remedy():
    bare = replace(mac("M2"), distributions={}, metal=None, metal_problem="the metal runtime needs PyObjC")
    info = describe(bare)
    assert info.runtime("metal").problem == "the metal runtime needs PyObjC"
    assert info.runtime("metal").remedy == 'pip install "pyobjc-framework-Metal>=11"'
    assert info.runtime("torch_mps").remedy == "pip install torch"
    assert info.runtime("mlx").remedy == "pip install mlx"
    assert info.runtime("cpu").remedy == "triton-alloy setup"
    old = describe(replace(mac("M2"), distributions={**INSTALLED, "torch": "2.6.1"}))
    assert "2.6.1 has no torch.mps.compile_shader" in old.runtime("torch_mps").problem
    assert describe(replace(mac("M2"), metal=None)).runtime("metal").remedy.startswith("log in")


def test_linux_describes_the_processor():
    info = linux()
    assert (info.system, info.processor, info.family, info.cores) == ("Debian 12", "AMD EPYC 9R14", "cpu", 2)
    assert info.memory_bytes == 16384 * 1024
    assert info.metal is None and info.peak is None
    assert linux(cpuinfo="", machine="aarch64").processor == "aarch64"


def test_linux_needs_triton_for_kernels_and_mlx_with_its_cpu():
    bare, whole = linux(), linux(distributions={"mlx": "0.32.4", "triton": "3.9.0"})
    assert bare.runtime("cpu").remedy == 'pip install "triton>=3.7,<3.10"'
    assert bare.runtime("mlx").remedy == 'pip install "mlx[cpu]"'
    assert whole.runtime("mlx").is_usable and whole.runtime("cpu").is_usable
    assert not whole.runtime("metal").is_usable
    broken = linux(distributions=whole.frameworks, import_problems={"mlx": "no libmlx.so"}).runtime("mlx")
    assert (broken.problem, broken.remedy) == ("mlx 0.32.4 cannot be imported (no libmlx.so)", 'pip install "mlx[cpu]"')


def test_the_commands_install_what_the_project_asks_for():
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    for (name, _), command in INSTALL.items():
        wanted = re.search(rf'^    "({name}[^; ]+); ', project, re.MULTILINE)
        if wanted and command.startswith("pip") and name != "mlx":
            assert command == f'pip install "{wanted[1]}"'
    assert '"mlx[cpu]>=' in project


def test_frameworks_are_imported_before_they_are_promised():
    assert import_problems(["numpy", "pytest"]) == {}
    problems = import_problems(["no_such_package", "mlx"])
    assert problems == {"no_such_package": "ModuleNotFoundError: No module named 'no_such_package'"}


def test_a_mac_with_an_intel_processor_runs_on_it():
    info = describe(Probes("Darwin", "x86_64", 8))
    assert info.family == "cpu"
    assert "without Apple silicon" in info.notes[0]


def test_the_choice_of_runtimes_is_explained():
    by_kind = {kind: runtime for kind, runtime, _ in choices(describe(mac("M2")), "auto")}
    assert list(by_kind.values()) == ["metal", "torch_mps", "mlx"]
    installed = {"triton": "3.9.0", "torch": "2.15.0"}
    with_torch = describe(replace(mac("M2"), distributions=installed, metal=None, metal_problem="no PyObjC"))
    rows = {kind: (runtime, why) for kind, runtime, why in choices(with_torch, "auto")}
    assert rows["PyTorch tensors on mps"] == ("torch_mps", "the GPU's runtime for them")
    assert rows["MLX arrays"][0] == rows["NumPy arrays and PyTorch's CPU tensors"][0] == "none"
    assert choices(linux(), "metal") == [("all arguments", "metal", "ALLOY_RUNTIME=metal")]
    rows = {kind: (runtime, why) for kind, runtime, why in choices(linux(distributions={"triton": "3.9.0"}), "auto")}
    assert rows["NumPy arrays and PyTorch's CPU tensors"] == ("cpu", "there is no Apple GPU")
    assert rows["MLX arrays, on the CPU"][0] == "none"
    rows = {kind: (runtime, why) for kind, runtime, why in choices(linux(), "auto")}
    problem = 'triton is not installed: pip install "triton>=3.7,<3.10"'
    assert rows["NumPy arrays and PyTorch's CPU tensors"] == ("none", problem)


def test_outputs_of_commands_are_read():
    assert gpu_cores(IOREG.format(chip="M3 Pro", cores=18)) == 18
    assert gpu_cores("") is None
    assert pairs('A="x: y"\nB:\t\t1\nA=2') == {"A": "x: y", "B": "1"}
    assert chip_name("Apple M3 Pro") == "M3 Pro" and chip_name("Apple M1 (Virtual)") == "M1"
    assert chip_name("Apple A17 Pro") == "" and chip_name("AMD EPYC") == ""
    assert version_tuple("2.13.0+cpu") == (2, 13, 0)


def test_facts_are_read_from_the_device():
    world = World(name="Apple M4 Max", families=(1007, 1008, 1009))
    facts = facts_of(double(world), Device(world))
    assert facts == MetalFacts(
        "Apple M4 Max", (1007, 1008, 1009), "applegpu_g15s", 32768, 1024, 27 << 30, 1 << 34, True
    )
    without = World(lacks=("architecture",))
    assert facts_of(double(without), Device(without)).architecture == ""


def test_this_machine_is_described():
    info = device_info()
    assert info.cores >= 1 and info.memory_bytes > 1 << 28
    assert info.processor and info.system
    assert info.frameworks["numpy"] != "not installed"
