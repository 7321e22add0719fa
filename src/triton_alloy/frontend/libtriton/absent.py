"""The parts of libtriton that belong to other vendors' hardware: they can be imported, and refuse by name when used."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

from ...errors import Unsupported

MODULES = ("amd", "gluon_ir", "gsan_testing", "llvm", "nvidia", "proton")


class AbsentModule(ModuleType):
    """Has every attribute: a class of that name which refuses to be called. Upstream imports such names at its own
    import, but uses them only for programs and devices that this backend has not."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full_name = f"{self.__name__}.{name}"

        def refuse(*arguments: Any, **options: Any) -> NoReturn:
            raise Unsupported(full_name, "it is part of native libtriton for other vendors' devices")

        made = type(name, (), {"__new__": refuse, "__module__": self.__name__})
        setattr(self, name, made)
        return made
