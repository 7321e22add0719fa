"""From C++ for OpenCL to AGX machine code's statistics: clang, LLVM's SPIR-V translator, and the program that is named
by TRITON_ALLOY_AGX_STAT (docs/agx_text.md says what it is). Runs nothing on a GPU.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.agx.rewrite import ClProgram
from tests.agx.statistics import Kernel, kernels_of

VARIABLE = "TRITON_ALLOY_AGX_STAT"
CLANG, TRANSLATOR = "clang-15", "llvm-spirv-15"
_HEADERS = [Path(__file__).parents[1] / folder / "headers" for folder in ("agx", "simt")]
_TARGET = ("-target", "spir64")
LANGUAGE = (*_TARGET, "-x", "clcpp", "-cl-std=clc++2021", "-Xclang", "-finclude-default-header")
# Every call is inlined in Metal, and nothing becomes vectors of one bit, which SPIR-V has not. Names of values are
# dropped, as they would be in a release build.
OPTIONS = (
    "-O2",
    "-fno-slp-vectorize",
    "-fno-vectorize",
    "-mllvm",
    "-inline-threshold=1000000",
    "-w",
    "-Wno-c++11-narrowing",
    *(f"-I{h}" for h in _HEADERS),
)
_AS_IT_IS = ("-Xclang", "-disable-llvm-passes")
_FREEZE = re.compile(r"= freeze (.+) (%\S+)$", re.MULTILINE)
_SECONDS = 600


class AgxError(Exception):
    """A step failed; the message says which, and what it printed."""


def missing() -> str | None:
    """One sentence that says what is not there, None where all is."""
    program = os.environ.get(VARIABLE)
    if not program:
        return f"{VARIABLE} names no program that makes AGX machine code: docs/agx_text.md says how one is built"
    if not os.access(program, os.X_OK):
        return f"{VARIABLE} is {program!r}, which is no program"
    tools = [name for name in (CLANG, TRANSLATOR) if shutil.which(name) is None]
    return f"{' and '.join(tools)} are not there: apt install {' '.join(tools)} (Debian 12)" if tools else None


def statistics_of(program: ClProgram) -> list[Kernel]:
    """Of every kernel of the text. Raises AgxError."""
    with tempfile.TemporaryDirectory() as folder:
        module = spirv_of(program, Path(folder))
        printed = _run([os.environ[VARIABLE], str(module)], Path(folder))
    try:
        return kernels_of(json.loads(printed))
    except (ValueError, KeyError) as error:
        raise AgxError(f"{os.environ[VARIABLE]} printed no statistics: {printed[:500]!r}") from error


def spirv_of(program: ClProgram, folder: Path) -> Path:
    """The text's SPIR-V module, a file in the folder. Raises AgxError."""
    assembly, bitcode, module = (folder / f"text.{end}" for end in ("ll", "bc", "spv"))
    assembly.write_text(without_freeze(assembly_of(program, folder)))
    _run([CLANG, *_TARGET, *_AS_IT_IS, "-c", "-emit-llvm", "-o", bitcode.name, assembly.name], folder)
    _run([TRANSLATOR, bitcode.name, "-o", module.name], folder)
    return module


def assembly_of(program: ClProgram, folder: Path) -> str:
    """The text in LLVM's assembly, optimised. Raises AgxError."""
    text = folder / "text.clcpp"
    text.write_text(program.text)
    contract = f"-ffp-contract={'fast' if program.fused else 'off'}"
    return _run([CLANG, *LANGUAGE, *OPTIONS, contract, "-S", "-emit-llvm", "-o", "-", text.name], folder)


def without_freeze(assembly: str) -> str:
    """LLVM's text without an instruction that the translator does not know, and that computes nothing."""
    return _FREEZE.sub(r"= select i1 true, \1 \2, \1 \2", assembly)


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgxError(f"cannot run {command[0]}: {error}") from error
    if done.returncode:
        raise AgxError(f"{command[0]} ends with status {done.returncode}: {(done.stderr or done.stdout)[:4000]}")
    return done.stdout
