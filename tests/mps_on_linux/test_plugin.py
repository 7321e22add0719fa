"""The pytest plugin, in a project that knows nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("device_can_be_built")

PLUGIN = "triton_alloy.mps_on_linux.pytest_plugin"
TESTS = """
import pytest, torch

@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no mps")
@pytest.mark.parametrize("count", range(3))
def test_sum(count):
    assert torch.ones(count, device="mps").sum() == count
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text("import torch\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def run_tests(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)


def test_without_it_the_tests_are_skipped(project: Path):
    assert "3 skipped" in run_tests(project, "-q").stdout


def test_with_it_they_run(project: Path):
    done = run_tests(project, "-p", PLUGIN)
    assert "3 passed" in done.stdout and "mps: in host memory, by triton_alloy.mps_on_linux" in done.stdout, done.stdout


def test_from_the_projects_settings_and_in_processes_of_xdist(project: Path):
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = -p {PLUGIN}\n")
    done = run_tests(project, "-q", "-n", "1")
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_its_fixture(project: Path):
    (project / "test_it.py").write_text("def test_it(mps_device): assert mps_device.type == 'mps'\n")
    assert "1 passed" in run_tests(project, "-q", "-p", PLUGIN).stdout


def test_activation_at_the_top_of_a_conftest(project: Path):
    (project / "conftest.py").write_text(
        "from triton_alloy import mps_on_linux\nmps_on_linux.activate()\nimport torch\n"
    )
    assert "3 passed" in run_tests(project, "-q").stdout


def test_too_late_is_refused_in_a_sentence(project: Path):
    (project / "conftest.py").write_text(f"import torch\npytest_plugins = ['{PLUGIN}']\n")
    done = run_tests(project, "-q")
    said = done.stdout + done.stderr
    assert done.returncode == 4 and "ERROR: mps_on_linux: PyTorch is imported already" in said, said
