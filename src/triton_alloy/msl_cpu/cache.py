"""Compiled libraries on disk: content-hashed, written atomically, verified before they are loaded.

Two files per library: `<key>.json` (what the host must know, and the hash of the library) and `<hash>.so`. The first is
written last, so a reader finds either nothing or a complete pair; processes that write the same key do not disturb
each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from .errors import MslError

_KEY_DIGITS = 40


def _unwritable(error: OSError) -> MslError:
    return MslError(f"cannot write to the kernel cache: {error}; set MSL_CPU_CACHE_DIR")


def _private(path: Path) -> bool:
    """Whether only this user can write to the directory: what lies in it is executed."""
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def cache_directory() -> Path:
    """$MSL_CPU_CACHE_DIR or the user's cache directory; created with private permissions."""
    chosen = os.environ.get("MSL_CPU_CACHE_DIR")
    path = Path(chosen) if chosen else platformdirs.user_cache_path("msl_cpu", appauthor=False)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MslError(f"cannot create the kernel cache {path}: {error}; set MSL_CPU_CACHE_DIR") from error
    if not _private(path):
        raise MslError(f"the kernel cache {path} is writable by others or not ours; refusing to load code from it")
    return path


def _write(path: Path, content: bytes) -> None:
    """Atomic: readers see the old file or the whole new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(directory: Path, key: str) -> tuple[Path, dict[str, Any]] | None:
    """The library and its description; None where anything is missing, cut off or altered."""
    try:
        description = json.loads((directory / f"{key}.json").read_bytes())
        digest = description["sha256"]
        library = directory / f"{digest}.so"
        content = library.read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (library, description) if hashlib.sha256(content).hexdigest() == digest else None


def fetch(key: str, build: Callable[[], tuple[bytes, dict[str, Any]]]) -> tuple[Path, dict[str, Any]]:
    """The cached library for `key`, else what `build` makes: (library, description as JSON values)."""
    directory = cache_directory()
    if found := _read(directory, key):
        return found
    content, description = build()
    digest = hashlib.sha256(content).hexdigest()
    description = {**description, "sha256": digest}
    library = directory / f"{digest}.so"
    try:
        _write(library, content)
        _write(directory / f"{key}.json", json.dumps(description).encode())
    except OSError as error:
        raise _unwritable(error) from error
    return library, description


def remember(key: str, compute: Callable[[], str]) -> str:
    """What `compute` gave for `key` before, in this process or another: a key of make_key."""
    path = cache_directory() / f"{key}.key"
    try:
        known = path.read_text()
    except (OSError, ValueError):
        known = ""
    if len(known) == _KEY_DIGITS:
        return known
    known = compute()
    try:
        _write(path, known.encode())
    except OSError as error:
        raise _unwritable(error) from error
    return known


def make_key(*parts: str) -> str:
    """A key that depends on all parts and on where one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode()
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()[:_KEY_DIGITS]
