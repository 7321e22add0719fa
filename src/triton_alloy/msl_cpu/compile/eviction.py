"""Which entries of a cache stay: those that were used last, as far as they fit its limit."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?")
RECENT = 60.0
"""Seconds for which an entry stays, whatever the limit: another process may be about to read it."""
INTERVAL = 3600.0
"""Seconds after which a cache is looked at again, by whichever process writes to it."""
SHARE = 8
"""A process that has written this part of the limit looks at the cache itself; as much is kept free."""


def parse_size(text: str) -> int:
    """ "500MB", "1.5 GiB" or "4096" -> bytes. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip().upper())
    if not found or found[2] == "I":
        raise ValueError(f"{text!r} is no size such as 500MB")
    return int(float(found[1]) * UNITS[found[2]])


def size_text(count: int) -> str:
    """A number of bytes for people: "1.3 MB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


@dataclass(frozen=True)
class Entry:
    """What stays or goes as a whole. files: in the order in which they go, the one that makes the others valid first;
    bytes: of all of them; used: when last, in seconds since the epoch; folder: goes too, if it is empty then."""

    files: tuple[Path, ...]
    bytes: int
    used: float
    folder: Path | None = None

    def remove(self) -> None:
        """What another process has removed is gone; what may not be removed stays."""
        with contextlib.suppress(OSError):
            for file in self.files:
                file.unlink(missing_ok=True)
            if self.folder is not None:
                self.folder.rmdir()


def evict(entries: Iterable[Entry], limit: int, recent: float = RECENT) -> list[Entry]:
    """Remove what was used longest ago, until the rest takes at most `limit` bytes; what was removed.

    recent: seconds for which an entry that was used stays.
    """
    ordered = sorted(entries, key=lambda entry: entry.used)
    excess = sum(entry.bytes for entry in ordered) - limit
    newest = time.time() - recent
    removed = []
    for entry in ordered:
        if excess <= 0 or entry.used > newest:
            break
        entry.remove()
        excess -= entry.bytes
        removed.append(entry)
    return removed


@dataclass
class Limiter:
    """Keeps a cache below its limit, without looking at all of it at each write.

    entries: those of a folder; stamp: the name of a file whose time is that of the last look.
    """

    entries: Callable[[Path], Iterable[Entry]]
    stamp: str
    _written: dict[Path, int] = field(default_factory=dict)

    def wrote(self, folder: Path, count: int, limit: int) -> None:
        """To be called after `count` bytes were written. limit: 0 means none."""
        is_first = folder not in self._written
        self._written[folder] = self._written.get(folder, 0) + count
        stamp = folder / self.stamp
        if limit and (self._written[folder] > limit // SHARE or (is_first and self._is_old(stamp))):
            stamp.touch(mode=0o600)
            evict(self.entries(folder), limit - limit // SHARE)
            self._written[folder] = 0

    @staticmethod
    def _is_old(stamp: Path) -> bool:
        try:
            return time.time() - stamp.stat().st_mtime > INTERVAL
        except OSError:
            return True
