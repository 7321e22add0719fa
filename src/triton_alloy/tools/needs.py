"""What a command needs beside this package and what that depends on, and what to do where it is missing."""

from __future__ import annotations

import importlib
import platform

from triton_alloy.errors import AlloyError
from triton_alloy.runtime.detection import install_command


class MissingPackage(AlloyError):
    """A package that a command needs is not installed, or cannot be imported."""


def require(command: str, *packages: str) -> None:
    """Import the packages that `command` needs. Raises MissingPackage with the command that installs the first one."""
    for name in packages:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:  # OSError: of a native library that cannot be loaded
            is_absent = isinstance(error, ModuleNotFoundError) and error.name == name
            problem = "is not installed" if is_absent else f"cannot be imported ({error})"
            remedy = install_command(name, platform.system())
            raise MissingPackage(f"triton-alloy {command} needs {name}, which {problem}; run: {remedy}") from error
