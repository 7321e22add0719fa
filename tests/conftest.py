"""Settings of every test: few threads, and Triton's caches in a folder that goes with the run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triton_alloy import compiler
from triton_alloy.ir.core import Op
from triton_alloy.ir.verifier import verify

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


@pytest.fixture(scope="session", autouse=True)
def every_stage_leaves_valid_ir() -> Iterator[None]:
    """Whatever a test compiles in its own process, the IR is verified after each stage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "STAGES", tuple((name, _verified(stage)) for name, stage in compiler.STAGES))
        yield


def _verified(stage: compiler.Stage) -> compiler.Stage:
    def run(module: Op, options: Any) -> None:
        stage(module, options)
        verify(module)

    return run


@pytest.fixture
def triton_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Triton cache for one test."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    return tmp_path / "triton"
