"""CONTRIBUTING.md: what it says of a change is enough for the change, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from triton_alloy.compiler import compile_module
from triton_alloy.dialects import arith
from triton_alloy.ir import registry
from triton_alloy.ir.parser import parse
from triton_alloy.msl import intrinsics
from triton_alloy.msl_cpu import Library
from triton_alloy.target import target_for

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
CHANGES = re.findall(r"^\| (an? [^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
COUNT = 128
TENSOR = f"tensor<{COUNT}xf32>"
POINTERS = f"tensor<{COUNT}x!tt.ptr<f32>>"
MODULE = f"""
"builtin.module"() ({{
"tt.func"() <{{function_type = (!tt.ptr<f32>, !tt.ptr<f32>) -> (), sym_name = "k", arg_attrs = [{{}}, {{}}]}}> ({{
^bb0(%x: !tt.ptr<f32>, %y: !tt.ptr<f32>):
  %i = "tt.make_range"() <{{end = {COUNT} : i32, start = 0 : i32}}> : () -> tensor<{COUNT}xi32>
  %xs = "tt.splat"(%x) : (!tt.ptr<f32>) -> {POINTERS}
  %ys = "tt.splat"(%y) : (!tt.ptr<f32>) -> {POINTERS}
  %from = "tt.addptr"(%xs, %i) : ({POINTERS}, tensor<{COUNT}xi32>) -> {POINTERS}
  %to = "tt.addptr"(%ys, %i) : ({POINTERS}, tensor<{COUNT}xi32>) -> {POINTERS}
  %a = "tt.load"(%from) <{{operandSegmentSizes = array<i32: 1, 0, 0>}}> : ({POINTERS}) -> {TENSOR}
  %b = "math.fourth_root"(%a) : ({TENSOR}) -> {TENSOR}
  "tt.store"(%to, %b) : ({POINTERS}, {TENSOR}) -> ()
  "tt.return"() : () -> ()
}}) : () -> ()
}}) : () -> ()
"""


def test_ten_changes_and_more_are_described():
    assert len(CHANGES) >= 10


@pytest.mark.parametrize(("change", "files"), CHANGES)
def test_every_file_that_is_named_exists(change: str, files: str):
    paths = [path for path in re.findall(r"`([^`]+)`", files) if "/" in path or path.endswith(".py")]
    assert paths, change
    roots = (ROOT / "src" / "triton_alloy", ROOT)
    assert [path for path in paths if not any((root / path).exists() for root in roots)] == []


@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_an_elementwise_op_needs_the_two_rows_of_its_change(family: str, monkeypatch: pytest.MonkeyPatch):
    """A made-up op, through parser, verifier, layouts, lowering and printer, to its values."""
    [files] = [files for change, files in CHANGES if change == "an elementwise op"]
    needed, _, _ = files.partition(". ")
    assert re.findall(r"`([^`]+)`", needed) == ["dialects/arith.py", "msl/intrinsics.py"]
    monkeypatch.setitem(registry._rules, "math.fourth_root", registry.find_rule("math.sqrt"))
    monkeypatch.setitem(
        intrinsics.INTRINSICS, "math.fourth_root", intrinsics.template("precise::sqrt(precise::sqrt({0}))")
    )
    kernel = compile_module(parse(MODULE), target_for(family), num_warps=4)
    assert "precise::sqrt(precise::sqrt(" in kernel.source
    x = np.random.default_rng(0).uniform(0, 100, COUNT).astype(np.float32)
    y = np.zeros_like(x)
    Library(kernel.source, "fast")["k"].launch([x, y], (1, 1, 1), kernel.threads)
    np.testing.assert_allclose(y, np.sqrt(np.sqrt(x.astype(np.float64))), rtol=1e-6)


def test_the_row_that_the_op_borrows_is_that_of_its_table():
    assert any("sqrt" in names.split() for names in arith.MATH)
