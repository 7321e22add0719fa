"""What is in Triton's cache of this backend's, and how much that may be."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from triton import knobs

from ...msl_cpu.compile.contents import limit
from ...msl_cpu.compile.eviction import INTERVAL, Entry, Limiter
from .cache import GROUP

OURS = (".msl", ".alloy")
"""End the names of files that only this backend writes."""
_UNFINISHED = re.compile(r"tmp\.pid_\d+_.*")


def folder() -> Path:
    """Where Triton's cache is."""
    return Path(knobs.cache.dir)


def entries(directory: Path) -> Iterator[Entry]:
    """The entries that this backend has made; what killed processes have left of them is removed."""
    for path in _folders(directory):
        with contextlib.suppress(OSError):
            files = list(path.iterdir())
            if not any(file.suffix in OURS for file in files):
                continue
            entry = _entry(path, [file for file in files if not _is_left(file)])
            if entry.files[0].name.startswith(GROUP) or time.time() - entry.used < INTERVAL:
                yield entry
            else:
                entry.remove()


def name_of(entry: Entry) -> str:
    """The name of the kernel of an entry."""
    return next(file.stem for file in entry.files if file.suffix in OURS)


def _entry(path: Path, files: list[Path]) -> Entry:
    """The file of the group goes first, and tells when the entry was used."""
    found = {file: file.stat() for file in sorted(files, key=lambda file: not file.name.startswith(GROUP))}
    first, *_ = found.values()
    return Entry(tuple(found), sum(status.st_size for status in found.values()), first.st_mtime, path)


def _folders(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (path for path in directory.iterdir() if path.is_dir() and not path.is_symlink())


def _is_left(file: Path) -> bool:
    """Whether this is a folder of a process that was killed; it is removed then."""
    if not _UNFINISHED.fullmatch(file.name):
        return False
    if time.time() - file.stat().st_mtime > INTERVAL:
        shutil.rmtree(file, ignore_errors=True)
    return True


LIMITER = Limiter(entries, ".alloy-looked")


def wrote(entry: Path) -> None:
    """To be called when the folder of an entry has been written, of whichever backend."""
    size = 0
    for file in entry.iterdir():
        with contextlib.suppress(FileNotFoundError):  # of somebody who writes the same entry, and is done
            size += file.stat().st_size
    LIMITER.wrote(entry.parent, size, limit())
