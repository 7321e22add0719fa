"""The names that a C++ text declares where a kernel could use, and so could hide, them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"
    |(?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
    |(?P<code>[A-Za-z_]\w*|[^\s\w])""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_MACRO = re.compile(r"\s*#\s*define\s+(\w+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_OPENING, _CLOSING = "([<", ")]>"


def declared_names(text: str, namespace: str) -> set[str]:
    """The macros of a text, and what it declares outside of all namespaces or in `namespace`, whose names a kernel uses
    as they are. The text is balanced in all brackets, and declares one thing at a time."""
    names: set[str] = set()
    for scope, declaration in _declarations(text, names):
        if scope in ([], [namespace]):
            names |= _declared(declaration)
    return names


def _declarations(text: str, macros: set[str]) -> Iterator[tuple[list[str], list[str]]]:
    """(namespaces around it, tokens up to its body or its end) of each declaration; macros are put into `macros`."""
    scope: list[str] = []
    declaration: list[str] = []
    depth = 0  # of braces that are no namespace's
    for match in _TOKEN.finditer(text):
        token = match["code"]
        if macro := _MACRO.match(match["directive"] or ""):
            macros.add(macro[1])
        elif token == "{" and not depth and declaration[:1] == ["namespace"]:
            yield scope.copy(), declaration
            scope.append(declaration[-1])
            declaration = []
        elif token == "{":
            depth += 1
        elif token == "}" and not depth:
            scope.pop()
        elif token == "}":
            depth -= 1
            if not depth and not _goes_on(declaration):
                yield scope.copy(), declaration
                declaration = []
        elif token == ";" and not depth:
            yield scope.copy(), declaration
            declaration = []
        elif token and not depth:
            declaration.append(token)


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
