"""Expand the user's own includes, and macros that hide kernels, before the text is rewritten."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..compile.build import USER_FILE, compiler_errors, find_compiler, run_compiler
from ..compile.workspace import workspace

METAL_VERSION = 320

_OWN_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"', re.MULTILINE)
# A macro whose body the passes would have to see: attributes, qualifiers, parts of a declaration of a kernel.
_MACRO = re.compile(
    r"^[ \t]*#[ \t]*define(?:[^\n\\]|\\.|\\\n)*(\[\[|\b(?:kernel|threadgroup|device|constant|thread)\b)",
    re.MULTILINE | re.DOTALL,
)
# An attribute whose argument may be a macro.
_NAMED_ARGUMENT = re.compile(r"\[\[[^\]]*\(\s*[A-Za-z_]")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define\b", re.MULTILINE)
# Headers that expand to nothing: one header of ours is included whatever the text asks for.
_PARTS = """stdlib math common integer relational geometric atomic limits numeric type_traits types simdgroup
simdgroup_matrix quadgroup compute pack array matrix vector uniform logging os_log texture graphics assert config
raytracing tensor visible_function_table extended_vector initializer_list tuple new utility function_constants
imageblocks"""
_SYSTEM_HEADERS = ("simd/simd.h", *("metal_" + part for part in _PARTS.split()))


def needs_preprocessing(source: str, include_paths: Sequence[str]) -> bool:
    if include_paths or _OWN_INCLUDE.search(source) or _MACRO.search(source):
        return True
    return bool(_NAMED_ARGUMENT.search(source) and _DEFINE.search(source))


def preprocess(source: str, include_paths: Sequence[str]) -> str:
    """The text after the C preprocessor, with line markers. <metal_stdlib> and its parts expand to nothing."""
    with workspace() as directory:
        system = Path(directory, "system")
        (system / "simd").mkdir(parents=True)
        for name in _SYSTEM_HEADERS:
            (system / name).touch()
        # Named as in messages, so that line markers lead back to the user's text.
        Path(directory, USER_FILE).write_text(source)
        arguments = ["-E", "-x", "c++", "-std=c++17", "-nostdinc", "-nostdinc++", "-w", "-D__METAL__=1"]
        arguments += [f"-D__METAL_VERSION__={METAL_VERSION}", "-fdiagnostics-color=never", f"-I{system}"]
        arguments += [f"-I{os.path.abspath(path)}" for path in include_paths]
        done = run_compiler(find_compiler(), [*arguments, USER_FILE], directory)
    if done.returncode:
        raise compiler_errors(done, source)
    return done.stdout


_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"')


def take_markers_out(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Preprocessed text with its line markers blanked, and for each of its lines the (file, line) it came from."""
    lines, places = [], []
    file, number = USER_FILE, 1
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        places.append((file, number))
        if marker:
            file, number = marker[2], int(marker[1])
        else:
            number += 1
        lines.append("" if marker else line)
    return "\n".join(lines), places
