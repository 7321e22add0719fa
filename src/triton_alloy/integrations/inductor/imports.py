"""What is done when a module has been imported, without importing it.

`import triton` must not import PyTorch's compiler, which takes seconds and is not always wanted. So a finder at the
head of `sys.meta_path` waits for the modules that we have something to do with, and acts when each has been executed.
It finds nothing itself and leaves the list when nothing is left to do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

Action = Callable[[ModuleType], None]


def after_import(actions: Mapping[str, Action]) -> None:
    """Call each action with the module of its name: now if it has been imported, else when it will have been."""
    waiting = _Waiting(dict(actions))
    sys.meta_path.insert(0, waiting)
    waiting.settle()


class _Waiting:
    """Knows what is still to be done, by the name of the module."""

    def __init__(self, actions: dict[str, Action]):
        self.actions = actions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give for a module of ours, which then reports when it has been executed."""
        self.settle()
        if fullname not in self.actions:
            return None
        for finder in sys.meta_path:
            spec = None if isinstance(finder, _Waiting) else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Reporting(spec.loader)  # pyright: ignore[reportAttributeAccessIssue]
                return spec
        return None

    def settle(self) -> None:
        """Act on every module that is complete; one that is being imported right now comes at a later call."""
        for name in [*self.actions]:
            module = sys.modules.get(name)
            if module is not None and not _is_being_imported(module):
                self.actions.pop(name)(module)
        if not self.actions and self in sys.meta_path:
            sys.meta_path.remove(self)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


class _Reporting:
    """Another loader, whose module is acted on when it has been executed. The module never sees it afterwards."""

    def __init__(self, loader: Any):
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then do what waits for it."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        for finder in [*sys.meta_path]:
            if isinstance(finder, _Waiting) and module.__name__ in finder.actions:
                finder.actions.pop(module.__name__)(module)
                finder.settle()
