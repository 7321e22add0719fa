"""Guards: elements of device memory that a text of fast mode accesses by itself, as p[i] and *p, with bounds checked.

Everything else goes through functions of the vocabulary, which check for themselves (headers/msl_cpu/bounds.h).
"""

from __future__ import annotations

from collections.abc import Iterator

from .signatures import Program
from .tokens import Tokens

READ, WRITE = "msl_cpu_read", "msl_cpu_write"
_ASSIGNMENTS = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", "++", "--"])
_MEMBER = frozenset([".", "->", "::"])


def guard_elements(program: Program) -> None:
    """`p[i]` -> `msl_cpu_read(p)[i]`, or msl_cpu_write where it is assigned to; `*p` likewise, and `*(p + k)` as
    `*msl_cpu_read(p, p + k)`, which tells that the access goes by p however far it is off.

    p: the name of a pointer declared `device T *p`, or parentheses around one or around a cast to such a type. Run this
    before address spaces are erased.
    """
    tokens = program.tokens
    kernels = [range(kernel.parentheses[0], kernel.body[1] + 1) for kernel in program.kernels.values()]
    inside = {i for kernel in kernels for i in kernel}
    for part in [*kernels, [i for i in range(len(tokens)) if i not in inside]]:
        names = set(_device_pointers(tokens, part))
        for i in part:
            _guard(tokens, i, names)


def _device_pointers(tokens: Tokens, part: range | list[int]) -> Iterator[str]:
    """The names that are declared `device T *name`."""
    for i in part:
        if tokens[i] != "device":
            continue
        while tokens.at(i) != "*" and (tokens[i].kind == "word" or tokens.at(i) in ("::", "<")):
            i = tokens.match_angle(i) if tokens.at(i) == "<" else i
            i = tokens.next(i)
        if tokens.at(i) != "*":
            continue
        while tokens.at(i) in ("*", "const"):
            i = tokens.next(i)
        if i < len(tokens) and tokens[i].kind == "word":
            yield tokens[i].text


def _guard(tokens: Tokens, i: int, names: set[str]) -> None:
    """Guard the operand that begins at token i, if it is a device pointer whose element is accessed."""
    before = tokens.previous(i)
    if tokens[i].kind == "word" and tokens[i].text in names and tokens.at(before) not in _MEMBER:
        last, text = i, f"{{}}({tokens[i].text})"
    elif tokens[i] == "(" and _is_operator(tokens, before):
        last, text = tokens.match(i), f"{{}}({_base(tokens, i, names)}"
        if not any(token.text in names or token == "device" for token in tokens[i:last] if token.kind == "word"):
            return
    else:
        return
    after = tokens.next(last)
    if tokens.at(after) == "[":
        after = tokens.next(tokens.match(after))
        taken = tokens.at(before) == "&" and _is_operator(tokens, tokens.previous(before))
    else:
        taken = tokens.at(before) != "*" or not _is_operator(tokens, tokens.previous(before))
        taken |= after < len(tokens) and (tokens[after].kind in ("word", "number") or tokens[after] == "(")
    if not taken:
        tokens[i].text = text.format(WRITE if tokens.at(after) in _ASSIGNMENTS else READ)


def _base(tokens: Tokens, i: int, names: set[str]) -> str:
    """The pointer that the sum in parentheses, which open at token i, begins with, as a first argument; else ""."""
    first = tokens.next(i)
    is_sum = tokens.at(first) in names and tokens.at(tokens.next(first)) in ("+", "-")
    return f"{tokens[first].text}, " if is_sum else ""


def _is_operator(tokens: Tokens, i: int) -> bool:
    """Whether what follows token i begins an operand: it is no operand itself, nor a function's name."""
    if i < 0 or tokens[i].kind == "symbol":
        return tokens.at(i) not in (")", "]")
    return tokens[i] == "return"
