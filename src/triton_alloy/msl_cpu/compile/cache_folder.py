"""The folder of a cache: private, made when it is needed, replaced by a temporary one where it cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import warnings
from pathlib import Path

UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT}
"""Errors of a folder that is as it was asked for, and takes nothing (any more)."""
_SUBSTITUTES: dict[Path, Path] = {}


def shared(name: str) -> Path:
    """The temporary folder that this user's processes share, whether it is there or not."""
    return Path(tempfile.gettempdir(), f"{name}-{os.getuid()}")


def touch(*files: Path) -> None:
    """Note that files are used now; in a folder that cannot be written nothing is noted."""
    with contextlib.suppress(OSError):
        for file in files:
            os.utime(file)


def is_private(status: os.stat_result) -> bool:
    """Whether this is a directory to which only this user can write: what lies in it is executed."""
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not writable


def substitute_of(folder: Path) -> Path | None:
    """What stands in for a folder in this process, if anything does."""
    return _SUBSTITUTES.get(folder)


def left_by_others(folder: Path, name: str) -> Path | None:
    """What other processes have used in the place of a folder that cannot be written now."""
    if _takes_files(folder):
        return None
    path = shared(name)
    try:
        return path if is_private(path.lstat()) else None
    except OSError:
        return None


def substitute(folder: Path, error: OSError, name: str, remedy: str) -> Path:
    """A temporary folder in the place of one that cannot be written, for the rest of this process; a warning, once.

    name: of the folder, which this user's processes share; remedy: what to do, for the warning. Raises OSError.
    """
    found = _SUBSTITUTES.get(folder)
    if found is None:
        found = _SUBSTITUTES[folder] = _temporary(name)
        problem = os.strerror(error.errno) if error.errno else str(error)
        warnings.warn(
            f"the cache {folder} cannot be written ({problem}): {found} is used in its place; {remedy}", stacklevel=3
        )
    return found


def writable(folder: Path, name: str, remedy: str) -> Path:
    """The folder, made if it is not there, or what stands in for it. Raises OSError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _takes_files(folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return substitute(folder, error, name, remedy)
    return folder


def _temporary(name: str) -> Path:
    path = shared(name)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if is_private(path.lstat()) and _takes_files(path):
            return path
    except OSError:
        pass  # the name is taken by something else
    return Path(tempfile.mkdtemp(prefix=f"{path.name}-"))


def _takes_files(folder: Path) -> bool:
    """Whether it may be written, and its disk has room."""
    may = os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return may and os.statvfs(folder).f_bavail > 0
