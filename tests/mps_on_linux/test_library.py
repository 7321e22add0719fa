"""How the device's library is built: from what, how often, and what is said where it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from triton_alloy.mps_on_linux import Unavailable, library
from triton_alloy.msl_cpu.compile import contents
from triton_alloy.msl_cpu.compile.build import Compiler

pytestmark = pytest.mark.usefixtures("device_can_be_built")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_installed_torch_is_found_without_its_import():
    torch = library.find_torch()
    assert (torch.folder / "lib" / "libtorch_cpu.so").exists() and torch.version[0].isdigit()


def test_no_torch_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="needs PyTorch, which is not installed: pip install torch"):
        library.find_torch()


def test_no_compiler_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unavailable, match=r"finds none of g\+\+, clang\+\+: install g\+\+ \(Debian, Ubuntu: apt"):
        library.library()


def test_headers_are_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(Unavailable, match=f"needs PyTorch's headers, which {tmp_path} lacks"):
        library.find_torch()


def test_it_is_built_once_and_listed(cache: Path, monkeypatch: pytest.MonkeyPatch):
    builds = []

    def build(torch: library.Torch, compiler: Compiler, header: str) -> tuple[bytes, dict[str, str]]:
        builds.append((torch, compiler))
        return b"library", {"what": f"mps_on_linux for PyTorch {torch.version}"}

    monkeypatch.setattr(library, "_build", build)
    first, second = library.library(), library.library()
    assert first == second and first.read_bytes() == b"library" and len(builds) == 1
    [(name, size, _)] = contents.libraries(cache)
    assert name == f"mps_on_linux for PyTorch {library.find_torch().version}" and size == 7


def test_another_torch_gets_another_library(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "_build", lambda torch, compiler, header: (torch.version.encode(), {}))
    first = library.library()
    other = library.Torch("2.99.0", library.find_torch().folder)
    monkeypatch.setattr(library, "find_torch", lambda: other)
    assert library.library() != first and library.library().read_bytes() == b"2.99.0"


def test_a_compiler_that_fails_is_quoted(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "g++"
    program.write_text("#!/bin/sh\necho 'device.cpp:1: no such thing' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(Unavailable, match=r"(?s)g\+\+ cannot build mps_on_linux for PyTorch .*: no such thing"):
        library.library()
    assert not list(contents.libraries(cache))
