"""libtriton's `ir.pass_manager`: a list of passes that run on a module."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ...ir.core import Op
from ...ir.pretty_printer import print_pretty
from .environment import dumped_kernel
from .handles import context, module

Pass = Callable[[Op], None]


class pass_manager:
    """The functions in passes.py add to it."""

    def __init__(self, context: context):
        self.passes: list[tuple[str, Pass]] = []
        self.dumps = False

    def add(self, name: str, run: Pass) -> None:
        """Append a pass. name: what the pipeline's text calls it."""
        self.passes.append((name, run))

    def enable_debug(self) -> bool:
        """Print modules around every pass if MLIR_ENABLE_DUMP says so; whether it does."""
        self.dumps = dumped_kernel() is not None
        return self.dumps

    def get_pipeline_str(self) -> str:
        return f"builtin.module({','.join(name for name, _ in self.passes)})"

    def run(self, module: module, tag: str) -> None:
        """Run the passes in place. tag: names the pipeline in native reproducers."""
        wanted = dumped_kernel() if self.dumps else None
        shown = wanted is not None and (not wanted or module.has_function(wanted))
        for name, run in self.passes:
            if shown:
                _dump("Before", name, module.core)
            run(module.core)
            if shown:
                _dump("After", name, module.core)


def _dump(when: str, name: str, top: Op) -> None:
    title = f"// -----// IR Dump {when} {name} ('builtin.module' operation) //----- //"
    print(f"{title}\n{print_pretty(top, locations=True)}\n", file=sys.stderr)
