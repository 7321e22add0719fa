"""Compiled libraries on disk: content-hashed, written atomically, verified before they are loaded.

Two files per library: `<key>.json` (what the host must know, and the hash of the library) and `<hash>.so`. The first is
written last, so a reader finds either nothing or a complete pair; processes that write the same key do not disturb
each other. What was used longest ago goes where the files take more than $MSL_CPU_CACHE_LIMIT.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import MslError
from . import cache_folder

# What is in the cache, and its limit, is the matter of contents.py: a kernel that is only loaded does without it.
_KEY_DIGITS = 40
UNFINISHED = ".new-"
"""Begins the name of a file that is being written."""


def chosen_directory() -> Path:
    """$MSL_CPU_CACHE_DIR or the user's cache directory, whether it is there or not."""
    chosen = os.environ.get("MSL_CPU_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("msl_cpu", appauthor=False)


def cache_directories() -> tuple[Path, ...]:
    """Where to look: the chosen directory, created with private permissions, and behind it a temporary one where the
    first cannot be written. Raises MslError."""
    path = chosen_directory()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in cache_folder.UNWRITABLE:
            raise MslError(f"cannot create the kernel cache {path}: {error}; set MSL_CPU_CACHE_DIR") from error
        return (_substitute(path, error),)
    if not cache_folder.is_private(path.stat()):
        raise MslError(f"the kernel cache {path} is writable by others or not ours; refusing to load code from it")
    behind = cache_folder.substitute_of(path) or cache_folder.left_by_others(path, "msl_cpu")
    return (path,) if behind is None else (path, behind)


def _substitute(path: Path, error: OSError) -> Path:
    try:
        return cache_folder.substitute(path, error, "msl_cpu", "set MSL_CPU_CACHE_DIR")
    except OSError:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> MslError:
    return MslError(f"cannot write to the kernel cache: {error}; set MSL_CPU_CACHE_DIR")


def _write(path: Path, content: bytes) -> None:
    """Atomic: readers see the old file or the whole new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _keep(files: Mapping[str, bytes]) -> Path:
    """Write files by name, in their order; the directory that has taken them. Raises MslError."""
    chosen = chosen_directory()
    directory = cache_folder.substitute_of(chosen) or chosen
    try:
        return _write_all(directory, files)
    except OSError as error:
        behind = _substitute(chosen, error)
        if behind == directory:
            raise _unwritable(error) from error
    try:
        return _write_all(behind, files)
    except OSError as error:
        raise _unwritable(error) from error


def _write_all(directory: Path, files: Mapping[str, bytes]) -> Path:
    from .contents import LIMITER, limit

    for name, content in files.items():
        _write(directory / name, content)
    LIMITER.wrote(directory, sum(map(len, files.values())), limit())
    return directory


def _read(directory: Path, key: str) -> tuple[Path, dict[str, Any]] | None:
    """The library and its description; None where anything is missing, cut off or altered."""
    try:
        description = json.loads((directory / f"{key}.json").read_bytes())
        check, digest = description.pop("check"), description["sha256"]
        library = directory / f"{digest}.so"
        content = library.read_bytes()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if check != _check(description) or hashlib.sha256(content).hexdigest() != digest:
        return None
    cache_folder.touch(directory / f"{key}.json", library)
    return library, description


def _check(description: dict[str, Any]) -> str:
    return make_key(json.dumps(description, sort_keys=True))


def fetch(key: str, build: Callable[[], tuple[bytes, dict[str, Any]]]) -> tuple[Path, dict[str, Any]]:
    """The cached library for `key`, else what `build` makes: (library, description as JSON values)."""
    for directory in cache_directories():
        if found := _read(directory, key):
            return found
    from .contents import limit

    limit()  # a wrong one is found before the compiler has run
    content, description = build()
    digest = hashlib.sha256(content).hexdigest()
    description = json.loads(json.dumps({**description, "sha256": digest}))
    whole = json.dumps({**description, "check": _check(description)}).encode()
    return _keep({f"{digest}.so": content, f"{key}.json": whole}) / f"{digest}.so", description


def remember(key: str, compute: Callable[[], str]) -> str:
    """What `compute` gave for `key` before, in this process or another: a key of make_key."""
    for directory in cache_directories():
        path = directory / f"{key}.key"
        with contextlib.suppress(OSError, ValueError):
            known = path.read_text()
            if len(known) == _KEY_DIGITS:
                cache_folder.touch(path)
                return known
    known = compute()
    _keep({f"{key}.key": known.encode()})
    return known


def make_key(*parts: str) -> str:
    """A key that depends on all parts and on where one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode()
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()[:_KEY_DIGITS]
