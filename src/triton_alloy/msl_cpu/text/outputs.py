"""Outputs: buffers that a kernel of fast mode writes but does not read. What goes there need not pass through a cache.

A store to a line that is in no cache reads the line first; a store that goes past the caches does not, which is a
quarter of what a vector addition moves. It pays where the caches could not have kept the output for whoever reads it,
so the runtime takes that way only where a launch writes more than they hold (`outgrows_caches` in runtime/pool.cpp).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .signatures import KernelSource, Program
from .tokens import Tokens

_WRITES = ("store_contiguous", "store", "store_vector", "store_uniform")


def mark_outputs(program: Program) -> None:
    """`store_contiguous(out, ...)` -> `write_contiguous(out, ...)` for each output `out` of a kernel; columns stay.

    Not in a text with atomics: other threads may learn from one that something has been stored. Run this before address
    spaces are erased.
    """
    tokens = program.tokens
    if any("atomic" in token.text or "locked_" in token.text for token in tokens if token.kind == "word"):
        return
    for kernel in program.kernels.values():
        for name in _written_pointers(tokens, kernel):
            uses = [i for i in range(*kernel.body) if tokens[i].kind == "word" and tokens[i] == name]
            functions = [_function_of_first_argument(tokens, i) for i in uses]
            if _hidden_in_directive(tokens, name) or any(tokens.at(i) not in _WRITES for i in functions):
                continue
            for i in functions:
                tokens[i].text = tokens[i].text.replace("store_contiguous", "write_contiguous")


def _written_pointers(tokens: Tokens, kernel: KernelSource) -> Iterator[str]:
    """Names of the parameters `device T *name`."""
    opening, closing = kernel.parentheses
    for first, last in tokens.split(opening + 1, closing):
        code = tokens.code(first, last)
        found = re.fullmatch(r"\s*device\s+([\w:]+\s*)\*\s*(\w+)\s*", code)
        if found:
            yield found.group(2)


def _function_of_first_argument(tokens: Tokens, index: int) -> int:
    """Index of `f` where the token at `index` begins the first argument of a call `f(name, ...)`; -1 elsewhere."""
    opening = tokens.previous(index)
    if tokens.at(opening) != "(" or tokens.at(tokens.next(index)) not in (",", "+"):
        return -1
    return tokens.previous(opening)


def _hidden_in_directive(tokens: Tokens, name: str) -> bool:
    """Whether a macro may use the name."""
    return any(token.kind == "directive" and re.search(rf"\b{name}\b", token.text) for token in tokens)
