"""A tree of Triton's own Python files with our libtriton in place of the native one.

It holds every `.py` file of Triton's wheel but those that only other vendors' devices use, its licence, metadata under
Triton's name, and in `triton/_C` three lines that import ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from ..digest import sources_digest

VERSION = "3.9.0"
"""The release of Triton whose files are taken, and that libtriton stands in for."""

METADATA = f"triton-{VERSION}.dist-info"

LEFT_OUT = (
    "triton/_C/",
    "triton/backends/amd/",
    "triton/backends/nvidia/",
    "triton/experimental/gsan/",
    "triton/profiler/",
)
"""What only the native module or other vendors' devices need."""

SHIM = '''\
"""Triton's native module is replaced by triton-alloy's."""

from triton_alloy.frontend import libtriton

libtriton.install(__name__)
'''


def is_taken(member: str) -> bool:
    """Whether a file of Triton's wheel belongs into the tree: `member` is its path, with slashes."""
    path = PurePosixPath(member)
    if path.parts and path.parts[0].endswith(".dist-info"):
        return path.name in ("METADATA", "LICENSE")
    return member.startswith("triton/") and path.suffix == ".py" and not member.startswith(LEFT_OUT)


def written_files() -> dict[str, str]:
    """What is written beside upstream's files: path -> text. Triton's cache key hashes `_C/libtriton.so`, whatever it
    is; a package of that name wins over it at import."""
    return {
        "triton/_C/__init__.py": "",
        "triton/_C/libtriton/__init__.py": SHIM,
        "triton/_C/libtriton.so": f"triton-alloy {sources_digest()}\n",
        f"{METADATA}/INSTALLER": "triton-alloy\n",
        f"{METADATA}/WHEEL": "Wheel-Version: 1.0\nGenerator: triton-alloy\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }


def make_tree(files: Iterable[tuple[str, bytes]], target: Path) -> list[str]:
    """Write the tree below `target` from the wheel's files, (path, content); gives the paths of what was written."""
    texts = [(member, content) for member, content in files if is_taken(member)]
    texts += [(member, text.encode()) for member, text in written_files().items()]
    for member, content in texts:
        path = target / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [member for member, _ in texts]


def installed_files() -> Iterable[tuple[str, bytes]]:
    """The files of the Triton that is installed here, as far as a tree takes them."""
    for path in distribution("triton").files or ():
        if is_taken(path.as_posix()):
            yield path.as_posix(), Path(str(path.locate())).read_bytes()
