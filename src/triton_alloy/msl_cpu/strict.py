"""Strict mode: refuse what Apple's compiler would refuse, with positions in the user's text.

clang reads the text as C++ for OpenCL, whose address spaces, vectors and restrictions are nearly Metal's, against a
header of declarations (headers/strict) with the overloads that Apple has. What clang lets through is checked on the
tokens (strict_tokens, strict_calls) and on the kernels' signatures (strict_kernels). Nothing is run.
"""

from __future__ import annotations

import re
import subprocess

from .build import HEADERS, USER_FILE, find_compiler
from .errors import CompileError, CompilerCrash, Diagnostic, NoCompiler
from .strict_calls import Recursion, find_recursion, is_recursive
from .strict_kernels import read_kernels
from .strict_rewrite import Rewritten, rewrite_for_clang
from .strict_tokens import CHECKS, Located

LANGUAGES = {"3.0": 300, "3.1": 310, "3.2": 320, "4.0": 400, "4.1": 410}

# An x86-64 target whatever the machine: only there does clang's OpenCL know bfloat. Nothing is generated for it.
_FLAGS = [
    "-x",
    "clcpp",
    "-cl-std=clc++2021",
    "-target",
    "x86_64-unknown-linux-gnu",
    "-cl-no-stdinc",
    "-nostdinc",
    "-fno-caret-diagnostics",
    "-fno-diagnostics-show-option",
    "-fdiagnostics-color=never",
    "-ferror-limit=50",
    "-Wno-everything",
    "-Wimplicit-float-conversion",
    "-Wimplicit-int-float-conversion",
    "-Wno-c++11-narrowing",
    "-Xclang",
    "-cl-ext=-all,+cl_khr_fp16,+__opencl_c_generic_address_space,+__cl_clang_non_portable_kernel_param_types",
]
_LLVM = ["-S", "-emit-llvm", "-O0", "-o", "-"]
_TIMEOUT_SECONDS = 120
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
    (re.compile(r"\bmsl_(local|global|generic|pipe|vec_step)\b"), r"\1"),
    (re.compile(r"__msl_(atomic_\w+|memory_order\w*)"), r"\1"),
    (re.compile(r"__attribute__\(\(ext_vector_type\((\d)\)\)\)"), r"vector of \1"),
    (re.compile(r"C\+\+ for OpenCL(?: version \d+)?|OpenCL(?: C\+\+)?(?: version [\d.]+)?"), "Metal"),
)


class StrictError(CompileError):
    """The text is not valid Metal. `diagnostics` lists every problem, by position in the user's text."""

    def __reduce__(self):
        return StrictError, (self.diagnostics,)


def check(source: str, *, language: str = "3.1") -> None:
    """Raise StrictError unless Apple's compiler for Metal `language` should accept `source`.

    language: "3.0", "3.1", "3.2", "4.0" or "4.1". Needs clang >= 17 or the ziglang wheel, else raises NoCompiler.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    text = Located(source)
    problems = [problem for rule in CHECKS for problem in rule(text)]
    kernels = read_kernels(text)
    problems += kernels.problems
    rewritten = rewrite_for_clang(kernels)
    recursion = find_recursion(text)
    problems += _ask_clang(rewritten, text, language, recursion)
    if problems:
        raise StrictError(_in_order(problems))


def _in_order(problems: list[Diagnostic]) -> list[Diagnostic]:
    """By position, one per line and message."""
    unique = {(p.line, p.message): p for p in reversed(problems)}
    return sorted(unique.values(), key=lambda p: (p.line, p.column))


def _command() -> list[str]:
    compiler = find_compiler()
    if compiler.family == "gcc":
        raise NoCompiler("strict mode needs clang >= 17 or the ziglang wheel; only g++ was found")
    return [compiler.command[0], "clang"] if compiler.family == "zig" else list(compiler.command)


def _clang(rewritten: Rewritten, language: str, action: list[str]) -> subprocess.CompletedProcess[str]:
    flags = [*_FLAGS, f"-D__METAL_VERSION__={LANGUAGES[language]}"]
    header = "stdlib.h" if rewritten.uses_metal else "types.h"
    text = f'#include "{HEADERS / "strict" / header}"\n#line 1 "{USER_FILE}"\n{rewritten.text}\n'
    try:
        return subprocess.run(
            [*_command(), *flags, *action, "-"], input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    except OSError as error:
        raise CompilerCrash(f"cannot start {_command()[0]}: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CompilerCrash(f"clang did not finish in {_TIMEOUT_SECONDS} s") from error


def _ask_clang(rewritten: Rewritten, text: Located, language: str, recursion: Recursion | None) -> list[Diagnostic]:
    """What clang says; it also decides about a recursion that may be none, by the calls that it generates."""
    is_open = recursion is not None and not recursion.certain
    done = _clang(rewritten, language, _LLVM if is_open else ["-fsyntax-only"])
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
