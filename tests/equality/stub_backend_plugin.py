"""The pytest plugin `pytest -p stub_backend_plugin`: Triton's tests of its front end ask for NVIDIA's backend, which a
tree with our libtriton has not, and for LLVM's FileCheck; ours stands in for the one, PyPI's for the other."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    import triton._filecheck as filecheck
    from triton.backends import Backend, backends
    from triton.backends.compiler import GPUTarget

    from triton_alloy.integrations.triton.compiler import MetalBackend
    from triton_alloy.integrations.triton.driver import MetalDriver

    class FrontEnd(MetalBackend):
        def __init__(self, target: GPUTarget):
            super().__init__(GPUTarget("metal", "apple9", 32))

        @staticmethod
        def supports_target(target: Any) -> bool:
            return target.backend in ("cuda", "metal")

    backends["cuda"] = Backend(FrontEnd, MetalDriver)
    filecheck.run_filecheck = run_filecheck


def run_filecheck(name: str, text: str, checks: str) -> None:
    """Raise ValueError unless a module's text passes the CHECK lines of a kernel's source."""
    program = shutil.which("filecheck")
    assert program is not None, "PyPI's filecheck is not installed"
    with tempfile.TemporaryDirectory() as folder:
        module, expected = Path(folder, "module"), Path(folder, "expected")
        module.write_text(text)
        expected.write_text(checks)
        run = subprocess.run([program, expected, "--input-file", module], capture_output=True, text=True)
    if run.returncode:
        raise ValueError(run.stdout + run.stderr)
