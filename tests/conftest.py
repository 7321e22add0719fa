"""Settings of every test: few threads, and Triton's caches in a folder that goes with the run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

_FOLDER = tempfile.TemporaryDirectory(prefix="triton-alloy-tests-")


def _set_environment() -> None:
    """Before Triton or PyTorch is imported: both read some of these at import only."""
    os.environ["TRITON_CACHE_DIR"] = str(Path(_FOLDER.name, "triton"))
    os.environ["TRITON_DUMP_DIR"] = str(Path(_FOLDER.name, "dump"))
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.environ.setdefault("MSL_CPU_THREADS", "2")
    for name in ("TRITON_ALLOY_TARGET", "TRITON_ALLOY_MODE", "TRITON_ALLOY_DEBUG", "TRITON_BACKEND"):
        os.environ.pop(name, None)


_set_environment()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--sanitize`: the kernel tests run in sanitize mode, which must report nothing (`make sanitize`)."""
    parser.addoption("--sanitize", action="store_true", help="run the kernel tests in sanitize mode")


@pytest.fixture
def triton_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Triton cache for one test."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    return tmp_path / "triton"
