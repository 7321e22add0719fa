"""The kernel vocabulary in plain MSL: the functions and types that printed kernels are made of.

The same names on 32-lane vectors are in msl_cpu/headers/lanes/. The definitions are text, in vocabulary/*.metal:
`//: name` starts one; `//: name if word` one that is printed only into a kernel that also uses `word` (a type or an
address space that needs an overload of its own); the word may be a binary + - * /, for types whose operators are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = Path(__file__).with_suffix("")
_HEADER = re.compile(r"^//: (?P<name>\w+)(?: if (?P<condition>\w+|[-+*/]))?$", re.MULTILINE)
_USED = re.compile(r"(?<!::)\b[A-Za-z_]\w*|(?<= )[-+*/](?= )")
# Another spelling of a condition: a kernel may hold only uniform values of a type.
_SPELLINGS = {
    "b1": "bool",
    "i8": "char",
    "i16": "short",
    "i64": "long",
    "u64": "ulong",
    "f16": "half",
    "bf16": "bfloat",
    "f64": "float64",
}


@dataclass(frozen=True)
class Entry:
    """One definition: text in MSL, of the file `section`; requires: vocabulary names in the text; condition: "" or the
    word that a kernel must use, too."""

    name: str
    text: str
    requires: tuple[str, ...]
    section: str
    condition: str = ""

    def is_wanted(self, names: set[str]) -> bool:
        """Whether a kernel that uses these words needs the definition."""
        if self.name not in names or not self.condition:
            return self.name in names
        return self.condition in names or _SPELLINGS.get(self.condition) in names


def _read(path: Path) -> list[Entry]:
    _, *parts = _HEADER.split(path.read_text(encoding="ascii"))
    return [
        Entry(name, text.strip() + "\n", (), path.stem.partition("_")[2], condition or "")
        for name, condition, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def words_of(text: str) -> set[str]:
    """The names of a text and its binary + - * /. fast::divide is Metal's own, and no name."""
    return set(_USED.findall(re.sub(r"//.*", "", text)))


def _with_requirements(entries: list[Entry]) -> tuple[Entry, ...]:
    names = {entry.name for entry in entries}
    result = []
    for entry in entries:
        used = names.intersection(words_of(entry.text)) - {entry.name}
        result.append(Entry(entry.name, entry.text, tuple(sorted(used)), entry.section, entry.condition))
    return tuple(result)


ENTRIES = _with_requirements([entry for path in sorted(_DIRECTORY.glob("*.metal")) for entry in _read(path)])
VOCABULARY: dict[str, tuple[Entry, ...]] = {
    name: tuple(entry for entry in ENTRIES if entry.name == name) for name in dict.fromkeys(e.name for e in ENTRIES)
}


def source_of(names: Iterable[str]) -> str:
    """The definitions that a kernel whose text has these words needs, in the order of the files. Other words do not
    matter."""
    wanted = set(names)
    while True:
        chosen = [entry for entry in ENTRIES if entry.is_wanted(wanted)]
        required = wanted.union(*(entry.requires for entry in chosen))
        if required == wanted:
            return "".join(entry.text for entry in chosen)
        wanted = required
