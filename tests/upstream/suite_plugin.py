"""The pytest plugin under which Triton's own tests run on our CPU device: `pytest -p suite_plugin --device cpu`.

It gives the tests what they expect of their surroundings, takes a random sample, ends a test that hangs, and writes one
line of JSON for each test, {"id", "outcome", "error", "seconds"}, where `error` is the type and text of every exception
in the chain, and before them {"collected": {file: how many tests}}. What is said about a machine is what its own tests
ask for: a machine without CUDA has capability (0, 0).
"""

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ERROR_CHARACTERS = 4000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("suite")
    group.addoption("--results", help="the file to which the outcomes are appended, as lines of JSON")
    group.addoption("--sample", type=int, default=0, help="run so many tests of each file, chosen at random; 0 is all")
    group.addoption("--seed", type=int, default=0, help="of the choice")
    group.addoption("--seconds", type=float, default=900, help="a test that takes longer ends its process")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "interpreter: Triton's mark of tests that its interpreter runs too")
    shim_torch()
    shim_testing()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(config.getoption("--results"))))


def shim_torch() -> None:
    """What tests ask of PyTorch: the compute capability, when they are imported or before they ask whether there is
    CUDA; to select a CUDA device and to wait for it; and the number of the current device, which is Triton's."""
    import torch
    import triton

    torch.cuda.get_device_capability = lambda device=None: (0, 0)
    torch.cuda.device = lambda device: contextlib.nullcontext()
    torch.cuda.synchronize = lambda device=None: None
    torch.cpu.current_device = lambda: triton.runtime.driver.active.get_current_device()


def shim_testing() -> None:
    """Triton 3.9 lacks a function of `triton._internal_testing` that the tests of spring 2026 import."""
    import triton._internal_testing as testing

    if not hasattr(testing, "get_arch"):
        testing.get_arch = lambda: str(testing.get_current_target().arch)


@pytest.hookimpl(trylast=True)  # after -k has chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    size, seed = config.getoption("--sample"), config.getoption("--seed")
    if size:
        files = itertools.groupby(items, key=lambda item: file_of(item.nodeid))
        items[:] = [item for name, tests in files for item in sample(list(tests), size, f"{seed} {name}")]


def sample(items: list[pytest.Item], size: int, seed: str) -> list[pytest.Item]:
    """`size` of `items`, in their order; all, if there are no more."""
    chosen = random.Random(seed).sample(range(len(items)), min(size, len(items)))
    return [items[index] for index in sorted(chosen)]


def file_of(test: str) -> str:
    """The file of a test, of which `test` is the name that pytest gives it."""
    return test.partition("::")[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    faulthandler.dump_traceback_later(item.config.getoption("--seconds"), exit=True, file=sys.__stderr__)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[Any]:
    report = yield
    if call.excinfo is not None:
        report.user_properties.append(("error", error_text(call.excinfo.value)))
    return report


def error_text(error: BaseException | None) -> str:
    """`error` and what it was raised from or during, the outermost first: a line "Type: text" for each."""
    parts = []
    while error is not None and len(parts) < 8:
        parts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(parts)[:ERROR_CHARACTERS]


class Recorder:
    """Writes the outcome of each test as it arrives at the process that hands out the work."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, row: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        self.write({"collected": Counter(map(file_of, ids))})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            error = dict(report.user_properties).get("error", str(report.longrepr or ""))
            self.write({"id": report.nodeid, "outcome": report.outcome, "error": error, "seconds": report.duration})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            error = str(report.longrepr)
            self.write({"id": report.nodeid, "outcome": "failed", "error": error, "seconds": 0})
