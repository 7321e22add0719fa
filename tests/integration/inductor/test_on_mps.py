"""Runs check_mps.py in a process with the device mps: this one may have imported PyTorch without it."""

from __future__ import annotations

from pathlib import Path

from tests.support.on_mps import all_pass

FILE = Path(__file__).with_name("check_mps.py")
LEAST = 20
"""Tests of the file, so that none is lost unseen."""


def test_all_tests_pass_on_the_device():
    all_pass(FILE, LEAST)
