"""Find a C++ compiler, run it, and read its messages."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import CompileError, CompilerCrash, Diagnostic, MslError, NoCompiler
from .workspace import workspace

PACKAGE = Path(__file__).parents[1]
HEADERS = PACKAGE / "headers"
STDLIB = HEADERS / "metal_stdlib.h"
OLDEST = {"clang": 17, "gcc": 12}
_NEWEST_CLANG = 30

REPORTED_FRAME = 4096  # bytes of a function's stack frame from which on the compiler tells us

# No -ffast-math and nothing like it: NaN, infinities and the sign of zero are exact. Texts reinterpret threadgroup
# memory at will, hence no strict aliasing. Integers wrap, and `char` is signed, as on the GPU.
_FLAGS = [
    *("-std=c++17", "-fPIC", "-fvisibility=hidden"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing", "-fwrapv", "-fsigned-char"),
    *("-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
    "-fdiagnostics-color=never",
]
_CLANG_FLAGS = [
    *("-fdeclspec", "-fno-caret-diagnostics", "-Wno-everything", f"-Wframe-larger-than={REPORTED_FRAME}"),
    *("-Xclang", "-ffloat16-excess-precision=none", "-Xclang", "-cl-single-precision-constant"),  # 1.0 is a float
]
_GCC_FLAGS = ["-fpermissive", "-Wno-narrowing", f"-Wframe-larger-than={REPORTED_FRAME}", "-fsingle-precision-constant"]
_ARM_FLAGS = ["-mcpu=native", "-mno-outline-atomics"]  # the functions that it would call are in no shared library
_MACHINE_FLAGS = {
    "x86_64": ["-march=native", "-mno-red-zone", "-mprefer-vector-width=512"],
    "aarch64": _ARM_FLAGS,
    "arm64": _ARM_FLAGS,
}
# The clang inside zig is built for another system than the one it runs on.
_ZIG_SYSTEMS = {"linux": "linux-gnu", "darwin": "apple-macosx13.0"}
# What a library takes from others, the maths and the sanitizer's hooks, the process has loaded. macOS links nothing
# without its system library.
_LINK_FLAGS = {"darwin": ["-nostdlib", "-lSystem", "-undefined", "dynamic_lookup"]}
# Sums in the order of the text do not keep a loop from becoming vector code; clang's default for aarch64.
_CLANG_MACHINE_FLAGS = {"x86_64": ["-mllvm", "-force-ordered-reductions=true"]}
_MESSAGE = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>[a-z ]*error|note): (?P<text>.*)$"
)
_FRAME = re.compile(r"stack frame size \((\d+)\) exceeds|frame size of (\d+) bytes is larger")
USER_FILE = "program_source"


@dataclass(frozen=True)
class Compiler:
    """command: how to start it; family: "clang", "zig" or "gcc"; identity: changes when the program changes."""

    command: tuple[str, ...]
    family: str
    identity: str

    @property
    def translator(self) -> tuple[str, ...]:
        """How to translate one file. `zig c++` would take twice as long: it keeps a cache and prepares libraries."""
        return (self.command[0], "clang", *self.command[2:]) if self.family == "zig" else self.command

    def flags(
        self,
        contract: str,
        optimisation: str,
        system: str = sys.platform,
        machine: str = platform.machine(),
    ) -> list[str]:
        """To translate a file. contract: value of -ffp-contract; system, machine: what it is to run on."""
        clang = [*_CLANG_FLAGS, *_CLANG_MACHINE_FLAGS.get(machine, [])]
        family = _GCC_FLAGS if self.family == "gcc" else clang
        target = ["-target", f"{machine}-{_ZIG_SYSTEMS.get(system, system)}"] if self.family == "zig" else []
        processor = _MACHINE_FLAGS.get(machine, [])
        return [*target, *_FLAGS, *family, *processor, f"-ffp-contract={contract}", optimisation, f"-I{HEADERS}"]

    def link_flags(self, system: str = sys.platform) -> list[str]:
        """For `command`, to make a shared library of what has been translated."""
        return ["-shared", *_LINK_FLAGS.get(system, ["-nostdlib"])]

    def linkers(self, system: str = sys.platform) -> list[tuple[str, ...]]:
        """Commands that make a shared library of what has been translated; the first that succeeds is enough.

        The linker inside zig takes half as long without the driver `zig c++`, but a zig may be built without it.
        """
        quick = [(self.command[0], "ld.lld", "-shared")] if self.family == "zig" and system == "linux" else []
        return [*quick, (*self.command, *self.link_flags(system))]


def program_identity(program: str) -> str:
    """Changes when the program does."""
    status = os.stat(os.path.realpath(program))
    return f"{program}:{status.st_size}:{status.st_mtime_ns}"


def _version(command: tuple[str, ...]) -> tuple[str, int]:
    """Family and major version of what `command` starts; ("", 0) where it cannot be told."""
    try:
        text = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "", 0
    clang = re.search(r"clang version (\d+)", text)
    gcc = re.search(r"\(.*\) (\d+)\.\d+", text)
    if clang:
        # Apple numbers its clang after Xcode; from 16 on it is LLVM 17 or newer.
        return "clang", int(clang.group(1)) + ("Apple" in text)
    return ("gcc", int(gcc.group(1))) if gcc else ("", 0)


def _candidates() -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Compilers in order of preference: command, family, version (0: ask it)."""
    if plain := shutil.which("clang++"):
        yield (plain,), "clang", 0
    for version in range(_NEWEST_CLANG, OLDEST["clang"] - 1, -1):
        if program := shutil.which(f"clang++-{version}"):
            yield (program,), "clang", version
    if zig := _zig():
        yield (zig, "c++"), "zig", OLDEST["clang"]
    if plain := shutil.which("g++"):
        yield (plain,), "gcc", 0


def _zig() -> str | None:
    """The program inside the ziglang wheel."""
    found = importlib.util.find_spec("ziglang")
    if not found or not found.submodule_search_locations:
        return None
    program = Path(found.submodule_search_locations[0]) / "zig"
    return str(program) if program.exists() else None


def _chosen(text: str) -> Compiler:
    """The compiler that $MSL_CPU_CXX names: a command line, or "zig"."""
    command = tuple(shlex.split(text))
    if command == ("zig",) and (zig := _zig()):
        command = (zig, "c++")
    program = shutil.which(command[0]) if command else None
    if not program:
        raise NoCompiler(f"MSL_CPU_CXX={text!r}: no such program")
    if command[1:2] == ("c++",):
        return Compiler((program, *command[1:]), "zig", program_identity(program))
    family, _ = _version((program, *command[1:]))
    return Compiler((program, *command[1:]), family or "gcc", f"{program_identity(program)} {command[1:]}")


@functools.cache
def _find(environment: str | None) -> Compiler:
    if environment:
        return _chosen(environment)
    for command, family, known in _candidates():
        version = known or _version(command)[1]
        if version < OLDEST.get(family, 0):
            continue
        if family == "gcc":
            warnings.warn(
                "msl_cpu found only g++: no fast, sanitize and strict modes, no swizzles. "
                "Install clang (>= 17) or `pip install ziglang`.",
                stacklevel=2,
            )
        return Compiler(command, family, program_identity(command[0]))
    raise NoCompiler(
        f"no C++ compiler: looked for $MSL_CPU_CXX, clang++ >= {OLDEST['clang']}, the ziglang wheel and "
        f"g++ >= {OLDEST['gcc']}. `pip install ziglang` is enough."
    )


def find_compiler() -> Compiler:
    """$MSL_CPU_CXX, else clang++ >= 17, else the ziglang wheel, else g++ >= 12."""
    return _find(os.environ.get("MSL_CPU_CXX"))


def _macos_processor() -> str:
    """ "Apple M2" for example."""
    text, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
    ctypes.CDLL(None).sysctlbyname(b"machdep.cpu.brand_string", text, ctypes.byref(size), None, ctypes.c_size_t(0))
    return text.value.decode()


@functools.cache
def processor() -> str:
    """Names the instruction set that -march=native means here, for caches shared between machines."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            head = file.read(8192)
    except OSError:
        return platform.machine() + (_macos_processor() if sys.platform == "darwin" else platform.processor())
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", head, re.MULTILINE)
    return platform.machine() + (found.group(1) if found else "")


def _diagnostics(output: str, source: str, scale: int) -> list[Diagnostic]:
    """Errors at positions of the user's text. One inside our headers is put where the user's text led to it."""
    lines = source.split("\n")
    result: list[Diagnostic] = []
    pending: Diagnostic | None = None
    for match in filter(None, map(_MESSAGE.match, output.splitlines())):
        row, column, file, text = int(match["line"]), int(match["column"]), match["file"], match["text"]
        error = match["severity"].endswith("error")
        row = row if str(HEADERS) in file else row // scale
        if file == USER_FILE:
            line = lines[row - 1] if row <= len(lines) else ""
            if error or pending:
                result.append(Diagnostic(row, column, "error", text if error or not pending else pending.message, line))
            pending = None
        elif error and str(HEADERS) not in file:
            result.append(Diagnostic(row, column, "error", text, file=file))
        elif error:
            pending = Diagnostic(row, column, "error", text, file=os.path.relpath(file, HEADERS))
    return result if result or not pending else [pending]


def run_compiler(
    compiler: Compiler, arguments: Sequence[str], directory: str, translate: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run it in `directory`, which takes its temporary files too. translate: as `translator`, else to link."""
    return _run([*(compiler.translator if translate else compiler.command), *arguments], compiler.family, directory)


def link(compiler: Compiler, object_file: str, library: str, directory: str) -> subprocess.CompletedProcess[str]:
    """Make a shared library of an object file, both in `directory`; the outcome of the last linker that was tried."""
    for linker in compiler.linkers():
        done = _run([*linker, object_file, "-o", library], compiler.family, directory)
        if done.returncode == 0:
            break
    return done


def _run(command: Sequence[str], family: str, directory: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C", "TMPDIR": directory}
    if family == "zig":
        # Without a home directory zig would not start; its cache holds nothing that ours does not.
        environment.setdefault("ZIG_GLOBAL_CACHE_DIR", os.path.join(directory, "zig"))
        environment.setdefault("ZIG_LOCAL_CACHE_DIR", os.path.join(directory, "zig"))
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment)
    except OSError as error:
        raise CompilerCrash(f"cannot start {command[0]}: {error}") from error


def compiler_errors(
    done: subprocess.CompletedProcess[str], source: str, scale: int = 1
) -> CompileError | CompilerCrash:
    """The exception that a failed run of the compiler means. scale: lines that a line of the user's text became."""
    diagnostics = _diagnostics(done.stderr, source, scale)
    if diagnostics and done.returncode == 1:
        return CompileError(diagnostics)
    return CompilerCrash(f"{done.args[0]} failed with status {done.returncode}:\n{done.stderr[-4000:]}")


@dataclass(frozen=True)
class Compiled:
    """content: of the shared library; largest_frame: bytes of stack of its hungriest function, 0 if small."""

    content: bytes
    largest_frame: int


def compile_library(text: str, source: str, flags: Sequence[str], scale: int = 1) -> Compiled:
    """Compile C++ `text` into a shared library. `source`: the user's text, for messages; flags: those of
    Compiler.flags, and more; scale: see compiler_errors."""
    compiler = find_compiler()
    try:
        with workspace() as directory:
            Path(directory, "kernel.cpp").write_text(text)
            done = run_compiler(compiler, [*flags, "-c", "kernel.cpp", "-o", "kernel.o"], directory)
            frames = [int(a or b) for a, b in _FRAME.findall(done.stderr)]
            if done.returncode == 0:
                done = link(compiler, "kernel.o", "kernel.so", directory)
            if done.returncode == 0:
                return Compiled(Path(directory, "kernel.so").read_bytes(), max(frames, default=0))
    except OSError as error:
        raise MslError(f"cannot write the files of a compilation: {error}") from error
    raise compiler_errors(done, source, scale)
