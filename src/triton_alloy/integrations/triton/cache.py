"""Triton's cache, where it is read-only, full, damaged or too large.

Triton asks `knobs.cache.manager_class` for what keeps its files. Where nobody has set it, this backend does: kernels of
other backends are kept as before, and gain that a folder that cannot be written does not end the compilation.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triton import knobs
from triton.runtime.cache import FileCacheManager

from ... import config
from ...msl_cpu import cache_folder
from ...msl_cpu.cache import limit
from ...msl_cpu.eviction import INTERVAL, Entry, Limiter, touch

GROUP = "__grp__"
"""Begins the name of the file that lists an entry's files; it is written last."""
OURS = (".msl", ".alloy")
"""End the names of files that only this backend writes."""
_UNFINISHED = re.compile(r"tmp\.pid_\d+_.*")


def install() -> None:
    """Let Triton keep its files through `CacheManager`, unless something else was asked for."""
    if knobs.cache.manager_class is None:
        knobs.cache.manager_class = CacheManager


class CacheManager(FileCacheManager):
    """Triton's own manager of one entry, which finds a temporary folder, and what is whole."""

    def __init__(self, key: str, override: bool = False, dump: bool = False):
        self.is_cache = not (override or dump)
        try:
            super().__init__(key, override, dump)
        except OSError as error:
            self._replace_folder(error)

    def get_group(self, filename: str) -> dict[str, str] | None:
        """The files of an entry; None where one is missing or damaged, and where the compiler is to show its work."""
        try:
            group = super().get_group(filename)
        except (AttributeError, TypeError):  # JSON, but not Triton's
            return None
        if not group or config.DEBUG.value >= 2 or not all(map(_is_whole, map(Path, group.values()))):
            return None
        touch(Path(self._make_path(GROUP + filename)))
        return group

    def put(self, data: Any, filename: str, binary: bool = True) -> str:
        """Write a file of the entry; the path it got."""
        try:
            path = super().put(data, filename, binary)
        except OSError as error:
            for left in Path(self.cache_dir).glob(f"tmp.pid_{os.getpid()}_*"):
                shutil.rmtree(left, ignore_errors=True)
            self._replace_folder(error)
            path = super().put(data, filename, binary)
        if self.is_cache and filename.startswith(GROUP):
            entry = Path(path).parent
            _LIMITER.wrote(entry.parent, _bytes_of(entry), limit())
        return path

    def _replace_folder(self, error: OSError) -> None:
        """Keep the rest of the entry in a temporary folder. Raises `error` where that cannot help."""
        folder = Path(knobs.cache.dir)
        tried = cache_folder.substitute_of(folder)
        if not self.is_cache or error.errno not in cache_folder.UNWRITABLE or self._lies_in(tried):
            raise error
        behind = cache_folder.substitute(folder, error, "triton-alloy", "set TRITON_CACHE_DIR")
        self.cache_dir = str(behind / self.key)
        self.lock_path = str(behind / self.key / "lock")
        os.makedirs(self.cache_dir, exist_ok=True)

    def _lies_in(self, folder: Path | None) -> bool:
        return folder is not None and Path(self.cache_dir).parent == folder


def _is_whole(path: Path) -> bool:
    """Whether what must be read of an entry can be: its metadata, and a Kernel."""
    if path.suffix not in (".json", ".alloy"):
        return True
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (OSError, ValueError):
        return False


def _bytes_of(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())


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


_LIMITER = Limiter(entries, ".alloy-looked")
