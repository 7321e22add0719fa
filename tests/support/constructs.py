"""Which words of a Metal text are neither in docs/metal_constructs.md nor declared in the text itself."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from triton_alloy.msl_cpu.text.tokens import Token, Tokens

PAGE = Path(__file__).parents[2] / "docs" / "metal_constructs.md"
NUMBER = re.compile(r"(?:\d+|0x[0-9a-fA-F]+)(?:u|l|ul)?|(?:\d+\.\d*|\.\d+|\d+)(?:e[+-]?\d+)?f", re.IGNORECASE)
HEXADECIMAL_FLOAT = re.compile(r"0x[0-9a-f.]+p[+-]?\d+f", re.IGNORECASE)
QUALIFIERS = ("const", "device", "constant", "threadgroup", "thread", "volatile", "static", "inline", "METAL_FUNC")
_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Table:
    """kinds: each word of the page -> its kind; directives: the whole directives."""

    kinds: dict[str, str]
    directives: frozenset[str]


@functools.cache
def table() -> Table:
    """The page. Raises ValueError where it names a word twice."""
    kinds: dict[str, str] = {}
    directives: set[str] = set()
    for line in PAGE.read_text(encoding="ascii").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not line.startswith("| ") or cells[0] == "section":
            continue
        if not re.match(r"\d", cells[0]):
            raise ValueError(f"{line}: a row begins with its section")
        words = _QUOTED.findall(cells[-1])
        if len(cells) == 2:
            directives.update(words)
            continue
        for word in words:
            if word in kinds:
                raise ValueError(f"{word} is in the page twice")
            kinds[word] = cells[1]
    return Table(kinds, frozenset(directives))


@dataclass
class Scan:
    """The words of a text so far. types: that may begin a declaration; names: declared, with the type of each."""

    types: set[str]
    names: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def unknown(source: str) -> list[str]:
    """What the text uses and must not, as "line: word"."""
    known = table()
    scan = Scan({word for word, kind in known.kinds.items() if kind == "type"})
    tokens = [token for token in Tokens(source) if token.kind not in ("space", "comment")]
    for token in tokens:
        if token.kind == "directive":
            _directive(token, scan)
    code = [token for token in tokens if token.kind != "directive"]
    for index, token in enumerate(code):
        if token.kind == "word":
            _word(code, index, scan)
        elif token.kind == "number" and not (NUMBER.fullmatch(token.text) or HEXADECIMAL_FLOAT.fullmatch(token.text)):
            scan.problems.append(f"{token.line}: number {token.text}")
        elif token.kind == "string":
            scan.problems.append(f"{token.line}: string {token.text}")
    return scan.problems


def _directive(token: Token, scan: Scan) -> None:
    """A whole directive of the page; or a macro or a condition, of which the words are looked at."""
    text = " ".join(re.sub(r"//.*", "", token.text).split())
    head = text.split()[0]
    is_whole = text in table().directives
    if not is_whole and head not in table().directives:
        scan.problems.append(f"{token.line}: {text}")
    macro = re.match(r"#define (\w+)(?:\(([^)]*)\))?(.*)", text)
    if is_whole and macro:
        scan.names[macro[1]] = "macro"
    elif is_whole:
        return
    elif macro:
        scan.names[macro[1]] = "macro"
        scan.names.update(dict.fromkeys(_WORD.findall(macro[2] or ""), "macro"))
        scan.problems += [f"{token.line}: {word}" for word in _WORD.findall(macro[3]) if not _is_known(word, scan)]
    elif head == "#if":
        scan.problems += [f"{token.line}: {word}" for word in _WORD.findall(text[3:]) if word not in table().directives]


def _is_known(word: str, scan: Scan) -> bool:
    return word in table().kinds or word in scan.names or word in scan.types


def _word(code: list[Token], index: int, scan: Scan) -> None:
    token, before = code[index], code[index - 1].text if index else ""
    word, after = token.text, code[index + 1].text if index + 1 < len(code) else ""
    kind = table().kinds.get(word)
    if before in (".", "->"):
        is_member = kind == "member" or word in scan.names
    elif kind is not None and kind != "member":
        return
    elif before in ("class", "struct", "typename"):
        scan.types.add(word)
        return
    else:
        declared = _declared_type(code, index, scan)
        if declared is not None:
            if code[_statement(code, index)].text == "typedef":
                scan.types.add(word)
            scan.names.setdefault(word, declared)
            return
        is_member = word in scan.types or word in scan.names
        if is_member and after == "(" and word not in scan.types and _is_plain_variable(word, scan):
            is_member = False
    if not is_member:
        scan.problems.append(f"{token.line}: {word}")


def _is_plain_variable(word: str, scan: Scan) -> bool:
    """Whether a declared name is a variable of a type of Metal's own, which nobody can call."""
    return scan.names[word] in table().kinds


def _declared_type(code: list[Token], index: int, scan: Scan) -> str | None:
    """The type with which the word at `index` is declared, "function" for one; None where it is only used."""
    at = index - 1
    while at >= 0 and code[at].text in ("*", "&", *QUALIFIERS):
        at -= 1
    if at < 0:
        return None
    found: str | None = None
    if code[at].text == ">":
        head = _template_head(code, at)
        found = code[head].text if code[head].text in scan.types else None
    elif code[at].kind == "word" and code[at].text in scan.types:
        found = code[at].text
    elif code[at].text == "," and at == index - 1:
        found = _first_of_list(code, index, scan)
    if found is None:
        return None
    is_function = index + 1 < len(code) and code[index + 1].text == "("
    return "function" if is_function else found


def _template_head(code: list[Token], at: int) -> int:
    """The index of the word whose template arguments end at `at`."""
    depth = 0
    while at > 0:
        depth += {">": 1, "<": -1}.get(code[at].text, 0)
        if depth == 0:
            return at - 1
        at -= 1
    return 0


def _statement(code: list[Token], index: int) -> int:
    """Where the statement begins that a token is in."""
    while index > 0 and code[index - 1].text not in (";", "{", "}"):
        index -= 1
    return index


def _first_of_list(code: list[Token], index: int, scan: Scan) -> str | None:
    """The type of `type a, b;` for the word b; None where the comma is one between arguments."""
    start = _statement(code, index)
    between = [token.text for token in code[start:index]]
    if between.count("(") != between.count(")"):
        return None
    while start < index and code[start].text in QUALIFIERS:
        start += 1
    return code[start].text if code[start].text in scan.types else None


def words_of(source: str) -> Iterator[str]:
    """All words of a text's code, for a test that every row of the page is used."""
    for token in Tokens(source):
        if token.kind in ("word", "directive"):
            yield from _WORD.findall(token.text)
