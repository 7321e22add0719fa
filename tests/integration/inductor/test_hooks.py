"""The table of hooks: each name with its signature in every release, and what takes its place."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from triton_alloy.integrations.inductor import hooks

RECORD = json.loads(Path(__file__).with_name("names.json").read_text())
"""Release -> module -> name -> its parameters, or None for what is no function (tests/torch_mps/names.py)."""
REPLACEMENTS = {row.name: row for row in hooks.REPLACEMENTS}


def test_every_release_is_recorded():
    assert {".".join(release.split(".")[:2]) for release in RECORD} == set(hooks.RELEASES)


@pytest.mark.parametrize("release", RECORD)
def test_every_name_of_the_table_is_in_the_release(release: str):
    for row in hooks.RELEASES[".".join(release.split(".")[:2])].rows:
        names = (row.name,) if isinstance(row, hooks.Replacement) else row.names
        assert set(names) <= set(RECORD[release].get(row.module, {})), row.module


def parameters(release: str, name: str) -> list[str]:
    module = REPLACEMENTS[name].module
    return RECORD[release][module][name]


def replacement(name: str) -> Any:
    return REPLACEMENTS[name].of(lambda *given, **named: (given, named))


@pytest.mark.parametrize("release", RECORD)
@pytest.mark.parametrize("name", [name for name in REPLACEMENTS if name != "MpsInterface"])
def test_what_takes_a_place_takes_the_same_arguments(release: str, name: str):
    function = replacement(name)
    del function.__wrapped__  # whose signature is the double's
    kinds = inspect.signature(function).parameters.values()
    ours = [each.name for each in kinds if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    theirs = parameters(release, name)
    assert ours == theirs[: len(ours)]
    takes_more = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in kinds)
    assert takes_more or len(ours) == len(theirs)


def test_other_devices_get_what_the_original_says():
    assert hooks.backend_of(lambda device_type=None: device_type)("cuda") == "cuda"
    assert hooks.backend_of(lambda device_type=None: device_type)("mps") == "triton"
    assert hooks.is_big(lambda device: False)(SimpleNamespace(type="cuda")) is False
    assert hooks.is_big(lambda device: False)(SimpleNamespace(type="mps")) is True
    assert hooks.heuristics_of(lambda self, device: device)(None, "xpu") == "xpu"


def test_configurations_of_other_devices_are_not_chosen_among():
    meta = {"device": SimpleNamespace(type="cuda", cc=80)}
    kind = SimpleNamespace(name="POINTWISE")
    given, _ = replacement("cached_autotune")({}, ["all", "of", "them"], meta, kind)
    assert given[1] == ["all", "of", "them"]


def test_a_users_configurations_are_all_compared():
    meta = {"device": SimpleNamespace(type="mps", cc="apple9")}
    kind = SimpleNamespace(name="USER_AUTOTUNE")
    given, _ = replacement("cached_autotune")(None, ["all", "of", "them"], meta, kind)
    assert given[1] == ["all", "of", "them"]


def test_a_name_is_replaced_wherever_it_has_been_imported(monkeypatch: pytest.MonkeyPatch):
    def original() -> str:
        return "theirs"

    home = SimpleNamespace(__name__="torch.home", name=original)
    user = SimpleNamespace(__name__="torch.user", name=original)
    foreign = SimpleNamespace(__name__="other.user", name=original)
    for each in (home, user, foreign):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    hooks.Replacement("torch.home", "name", lambda original: lambda: original() + " and ours", "")(home)
    assert (home.name(), user.name(), foreign.name()) == ("theirs and ours", "theirs and ours", "theirs")


def test_an_unknown_release_is_left_alone(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\n"
        "torch.__version__ = '9.1.0'\n"
        "import triton, torch._inductor.utils as utils\n"
        "assert utils.get_current_backend('mps') == 'mps'\n"
    )
    command = [sys.executable, "-m", "triton_alloy.mps_on_linux", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "knows the compiler of PyTorch 2.13, 2.14, 2.15, this is 9.1: torch.compile on mps uses PyTorch's own" in (
        done.stderr
    )
