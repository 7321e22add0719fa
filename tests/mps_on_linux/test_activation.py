"""Activation in steps, with doubles of PyTorch: what is asked of it, what is refused, what is announced."""

from __future__ import annotations

import importlib
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from triton_alloy.mps_on_linux import Unavailable, activation, library, torch_facts
from triton_alloy.msl_cpu import MslError


class Storage:
    """In the place of torch.UntypedStorage."""


def torch_double(accelerator: str | None = "mps", cuda: bool = False) -> Any:
    found = SimpleNamespace(type=accelerator) if accelerator else None
    return SimpleNamespace(
        __version__="2.99",
        accelerator=SimpleNamespace(current_accelerator=lambda: found),
        cuda=SimpleNamespace(is_available=lambda: cuda),
        UntypedStorage=type("UntypedStorage", (Storage,), {}),
        _C=SimpleNamespace(),
    )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were taken, in a process that has not imported PyTorch."""
    taken: list[str] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(library, "library", lambda: taken.append("library"))
    monkeypatch.setattr(library, "load", lambda path: taken.append("load"))
    monkeypatch.setattr(activation._STATE, "active", False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("MSL_CPU_HOST_DEVICES", "cpu")
    return taken


def with_torch(monkeypatch: pytest.MonkeyPatch, torch: Any) -> Any:
    monkeypatch.setattr(importlib, "import_module", lambda name: torch)
    return torch


def test_the_library_comes_before_torch(steps: list[str], monkeypatch: pytest.MonkeyPatch):
    torch = torch_double()
    monkeypatch.setattr(importlib, "import_module", lambda name: steps.append(name) or torch)
    activation.activate()
    assert steps == ["library", "load", "torch"] and activation.is_active()
    assert os.environ["MSL_CPU_HOST_DEVICES"] == "cpu,mps"
    assert torch._C._has_mps is True and torch._C._mps_get_name() == "Apple M3 (mps_on_linux)"
    activation.activate()
    assert steps == ["library", "load", "torch"]


def test_a_cache_that_cannot_be_had_is_refused(steps: list[str], monkeypatch: pytest.MonkeyPatch):
    def unwritable() -> None:
        raise MslError("no room; set MSL_CPU_CACHE_DIR")

    monkeypatch.setattr(library, "library", unwritable)
    with pytest.raises(Unavailable, match="cannot be kept: no room; set MSL_CPU_CACHE_DIR"):
        activation.activate()
    assert steps == []


REFUSED = {
    "PyTorch 2.99 takes None for its accelerator in the place of mps": torch_double(None),
    "finds a GPU for its device cuda, beside which it takes no mps: set CUDA_VISIBLE_DEVICES": torch_double(cuda=True),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_torch_that_has_another_accelerator_is_refused(
    message: str, steps: list[str], monkeypatch: pytest.MonkeyPatch
):
    with_torch(monkeypatch, REFUSED[message])
    with pytest.raises(Unavailable, match=message):
        activation.activate()
    assert not activation.is_active() and os.environ["MSL_CPU_HOST_DEVICES"] == "cpu"


def test_every_name_that_has_no_meaning_here_refuses():
    for name in ("_mps_loadMetalllib", "_mps_loadMetallibFromPath", "_mps_startCapture", "_mps_stopCapture"):
        with pytest.raises(NotImplementedError, match=r"torch\.mps\.\w+.*: "):
            torch_facts.NAMES[name](b"", key=1)
