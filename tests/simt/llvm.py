"""LLVM's ordinary passes, without a GPU's own: which arrays of registers does a text leave in memory there?

Apple's compiler is an LLVM of its own. What its default passes keep in memory without being told to unroll is a
warning, not a measurement.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.simt.nvrtc import FOOTPRINT, header
from tests.simt.rewrite import CudaProgram

_ARGUMENTS = ("-target", "spirv64", "-x", "c++", "-std=c++17", "-O2", "-w", "-S", "-emit-llvm", "-o", "-", "-")
_ARRAY = re.compile(r"= alloca \[\d+ x ")


@functools.cache
def is_there() -> bool:
    """Whether the wheel ziglang, which holds a clang, is installed."""
    return importlib.util.find_spec("ziglang") is not None


def arrays_in_memory(program: CudaProgram) -> int:
    """How many arrays clang -O2 leaves in memory. Raises RuntimeError where clang does not take the text."""
    text = f'{header(FOOTPRINT, machine="opaque")}#line 1 "text.cpp"\n{program.text}'
    contract = f"-ffp-contract={'fast' if program.fused else 'off'}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ziglang", "clang", contract, *_ARGUMENTS]
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=Path(folder))
    if done.returncode:
        raise RuntimeError(f"clang refuses the text: {done.stderr[:2000]}")
    return len(_ARRAY.findall(done.stdout))
