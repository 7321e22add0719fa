"""The workflows of GitHub name commands, files and variables that exist. The one for macOS has never run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triton_alloy import config
from triton_alloy.tools import cli

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_names_exists(path: Path):
    text = path.read_text()
    commands = re.findall(r"triton-alloy (\w+)", text)
    actions = cli._parser()._subparsers._group_actions[0].choices  # pyright: ignore
    assert set(commands) <= set(actions)
    assert all((ROOT / name).exists() for name in re.findall(r"\btests/[\w/]+", text))
    variables = {variable.name: variable for variable in config.VARIABLES}
    for name, value in re.findall(r"^ {10}([A-Z_]+): (\S+)$", text, re.MULTILINE):
        variables[name].checked(value)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= set(targets)
    extras = set(re.findall(r"'\.\[([\w,]+)\]'", text))
    declared = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in declared for group in extras for extra in group.split(","))


def test_there_is_a_workflow_for_each_system():
    systems = {path.stem: set(re.findall(r"\b(ubuntu|macos)-", path.read_text())) for path in WORKFLOWS}
    assert systems["macos"] == {"macos"} and systems["test"] == {"ubuntu"}
    assert "ALLOY_RUNTIME: metal" in (ROOT / ".github/workflows/macos.yml").read_text()


def test_one_answer_to_which_python():
    """pyproject.toml's, the README's; the workflows run the lowest and the highest version."""
    project = (ROOT / "pyproject.toml").read_text()
    versions = re.findall(r"Python :: (3\.\d+)", project)
    assert f'requires-python = ">={versions[0]}"' in project
    assert f"python3 ({versions[0]} or later" in (ROOT / "README.md").read_text()
    for path in WORKFLOWS:
        named = re.findall(r"\"(3\.\d+)\"", path.read_text())
        assert (path.stem, named) == (path.stem, [versions[0], versions[-1]])
