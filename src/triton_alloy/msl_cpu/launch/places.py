"""Which line of the user's text an address in compiled code belongs to."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable
from pathlib import Path

from ..compile.build import USER_FILE
from ..text.vocabulary import VOCABULARY
from .line_table import LineTable, read_line_table

# What the tables need. Code that is inlined from our headers has no lines of its own: it counts as the user's.
FLAGS = ("-gline-tables-only", "-gdwarf-4")


@functools.cache
def line_table(library: str) -> LineTable:
    """Of a library by its path; empty where the file is gone, which those of sanitize mode are read before."""
    try:
        return read_line_table(Path(library))
    except FileNotFoundError:
        return LineTable()


class Module:
    """A compiled library and its source: turns addresses into lines. Lines are 0 where nothing tells them."""

    def __init__(self, compiled: ctypes.CDLL, symbol: str, source: str):
        self._table = line_table(compiled._name)
        address = ctypes.cast(getattr(compiled, symbol), ctypes.c_void_p).value or 0
        self.start = address - self._table.symbols.get(symbol, 0)
        self.end = self.start + self._table.bytes
        self._source = source.split("\n")
        found = VOCABULARY.search(source)
        self._vocabulary = range(0)
        if found:
            first = source.count("\n", 0, found.start()) + 1
            self._vocabulary = range(first, first + found.group().count("\n") + 1)

    def lines(self, places: Iterable[int]) -> tuple[int, ...]:
        """The lines of instructions at `places`, which are innermost first; those elsewhere are left out."""
        found = [self._table.find(place - self.start) for place in places]
        return tuple(line for file, line in filter(None, found) if file == USER_FILE)

    def own_line(self, lines: Iterable[int]) -> int:
        """The first of the lines that is outside of the vocabulary, else the first of all."""
        lines = list(lines)
        return next((line for line in lines if line not in self._vocabulary), next(iter(lines), 0))

    def source_line(self, line: int) -> str:
        """The text of a line, "" where there is none."""
        return self._source[line - 1] if 0 < line <= len(self._source) else ""
