"""Strict mode: how clang is called, and its header, precompiled once for each version of the language."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ..compile.build import HEADERS, find_compiler
from ..compile.precompiled import including
from ..errors import CompilerCrash, NoCompiler

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


def run_clang(text: str, *, uses_metal: bool, language: str, action: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Let clang read C++ for OpenCL behind strict mode's header: the types alone, or all that <metal_stdlib> has."""
    compiler = find_compiler()
    if compiler.family == "gcc":
        raise NoCompiler("strict mode needs clang >= 17 or the ziglang wheel; only g++ was found")
    flags = [*_FLAGS, f"-D__METAL_VERSION__={LANGUAGES[language]}"]
    header = including(compiler, flags, HEADERS / "strict" / ("stdlib.h" if uses_metal else "types.h"))
    command = [*compiler.translator, *flags, *header, *action, "-"]
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    except OSError as error:
        raise CompilerCrash(f"cannot start {command[0]}: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CompilerCrash(f"clang did not finish in {_TIMEOUT_SECONDS} s") from error
