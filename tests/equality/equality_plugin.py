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
from both_frontends import build, compare, our_ir


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("equality").addoption("--equality", help="the file to which comparisons are appended")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["TRITON_ALWAYS_COMPILE"] = "1"
    expect_no_gpu()
    Recorder(Path(config.getoption("--equality"))).watch()
    launch_nothing()
    compare_nothing()


def expect_no_gpu() -> None:
    """Upstream's tests ask for a capability when they are imported; later ones import a function that 3.9 lacks."""
    import torch
    import triton._internal_testing as testing

    torch.cuda.get_device_capability = lambda device=None: (0, 0)
    if not hasattr(testing, "get_arch"):
        testing.get_arch = lambda: str(testing.get_current_target().arch)


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


def launch_nothing() -> None:
    """Compilation ends before the first pass, and a launch does nothing."""
    from triton_alloy.integrations.triton.compiler import MetalBackend
    from triton_alloy.integrations.triton.driver import MetalDriver, Utilities

    def add_stages(self: Any, stages: dict, *rest: Any) -> None:
        def finish(module: Any, metadata: dict) -> bytes:
            metadata.update(name=module.get_entry_func_name(), shared=1)
            return b""

        stages["ttir"] = lambda module, metadata: module
        stages["alloy"] = finish

    MetalBackend.add_stages = add_stages
    Utilities.load_binary = lambda self, *arguments: (None, None, 0, 0, 1024)
    MetalDriver.launcher_cls = lambda self, source, metadata: lambda *arguments, **options: None


def compare_nothing() -> None:
    """As nothing was computed, every comparison of results holds, so that a test goes on to its next kernel."""
    import numpy as np
    import torch

    torch.allclose = torch.equal = lambda *arguments, **options: True
    torch.testing.assert_close = lambda *arguments, **options: None
    for name in ("assert_allclose", "assert_equal", "assert_array_equal", "assert_array_almost_equal"):
        setattr(np.testing, name, lambda *arguments, **options: None)
