"""`python -m triton_alloy.mps_on_linux program.py arguments` runs a program as Python does, with a device mps."""

from __future__ import annotations

import os
import runpy
import sys

from triton_alloy.mps_on_linux import Unavailable, activate

USAGE = """\
usage: python -m triton_alloy.mps_on_linux program.py [arguments]
       python -m triton_alloy.mps_on_linux -m module [arguments]

Runs a Python program on Linux with PyTorch's device "mps", in host memory. On a Mac it runs on the Mac's own."""


def main(arguments: list[str]) -> int | str:
    """Run the program that the command line names; what the process exits with."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    is_module = arguments[0] == "-m"
    named = arguments[1:] if is_module else arguments
    if not named or named[0].startswith("-"):
        return f"mps_on_linux: expected a program or `-m module`, not {' '.join(arguments[:2])}\n{USAGE}"
    if not is_module and not os.path.exists(named[0]):
        return f"mps_on_linux: there is no program {named[0]}"
    try:
        activate()
    except Unavailable as error:
        return f"mps_on_linux: {error}"
    sys.argv = named
    if is_module:
        runpy.run_module(named[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(named[0]))
        runpy.run_path(named[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
