"""Commands where only this package and what it depends on are installed: a sentence with what to do, no traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"


def dependencies(name: str) -> set[str]:
    """A distribution and what it needs here, without extras."""
    required = [text for text in distribution(name).requires or [] if ";" not in text]
    return {name}.union(*(dependencies(re.match(r"[\w.-]+", text)[0]) for text in required))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that sees this package, and links to the packages of its dependencies."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "sources.pth").write_text(str(SOURCES))
    for name in dependencies("triton-alloy"):
        found = distribution(name)
        tops = {Path(file).parts[0] for file in found.files or []} - {"..", "__pycache__"}
        for top in tops:
            (site / top).symlink_to(found.locate_file(top))
    return folder / "bin" / "python"


def run(python: Path, *arguments: str) -> tuple[int, str, str]:
    """(status, output, complaints) of a command; none may print a traceback."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COLUMNS"))}
    command = [python, "-m", "triton_alloy", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


TRITON = 'needs triton, which is not installed; run: pip install "triton>=3.7,<3.10"\n'
TORCH = "needs torch, which is not installed; run: pip install torch --index-url https://download.pytorch.org/whl/cpu\n"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("demo",), TRITON),
        (("demo", "--show", "softmax"), TRITON),
        (("bench",), TRITON),
        (("bench", "--only", "msl_cpu"), TORCH),
    ],
)
def test_what_is_missing_is_named_with_the_command_to_run(python: Path, arguments: tuple[str, ...], words: str):
    status, output, complaints = run(python, *arguments)
    assert (status, output, complaints) == (2, "", f"error: triton-alloy {arguments[0]} {words}")


def test_doctor_and_info_say_what_to_do(python: Path):
    status, output, _ = run(python, "doctor")
    assert status == 1
    assert 'cpu        not here: triton is not installed. pip install "triton>=3.7,<3.10"' in output
    assert 'mlx        not here: mlx is not installed. pip install "mlx[cpu]"' in output
    assert "none: Triton is not installed" in output
    status, output, _ = run(python, "info")
    assert status == 0
    assert "NumPy arrays and PyTorch's CPU tensors  -> none  (triton is not installed: pip install \"triton" in output


@pytest.mark.parametrize("arguments", [(), ("--version",), ("version",), ("setup", "--remove")])
def test_what_needs_nothing_runs(python: Path, arguments: tuple[str, ...]):
    status, output, complaints = run(python, *arguments)
    assert status == 0 and output and complaints == ""


def test_setup_without_a_wheel_and_without_pip(python: Path, tmp_path: Path):
    status, _, complaints = run(python, "setup")
    assert status == 2 and "pip could not fetch triton==3.9.0" in complaints and "No module named pip" in complaints
    status, _, complaints = run(python, "setup", "--wheel", str(tmp_path / "none.whl"))
    assert status == 2 and "none.whl is no readable wheel" in complaints
