"""Folders of compilations: temporary, locked while in use, and swept where their process was killed."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "msl_cpu_build-"
AGE = 3600.0
"""Seconds for which a folder is left alone, locked or not: there are file systems without locks."""


@contextlib.contextmanager
def workspace() -> Iterator[str]:
    """An empty folder, removed at the end. The first one of a process sweeps what killed processes have left."""
    _sweep_once()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as directory:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield directory
        finally:
            os.close(descriptor)


@functools.cache
def _sweep_once() -> None:
    sweep()


def sweep() -> list[Path]:
    """Remove the folders of compilations, of this user, whose process is gone; which they were."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if re.fullmatch(PREFIX + r"\w{8}", path.name) and _is_left(path):
                shutil.rmtree(path)
                removed.append(path)
    return removed


def _is_left(path: Path) -> bool:
    """Whether a folder is ours, old and locked by nobody. Raises OSError."""
    status = path.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_ours or time.time() - status.st_mtime < AGE:
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError where it is in use
    finally:
        os.close(descriptor)
    return True
