"""What is in the cache of compiled libraries, and how much that may be."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import MslError
from .cache import UNFINISHED
from .eviction import INTERVAL, Entry, Limiter, parse_size

SUFFIXES = (".json", ".so", ".key")
DEFAULT_LIMIT = "1GB"


def limit() -> int:
    """$MSL_CPU_CACHE_LIMIT in bytes, 0 for none. Raises MslError."""
    text = os.environ.get("MSL_CPU_CACHE_LIMIT") or DEFAULT_LIMIT
    try:
        return parse_size(text)
    except ValueError as error:
        raise MslError(f"MSL_CPU_CACHE_LIMIT: {error}") from error


def entries(directory: Path) -> Iterator[Entry]:
    """Every file of the cache by itself: those of a pair are used together, and one without the other is made anew.
    What killed processes have left unfinished is removed."""
    try:
        found = list(os.scandir(directory))
    except OSError:
        return
    for file in found:
        with contextlib.suppress(OSError):
            status = file.stat(follow_symlinks=False)
            if file.name.endswith(SUFFIXES):
                yield Entry((Path(file.path),), status.st_size, status.st_mtime)
            elif file.name.startswith(UNFINISHED) and time.time() - status.st_mtime > INTERVAL:
                os.unlink(file.path)


def libraries(directory: Path) -> Iterator[tuple[str, int, float]]:
    """(what it is, bytes, when it was used) of each compiled library."""
    for path in directory.glob("*.json"):
        try:
            description = json.loads(path.read_bytes())
            status = (directory / f"{description['sha256']}.so").stat()
        except (OSError, ValueError, KeyError, TypeError):
            continue
        names = [entry[0] for entry in description.get("entries", ())]
        yield ", ".join(names) or description.get("what", "nothing"), status.st_size, status.st_mtime


LIMITER = Limiter(entries, ".looked")
