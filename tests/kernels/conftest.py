"""Every test here runs Triton kernels on a device: a pair of a text target and a way to run the text on the CPU.

Most tests take the fixture `device` and run on all FAST devices. What every test of a file also ought to show in
`reference` mode, one fiber for each GPU thread, takes `any_device`: it is slow, so only a few tests do. With
`--sanitize` all run in that mode instead: no race, no access out of bounds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton
from triton.runtime.jit import JITFunction

from tests.support.constructs import unknown
from triton_alloy import config
from triton_alloy.chips import FAMILIES
from triton_alloy.compiler import compile_module
from triton_alloy.errors import OutOfResources, Unsupported
from triton_alloy.integrations.triton.compiler import MetalBackend, import_module
from triton_alloy.msl_cpu import strict
from triton_alloy.runtime import automatic
from triton_alloy.target import target_for

FAST = [("cpu", "fast"), ("apple9", "fast")]
REFERENCE = [("cpu", "reference"), ("apple9", "reference")]
SANITIZED = [("cpu", "sanitize"), ("apple9", "sanitize")]


@pytest.fixture(scope="session", autouse=True)
def fresh_triton_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile everything anew: a stale entry of an earlier compiler must not make a test pass."""
    os.environ["TRITON_CACHE_DIR"] = str(tmp_path_factory.mktemp("triton-cache"))
    yield
    del os.environ["TRITON_CACHE_DIR"]


@pytest.fixture(scope="session", autouse=True)
def metal_without_a_gpu() -> Iterator[None]:
    """ALLOY_RUNTIME=metal runs the tests through the metal runtime; where there is no GPU, on a double of Metal."""
    if config.RUNTIME.text != "metal" or automatic.has_apple_gpu():
        yield
        return
    from tests.support.on_metal import metal_double

    with metal_double():
        yield


@pytest.fixture(scope="session")
def accepted() -> set[str]:
    """The texts that strict mode has accepted in this session."""
    return set()


@pytest.fixture(autouse=True)
def every_text_is_valid_metal(accepted: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test compiles, Apple's compiler should take: strict mode looks at each new text."""
    texts: list[str] = []

    def listen(*, metadata_group: dict[str, str], **_: Any) -> None:
        texts.extend(Path(path).read_text() for name, path in metadata_group.items() if name.endswith(".msl"))

    monkeypatch.setattr(triton.knobs.compilation, "listener", listen)
    if os.environ.get("ALLOY_TEST_FAMILIES"):
        monkeypatch.setattr(MetalBackend, "print_msl", for_all_families(MetalBackend.print_msl, texts))
    yield
    for text in set(texts) - accepted:
        assert unknown(text) == []
        strict.check(text, language="3.2" if "#error" in text else "3.1")  # atomics say that they need 3.2
        accepted.add(text)


def for_all_families(print_msl: Any, texts: list[str]) -> Any:
    """`print_msl` that also prints the text for every GPU family and adds it to `texts`."""

    def print_all(self: MetalBackend, module: Any, metadata: dict, options: Any) -> str:
        for family in FAMILIES:
            taken = import_module(module).clone()
            with contextlib.suppress(Unsupported, OutOfResources):  # which the kernel's own test is about
                texts.append(compile_module(taken, target_for(family.name), num_warps=options.num_warps).source)
        return print_msl(self, module, metadata, options)

    return print_all


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`device` and `any_device` stand for all devices of FAST, or of FAST and REFERENCE."""
    for name, devices in (("device", FAST), ("any_device", FAST + REFERENCE)):
        if name in metafunc.fixturenames:
            only_fast = metafunc.definition.get_closest_marker("fast_mode")
            chosen = SANITIZED if metafunc.config.getoption("--sanitize") and not only_fast else devices
            metafunc.parametrize(name, chosen, ids=map("-".join, chosen), indirect=True)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The text of each target, run quickly."""
    with config.scope(TRITON_ALLOY_TARGET=request.param[0], TRITON_ALLOY_MODE=request.param[1]):
        yield request.param


@pytest.fixture
def any_device(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The text of each target, run in each mode."""
    with config.scope(TRITON_ALLOY_TARGET=request.param[0], TRITON_ALLOY_MODE=request.param[1]):
        yield request.param


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same inputs in every run and in any order of tests."""
    torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same start in every test."""
    return np.random.default_rng(0)


@pytest.fixture(params=["native", "python"])
def frontend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Whose passes optimise what Triton's front end has made of the test's kernels."""
    for function in vars(request.module).values():
        if isinstance(function, JITFunction):
            function.device_caches.clear()  # which know no settings
    with config.scope(TRITON_ALLOY_FRONTEND=request.param):
        yield request.param
