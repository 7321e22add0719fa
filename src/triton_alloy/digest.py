"""A digest of the compiler's own sources: Triton's cache must not outlive a change of them."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

NOT_CODE_GENERATION = ("mps_on_linux", "msl_cpu", "runtime", "tools", "examples")
"""Packages whose sources cannot change a kernel's text."""
NOT_SOURCES = (".md", ".typed")
"""Endings of files for people and type checkers. Whatever ends otherwise counts, so that no kind is forgotten."""
READ_BY_CODE_GENERATION = ("msl_cpu/text/language.txt", "msl_cpu/headers/lanes/*.h")
"""Files of the packages left out that count: msl/names.py reserves the words that they have."""


@functools.lru_cache(maxsize=1)
def sources_digest() -> str:
    """The digest, in hexadecimal, of every source file that can change the text of a kernel."""
    return digest_of(Path(__file__).parent)


def digest_of(package: Path) -> str:
    """The same of any copy of this package: of the names of the files, which order them, and of their contents."""
    digest = hashlib.sha256()
    for path in (*_sources(package), *_read(package)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(package: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(package):
        left_out = NOT_CODE_GENERATION if Path(folder) == package else ()
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", *left_out))
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(NOT_SOURCES) and name[0] != ".")


def _read(package: Path) -> Iterator[Path]:
    for pattern in READ_BY_CODE_GENERATION:
        yield from sorted(package.glob(pattern))
