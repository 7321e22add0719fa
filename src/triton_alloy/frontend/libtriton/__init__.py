"""A stand-in for `triton._C.libtriton`, Triton's native module, under upstream's unmodified Python files."""

from __future__ import annotations

import importlib
import sys
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
_LATE = ("interpreter", "passes")


def __getattr__(name: str) -> Any:
    """Modules that few programs need are imported when they are asked for."""
    if name in _LATE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install(name: str) -> None:
    """Make this package and its modules importable as `name`, in place of the module that calls."""
    package = sys.modules[__name__]
    sys.modules[name] = package
    sys.modules[f"{name}.ir"] = ir
    for absent in MODULES:
        module = AbsentModule(f"{name}.{absent}")
        sys.modules[module.__name__] = module
        setattr(package, absent, module)
