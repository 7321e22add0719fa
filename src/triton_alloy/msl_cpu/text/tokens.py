"""Metal text as a list of tokens that passes edit in place; positions of what remains never move."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import CompileError, Diagnostic

_TOKEN = re.compile(
    r"""(?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<space>\s+)
    |(?P<number>\.?\d(?:[eEpP][+-]|[\w.'])*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<symbol>::|->|\+\+|--|<<=?|&&|\|\||[-+*/%&|^=!<]=|.)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_NO_CODE = ("space", "comment", "directive")


@dataclass
class Token:
    """`kind` is a group name of _TOKEN. `>` is always a token of its own, so that template brackets match."""

    kind: str
    text: str
    line: int

    def is_code(self) -> bool:
        return self.kind not in _NO_CODE

    def __eq__(self, other: object) -> bool:
        return self.text == other if isinstance(other, str) else self is other

    def blank(self, replacement: str = "") -> None:
        """Put `replacement` in place of the text, padded so that nothing behind it moves to another line or column."""
        spaces = "".join(c if c == "\n" else " " for c in self.text)
        self.kind = "word" if replacement else "space"
        self.text = replacement + spaces[len(replacement) :]


class Tokens(list[Token]):
    """The tokens of one text."""

    def __init__(self, source: str):
        super().__init__()
        line = 1
        for match in _TOKEN.finditer(source):
            text = match.group()
            self.append(Token(str(match.lastgroup), text, line))
            line += text.count("\n")

    def __str__(self) -> str:
        return "".join(token.text for token in self)

    def error(self, index: int, message: str) -> CompileError:
        """An error at a token of the user's text; its column is found by summing up its line."""
        line = self[index].line
        column = 1
        while index > 0 and self[index - 1].line == line:
            index -= 1
            column += len(self[index].text)
        return CompileError([Diagnostic(line, column, "error", message)])

    def next(self, index: int) -> int:
        """Index of the next token of code, len(self) at the end."""
        index += 1
        while index < len(self) and not self[index].is_code():
            index += 1
        return index

    def previous(self, index: int) -> int:
        """Index of the previous token of code, -1 at the beginning."""
        index -= 1
        while index >= 0 and not self[index].is_code():
            index -= 1
        return index

    def at(self, index: int) -> str:
        """Text of the token, "" outside the list."""
        return self[index].text if 0 <= index < len(self) else ""

    def match(self, index: int) -> int:
        """Index of the bracket that closes the one at `index`."""
        opening = self[index].text
        closing = _CLOSING[opening]
        depth = 0
        for i in range(index, len(self)):
            if self[i].kind != "symbol":
                continue
            depth += (self[i].text == opening) - (self[i].text == closing)
            if not depth:
                return i
        raise self.error(index, f"expected '{closing}'")

    def match_angle(self, index: int) -> int:
        """Index of the '>' that closes the '<' at `index`, parentheses and brackets skipped."""
        depth = 0
        i = index
        while i < len(self):
            text = self[i].text
            if text in ("(", "["):
                i = self.match(i)
            elif text == "<" and self[self.previous(i)].kind == "word":  # else a comparison
                depth += 1
            elif text == ">":
                depth -= 1
            if not depth:
                return i
            i += 1
        raise self.error(index, "expected '>'")

    def code(self, start: int, end: int) -> str:
        """The text of start .. end-1 without comments and directives."""
        return "".join(t.text for t in self[start:end] if t.kind not in ("comment", "directive"))

    def words(self, start: int, end: int) -> set[str]:
        return {t.text for t in self[start:end] if t.kind == "word"}

    def blank(self, start: int, end: int) -> None:
        """Erase start .. end-1; lines and columns stay."""
        for token in self[start:end]:
            if token.kind != "directive":
                token.blank()

    def merge_blank(self, start: int, end: int) -> None:
        """Erase start .. end-1 into one token of white space, which can then be overwritten as a whole."""
        self.blank(start, end)
        self[start].text = "".join(token.text for token in self[start:end])
        for token in self[start + 1 : end]:
            token.text = ""

    def split(self, start: int, end: int, separator: str = ",") -> Iterator[tuple[int, int]]:
        """Ranges between separators that lie outside all brackets of start .. end-1."""
        first = i = start
        depth = 0
        while i < end:
            text = self[i].text if self[i].kind == "symbol" else ""
            if text in _CLOSING:
                i = self.match(i)
            elif text == "<" and self[self.previous(i)].kind == "word":
                depth += 1
            elif text == ">" and depth:
                depth -= 1
            elif text == separator and not depth:
                yield first, i
                first = i + 1
            i += 1
        yield first, end
