"""Erase what C++ does not have: address spaces, and the declarations that become equal without them."""

from __future__ import annotations

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


class _Scopes:
    """Walks over declarations and erases those that repeat one of the same scope but for address spaces."""

    def __init__(self, tokens: Tokens, erased: set[int]):
        self.tokens = tokens
        self.erased = erased
        self.seen: list[set[str]] = [set()]

    def skip_template_headers(self, i: int) -> int:
        while self.tokens.at(i) == "template" and self.tokens.at(self.tokens.next(i)) == "<":
            i = self.tokens.next(self.tokens.match_angle(self.tokens.next(i)))
        return i

    def scan(self, start: int) -> tuple[int, int, bool, bool]:
        """End of the declaration at `start` ('{' or ';'), end of its signature, has parameters?, has initialiser?"""
        tokens, i = self.tokens, self.skip_template_headers(start)
        colon, parameters, initialiser = -1, False, False
        while i < len(tokens):
            text = tokens[i].text if tokens[i].kind == "symbol" else ""
            if tokens[i] == "operator":
                i = tokens.next(i)  # its first symbol, which may look like a bracket or an initialiser
                while tokens.at(tokens.next(i)) not in ("(", ";", ""):
                    i = tokens.next(i)
            elif text in ("(", "["):
                parameters |= text == "("
                i = tokens.match(i)
            elif text == ";":
                break
            elif text == "=":
                initialiser = True
            elif text == "{":
                member_list = colon >= 0 and tokens.at(tokens.next(tokens.match(i))) in (",", "{")
                if not (initialiser or member_list):
                    break
                i = tokens.match(i)
            elif text == ":" and parameters and colon < 0:
                colon = i
            i += 1
        return i, colon if colon >= 0 else i, parameters, initialiser

    def declaration(self, start: int) -> int:
        """Handle the declaration at `start`; returns the index to go on from."""
        tokens = self.tokens
        end, signature_end, parameters, initialiser = self.scan(start)
        if end >= len(tokens):
            return end
        signature = " ".join(t.text.strip() for t in tokens[start:signature_end] if t.is_code())
        words = signature.split()
        opens = tokens[end] == "{"
        if opens and not parameters and ("namespace" in words[:2] or words[:1] == ["extern"]):
            self.seen.append(set())
            return end + 1
        signature += tokens[end].text  # a definition does not repeat a declaration
        repeated = signature in self.seen[-1] and any(start <= i < signature_end for i in self.erased_in(start, end))
        self.seen[-1].add(signature)
        if opens and not parameters and _CLASSES & set(words):
            if not repeated:
                self.seen.append(set())
                return end + 1
        elif not parameters or initialiser:
            repeated = False
        last = tokens.match(end) if opens else end
        if repeated:
            follows = tokens.next(last)
            last = follows if opens and tokens.at(follows) == ";" else last
            tokens.blank(start, last + 1)
        return last + 1

    def erased_in(self, start: int, end: int) -> list[int]:
        return [i for i in range(start, end) if i in self.erased]

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
