"""Wheels for macOS from PyPI, downloaded when a test needs one, and kept for the next run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    folder = platformdirs.user_cache_path("triton-alloy-tests", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def downloaded(requirement: str, platform: str, *options: str) -> Path:
    """The wheel of `requirement`, as `name==1.0`, for `platform`. Raises RuntimeError with what pip says.

    Processes that want it at once may all download it; each finds either no file or a whole one.
    """
    wheel = cache_folder() / f"{requirement.replace('==', '-')}-{platform}.whl"
    if wheel.exists():
        return wheel
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        wanted = ["--platform", platform, *options, "--dest", folder, requirement]
        done = subprocess.run([*download, *wanted], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"pip cannot download {requirement} here: {done.stderr.strip()[-300:]}")
        (found,) = Path(folder).glob("*.whl")
        os.replace(found, wheel)
    return wheel
