"""Runs the files check_*.py, each in a process with the device: this one may have imported PyTorch without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.on_mps import all_pass

pytestmark = pytest.mark.usefixtures("device_can_be_built")

CHECKS = sorted(Path(__file__).parent.glob("check_*.py"))
LEAST = {"check_kernels.py": 10, "check_models.py": 19, "check_programs.py": 158, "check_tensors.py": 50}
"""How many tests each file has at least, so that none is lost unseen."""


def test_every_check_is_run():
    assert {path.name for path in CHECKS} == set(LEAST)


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_all_tests_pass_on_the_device(path: Path):
    all_pass(path, LEAST[path.name])
