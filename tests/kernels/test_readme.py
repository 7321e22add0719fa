"""The example of the README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    [example] = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "example.py"  # Triton reads a kernel's source from its file
    file.write_text(example)
    exec(compile(example, str(file), "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out
    assert printed.startswith("True\n#include <metal_stdlib>")


def test_the_first_screen_has_two_commands():
    commands = re.findall(r"^    (\S.*?)(?:\s+#.*)?$", README.read_text(), re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]
