"""Strict mode: how clang is called, and its header, precompiled once for each compiler and version of the language."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import cache
from .build import HEADERS, Compiler, find_compiler
from .errors import CompilerCrash, NoCompiler

LANGUAGES = {"3.0": 300, "3.1": 310, "3.2": 320, "4.0": 400, "4.1": 410}

# An x86-64 target whatever the machine: only there does clang's OpenCL know bfloat. Nothing is generated for it.
_FLAGS = (
    *("-x", "clcpp", "-cl-std=clc++2021", "-target", "x86_64-unknown-linux-gnu", "-cl-no-stdinc", "-nostdinc"),
    *("-fdeclspec", "-fno-caret-diagnostics", "-fno-diagnostics-show-option", "-fdiagnostics-color=never"),
    *("-ferror-limit=50", "-Wno-everything", "-Wimplicit-float-conversion", "-Wimplicit-int-float-conversion"),
    "-Wno-c++11-narrowing",
    "-Xclang",
    "-cl-ext=-all,+cl_khr_fp16,+__opencl_c_generic_address_space,+__cl_clang_non_portable_kernel_param_types",
)
_TIMEOUT_SECONDS = 120


def _command(compiler: Compiler) -> list[str]:
    if compiler.family == "gcc":
        raise NoCompiler("strict mode needs clang >= 17 or the ziglang wheel; only g++ was found")
    return [compiler.command[0], "clang"] if compiler.family == "zig" else list(compiler.command)


def _run(compiler: Compiler, arguments: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    command = [*_command(compiler), *_FLAGS, *arguments]
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    except OSError as error:
        raise CompilerCrash(f"cannot start {command[0]}: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CompilerCrash(f"clang did not finish in {_TIMEOUT_SECONDS} s") from error


@functools.cache
def _precompiled(compiler: Compiler, name: str, language: str) -> Path:
    """The precompiled headers/strict/`name`: reading it takes half of the time of a check less than the text does."""
    header = HEADERS / "strict" / name
    version = f"-D__METAL_VERSION__={LANGUAGES[language]}"

    def build() -> tuple[bytes, dict[str, str]]:
        with tempfile.TemporaryDirectory(prefix="msl_cpu_") as directory:
            target = Path(directory, "header.pch")
            emit = ("-fsyntax-only", "-Xclang", "-emit-pch", "-Xclang", "-o", "-Xclang", str(target))
            done = _run(compiler, (version, *emit, str(header)), "")
            if done.returncode:
                raise CompilerCrash(f"the header of strict mode does not compile:\n{done.stderr[-4000:]}")
            return target.read_bytes(), {}

    texts = [file.read_text() for file in sorted(header.parent.glob("*.h"))]
    return cache.fetch(cache.make_key("strict", compiler.identity, str(header), version, *_FLAGS, *texts), build)[0]


def run_clang(text: str, *, uses_metal: bool, language: str, action: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Let clang read C++ for OpenCL behind strict mode's header: the types alone, or all that <metal_stdlib> has."""
    compiler = find_compiler()
    header = _precompiled(compiler, "stdlib.h" if uses_metal else "types.h", language)
    # The header's key is of its content: that it was installed again since does not matter.
    include = ("-Xclang", "-fno-validate-pch", "-include-pch", str(header))
    return _run(compiler, (f"-D__METAL_VERSION__={LANGUAGES[language]}", *include, *action, "-"), text)
