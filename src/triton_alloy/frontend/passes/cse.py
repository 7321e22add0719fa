"""Equal ops become one; unused ones go."""

from __future__ import annotations

from ...ir.core import Op
from ...ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code


def run(module: Op) -> None:
    eliminate_dead_code(module)
    eliminate_common_subexpressions(module, loads=("tt.load",))
