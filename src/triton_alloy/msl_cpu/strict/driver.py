"""Strict mode from end to end: the checks in order, then clang, whose messages are put in the words of Metal."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from ..compile.build import USER_FILE
from ..errors import CompileError, CompilerCrash, Diagnostic
from ..text.preprocess import preprocess, take_markers_out
from .calls import Recursion, find_recursion, is_recursive
from .classes import find_classes
from .header import LANGUAGES, run_clang
from .kernels import read_kernels
from .rewrite import OPENCL_WORDS, Rewritten, rewrite_for_clang
from .tokens import CHECKS, Located, unsuffixed_literals

_LLVM = ("-S", "-emit-llvm", "-O0", "-o", "-")
_MESSAGE = re.compile(r"^([^:\n]+):(\d+):(\d+): (fatal error|error|warning|note): (.*)$")
_PLACE = re.compile(r"^.*@(\d+):(\d+)@(.*)$")
_BFLOAT = re.compile(r"implicit conversion.* to '(?:__\w+ )*bfloat[234]?'")

# What a message of clang's OpenCL says -> what it means for Metal.
_WORDING = (
    (re.compile(r"static assertion failed(?: due to requirement '.*?')?: "), ""),
    (re.compile(r" and __opencl_c_fp64 support|requires cl_khr_fp64"), "is not supported in Metal"),
    (re.compile(r"__private (?=\w)"), ""),
    (re.compile(r"\*__private\b"), "*"),
    (re.compile(r"__global\b"), "device"),
    (re.compile(r"__local\b"), "threadgroup"),
    (re.compile(r"__constant\b"), "constant"),
    (re.compile(r"__private\b"), "thread"),
    (re.compile(r"__generic ?"), ""),
    (
        re.compile(r"(?:no matching|call to deleted) function (?:for call to )?'__msl_make.*?'"),
        "no such vector constructor",
    ),
    (re.compile(r"no matching function for call to '__msl_cast(?:_to)?.*?'"), "no such conversion"),
    (re.compile(r" \(aka '[^']*__(?:bf16|msl)[^']*'\)"), ""),
    (re.compile(rf"\bmsl_({'|'.join(OPENCL_WORDS)})\b"), r"\1"),
    (re.compile(r"__msl_(atomic_\w+|memory_order\w*)"), r"\1"),
    (re.compile(r"__attribute__\(\(ext_vector_type\((\d)\)\)\)"), r"vector of \1"),
    (re.compile(r"C\+\+ for OpenCL(?: version \d+)?|OpenCL(?: C\+\+)?(?: version [\d.]+)?"), "Metal"),
)


class StrictError(CompileError):
    """The text is not valid Metal. `diagnostics` lists every problem, by position in the user's text."""

    def __reduce__(self):
        return StrictError, (self.diagnostics,)


def check(
    source: str, *, language: str = "3.1", include_paths: Sequence[str] = (), plain_literals: bool = False
) -> None:
    """Raise StrictError unless Apple's compiler for Metal `language` should accept `source`.

    language: "3.0", "3.1", "3.2", "4.0" or "4.1". include_paths: where `#include "..."` looks; without any, such a line
    is refused. plain_literals: accept `1.0`, which Apple's compiler reads as a float and others may not.
    Needs clang >= 17 or the ziglang wheel, else raises NoCompiler.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    if not include_paths:
        problems = _problems(Located(source), language, plain_literals, False)
    else:
        text, places = take_markers_out(preprocess(source, include_paths))
        has_metal = any(Path(file).name.startswith("metal_") for file, _ in places)
        found = _problems(Located(text), language, plain_literals, has_metal)
        problems = [_moved(problem, places[problem.line - 1]) for problem in found]
    if problems:
        raise StrictError(_in_order(problems))


def _moved(problem: Diagnostic, place: tuple[str, int]) -> Diagnostic:
    return dataclasses.replace(problem, file=place[0], line=place[1])


def _problems(text: Located, language: str, plain_literals: bool, has_metal: bool) -> list[Diagnostic]:
    rules = [rule for rule in CHECKS if not (plain_literals and rule is unsuffixed_literals)]
    problems = [problem for rule in rules for problem in rule(text)]
    kernels = read_kernels(text)
    problems += kernels.problems
    recursion = find_recursion(text)

    def ask(own_methods: bool) -> list[Diagnostic]:
        rewritten = rewrite_for_clang(kernels, own_methods)
        rewritten = dataclasses.replace(rewritten, uses_metal=rewritten.uses_metal or has_metal)
        return _ask_clang(rewritten, text, language, recursion)

    found = ask(False)
    if problems or not found:
        return problems + found
    if not find_classes(text.tokens):
        return found
    # Two readings of methods, each with less than Metal allows: a text that one of them takes is right.
    return found if ask(True) else []


def _in_order(problems: list[Diagnostic]) -> list[Diagnostic]:
    """By position, one per line and message."""
    unique = {(p.file, p.line, p.message): p for p in reversed(problems)}
    return sorted(unique.values(), key=lambda p: (p.file != USER_FILE, p.file, p.line, p.column))


def _ask_clang(rewritten: Rewritten, text: Located, language: str, recursion: Recursion | None) -> list[Diagnostic]:
    """What clang says; it also decides about a recursion that may be none, by the calls that it generates."""
    is_open = recursion is not None and not recursion.certain
    action = _LLVM if is_open else ("-fsyntax-only",)
    positioned = f'#line 1 "{USER_FILE}"\n{rewritten.text}\n'
    done = run_clang(positioned, uses_metal=rewritten.uses_metal, language=language, action=action)
    found = list(_read_messages(done.stderr, rewritten, text))
    if done.returncode not in (0, 1) or (done.returncode == 1 and not found):
        raise CompilerCrash(f"clang failed with status {done.returncode}:\n{done.stderr[-4000:]}")
    if recursion and (recursion.certain or is_recursive(done.stdout)):
        found.append(recursion.diagnostic)
    return found


def _read_messages(output: str, rewritten: Rewritten, text: Located) -> list[Diagnostic]:
    """Errors at positions of the user's text; one inside a header is put where the user's text led to it."""
    found: list[Diagnostic] = []
    pending = ""
    for line in output.splitlines():
        match = _MESSAGE.match(line)
        if not match:
            continue
        file, row, column, severity, message = match.groups()
        is_error = severity.endswith("error") or bool(severity == "warning" and _BFLOAT.search(message))
        if file != USER_FILE:
            pending = message if severity.endswith("error") else pending
            continue
        if is_error or (severity == "note" and pending):
            found.append(_diagnostic(message if is_error else pending, int(row), int(column), rewritten, text))
            pending = ""
    if pending:
        found.append(Diagnostic(0, 0, "error", _reword(pending)))
    return found


def _diagnostic(message: str, row: int, column: int, rewritten: Rewritten, text: Located) -> Diagnostic:
    place = _PLACE.match(message)
    if place:
        return text.at(int(place[1]), int(place[2]), place[3])
    return text.at(row, rewritten.column(row, column), _reword(message))


def _reword(message: str) -> str:
    if _BFLOAT.search(message):
        return (
            f"bfloat needs an explicit conversion: {_reword(message.split(':', 1)[-1].strip())}"
            if ":" in message
            else message
        )
    for pattern, replacement in _WORDING:
        message = pattern.sub(replacement, message)
    return message
