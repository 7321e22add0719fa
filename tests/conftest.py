"""Settings of every test: few threads, and caches that belong to the test run alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

FOLDER = tempfile.TemporaryDirectory(prefix="triton-alloy-tests-")


def _set_environment() -> None:
    """Before Triton or PyTorch is imported: both read some of these at import."""
    root = Path(FOLDER.name)
    os.environ["TRITON_CACHE_DIR"] = str(root / "triton")
    os.environ["TRITON_DUMP_DIR"] = str(root / "dump")
    # Compiled CPU kernels outlive the run: they are named by their content, and building them is what takes time.
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
    for name in ("TRITON_ALLOY_TARGET", "TRITON_ALLOY_MODE", "TRITON_ALLOY_DEBUG", "TRITON_BACKEND"):
        os.environ.pop(name, None)


_set_environment()


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(2)


@pytest.fixture
def fresh_triton_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Triton cache for one test."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    return tmp_path / "triton"
