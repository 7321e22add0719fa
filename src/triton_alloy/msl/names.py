"""Names of the text: the user's where possible, pure ASCII, never a word of MSL, each with one meaning in its scope.

What is reserved is nowhere listed for this file: it is what msl_cpu's table of the language (language.txt) and the
vocabulary have. A kernel's text may hide none of the vocabulary's names, neither those in MSL (vocabulary/*.metal) nor
what the headers for the CPU declare in their place and beside them (headers/lanes/).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .declarations import declared_names
from .vocabulary import ENTRIES

_MSL_CPU = Path(__file__).parents[1] / "msl_cpu"
_LANGUAGE = _MSL_CPU / "text" / "language.txt"
FILES = (_LANGUAGE, *sorted((_MSL_CPU / "headers" / "lanes").glob("*.h")))
"""What this reads beside the vocabulary; a change of them is one of the compiler (digest.py)."""
_ROW = re.compile(r"^(?P<kind>[\w -]+): (?P<words>.*)$", re.MULTILINE)
_OUR_PREFIX = "alloy_"  # of what a runtime writes around a text (runtime/mlx_text.py)
_FRONT = "v_"  # before a name that begins as no name may; begins no reserved one


@dataclass(frozen=True)
class Reserved:
    """words: that are no names of a text; prefixes: with which none begins, even if a number were put behind it."""

    words: frozenset[str]
    prefixes: tuple[str, ...]


@functools.cache
def reserved() -> Reserved:
    """The words of the language, of the vocabulary in MSL, and of its headers for the CPU, whose files are read."""
    rows = [(row["kind"], row["words"].split()) for row in _ROW.finditer(_LANGUAGE.read_text(encoding="ascii"))]
    words = {word for kind, each in rows if kind != "prefix" for word in each}
    prefixes = [word for kind, each in rows if kind == "prefix" for word in each]
    headers = (path.read_text(encoding="utf-8") for path in FILES if path is not _LANGUAGE)
    for text in (*(entry.text for entry in ENTRIES), *headers):
        words |= declared_names(text, "metal")
    return Reserved(frozenset(words), (*prefixes, _OUR_PREFIX))


def identifier(text: str) -> str:
    """`text` as an identifier: accents dropped, other foreign characters by number ("\\u03b1" -> "u3b1")."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = "".join(c if c.isascii() else f"u{ord(c):x}" for c in plain)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    plain = re.sub(r"__+", "_", plain).strip("_") or "value"
    return f"v{plain}" if plain[0].isdigit() else plain


def ascii_text(text: str) -> str:
    """A source line for a comment: pure ASCII, one line, and no backslash at its end, which would continue it."""
    line = text.strip().encode("ascii", "backslashreplace").decode("ascii")
    line = re.sub(r"[^ -~]", " ", line)
    return line + " ." if line.endswith("\\") else line


class Names:
    """The names in use, by scope: an inner scope may reuse what a finished one has used. own: the text's own names."""

    def __init__(self, own: Iterable[str] = ()):
        self.reserved = reserved()
        self.scopes: list[set[str]] = [set(own)]
        self.numbers: list[dict[str, int]] = [{}]  # the last behind each name, by scope: lower ones are taken

    def open(self) -> None:
        self.scopes.append(set())
        self.numbers.append({})

    def close(self) -> None:
        self.scopes.pop()
        self.numbers.pop()

    def _is_free(self, name: str) -> bool:
        return name not in self.reserved.words and not any(name in scope for scope in self.scopes)

    def new(self, wish: str) -> str:
        """`wish` made an identifier: with `_FRONT` before it if it begins as reserved names do, which no number behind
        it would change; with a number if it is taken. Finitely many names are, so that some number is free."""
        base = identifier(wish)
        if f"{base}_".startswith(self.reserved.prefixes):
            base = _FRONT + base
        number = max(numbers.get(base, 0) for numbers in self.numbers)
        name = f"{base}_{number}" if number else base
        while not self._is_free(name):
            number += 1
            name = f"{base}_{number}"
        self.scopes[-1].add(name)
        self.numbers[-1][base] = number
        return name
