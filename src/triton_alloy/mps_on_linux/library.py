"""The device's C++ as a library: built by g++ against the installed PyTorch, kept in the cache of msl_cpu."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..msl_cpu.compile import cache
from ..msl_cpu.compile.build import Compiler, program_identity, run_compiler
from ..msl_cpu.compile.workspace import workspace
from . import mac_operators
from .errors import Unavailable

SOURCES = Path(__file__).parent / "device"
COMPILERS = ("g++", "clang++")
"""Programs that are looked for. The library shares objects of C++'s standard library with PyTorch's, which is GNU's."""
GENERATED = "mac_operators.h"
_MESSAGE_LINES = 20


@dataclass(frozen=True)
class Torch:
    """The PyTorch that is installed. folder: of the package."""

    version: str
    folder: Path

    @property
    def flags(self) -> list[str]:
        """What compiles and links a library for it; hidden symbols, as ours must not stand in for another's."""
        return [
            *("-shared", "-fPIC", "-std=c++20", "-O1", "-fvisibility=hidden", "-w", f"-I{self.folder / 'include'}"),
            *(f"-L{self.folder / 'lib'}", f"-Wl,-rpath,{self.folder / 'lib'}", "-ltorch_cpu", "-lc10"),
        ]


def find_torch() -> Torch:
    """The PyTorch that `import torch` would import, without importing it. Raises Unavailable."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        raise Unavailable("mps_on_linux needs PyTorch, which is not installed: pip install torch")
    folder = Path(found.submodule_search_locations[0])
    if not (folder / "include" / "torch" / "library.h").exists():
        raise Unavailable(f"mps_on_linux needs PyTorch's headers, which {folder} lacks: install the wheel from PyPI")
    return Torch(importlib.metadata.version("torch"), folder)


def find_compiler() -> Compiler:
    """g++, else clang++. Raises Unavailable, with what to install."""
    for name in COMPILERS:
        if program := shutil.which(name):
            return Compiler((program,), "gcc", program_identity(program))
    raise Unavailable(
        f"mps_on_linux builds a library for PyTorch once, and finds none of {', '.join(COMPILERS)}: "
        "install g++ (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++)"
    )


def library() -> Path:
    """The library, from the cache or built now. Raises Unavailable; MslError where the cache cannot be had."""
    torch, compiler = find_torch(), find_compiler()
    header = mac_operators.lacking(mac_operators.read(torch.folder.parent)).header
    sources = sorted(path for path in SOURCES.iterdir() if path.suffix in (".h", ".cpp"))
    texts = [text for path in sources for text in (path.name, path.read_text())]
    key = cache.make_key("mps_on_linux", torch.version, compiler.identity, *torch.flags, header, *texts)
    return cache.fetch(key, lambda: _build(torch, compiler, header))[0]


def _build(torch: Torch, compiler: Compiler, header: str) -> tuple[bytes, dict[str, str]]:
    """The library, and what the cache says of it. header: of the operators that a Mac lacks."""
    what = f"mps_on_linux for PyTorch {torch.version}"
    with workspace() as directory:
        Path(directory, GENERATED).write_text(header)
        arguments = [str(SOURCES / "device.cpp"), f"-I{directory}", *torch.flags, "-o", "device.so"]
        done = run_compiler(compiler, arguments, directory, translate=False)
        if done.returncode:
            lines = "\n".join(done.stderr.strip().splitlines()[:_MESSAGE_LINES])
            raise Unavailable(f"{compiler.command[0]} cannot build {what}; please report this:\n{lines}")
        return Path(directory, "device.so").read_bytes(), {"what": what}


def load(path: Path) -> ctypes.CDLL:
    """Load it, and PyTorch's libraries with it: it must come first, so that their references find its symbols."""
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
