"""Problems of a module in the words of MLIR, where users of libtriton see them: on stderr, with the source line."""

from __future__ import annotations

import sys

from ...errors import InvalidIR
from ...ir.core import Op
from ...ir.verifier import verify


def report_problems(op: Op) -> bool:
    """Whether `op` is valid; if not, what is wrong goes to stderr."""
    try:
        verify(op)
    except InvalidIR as problem:
        print(f"error: {problem}", file=sys.stderr)
        return False
    return True
