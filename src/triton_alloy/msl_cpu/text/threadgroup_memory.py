"""Threadgroup variables become references into the worker's arena."""

from __future__ import annotations

from .signatures import Program
from .tokens import Tokens

_STATEMENT_START = (";", "{", "}", ")")


def is_zero_initialiser(tokens: Tokens, start: int, end: int) -> bool:
    """Whether start .. end-1 is `{}` or `{0}`: Apple's compiler takes these of threadgroup arrays."""
    return "".join(tokens.code(start, end).split()) in ("{}", "{0}")


def _declarator(tokens: Tokens, start: int, end: int) -> tuple[int, str] | None:
    """Index of the name and text of the dimensions; None for a pointer or a reference."""
    name = -1
    i = start
    while i < end:
        text = tokens[i].text
        if text in ("*", "&"):
            return None
        if text in ("=", "{", "__attribute__"):
            break
        if text == "<":
            i = tokens.match_angle(i)
        elif text == "[":
            break
        elif tokens[i].kind == "word":
            name = i
        i += 1
    dimensions = []
    while i < end and tokens.at(i) == "[":
        closing = tokens.match(i)
        dimensions.append(tokens.code(i, closing + 1))
        i = tokens.next(closing)
    i = tokens.next(i) if tokens.at(i) == "=" else i
    if i < end and tokens.at(i) != "__attribute__" and not is_zero_initialiser(tokens, i, end):
        raise tokens.error(name, "a threadgroup variable cannot be initialised")
    return (name, "".join(dimensions)) if name >= 0 else None


def _rewrite(tokens: Tokens, start: int, kernel: str) -> int:
    """Rewrite the declaration whose `threadgroup` stands at `start`; returns the index to go on from.

    kernel: how the body names its function.
    """
    end = start
    while tokens.at(end) != ";":
        end = tokens.match(end) + 1 if tokens[end].text in ("(", "[", "{") else end + 1
        if end >= len(tokens):
            raise tokens.error(start, "expected ';' at the end of a declaration")
    ranges = list(tokens.split(tokens.next(start), end))
    declarators = [_declarator(tokens, first, last) for first, last in ranges]
    first_declarator = declarators[0]
    if first_declarator is None:
        return start
    element = " ".join(tokens.code(tokens.next(start), first_declarator[0]).split())
    text = ""
    for declarator in declarators:
        if declarator is None:
            raise tokens.error(start, "threadgroup variables and pointers cannot share a declaration")
        name = tokens[declarator[0]].text
        kind = f"msl_cpu_type_of_{name}"
        place = f"::msl_cpu::threadgroup_variable<&{kernel}, {declarator[0]}, {kind}>()"
        text += f"typedef {element} {kind}{declarator[1]}; auto &{name} = {place};"
    tokens.blank(start, end + 1)
    tokens[start].text = text
    tokens[start].kind = "word"
    return end


def place_threadgroup_variables(program: Program) -> None:
    """`threadgroup T a[4], b;` in a kernel's body -> references into the arena; lines stay."""
    tokens = program.tokens
    for kernel in program.kernels.values():
        opening, closing = kernel.body
        i = opening + 1
        while i < closing:
            if tokens[i] == "threadgroup" and tokens.at(tokens.previous(i)).endswith(_STATEMENT_START):
                i = _rewrite(tokens, i, kernel.itself)
            i += 1
