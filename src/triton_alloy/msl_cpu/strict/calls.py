"""Strict mode: recursion, which clang's OpenCL does not look for."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..compile.build import HEADERS
from ..errors import Diagnostic
from ..text.tokens import Tokens
from .tokens import Located, calls, function_bodies

_DEFINITION = re.compile(r'^define [^@\n]*@("?[\w$.]+"?)\([^\n]*\{$(.*?)^\}$', re.DOTALL | re.MULTILINE)
_CALLED = re.compile(r'@("?[\w$.]+"?)\(')


def find_cycle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """The names of one cycle of `graph`, in calling order; [] if there is none."""
    done: set[str] = set()
    for root in graph:
        path: list[str] = []
        pending = [(root, iter(graph.get(root, ())))]
        if root in done:
            continue
        path.append(root)
        while pending:
            name, following = pending[-1]
            step = next(following, None)
            if step is None:
                pending.pop()
                path.pop()
                done.add(name)
            elif step in path:
                return path[path.index(step) :]
            elif step in graph and step not in done:
                path.append(step)
                pending.append((step, iter(graph[step])))
    return []


@functools.cache
def _library_words() -> frozenset[str]:
    """All words of the headers of strict mode, the names of Metal's functions among them."""
    return frozenset(re.findall(r"\w+", "".join(file.read_text() for file in (HEADERS / "strict").iterdir())))


@dataclass(frozen=True)
class Recursion:
    """A cycle of calls by name. `certain`: no name in it is overloaded; else clang's LLVM text must tell."""

    diagnostic: Diagnostic
    certain: bool


def find_recursion(text: Located) -> Recursion | None:
    """A function that calls itself, perhaps through others, as far as names show."""
    tokens = text.tokens
    bodies = function_bodies(tokens)
    names = [name for name, *_ in bodies]
    defined = set(names)
    graph: dict[str, dict[str, int]] = {name: {} for name in names}
    for name, _, start, end in bodies:
        for called, index in calls(tokens, start, end):
            if called in defined and tokens.at(tokens.previous(index)) not in (".", "->", "::"):
                graph[name].setdefault(called, index)
    cycle = find_cycle(graph)
    if not cycle:
        return None
    chain = " -> ".join([*cycle, cycle[0]])
    problem = text.error(graph[cycle[-1]][cycle[0]], f"recursive function calls are not supported: {chain}")
    templates = {name for name, index, *_ in bodies if _is_template(tokens, index)}
    known = set(names) - templates - _library_words()
    return Recursion(problem, all(name in known and names.count(name) == 1 for name in cycle))


def _is_template(tokens: Tokens, name: int) -> bool:
    """Whether the function named at `name` is a template, whose instances may call each other."""
    i = tokens.previous(name)
    while i >= 0 and tokens[i].text not in (";", "}", "{"):
        if tokens[i].text == "template":
            return True
        i = tokens.previous(i)
    return False


def is_recursive(llvm: str) -> bool:
    """Whether a function of an LLVM module calls itself."""
    graph = {name: set(_CALLED.findall(body)) for name, body in _DEFINITION.findall(llvm)}
    return bool(find_cycle(graph))
