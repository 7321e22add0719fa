"""Erase what C++ does not have: address spaces, and the declarations that become equal without them."""

from __future__ import annotations

from dataclasses import dataclass

from .tokens import Tokens

_SPACES = {"device", "thread", "threadgroup", "constant", "threadgroup_imageblock", "ray_data", "object_data"}
_QUALIFIERS = {"static", "inline", "const", "constexpr", "volatile", "device", "thread"}
_CLASSES = {"struct", "class", "union", "enum"}


def _constant_needs_const(tokens: Tokens, index: int) -> bool:
    """Whether `constant` at index becomes `const`: not after a method, nor beside const or constexpr."""
    before = tokens.previous(index)
    if tokens.at(before) == ")" or (tokens.at(before) == "const" and tokens.at(tokens.previous(before)) == ")"):
        return False
    step_back, step_on = before, tokens.next(index)
    while tokens.at(step_back) in _QUALIFIERS:
        if tokens.at(step_back) in ("const", "constexpr"):
            return False
        step_back = tokens.previous(step_back)
    while tokens.at(step_on) in _QUALIFIERS:
        if tokens.at(step_on) in ("const", "constexpr"):
            return False
        step_on = tokens.next(step_on)
    return True


def _erase(tokens: Tokens) -> set[int]:
    """Returns the indices of the erased address spaces."""
    erased = set()
    for i, token in enumerate(tokens):
        if token.kind == "word" and token.text in _SPACES:
            token.blank("const" if token.text == "constant" and _constant_needs_const(tokens, i) else "")
            erased.add(i)
        elif (
            token == "coherent"
            and tokens.at(tokens.next(i)) == "("
            and tokens.at(tokens.next(tokens.next(i))) in _SPACES
        ):
            tokens.blank(i, tokens.match(tokens.next(i)) + 1)
    return erased


@dataclass(frozen=True)
class _Declaration:
    """Where a declaration stands, by token: end is its '{' or ';'; signature_end is that, or the ':' of a constructor
    before its members' initialisers."""

    start: int
    end: int
    signature_end: int
    has_parameters: bool
    has_initialiser: bool


def _read_declaration(tokens: Tokens, start: int) -> _Declaration:
    """The declaration at `start`; its end is behind the text where there is none."""
    i = _behind_template_headers(tokens, start)
    colon: int | None = None
    has_parameters = has_initialiser = False
    while i < len(tokens):
        text = tokens[i].text if tokens[i].kind == "symbol" else ""
        if tokens[i] == "operator":
            i = _end_of_operator(tokens, i)
        elif text in ("(", "["):
            has_parameters |= text == "("
            i = tokens.match(i)
        elif text == ";" or (text == "{" and not has_initialiser and not _initialises_member(tokens, i, colon)):
            break
        elif text == "{":
            i = tokens.match(i)
        elif text == "=":
            has_initialiser = True
        elif text == ":" and has_parameters and colon is None:
            colon = i
        i += 1
    return _Declaration(start, i, i if colon is None else colon, has_parameters, has_initialiser)


def _behind_template_headers(tokens: Tokens, i: int) -> int:
    while tokens.at(i) == "template" and tokens.at(tokens.next(i)) == "<":
        i = tokens.next(tokens.match_angle(tokens.next(i)))
    return i


def _end_of_operator(tokens: Tokens, i: int) -> int:
    """The last token of the name `operator ...` at i; its first symbol may look like a bracket or an initialiser."""
    i = tokens.next(i)
    while tokens.at(tokens.next(i)) not in ("(", ";", ""):
        i = tokens.next(i)
    return i


def _initialises_member(tokens: Tokens, brace: int, colon: int | None) -> bool:
    """Whether `{` belongs to a member in the list behind a constructor's ':', not to the body."""
    return colon is not None and tokens.at(tokens.next(tokens.match(brace))) in (",", "{")


class _Scopes:
    """Walks over declarations and erases those that repeat one of the same scope but for address spaces."""

    def __init__(self, tokens: Tokens, erased: set[int]):
        self.tokens = tokens
        self.erased = erased
        self.seen: list[set[str]] = [set()]

    def declaration(self, start: int) -> int:
        """Handle the declaration at `start`; returns the index to go on from."""
        tokens, found = self.tokens, _read_declaration(self.tokens, start)
        if found.end >= len(tokens):
            return found.end
        signature = " ".join(t.text.strip() for t in tokens[start : found.signature_end] if t.is_code())
        words = signature.split()
        opens = tokens[found.end] == "{"
        opens_scope = opens and not found.has_parameters
        if opens_scope and ("namespace" in words[:2] or words[:1] == ["extern"]):
            return self._enter(found.end)
        is_class = opens_scope and not _CLASSES.isdisjoint(words)
        is_function = found.has_parameters and not found.has_initialiser
        repeated = self._is_repeated(found, signature + tokens[found.end].text)
        if is_class and not repeated:
            return self._enter(found.end)
        last = tokens.match(found.end) if opens else found.end
        if repeated and (is_class or is_function):
            follows = tokens.next(last)
            last = follows if opens and tokens.at(follows) == ";" else last
            tokens.blank(start, last + 1)
        return last + 1

    def _enter(self, brace: int) -> int:
        self.seen.append(set())
        return brace + 1

    def _is_repeated(self, found: _Declaration, signature: str) -> bool:
        """Whether the scope had this signature, of which a space was erased. A definition repeats no declaration: what
        ends a declaration is part of its signature."""
        is_known = signature in self.seen[-1]
        self.seen[-1].add(signature)
        return is_known and not self.erased.isdisjoint(range(found.start, found.signature_end))

    def run(self) -> None:
        tokens = self.tokens
        i = tokens.next(-1)
        while i < len(tokens):
            if tokens[i] == "}" and len(self.seen) > 1:
                self.seen.pop()
            elif tokens[i].text in ("public", "private", "protected"):
                i = tokens.next(i)
            elif tokens[i].text not in (";", "}"):
                i = self.declaration(i) - 1
            i = tokens.next(i)


def erase_address_spaces(tokens: Tokens) -> None:
    """device, thread, threadgroup -> nothing; constant -> const. Overloads that differ only by space: one stays."""
    _Scopes(tokens, _erase(tokens)).run()
