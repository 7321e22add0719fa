"""Strict mode: the classes of a text and their methods."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..text.tokens import Tokens
from .tokens import ADDRESS_SPACES, opening_of

_TAIL = frozenset({"const", "noexcept", "override", "final", "volatile"})


@dataclass(frozen=True)
class Method:
    """qualifier: index of the token behind which an address space would stand. is_plain: it has none, nor is static."""

    name: str
    qualifier: int
    is_plain: bool
    is_constructor: bool


@dataclass
class Class:
    """start, end: indices of its braces. is_function_object: it has a call or a conversion operator."""

    name: str
    start: int
    end: int
    is_template: bool
    is_structure: bool
    is_function_object: bool = False
    methods: list[Method] = field(default_factory=list)


def find_classes(tokens: Tokens) -> list[Class]:
    """Every class, structure and union that has a body, outer ones first."""
    found = []
    for i, token in enumerate(tokens):
        if token.text not in ("struct", "class", "union") or tokens.at(tokens.previous(i)) == "enum":
            continue
        start = _body(tokens, i)
        if start is not None:
            found.append(_read(tokens, i, start))
    return found


def _name(tokens: Tokens, keyword: int) -> int:
    """Index of what follows the keyword and alignas(...): the name, or what stands instead of one."""
    i = tokens.next(keyword)
    while tokens.at(i) == "alignas":
        i = tokens.next(tokens.match(tokens.next(i)))
    return i


def _body(tokens: Tokens, keyword: int) -> int | None:
    """Index of the '{' of the class, None for a template parameter, a declaration or the use of a name."""
    i = _name(tokens, keyword)
    while i < len(tokens):
        text = tokens[i].text
        if text == "{":
            return i
        if text in (";", "(", ")", ",", ">", "=", "*", "&"):
            return None
        i = tokens.next(tokens.match_angle(i) if text == "<" else i)
    return None


def _read(tokens: Tokens, keyword: int, start: int) -> Class:
    name = _name(tokens, keyword)
    before = tokens.previous(keyword)
    named = tokens.at(name) if tokens[name].kind == "word" else ""
    is_template = tokens.at(before) == ">" or tokens.at(tokens.next(name)) == "<"
    found = Class(named, start, tokens.match(start), is_template, tokens[keyword].text != "union")
    i = tokens.next(start)
    first = i
    while i < found.end:
        text = tokens[i].text if tokens[i].kind == "symbol" else ""
        if text == "{":
            _add_method(found, tokens, first, i)
            i = tokens.match(i)
        elif text in ("(", "["):
            i = tokens.match(i)
        if text in (";", "{"):
            first = tokens.next(i)
        i = tokens.next(i)
    found.is_function_object = any(m.name in ("()", "conversion") for m in found.methods)
    return found


def _add_method(owner: Class, tokens: Tokens, first: int, brace: int) -> None:
    """Note the method whose declaration begins at `first` and whose body opens at `brace`, if it is one."""
    if tokens.words(first, brace) & {"struct", "class", "union", "enum"}:
        return
    parameters = next((i for i in range(first, brace) if tokens[i].text == "(" and _names_function(tokens, i)), None)
    if parameters is None:
        return
    named = tokens.previous(parameters)
    words = [tokens[i].text for i in range(first, parameters) if tokens[i].is_code()]
    qualifier = closing = tokens.match(parameters)
    spaces = set()
    while tokens.at(tokens.next(qualifier)) in _TAIL | ADDRESS_SPACES:
        qualifier = tokens.next(qualifier)
        spaces |= {tokens.at(qualifier)} & ADDRESS_SPACES
    last = tokens.next(closing) if tokens.at(tokens.next(closing)) == "const" else closing
    name = tokens.at(named)
    if "operator" in words:
        spelled = words[words.index("operator") + 1 :]
        name = "()" if spelled == ["(", ")"] else "conversion" if _is_type(spelled) else "".join(spelled)
    is_plain = not spaces and "static" not in words and "friend" not in words
    owner.methods.append(Method(name, last, is_plain, tokens.at(named) == owner.name))


def _names_function(tokens: Tokens, index: int) -> bool:
    before = tokens.previous(index)
    if tokens.at(before) == "operator":
        return False  # the name is `operator()`; its parameters follow
    if tokens.at(before) == ")":
        return tokens.at(tokens.previous(opening_of(tokens, before))) == "operator"
    return tokens[before].kind == "word" or "operator" in (
        tokens.at(tokens.previous(before)),
        tokens.at(tokens.previous(tokens.previous(before))),
    )


def _is_type(spelled: list[str]) -> bool:
    return bool(spelled) and (spelled[0].isidentifier() or spelled[0] == "::")
