"""A stand-in for `triton._C.libtriton`, Triton's native module, under upstream's unmodified Python files.

ir, builder, operations, handles    modules are built on our IR: what Triton's code generator calls
pass_manager, passes                a list of passes and who they are (frontend/passes)
specialize                          how a launch's arguments become types
reading, diagnostics                modules from files; problems in MLIR's words
enums, environment, linear_layout, interpreter      the rest of what upstream's files import
absent                              other vendors' parts, which refuse by name
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from . import ir
from .absent import MODULES, AbsentModule
from .environment import get_cache_invalidating_env_vars, getenv, getenv_bool
from .specialize import make_tensordesc_args, native_specialize_impl

IS_ALLOY = True
"""Tells this module from the native one."""

__all__ = [
    "IS_ALLOY",
    "get_cache_invalidating_env_vars",
    "getenv",
    "getenv_bool",
    "install",
    "ir",
    "make_tensordesc_args",
    "native_specialize_impl",
]
_LATE = ("interpreter", "linear_layout", "passes")


def __getattr__(name: str) -> Any:
    """Modules that few programs need are imported when they are asked for."""
    if name in _LATE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class LateModule(ModuleType):
    """One of our modules under a name of Triton's, imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{__name__}.{self.__name__.rpartition('.')[2]}"), name)


def install(name: str) -> None:
    """Make this package and its modules importable as `name`, in place of the module that calls."""
    package = sys.modules[__name__]
    sys.modules[name] = package
    sys.modules[f"{name}.ir"] = ir
    sys.modules.update({f"{name}.{late}": LateModule(f"{name}.{late}") for late in _LATE})
    for absent in MODULES:
        module = AbsentModule(f"{name}.{absent}")
        sys.modules[module.__name__] = module
        setattr(package, absent, module)
