"""The keys of the caches: every file that can reach a text or a compiled kernel counts, and no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import triton_alloy
from triton_alloy.digest import digest_of
from triton_alloy.msl_cpu.compile.fingerprint import fingerprint_of

PACKAGE = Path(triton_alloy.__file__).parent
FILES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*")) if path.is_file()]
KINDS = sorted({(path.parent.as_posix(), path.suffix) for path in FILES if "__pycache__" not in path.parts})
"""(folder, ending) of all files there are."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, of which every test changes a file."""
    folder = tmp_path_factory.mktemp("source") / "triton_alloy"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def keys(package: Path) -> dict[str, str]:
    """The part of each cache's key that stands for this package."""
    return {"text": digest_of(package), "kernel": fingerprint_of(package / "msl_cpu")}


def changed(package: Path, before: dict[str, str]) -> set[str]:
    """Which keys are no longer what they were."""
    now = keys(package)
    return {name for name in before if now[name] != before[name]}


def reached_from(folder: str, ending: str) -> set[str]:
    """What files of this kind can reach."""
    part = folder.partition("/")[0]
    if ending in (".md", ".typed"):
        return set()
    if (folder, ending) in (("msl_cpu/text", ".txt"), ("msl_cpu/headers/lanes", ".h")):
        return {"kernel", "text"}  # texts use none of the words that stand there
    if part == "msl_cpu":
        return {"kernel"}
    return set() if part in ("mps_on_linux", "runtime", "tools", "examples") else {"text"}


def test_there_are_the_kinds_of_files_that_the_caches_forgot():
    assert {("msl/vocabulary", ".metal"), ("msl_cpu/headers/strict", ".h"), ("msl_cpu/runtime", ".cpp")} <= set(KINDS)


@pytest.mark.parametrize("folder, ending", KINDS)
def test_each_kind_of_file_is_in_the_keys_of_what_it_reaches(package: Path, folder: str, ending: str):
    before = keys(package)
    path = next(path for path in FILES if (path.parent.as_posix(), path.suffix) == (folder, ending))
    with (package / path).open("a") as file:
        file.write("\n")
    assert changed(package, before) == reached_from(folder, ending)


@pytest.mark.parametrize("old, new", [("msl/vocabulary/3_lanes.metal", "msl/more/lanes.metal"), ("kernel.py", "k.py")])
def test_a_text_depends_on_where_its_files_are(package: Path, old: str, new: str):
    before = keys(package)
    (package / new).parent.mkdir(exist_ok=True)
    (package / old).rename(package / new)
    assert changed(package, before) == {"text"}
    (package / new).write_text("// a change\n")
    assert keys(package)["text"] not in (before["text"], digest_of(PACKAGE))


def test_files_in_new_folders_of_msl_cpu_count(package: Path):
    before = keys(package)
    for folder, name in (("text/types", "types.py"), ("headers/lanes/deep", "lanes.h"), ("runtime/pool", "pool.cpp")):
        (package / "msl_cpu" / folder).mkdir(parents=True)
        (package / "msl_cpu" / folder / name).write_text("")
        assert changed(package, before) == {"kernel"}
        before = keys(package)
        (package / "msl_cpu" / folder / name).write_text("// a change\n")
        assert changed(package, before) == {"kernel"}
        before = keys(package)


def test_what_python_compiled_is_in_no_key(package: Path):
    before = keys(package)
    for folder in ("transforms", "msl_cpu", "msl_cpu/headers"):
        (package / folder / "__pycache__").mkdir(exist_ok=True)
        (package / folder / "__pycache__" / "lower.cpython-310.pyc").write_bytes(os.urandom(8))
    assert not changed(package, before)


PROGRAM = """
import torch, triton, triton.language as tl, triton_alloy
@triton.jit
def total(x, out, N: tl.constexpr):
    tl.store(out, tl.sum(tl.load(x + tl.arange(0, N)), 0))
kernel = total[(1,)](torch.ones(64), torch.zeros(1), N=64)
print(triton_alloy.__file__, "a line of the test" in kernel.asm["msl"])
"""


def test_a_kernel_in_tritons_cache_does_not_outlive_the_vocabulary(tmp_path: Path):
    source = tmp_path / "source"
    shutil.copytree(PACKAGE, source / "triton_alloy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(source), "TRITON_CACHE_DIR": str(tmp_path / "cache")}

    def run() -> str:
        command = [sys.executable, tmp_path / "program.py"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    file = source / "triton_alloy" / "msl" / "vocabulary" / "3_lanes.metal"
    assert run() == f"{source / 'triton_alloy' / '__init__.py'} False\n"
    assert "// The sum over the lanes" in file.read_text()
    file.write_text(file.read_text().replace("// The sum over the lanes", "// a line of the test"))
    assert run().endswith(" True\n")
