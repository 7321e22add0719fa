"""What waits for a module is done once, when the module is complete."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from triton_alloy.integrations.inductor.imports import after_import


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose `inner` imports `late` while it is itself being imported, and defines VALUE after that."""
    folder = tmp_path / "waited_for"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "late.py").write_text("hook()\n")
    (folder / "inner.py").write_text("from . import late\nVALUE = 3\n")
    (folder / "quiet.py").write_text("VALUE = 4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield folder.name
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


def test_a_module_is_acted_on_after_its_last_line(package: str):
    seen = []
    after_import({f"{package}.quiet": lambda module: seen.append(module.VALUE)})
    assert seen == []
    module = importlib.import_module(f"{package}.quiet")
    assert seen == [4]
    assert type(module.__loader__).__name__ == type(module.__spec__.loader).__name__ == "SourceFileLoader"


def test_a_module_that_is_there_is_acted_on_at_once(package: str):
    importlib.import_module(f"{package}.quiet")
    seen = []
    after_import({f"{package}.quiet": lambda module: seen.append(module.VALUE)})
    assert seen == [4]


def test_a_module_that_is_being_imported_is_waited_for(package: str, monkeypatch: pytest.MonkeyPatch):
    """As PyTorch's modules are, when they import Triton."""
    seen = []
    import builtins

    action = {f"{package}.inner": lambda module: seen.append(module.VALUE)}
    monkeypatch.setattr(builtins, "hook", lambda: after_import(action), raising=False)
    importlib.import_module(f"{package}.inner")
    importlib.import_module(f"{package}.quiet")
    assert seen == [3]


def test_nothing_stays_behind(package: str):
    before = [*sys.meta_path]
    after_import({f"{package}.quiet": lambda module: None})
    assert len(sys.meta_path) == len(before) + 1
    importlib.import_module(f"{package}.quiet")
    assert sys.meta_path == before


def test_triton_imports_nothing_of_pytorch():
    program = """
        import sys, triton
        found = [name for name in sys.modules if name.partition(".")[0] == "torch" or name.endswith("inductor.hooks")]
        assert found == [], found
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)
