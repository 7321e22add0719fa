"""The headers are prepared once for each set of flags; at a terminal a user is told what takes so long."""

from __future__ import annotations

import io
import subprocess
import time
from pathlib import Path

import pytest

from triton_alloy.msl_cpu.compile import precompiled
from triton_alloy.msl_cpu.compile.build import STDLIB, Compiler


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def prepare(monkeypatch: pytest.MonkeyPatch, cache: Path, stderr: io.StringIO, seconds: float) -> str:
    """What is said while a compiler of ours takes its time."""
    runs = []

    def run_compiler(compiler: Compiler, arguments: list[str], directory: str) -> subprocess.CompletedProcess[str]:
        runs.append(arguments)
        time.sleep(seconds)
        Path(directory, "header.pch").write_bytes(b"precompiled")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(cache))
    monkeypatch.setattr(precompiled, "run_compiler", run_compiler)
    monkeypatch.setattr(precompiled, "PATIENCE", 0.1)
    monkeypatch.setattr("sys.stderr", stderr)
    compiler = Compiler(("clang++",), "clang", "one")
    for _ in range(2):
        [*_, path] = precompiled.including(compiler, ["-O3"], STDLIB)
        assert Path(path).read_bytes() == b"precompiled"
    assert len(runs) == 1
    return stderr.getvalue()


def test_a_user_at_a_terminal_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    said = prepare(monkeypatch, tmp_path, Terminal(), 1.0)
    assert said == "msl_cpu: preparing its headers for this compiler and these settings, once ...\n"


def test_nobody_is_told_of_what_is_quick_or_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert prepare(monkeypatch, tmp_path / "quick", Terminal(), 0.0) == ""
    assert prepare(monkeypatch, tmp_path / "piped", io.StringIO(), 0.5) == ""
