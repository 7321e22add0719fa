"""libtriton's `ir.pass_manager`: a list of passes that run on a module."""

from __future__ import annotations

from collections.abc import Callable

from ...ir.core import Op
from .handles import context, module

Pass = Callable[[Op], None]


class pass_manager:
    """The functions in passes.py add to it."""

    def __init__(self, context: context):
        self.passes: list[tuple[str, Pass]] = []

    def add(self, name: str, run: Pass) -> None:
        """Append a pass. name: what the pipeline's text calls it."""
        self.passes.append((name, run))

    def enable_debug(self) -> bool:
        """Whether modules are dumped around every pass: never here."""
        return False

    def get_pipeline_str(self) -> str:
        return f"builtin.module({','.join(name for name, _ in self.passes)})"

    def run(self, module: module, tag: str) -> None:
        """Run the passes in place. tag: names the pipeline in native reproducers."""
        for _, run in self.passes:
            run(module.core)
