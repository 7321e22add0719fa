"""Compares the operators that are refused on mps with those in PyTorch's library for macOS.

python -m pip download torch==2.13.0 --no-deps --platform macosx_14_0_arm64 --only-binary=:all:
python -m tests.mps_on_linux.mac_wheel torch-2.13.0-*.whl
"""

from __future__ import annotations

import re
import sys
import zipfile

from triton_alloy.mps_on_linux.mac_operators import TABLE, lacking

LIBRARY = "torch/lib/libtorch_cpu.dylib"
_KERNEL = re.compile(rb"wrapper_MPS_(\w+)")
"""In the mangled name of the function that calls a kernel for mps: "wrapper_MPS_" overload "_" name "E"."""


def main(wheel: str) -> int:
    """Print what the table calls lacking and the library has; 1 if there is any."""
    with zipfile.ZipFile(wheel) as archive:
        names = lacking(archive.read(TABLE.as_posix()).decode()).alone
        kernels = {found[1].decode() for found in _KERNEL.finditer(archive.read(LIBRARY))}
    wrong = [name for name in names if _has(kernels, name)]
    if not _has(kernels, "nonzero"):
        print("the library names its kernels in another way: nothing was compared")
        return 1
    print(f"{len(names)} operators are refused; the library for macOS has {len(wrong)} of them: {', '.join(wrong)}")
    return 1 if wrong else 0


def _has(kernels: set[str], operator: str) -> bool:
    name, _, overload = operator.partition(".")
    return any(kernel.startswith(f"{overload}_{name}E") for kernel in kernels)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
