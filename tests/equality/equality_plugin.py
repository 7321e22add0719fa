"""The pytest plugin `pytest -p equality_plugin --equality FILE`: no kernel runs; each that a test would compile is
built by both front ends, and FILE gets a line of JSON: {"test", "kernel", "same", "failed", "lines", "difference"}.

It is for our own tests and for those of a Triton source tree."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.both_frontends import build, compare, our_ir
from tests.support.nothing_runs import compare_nothing, expect_no_gpu, launch_nothing


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("equality").addoption("--equality", help="the file to which comparisons are appended")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["TRITON_ALWAYS_COMPILE"] = "1"
    expect_no_gpu()
    Recorder(Path(config.getoption("--equality"))).watch()
    launch_nothing()
    compare_nothing()


class Recorder:
    """Compares each module once."""

    def __init__(self, path: Path):
        self.path = path
        self.seen: set[tuple[str, str]] = set()

    def watch(self) -> None:
        from triton._C.libtriton import ir as native_ir
        from triton.compiler.compiler import ASTSource, make_backend

        original = ASTSource.make_ir

        def make_ir(source: Any, target: Any, options: Any, *rest: Any) -> Any:
            key = source.hash(), options.hash()
            if key not in self.seen:
                self.seen.add(key)
                backend = make_backend(target)
                sides = [build(ir, source, target, backend, options) for ir in (native_ir, our_ir)]
                self.write(source.name, asdict(compare(*sides)))
            return original(source, target, options, *rest)

        ASTSource.make_ir = make_ir

    def write(self, kernel: str, comparison: dict[str, Any]) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
        with self.path.open("a") as file:
            file.write(json.dumps({"test": test, "kernel": kernel, **comparison}) + "\n")
