"""The pytest plugin `pytest -p record_plugin --modules FILE`: no kernel runs; FILE gets a line of JSON for each module
that a test would compile, as Triton's own passes leave it: {"name", "num_warps", "fp_fusion", "module"}."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.nothing_runs import compare_nothing, expect_no_gpu, launch_nothing


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("replay").addoption("--modules", help="the file to which modules are appended")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["TRITON_ALWAYS_COMPILE"] = "1"
    expect_no_gpu()
    launch_nothing(Recorder(Path(config.getoption("--modules"))).see)
    compare_nothing()


class Recorder:
    """Writes each module once."""

    def __init__(self, path: Path):
        self.path = path
        self.seen: set[tuple[str, int, bool]] = set()

    def see(self, module: Any, options: Any) -> None:
        from triton_alloy.frontend import native

        native.optimise(module)
        key = native.generic_text(module), options.num_warps, options.enable_fp_fusion
        if key in self.seen:
            return
        self.seen.add(key)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
        name = f"{test} {module.get_entry_func_name()}"
        row = {"name": name, "num_warps": key[1], "fp_fusion": key[2], "module": key[0]}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
