"""The fingerprint of this package, a part of each key: no compiled kernel outlives a change of what it came from."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from . import cache
from .build import PACKAGE


def _sources(folder: str) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder, in the order of the names; not those for people, nor what Python has compiled."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _sources(entry.path) if entry.name != "__pycache__" else ()
        elif not entry.name.endswith(".md") and entry.name[0] != ".":
            yield entry


def _signature(entry: os.DirEntry[str]) -> str:
    """What tells that a file has changed, without reading it: the system sets st_ctime."""
    status = entry.stat()
    return f"{entry.path} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def fingerprint_of(package: Path) -> str:
    """The fingerprint of any copy of this package: of every file that can change what a kernel becomes, at any depth.

    Reading them takes half of the time in which a new process loads a kernel, so the result is kept.
    """
    files = list(_sources(str(package)))

    def read() -> str:
        contents = (hashlib.sha256(Path(file.path).read_bytes()).hexdigest() for file in files)
        names = (Path(file.path).relative_to(package).as_posix() for file in files)
        return cache.make_key(*names, *contents)

    return cache.remember(cache.make_key(*map(_signature, files)), read)


@functools.cache
def package_fingerprint() -> str:
    """Changes with the content of any header, source of the runtime or pass of the rewriter."""
    return fingerprint_of(PACKAGE)
