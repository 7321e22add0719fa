"""The suite of kernel libraries (`make libraries`): without `-m libraries` this folder is not collected."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The files here import libraries that are no dependency of ours."""
    return None if config.getoption("-m") == "libraries" else True
