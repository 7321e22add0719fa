"""Numbers of one bit, 0 and -1 (or 1 if unsigned), against NumPy's of eight: comparisons and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from triton_alloy.compiler import compile_module
from triton_alloy.ir.parser import parse
from triton_alloy.msl_cpu import Library
from triton_alloy.target import target_for
from triton_alloy.tools.support import module_of
from triton_alloy.tools.support_rows import COMPARISONS, VECTOR, Row

X, Y = (np.tile(np.array(bits, np.int8), 16) for bits in ([0, 1, 0, 1], [0, 0, 1, 1]))
SIGNED = {"slt": np.less, "sle": np.less_equal, "sgt": np.greater, "sge": np.greater_equal}
UNSIGNED = {f"u{name[1:]}": function for name, function in SIGNED.items()} | {"eq": np.equal, "ne": np.not_equal}
COMPARED = {name: function(-X, -Y) for name, function in SIGNED.items()} | {
    name: function(X, Y) for name, function in UNSIGNED.items()
}
# By 0 the quotient is 0 and the remainder the dividend; the number of leading or trailing zeros of one bit is 1 for 0.
COMPUTED = {
    "math.ctlz": 1 - X, "math.cttz": 1 - X, "math.ctpop": X, "math.absi": X, "arith.divsi": X & Y, "arith.divui": X & Y,
    "arith.remsi": X & ~Y, "arith.remui": X & ~Y, "tt.mulhiui": 0 * X, "arith.ceildivui": X, "arith.floordivsi": X,
    "arith.ceildivsi": X & Y,
}  # fmt: skip


def run(row: Row, family: str, mode: str, y: np.ndarray) -> np.ndarray:
    kernel = compile_module(parse(module_of(row, "i1")), target_for(family), num_warps=1)
    out = np.full(64, 7, np.int8)
    Library(kernel.source, mode)["probe"].launch([*(X, y)[: len(row.operands)], out], 1, 32)
    return out


@pytest.mark.parametrize("family, mode", [("cpu", "fast"), ("apple9", "fast"), ("apple9", "reference")])
@pytest.mark.parametrize("row", [row for row in COMPARISONS if row.op == "arith.cmpi"], ids=lambda row: row.detail)
def test_comparisons(row, family, mode):
    assert (run(row, family, mode, Y) == COMPARED[row.detail]).all()


@pytest.mark.parametrize("family, mode", [("cpu", "fast"), ("apple9", "reference")])
@pytest.mark.parametrize("op", COMPUTED)
def test_arithmetic(op, family, mode):
    operands = (VECTOR,) * (1 if op.startswith("math") else 2)
    assert (run(Row(op, operands), family, mode, Y) == COMPUTED[op]).all()
