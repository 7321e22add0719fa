"""The names that a C++ text declares where a kernel could use, and so could hide, them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|(?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_MACRO = re.compile(r"\s*#\s*define\s+(\w+)")
_TOKEN = re.compile(r"[A-Za-z_]\w*|[^\s\w]")
_BRACE = re.compile(r"[{}]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_OPENING, _CLOSING = "([<", ")]>"


def declared_names(text: str, namespace: str) -> set[str]:
    """The macros of a text, and what it declares outside of all namespaces or in `namespace`, whose names a kernel uses
    as they are. The text is balanced in all brackets, and declares one thing at a time."""
    names = {macro[1] for each in _NO_CODE.finditer(text) if (macro := _MACRO.match(each["directive"] or ""))}
    for scope, declaration in _declarations(_NO_CODE.sub(" ", text)):
        if scope in ([], [namespace]):
            names |= _declared(declaration)
    return names


def _declarations(code: str) -> Iterator[tuple[list[str], list[str]]]:
    """(namespaces around it, tokens up to its body or its end) of each declaration."""
    scope: list[str] = []
    declaration: list[str] = []
    end = 0
    while match := _TOKEN.search(code, end):
        token, end = match[0], match.end()
        if token == "{" and declaration[:1] == ["namespace"]:
            yield scope.copy(), declaration
            scope.append(declaration[-1])
            declaration = []
        elif token == "{":
            end = _end_of_braces(code, end)
            if not _goes_on(declaration):
                yield scope.copy(), declaration
                declaration = []
        elif token == "}":
            scope.pop()
        elif token == ";":
            yield scope.copy(), declaration
            declaration = []
        else:
            declaration.append(token)


def _end_of_braces(code: str, start: int) -> int:
    """Where the braces end that were opened before `start`."""
    depth = 1
    for brace in _BRACE.finditer(code, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.end()
    return len(code)


def _goes_on(declaration: list[str]) -> bool:
    """Whether a ';' follows the braces of a declaration: those of a class or an initialiser."""
    outside = _outside_brackets(declaration)
    return "(" not in declaration or "=" in outside or any(word in outside for word in ("struct", "class", "enum"))


def _outside_brackets(tokens: list[str]) -> list[str]:
    """The tokens that are in no brackets. Between parentheses < and > compare."""
    within: list[str] = []
    outside = []
    for token in tokens:
        compares = token in "<>" and within[-1:] in (["("], ["["])
        if token in _CLOSING and not compares:
            within.pop()
        if not within:
            outside.append(token)
        if token in _OPENING and not compares:
            within.append(token)
    return outside


def _declared(declaration: list[str]) -> set[str]:
    """The name of a class, alias, variable or function; for a macro that declares, also its first argument."""
    outside = _outside_brackets(declaration)
    if "operator" in outside or not outside:
        return set()
    end = next((i for i, token in enumerate(outside) if token in ("=", "(")), len(outside))
    words = [token for token in outside[:end] if _WORD.fullmatch(token)]
    return {words[-1]} if words else set()
