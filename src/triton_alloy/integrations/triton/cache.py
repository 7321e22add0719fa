"""Triton's cache, where it is read-only, full, damaged or too large.

Triton asks `knobs.cache.manager_class` for what keeps its files. Where nobody has set it, this backend does: kernels of
other backends are kept as before, and gain that a folder that cannot be written does not end the compilation.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from triton import knobs
from triton.runtime.cache import FileCacheManager

from ... import config

GROUP = "__grp__"
"""Begins the name of the file that lists an entry's files; it is written last."""


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
        with contextlib.suppress(OSError):  # of a folder that cannot be written
            os.utime(self._make_path(GROUP + filename))
        return group

    def put(self, data: Any, filename: str, binary: bool = True) -> str:
        """Write a file of the entry; the path it got."""
        try:
            path = super().put(data, filename, binary)
        except OSError as error:
            self._replace_folder(error)
            path = super().put(data, filename, binary)
        if self.is_cache and filename.startswith(GROUP):
            from .cache_contents import wrote

            wrote(Path(path).parent)
        return path

    def _replace_folder(self, error: OSError) -> None:
        """Keep the rest of the entry in a temporary folder. Raises `error` where that cannot help."""
        from ...msl_cpu.compile import cache_folder  # a kernel from the cache needs nothing of msl_cpu on a GPU

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
